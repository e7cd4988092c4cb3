//! A service instance that panicked alone is made anew within its budget: proxies go on, what waited runs on the new one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use duologue::prelude::*;
use duologue::{Factory, OpenError, Ran, Restart};
use duologue_tests::events::{Gate, Tell, events};
use duologue_tests::nodes::{begin_all, dial, listen, pair, pair_of, run, small};

#[service]
trait Till {
    async fn boom(&mut self);
    async fn pay(&mut self, amount: u32) -> u32;
    /// Which instance answers, by its own count and by the caller's context.
    fn which(&self) -> (u32, u32);
    fn guests(&self) -> u32;
    async fn calls_back(&mut self, f: Callback<fn() -> bool>);
}

struct Drawer {
    number: u32,
    gate: Gate,
    total: u32,
    guests: u32,
    tell: Tell<String>,
}

#[service]
impl Till for Drawer {
    async fn boom(&mut self) {
        self.gate.pass().await;
        panic!("jammed")
    }

    async fn pay(&mut self, amount: u32) -> u32 {
        self.total += amount;
        self.total
    }

    fn which(&self, caller: &Caller) -> (u32, u32) {
        (self.number, caller.incarnation())
    }

    fn guests(&self) -> u32 {
        self.guests
    }

    async fn calls_back(&mut self, f: Callback<fn() -> bool>) {
        assert!(!f.call().await.unwrap_or_default(), "told to");
    }

    fn on_connect(&mut self, connection: &Connection) {
        self.guests += 1;
        self.tell.tell(format!("{} on {}", connection.peer(), self.number));
    }

    fn on_disconnect(&mut self, _: &Connection) {
        self.guests -= 1;
    }
}

/// Drawers with their numbers, from 0, behind one gate.
fn drawers(gate: &Gate, tell: &Tell<String>) -> impl Fn() -> Drawer + Send + Sync + 'static {
    let (gate, tell, made) = (gate.clone(), tell.clone(), AtomicU32::new(0));
    move || Drawer {
        number: made.fetch_add(1, Ordering::Relaxed),
        gate: gate.clone(),
        total: 0,
        guests: 0,
        tell: tell.clone(),
    }
}

fn open() -> Gate {
    let gate = Gate::new();
    gate.open();
    gate
}

fn jammed<T>() -> Result<T, CallError> {
    Err(CallError::Panicked("jammed".into()))
}

#[test]
fn what_waited_behind_a_panic_runs_on_the_new_instance_in_its_order() {
    run(async {
        let ((tell, _heard), gate) = (events(), Gate::new());
        let pair = pair(drawers(&gate, &tell)).await;
        let till: TillProxy = pair.root().await;
        assert_eq!(till.pay(5).await, Ok(5));
        assert_eq!(till.which().await, Ok((0, 0)));
        let mut boom = begin_all([till.boom()]).await;
        let paid = begin_all([till.pay(1), till.pay(10), till.pay(100)]).await;
        let which = begin_all([till.which()]).await;
        pair.running(5).await;
        gate.open();
        assert_eq!(boom.remove(0).await, jammed());
        let mut totals = Vec::new();
        for call in paid {
            totals.push(call.await);
        }
        assert_eq!(
            totals,
            [Ok(1), Ok(11), Ok(111)],
            "its state begins anew, and nothing is lost or overtaken"
        );
        for call in which {
            assert_eq!(call.await, Ok((1, 1)));
        }
        drop(till);
        pair.at_rest().await;
    });
}

#[test]
fn a_shared_instance_is_made_anew_for_all_who_use_it_and_meets_their_connections_first() {
    run(async {
        let ((tell, mut heard), gate) = (events(), open());
        let server = listen(small().serve_shared(drawers(&gate, &tell))).await;
        let (alice, bob) = (small().start().await.unwrap(), small().start().await.unwrap());
        let (one, two) = (dial(&alice, &server).await, dial(&bob, &server).await);
        let (hers, his): (TillProxy, TillProxy) = (one.root().await.unwrap(), two.root().await.unwrap());
        assert_eq!(his.guests().await, Ok(2));
        assert_eq!(heard.take(2).await, [format!("{} on 0", alice.id()), format!("{} on 0", bob.id())]);
        assert_eq!(his.boom().await, jammed());
        assert_eq!(hers.which().await, Ok((1, 1)));
        assert_eq!(hers.guests().await, Ok(2), "it knows both");
        assert_eq!(heard.take(2).await, [format!("{} on 1", alice.id()), format!("{} on 1", bob.id())]);
        two.close().await;
        server.until(|stats| stats.connections == 1).await;
        assert_eq!(hers.guests().await, Ok(1));
        assert_eq!(hers.boom().await, jammed());
        assert_eq!(hers.guests().await, Ok(1), "who has left is not met again");
        assert_eq!(heard.next().await, format!("{} on 2", alice.id()));
    });
}

/// The policy of a test that is not to wait.
fn hasty(max: u32) -> Restart {
    let mut restart = Restart::default();
    restart.max = max;
    restart.delay = Duration::from_millis(1);
    restart
}

async fn gone_after<T>(factory: impl Factory<T>, restart: Restart, panics: usize) -> CallError {
    let pair = pair_of(small().serve(factory).restart(restart), small()).await;
    let till: TillProxy = match pair.connection.root().await {
        Ok(till) => till,
        // It was over before it could be opened.
        Err(OpenError::Call(error)) => return error,
        Err(other) => panic!("{other}"),
    };
    for _ in 0..panics {
        assert_eq!(till.boom().await, jammed());
    }
    let error = till.which().await.unwrap_err();
    till.closed().await;
    pair.connection.ping().await.expect("the connection lives on");
    error
}

#[test]
fn a_storm_of_panics_ends_the_service_and_says_why() {
    run(async {
        let ((tell, _heard), gate) = (events(), open());
        let error = gone_after(drawers(&gate, &tell), hasty(3), 4).await;
        let reason = "Till::boom panicked: jammed (restarted 3 times within 60s, which is its limit)";
        assert_eq!(error, CallError::Gone { ran: Ran::Never, reason: reason.into() });
        let error = gone_after(drawers(&gate, &tell), Restart::never(), 1).await;
        let reason = "Till::boom panicked: jammed";
        assert_eq!(error, CallError::Gone { ran: Ran::Never, reason: reason.into() });
    });
}

#[test]
fn a_factory_that_fails_is_asked_again_and_ends_the_service_when_the_budget_is_spent() {
    run(async {
        let ((tell, _heard), gate) = (events(), open());
        let asked = Arc::new(AtomicU32::new(0));
        // Its first instance is fine, the next two fail.
        let (make, count) = (drawers(&gate, &tell), asked.clone());
        let flaky = move || {
            let n = count.fetch_add(1, Ordering::Relaxed);
            assert!(n == 0 || n > 2, "out of drawers");
            make()
        };
        let pair = pair_of(small().serve(flaky).restart(hasty(3)), small()).await;
        let till: TillProxy = pair.root().await;
        assert_eq!(till.boom().await, jammed());
        assert_eq!(till.which().await, Ok((1, 1)), "it waited for the third try");
        assert_eq!(asked.load(Ordering::Relaxed), 4);

        let (make, first) = (drawers(&gate, &tell), AtomicU32::new(0));
        let broken = move || {
            assert!(first.fetch_add(1, Ordering::Relaxed) == 0, "out of drawers");
            make()
        };
        let error = gone_after(broken, hasty(3), 1).await;
        let reason =
            "its factory panicked: out of drawers (restarted 3 times within 60s, which is its limit)";
        assert_eq!(error, CallError::Gone { ran: Ran::Never, reason: reason.into() });
    });
}

#[test]
fn a_hook_that_panics_on_every_instance_ends_the_service() {
    struct Rude(Arc<AtomicU32>);
    #[service]
    impl Till for Rude {
        async fn boom(&mut self) {}
        async fn pay(&mut self, amount: u32) -> u32 {
            amount
        }
        fn which(&self) -> (u32, u32) {
            (0, 0)
        }
        fn guests(&self) -> u32 {
            0
        }
        async fn calls_back(&mut self, _: Callback<fn() -> bool>) {}
        fn on_connect(&mut self, _: &Connection) {
            self.0.fetch_add(1, Ordering::Relaxed);
            panic!("go away")
        }
    }
    run(async {
        let met = Arc::new(AtomicU32::new(0));
        let count = met.clone();
        let error = gone_after(move || Rude(count.clone()), hasty(2), 0).await;
        let reason = "its on_connect panicked: go away (restarted 2 times within 60s, which is its limit)";
        assert_eq!(error, CallError::Gone { ran: Ran::Never, reason: reason.into() });
        assert_eq!(met.load(Ordering::Relaxed), 3, "once, and on two new instances");
    });
}

#[test]
fn who_waits_for_a_restart_is_bounded_by_the_deadline_and_by_the_death_of_the_service() {
    run(async {
        let ((tell, _heard), gate) = (events(), open());
        let mut slow = Restart::default();
        slow.delay = Duration::from_secs(3_600);
        slow.delay_max = slow.delay;
        let pair = pair_of(small().serve(drawers(&gate, &tell)).restart(slow), small()).await;
        let till: TillProxy = pair.root().await;
        assert_eq!(till.boom().await, jammed());
        assert_eq!(till.boom().await, jammed(), "the first restart is at once");
        let began = Instant::now();
        let error = till.pay(1).timeout(Duration::from_millis(50)).await.unwrap_err();
        assert!(matches!(error, CallError::Deadline { .. }), "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(10));
        let waiting = begin_all([till.pay(1)]).await;
        pair.running(1).await;
        pair.connection.close().await;
        for call in waiting {
            assert!(matches!(call.await, Err(CallError::Disconnected { ran: Ran::Unknown, .. })));
        }
    });
}

#[test]
fn a_panic_while_a_callback_is_awaited_restarts_as_well() {
    run(async {
        let ((tell, _heard), gate) = (events(), open());
        let pair = pair(drawers(&gate, &tell)).await;
        let till: TillProxy = pair.root().await;
        assert_eq!(till.calls_back(|| true).await, Err(CallError::Panicked("told to".into())));
        assert_eq!(till.which().await, Ok((1, 1)));
        assert_eq!(till.calls_back(|| false).await, Ok(()));
        drop(till);
        pair.at_rest().await;
    });
}

#[test]
fn a_named_service_has_a_policy_of_its_own_and_an_object_by_reference_has_none() {
    run(async {
        let ((tell, _heard), gate) = (events(), open());
        let server = small()
            .restart(Restart::never())
            .service("Plain", drawers(&gate, &tell))
            .service("Tough", drawers(&gate, &tell))
            .restart(hasty(9));
        let pair = pair_of(server, small()).await;
        let plain: TillProxy = pair.connection.service("plain").await.unwrap();
        let tough: TillProxy = pair.connection.service("tough").await.unwrap();
        let hosted: TillProxy = pair.client.host(drawers(&gate, &tell));
        for till in [&plain, &tough, &hosted] {
            assert_eq!(till.boom().await, jammed());
        }
        assert!(matches!(plain.which().await, Err(CallError::Gone { .. })));
        assert_eq!(tough.which().await, Ok((1, 1)));
        assert!(matches!(hosted.which().await, Err(CallError::Gone { .. })));
    });
}

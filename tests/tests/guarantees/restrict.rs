//! A restricted proxy can do what it was granted and nothing else, and is in all other things the object it stands for.

use std::time::Duration;

use duologue::prelude::*;
use duologue::{Closed, Ran, Restriction, testing};
use duologue_tests::events::{Gate, Heard, Tell, events};
use duologue_tests::nodes::{Pair, begin, begin_all, dial, is_at_rest, listen, pair, run, settles, small};

#[service]
trait Account {
    fn balance(&self) -> i64;
    fn deposit(&mut self, amount: i64) -> i64;
    /// Tells its number and waits for the gate.
    async fn wait(&self, number: u32) -> u32;
    /// The same alone.
    async fn wait_alone(&mut self, number: u32) -> u32;
    /// How long it may take.
    fn left(&self, caller: &Caller) -> Duration;
    /// Asks whom it is given for the balance, while it has the account for itself.
    async fn ask(&mut self, whom: AccountProxy) -> Result<i64, CallError>;
    fn echo(&self, other: AccountProxy) -> AccountProxy;
    async fn tick(&self, tick: Callback<fn(u32) -> u32>) -> Result<u32, CallError>;
}

struct Ledger {
    total: i64,
    tell: Tell<String>,
    gate: Gate,
}

#[service]
impl Account for Ledger {
    fn balance(&self) -> i64 {
        self.total
    }

    fn deposit(&mut self, amount: i64) -> i64 {
        self.total += amount;
        self.total
    }

    async fn wait(&self, number: u32) -> u32 {
        self.tell.tell(format!("{number}"));
        let _stopped = self.tell.on_drop(format!("{number} ends"));
        self.gate.pass().await;
        number
    }

    async fn wait_alone(&mut self, number: u32) -> u32 {
        self.tell.tell(format!("{number} alone"));
        self.gate.pass().await;
        self.total += 1;
        number
    }

    fn left(&self, caller: &Caller) -> Duration {
        let deadline = caller.deadline().expect("within a method");
        deadline - tokio::time::Instant::now()
    }

    async fn ask(&mut self, whom: AccountProxy) -> Result<i64, CallError> {
        whom.balance().await
    }

    fn echo(&self, other: AccountProxy) -> AccountProxy {
        other
    }

    async fn tick(&self, tick: Callback<fn(u32) -> u32>) -> Result<u32, CallError> {
        tick.call(1).await
    }
}

struct Bank {
    pair: Pair,
    /// The server's account, as the client sees it.
    account: AccountProxy,
    heard: Heard<String>,
    gate: Gate,
}

async fn bank() -> Bank {
    let ((tell, heard), gate) = (events(), Gate::new());
    let held = gate.clone();
    let pair = pair(move || Ledger { total: 10, tell: tell.clone(), gate: held.clone() }).await;
    let account = pair.root().await;
    Bank { pair, account, heard, gate }
}

/// An account of the client, and what is told there.
fn own(pair: &Pair) -> (AccountProxy, Heard<String>, Gate) {
    let ((tell, heard), gate) = (events(), Gate::new());
    let held = gate.clone();
    (pair.client.host(move || Ledger { total: 5, tell, gate: held }), heard, gate)
}

fn gone<T: std::fmt::Debug>(reason: &str) -> Result<T, CallError> {
    Err(CallError::Gone { ran: Ran::Never, reason: reason.to_owned() })
}

#[test]
fn what_is_not_granted_does_not_exist() {
    run(async {
        let Bank { pair, account, .. } = bank().await;
        let local = own(&pair).0;
        for (account, total) in [(account, 10), (local, 5)] {
            let look = account.restrict(["balance"]);
            assert_ne!(look, account);
            assert_eq!(look.clone(), look);
            assert_eq!(look.balance().await, Ok(total));
            assert_eq!(look.deposit(1).await, Err(CallError::NoSuchMethod("Account::deposit".into())));
            assert_eq!(account.deposit(1).await, Ok(total + 1), "the original has lost nothing");
            // A restriction of it narrows further, and cannot widen.
            let wider = look.restrict(["balance", "deposit"]);
            assert_eq!(wider.balance().await, Ok(total + 1));
            assert_eq!(wider.deposit(1).await, Err(CallError::NoSuchMethod("Account::deposit".into())));
        }
    });
}

#[test]
fn a_restricted_proxy_of_one_connection_may_be_handed_over_on_another() {
    run(async {
        let Bank { pair, account, .. } = bank().await;
        let (tell, gate) = (events().0, Gate::new());
        let ledger = move || Ledger { total: 3, tell: tell.clone(), gate: gate.clone() };
        let third = listen(small().serve(ledger)).await;
        let there: AccountProxy = dial(&pair.client, &third).await.root().await.unwrap();
        let look = account.restrict(["balance"]);
        // The third node asks the client, which asks the server.
        assert_eq!(there.ask(look.clone()).await, Ok(10));
        assert_eq!(there.echo(look.clone()).await, Ok(look));
    });
}

#[test]
#[should_panic(expected = "`Account` has no method `blance` that could be granted")]
fn a_right_that_is_misspelt_is_refused_at_once() {
    run(async {
        let _ = bank().await.account.restrict(["blance"]);
    });
}

#[test]
fn used_up_calls_are_gone_and_the_last_one_runs_to_its_end() {
    run(async {
        let Bank { pair, account, mut heard, gate } = bank().await;
        let (local, mut heard_here, gate_here) = own(&pair);
        for (account, heard, gate) in [(account, &mut heard, gate), (local, &mut heard_here, gate_here)] {
            let twice = account.restrict(Restriction::methods(["wait"]).calls(2));
            assert!(matches!(twice.balance().await, Err(CallError::NoSuchMethod(_))), "it does not count");
            let calls = begin_all([twice.wait(1), twice.wait(2)]).await;
            assert_eq!(heard.next().await, "1");
            assert_eq!(heard.next().await, "2");
            assert_eq!(twice.closed().await, Closed::Gone("its calls are used up".into()));
            assert_eq!(twice.wait(3).await, gone("its calls are used up"));
            gate.open();
            for (call, number) in calls.into_iter().zip(1..) {
                assert_eq!(call.await, Ok(number));
            }
            assert!(account.balance().await.is_ok());
        }
    });
}

#[test]
fn a_restricted_proxy_expires_for_all_who_hold_it() {
    testing::run(1, async |world| {
        let ((tell, mut heard), gate) = (events(), Gate::new());
        let (told, held) = (tell.clone(), gate.clone());
        let far = move || Ledger { total: 10, tell: told.clone(), gate: held.clone() };
        let pair = world.pair().serve(far).await.unwrap();
        let account: AccountProxy = pair.root().await.unwrap();
        let near = Ledger { total: 5, tell, gate: gate.clone() };
        let local: AccountProxy = pair.near.node.host(move || near);
        for account in [account.clone(), local] {
            let brief = account.restrict(Restriction::all().expires_in(Duration::from_millis(100)));
            let mut call = brief.wait(1);
            assert!(begin(&mut call).await.is_pending());
            assert_eq!(heard.next().await, "1");
            assert_eq!(brief.closed().await, Closed::Gone("its time is over".into()));
            assert_eq!(brief.wait(2).await, gone("its time is over"));
            gate.let_one_pass();
            assert_eq!(call.await, Ok(1), "what has begun runs to its end");
            assert_eq!(heard.next().await, "1 ends");
        }
        // The peer is told as well.
        let brief = account.restrict(Restriction::all().expires_in(Duration::from_millis(20)));
        let theirs = account.echo(brief.clone()).await.unwrap();
        assert_eq!(theirs, brief);
        assert_eq!(theirs.closed().await, Closed::Gone("its time is over".into()));
        drop((theirs, brief, account));
        settles(&pair.near.node, is_at_rest).await;
        settles(&pair.far.node, is_at_rest).await;
    });
}

#[test]
fn a_revoked_restriction_leaves_the_original_alone_and_cancels_its_own_calls() {
    run(async {
        let Bank { pair, account, mut heard, gate } = bank().await;
        let (local, mut heard_here, gate_here) = own(&pair);
        for (account, heard, gate) in [(account, &mut heard, gate), (local, &mut heard_here, gate_here)] {
            let look = account.restrict(["wait", "wait_alone"]);
            let mut call = look.wait(1);
            assert!(begin(&mut call).await.is_pending());
            assert_eq!(heard.next().await, "1");
            let mut original = account.wait(2);
            assert!(begin(&mut original).await.is_pending());
            assert_eq!(heard.next().await, "2");
            assert!(look.revoke());
            assert_eq!(heard.next().await, "1 ends");
            assert!(call.await.is_err());
            assert_eq!(look.wait(3).await, gone("it was revoked"));
            gate.open();
            assert_eq!(original.await, Ok(2));
            assert!(account.balance().await.is_ok());
        }
    });
}

#[test]
fn a_revocation_does_not_stop_what_runs_alone_halfway() {
    run(async {
        let Bank { pair: _pair, account, mut heard, gate } = bank().await;
        let look = account.restrict(["wait_alone"]);
        let mut call = look.wait_alone(1);
        assert!(begin(&mut call).await.is_pending());
        assert_eq!(heard.next().await, "1 alone");
        assert!(look.revoke());
        gate.open();
        assert_eq!(account.balance().await, Ok(11), "it ran to its end");
    });
}

#[test]
fn a_restriction_keeps_its_original_alive_and_lets_it_go() {
    run(async {
        let Bank { pair, account, .. } = bank().await;
        let local = own(&pair).0;
        let weak = local.downgrade();
        let look = local.restrict(["balance"]);
        drop(local);
        assert_eq!(look.balance().await, Ok(5));
        drop(look);
        assert_eq!(weak.closed().await, Closed::LetGo);
        let look = account.restrict(["balance"]);
        drop(account);
        assert_eq!(look.balance().await, Ok(10));
        drop(look);
        pair.at_rest().await;
    });
}

#[test]
fn a_restriction_ends_with_its_original() {
    run(async {
        let Bank { pair, account, .. } = bank().await;
        let local = own(&pair).0;
        let (look, far) = (local.restrict(["balance"]), account.restrict(["balance"]));
        assert!(local.revoke());
        assert_eq!(look.closed().await, Closed::Gone("it was revoked".into()));
        assert_eq!(look.balance().await, gone("it was revoked"));
        pair.connection.close().await;
        let reason = "the connection to it has ended: closed by this side";
        assert_eq!(far.closed().await, Closed::Gone(reason.into()));
        assert!(matches!(far.balance().await, Err(CallError::Gone { ran: Ran::Never, .. })));
        assert_eq!(local.restrict(["balance"]).balance().await, gone("it was revoked"));
    });
}

#[test]
fn calls_through_a_restriction_start_in_the_order_made() {
    run(async {
        let Bank { account, mut heard, gate, pair } = bank().await;
        let look = account.restrict(["wait"]);
        let calls = begin_all((0..200).map(|number| look.wait(number))).await;
        for number in 0..200 {
            assert_eq!(heard.next().await, number.to_string());
        }
        gate.open();
        for (call, number) in calls.into_iter().zip(0..) {
            assert_eq!(call.await, Ok(number));
        }
        drop((look, account));
        pair.at_rest().await;
    });
}

#[test]
fn deadlines_and_cancellation_go_through_a_restriction() {
    testing::run(1, async |world| {
        let ((tell, mut heard), gate) = (events(), Gate::new());
        let ledger = move || Ledger { total: 10, tell: tell.clone(), gate: gate.clone() };
        let pair = world.pair().serve(ledger).await.unwrap();
        let account: AccountProxy = pair.root().await.unwrap();
        let look = account.restrict(["wait", "left"]);
        let left = look.left().timeout(Duration::from_secs(5)).await.unwrap();
        assert!(left <= Duration::from_secs(5) && left > Duration::from_secs(2), "{left:?}");
        let error = look.wait(1).timeout(Duration::from_millis(50)).await.unwrap_err();
        assert!(matches!(error, CallError::Deadline { .. }), "{error:?}");
        assert_eq!(heard.next().await, "1");
        assert_eq!(heard.next().await, "1 ends");
        let mut call = look.wait(2);
        assert!(begin(&mut call).await.is_pending());
        assert_eq!(heard.next().await, "2");
        drop(call);
        assert_eq!(heard.next().await, "2 ends");
    });
}

#[test]
fn references_go_through_a_restriction_both_ways() {
    run(async {
        let Bank { pair, account, .. } = bank().await;
        let look = account.restrict(["echo", "tick"]);
        let local = own(&pair).0;
        assert_eq!(look.echo(local.clone()).await, Ok(local.clone()), "home again");
        assert_eq!(look.echo(account.clone()).await, Ok(account.clone()));
        assert_eq!(look.echo(look.clone()).await, Ok(look.clone()), "itself");
        assert_eq!(look.tick(|n: u32| n + 41).await, Ok(42));
        drop((look, local, account));
        pair.at_rest().await;
    });
}

#[test]
fn a_chain_through_a_restriction_that_comes_back_is_refused_at_once() {
    run(async {
        let Bank { pair: _pair, account, .. } = bank().await;
        // The server's account asks the client's restricted proxy of itself while it has itself alone.
        let look = account.restrict(["balance"]);
        let Err(CallError::Nested(text)) = account.ask(look.clone()).await else { panic!("it is refused") };
        assert!(text.starts_with("the call would wait for itself"), "{text}");
        assert_eq!(look.balance().await, Ok(10));
    });
}

#[test]
fn a_callback_may_be_good_for_one_call() {
    run(async {
        let Bank { pair, account, .. } = bank().await;
        let add: Callback<fn(u32) -> u32> = Callback::new(|n: u32| n + 1);
        let once = add.restrict(Restriction::all().calls(1));
        assert_eq!(account.tick(&once).await, Ok(2));
        assert!(account.tick(&once).await.is_err());
        assert_eq!(once.call(1).await, gone("its calls are used up"));
        assert_eq!(add.call(1).await, Ok(2));
        drop((once, add, account));
        pair.at_rest().await;
    });
}

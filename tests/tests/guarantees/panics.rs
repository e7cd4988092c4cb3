//! A failing object hurts only itself: a panic ends its call, at most its object, never the connection.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use duologue::prelude::*;
use duologue::{OpenError, Ran, Restart};
use duologue_tests::events::{Gate, Tell, events};
use duologue_tests::nodes::{begin_all, dial, pair, pair_of, run, small};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[service]
trait Mine {
    async fn boom(&self);
    fn boom_now(&self);
    async fn boom_later(&self);
    async fn boom_alone(&mut self);
    async fn wait(&self) -> u8;
    async fn wait_alone(&mut self) -> u8;
    fn fine(&self) -> u8;
    fn another(&self) -> MineProxy;
    async fn call(&self, f: Callback<fn(u8) -> u8>) -> Result<u8, CallError>;
    fn give(&self) -> Bad;
    fn take(&self, bad: Bad) -> u8;
}

/// Its code panics when it is written, or read.
#[derive(Debug, Default)]
struct Bad {
    written: bool,
    read: bool,
}

impl Serialize for Bad {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        assert!(!self.written, "written badly");
        self.read.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Bad {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Bad, D::Error> {
        let read = bool::deserialize(d)?;
        assert!(!read, "read badly");
        Ok(Bad::default())
    }
}

#[derive(Clone, Default)]
struct Charge {
    gate: Gate,
    give: (bool, bool),
    _bomb: Option<Arc<Bomb>>,
}

/// Panics when the last one drops it.
struct Bomb(Tell<&'static str>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.tell("dropped");
        panic!("in drop");
    }
}

#[service]
impl Mine for Charge {
    async fn boom(&self) {
        panic!("too early")
    }

    fn boom_now(&self) {
        panic!("at {}", 12)
    }

    async fn boom_later(&self) {
        tokio::task::yield_now().await;
        panic!("too late")
    }

    async fn boom_alone(&mut self) {
        self.gate.pass().await;
        panic!("alone")
    }

    async fn wait(&self) -> u8 {
        self.gate.pass().await;
        1
    }

    async fn wait_alone(&mut self) -> u8 {
        self.gate.pass().await;
        2
    }

    fn fine(&self) -> u8 {
        7
    }

    fn another(&self) -> MineProxy {
        MineProxy::local(self.clone())
    }

    async fn call(&self, f: Callback<fn(u8) -> u8>) -> Result<u8, CallError> {
        f.call(1).await
    }

    fn give(&self) -> Bad {
        let (written, read) = self.give;
        Bad { written, read }
    }

    fn take(&self, _: Bad) -> u8 {
        8
    }
}

fn panicked<T>(text: &str) -> Result<T, CallError> {
    Err(CallError::Panicked(text.into()))
}

#[test]
fn a_panic_ends_its_own_call_and_nothing_else() {
    run(async {
        let (charge, hosted) = (Charge::default(), Charge::default());
        let gate = charge.gate.clone();
        let pair = pair(move || charge.clone()).await;
        let mine: MineProxy = pair.root().await;
        let mut beside = begin_all([mine.wait()]).await;
        let local: MineProxy = pair.client.host(move || hosted);
        for mine in [&mine, &local] {
            assert_eq!(mine.boom().await, panicked("too early"));
            assert_eq!(mine.boom_now().await, panicked("at 12"));
            assert_eq!(mine.boom_later().await, panicked("too late"));
            assert_eq!(mine.boom().await.unwrap_err().ran(), Ran::Yes);
            assert_eq!(mine.fine().await, Ok(7));
        }
        gate.open();
        assert_eq!(beside.remove(0).await, Ok(1), "a call beside it goes on");
    });
}

#[test]
fn an_object_that_panicked_alone_is_gone_and_the_others_live_on() {
    run(async {
        let charge = Charge::default();
        let gate = charge.gate.clone();
        let pair = pair(move || charge.clone()).await;
        let root: MineProxy = pair.root().await;
        let (one, two) = (root.another().await.unwrap(), root.another().await.unwrap());
        let calls = begin_all([one.boom_alone()]).await;
        let behind = begin_all([one.wait(), one.wait_alone()]).await;
        pair.running(3).await;
        gate.open();
        for call in calls {
            assert_eq!(call.await, panicked("alone"));
        }
        let reason = "Mine::boom_alone panicked: alone".to_owned();
        let gone = CallError::Gone { ran: Ran::Never, reason };
        for call in behind {
            assert_eq!(call.await, Err(gone.clone()), "what waited behind it never ran");
        }
        one.closed().await;
        assert_eq!(one.fine().await, Err(gone));
        assert_eq!(two.fine().await, Ok(7));
        assert_eq!(root.fine().await, Ok(7));
        drop((one, two, root));
        pair.at_rest().await;
    });
}

#[test]
fn what_runs_on_an_object_that_is_revoked_is_stopped() {
    run(async {
        let charge = Charge::default();
        let hosted = charge.clone();
        let pair = pair(move || charge.clone()).await;
        let root: MineProxy = pair.root().await;
        let own: MineProxy = pair.client.host(move || hosted);
        let (tell, mut heard) = events();
        let call = own.wait();
        let running = tokio::spawn(async move {
            tell.tell("made");
            call.await
        });
        assert_eq!(heard.next().await, "made");
        assert_eq!(own.fine().await, Ok(7));
        assert!(own.revoke());
        assert!(!root.revoke(), "what is a peer's is not ours to revoke");
        own.closed().await;
        let gone = |ran| CallError::Gone { ran, reason: "it was revoked".into() };
        assert_eq!(running.await.unwrap(), Err(gone(Ran::Yes)));
        assert_eq!(own.fine().await, Err(gone(Ran::Never)));
        assert_eq!(root.fine().await, Ok(7));
    });
}

#[test]
fn a_shared_instance_that_is_gone_is_made_anew_for_the_next_connection() {
    run(async {
        let charge = Charge::default();
        charge.gate.open();
        let pair =
            pair_of(small().serve_shared(move || charge.clone()).restart(Restart::never()), small()).await;
        let mine: MineProxy = pair.root().await;
        assert_eq!(mine.boom_alone().await, panicked("alone"));
        assert!(matches!(mine.fine().await, Err(CallError::Gone { ran: Ran::Never, .. })));
        pair.connection.ping().await.unwrap();
        let later = dial(&pair.client, &pair.server).await;
        assert_eq!(later.root::<MineProxy>().await.unwrap().fine().await, Ok(7));
    });
}

#[test]
fn a_factory_that_panics_leaves_the_other_services_alone() {
    run(async {
        fn fails() -> Charge {
            panic!("no material")
        }
        let server = small().serve(fails).service("Good", Charge::default);
        let pair = pair_of(server, small()).await;
        let good: MineProxy = pair.connection.service("Good").await.unwrap();
        assert_eq!(good.fine().await, Ok(7));
        let error = match pair.connection.root::<MineProxy>().await {
            Ok(root) => root.fine().await.unwrap_err(),
            Err(OpenError::Call(error)) => error,
            Err(other) => panic!("{other}"),
        };
        let reason = "its factory panicked: no material";
        assert_eq!(error, CallError::Gone { ran: Ran::Never, reason: reason.into() });
        assert_eq!(good.fine().await, Ok(7));
    });
}

#[service]
trait Greeter {
    fn fine(&self) -> u8;
}

struct Rude;

#[service]
impl Greeter for Rude {
    fn fine(&self) -> u8 {
        7
    }

    fn on_connect(&mut self, _: &Connection) {
        panic!("go away")
    }
}

struct Sulky;

#[service]
impl Greeter for Sulky {
    fn fine(&self) -> u8 {
        9
    }

    fn on_disconnect(&mut self, _: &Connection) {
        panic!("at last")
    }
}

#[test]
fn a_hook_that_panics_ends_its_service_and_not_the_connection() {
    run(async {
        let pair =
            pair_of(small().restart(Restart::never()).serve(|| Rude).service("Other", || Sulky), small())
                .await;
        let error = match pair.connection.root::<GreeterProxy>().await {
            Ok(rude) => rude.fine().await.unwrap_err(),
            Err(OpenError::Call(error)) => error,
            Err(other) => panic!("{other}"),
        };
        assert!(matches!(&error, CallError::Gone { ran: Ran::Never, .. }), "{error:?}");
        let sulky: GreeterProxy = pair.connection.service("Other").await.unwrap();
        assert_eq!(sulky.fine().await, Ok(9));
        pair.connection.close().await;
        pair.server.until(|stats| stats.connections == 0).await;
        let again = dial(&pair.client, &pair.server).await;
        assert_eq!(again.service::<GreeterProxy>("other").await.unwrap().fine().await, Ok(9));
    });
}

#[test]
fn a_drop_that_panics_hurts_nobody() {
    run(async {
        let (tell, mut heard) = events();
        let pair = pair(Charge::default).await;
        let root: MineProxy = pair.root().await;
        let charge = Charge { _bomb: Some(Arc::new(Bomb(tell))), ..Charge::default() };
        let own: MineProxy = pair.client.host(move || charge);
        assert_eq!(own.fine().await, Ok(7));
        drop(own);
        assert_eq!(heard.next().await, "dropped");
        assert_eq!(root.fine().await, Ok(7));
        let another: MineProxy = pair.client.host(Charge::default);
        assert_eq!(another.fine().await, Ok(7));
    });
}

#[test]
fn a_result_that_cannot_be_written_fails_its_own_call() {
    run(async {
        let charge = Charge { give: (true, false), ..Charge::default() };
        let pair = pair(move || charge.clone()).await;
        let mine: MineProxy = pair.root().await;
        let error = mine.give().await.unwrap_err();
        assert!(matches!(error, CallError::Panicked(_)), "{error:?}");
        assert_eq!(mine.fine().await, Ok(7));
        pair.running(0).await;
    });
}

#[test]
fn arguments_that_cannot_be_read_fail_their_own_call() {
    run(async {
        let pair = pair(Charge::default).await;
        let mine: MineProxy = pair.root().await;
        let error = mine.take(Bad { read: true, written: false }).await.unwrap_err();
        assert_eq!(error, CallError::BadArguments("read badly".into()));
        assert!(error.never_ran());
        assert_eq!(mine.take(Bad::default()).await, Ok(8));
    });
}

#[test]
fn what_panics_in_the_callers_own_types_panics_at_the_caller_and_leaves_the_connection_usable() {
    run(async {
        let charge = Charge { give: (false, true), ..Charge::default() };
        let pair = pair(move || charge.clone()).await;
        let mine: MineProxy = pair.root().await;
        let written = catch_unwind(AssertUnwindSafe(|| mine.take(Bad { written: true, read: false })));
        assert!(written.is_err(), "arguments are written where the call is made");
        let call = mine.give();
        assert!(tokio::spawn(call).await.unwrap_err().is_panic(), "a result is read where it is awaited");
        assert_eq!(mine.fine().await, Ok(7));
        // The table of references of the broken call is not in the way of the next one.
        assert_eq!(mine.call(|n: u8| n + 1).await, Ok(2));
    });
}

#[test]
fn the_panic_of_a_callback_is_an_error_in_the_handler_that_called_it() {
    run(async {
        let pair = pair(Charge::default).await;
        let mine: MineProxy = pair.root().await;
        let error = mine.call(|_: u8| panic!("not me")).await.unwrap_err();
        assert_eq!(error, CallError::Nested("the handler panicked: not me".into()));
        assert_eq!(mine.call(|n: u8| n).await, Ok(1));
    });
}

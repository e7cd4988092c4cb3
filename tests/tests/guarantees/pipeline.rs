//! Calls through a result that has not arrived: in order, once, and only if the result is there to be called.

use std::collections::HashSet;
use std::time::Duration;

use duologue::Ran;
use duologue::prelude::*;
use duologue_tests::events::{Gate, Heard, Tell, events};
use duologue_tests::nodes::{begin, pair, run};

#[service]
trait Bank {
    async fn open(&self, name: &str) -> Result<AccountProxy, String>;
    /// What it was given.
    fn same(&self, account: AccountProxy) -> AccountProxy;
    fn panic(&self) -> AccountProxy;
    fn two(&self) -> Vec<AccountProxy>;
}

#[service]
trait Account {
    fn put(&self, amount: u64) -> u64;
    async fn child(&self, name: &str) -> AccountProxy;
    fn name(&self) -> String;
    async fn hold(&self);
}

#[derive(Clone)]
struct Hall {
    tell: Tell<String>,
    gate: Gate,
}

struct Book {
    name: String,
    hall: Hall,
}

impl Drop for Book {
    fn drop(&mut self) {
        self.hall.tell.tell(format!("closed {}", self.name));
    }
}

impl Hall {
    fn account(&self, name: &str) -> AccountProxy {
        AccountProxy::local(Book { name: name.into(), hall: self.clone() })
    }
}

#[service]
impl Bank for Hall {
    async fn open(&self, name: &str) -> Result<AccountProxy, String> {
        self.tell.tell(format!("open {name}"));
        self.gate.pass().await;
        if name == "nobody" { Err("no such account".into()) } else { Ok(self.account(name)) }
    }

    fn same(&self, account: AccountProxy) -> AccountProxy {
        account
    }

    fn panic(&self) -> AccountProxy {
        panic!("as the test wants")
    }

    fn two(&self) -> Vec<AccountProxy> {
        vec![self.account("a"), self.account("b")]
    }
}

#[service]
impl Account for Book {
    fn put(&self, amount: u64) -> u64 {
        self.hall.tell.tell(format!("{} {amount}", self.name));
        amount + 1
    }

    async fn child(&self, name: &str) -> AccountProxy {
        self.hall.gate.pass().await;
        self.hall.account(&format!("{}/{name}", self.name))
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    async fn hold(&self) {
        self.hall.tell.tell("hold".into());
        self.hall.gate.pass().await;
    }
}

fn hall() -> (Hall, Heard<String>, Gate) {
    let ((tell, heard), gate) = (events(), Gate::new());
    (Hall { tell, gate: gate.clone() }, heard, gate)
}

#[test]
fn calls_through_a_promise_wait_for_it_and_run_in_order() {
    run(async {
        let (hall, mut heard, gate) = hall();
        let hosted = hall.clone();
        let pair = pair(move || hall.clone()).await;
        let local: BankProxy = pair.client.host(move || hosted);
        for bank in [pair.root::<BankProxy>().await, local] {
            let account = bank.open("alice").pipelined();
            let calls: Vec<_> = (0..20).map(|n| account.put(n).start()).collect();
            account.put(20).notify().await.unwrap();
            assert_eq!(heard.next().await, "open alice");
            gate.let_one_pass();
            for (n, call) in (0..).zip(calls) {
                assert_eq!(call.await, Ok(n + 1));
            }
            assert_eq!(account.put(21).await, Ok(22));
            let settled = account.await.unwrap();
            assert_eq!(settled.put(22).await, Ok(23));
            let told: Vec<_> = (0..=22).map(|n| format!("alice {n}")).collect();
            assert_eq!(heard.take(23).await, told);
            drop(settled);
            assert_eq!(heard.next().await, "closed alice");
        }
        pair.at_rest().await;
    });
}

#[test]
fn promises_of_promises_go_as_deep_as_one_likes() {
    run(async {
        let (hall, _heard, gate) = hall();
        let hosted = hall.clone();
        let pair = pair(move || hall.clone()).await;
        let local: BankProxy = pair.client.host(move || hosted);
        gate.open();
        for bank in [pair.root::<BankProxy>().await, local] {
            let account = bank.open("a").pipelined();
            let deep = account.child("b").pipelined().child("c").pipelined().child("d").pipelined();
            assert_eq!(deep.name().await, Ok("a/b/c/d".into()));
            assert_eq!(bank.open("x").pipelined().child("y").pipelined().name().await, Ok("x/y".into()));
            assert_eq!(deep.await.unwrap().name().await, Ok("a/b/c/d".into()));
        }
        pair.at_rest().await;
    });
}

#[test]
fn a_promise_that_is_broken_breaks_the_calls_on_it() {
    run(async {
        let (hall, mut heard, gate) = hall();
        let hosted = hall.clone();
        let pair = pair(move || hall.clone()).await;
        let local: BankProxy = pair.client.host(move || hosted);
        for bank in [pair.root::<BankProxy>().await, local] {
            let account = bank.open("nobody").pipelined();
            let early = account.child("b").pipelined();
            let deep = early.put(1).start();
            assert_eq!(heard.next().await, "open nobody");
            gate.let_one_pass();
            let error = deep.await.unwrap_err();
            assert!(matches!(&error, CallError::BrokenPromise(_)) && error.never_ran(), "{error:?}");
            assert!(error.to_string().contains("no such account"), "{error}");
            let error = account.put(2).await.unwrap_err();
            assert_eq!(error, CallError::BrokenPromise("no such account".into()));
            assert_eq!(account.await, Err(CallError::App("no such account".into())));
            let error = bank.panic().pipelined().name().await.unwrap_err();
            assert!(
                matches!(&error, CallError::BrokenPromise(why) if why.contains("as the test wants")),
                "{error:?}"
            );
        }
        assert_eq!(heard.so_far(), [""; 0]);
        pair.at_rest().await;
    });
}

#[test]
fn what_could_not_be_sent_promises_nothing() {
    run(async {
        let (hall, ..) = hall();
        let pair = pair(move || hall.clone()).await;
        let bank: BankProxy = pair.root().await;
        pair.connection.close().await;
        let account = bank.open("a").pipelined();
        let error = account.name().await.unwrap_err();
        assert!(matches!(error, CallError::BrokenPromise(_)) && error.never_ran(), "{error:?}");
        let error = account.await.unwrap_err();
        assert!(matches!(error, CallError::Disconnected { ran: Ran::Never, .. }), "{error:?}");
    });
}

#[test]
fn a_promise_that_is_dropped_cancels_unless_calls_are_under_way() {
    run(async {
        let (hall, mut heard, gate) = hall();
        let pair = pair(move || hall.clone()).await;
        let bank: BankProxy = pair.root().await;
        let account = bank.open("alice").pipelined();
        assert_eq!(heard.next().await, "open alice");
        drop(account);
        pair.running(0).await;
        let put = bank.open("bob").pipelined().put(5).start();
        assert_eq!(heard.next().await, "open bob");
        pair.running(2).await;
        gate.let_one_pass();
        assert_eq!(put.await, Ok(6));
        assert_eq!(heard.take(2).await, ["bob 5", "closed bob"]);
        let account = bank.open("carol").pipelined();
        let mut put = account.put(7).start();
        assert_eq!(heard.next().await, "open carol");
        pair.running(2).await;
        assert!(!put.ready());
        drop((account, put));
        pair.running(0).await;
        drop(bank);
        pair.at_rest().await;
        assert_eq!(heard.so_far(), [""; 0]);
    });
}

#[test]
fn a_promise_takes_sixty_four_calls_and_lets_the_others_wait() {
    run(async {
        let (hall, mut heard, gate) = hall();
        let pair = pair(move || hall.clone()).await;
        let bank: BankProxy = pair.root().await;
        let account = bank.open("alice").pipelined();
        let calls: Vec<_> = (0..200).map(|_| account.hold().start()).collect();
        assert_eq!(heard.next().await, "open alice");
        // Half of the places are kept for nested calls.
        pair.running(1 + 32).await;
        gate.open();
        for call in calls {
            assert_eq!(call.await, Ok(()));
        }
        assert_eq!(heard.take(200).await.len(), 200);
    });
}

#[test]
fn a_dropped_call_on_a_promise_never_runs() {
    run(async {
        let (hall, mut heard, gate) = hall();
        let pair = pair(move || hall.clone()).await;
        let bank: BankProxy = pair.root().await;
        let account = bank.open("alice").pipelined();
        let first = account.put(1).start();
        let second = account.put(2).start();
        pair.running(3).await;
        drop(first);
        pair.running(2).await;
        gate.open();
        assert_eq!(second.await, Ok(3));
        assert_eq!(heard.take(2).await, ["open alice", "alice 2"]);
        let account = bank.open("bob").pipelined();
        let late = account.put(3).timeout(Duration::ZERO).await.unwrap_err();
        assert!(late.never_ran(), "{late:?}");
    });
}

#[test]
fn a_promise_is_a_handle_of_its_own() {
    run(async {
        let (hall, _heard, gate) = hall();
        let hosted = hall.clone();
        let pair = pair(move || hall.clone()).await;
        let local: BankProxy = pair.client.host(move || hosted);
        gate.open();
        for bank in [pair.root::<BankProxy>().await, local] {
            let account = bank.open("alice").pipelined();
            let clone = AccountProxy::clone(&account);
            assert_eq!(*account, clone);
            assert_ne!(account, bank.open("alice").pipelined());
            let settled = account.await.unwrap();
            assert_ne!(settled, clone);
            assert_eq!(HashSet::from([settled.clone(), clone.clone()]).len(), 2);
            assert_eq!(clone.name().await, Ok("alice".into()), "it goes on");
        }
    });
}

#[test]
fn a_promise_is_not_handed_over() {
    run(async {
        let (hall, _heard, gate) = hall();
        let hosted = hall.clone();
        let pair = pair(move || hall.clone()).await;
        let (bank, local) = (pair.root::<BankProxy>().await, pair.client.host(move || hosted));
        gate.open();
        for promised in [bank.open("a").pipelined(), BankProxy::open(&local, "a").pipelined()] {
            let error = bank.same(promised.clone()).await.unwrap_err();
            let why = "a promised proxy cannot be handed over; await it for one that can";
            assert_eq!(error, CallError::NotSent(why.into()));
            let settled = promised.await.unwrap();
            assert_eq!(bank.same(settled.clone()).await, Ok(settled));
        }
    });
}

#[test]
fn a_local_promise_of_a_remote_object_passes_calls_on() {
    run(async {
        let (hall, mut heard, gate) = hall();
        let pair = pair(move || hall.clone()).await;
        let bank: BankProxy = pair.root().await;
        gate.let_one_pass();
        let theirs = bank.open("theirs").await.unwrap();
        let (relay, hosted) = (Gate::new(), theirs.clone());
        let open = relay.clone();
        let get = Callback::<fn() -> Result<AccountProxy, String>>::new_async(async move || {
            open.pass().await;
            Ok(hosted.clone())
        });
        let promised = get.call().pipelined();
        let (put, hold) = (promised.put(8).start(), promised.hold().start());
        let notice = promised.put(9).notify();
        notice.await.unwrap();
        relay.open();
        assert_eq!(put.await, Ok(9));
        assert_eq!(heard.take(4).await, ["open theirs", "theirs 8", "hold", "theirs 9"]);
        drop(hold);
        pair.running(0).await;
    });
}

#[test]
fn the_end_of_the_connection_ends_a_promise_and_the_calls_on_it() {
    run(async {
        let (hall, mut heard, _gate) = hall();
        let pair = pair(move || hall.clone()).await;
        let bank: BankProxy = pair.root().await;
        let account = bank.open("alice").pipelined();
        let mut put = account.put(1).start();
        assert!(begin(&mut put).await.is_pending());
        assert_eq!(heard.next().await, "open alice");
        pair.connection.close().await;
        assert!(matches!(put.await, Err(CallError::Disconnected { .. })));
        assert!(matches!(account.name().await, Err(CallError::Disconnected { ran: Ran::Never, .. })));
        assert!(matches!(account.await, Err(CallError::Disconnected { .. })));
        pair.server.until(|stats| stats.connections == 0).await;
        assert_eq!(heard.so_far(), [""; 0]);
    });
}

//! Notices: requests that want no answer, in order with the calls of their proxy, paid for, and no link in a chain of calls.

use std::time::Duration;

use duologue::prelude::*;
use duologue::{Config, TraceContext};
use duologue_tests::events::{Gate, Heard, Tell, events};
use duologue_tests::nodes::{begin, pair, pair_of, run, small};

#[service]
trait Log {
    async fn put(&self, line: u32) -> Result<(), String>;
    async fn hold(&self);
    fn count(&self) -> u32;
    /// Ticks, then returns: the ticks are not overtaken by the result.
    async fn work(&self, ticks: u32, tick: Callback<fn(u32)>) -> Result<u32, CallError>;
    /// A notice to `back` from inside a call of an object that it comes back to.
    async fn relay(&mut self, back: Callback<fn()>) -> Result<(), CallError>;
    async fn milliseconds_left(&self, tell: Callback<fn(u64)>);
    fn panic(&self);
}

#[derive(Clone)]
struct Paper {
    tell: Tell<u32>,
    gate: Gate,
}

#[service]
impl Log for Paper {
    async fn put(&self, line: u32) -> Result<(), String> {
        self.tell.tell(line);
        if line == 13 { Err("unlucky".into()) } else { Ok(()) }
    }

    async fn hold(&self) {
        self.gate.pass().await;
    }

    fn count(&self) -> u32 {
        17
    }

    async fn work(&self, ticks: u32, tick: Callback<fn(u32)>) -> Result<u32, CallError> {
        for n in 0..ticks {
            tick.call(n).notify().await?;
        }
        Ok(ticks)
    }

    async fn relay(&mut self, back: Callback<fn()>) -> Result<(), CallError> {
        back.call().notify().await?;
        self.gate.pass().await;
        Ok(())
    }

    async fn milliseconds_left(&self, tell: Callback<fn(u64)>, caller: &Caller) {
        let left = caller.deadline().expect("this is a call") - tokio::time::Instant::now();
        tell.call(left.as_millis() as u64).notify().await.expect("the caller is there");
    }

    fn panic(&self) {
        panic!("as the test wants");
    }
}

fn paper() -> (Paper, Heard<u32>, Gate) {
    let ((tell, heard), gate) = (events(), Gate::new());
    (Paper { tell, gate: gate.clone() }, heard, gate)
}

#[test]
fn notices_arrive_in_order_and_in_line_with_calls() {
    run(async {
        let (paper, mut heard, _) = paper();
        let hosted = paper.clone();
        let pair = pair(move || paper.clone()).await;
        let local: LogProxy = pair.client.host(move || hosted);
        for log in [pair.root::<LogProxy>().await, local] {
            for line in 0..300 {
                if line % 3 == 0 {
                    log.put(line).try_notify().unwrap();
                } else {
                    log.put(line).notify().await.unwrap();
                }
            }
            log.put(300).await.unwrap();
            assert_eq!(heard.so_far(), (0..=300).collect::<Vec<_>>());
        }
        pair.at_rest().await;
    });
}

#[test]
fn a_result_does_not_overtake_the_ticks_before_it() {
    run(async {
        let (paper, ..) = paper();
        let pair = pair(move || paper.clone()).await;
        let log: LogProxy = pair.root().await;
        let (tell, mut heard) = events();
        assert_eq!(log.work(100, move |n: u32| tell.tell(n)).await, Ok(100));
        assert_eq!(heard.so_far(), (0..100).collect::<Vec<_>>());
    });
}

#[test]
fn what_fails_in_a_notice_is_nobodys_error() {
    run(async {
        let (paper, mut heard, _) = paper();
        let pair = pair(move || paper.clone()).await;
        let log: LogProxy = pair.root().await;
        log.put(13).notify().await.unwrap();
        log.panic().notify().await.unwrap();
        assert_eq!(log.count().await, Ok(17));
        assert_eq!(heard.so_far(), [13]);
        drop(log);
        pair.at_rest().await;
    });
}

#[test]
fn a_notice_waits_for_a_permit_and_an_impatient_one_does_not() {
    run(async {
        let (paper, _, gate) = paper();
        let mut config = Config::default();
        // Half of it is kept for nested calls.
        config.object_permits = 4;
        let pair = pair_of(small().config(config).arbiters(1).serve(move || paper.clone()), small()).await;
        let log: LogProxy = pair.root().await;
        log.hold().notify().await.unwrap();
        log.hold().try_notify().unwrap();
        let error = log.hold().try_notify().unwrap_err();
        assert_eq!(error, CallError::Overloaded("no permit is free, and the notice is not to wait".into()));
        assert!(error.never_ran());
        let mut third = log.hold().notify();
        assert!(begin(&mut third).await.is_pending());
        let late = log.hold().timeout(Duration::from_millis(40)).notify().await;
        assert!(late.as_ref().is_err_and(CallError::never_ran), "{late:?}");
        gate.let_one_pass();
        third.await.unwrap();
        gate.open();
        log.count().await.unwrap();
        drop(log);
        pair.at_rest().await;
    });
}

#[test]
fn a_notice_that_is_dropped_while_it_waits_is_never_sent() {
    run(async {
        let (paper, mut heard, gate) = paper();
        let mut config = Config::default();
        config.object_permits = 2;
        let pair = pair_of(small().config(config).arbiters(1).serve(move || paper.clone()), small()).await;
        let log: LogProxy = pair.root().await;
        log.hold().notify().await.unwrap();
        let mut waits = log.put(1).notify();
        assert!(begin(&mut waits).await.is_pending());
        drop((waits, log.put(2).notify()));
        gate.open();
        log.put(3).await.unwrap();
        assert_eq!(heard.so_far(), [3]);
    });
}

#[test]
fn a_notice_is_no_link_in_a_chain_of_calls() {
    run(async {
        let (paper, _, gate) = paper();
        let pair = pair(move || paper.clone()).await;
        let log: LogProxy = pair.root().await;
        let (tell, mut heard) = events();
        let again = log.clone();
        // With the path of `relay`, which holds the turn, the second entry would be refused at once.
        let back = Callback::new_async(async move || tell.tell(again.put(1).await));
        let mut outer = log.relay(back).start();
        pair.running(2).await;
        assert!(!outer.ready());
        gate.open();
        assert_eq!(outer.await, Ok(()));
        assert_eq!(heard.next().await, Ok(()));
    });
}

#[test]
fn a_notice_has_a_deadline_of_its_own() {
    run(async {
        let (paper, ..) = paper();
        let pair = pair(move || paper.clone()).await;
        let log: LogProxy = pair.root().await;
        let (tell, mut heard) = events();
        let left = move |ms: u64| {
            let at = Caller::current().deadline().expect("this is a call");
            tell.tell((ms, (at - tokio::time::Instant::now()).as_millis() as u64));
        };
        log.milliseconds_left(left).timeout(Duration::from_secs(5)).await.unwrap();
        let (of_the_call, of_the_notice) = heard.next().await;
        assert!(of_the_call <= 5_000, "{of_the_call}");
        assert!((20_000..=30_001).contains(&of_the_notice), "{of_the_notice}");
    });
}

#[test]
fn a_notice_to_what_is_gone_is_an_error_once_that_is_known() {
    run(async {
        let (paper, ..) = paper();
        let pair = pair(move || paper.clone()).await;
        let log: LogProxy = pair.root().await;
        pair.connection.close().await;
        let context = TraceContext { trace: 1, parent: 2, flags: 0 };
        for outcome in [log.count().traced(context).notify().await, log.count().try_notify()] {
            assert!(matches!(outcome, Err(CallError::Disconnected { .. })), "{outcome:?}");
        }
    });
}

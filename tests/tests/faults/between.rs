//! Three processes: one hosts, one hands on, this one calls. Whoever dies, both others learn of it, with what is known of the calls
//! under way.

use duologue::prelude::*;
use duologue::{Closed, Ran};
use duologue_tests::nodes::{is_at_rest, run, settles};
use duologue_tests::probe::{ProbingProxy, ShowingProxy};
use duologue_tests::process::Process;

use crate::{attentive, small_of};

const PROGRAM: &str = env!("CARGO_BIN_EXE_fault_peer");

struct Three {
    host: Process,
    between: Process,
    node: Node,
    show: ShowingProxy,
    probe: ProbingProxy,
}

async fn three() -> Three {
    let mut host = Process::start(PROGRAM, &["serve", "127.0.0.1:0"]);
    let address = host.told("listening").await;
    let mut between = Process::start(PROGRAM, &["show", &address]);
    let address = between.told("listening").await;
    let node = small_of(attentive()).start().await.unwrap();
    let show: ShowingProxy = node.connect(address).await.unwrap().root().await.unwrap();
    let probe = show.probe().await.unwrap();
    assert_eq!(probe.add(1, 2).await, Ok(3));
    Three { host, between, node, show, probe }
}

#[test]
fn calls_go_through_a_process_between() {
    run(async {
        let mut three = three().await;
        assert_eq!(three.probe.bytes(100_000).await.unwrap().len(), 100_000);
        let mut count = three.probe.count().await.unwrap();
        for n in 0..1_000 {
            assert_eq!(count.next().await, Some(Ok(n)));
        }
        drop(count);
        let hangs = tokio::spawn(three.probe.hangs());
        assert_eq!(three.host.told("began").await, "");
        hangs.abort();
        assert_eq!(three.host.told("stopped").await, "");
        drop((three.probe, three.show));
        settles(&three.node, is_at_rest).await;
    });
}

#[test]
fn the_process_between_is_killed_during_a_call() {
    run(async {
        let mut three = three().await;
        let hangs = tokio::spawn(three.probe.hangs());
        assert_eq!(three.host.told("began").await, "");
        three.between.kill().await;
        let reason = "nothing was heard of the peer for the idle time".to_owned();
        let error = hangs.await.unwrap().unwrap_err();
        assert_eq!(error, CallError::Disconnected { ran: Ran::Unknown, reason: reason.clone() });
        assert_eq!(three.host.told("stopped").await, "", "nobody waits for it any more");
        assert_eq!(three.probe.closed().await, Closed::Disconnected(reason.clone()));
        assert_eq!(three.probe.add(1, 2).await, Err(CallError::Disconnected { ran: Ran::Never, reason }));
    });
}

#[test]
fn the_process_that_hosts_is_killed_during_a_call_through_another() {
    run(async {
        let mut three = three().await;
        let hangs = tokio::spawn(three.probe.hangs());
        assert_eq!(three.host.told("began").await, "");
        three.host.kill().await;
        let reason = "the connection to it has ended: nothing was heard of the peer for the idle time";
        let error = hangs.await.unwrap().unwrap_err();
        assert_eq!(error, CallError::Gone { ran: Ran::Unknown, reason: reason.into() });
        assert_eq!(three.probe.closed().await, Closed::Gone(reason.into()));
        let error = three.probe.add(1, 2).await.unwrap_err();
        assert_eq!(error, CallError::Gone { ran: Ran::Never, reason: reason.into() });
        // The one between lives, and has nothing to show any more.
        let error = three.show.probe().await.unwrap().add(1, 2).await.unwrap_err();
        assert!(error.never_ran(), "{error:?}");
    });
}

//! How nodes and connections live and end: by a close, by the drop of the last handle, by a shutdown that drains.

use std::time::Duration;

use duologue::prelude::*;
use duologue::{Config, ConnectError, ConnectionStats, Ended, NodeBuilder, NodeError, Ran};
use duologue_tests::events::{Gate, Heard, Tell, events};
use duologue_tests::nodes::{
    Pair, UnderWay, begin_all, dial, listen, own_address, pair, pair_of, run, small,
};

#[service]
trait Desk {
    fn add(&self, a: i64, b: i64) -> i64;
    async fn hold(&self) -> u8;
    async fn around(&self, left: u32) -> Result<u32, CallError>;
    /// The thread on which it runs.
    fn thread(&self) -> String;
}

#[derive(Clone)]
struct Clerk {
    tell: Tell<&'static str>,
    gate: Gate,
    next: Option<DeskProxy>,
}

fn clerk() -> (Clerk, Heard<&'static str>, Gate) {
    let ((tell, heard), gate) = (events(), Gate::new());
    (Clerk { tell, gate: gate.clone(), next: None }, heard, gate)
}

#[service]
impl Desk for Clerk {
    fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    async fn hold(&self) -> u8 {
        let _bell = self.tell.on_drop("ended");
        self.tell.tell("held");
        self.gate.pass().await;
        1
    }

    async fn around(&self, left: u32) -> Result<u32, CallError> {
        match &self.next {
            Some(next) if left > 0 => Ok(next.around(left - 1).await? + 1),
            _ => Ok(0),
        }
    }

    fn thread(&self) -> String {
        format!("{:?}", std::thread::current().id())
    }
}

/// Two nodes and a call that is held at the server, whose port nobody else is given when it is gone.
async fn held_call() -> (Pair, DeskProxy, Vec<UnderWay<duologue::Call<u8>>>, Heard<&'static str>, Gate) {
    let (clerk, mut heard, gate) = clerk();
    let server = small().serve(move || clerk.clone()).bind(own_address()).await.unwrap();
    let client = small().start().await.unwrap();
    let connection = dial(&client, &server).await;
    let pair = Pair { server, client, connection };
    let desk: DeskProxy = pair.root().await;
    let calls = begin_all([desk.hold()]).await;
    assert_eq!(heard.next().await, "held");
    (pair, desk, calls, heard, gate)
}

#[test]
fn a_close_ends_whatever_waits_on_either_side() {
    run(async {
        let (pair, desk, mut calls, mut heard, _gate) = held_call().await;
        let other_side = pair.other_side();
        pair.connection.close_with(7, "enough").await;
        let error = calls.remove(0).await.unwrap_err();
        assert_eq!(
            error,
            CallError::Disconnected { ran: Ran::Unknown, reason: "closed by this side".into() }
        );
        assert_eq!(heard.next().await, "ended");
        assert_eq!(pair.connection.closed().await, Ended::ByUs);
        assert_eq!(other_side.closed().await, Ended::ByPeer { code: 7, reason: "enough".into() });
        assert_eq!(pair.connection.stats(), ConnectionStats::default());
        assert_eq!(other_side.stats(), ConnectionStats::default());
        let error = desk.add(1, 2).await.unwrap_err();
        assert_eq!(error, CallError::Disconnected { ran: Ran::Never, reason: "closed by this side".into() });
        assert!(pair.connection.ping().await.is_err());
        pair.client.until(|stats| stats.connections == 0).await;
        pair.server.until(|stats| stats.connections == 0).await;
    });
}

#[test]
fn at_the_end_of_a_connection_a_call_that_was_not_sent_never_ran() {
    run(async {
        let (clerk, mut heard, _gate) = clerk();
        let mut config = Config::default();
        config.object_permits = 2;
        let pair = pair_of(small().config(config).arbiters(1).serve(move || clerk.clone()), small()).await;
        let desk: DeskProxy = pair.root().await;
        let calls = begin_all([desk.hold(), desk.hold()]).await;
        assert_eq!(heard.next().await, "held");
        pair.both_sides().await.close().await;
        let mut ran = Vec::new();
        for call in calls {
            match call.await {
                Err(CallError::Disconnected { ran: r, reason }) => {
                    assert_eq!(reason, "closed by the peer");
                    ran.push(r);
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(ran, [Ran::Unknown, Ran::Never]);
    });
}

#[test]
fn a_connection_stays_while_its_node_lives_and_ends_with_the_last_handle() {
    run(async {
        let (clerk, ..) = clerk();
        let Pair { server, client, connection } = pair(move || clerk.clone()).await;
        server.until(|stats| stats.connections == 1).await;
        let other_side = server.connections().remove(0);
        drop(connection);
        other_side.ping().await.unwrap();
        assert_eq!(server.stats().connections, 1, "the node is held");
        let connection = client.connections().remove(0);
        drop(client);
        other_side.ping().await.unwrap();
        let desk: DeskProxy = connection.root().await.unwrap();
        drop(connection);
        assert_eq!(desk.add(4, 7).await, Ok(11), "a proxy alone holds the node and the connection");
        drop(desk);
        assert_eq!(other_side.closed().await, Ended::ByPeer { code: 0, reason: String::new() });
        server.until(|stats| stats.connections == 0).await;
    });
}

#[test]
fn a_server_that_is_dropped_says_farewell() {
    run(async {
        let (pair, desk, mut calls, mut heard, _gate) = held_call().await;
        let Pair { server, client, connection } = pair;
        drop(server);
        assert!(matches!(connection.closed().await, Ended::ByPeer { code: 0, .. }));
        let error = calls.remove(0).await.unwrap_err();
        assert!(matches!(error, CallError::Disconnected { ran: Ran::Unknown, .. }), "{error:?}");
        assert_eq!(heard.next().await, "ended");
        assert!(matches!(desk.add(1, 2).await, Err(CallError::Disconnected { ran: Ran::Never, .. })));
        client.until(|stats| stats.connections == 0).await;
    });
}

#[test]
fn a_shutdown_lets_running_calls_end_and_refuses_new_ones() {
    run(async {
        let (pair, desk, mut calls, mut heard, gate) = held_call().await;
        let address = pair.server.local_addr().to_string();
        let server = pair.server.clone();
        let down = tokio::spawn(async move { server.shutdown().await });
        let refused = loop {
            match desk.add(1, 2).await {
                Ok(sum) => assert_eq!(sum, 3),
                Err(error) => break error,
            }
        };
        assert_eq!(refused, CallError::Draining);
        assert!(refused.never_ran());
        assert_eq!(heard.so_far(), [""; 0]);
        assert!(!down.is_finished());
        gate.open();
        assert_eq!(calls.remove(0).await, Ok(1), "what ran may end");
        down.await.unwrap();
        let reason = "the node shuts down".to_owned();
        assert_eq!(pair.connection.closed().await, Ended::ByPeer { code: 0, reason });
        let mut config = Config::default();
        config.transport.connect_timeout = Duration::from_millis(300);
        let late = small().config(config).arbiters(1).start().await.unwrap();
        late.connect(address).await.unwrap_err();
    });
}

#[test]
fn a_shutdown_does_not_wait_for_ever() {
    run(async {
        let (clerk, mut heard, _gate) = clerk();
        let mut config = Config::default();
        config.drain_timeout = Duration::from_millis(50);
        let pair = pair_of(small().config(config).arbiters(1).serve(move || clerk.clone()), small()).await;
        let desk: DeskProxy = pair.root().await;
        let mut calls = begin_all([desk.hold()]).await;
        assert_eq!(heard.next().await, "held");
        pair.server.shutdown().await;
        let error = calls.remove(0).await.unwrap_err();
        assert!(matches!(error, CallError::Disconnected { ran: Ran::Unknown, .. }), "{error:?}");
        assert_eq!(heard.next().await, "ended");
    });
}

#[test]
fn a_node_that_was_shut_down_dials_no_more_and_run_returns() {
    run(async {
        let (clerk, ..) = clerk();
        let server = listen(small().serve(move || clerk.clone())).await;
        let client = small().start().await.unwrap();
        let running = client.clone();
        let run = tokio::spawn(async move { running.run().await });
        let connection = dial(&client, &server).await;
        client.shutdown().await;
        run.await.unwrap();
        assert_eq!(connection.closed().await, Ended::ByUs);
        let error = client.connect(server.local_addr().to_string()).await.unwrap_err();
        assert!(matches!(error, ConnectError::NodeClosed), "{error:?}");
        client.shutdown().await;
        server.until(|stats| stats.connections == 0).await;
    });
}

#[test]
fn ten_nodes_live_in_one_process() {
    run(async {
        let mut nodes: Vec<Node> = Vec::new();
        let mut next: Option<DeskProxy> = None;
        for _ in 0..10 {
            let (mut clerk, ..) = clerk();
            clerk.next = next.take();
            let node = listen(small().serve_shared(move || clerk.clone())).await;
            let before = nodes.last().unwrap_or(&node);
            next = Some(dial(before, &node).await.root().await.unwrap());
            nodes.push(node);
        }
        assert_eq!(next.unwrap().around(100).await, Ok(9), "through all of them");
        let ids: std::collections::HashSet<_> = nodes.iter().map(Node::id).collect();
        assert_eq!(ids.len(), 10);
        for node in nodes {
            node.shutdown().await;
        }
    });
}

#[test]
fn two_connections_between_two_nodes_are_two() {
    run(async {
        let (clerk, ..) = clerk();
        let pair = pair(move || clerk.clone()).await;
        let second = dial(&pair.client, &pair.server).await;
        assert_ne!(pair.connection, second);
        assert_ne!(pair.connection.id(), second.id());
        let (one, two): (DeskProxy, DeskProxy) = (pair.root().await, second.root().await.unwrap());
        assert_ne!(one, two);
        pair.connection.close().await;
        assert_eq!(two.add(1, 2).await, Ok(3));
        assert_eq!(pair.client.stats().connections, 1);
    });
}

#[test]
fn a_node_can_dial_itself() {
    run(async {
        let (clerk, ..) = clerk();
        let node = listen(small().serve(move || clerk.clone())).await;
        let connection = dial(&node, &node).await;
        assert_eq!(connection.peer(), node.id());
        assert_eq!(connection.root::<DeskProxy>().await.unwrap().add(1, 2).await, Ok(3));
    });
}

#[test]
fn calls_are_made_from_any_thread_of_a_plain_multi_threaded_runtime() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(async {
        let test = async {
            let (clerk, ..) = clerk();
            let pair = pair(move || clerk.clone()).await;
            let desk: DeskProxy = pair.root().await;
            let tasks: Vec<_> = (0..64)
                .map(|n| {
                    let desk = desk.clone();
                    tokio::spawn(async move {
                        for m in 0..50 {
                            assert_eq!(desk.add(n, m).await, Ok(n + m));
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            pair.server.shutdown().await;
        };
        tokio::time::timeout(duologue_tests::nodes::PATIENCE, test).await.expect("it ends within its time");
    });
}

#[test]
fn a_node_works_under_an_actix_system() {
    duologue::actix::System::new().block_on(async {
        let test = async {
            let (clerk, ..) = clerk();
            let pair = pair(move || clerk.clone()).await;
            let desk: DeskProxy = pair.root().await;
            assert_eq!(desk.add(4, 7).await, Ok(11));
            let elsewhere = desk.thread().await.unwrap();
            assert_ne!(elsewhere, format!("{:?}", std::thread::current().id()), "it has its own threads");
        };
        tokio::time::timeout(duologue_tests::nodes::PATIENCE, test).await.expect("it ends within its time");
    });
}

#[test]
fn a_node_runs_on_this_thread_if_it_is_asked_to() {
    run(async {
        let local = tokio::task::LocalSet::new();
        let test = async {
            let (clerk, ..) = clerk();
            let hosted = clerk.clone();
            let server =
                Node::builder().on_this_thread().serve(move || clerk.clone()).bind("127.0.0.1:0").await;
            let server = server.unwrap();
            let client = Node::builder().on_this_thread().start().await.unwrap();
            let connection = dial(&client, &server).await;
            let desk: DeskProxy = connection.root().await.unwrap();
            let here = format!("{:?}", std::thread::current().id());
            assert_eq!(desk.thread().await, Ok(here.clone()));
            let hosted: DeskProxy = client.host(move || hosted);
            assert_eq!(hosted.thread().await, Ok(here));
            connection.close().await;
            client.shutdown().await;
            server.shutdown().await;
        };
        local.run_until(test).await;
    });
}

#[test]
fn on_this_thread_needs_a_place_for_tasks_that_are_not_send() {
    run(async {
        let error = Node::builder().on_this_thread().start().await.unwrap_err();
        assert!(matches!(error, NodeError::NoLocalSet), "{error:?}");
        assert_eq!(error.to_string(), "`on_this_thread` needs `#[actix::main]` or a tokio `LocalSet`");
    });
}

#[test]
fn the_shortest_way_to_a_connection_holds_its_own_node() {
    run(async {
        let (clerk, ..) = clerk();
        let server = listen(small().serve(move || clerk.clone())).await;
        let connection = duologue::connect(server.local_addr().to_string()).await.unwrap();
        let desk: DeskProxy = connection.root().await.unwrap();
        drop(connection);
        assert_eq!(desk.add(4, 7).await, Ok(11));
        drop(desk);
        server.until(|stats| stats.connections == 0).await;
    });
}

/// Shuts a node down that has a connection, and binds its port at once, while everything is still held.
async fn shut_down_and_bound_again(builder: impl Fn() -> NodeBuilder) {
    let first = builder().bind(own_address()).await.unwrap();
    let client = small().start().await.unwrap();
    let connection = dial(&client, &first).await;
    let desk: DeskProxy = connection.root().await.unwrap();
    assert_eq!(desk.add(1, 2).await, Ok(3));
    first.until(|stats| stats.connections == 1).await;
    let other_side = first.connections();
    let address = first.local_addr();
    for _ in 0..3 {
        first.shutdown().await;
        let again = builder().bind(address.to_string()).await.expect("the port is free");
        assert_eq!((again.local_addr(), first.local_addr()), (address, address));
        let connection = dial(&client, &again).await;
        connection.ping().await.unwrap();
        again.shutdown().await;
    }
    drop((other_side, desk));
}

#[test]
fn the_port_of_a_node_that_was_shut_down_is_free() {
    run(async {
        let builder = || small().arbiters(2).serve(|| clerk().0);
        shut_down_and_bound_again(builder).await;
    });
}

#[test]
fn the_port_of_a_node_on_its_users_thread_is_free_after_its_shutdown() {
    run(async {
        let local = tokio::task::LocalSet::new();
        let builder = || Node::builder().on_this_thread().serve(|| clerk().0);
        local.run_until(shut_down_and_bound_again(builder)).await;
    });
}

#[test]
fn nodes_that_poll_busily_answer_and_end_like_others() {
    run(async {
        let mut config = Config::default();
        config.busy_poll = Duration::from_micros(50);
        let (server, client) =
            (small().config(config.clone()).arbiters(1), small().config(config).arbiters(1));
        let (clerk, _heard, _gate) = clerk();
        let pair = pair_of(server.serve(move || clerk.clone()), client).await;
        let desk: DeskProxy = pair.root().await;
        for n in 0..100 {
            assert_eq!(desk.add(n, n).await.unwrap(), 2 * n);
        }
        pair.client.shutdown().await;
        pair.server.shutdown().await;
        assert!(matches!(desk.add(1, 1).await, Err(CallError::Disconnected { .. })));
    });
}

//! What happens at the edges: a node that ends from inside, a dial that nobody waits for any more, a value that is hosted by a method.

use std::future::IntoFuture;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use duologue::ConnectError;
use duologue::prelude::*;
use duologue_tests::events::{Gate, Tell, events};
use duologue_tests::nodes::{begin_all, dial, is_at_rest, listen, pair, run, settles, small};

#[service]
trait Switch {
    /// Ends the node that serves it.
    async fn off(&self);
    /// An object whose value is not `Send`.
    async fn counter(&self, caller: &Caller) -> CounterProxy;
    #[no_cancel]
    async fn hold(&self) -> u8;
}

#[service]
trait Counter {
    fn next(&self) -> u32;
}

struct Count(Rc<std::cell::Cell<u32>>);

#[service]
impl Counter for Count {
    fn next(&self) -> u32 {
        self.0.set(self.0.get() + 1);
        self.0.get()
    }
}

#[derive(Clone)]
struct Wall {
    node: Arc<OnceLock<Node>>,
    tell: Tell<&'static str>,
    gate: Gate,
}

#[service]
impl Switch for Wall {
    async fn off(&self) {
        if let Some(node) = self.node.get() {
            node.shutdown().await;
        }
    }

    async fn counter(&self, caller: &Caller) -> CounterProxy {
        caller.host(Count(Rc::default()))
    }

    async fn hold(&self) -> u8 {
        let _bell = self.tell.on_drop("stopped");
        self.tell.tell("held");
        self.gate.pass().await;
        1
    }
}

fn wall() -> (Wall, duologue_tests::events::Heard<&'static str>) {
    let (tell, heard) = events();
    (Wall { node: Arc::default(), tell, gate: Gate::new() }, heard)
}

#[test]
fn a_node_may_be_shut_down_by_one_of_its_own_methods() {
    run(async {
        let (wall, _heard) = wall();
        let node = wall.node.clone();
        let mut config = duologue::Config::default();
        config.drain_timeout = Duration::from_millis(200);
        config.arbiters = 1;
        let server = listen(Node::builder().config(config).serve(move || wall.clone())).await;
        assert!(node.set(server.clone()).is_ok());
        let client = small().start().await.unwrap();
        let connection = dial(&client, &server).await;
        let switch: SwitchProxy = connection.root().await.unwrap();
        // It waits for itself until the drain time is over; then the connection ends, and it with it.
        assert!(matches!(switch.off().await, Err(CallError::Disconnected { .. })));
        server.run().await;
    });
}

#[test]
fn a_method_may_hand_out_a_value_that_is_not_send() {
    run(async {
        let (wall, _heard) = wall();
        let pair = pair(move || wall.clone()).await;
        let switch: SwitchProxy = pair.root().await;
        let counter = switch.counter().await.unwrap();
        assert_eq!(counter.next().await, Ok(1));
        assert_eq!(counter.next().await, Ok(2));
    });
}

#[test]
fn a_dial_that_nobody_waits_for_any_more_leaves_nothing_open() {
    run(async {
        let server = listen(small()).await;
        let client = small().start().await.unwrap();
        for _ in 0..20 {
            let dialing = client.connect(server.local_addr().to_string()).into_future();
            drop(begin_all([dialing]).await);
        }
        settles(&client, is_at_rest).await;
        settles(&server, is_at_rest).await;
        // And the node dials on as before.
        dial(&client, &server).await.ping().await.unwrap();
    });
}

#[test]
fn a_name_that_does_not_resolve_settles_nothing() {
    run(async {
        let server = listen(small()).await;
        let client = small().start().await.unwrap();
        for wrong in ["no-such-host.invalid:1", "without-a-port"] {
            assert!(matches!(client.connect(wrong).await, Err(ConnectError::Link(_))));
        }
        dial(&client, &server).await.ping().await.unwrap();
    });
}

#[test]
fn revoking_stops_even_a_method_whose_caller_has_left_it_running() {
    run(async {
        let (wall, mut heard) = wall();
        let server = listen(small()).await;
        let switch: SwitchProxy = server.host(move || wall);
        let calls = begin_all([switch.hold()]).await;
        assert_eq!(heard.next().await, "held");
        drop(calls);
        assert!(switch.revoke());
        assert_eq!(heard.next().await, "stopped");
    });
}

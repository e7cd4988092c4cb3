//! What bad input and faults do to a node: the connection at fault ends with a code and a reason, one call fails, or one object does;
//! everybody else is served on.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod answers;
mod between;
mod by_name;
mod crash;
mod dialing;
mod flood;
mod frames;
mod greeting;
mod handlers;
mod lanes;
mod limits;
mod reconnecting;
mod requests;
mod streams;
mod trust;

use std::net::SocketAddr;
use std::time::Duration;

use duologue::{Config, Connection, Node, NodeBuilder, NodeStats};
use duologue_tests::events::{Heard, events};
use duologue_tests::nodes::{dial, listen, small};
use duologue_tests::probe::{Event, Probe, ProbingProxy};

/// A node that serves a probe, and a well-behaved neighbour that is to notice nothing.
struct Victim {
    node: Node,
    heard: Heard<Event>,
    neighbour: Neighbour,
}

/// Somebody else who is connected to the same node all the while.
struct Neighbour {
    _node: Node,
    connection: Connection,
    probe: ProbingProxy,
}

impl Victim {
    async fn start() -> Victim {
        Victim::with(Config::default()).await
    }

    async fn with(config: Config) -> Victim {
        Victim::of(small_of(config)).await
    }

    async fn of(builder: NodeBuilder) -> Victim {
        let (tell, mut heard) = events();
        let node = listen(builder.serve(move || Probe::new(&tell))).await;
        let client = small().start().await.expect("the neighbour starts");
        let connection = dial(&client, &node).await;
        let probe = connection.root().await.expect("a probe is served");
        assert_eq!(heard.next().await, Event::Connected);
        Victim { node, heard, neighbour: Neighbour { _node: client, connection, probe } }
    }

    fn address(&self) -> SocketAddr {
        self.node.local_addr()
    }

    /// The connection at fault is gone with all it held, and its service instance was told; everybody else is served.
    async fn is_rid_of_it(&mut self) {
        assert_eq!(self.heard.next().await, Event::Disconnected { empty: true });
        assert_eq!(self.heard.next().await, Event::Dropped);
        self.serves_on().await;
    }

    /// Only the neighbour is connected, and both it and a new-comer are served.
    async fn serves_on(&mut self) {
        self.node.until(|stats| stats.connections == 1).await;
        assert_eq!(self.neighbour.probe.add(1, 2).await, Ok(3), "the neighbour is served");
        assert!(!self.neighbour.connection.is_closed());
        let client = small().start().await.expect("a new-comer starts");
        let connection = dial(&client, &self.node).await;
        let probe: ProbingProxy = connection.root().await.expect("a probe is served");
        assert_eq!(probe.add(3, 4).await, Ok(7), "a new-comer is served");
        drop(probe);
        connection.close().await;
        assert_eq!(self.heard.next().await, Event::Connected);
        assert_eq!(self.heard.next().await, Event::Disconnected { empty: true });
        assert_eq!(self.heard.next().await, Event::Dropped);
    }
}

fn small_of(config: Config) -> NodeBuilder {
    small().config(config)
}

/// A node that notices within seconds that its peer is gone. Less would be too little for a peer that is only kept from the processor.
fn attentive() -> Config {
    let mut config = Config::default();
    config.transport.idle_timeout = Duration::from_secs(3);
    config.transport.keep_alive = Duration::from_millis(500);
    config
}

/// A node that gives up soon on whoever does not answer, and not before somebody who does has done so on a busy machine.
fn impatient() -> Config {
    let mut config = Config::default();
    config.transport.connect_timeout = Duration::from_secs(3);
    config
}

/// A deadline that is awaited, and does not pass before its call has begun.
const SOON: Duration = Duration::from_secs(2);

/// Whether no connection is open and nothing is held.
fn is_empty(stats: NodeStats) -> bool {
    stats == NodeStats::default()
}

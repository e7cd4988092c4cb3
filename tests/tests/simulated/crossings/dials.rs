//! Two nodes that dial each other at the same moment.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use duologue::Ended;
use duologue::prelude::*;
use duologue::testing;
use duologue_tests::events::events;
use duologue_tests::nodes::{is_at_rest, settles};

use super::{HouseProxy, Maker};
use crate::guarantees::{rough, steady};

#[test]
fn two_nodes_dialing_each_other_at_once() {
    testing::run_each(0..6, async |world| {
        world.network().set(if world.seed() == 0 { steady() } else { rough() });
        let (told, mut heard) = events();
        let maker = Maker { made: Arc::new(AtomicU32::new(0)), told, kept: Arc::default() };
        let serve = || {
            let maker = maker.clone();
            world.node().serve(move || maker.clone())
        };
        let one = serve().bind("127.0.0.1:1").await.unwrap();
        let other = serve().bind("127.0.0.2:1").await.unwrap();
        let (there, back) = tokio::join!(one.connect("127.0.0.2:1"), other.connect("127.0.0.1:1"));
        let (there, back) = (there.unwrap(), back.unwrap());
        for node in [&one, &other] {
            settles(node, |stats| stats.connections == 2).await;
        }
        assert_eq!([there.peer(), back.peer()], [other.id(), one.id()]);
        assert!(there.dialed() && back.dialed());
        // Each of the two works in both directions, and they are two: an object lives on the one it was handed out on.
        let mut things = Vec::new();
        for node in [&one, &other] {
            for connection in node.connections() {
                let house: HouseProxy = connection.root().await.unwrap();
                things.push(house.open().await.unwrap());
            }
        }
        for (number, thing) in things.iter().enumerate() {
            assert_eq!(thing.number().await, Ok(number as u32));
        }
        // The end of one is none of the other.
        there.close().await;
        settles(&other, |stats| stats.connections == 1).await;
        let mut lost = 0;
        for thing in &things {
            match thing.number().await {
                Ok(_) => {}
                Err(CallError::Disconnected { .. }) => lost += 1,
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!(lost, 2, "those of the one that was closed");
        assert!(!back.is_closed());
        assert_eq!(there.closed().await, Ended::ByUs);
        drop(things);
        for node in [&one, &other] {
            settles(node, is_at_rest).await;
        }
        let mut words = heard.so_far();
        words.sort_unstable();
        assert_eq!(words, ["0 dropped", "1 dropped", "2 dropped", "3 dropped"]);
    });
}

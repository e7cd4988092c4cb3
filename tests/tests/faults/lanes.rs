//! Lanes that a peer opens beyond the shared ones: as many as streams are let in, each of them served, none of them in anybody's way.

use duologue_tests::hostile::{Frame, Peer, kind, stream};
use duologue_tests::nodes::run;
use duologue_tests::probe::{Event, method};

use crate::{SOON, Victim, impatient};

#[test]
fn a_thousand_lanes_at_once_are_served_and_end_with_their_streams() {
    run(async {
        let mut victim = Victim::start().await;
        let mut peer = Peer::dial(victim.address()).await;
        let root = peer.root().await;
        assert_eq!(victim.heard.next().await, Event::Connected);
        let mut lanes = Vec::new();
        for call in 0..1_000 {
            let mut lane = stream(&peer.link, 1).await;
            lane.put(Frame::call(call, root, method::ADD, &(40, 2)).to_bytes()).await;
            lanes.push(lane);
        }
        for (call, lane) in lanes.iter_mut().enumerate() {
            let answer = lane.frame().await;
            assert_eq!((answer.kind, answer.call, answer.value::<i64>()), (kind::REPLY, call as u32, 42));
        }
        // Two connections, each with its control stream and its shared lane.
        victim.node.until(|stats| stats.total.streams == 4 + 1_000).await;
        assert_eq!(victim.neighbour.probe.add(1, 2).await, Ok(3));
        drop(lanes);
        victim.node.until(|stats| stats.total.streams == 4).await;
        let sum = peer.lane.ask(&Frame::call(1, root, method::ADD, &(1, 2))).await;
        assert_eq!(sum.value::<i64>(), 3);
        drop(peer);
        victim.is_rid_of_it().await;
    });
}

#[test]
fn a_lane_that_ends_before_its_calls_are_answered_waits_for_them() {
    run(async {
        let mut victim = Victim::start().await;
        let mut peer = Peer::dial(victim.address()).await;
        let root = peer.root().await;
        assert_eq!(victim.heard.next().await, Event::Connected);
        let mut lane = stream(&peer.link, 1).await;
        let hang = Frame {
            deadline_ms: Some(SOON.as_millis() as u32),
            ..Frame::call(1, root, method::HANGS, &[(); 0])
        };
        lane.put(hang.to_bytes()).await;
        lane.send.finish().unwrap();
        let answer = lane.frame().await;
        assert_eq!((answer.kind, answer.call), (kind::FAULT, 1));
        assert_eq!(victim.heard.take(2).await, [Event::Began, Event::Stopped]);
        victim.node.until(|stats| stats.total.streams == 4).await;
        drop(peer);
        victim.is_rid_of_it().await;
    });
}

#[test]
fn a_stream_that_never_says_what_it_is_is_ended_and_the_connection_lives() {
    run(async {
        let mut victim = Victim::with(impatient()).await;
        let mut peer = Peer::dial(victim.address()).await;
        let root = peer.root().await;
        assert_eq!(victim.heard.next().await, Event::Connected);
        // A later stream brings the silent one with it.
        let (silent, mut ended) = peer.link.open().await.unwrap();
        let mut lane = stream(&peer.link, 1).await;
        let sum = lane.ask(&Frame::call(1, root, method::ADD, &(1, 2))).await;
        assert_eq!(sum.value::<i64>(), 3);
        assert_eq!(ended.next().await.unwrap(), None, "its other half was finished");
        let sum = peer.lane.ask(&Frame::call(1, root, method::ADD, &(2, 3))).await;
        assert_eq!(sum.value::<i64>(), 5);
        drop((silent, lane, peer));
        victim.is_rid_of_it().await;
    });
}

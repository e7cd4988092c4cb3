//! The limits of a node as a whole: what is above them is refused with their names, and what is below goes on.

use duologue::prelude::*;
use duologue::{Config, ConnectError, Ran, StreamSender};
use duologue_tests::events::Gate;
use duologue_tests::hostile::{Frame, Peer, fault, kind};
use duologue_tests::nodes::{begin_all, dial, listen, run, small};
use duologue_tests::probe::method;

use crate::{Victim, small_of};

#[service]
trait Turnstile {
    async fn hold(&self, luggage: Bytes);
    async fn alone(&mut self);
    fn fine(&self) -> u8;
}

struct Gated(Gate);

#[service]
impl Turnstile for Gated {
    async fn hold(&self, _luggage: Bytes) {
        self.0.pass().await;
    }

    async fn alone(&mut self) {
        self.0.pass().await;
    }

    fn fine(&self) -> u8 {
        7
    }
}

fn overloaded(text: &str) -> CallError {
    CallError::Overloaded(text.to_owned())
}

#[test]
fn the_line_of_an_object_is_bounded_over_all_its_connections() {
    run(async {
        let gate = Gate::new();
        let mut config = Config::default();
        config.object_queue_max = 10;
        let held = gate.clone();
        let server = listen(small_of(config).serve_shared(move || Gated(held.clone()))).await;
        let client = small().start().await.unwrap();
        let (one, two) = (dial(&client, &server).await, dial(&client, &server).await);
        let (first, second): (TurnstileProxy, TurnstileProxy) =
            (one.root().await.unwrap(), two.root().await.unwrap());

        let mut calls = begin_all([first.alone()]).await;
        // What has arrived counts like what waits: from here on this one is neither.
        gate.until_came(1).await;
        calls.extend(begin_all((0..5).map(|_| first.alone())).await);
        calls.extend(begin_all((0..5).map(|_| second.alone())).await);
        server.until(|stats| stats.total.calls_running == 11).await;
        for proxy in [&first, &second] {
            let refused = proxy.alone().await.unwrap_err();
            assert_eq!(refused, overloaded("10 calls wait for Turnstile"));
            assert_eq!(refused.ran(), Ran::Never);
        }
        one.ping().await.expect("the connection is well");

        gate.open();
        for call in calls {
            assert_eq!(call.await, Ok(()), "what was in line is served");
        }
        assert_eq!(second.alone().await, Ok(()));
    });
}

#[test]
fn a_line_has_the_same_bound_for_calls_from_within_the_process() {
    run(async {
        let mut config = Config::default();
        config.object_queue_max = 2;
        let node = small_of(config).start().await.unwrap();
        // Often: the object's thread moves calls from its mailbox to where they wait, meanwhile.
        for _ in 0..100 {
            let gate = Gate::new();
            let held = gate.clone();
            let turnstile: TurnstileProxy = node.host(move || Gated(held));
            assert_eq!(turnstile.fine().await, Ok(7));
            let mut calls = begin_all([turnstile.alone()]).await;
            // From here on the first one is not in line any more.
            gate.until_came(1).await;
            calls.extend(begin_all([turnstile.alone(), turnstile.alone()]).await);
            assert_eq!(turnstile.alone().await, Err(overloaded("2 calls wait for Turnstile")));
            gate.open();
            for call in calls {
                assert_eq!(call.await, Ok(()), "what was in line is served");
            }
            assert_eq!(turnstile.fine().await, Ok(7));
        }
    });
}

#[test]
fn above_its_memory_a_node_takes_no_connections_and_no_calls_of_those_who_fill_it() {
    const MAX: u64 = 64 * 1024;
    run(async {
        let gate = Gate::new();
        let mut config = Config::default();
        config.memory_max = MAX;
        let held = gate.clone();
        let server = listen(small_of(config).serve(move || Gated(held.clone()))).await;
        let (greedy, modest) = (small().start().await.unwrap(), small().start().await.unwrap());
        let (hers, his) = (dial(&greedy, &server).await, dial(&modest, &server).await);
        let (big, little): (TurnstileProxy, TurnstileProxy) =
            (hers.root().await.unwrap(), his.root().await.unwrap());

        // 5 KiB each with their heads; the last ones may be refused already.
        let luggage = Bytes::from(vec![7; 4096]);
        let calls = begin_all((0..20).map(|_| big.hold(luggage.clone()))).await;
        server.until(|stats| stats.memory > MAX).await;
        let refused = big.fine().await.unwrap_err();
        assert_eq!(refused, overloaded("the node has no memory left for calls of this connection"));
        assert!(refused.never_ran());
        assert_eq!(little.fine().await, Ok(7), "who holds little is served on");
        let new = small().start().await.unwrap();
        match new.connect(server.local_addr().to_string()).await {
            Err(ConnectError::Link(error)) => assert!(error.to_string().contains("refused"), "{error}"),
            other => panic!("{other:?}"),
        }

        gate.open();
        for call in calls {
            let outcome = call.await;
            assert!(outcome.as_ref().map_or_else(CallError::never_ran, |()| true), "{outcome:?}");
        }
        server.until(|stats| stats.memory <= MAX).await;
        assert_eq!(big.fine().await, Ok(7), "and so is everybody, when there is room again");
        let connection = dial(&new, &server).await;
        connection.ping().await.unwrap();
        drop((big, little));
        server.until(|stats| stats.memory == 0).await;
    });
}

/// Keeps the streams it is given, and reads them when it is told to.
#[service]
trait Shelf {
    fn keep(&mut self, bytes: ByteStream, items: Streaming<Bytes>);
    async fn fill(&mut self) -> StreamSender<Bytes>;
    async fn read(&mut self) -> u64;
}

#[derive(Default)]
struct Kept {
    bytes: Vec<ByteStream>,
    items: Vec<Streaming<Bytes>>,
}

#[service]
impl Shelf for Kept {
    fn keep(&mut self, bytes: ByteStream, items: Streaming<Bytes>) {
        self.bytes.push(bytes);
        self.items.push(items);
    }
    async fn fill(&mut self) -> StreamSender<Bytes> {
        let (sender, items) = Streaming::channel();
        self.items.push(items);
        sender
    }
    async fn read(&mut self) -> u64 {
        let mut count = 0;
        for mut stream in self.bytes.drain(..) {
            while let Some(chunk) = stream.next_chunk().await {
                count += chunk.map_or(0, |chunk| chunk.len() as u64);
            }
        }
        for mut stream in self.items.drain(..) {
            while let Some(item) = stream.next().await {
                count += item.map_or(0, |item| item.len() as u64);
            }
        }
        count
    }
}

#[test]
fn what_waits_in_streams_counts_against_the_memory_of_the_node() {
    // Each of the five streams fills its first window of 64 KiB, but for less than one item.
    const MAX: u64 = 5 * 60 * 1024;
    run(async {
        let mut config = Config::default();
        config.memory_max = MAX;
        let server = listen(small_of(config).serve(Kept::default)).await;
        let (greedy, modest) = (small().start().await.unwrap(), small().start().await.unwrap());
        let (hers, his) = (dial(&greedy, &server).await, dial(&modest, &server).await);
        let (full, empty): (ShelfProxy, ShelfProxy) = (hers.root().await.unwrap(), his.root().await.unwrap());

        let item = Bytes::from(vec![7; 2000]);
        let items = || Streaming::from_iter(std::iter::repeat_n(item.clone(), 100));
        let bytes = || ByteStream::from(vec![7; 200_000]);
        for _ in 0..2 {
            full.keep(bytes(), items()).await.unwrap();
        }
        let mut sender = full.fill().await.unwrap();
        for _ in 0..40 {
            sender.send(item.clone()).await.unwrap();
        }
        server.until(|stats| stats.memory > MAX).await;
        let refused = full.read().await.unwrap_err();
        assert_eq!(refused, overloaded("the node has no memory left for calls of this connection"));
        assert_eq!(empty.read().await, Ok(0), "who holds little is served on");
        let new = small().start().await.unwrap();
        assert!(new.connect(server.local_addr().to_string()).await.is_err(), "no more connections");

        // Its connection ends with all that was not taken.
        drop(sender);
        hers.close().await;
        server.until(|stats| stats.memory == 0).await;
        let again = dial(&new, &server).await;
        let shelf: ShelfProxy = again.root().await.unwrap();
        shelf.keep(bytes(), items()).await.unwrap();
        assert_eq!(shelf.read().await, Ok(400_000));
        drop((full, empty, shelf));
        server.until(|stats| stats.memory == 0).await;
    });
}

#[test]
fn results_that_nobody_fetches_count_against_the_memory_of_the_node() {
    const RESULT: u64 = 1 << 20;
    run(async {
        let mut config = Config::default();
        config.memory_max = 3 * RESULT / 2;
        let victim = Victim::with(config).await;
        let mut peer = Peer::dial(victim.address()).await;
        let root = peer.root().await;
        for call in 0..2 {
            let announced = peer.lane.ask(&Frame::call(call, root, method::BYTES, &(RESULT as u32,))).await;
            assert_eq!(announced.kind, kind::REPLY);
        }
        victim.node.until(|stats| stats.memory > 2 * RESULT).await;
        let refused = peer.lane.ask(&Frame::call(2, root, method::BYTES, &(1,))).await;
        assert_eq!((refused.kind, refused.method), (kind::FAULT, fault::OVERLOADED));
        assert_eq!(victim.neighbour.probe.add(1, 2).await, Ok(3), "who holds little is served on");
        peer.link.close(0, "");
        victim.node.until(|stats| stats.memory == 0).await;
    });
}

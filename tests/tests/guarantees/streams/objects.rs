//! Objects, and streams, as the items of streams; and streams through a third node.

use duologue::prelude::*;
use duologue::{StreamError, StreamSender};
use duologue_tests::nodes::{Pair, dial, listen, pair, run, settles, small};

#[service]
trait Counter {
    fn count(&mut self) -> u64;
}

struct Tally(u64);

#[service]
impl Counter for Tally {
    fn count(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

#[service]
trait Shop {
    fn counters(&self, count: u64) -> Streaming<CounterProxy>;
    async fn use_all(&self, counters: Streaming<CounterProxy>) -> Result<u64, CallError>;
    async fn use_some(&self, counters: Streaming<CounterProxy>, count: usize) -> u64;
    fn nested(&self, rows: u64) -> Streaming<Streaming<u64>>;
    fn same(&self, counters: Streaming<CounterProxy>) -> Streaming<CounterProxy>;
    async fn many(&self, into: StreamSender<CounterProxy>) -> u64;
}

struct Owner;

#[service]
impl Shop for Owner {
    fn counters(&self, count: u64) -> Streaming<CounterProxy> {
        Streaming::from_iter((0..count).map(|n| CounterProxy::local(Tally(n))))
    }

    async fn use_all(&self, mut counters: Streaming<CounterProxy>) -> Result<u64, CallError> {
        let mut sum = 0;
        while let Some(counter) = counters.next().await {
            sum += counter?.count().await?;
        }
        Ok(sum)
    }

    async fn use_some(&self, mut counters: Streaming<CounterProxy>, count: usize) -> u64 {
        let mut sum = 0;
        for _ in 0..count {
            let Some(Ok(counter)) = counters.next().await else { break };
            sum += counter.count().await.unwrap_or_default();
        }
        sum
    }

    fn nested(&self, rows: u64) -> Streaming<Streaming<u64>> {
        Streaming::from_iter((0..rows).map(|row| Streaming::from_iter(0..row)))
    }

    fn same(&self, counters: Streaming<CounterProxy>) -> Streaming<CounterProxy> {
        counters
    }

    async fn many(&self, mut into: StreamSender<CounterProxy>) -> u64 {
        let mut sent = 0;
        while into.send(CounterProxy::local(Tally(sent))).await.is_ok() {
            sent += 1;
        }
        sent
    }
}

#[test]
fn objects_travel_in_items_and_none_is_left_behind() {
    run(async {
        let pair = pair(|| Owner).await;
        let shop: ShopProxy = pair.root().await;
        let mut counters = shop.counters(100).await.unwrap();
        let mut sum = 0;
        while let Some(counter) = counters.next().await {
            sum += counter.unwrap().count().await.unwrap();
        }
        assert_eq!(sum, 5_050);
        // Objects of this side, some of them twice, and home again.
        let own: Vec<CounterProxy> = (0..3).map(|_| pair.client.host(|| Tally(0))).collect();
        let twice = own.clone().into_iter().chain(own.clone());
        assert_eq!(shop.use_all(Streaming::from_iter(twice)).await.unwrap(), 9);
        let mut same = shop.same(Streaming::from_iter(own.clone())).await.unwrap();
        for counter in own {
            assert_eq!(same.next().await.unwrap().unwrap(), counter);
        }
        assert!(same.next().await.is_none());
        drop((counters, same, shop));
        pair.at_rest().await;
    });
}

#[test]
fn a_stream_of_objects_that_is_stopped_midway_leaks_none() {
    run(async {
        let pair = pair(|| Owner).await;
        let shop: ShopProxy = pair.root().await;
        for taken in [0, 1, 50] {
            let mut counters = shop.counters(100_000).await.unwrap();
            for n in 0..taken {
                assert_eq!(counters.next().await.unwrap().unwrap().count().await.unwrap(), n + 1);
            }
            drop(counters);
        }
        let client = &pair.client;
        for taken in [0, 1, 50] {
            let own: Vec<CounterProxy> = (0..1_000).map(|_| client.host(|| Tally(0))).collect();
            assert_eq!(shop.use_some(Streaming::from_iter(own), taken).await.unwrap(), taken as u64);
        }
        let (sender, mut stream) = Streaming::<CounterProxy>::channel();
        let take = async {
            assert_eq!(stream.next().await.unwrap().unwrap().count().await.unwrap(), 1);
            drop(stream);
        };
        let (sent, ()) = tokio::join!(shop.many(sender), take);
        assert!(sent.unwrap() > 0);
        drop(shop);
        pair.at_rest().await;
    });
}

#[test]
fn streams_travel_in_streams() {
    run(async {
        let pair = pair(|| Owner).await;
        let shop: ShopProxy = pair.root().await;
        let mut rows = shop.nested(20).await.unwrap();
        let mut lengths = Vec::new();
        while let Some(row) = rows.next().await {
            lengths.push(row.unwrap().into_vec().await.unwrap().len());
        }
        assert_eq!(lengths, (0..20).collect::<Vec<_>>());
        // Rows that nobody looks at are stopped.
        drop(shop.nested(1_000).await.unwrap());
        drop((rows, shop));
        pair.at_rest().await;
    });
}

#[service]
trait Relay {
    async fn numbers(&self) -> Result<Streaming<u64>, CallError>;
    async fn up(&self, numbers: Streaming<u64>) -> Result<u64, CallError>;
}

struct Origin;

#[service]
impl Relay for Origin {
    async fn numbers(&self) -> Result<Streaming<u64>, CallError> {
        Ok(Streaming::from_iter(0..))
    }

    async fn up(&self, numbers: Streaming<u64>) -> Result<u64, CallError> {
        Ok(numbers.into_vec().await?.into_iter().sum())
    }
}

struct Between(RelayProxy);

#[service]
impl Relay for Between {
    async fn numbers(&self) -> Result<Streaming<u64>, CallError> {
        self.0.numbers().await
    }

    async fn up(&self, numbers: Streaming<u64>) -> Result<u64, CallError> {
        self.0.up(numbers).await
    }
}

#[test]
fn a_stream_goes_through_a_third_node() {
    run(async {
        let origin = listen(small().serve(|| Origin)).await;
        let middle = small().start().await.unwrap();
        let relay: RelayProxy = dial(&middle, &origin).await.root().await.unwrap();
        let served = relay.clone();
        let middle_server = listen(small().serve(move || Between(served.clone()))).await;
        let client = small().start().await.unwrap();
        let connection = dial(&client, &middle_server).await;
        let pair = Pair { server: middle_server, client, connection };
        let through: RelayProxy = pair.root().await;
        assert_eq!(through.up(Streaming::from_iter(0..1_000)).await.unwrap(), 499_500);
        let mut numbers = through.numbers().await.unwrap();
        for n in 0..5_000 {
            assert_eq!(numbers.next().await, Some(Ok(n)));
        }
        drop(numbers);
        settles(&origin, |stats| stats.total.giving == 0).await;
        // The error of one connection goes on over the other.
        let mut numbers = through.numbers().await.unwrap();
        assert_eq!(numbers.next().await, Some(Ok(0)));
        for connection in origin.connections() {
            connection.close().await;
        }
        let error = loop {
            if let Err(error) = numbers.next().await.unwrap() {
                break error;
            }
        };
        assert_eq!(error, StreamError::Disconnected("closed by the peer".into()));
        drop((through, numbers));
        pair.at_rest().await;
    });
}

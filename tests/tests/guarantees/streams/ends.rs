//! How a stream ends: by its producer, by its consumer, with an error, with its connection.

use std::time::Duration;

use duologue::prelude::*;
use duologue::{StreamError, StreamSender};
use duologue_tests::events::{Tell, events};
use duologue_tests::nodes::{Pair, pair, pair_of, run, small};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("stopped at {at}")]
struct Halted {
    at: u64,
}

#[service]
trait Source {
    fn endless(&self) -> Streaming<u64>;
    fn quiet(&self) -> Streaming<u64>;
    fn halted(&self, at: u64) -> Streaming<u64, Halted>;
    fn forgotten(&self) -> Streaming<u64>;
    fn panics(&self) -> Streaming<u64>;
    fn large(&self, sizes: Vec<u32>) -> Streaming<Bytes>;
    fn unreadable(&self) -> Streaming<String>;
    fn drop_it(&self, items: Streaming<u64>);
    async fn first(&self, items: Streaming<u64>) -> Option<u64>;
    async fn last(&self, items: Streaming<u64, Halted>) -> String;
    async fn never(&self, items: Streaming<u64>, into: StreamSender<u64>);
}

/// Tells when a producer of its is dropped.
struct Spring(Tell<&'static str>);

#[service]
impl Source for Spring {
    fn endless(&self) -> Streaming<u64> {
        let bell = self.0.on_drop("endless");
        Streaming::from_iter((0..).inspect(move |_| {
            let _ = &bell;
        }))
    }

    fn quiet(&self) -> Streaming<u64> {
        let bell = self.0.on_drop("quiet");
        Streaming::new(futures_util::stream::poll_fn(move |_| {
            let _ = &bell;
            std::task::Poll::Pending
        }))
    }

    fn halted(&self, at: u64) -> Streaming<u64, Halted> {
        let items = (0..at).map(Ok).chain([Err(Halted { at })]);
        Streaming::try_new(futures_util::stream::iter(items))
    }

    fn forgotten(&self) -> Streaming<u64> {
        let (mut sender, stream) = Streaming::channel();
        tokio::spawn(async move { sender.send(1).await });
        stream
    }

    fn panics(&self) -> Streaming<u64> {
        Streaming::from_iter((0..).map(|n| if n < 2 { n } else { panic!("at {n}") }))
    }

    fn large(&self, sizes: Vec<u32>) -> Streaming<Bytes> {
        Streaming::from_iter(sizes.into_iter().map(|size| vec![7; size as usize].into()))
    }

    fn unreadable(&self) -> Streaming<String> {
        Streaming::from_iter(["fine".to_owned()])
    }

    fn drop_it(&self, _: Streaming<u64>) {}

    async fn first(&self, mut items: Streaming<u64>) -> Option<u64> {
        items.next().await?.ok()
    }

    async fn last(&self, items: Streaming<u64, Halted>) -> String {
        match items.into_vec().await {
            Ok(items) => format!("{} items", items.len()),
            Err(error) => format!("{error:?}"),
        }
    }

    async fn never(&self, items: Streaming<u64>, into: StreamSender<u64>) {
        let _held = (items, into);
        std::future::pending().await
    }
}

async fn spring() -> (Pair, SourceProxy, duologue_tests::events::Heard<&'static str>) {
    let (tell, heard) = events();
    let pair = pair(move || Spring(tell.clone())).await;
    let source = pair.root().await;
    (pair, source, heard)
}

#[test]
fn dropping_the_consumer_ends_the_producer_at_once() {
    run(async {
        let (pair, source, mut heard) = spring().await;
        let mut endless = source.endless().await.unwrap();
        for n in 0..10 {
            assert_eq!(endless.next().await, Some(Ok(n)));
        }
        drop(endless);
        assert_eq!(heard.next().await, "endless");
        // One that has never given anything, and one that nobody has looked at.
        let mut quiet = source.quiet().await.unwrap();
        let waits = futures_util::FutureExt::now_or_never(quiet.next());
        assert_eq!(waits, None);
        drop(quiet);
        assert_eq!(heard.next().await, "quiet");
        drop(source.endless().await.unwrap());
        assert_eq!(heard.next().await, "endless");
        drop(source);
        pair.at_rest().await;
    });
}

#[test]
fn the_callee_may_take_as_much_as_it_likes() {
    run(async {
        let (pair, source, _heard) = spring().await;
        let (mut sender, stream) = Streaming::channel();
        source.drop_it(stream).await.unwrap();
        sender.closed().await;
        assert_eq!(sender.send(1).await, Err(duologue::StreamClosed));
        assert_eq!(source.first(Streaming::from_iter(5..)).await.unwrap(), Some(5));
        assert_eq!(source.first(Streaming::from_iter([])).await.unwrap(), None);
        drop(source);
        pair.at_rest().await;
    });
}

#[test]
fn a_producer_ends_its_stream_with_an_error_of_its_own() {
    run(async {
        let (pair, source, _heard) = spring().await;
        let mut halted = source.halted(2).await.unwrap();
        assert_eq!(halted.next().await, Some(Ok(0)));
        assert_eq!(halted.next().await, Some(Ok(1)));
        assert_eq!(halted.next().await, Some(Err(StreamError::App(Halted { at: 2 }))));
        assert_eq!(halted.next().await, None);
        let (mut sender, stream) = Streaming::channel();
        let last = async {
            sender.send(1).await.unwrap();
            sender.fail(Halted { at: 9 });
        };
        let (said, ()) = tokio::join!(source.last(stream), last);
        assert_eq!(said.unwrap(), "App(Halted { at: 9 })");
        drop((halted, source));
        pair.at_rest().await;
    });
}

#[test]
fn a_producer_that_goes_away_or_panics_leaves_an_error() {
    run(async {
        let (pair, source, _heard) = spring().await;
        let mut forgotten = source.forgotten().await.unwrap();
        assert_eq!(forgotten.next().await, Some(Ok(1)));
        assert_eq!(forgotten.next().await, Some(Err(StreamError::Unfinished)));
        assert_eq!(forgotten.next().await, None);
        let mut panics = source.panics().await.unwrap();
        assert_eq!(panics.next().await, Some(Ok(0)));
        assert_eq!(panics.next().await, Some(Ok(1)));
        assert_eq!(panics.next().await, Some(Err(StreamError::Panicked("at 2".into()))));
        drop((forgotten, panics, source));
        pair.at_rest().await;
    });
}

#[test]
fn an_item_longer_than_the_window_is_let_in_and_one_above_the_limit_ends_the_stream() {
    run(async {
        let (pair, source, _heard) = spring().await;
        // As the body of an item, bytes have a head of five.
        let sizes = [0, 1, 70_000, 1 << 20, 3, (16 << 20) - 5, 5];
        let mut large = source.large(sizes.to_vec()).await.unwrap();
        for size in sizes {
            assert_eq!(large.next().await.unwrap().unwrap().len(), size as usize);
        }
        assert_eq!(large.next().await, None);
        let mut large = source.large(vec![3, (16 << 20) - 4, 3]).await.unwrap();
        assert_eq!(large.next().await, Some(Ok(Bytes::from_static(&[7, 7, 7]))));
        let said = "it has 16777217 bytes, 16777216 may be";
        assert_eq!(large.next().await, Some(Err(StreamError::BadItem(said.into()))));
        assert_eq!(large.next().await, None);
        drop((large, source));
        pair.at_rest().await;
    });
}

#[service(name = "Source")]
trait OtherSource {
    fn unreadable(&self) -> Streaming<u64>;
}

#[test]
fn an_item_of_another_type_ends_the_stream_for_its_reader_alone() {
    run(async {
        let (pair, source, _heard) = spring().await;
        let other: OtherSourceProxy = pair.root().await;
        let mut unreadable = other.unreadable().await.unwrap();
        let why = "wrong msgpack marker FixStr(4)".to_owned();
        assert_eq!(unreadable.next().await, Some(Err(StreamError::BadItem(why))));
        assert_eq!(unreadable.next().await, None);
        assert_eq!(source.first(Streaming::from_iter([1])).await.unwrap(), Some(1));
        drop((other, unreadable, source));
        pair.at_rest().await;
    });
}

#[test]
fn the_end_of_the_connection_is_an_error_that_says_so() {
    run(async {
        let (pair, source, mut heard) = spring().await;
        let mut quiet = source.quiet().await.unwrap();
        let (sender, stream) = Streaming::<u64>::channel();
        let (mut far_sender, mut near) = Streaming::<u64>::channel();
        let never = source.never(stream, far_sender_of(&mut far_sender));
        let wait = async { quiet.next().await };
        let close = async {
            pair.running(1).await;
            pair.connection.close_with(7, "enough").await;
        };
        let (called, given, ()) = tokio::join!(never, wait, close);
        assert!(matches!(called, Err(CallError::Disconnected { .. })), "{called:?}");
        assert_eq!(given, Some(Err(StreamError::Disconnected("closed by this side".into()))));
        assert_eq!(heard.next().await, "quiet");
        sender.closed().await;
        assert_eq!(near.next().await, Some(Err(StreamError::Disconnected("closed by this side".into()))));
    });
}

/// The sender itself; another takes its place.
fn far_sender_of(sender: &mut StreamSender<u64>) -> StreamSender<u64> {
    std::mem::replace(sender, Streaming::channel().0)
}

#[test]
fn what_nobody_takes_ends_after_the_idle_time() {
    run(async {
        let (tell, mut heard) = events();
        let mut config = duologue::Config::default();
        config.stream_idle = Duration::from_millis(100);
        let server = small().serve(move || Spring(tell.clone()));
        let pair = pair_of(server, small().config(config)).await;
        let source: SourceProxy = pair.root().await;
        let mut endless = source.endless().await.unwrap();
        let mut quiet = source.quiet().await.unwrap();
        assert_eq!(endless.next().await, Some(Ok(0)));
        assert_eq!(heard.next().await, "endless", "nobody takes what it gives");
        let mut given = 1;
        let error = loop {
            match endless.next().await.unwrap() {
                Ok(n) => {
                    assert_eq!(n, given);
                    given += 1;
                }
                Err(error) => break error,
            }
        };
        assert_eq!(error, StreamError::Idle);
        // One on which nothing happens is not held up by anybody.
        assert_eq!(futures_util::FutureExt::now_or_never(quiet.next()), None);
        drop((endless, quiet, source));
        pair.at_rest().await;
    });
}

//! Streams of items and bytes: they go either way, bound their producers, and end in every way that something can end.

mod bytes;
mod ends;
mod objects;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use duologue::prelude::*;
use duologue::{StreamError, StreamSender, testing};
use duologue_tests::nodes::{pair, run};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    number: u64,
    text: String,
}

fn entry(number: u64) -> Entry {
    Entry { number, text: format!("entry {number}") }
}

#[derive(Debug, Serialize, Deserialize)]
struct Report {
    title: String,
    parts: Vec<Streaming<u64>>,
    extra: Option<Streaming<Entry>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Page {
    lines: Streaming<u64>,
}

/// A borrowed argument is of a type that could be cloned.
impl Clone for Page {
    fn clone(&self) -> Page {
        unreachable!("a page is not cloned")
    }
}

#[service]
trait Log {
    async fn history(&self, from: u64, to: u64) -> Streaming<Entry>;
    async fn tail(&self, allowed: bool) -> Result<Streaming<u64>, String>;
    async fn upload(&self, items: Streaming<Entry>) -> Result<u64, CallError>;
    fn both(&self, items: Streaming<u64>) -> Streaming<u64>;
    async fn report(&self, report: Report) -> Result<Vec<u64>, CallError>;
    fn reports(&self) -> Report;
    async fn fill(&self, into: StreamSender<u64>, count: u64) -> u64;
    async fn call_back(
        &self,
        callback: Callback<fn(Streaming<u64>) -> Streaming<u64>>,
    ) -> Result<u64, CallError>;
    fn local(&self) -> Streaming<u64>;
    fn print(&self, page: &Page) -> String;
    fn produced(&self) -> u64;
}

#[derive(Clone, Default)]
struct Book {
    produced: Arc<AtomicU64>,
}

#[service]
impl Log for Book {
    async fn history(&self, from: u64, to: u64) -> Streaming<Entry> {
        let produced = self.produced.clone();
        Streaming::from_iter((from..to).map(move |n| {
            produced.fetch_add(1, Ordering::SeqCst);
            entry(n)
        }))
    }

    async fn tail(&self, allowed: bool) -> Result<Streaming<u64>, String> {
        if allowed { Ok(Streaming::from_iter(0..3)) } else { Err("not for you".into()) }
    }

    async fn upload(&self, mut items: Streaming<Entry>) -> Result<u64, CallError> {
        let mut sum = 0;
        while let Some(item) = items.next().await {
            sum += item?.number;
        }
        Ok(sum)
    }

    fn both(&self, mut items: Streaming<u64>) -> Streaming<u64> {
        let (mut sender, doubled) = Streaming::channel();
        tokio::spawn(async move {
            while let Some(Ok(item)) = items.next().await {
                if sender.send(2 * item).await.is_err() {
                    return;
                }
            }
            sender.finish();
        });
        doubled
    }

    async fn report(&self, report: Report) -> Result<Vec<u64>, CallError> {
        let mut all = Vec::new();
        for part in report.parts {
            all.extend(part.into_vec().await?);
        }
        if let Some(extra) = report.extra {
            all.extend(extra.into_vec().await?.iter().map(|e| e.number));
        }
        Ok(all)
    }

    fn reports(&self) -> Report {
        let parts = (0..3).map(|n| Streaming::from_iter(0..n)).collect();
        Report { title: "three".into(), parts, extra: None }
    }

    async fn fill(&self, mut into: StreamSender<u64>, count: u64) -> u64 {
        for n in 0..count {
            if into.send(n).await.is_err() {
                return n;
            }
        }
        into.finish();
        count
    }

    async fn call_back(
        &self,
        callback: Callback<fn(Streaming<u64>) -> Streaming<u64>>,
    ) -> Result<u64, CallError> {
        let back = callback.call(Streaming::from_iter(1..=10)).await?;
        Ok(back.into_vec().await?.into_iter().sum())
    }

    fn local(&self) -> Streaming<u64> {
        let own = std::rc::Rc::new(7);
        Streaming::local(futures_util::stream::iter((0..3).map(move |n| n * *own)))
    }

    fn print(&self, page: &Page) -> String {
        format!("{page:?}")
    }

    fn produced(&self) -> u64 {
        self.produced.load(Ordering::SeqCst)
    }
}

#[test]
fn a_result_is_a_stream() {
    run(async {
        let pair = pair(Book::default).await;
        let log: LogProxy = pair.root().await;
        let mut history = log.history(5, 8).await.unwrap();
        assert_eq!(history.next().await, Some(Ok(entry(5))));
        assert_eq!(history.next().await, Some(Ok(entry(6))));
        assert_eq!(history.next().await, Some(Ok(entry(7))));
        assert_eq!(history.next().await, None);
        assert_eq!(history.next().await, None);
        assert_eq!(log.tail(true).await.unwrap().into_vec().await, Ok(vec![0, 1, 2]));
        assert_eq!(log.tail(false).await.unwrap_err(), CallError::App("not for you".into()));
        drop((history, log));
        pair.at_rest().await;
    });
}

#[test]
fn an_argument_is_a_stream_and_both_ways_at_once() {
    run(async {
        let pair = pair(Book::default).await;
        let log: LogProxy = pair.root().await;
        assert_eq!(log.upload(Streaming::from_iter((0..1_000).map(entry))).await.unwrap(), 499_500);
        let doubled = log.both(Streaming::from_iter(0..5_000)).await.unwrap();
        let expected: Vec<u64> = (0..5_000).map(|n| 2 * n).collect();
        assert_eq!(doubled.into_vec().await, Ok(expected));
        drop(log);
        pair.at_rest().await;
    });
}

#[test]
fn streams_stand_inside_structs() {
    run(async {
        let pair = pair(Book::default).await;
        let log: LogProxy = pair.root().await;
        let parts = vec![Streaming::from_iter([1, 2]), Streaming::from_iter([]), Streaming::from_iter([3])];
        let extra = Some(Streaming::from_iter([entry(9)]));
        let sum = log.report(Report { title: String::new(), parts, extra }).await.unwrap();
        assert_eq!(sum, [1, 2, 3, 9]);
        let report = log.reports().await.unwrap();
        assert_eq!((report.title.as_str(), report.extra.is_none()), ("three", true));
        let mut all = Vec::new();
        for part in report.parts {
            all.push(part.into_vec().await.unwrap());
        }
        assert_eq!(all, [vec![], vec![0], vec![0, 1]]);
        drop(log);
        pair.at_rest().await;
    });
}

#[test]
fn a_callback_takes_and_gives_streams() {
    run(async {
        let pair = pair(Book::default).await;
        let log: LogProxy = pair.root().await;
        let sum = log
            .call_back(Callback::new(|items: Streaming<u64>| {
                Streaming::try_new(futures_util::StreamExt::map(items, |item| Ok(item.unwrap() + 1)))
            }))
            .await;
        assert_eq!(sum.unwrap(), 65);
        drop(log);
        pair.at_rest().await;
    });
}

#[test]
fn a_sender_is_handed_over_and_the_other_side_gives() {
    run(async {
        let pair = pair(Book::default).await;
        let log: LogProxy = pair.root().await;
        let (sender, stream) = Streaming::channel();
        let (filled, taken) = tokio::join!(log.fill(sender, 1_000), stream.into_vec());
        assert_eq!(filled.unwrap(), 1_000);
        assert_eq!(taken, Ok((0..1_000).collect()));
        // Who does not take it ends it for the other side.
        let (sender, mut stream) = Streaming::channel();
        let filling = log.fill(sender, u64::MAX);
        let reading = async {
            assert_eq!(stream.next().await, Some(Ok(0)));
            drop(stream);
        };
        let (filled, ()) = tokio::join!(filling, reading);
        assert!(filled.unwrap() > 0);
        drop(log);
        pair.at_rest().await;
    });
}

#[test]
fn a_stream_of_a_thread_need_not_be_send() {
    run(async {
        let pair = pair(Book::default).await;
        let log: LogProxy = pair.root().await;
        assert_eq!(log.local().await.unwrap().into_vec().await, Ok(vec![0, 7, 14]));
    });
}

#[test]
fn a_slow_consumer_bounds_its_producer() {
    run(async {
        let pair = pair(Book::default).await;
        let log: LogProxy = pair.root().await;
        let mut history = log.history(0, 1_000_000).await.unwrap();
        for n in 0..100 {
            assert_eq!(history.next().await, Some(Ok(entry(n))));
        }
        // Each costs 64 bytes of the window at least; other calls go on meanwhile.
        let produced = until_it_stays(async || log.produced().await.unwrap()).await;
        assert!(produced <= 100 + 64 * 1024 / 64 + 1, "{produced} items were produced");
        drop((history, log));
        pair.at_rest().await;
    });
}

/// What `ask` gives when it gives the same ten times in a row.
async fn until_it_stays(mut ask: impl AsyncFnMut() -> u64) -> u64 {
    let (mut last, mut same) = (ask().await, 0);
    while same < 10 {
        let now = ask().await;
        same = if now == last { same + 1 } else { 0 };
        last = now;
    }
    last
}

#[test]
fn a_stream_outlives_its_call_and_its_deadline() {
    testing::run(1, async |world| {
        let pair = world.pair().serve(Book::default).await.unwrap();
        let log: LogProxy = pair.root().await.unwrap();
        let (mut sender, stream) = Streaming::<u64>::channel();
        let mut doubled = log.both(stream).timeout(Duration::from_millis(50)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        sender.send(21).await.unwrap();
        assert_eq!(doubled.next().await, Some(Ok(42)));
        sender.finish();
        assert_eq!(doubled.next().await, None);
    });
}

#[test]
fn a_stream_is_handed_over_once() {
    run(async {
        let pair = pair(Book::default).await;
        let log: LogProxy = pair.root().await;
        // Borrowed, so that it is still here to be handed over a second time.
        let page = Page { lines: Streaming::from_iter([1, 2, 3]) };
        assert!(log.print(&page).await.unwrap().starts_with("Page { lines: Streaming(stream #"));
        let said = "argument `page`: a stream is handed over once, and this one has been";
        assert_eq!(log.print(&page).await, Err(CallError::NotSent(said.into())));
        let Page { mut lines } = page;
        assert_eq!(lines.next().await, Some(Err(StreamError::Moved)));
    });
}

#[test]
fn outside_of_a_call_a_stream_is_not_serialized() {
    let report = Report { title: String::new(), parts: vec![Streaming::from_iter([1])], extra: None };
    let error = rmp_serde::to_vec(&report).unwrap_err();
    assert_eq!(error.to_string(), "a stream travels only inside a call");
    let mut part = report.parts.into_iter().next().unwrap();
    let next = futures_util::FutureExt::now_or_never(part.next());
    assert_eq!(next, Some(Some(Ok::<u64, StreamError>(1))), "it is as it was");
}

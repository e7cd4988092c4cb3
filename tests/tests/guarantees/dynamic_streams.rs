//! Streams in calls by name: read and filled as values, by callers and services that know no types, and passed on without being read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use duologue::prelude::*;
use duologue::{
    ByteWriter, Descriptor, DynError, DynProxy, DynService, Method, NoError, StreamError, StreamKind,
    StreamSender, Value, args,
};
use duologue_tests::events::Gate;
use duologue_tests::nodes::{dial, listen, pair, pair_of, run, settles, small};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    number: u64,
}

#[service]
trait Log {
    fn history(&self, to: u64) -> Streaming<Entry>;
    fn failing(&self) -> Result<Streaming<u64, String>, String>;
    async fn sum(&self, items: Streaming<Entry>) -> Result<u64, CallError>;
    fn download(&self) -> ByteStream;
    async fn upload(&self, bytes: ByteStream) -> Result<u64, CallError>;
    async fn fill(&self, into: StreamSender<Entry>);
    async fn write(&self, into: ByteWriter);
    fn sink(&self, to: Callback<fn(u64)>) -> StreamSender<u64>;
    fn endless(&self) -> Streaming<u64>;
}

#[derive(Clone, Default)]
struct Book {
    /// Passed when the endless stream has been dropped.
    dropped: Gate,
    summed: Arc<AtomicU64>,
}

struct Opens(Gate);

impl Drop for Opens {
    fn drop(&mut self) {
        self.0.open();
    }
}

#[service]
impl Log for Book {
    fn history(&self, to: u64) -> Streaming<Entry> {
        Streaming::from_iter((1..=to).map(|number| Entry { number }))
    }
    fn failing(&self) -> Result<Streaming<u64, String>, String> {
        let (mut sender, stream) = Streaming::channel();
        tokio::spawn(async move {
            let _ = sender.send(1).await;
            sender.fail("torn".to_owned());
        });
        Ok(stream)
    }
    async fn sum(&self, mut items: Streaming<Entry>) -> Result<u64, CallError> {
        let mut sum = 0;
        while let Some(item) = items.next().await {
            sum += item?.number;
        }
        self.summed.fetch_add(sum, Ordering::SeqCst);
        Ok(sum)
    }
    fn download(&self) -> ByteStream {
        ByteStream::new(tokio::io::repeat(7).take(200_000))
    }
    async fn upload(&self, mut bytes: ByteStream) -> Result<u64, CallError> {
        let mut all = Vec::new();
        bytes.read_to_end(&mut all).await.map_err(|e| StreamError::<NoError>::BadItem(e.to_string()))?;
        Ok(all.iter().map(|&b| u64::from(b)).sum())
    }
    async fn fill(&self, mut into: StreamSender<Entry>) {
        for number in 0..3 {
            into.send(Entry { number }).await.unwrap();
        }
        into.finish();
    }
    async fn write(&self, mut into: ByteWriter) {
        into.send(Bytes::from_static(b"written")).await.unwrap();
        into.finish();
    }
    fn sink(&self, to: Callback<fn(u64)>) -> StreamSender<u64> {
        let (sender, mut stream) = Streaming::channel();
        tokio::spawn(async move {
            while let Some(Ok(item)) = stream.next().await {
                to.call(item).await.unwrap();
            }
        });
        sender
    }
    fn endless(&self) -> Streaming<u64> {
        let opens = Opens(self.dropped.clone());
        Streaming::from_iter((0..).inspect(move |_| _ = &opens))
    }
}

fn entries(to: u64) -> Value {
    Value::from(Streaming::<Entry>::from_iter((1..=to).map(|number| Entry { number })))
}

fn kind(value: &Value) -> StreamKind {
    value.as_stream().unwrap().kind()
}

/// Everything that the typed service gives and takes, by name.
async fn by_name(log: &DynProxy) {
    let history = log.call("history", args![100]).await.unwrap();
    assert_eq!(kind(&history), StreamKind::Items);
    assert_eq!(history.to_string(), "<a stream of items>");
    let mut items: Streaming<Value, Value> = history.to().unwrap();
    assert_eq!(items.next().await, Some(Ok(Value::map([("number", 1)]))));
    assert_eq!(items.into_vec().await.unwrap().len(), 99);
    assert!(history.as_stream().unwrap().is_taken());

    let history = log.call("history", args![3]).await.unwrap();
    let typed: Streaming<Entry> = history.to().unwrap();
    assert_eq!(
        typed.into_vec().await.unwrap().last(),
        Some(&Entry { number: 3 }),
        "as whoever knows its type"
    );

    let mut failing: Streaming<Value, Value> = log.call("failing", args![]).await.unwrap().to().unwrap();
    assert_eq!(failing.next().await, Some(Ok(1.into())));
    assert_eq!(failing.next().await, Some(Err(StreamError::App("torn".into()))));
    assert_eq!(failing.next().await, None);

    assert_eq!(log.call("sum", args![entries(4)]).await.unwrap(), 10);
    let values = Streaming::<Value>::from_iter((1..=4).map(|n| Value::map([("number", n)])));
    assert_eq!(log.call("sum", args![values]).await.unwrap(), 10, "from values");

    let download = log.call("download", args![]).await.unwrap();
    assert_eq!(kind(&download), StreamKind::Bytes);
    let mut all = Vec::new();
    download.to::<ByteStream>().unwrap().read_to_end(&mut all).await.unwrap();
    assert_eq!(all, [7; 200_000]);
    assert_eq!(log.call("upload", args![ByteStream::from(vec![2; 1000])]).await.unwrap(), 2000);

    let (sender, stream) = Streaming::<Value, Value>::channel();
    let call = log.call("fill", args![sender]);
    let (filled, items) = tokio::join!(call, stream.into_vec());
    assert_eq!(filled.unwrap(), Value::Nil);
    assert_eq!(items.unwrap(), [0, 1, 2].map(|n| Value::map([("number", n)])));

    let (writer, mut stream) = ByteStream::channel();
    let mut text = String::new();
    let (written, read) = tokio::join!(log.call("write", args![writer]), stream.read_to_string(&mut text));
    assert_eq!((written.unwrap(), read.unwrap(), &*text), (Value::Nil, 7, "written"));

    let (tell, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let to = DynProxy::callback(async move |args| {
        tell.send(args[0].clone()).unwrap();
        Ok(Value::Nil)
    });
    let sink = log.call("sink", args![to]).await.unwrap();
    assert_eq!(kind(&sink), StreamKind::Sender);
    let mut sender: StreamSender<Value, Value> = sink.to().unwrap();
    sender.send(7.into()).await.unwrap();
    assert_eq!(heard.recv().await.unwrap(), 7);
}

#[test]
fn a_caller_by_name_reads_and_gives_streams_as_values() {
    run(async {
        let book = Book::default();
        let served = book.clone();
        let pair = pair(move || served.clone()).await;
        let log = pair.connection.dynamic_root().await.unwrap();
        by_name(&log).await;

        let mut endless: Streaming<Value> = log.call("endless", args![]).await.unwrap().to().unwrap();
        assert_eq!(endless.next().await, Some(Ok(0.into())));
        drop(endless);
        book.dropped.pass().await;
        drop(log);
        pair.at_rest().await;
    });
}

#[test]
fn a_stream_that_nobody_takes_out_of_its_value_ends() {
    run(async {
        let book = Book::default();
        let served = book.clone();
        let pair = pair(move || served.clone()).await;
        let log = pair.connection.dynamic_root().await.unwrap();
        drop(log.call("endless", args![]).await.unwrap());
        book.dropped.pass().await;
        drop(log);
        pair.at_rest().await;
    });
}

#[test]
fn a_stream_is_sent_once_whatever_value_holds_it() {
    run(async {
        let pair = pair(Book::default).await;
        let log = pair.connection.dynamic_root().await.unwrap();
        let items = entries(2);
        assert_eq!(log.call("sum", args![items.clone()]).await.unwrap(), 3);
        let again = log.call("sum", args![items.clone()]).await.unwrap_err();
        let text = "argument `items`: a stream is handed over once, and this one has been";
        assert_eq!(again, CallError::NotSent(text.into()));
        assert_eq!(items, items.clone());
        assert_ne!(items, entries(2), "another stream");

        let received = log.call("history", args![1]).await.unwrap();
        let _taken: Streaming<Value> = received.to().unwrap();
        let error = log.call("sum", args![received]).await.unwrap_err();
        assert_eq!(error, CallError::NotSent(text.into()));
        let error = log.call("upload", args![entries(1)]).await.unwrap_err();
        assert!(matches!(&error, CallError::BadArguments(t) if t.contains("argument `bytes`")), "{error}");
    });
}

/// Hands every call on to another object.
struct Gateway(DynProxy);

impl DynService for Gateway {
    async fn call(&self, method: &str, args: Vec<Value>, _: &Caller) -> Result<Value, DynError> {
        Ok(self.0.call(method, args).await?)
    }
}

#[test]
fn streams_go_through_a_gateway_that_reads_none_of_them() {
    run(async {
        let book = Book::default();
        let served = book.clone();
        let pair = pair(move || served.clone()).await;
        let interface = pair.connection.dynamic_root().await.unwrap().describe().await.unwrap();
        let far = pair.connection.dynamic_root().await.unwrap();
        let gateway = listen(small().serve_dynamic(interface, move || Gateway(far.clone()))).await;
        let caller = small().start().await.unwrap();
        let connection = dial(&caller, &gateway).await;
        let log: LogProxy = connection.root().await.unwrap();

        assert_eq!(log.history(50).await.unwrap().into_vec().await.unwrap().len(), 50);
        let failing = log.failing().await.unwrap().into_vec().await;
        assert_eq!(failing, Err(StreamError::App("torn".into())));
        let items = Streaming::from_iter((1..=100).map(|number| Entry { number }));
        assert_eq!(log.sum(items).await.unwrap(), 5050);
        assert_eq!(log.upload(ByteStream::from(vec![1; 300_000])).await.unwrap(), 300_000);
        let mut all = Vec::new();
        log.download().await.unwrap().read_to_end(&mut all).await.unwrap();
        assert_eq!(all.len(), 200_000);
        let (sender, stream) = Streaming::channel();
        let (filled, items) = tokio::join!(log.fill(sender), stream.into_vec());
        filled.unwrap();
        assert_eq!(items.unwrap(), [0, 1, 2].map(|number| Entry { number }));

        let mut endless = log.endless().await.unwrap();
        assert_eq!(endless.next().await, Some(Ok(0)));
        drop(endless);
        book.dropped.pass().await;
        settles(&pair.server, |stats| stats.total.giving + stats.total.taking == 0).await;
    });
}

#[service]
trait Window {
    fn log(&self) -> LogProxy;
}

struct Shows(LogProxy);

#[service]
impl Window for Shows {
    fn log(&self) -> LogProxy {
        self.0.clone()
    }
}

#[test]
fn streams_go_through_a_restricted_proxy_of_a_third_nodes_object() {
    run(async {
        let pair = pair(Book::default).await;
        let narrowed = pair.root::<LogProxy>().await.restrict(["history", "sum"]);
        let window = listen(small().serve(move || Shows(narrowed.clone()))).await;
        let caller = small().start().await.unwrap();
        let connection = dial(&caller, &window).await;
        let log = connection.root::<WindowProxy>().await.unwrap().log().await.unwrap();
        assert_eq!(log.history(50).await.unwrap().into_vec().await.unwrap().len(), 50);
        let items = Streaming::from_iter((1..=100).map(|number| Entry { number }));
        assert_eq!(log.sum(items).await.unwrap(), 5050);
        assert!(log.download().await.is_err(), "it was not granted");
        settles(&pair.server, |stats| stats.total.giving + stats.total.taking == 0).await;
    });
}

/// Counts up to what it is told, and adds up what it is given.
struct Counter;

impl DynService for Counter {
    async fn call(&self, method: &str, args: Vec<Value>, _: &Caller) -> Result<Value, DynError> {
        match method {
            "history" => {
                let to: u64 = args[0].to()?;
                let items = (1..=to).map(|number| Value::map([("number", number)]));
                Ok(Value::from(Streaming::<Value>::from_iter(items)))
            }
            "failing" => {
                let torn = futures_util::stream::iter([Ok(Value::from(1)), Err(Value::from("torn"))]);
                Ok(Value::from(Streaming::<Value, Value>::try_new(torn)))
            }
            "sum" => {
                let mut items: Streaming<Value, Value> = args[0].to()?;
                let mut sum = 0;
                while let Some(item) = items.next().await {
                    sum += item?.get("number").and_then(Value::as_u64).unwrap_or_default();
                }
                Ok(sum.into())
            }
            "download" => Ok(Value::from(ByteStream::new(tokio::io::repeat(7).take(200_000)))),
            "fill" => {
                let mut into: StreamSender<Value, Value> = args[0].to()?;
                for number in 0..3 {
                    into.send(Value::map([("number", number)]))
                        .await
                        .map_err(|e| DynError::App(e.to_string().into()))?;
                }
                into.finish();
                Ok(Value::Nil)
            }
            "write" => {
                let mut into: ByteWriter = args[0].to()?;
                let _ = into.send(Bytes::from_static(b"written")).await;
                into.finish();
                Ok(Value::Nil)
            }
            other => Err(DynError::NoSuchMethod(other.to_owned())),
        }
    }
}

fn counter() -> Descriptor {
    Descriptor::new("Log")
        .with_method(Method::new("history").with_param("to", "u64").returning("Streaming<Entry>"))
        .with_method(Method::new("failing").returning_or("Streaming<u64, String>", "String"))
        .with_method(Method::new("sum").with_param("items", "Streaming<Entry>").returning("u64"))
        .with_method(Method::new("download").returning("ByteStream"))
        .with_method(Method::new("fill").with_param("into", "StreamSender<Entry>"))
        .with_method(Method::new("write").with_param("into", "ByteWriter"))
}

async fn typed(log: &LogProxy) {
    let history = log.history(3).await.unwrap().into_vec().await.unwrap();
    assert_eq!(history, [1, 2, 3].map(|number| Entry { number }));
    let mut failing = log.failing().await.unwrap();
    assert_eq!(failing.next().await, Some(Ok(1)));
    assert_eq!(failing.next().await, Some(Err(StreamError::App("torn".into()))));
    let (sender, stream) = Streaming::channel();
    let (filled, items) = tokio::join!(log.fill(sender), stream.into_vec());
    filled.unwrap();
    assert_eq!(items.unwrap(), [0, 1, 2].map(|number| Entry { number }));
    let (writer, mut stream) = ByteStream::channel();
    let mut text = String::new();
    let (written, read) = tokio::join!(log.write(writer), stream.read_to_string(&mut text));
    written.unwrap();
    assert_eq!((read.unwrap(), &*text), (7, "written"));
    let mut all = Vec::new();
    log.download().await.unwrap().read_to_end(&mut all).await.unwrap();
    assert_eq!(all, [7; 200_000]);
}

#[test]
fn a_service_by_name_returns_and_takes_streams_of_typed_callers() {
    run(async {
        let pair = pair_of(small().serve_dynamic(counter(), || Counter), small()).await;
        let log: LogProxy = pair.root().await;
        typed(&log).await;
        let by_name = DynProxy::from(log);
        assert_eq!(by_name.call("sum", args![entries(4)]).await.unwrap(), 10);
        drop(by_name);
        pair.at_rest().await;
    });
}

#[test]
fn streams_change_their_types_within_a_process() {
    run(async {
        let node = small().start().await.unwrap();
        let dynamic = node.host_dynamic(counter(), || Counter);
        typed(&dynamic.typed().await.unwrap()).await;
        assert_eq!(dynamic.call("sum", args![entries(4)]).await.unwrap(), 10);

        let typed: LogProxy = node.host(Book::default);
        by_name(&DynProxy::from(typed)).await;
    });
}

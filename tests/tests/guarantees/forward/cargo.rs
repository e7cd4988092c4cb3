//! What calls carry through the node between: large bodies, streams either way, objects in streams, other versions of the interface.

use std::sync::{Arc, Mutex};

use duologue::prelude::*;
use duologue::{ByteWriter, Config, DynProxy, Node, NodeBuilder, StreamError, StreamSender, Value, args};
use duologue_tests::events::{Heard, Tell, events};
use duologue_tests::nodes::{dial, is_at_rest, listen, run, settles, small};
use tokio::io::AsyncWriteExt;

/// Where one object hangs, whatever it is.
#[service]
trait Peg {
    fn hang(&mut self, object: DynProxy);
    fn taken(&mut self) -> Option<DynProxy>;
}

/// The same, for who knows what hangs there.
#[service(name = "Peg")]
trait WorksPeg {
    fn hang(&mut self, object: WorksProxy);
    fn taken(&mut self) -> Option<WorksProxy>;
}

/// The test hangs things on it too.
#[derive(Clone, Default)]
struct Nail(Arc<Mutex<Option<DynProxy>>>);

#[service]
impl Peg for Nail {
    fn hang(&mut self, object: DynProxy) {
        *self.0.lock().unwrap() = Some(object);
    }

    fn taken(&mut self) -> Option<DynProxy> {
        self.0.lock().unwrap().take()
    }
}

#[service]
trait Works {
    fn echo(&self, goods: Bytes) -> Bytes;
    async fn sum(&self, items: Streaming<u64>) -> Result<u64, CallError>;
    fn count(&self, to: u64) -> Streaming<u64>;
    async fn fill(&self, into: StreamSender<u64>, to: u64);
    fn failing(&self) -> Streaming<u64, String>;
    fn unfinished(&self) -> Streaming<u64>;
    async fn length(&self, bytes: ByteStream) -> Result<u64, CallError>;
    fn bytes(&self, len: u64) -> ByteStream;
    async fn write(&self, into: ByteWriter, len: u64);
    fn workers(&self, names: Vec<String>) -> Streaming<WorkerProxy>;
    async fn ask_all(&self, workers: Streaming<WorkerProxy>) -> Result<Vec<String>, CallError>;
    fn endless(&self) -> Streaming<u64>;
}

#[service]
trait Worker {
    fn name(&self) -> String;
}

struct Hand(String);

#[service]
impl Worker for Hand {
    fn name(&self) -> String {
        self.0.clone()
    }
}

fn all_bytes(len: u64) -> Bytes {
    (0..251u8).cycle().take(len as usize).collect()
}

async fn length(mut bytes: ByteStream) -> Result<u64, CallError> {
    let mut length = 0;
    while let Some(chunk) = bytes.next_chunk().await {
        length += chunk?.len() as u64;
    }
    Ok(length)
}

#[derive(Clone)]
struct Hall(Tell<&'static str>);

#[service]
impl Works for Hall {
    fn echo(&self, goods: Bytes) -> Bytes {
        goods
    }

    async fn sum(&self, items: Streaming<u64>) -> Result<u64, CallError> {
        Ok(items.into_vec().await?.iter().sum())
    }

    fn count(&self, to: u64) -> Streaming<u64> {
        Streaming::from_iter(0..to)
    }

    async fn fill(&self, mut into: StreamSender<u64>, to: u64) {
        for n in 0..to {
            into.send(n).await.unwrap();
        }
        into.finish();
    }

    fn failing(&self) -> Streaming<u64, String> {
        let (mut sender, stream) = Streaming::channel();
        tokio::task::spawn_local(async move {
            sender.send(1).await.unwrap();
            sender.fail("the well is dry".into());
        });
        stream
    }

    fn unfinished(&self) -> Streaming<u64> {
        Streaming::channel().1
    }

    async fn length(&self, bytes: ByteStream) -> Result<u64, CallError> {
        length(bytes).await
    }

    fn bytes(&self, len: u64) -> ByteStream {
        all_bytes(len).into()
    }

    async fn write(&self, mut into: ByteWriter, len: u64) {
        into.write_all(&all_bytes(len)).await.unwrap();
        into.finish();
    }

    fn workers(&self, names: Vec<String>) -> Streaming<WorkerProxy> {
        Streaming::local(futures_util::stream::iter(
            names.into_iter().map(|name| WorkerProxy::local(Hand(name))),
        ))
    }

    async fn ask_all(&self, mut workers: Streaming<WorkerProxy>) -> Result<Vec<String>, CallError> {
        let mut names = Vec::new();
        while let Some(worker) = workers.next().await {
            names.push(worker?.name().await?);
        }
        Ok(names)
    }

    fn endless(&self) -> Streaming<u64> {
        self.0.tell("begun");
        let bell = self.0.on_drop("ended");
        Streaming::from_iter((0..).inspect(move |_| _ = &bell))
    }
}

/// A hosts the works, B knows nothing of them, C has them from B.
struct Way {
    nodes: [Node; 3],
    inner: Connection,
    nail: Nail,
    works: WorksProxy,
    heard: Heard<&'static str>,
}

async fn way() -> Way {
    way_of(small()).await
}

async fn way_of(host: NodeBuilder) -> Way {
    let (tell, heard) = events();
    let a = listen(host.serve(move || Hall(tell.clone()))).await;
    let nail = Nail::default();
    let peg = nail.clone();
    let b = listen(small().serve(move || peg.clone())).await;
    let c = small().start().await.unwrap();
    let (inner, outer) = (dial(&b, &a).await, dial(&c, &b).await);
    nail.clone().hang(inner.dynamic_root().await.unwrap());
    let works = outer.root::<WorksPegProxy>().await.unwrap().taken().await.unwrap().unwrap();
    Way { nodes: [a, b, c], inner, nail, works, heard }
}

impl Way {
    async fn at_rest(self) {
        drop(self.works);
        for node in &self.nodes {
            settles(node, is_at_rest).await;
        }
    }
}

#[test]
fn large_bodies_go_through_the_node_between() {
    run(async {
        let way = way().await;
        for len in [8_187, 8_188, 100_000, 3 << 20] {
            let goods = all_bytes(len);
            assert!(way.works.echo(goods.clone()).await.unwrap() == goods, "{len} bytes");
        }
        way.at_rest().await;
    });
}

#[test]
fn a_body_that_is_too_large_for_the_way_behind_is_refused_by_the_node_between() {
    run(async {
        let mut config = Config::default();
        config.body_max = 100_000;
        let way = way_of(Node::builder().config(config).arbiters(1)).await;
        let error = way.works.echo(all_bytes(200_000)).await.unwrap_err();
        assert_eq!(
            error,
            CallError::NotSent("a body of 200006 bytes is above the 100000 that travel".into())
        );
        assert_eq!(way.works.echo(all_bytes(90_000)).await.unwrap().len(), 90_000);
        way.at_rest().await;
    });
}

#[test]
fn streams_of_items_go_through_either_way() {
    run(async {
        let way = way().await;
        let works = &way.works;
        assert_eq!(works.sum(Streaming::from_iter(0..1_000)).await, Ok(499_500));
        assert_eq!(works.count(1_000).await.unwrap().into_vec().await, Ok((0..1_000).collect()));
        let (sender, filled) = Streaming::channel();
        let (done, items) = tokio::join!(works.fill(sender, 1_000), filled.into_vec());
        assert_eq!((done, items), (Ok(()), Ok((0..1_000).collect())));
        way.at_rest().await;
    });
}

#[test]
fn streams_of_bytes_go_through_either_way() {
    run(async {
        let way = way().await;
        let (works, len) = (&way.works, 1 << 20);
        assert_eq!(works.length(all_bytes(len).into()).await, Ok(len));
        assert_eq!(length(works.bytes(len).await.unwrap()).await, Ok(len));
        let (writer, written) = ByteStream::channel();
        let (done, read) = tokio::join!(works.write(writer, len), length(written));
        assert_eq!((done, read), (Ok(()), Ok(len)));
        way.at_rest().await;
    });
}

#[test]
fn objects_in_streams_are_forwarded_either_way() {
    run(async {
        let way = way().await;
        let names = ["ann", "bob", "cid"].map(str::to_owned);
        let mut workers = way.works.workers(names.to_vec()).await.unwrap();
        let mut all = Vec::new();
        while let Some(worker) = workers.next().await {
            all.push(worker.unwrap());
        }
        for (worker, name) in all.iter().zip(&names) {
            assert_eq!(worker.name().await.as_ref(), Ok(name));
        }
        // Theirs come home, ours go out.
        let own: WorkerProxy = way.nodes[2].host(|| Hand("dan".into()));
        all.push(own);
        let told = way.works.ask_all(Streaming::from_iter(all)).await;
        assert_eq!(told, Ok(["ann", "bob", "cid", "dan"].map(str::to_owned).to_vec()));
        drop(workers);
        way.at_rest().await;
    });
}

#[test]
fn a_stream_ends_behind_the_node_between_as_it_ends_before_it() {
    run(async {
        let mut way = way().await;
        let mut failing = way.works.failing().await.unwrap();
        assert_eq!(failing.next().await, Some(Ok(1)));
        assert_eq!(failing.next().await, Some(Err(StreamError::App("the well is dry".into()))));
        let mut unfinished = way.works.unfinished().await.unwrap();
        assert_eq!(unfinished.next().await, Some(Err(StreamError::Unfinished)));
        let mut endless = way.works.endless().await.unwrap();
        assert_eq!(endless.next().await, Some(Ok(0)));
        drop(endless);
        assert_eq!(way.heard.take(2).await, ["begun", "ended"]);
        drop((failing, unfinished));
        way.at_rest().await;
    });
}

#[test]
fn a_stream_ends_when_the_connection_behind_the_node_between_is_lost() {
    run(async {
        let mut way = way().await;
        let mut endless = way.works.endless().await.unwrap();
        assert_eq!(endless.next().await, Some(Ok(0)));
        way.inner.close().await;
        let last = loop {
            match endless.next().await {
                Some(Ok(_)) => {}
                last => break last,
            }
        };
        assert_eq!(last, Some(Err(StreamError::Disconnected("closed by this side".into()))));
        assert_eq!(way.heard.take(2).await, ["begun", "ended"]);
    });
}

/// As an older C knows it, with methods in another order and one that is no more.
#[service(name = "Works")]
trait FormerWorks {
    fn retired(&self) -> u8;
    fn count(&self, to: u64) -> Streaming<u64>;
    fn echo(&self, goods: Bytes) -> Bytes;
}

#[service(name = "Peg")]
trait FormerPeg {
    fn hang(&mut self, object: FormerWorksProxy);
    fn taken(&mut self) -> Option<FormerWorksProxy>;
}

#[test]
fn peers_of_different_age_agree_by_name_through_a_node_that_knows_neither() {
    run(async {
        let way = way().await;
        let [_, b, c] = &way.nodes;
        way.nail.clone().hang(way.inner.dynamic_root().await.unwrap());
        let outer = dial(c, b).await;
        let former = outer.root::<FormerPegProxy>().await.unwrap().taken().await.unwrap().unwrap();
        // The two take turns on one lane behind the node between.
        for _ in 0..3 {
            assert_eq!(former.echo("old".into()).await, Ok("old".into()));
            assert_eq!(way.works.echo("new".into()).await, Ok("new".into()));
            assert_eq!(former.count(2).await.unwrap().into_vec().await, Ok(vec![0, 1]));
        }
        assert_eq!(former.retired().await, Err(CallError::NoSuchMethod("Works::retired".into())));
        assert_eq!(way.works.sum(Streaming::from_iter(0..3)).await, Ok(3));
        drop((former, outer));
        way.at_rest().await;
    });
}

#[test]
fn its_host_describes_what_a_node_between_does_not_know() {
    run(async {
        let way = way().await;
        let [_, b, c] = &way.nodes;
        way.nail.clone().hang(way.inner.dynamic_root().await.unwrap());
        let outer = dial(c, b).await;
        let works = outer.root::<PegProxy>().await.unwrap().taken().await.unwrap().unwrap();
        let interface = works.describe().await.unwrap();
        assert_eq!((interface.name(), interface.methods().len()), ("Works", 12));
        let goods = Value::from(Bytes::from_static(b"goods"));
        assert_eq!(works.call("echo", args![goods.clone()]).await, Ok(goods));
        drop((works, outer));
        way.at_rest().await;
    });
}

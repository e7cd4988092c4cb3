//! Nodes in one process: the bound that every test has, two connected nodes, and calls that are under way.
//!
//! What handlers and tests tell each other is in [`crate::events`].

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use duologue::{Connection, Factory, Node, NodeBuilder, NodeStats, Proxy};

/// How long a test may take: far longer than any does, however loaded the machine is, for only one that hangs is to be ended by it.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Runs a test on a thread of its own with a plain tokio runtime, as a user's program would, and bounds it.
///
/// # Panics
/// If the test does, or takes longer than [`PATIENCE`].
pub fn run(test: impl Future<Output = ()>) {
    run_for(PATIENCE, test);
}

/// As [`run`], for a test that has more to do.
///
/// # Panics
/// If the test does, or takes longer than `patience`.
pub fn run_for(patience: Duration, test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(async {
        tokio::time::timeout(patience, test).await.expect("the test ends within its time");
    });
}

/// A builder of a node with one thread: tests share few cores.
pub fn small() -> NodeBuilder {
    Node::builder().arbiters(1)
}

/// Two nodes and a connection between them.
#[derive(Debug)]
pub struct Pair {
    /// It listens and serves.
    pub server: Node,
    /// It has dialed.
    pub client: Node,
    /// The client's side of the connection.
    pub connection: Connection,
}

/// A node that serves what `factory` makes, and one that is connected to it.
pub async fn pair<T>(factory: impl Factory<T>) -> Pair {
    pair_of(small().serve(factory), small()).await
}

/// Two nodes as they were set up.
pub async fn pair_of(server: NodeBuilder, client: NodeBuilder) -> Pair {
    let server = listen(server).await;
    let client = client.start().await.expect("the client starts");
    let connection = dial(&client, &server).await;
    Pair { server, client, connection }
}

/// A node that listens on a free port.
pub async fn listen(builder: NodeBuilder) -> Node {
    builder.bind("127.0.0.1:0").await.expect("the node starts and binds")
}

/// An address of loopback that nobody else is given, so that it is free whenever it is bound: of this process and this call alone, at
/// a port that no socket gets by itself.
pub fn own_address() -> String {
    static CALLS: AtomicU8 = AtomicU8::new(1);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    format!("127.{high}.{low}.{}:18861", CALLS.fetch_add(1, Ordering::Relaxed))
}

/// A new connection from `client` to `server`.
pub async fn dial(client: &Node, server: &Node) -> Connection {
    client.connect(server.local_addr().to_string()).await.expect("the server is there")
}

impl Pair {
    /// The server's root service.
    pub async fn root<P: Proxy>(&self) -> P {
        self.connection.root().await.expect("the server serves it")
    }

    /// The server's side of the connection.
    pub fn other_side(&self) -> Connection {
        let mut connections = self.server.connections();
        assert_eq!(connections.len(), 1, "one connection is open");
        connections.remove(0)
    }

    /// Waits until the server's side of the connection is there too.
    pub async fn both_sides(&self) -> Connection {
        self.server.until(|stats| stats.connections == 1).await;
        self.other_side()
    }

    /// Waits until neither side holds, runs or awaits anything; the connection stays open.
    pub async fn at_rest(&self) {
        settles(&self.client, is_at_rest).await;
        settles(&self.server, is_at_rest).await;
    }

    /// Waits until the server has exactly `count` calls that are not answered.
    pub async fn running(&self, count: usize) {
        settles(&self.server, |stats| stats.total.calls_running == count).await;
    }
}

/// As [`Node::until`], and says what the node holds if it does not come to that.
///
/// # Panics
/// If it takes most of a test's time.
pub async fn settles(node: &Node, done: impl Fn(NodeStats) -> bool) {
    let wait = tokio::time::timeout(PATIENCE * 2 / 3, node.until(done));
    assert!(wait.await.is_ok(), "the node does not settle: {:?}", node.stats());
}

/// Whether nothing is held, run or awaited.
pub fn is_at_rest(stats: NodeStats) -> bool {
    let total = stats.total;
    total.exports == 0
        && total.imports == 0
        && total.calls_awaiting == 0
        && total.calls_running == 0
        && total.answers_kept == 0
        && total.permits_out == 0
        && total.giving == 0
        && total.taking == 0
}

/// Polls a future once: a call is made by it, and is under way from then on.
pub async fn begin<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}

/// Makes the calls in their order: each has been polled when the next is made.
pub async fn begin_all<F: Future + Unpin>(calls: impl IntoIterator<Item = F>) -> Vec<UnderWay<F>> {
    let mut under_way = Vec::new();
    for mut call in calls {
        under_way.push(match begin(&mut call).await {
            Poll::Pending => UnderWay::Waiting(call),
            Poll::Ready(outcome) => UnderWay::Done(Some(outcome)),
        });
    }
    under_way
}

/// A call that was made; its answer may be there already. Dropping it drops the call.
#[derive(Debug)]
pub enum UnderWay<F: Future> {
    /// It waits for its answer.
    Waiting(F),
    /// It was answered at once.
    Done(Option<F::Output>),
}

impl<F: Future + Unpin> Future for UnderWay<F>
where
    F::Output: Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match &mut *self {
            UnderWay::Waiting(call) => Pin::new(call).poll(cx),
            UnderWay::Done(outcome) => Poll::Ready(outcome.take().expect("it is awaited once")),
        }
    }
}

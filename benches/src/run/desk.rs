//! The coordinator's own connection to the server: who it is, and what it uses.

use std::time::Duration;

use duologue::{CallError, ConnectError, Connection, Node, NodeId, OpenError, link};

use crate::access::{Target, client_config};
use crate::held::Held;
use crate::knobs::Knobs;
use crate::service::{BenchProxy, Hello, VERSION};
use crate::usage::Usage;

/// A server under load may let its figures wait for so long.
const PATIENCE: Duration = Duration::from_secs(10);
/// It waits for itself to let go of what it holds.
const LONG_PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(super) struct Desk {
    node: Node,
    pub(super) connection: Connection,
    bench: BenchProxy,
    pub(super) hello: Hello,
}

impl Desk {
    /// Connects, and makes sure that a bench of this version is there.
    pub(super) async fn open(knobs: &Knobs, target: &Target) -> Result<Desk, String> {
        let address = target.address.as_str();
        let node = target.access.node(client_config(knobs)).arbiters(1).start().await;
        let node = node.map_err(|e| e.to_string())?;
        let connection = match node.connect(address).await {
            Ok(connection) => connection,
            Err(error) => return Err(refused(&error, target, &node).await),
        };
        let bench: BenchProxy = connection.root().await.map_err(|error| match error {
            OpenError::WrongInterface { found, .. } => {
                format!("{address} serves `{found}` and no bench: start `duologue bench serve` there")
            }
            error => error.to_string(),
        })?;
        let other = |what: String| {
            format!(
                "{address} is another version of the bench ({what}, this one is {VERSION}): use the same release at both ends"
            )
        };
        let hello = bench.hello().timeout(PATIENCE).await.map_err(|error| match error {
            CallError::NoSuchMethod(_) | CallError::BadReply(_) => other("it does not say which".to_owned()),
            error => error.to_string(),
        })?;
        if hello.version != VERSION {
            return Err(other(format!("it is {}", hello.version)));
        }
        Ok(Desk { node, connection, bench, hello })
    }

    /// What the server has used up to now. One that does not say it has gone, or stands still.
    pub(super) async fn usage(&self) -> Result<Usage, CallError> {
        self.bench.usage().timeout(PATIENCE).await
    }

    /// What the server still holds for these nodes.
    pub(super) async fn held(&self, by: Vec<NodeId>) -> Result<Held, String> {
        self.bench.held(by).timeout(LONG_PATIENCE).await.map_err(|error| unsaid(&error))
    }

    /// How many connections of these nodes the server still has open.
    pub(super) async fn open_connections(&self, by: Vec<NodeId>) -> Result<usize, String> {
        self.bench.open(by).timeout(LONG_PATIENCE).await.map_err(|error| unsaid(&error))
    }

    pub(super) async fn close(self) {
        let _ = tokio::time::timeout(PATIENCE, self.node.shutdown()).await;
    }
}

/// Why a server does not say what it holds.
fn unsaid(error: &CallError) -> String {
    match error {
        CallError::NoSuchMethod(_) => "the server is of a release that does not say it".to_owned(),
        error => format!("the server did not say: {error}"),
    }
}

/// Why there is no connection, and what would help.
async fn refused(error: &ConnectError, target: &Target, node: &Node) -> String {
    let text = with_sources(error);
    match error {
        ConnectError::Link(link::ConnectError::NotTrustedByPeer { .. }) => match target.access.node_id() {
            // The key of this run alone: nobody could trust it before the next one has another.
            None if is_this_machine(&target.address).await => format!(
                "{text}: give this end a lasting key with --key FILE, and start the server with --trust and the id that \
                 `duologue id --key FILE` prints"
            ),
            _ => format!("{text}: start it with --trust {}", node.id()),
        },
        ConnectError::Link(link::ConnectError::Untrusted { peer, .. }) => {
            format!("{text}: if it is the right one, say --trust {peer}")
        }
        _ => text,
    }
}

/// Whether a node that was given no key has a fresh one there.
async fn is_this_machine(address: &str) -> bool {
    let found = tokio::net::lookup_host(address).await;
    found.is_ok_and(|mut addresses| addresses.all(|address| address.ip().is_loopback()))
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    text
}

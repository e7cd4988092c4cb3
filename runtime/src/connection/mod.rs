//! One connection between two nodes: the actor that owns it, its streams, and the handle that users hold.

mod accept;
mod actor;
mod bodies;
mod bulk;
mod consume;
mod lanes;
mod open;
mod produce;
mod shared;
mod streams;

pub(crate) use actor::Message;
pub(crate) use open::{HelloError, accepted, dialed};
pub(crate) use shared::{Dropped, Shared};

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use transport::NodeId;

use crate::descriptor::Descriptor;
use crate::error::{AppError, CallError};
use crate::lobby;
use crate::node::Life;
use crate::proxy::{Handle, Proxy};

/// A connection to another node. Neither side is "the server": both may serve, and both may call.
///
/// A handle: clones are the same connection. It stays open while its node lives or anybody holds it or a proxy that came by it.
#[derive(Clone)]
pub struct Connection {
    shared: Arc<Shared>,
    _life: Option<Arc<Life>>,
}

/// Why a connection has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// This side closed it.
    ByUs,
    /// The peer closed it, with its code and reason; 0 is an ordinary close.
    ByPeer {
        /// Why, as a number.
        code: u32,
        /// Why, in words.
        reason: String,
    },
    /// Nothing was heard of the peer for the idle time.
    TimedOut,
    /// The peer broke a rule of the protocol; it was told.
    Violation(String),
    /// The link failed otherwise.
    Lost(String),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::ByUs => f.write_str("closed by this side"),
            Ended::ByPeer { code: 0, reason } if reason.is_empty() => f.write_str("closed by the peer"),
            Ended::ByPeer { code: 0, reason } => write!(f, "closed by the peer: {reason}"),
            Ended::ByPeer { code, reason } => write!(f, "closed by the peer with code {code}: {reason}"),
            Ended::TimedOut => f.write_str("nothing was heard of the peer for the idle time"),
            Ended::Violation(rule) => write!(f, "the peer broke the protocol: {rule}"),
            Ended::Lost(reason) => write!(f, "the link was lost: {reason}"),
        }
    }
}

/// The code with which a connection is closed for a broken rule.
pub(crate) const CODE_PROTOCOL: u32 = 1;
/// The code with which a connection is closed that was never greeted.
pub(crate) const CODE_HELLO: u32 = 2;

/// Why a service could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The peer serves nothing of this name. No code ran; the link is usable.
    #[error("the peer serves no `{0}`")]
    NoSuchService(String),
    /// The peer's service has another interface. The link is usable.
    #[error("the peer serves `{found}`, not `{expected}`")]
    WrongInterface {
        /// The interface that was asked for.
        expected: String,
        /// The one that is served.
        found: String,
    },
    /// The call to the peer failed.
    #[error(transparent)]
    Call(CallError),
}

impl<E: AppError> From<OpenError> for CallError<E> {
    fn from(error: OpenError) -> CallError<E> {
        match error {
            OpenError::Call(error) => error.into(),
            other => CallError::Nested(other.to_string()),
        }
    }
}

impl From<OpenError> for CallError {
    fn from(error: OpenError) -> CallError {
        match error {
            OpenError::Call(error) => error,
            other => CallError::Nested(other.to_string()),
        }
    }
}

/// What a connection holds at this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionStats {
    /// Objects of this side that the peer holds.
    pub exports: usize,
    /// Objects of the peer that this side holds.
    pub imports: usize,
    /// Calls of this side that are not answered.
    pub calls_awaiting: usize,
    /// Calls of the peer that are not answered, or whose large answer is not sent yet.
    pub calls_running: usize,
    /// Answers of this side that are kept for calls which the peer pipelines.
    pub answers_kept: usize,
    /// Permits of 1 KiB that are out.
    pub permits_out: usize,
    /// Lanes and the control stream.
    pub streams: usize,
    /// Streams of items or bytes that this side gives and the peer has not read to their end.
    pub giving: usize,
    /// Those that the peer gives and this side has not read to their end.
    pub taking: usize,
}

impl std::ops::AddAssign for ConnectionStats {
    fn add_assign(&mut self, other: ConnectionStats) {
        self.exports += other.exports;
        self.imports += other.imports;
        self.calls_awaiting += other.calls_awaiting;
        self.calls_running += other.calls_running;
        self.answers_kept += other.answers_kept;
        self.permits_out += other.permits_out;
        self.streams += other.streams;
        self.giving += other.giving;
        self.taking += other.taking;
    }
}

impl Connection {
    pub(crate) fn of(shared: Arc<Shared>) -> Connection {
        let life = shared.life();
        Connection { shared, _life: life }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The service that the peer shows first.
    ///
    /// ```text
    /// let calc: CalculatorProxy = conn.root().await?;
    /// ```
    pub async fn root<P: Proxy>(&self) -> Result<P, OpenError> {
        self.open(None).await
    }

    /// A service of the peer by its name or alias, in any case.
    pub async fn service<P: Proxy>(&self, name: &str) -> Result<P, OpenError> {
        self.open(Some(name)).await
    }

    async fn open<P: Proxy>(&self, name: Option<&str>) -> Result<P, OpenError> {
        self.open_object(P::descriptor(), name).await.map(P::from_handle)
    }

    /// A service of the peer that answers to the names of an interface.
    pub(crate) async fn open_object(
        &self,
        wanted: &'static Descriptor,
        name: Option<&str>,
    ) -> Result<Handle, OpenError> {
        let opened = self.opened(name).await?;
        let known = |name: &String| wanted.answers_to(name);
        if !known(&opened.name) && !opened.aliases.iter().any(known) {
            let expected = wanted.name.clone().into_owned();
            return Err(OpenError::WrongInterface { expected, found: opened.name });
        }
        Ok(opened.object.0)
    }

    /// A service of the peer, whatever its interface.
    pub(crate) async fn opened(&self, name: Option<&str>) -> Result<lobby::Opened, OpenError> {
        match lobby::open(&self.shared, name).await {
            Ok(opened) => Ok(opened),
            Err(CallError::App(no)) => Err(OpenError::NoSuchService(no.name)),
            Err(other) => Err(OpenError::Call(other.map_app(|_| unreachable!("matched above")))),
        }
    }

    /// Makes a round trip through the peer's lobby; how long it took.
    pub async fn ping(&self) -> Result<Duration, CallError> {
        let start = Instant::now();
        lobby::ping(&self.shared).await?;
        Ok(start.elapsed())
    }

    /// The identity of the other node.
    pub fn peer(&self) -> NodeId {
        self.other().id
    }

    /// Where the other node is.
    pub fn remote_address(&self) -> SocketAddr {
        self.other().address
    }

    /// True if this side dialed.
    pub fn dialed(&self) -> bool {
        self.other().dialed
    }

    fn other(&self) -> &shared::Peer {
        self.shared.peer.get().expect("a connection is handed out only with its link")
    }

    /// What QUIC says of the path: round-trip time, losses, bytes. `None` after the connection has ended.
    pub fn link_stats(&self) -> Option<transport::LinkStats> {
        self.shared.link_stats()
    }

    /// What it holds now; all zero after it has ended.
    pub fn stats(&self) -> ConnectionStats {
        self.shared.with(|tables, _| {
            let ended = tables.ended().is_some();
            ConnectionStats {
                exports: tables.exports.len(),
                imports: tables.imports.len(),
                calls_awaiting: tables.calls.len(),
                calls_running: tables.running.len() + tables.bodies.replies(),
                answers_kept: tables.kept.len(),
                permits_out: tables.permits_out() as usize,
                streams: if ended { 0 } else { tables.lanes.len() + 1 },
                giving: tables.streams.producing(),
                taking: tables.streams.consuming(),
            }
        })
    }

    /// Closes the connection: whatever waits on it ends, both services are told. Waits until it is closed.
    pub async fn close(&self) {
        self.close_with(0, "").await;
    }

    /// Closes the connection with a code and a reason that the peer sees.
    pub async fn close_with(&self, code: u32, reason: &str) {
        if let Some(actor) = self.shared.actor.get() {
            actor.do_send(Message::Close { code, reason: reason.to_owned() });
        }
        self.closed().await;
    }

    /// Closes it without waiting for that.
    pub(crate) fn close_soon(&self) {
        if let Some(actor) = self.shared.actor.get() {
            actor.do_send(Message::Close { code: 0, reason: String::new() });
        }
    }

    /// Waits until the connection has ended; why it did.
    pub async fn closed(&self) -> Ended {
        let mut ended = self.shared.ended.subscribe();
        match ended.wait_for(Option::is_some).await {
            Ok(ended) => ended.clone().unwrap_or(Ended::ByUs),
            Err(_) => Ended::ByUs,
        }
    }

    /// Whether it has ended.
    pub fn is_closed(&self) -> bool {
        self.shared.ended.borrow().is_some()
    }

    /// An identifier of this connection within the process.
    pub fn id(&self) -> u64 {
        self.shared.id
    }
}

impl PartialEq for Connection {
    fn eq(&self, other: &Connection) -> bool {
        self.shared.id == other.shared.id
    }
}

impl Eq for Connection {}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Connection");
        f.field("id", &self.shared.id);
        if let Some(peer) = self.shared.peer.get() {
            f.field("peer", &peer.id).field("remote_address", &peer.address);
        }
        f.finish_non_exhaustive()
    }
}

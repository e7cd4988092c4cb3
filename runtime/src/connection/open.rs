//! How a link becomes a connection: streams, hello, the root service, and then the actor.

use std::sync::{Arc, Weak};
use std::time::Duration;

use actix::Context;
use bytes::Bytes;
use tokio::task::spawn_local;
use transport::frame::Deframer;
use transport::{Link, LinkError, RecvStream, SendStream, StreamError};

use super::actor::ConnectionActor;
use super::{CODE_HELLO, Connection, Shared, accept, bodies, lanes as own_lanes, produce, streams};
use crate::node::{Life, NodeInner, Worker};
use crate::services::Services;
use crate::tables::Tables;
use crate::wire::{self, CONTROL_MAX, Control, Hello, STREAM_CONTROL, STREAM_LANE, WireError};

/// Why a link did not become a connection.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum HelloError {
    #[error(transparent)]
    Link(LinkError),
    #[error("it speaks version {0} of the protocol")]
    Version(u16),
    #[error("{0}")]
    Protocol(String),
    #[error("it did not greet in time")]
    TimedOut,
}

impl From<LinkError> for HelloError {
    fn from(error: LinkError) -> HelloError {
        HelloError::Link(error)
    }
}

impl From<StreamError> for HelloError {
    fn from(error: StreamError) -> HelloError {
        match error {
            StreamError::Link(error) => HelloError::Link(error),
            other => HelloError::Protocol(other.to_string()),
        }
    }
}

/// A bidirectional stream with what was read of it beyond its first byte.
struct Opened {
    send: SendStream,
    recv: RecvStream,
    rest: Bytes,
}

/// The most lanes a dialer may announce.
const LANES_MAX: u8 = 64;

/// This side dialed.
pub(crate) async fn dialed(
    link: Link,
    node: Arc<NodeInner>,
    life: Weak<Life>,
    worker: Worker,
    services: Arc<Services>,
) -> Result<Connection, HelloError> {
    let opening = Opening::new(link, node, life, worker, services);
    let limit = opening.node.config.transport.connect_timeout;
    opening.within(limit, Opening::dial).await
}

/// The peer dialed.
pub(crate) async fn accepted(
    link: Link,
    node: Arc<NodeInner>,
    life: Weak<Life>,
    worker: Worker,
    services: Arc<Services>,
) -> Result<Connection, HelloError> {
    let opening = Opening::new(link, node, life, worker, services);
    let limit = opening.node.config.transport.connect_timeout;
    opening.within(limit, Opening::accept).await
}

struct Opening {
    link: Link,
    node: Arc<NodeInner>,
    shared: Arc<Shared>,
    services: Arc<Services>,
}

impl Opening {
    fn new(
        link: Link,
        node: Arc<NodeInner>,
        life: Weak<Life>,
        worker: Worker,
        services: Arc<Services>,
    ) -> Opening {
        let tables = Tables::new(node.config.tables(), crate::lobby::object());
        let shared = Shared::new(tables, worker, services.instances(), life);
        shared.attach(&link);
        shared.account.open(&node.budget);
        Opening { link, node, shared, services }
    }

    async fn within<F>(
        self,
        limit: Duration,
        open: impl FnOnce(Opening) -> F,
    ) -> Result<Connection, HelloError>
    where
        F: Future<Output = Result<Connection, HelloError>>,
    {
        let link = self.link.clone();
        let result = tokio::time::timeout(limit, open(self)).await.unwrap_or(Err(HelloError::TimedOut));
        if let Err(e) = &result {
            link.close(CODE_HELLO, &e.to_string());
        }
        result
    }

    fn hello(&self, lanes: u8) -> Vec<u8> {
        let hello = self.shared.with(|tables, _| tables.hello(lanes, self.node.boot));
        let mut bytes = Vec::new();
        wire::put_control(&mut bytes, &Control::Hello(hello));
        bytes
    }

    async fn dial(self) -> Result<Connection, HelloError> {
        let count = self.node.config.shared_lanes.clamp(1, LANES_MAX);
        let (mut send, recv) = self.link.open().await?;
        let mut first = vec![STREAM_CONTROL];
        first.extend(self.hello(count));
        send.send(first.into()).await?;
        let mut lanes = Vec::new();
        for _ in 0..count {
            let (mut send, recv) = self.link.open().await?;
            send.send(Bytes::from_static(&[STREAM_LANE])).await?;
            lanes.push(Opened { send, recv, rest: Bytes::new() });
        }
        let mut control = Opened { send, recv, rest: Bytes::new() };
        let deframer = self.greeted(&mut control).await?.1;
        Ok(self.start(control, deframer, lanes))
    }

    async fn accept(self) -> Result<Connection, HelloError> {
        let mut control = self.identified(STREAM_CONTROL).await?;
        let (hello, deframer) = self.greeted(&mut control).await?;
        if hello.lanes == 0 || hello.lanes > LANES_MAX {
            return Err(HelloError::Protocol(format!("{} lanes", hello.lanes)));
        }
        control.send.send(self.hello(0).into()).await?;
        let mut lanes = Vec::new();
        for _ in 0..hello.lanes {
            lanes.push(self.identified(STREAM_LANE).await?);
        }
        Ok(self.start(control, deframer, lanes))
    }

    /// The next stream of the peer, which must be of this kind.
    async fn identified(&self, kind: u8) -> Result<Opened, HelloError> {
        let (send, mut recv) = self.link.accept().await?;
        let mut first = next(&mut recv).await?;
        if first[0] != kind {
            return Err(HelloError::Protocol(format!("a stream of kind {} where {kind} was due", first[0])));
        }
        let rest = first.split_off(1);
        Ok(Opened { send, recv, rest })
    }

    /// The peer's hello; nothing else is processed before it.
    async fn greeted(&self, control: &mut Opened) -> Result<(Hello, Deframer), HelloError> {
        let mut deframer = Deframer::new(CONTROL_MAX);
        deframer.push(std::mem::take(&mut control.rest));
        let frame = loop {
            match deframer.next().map_err(|e| HelloError::Protocol(e.to_string()))? {
                Some(frame) => break frame,
                None => deframer.push(next(&mut control.recv).await?),
            }
        };
        let hello = match wire::read_control(&frame) {
            Ok(Some(Control::Hello(hello))) => hello,
            Ok(_) => return Err(HelloError::Protocol("the first frame is no hello".into())),
            Err(WireError::Version(version)) => return Err(HelloError::Version(version)),
            Err(e) => return Err(HelloError::Protocol(e.to_string())),
        };
        let greeted = self.shared.with(|tables, _| tables.greeted(hello.clone()));
        greeted.map_err(|e| HelloError::Protocol(e.to_string()))?;
        Ok((hello, deframer))
    }

    /// From here on it is a connection.
    fn start(self, control: Opened, deframer: Deframer, lanes: Vec<Opened>) -> Connection {
        let Opening { link, node, shared, services } = self;
        let idle = node.config.transport.idle_timeout;
        let limits = own_lanes::Limits { identify: node.config.transport.connect_timeout, idle };
        let stream_idle = node.config.stream_idle;
        let ctx = Context::new();
        let count = lanes.len();
        let mut actor = ConnectionActor::new(shared.clone(), link.clone(), node.clone(), count);
        for lane in lanes {
            let number = shared.with(|tables, _| tables.add_lane());
            actor.owns(
                spawn_local(streams::write_lane(shared.clone(), number, lane.send, idle)).abort_handle(),
            );
            let reader = streams::read_lane(shared.clone(), number, lane.recv, lane.rest);
            actor.owns(spawn_local(reader).abort_handle());
        }
        let connection = Connection::of(shared.clone());
        actor.owns(spawn_local(streams::write_control(shared.clone(), control.send, idle)).abort_handle());
        actor.owns(spawn_local(streams::read_control(shared.clone(), control.recv, deframer)).abort_handle());
        let starter = produce::start_streams(shared.clone(), link.clone(), idle, stream_idle);
        actor.owns(spawn_local(starter).abort_handle());
        actor.owns(spawn_local(streams::keep_time(shared.clone())).abort_handle());
        actor.owns(spawn_local(bodies::send_bodies(shared.clone(), link.clone())).abort_handle());
        actor.owns(
            spawn_local(accept::accept_streams(shared.clone(), link.clone(), stream_idle)).abort_handle(),
        );
        actor.owns(spawn_local(own_lanes::run_lanes(shared.clone(), link.clone(), limits)).abort_handle());
        // The tasks above run only after this function: the address is set before anybody asks for it.
        let addr = ctx.run(actor);
        let _ = shared.actor.set(addr);
        // No pump has run yet: the root's hook stands in line before every call.
        services.connected(&connection);
        node.remember(&shared);
        tracing::info!(
            connection = shared.id,
            peer = %link.peer(),
            remote = %link.remote_address(),
            dialed = link.dialed(),
            "connected"
        );
        connection
    }
}

/// The next bytes of a stream that must not end yet.
async fn next(recv: &mut RecvStream) -> Result<Bytes, HelloError> {
    loop {
        match recv.next().await? {
            Some(chunk) if chunk.is_empty() => {}
            Some(chunk) => return Ok(chunk),
            None => return Err(HelloError::Protocol("a stream ended before it began".into())),
        }
    }
}

//! Duologue doing the same work: a service, its server process, and clients on an arbiter and in a tokio program.
//!
//! All settings are the defaults, but for the MTU where a work names one and the permits where a work has more calls
//! under way than there are.

mod neighbour;

use std::sync::Arc;
use std::time::Duration;

use duologue::prelude::*;
use duologue::{Config, NodeBuilder};

use crate::Fault;
use crate::peer::{Address, BULK_BYTE, Back, Client, Echoed, Meter, Options, Peer, call_back};

pub(crate) use self::neighbour::beside_a_flood;
use self::neighbour::{Flat, NeighbourProxy, SlowProxy, Swamp};

/// Bulk bytes handed to a stream at once.
const BULK_PIECE: u64 = 256 * 1024;
/// No work takes longer.
const LONGEST: Duration = Duration::from_secs(600);
/// Permits that the runtime keeps for calls made inside handlers.
const RESERVE: u32 = 64;

#[service]
pub(crate) trait Calc {
    /// Answered by a future that is ready at once.
    async fn add(&self, a: i64, b: i64) -> i64;
    /// Answered with no future.
    fn sum(&self, a: i64, b: i64) -> i64;
    /// The same bytes.
    async fn echo(&self, data: Bytes) -> Bytes;
    /// Calls back, so many at a time, until told to stop.
    async fn callbacks(&self, in_flight: u32, back: Callback<fn(u64) -> u64>) -> Result<u64, CallError>;
    /// So many bytes.
    async fn bulk(&self, bytes: u64) -> ByteStream;
    /// Reads to the end.
    async fn swallow(&self, data: ByteStream) -> Result<u64, String>;
    /// An object that is easily flooded.
    fn slow(&self) -> SlowProxy;
    /// Its neighbour.
    fn neighbour(&self) -> NeighbourProxy;
}

struct Desk;

#[service]
impl Calc for Desk {
    async fn add(&self, a: i64, b: i64) -> i64 {
        a.wrapping_add(b)
    }

    fn sum(&self, a: i64, b: i64) -> i64 {
        a.wrapping_add(b)
    }

    async fn echo(&self, data: Bytes) -> Bytes {
        data
    }

    async fn callbacks(&self, in_flight: u32, back: Callback<fn(u64) -> u64>) -> Result<u64, CallError> {
        let made = call_back(in_flight, async |n| Ok(back.call(n).await?)).await;
        made.map_err(|fault| CallError::Nested(fault.to_string()))
    }

    async fn bulk(&self, bytes: u64) -> ByteStream {
        let block = Bytes::from(vec![BULK_BYTE; BULK_PIECE as usize]);
        let pieces = (0..bytes.div_ceil(BULK_PIECE))
            .map(move |n| block.slice(..BULK_PIECE.min(bytes - n * BULK_PIECE) as usize));
        ByteStream::from_chunks(futures_util::stream::iter(pieces))
    }

    async fn swallow(&self, mut data: ByteStream) -> Result<u64, String> {
        let mut sum = 0;
        while let Some(chunk) = data.next_chunk().await {
            sum += chunk.map_err(|e| e.to_string())?.len() as u64;
        }
        Ok(sum)
    }

    fn slow(&self) -> SlowProxy {
        SlowProxy::local(Swamp)
    }

    fn neighbour(&self) -> NeighbourProxy {
        NeighbourProxy::local(Flat)
    }
}

/// Makes connections: from the thread that is also the node's, or from a multi-threaded tokio program whose node has
/// threads of its own.
#[derive(Debug)]
pub(crate) struct Duologue<const ON_THIS_THREAD: bool, const PLAIN: bool> {
    node: Node,
    server: String,
}

/// A connection and its root; calls the method that is plain in the trait, or the one that is not.
#[derive(Clone, Debug)]
pub(crate) struct Calls<const PLAIN: bool> {
    calc: CalcProxy,
    /// Kept as long as it is used.
    _connection: Connection,
}

fn node(options: &Options) -> NodeBuilder {
    let mut config = Config::default();
    if let Some(mtu) = options.mtu {
        config.transport.initial_mtu = mtu;
    }
    config.object_permits = config.object_permits.max(options.in_flight + RESERVE);
    config.connection_permits = config.connection_permits.max(options.in_flight + RESERVE);
    config.busy_poll = options.busy_poll;
    Node::builder().config(config)
}

impl<const ON_THIS_THREAD: bool, const PLAIN: bool> Peer for Duologue<ON_THIS_THREAD, PLAIN> {
    type Server = Node;
    type Client = Calls<PLAIN>;

    async fn serve(options: &Options) -> Result<(Address, Node), Fault> {
        let builder = node(options).arbiters(options.arbiters).serve(|| Desk);
        let node = builder.bind("127.0.0.1:0").await?;
        Ok((Address::new(node.local_addr(), &[]), node))
    }

    async fn dialer(at: &Address, options: &Options) -> Result<Self, Fault> {
        let builder = node(options);
        let builder = if ON_THIS_THREAD { builder.on_this_thread() } else { builder };
        Ok(Self { node: builder.start().await?, server: at.server.to_string() })
    }

    async fn connect(&self) -> Result<Calls<PLAIN>, Fault> {
        let connection = self.node.connect(&*self.server).await?;
        Ok(Calls { calc: connection.root().await?, _connection: connection })
    }
}

impl<const PLAIN: bool> Client for Calls<PLAIN> {
    type Payload = Bytes;

    fn payload(size: usize) -> Bytes {
        Bytes::from(vec![BULK_BYTE; size])
    }

    async fn add(&self, a: i64, b: i64) -> Result<i64, Fault> {
        Ok(if PLAIN { self.calc.sum(a, b).await? } else { self.calc.add(a, b).await? })
    }

    async fn echo(&self, payload: Bytes) -> Result<Echoed, Fault> {
        Ok(Echoed::of(&self.calc.echo(payload).await?))
    }

    async fn callbacks(&self, in_flight: u32, back: &'static Back) -> Result<u64, Fault> {
        Ok(self.calc.callbacks(in_flight, |n: u64| back.answer(n)).timeout(LONGEST).await?)
    }

    async fn bulk(&self, bytes: u64, meter: &Arc<Meter>) -> Result<(), Fault> {
        let mut pieces = self.calc.bulk(bytes).await?;
        while let Some(piece) = pieces.next_chunk().await {
            if !meter.take(&piece?) {
                break;
            }
        }
        Ok(())
    }
}

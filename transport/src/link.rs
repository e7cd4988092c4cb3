//! [`Link`]: an authenticated connection to another node, which carries streams. It knows nothing of what they carry.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use quinn::VarInt;
use quinn::rustls::pki_types::CertificateDer;

use crate::admission::Seat;
use crate::link_error::peer_unknown;
use crate::stream::{self, RecvStream, SendStream};
use crate::target::canonical;
use crate::{Config, NodeId};

pub use crate::link_error::LinkError;

/// A connection to a node that has proved who it is. Cheap to clone; when the last handle on it and on its streams
/// is dropped, it is closed with code 0.
#[derive(Clone)]
pub struct Link(Arc<Inner>);

pub(crate) struct Inner {
    quinn: quinn::Connection,
    peer: NodeId,
    dialed: bool,
    streams_max: u32,
    /// Streams with a handle on this side.
    streams_open: AtomicU32,
    both_ways: Accepted,
    one_way: Accepted,
    _seat: Option<Seat>,
}

/// Streams of one kind that the peer opened.
struct Accepted {
    /// How many it may have open now.
    limit: AtomicU32,
    /// Those with a handle on this side.
    open: AtomicU32,
}

impl Accepted {
    fn at_most(limit: u32) -> Accepted {
        Accepted { limit: AtomicU32::new(limit), open: AtomicU32::new(0) }
    }

    /// Doubles the limit if it fills; the new one. It is paid up front, so it does not start high.
    fn grown(&self, max: u32) -> Option<u32> {
        let limit = self.limit.load(Ordering::Relaxed);
        let used = self.open.load(Ordering::Relaxed);
        if limit >= max || used < limit - limit / 4 {
            return None;
        }
        let grown = limit.saturating_mul(2).min(max);
        // Only one of several acceptors raises it.
        let first = self.limit.compare_exchange(limit, grown, Ordering::Relaxed, Ordering::Relaxed);
        first.ok().map(|_| grown)
    }
}

/// Where a stream came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Opened,
    Accepted,
    AcceptedOneWay,
}

/// Counters of a link since it was made, and its present state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkStats {
    /// Round-trip time as estimated now.
    pub rtt: Duration,
    /// UDP payload bytes sent.
    pub sent_bytes: u64,
    /// UDP payload bytes received.
    pub received_bytes: u64,
    /// UDP datagrams sent.
    pub sent_datagrams: u64,
    /// UDP datagrams received.
    pub received_datagrams: u64,
    /// Packets sent that were declared lost.
    pub lost_packets: u64,
    /// Bytes that may be in the network now, as the congestion controller sees it.
    pub congestion_window: u64,
    /// UDP payload size in use, in bytes.
    pub mtu: u16,
    /// Streams of either side with a handle in this process.
    pub open_streams: u32,
}

impl Link {
    /// Fails if the connection ended meanwhile.
    pub(crate) fn new(
        connection: quinn::Connection,
        seat: Option<Seat>,
        config: &Config,
    ) -> Result<Self, LinkError> {
        let certificates =
            connection.peer_identity().and_then(|any| any.downcast::<Vec<CertificateDer<'_>>>().ok());
        let peer = certificates.and_then(|chain| NodeId::of_certificate(chain.first()?).ok());
        let Some(peer) = peer else { return Err(peer_unknown(&connection)) };
        Ok(Self(Arc::new(Inner {
            dialed: connection.side() == quinn::Side::Client,
            quinn: connection,
            peer,
            streams_max: config.streams_max,
            streams_open: AtomicU32::new(0),
            both_ways: Accepted::at_most(config.streams_start),
            one_way: Accepted::at_most(config.one_way_start.min(config.streams_max)),
            _seat: seat,
        })))
    }

    /// Who is at the other end; proved by its key.
    pub fn peer(&self) -> NodeId {
        self.0.peer
    }

    /// Where the peer is now; it may move (QUIC migration) without the link noticing.
    pub fn remote_address(&self) -> SocketAddr {
        canonical(self.0.quinn.remote_address())
    }

    /// Whether this side made the connection.
    pub fn dialed(&self) -> bool {
        self.0.dialed
    }

    /// Opens a stream. **The peer learns of it only when something is sent on it.** Waits while the peer allows no
    /// more streams. Cancel-safe.
    pub async fn open(&self) -> Result<(SendStream, RecvStream), LinkError> {
        let (send, recv) = self.0.quinn.open_bi().await.map_err(LinkError::of)?;
        Ok(stream::pair(self.0.clone(), Origin::Opened, send, recv))
    }

    /// The next stream that the peer opens. Cancel-safe.
    ///
    /// When three quarters of the streams the peer may have open are in use, the limit doubles, up to
    /// `streams_max`.
    pub async fn accept(&self) -> Result<(SendStream, RecvStream), LinkError> {
        let (send, recv) = self.0.quinn.accept_bi().await.map_err(LinkError::of)?;
        let pair = stream::pair(self.0.clone(), Origin::Accepted, send, recv);
        if let Some(limit) = self.0.both_ways.grown(self.0.streams_max) {
            self.0.quinn.set_max_concurrent_bi_streams(VarInt::from_u32(limit));
        }
        Ok(pair)
    }

    /// Opens a stream on which only this side sends; else as [`Link::open`]. Cancel-safe.
    pub async fn open_one_way(&self) -> Result<SendStream, LinkError> {
        let send = self.0.quinn.open_uni().await.map_err(LinkError::of)?;
        Ok(stream::outgoing(self.0.clone(), send))
    }

    /// The next stream on which only the peer sends; their limit grows as with [`Link::accept`]. Cancel-safe.
    pub async fn accept_one_way(&self) -> Result<RecvStream, LinkError> {
        let recv = self.0.quinn.accept_uni().await.map_err(LinkError::of)?;
        let recv = stream::incoming(self.0.clone(), recv);
        if let Some(limit) = self.0.one_way.grown(self.0.streams_max) {
            self.0.quinn.set_max_concurrent_uni_streams(VarInt::from_u32(limit));
        }
        Ok(recv)
    }

    /// Ends the link at once, for both sides. What was sent but not yet acknowledged may be lost, `finish`ed streams
    /// included: let the peer answer first.
    pub fn close(&self, code: u32, reason: &str) {
        self.0.quinn.close(VarInt::from_u32(code), reason.as_bytes());
    }

    /// Waits until the link has ended, and says why.
    pub async fn closed(&self) -> LinkError {
        LinkError::of(self.0.quinn.closed().await)
    }

    /// Why the link has ended; `None` while it lives.
    pub fn close_reason(&self) -> Option<LinkError> {
        self.0.quinn.close_reason().map(LinkError::of)
    }

    /// Counters and present state.
    pub fn stats(&self) -> LinkStats {
        let stats = self.0.quinn.stats();
        LinkStats {
            rtt: stats.path.rtt,
            sent_bytes: stats.udp_tx.bytes,
            received_bytes: stats.udp_rx.bytes,
            sent_datagrams: stats.udp_tx.datagrams,
            received_datagrams: stats.udp_rx.datagrams,
            lost_packets: stats.path.lost_packets,
            congestion_window: stats.path.cwnd,
            mtu: stats.path.current_mtu,
            open_streams: self.0.streams_open.load(Ordering::Relaxed),
        }
    }

    /// Round-trip time as estimated now.
    pub fn rtt(&self) -> Duration {
        self.0.quinn.rtt()
    }
}

impl Inner {
    /// A stream has a handle now.
    pub(crate) fn stream_began(&self, origin: Origin) {
        self.streams_open.fetch_add(1, Ordering::Relaxed);
        if let Some(accepted) = self.accepted(origin) {
            accepted.open.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The last handle of a stream is gone.
    pub(crate) fn stream_ended(&self, origin: Origin) {
        self.streams_open.fetch_sub(1, Ordering::Relaxed);
        if let Some(accepted) = self.accepted(origin) {
            accepted.open.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn accepted(&self, origin: Origin) -> Option<&Accepted> {
        match origin {
            Origin::Opened => None,
            Origin::Accepted => Some(&self.both_ways),
            Origin::AcceptedOneWay => Some(&self.one_way),
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("peer", &self.0.peer)
            .field("remote", &self.remote_address())
            .field("dialed", &self.0.dialed)
            .finish_non_exhaustive()
    }
}

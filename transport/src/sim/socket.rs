//! [`Socket`]: an in-memory UDP socket as the QUIC library wants it, a thin pump around the rules of its network.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use quinn::udp::{EcnCodepoint, RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use tokio::time::{Instant, Sleep, sleep_until};

use super::Network;
use crate::target::canonical;

/// Datagrams that one call may send, as with segmentation offload of a real socket.
const SEGMENTS_MAX: usize = 10;

/// A socket of a simulated network; dropping it frees its address.
#[derive(Debug)]
pub(crate) struct Socket {
    network: Network,
    local: SocketAddr,
    inbox: Arc<Inbox>,
}

/// What is under way to a socket.
#[derive(Debug, Default)]
pub(crate) struct Inbox(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    /// The next to arrive is on top.
    parcels: BinaryHeap<Reverse<Parcel>>,
    /// Who reads.
    reader: Option<Waker>,
    /// Wakes the reader when the next one arrives; lives on the reader's runtime.
    timer: Option<Pin<Box<Sleep>>>,
}

/// A copy of a datagram that will arrive.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) at: Instant,
    /// Of those that arrive at the same time, the one sent first is first.
    pub(crate) number: u64,
    pub(crate) from: SocketAddr,
    pub(crate) ecn: Option<EcnCodepoint>,
    pub(crate) bytes: Arc<[u8]>,
}

impl Socket {
    pub(super) fn new(network: Network, local: SocketAddr, inbox: Arc<Inbox>) -> Self {
        Self { network, local, inbox }
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.network.unbind(self.local);
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(AlwaysWritable)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let destination = canonical(transmit.destination);
        let segment = transmit.segment_size.unwrap_or(transmit.contents.len()).max(1);
        self.network.send(self.local, destination, transmit.ecn, transmit.contents.chunks(segment));
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let slots = bufs.len().min(meta.len());
        loop {
            let Poll::Ready(arrived) = self.inbox.poll(cx, slots) else { return Poll::Pending };
            let mut count = 0;
            for parcel in arrived {
                let (from, len) = (parcel.from, parcel.bytes.len());
                let fits = bufs[count].len() >= len;
                self.network.received(from, self.local, len, fits);
                if fits {
                    bufs[count][..len].copy_from_slice(&parcel.bytes);
                    let (ecn, dst_ip) = (parcel.ecn, Some(self.local.ip()));
                    meta[count] = RecvMeta { addr: from, len, stride: len, ecn, dst_ip };
                    count += 1;
                }
            }
            if count > 0 {
                return Poll::Ready(Ok(count));
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    fn max_transmit_segments(&self) -> usize {
        SEGMENTS_MAX
    }

    /// What is larger than the path's MTU is dropped, never split: the MTU may be discovered.
    fn may_fragment(&self) -> bool {
        false
    }
}

impl Inbox {
    /// Takes a parcel; who is to be woken because of it.
    pub(super) fn take(&self, parcel: Parcel) -> Option<Waker> {
        let waiting = &mut *self.0.lock();
        let sooner = waiting.parcels.peek().is_none_or(|Reverse(next)| parcel.at < next.at);
        waiting.parcels.push(Reverse(parcel));
        // Otherwise the timer wakes the reader early enough.
        if sooner { waiting.reader.take() } else { None }
    }

    /// The next parcels that have arrived, one at least and `max` at most.
    fn poll(&self, cx: &mut Context<'_>, max: usize) -> Poll<Vec<Parcel>> {
        let waiting = &mut *self.0.lock();
        loop {
            let now = Instant::now();
            let mut arrived = Vec::new();
            while arrived.len() < max && waiting.parcels.peek().is_some_and(|Reverse(next)| next.at <= now) {
                arrived.extend(waiting.parcels.pop().map(|Reverse(parcel)| parcel));
            }
            if !arrived.is_empty() {
                return Poll::Ready(arrived);
            }
            waiting.reader = Some(cx.waker().clone());
            let Some(Reverse(next)) = waiting.parcels.peek() else { return Poll::Pending };
            let timer = waiting.timer.get_or_insert_with(|| Box::pin(sleep_until(next.at)));
            if timer.deadline() != next.at {
                timer.as_mut().reset(next.at);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl PartialEq for Parcel {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Parcel {}

impl PartialOrd for Parcel {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Parcel {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// What does not fit is dropped: nobody waits to send.
#[derive(Debug)]
struct AlwaysWritable;

impl UdpPoller for AlwaysWritable {
    fn poll_writable(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

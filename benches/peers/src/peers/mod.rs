//! Other libraries doing the same work, each as its own documentation would have it, with limits raised where they
//! stand in a work's way.

pub(crate) mod capnp;
pub(crate) mod irpc;
pub(crate) mod jsonrpsee;
pub(crate) mod kameo;
pub(crate) mod ractor;
pub(crate) mod remoc;
pub(crate) mod tarpc;
pub(crate) mod tonic;

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::future::try_join_all;
use tokio::net::{TcpListener, TcpStream};

use crate::Fault;
use crate::peer::{BULK_BYTE, Meter};

/// Bulk bytes handed to a stream at once.
const BULK_PIECE: u64 = 256 * 1024;
/// What one call asks for, where a transfer has to be made of calls,
const CALLED_PIECE: u64 = 1 << 20;
/// and how many of them are under way.
const CALLED_AT_ONCE: usize = 4;

/// So many bytes [`BULK_BYTE`].
fn payload(size: usize) -> Bytes {
    Bytes::from(vec![BULK_BYTE; size])
}

/// The lengths of the pieces of so many bytes.
fn pieces(bytes: u64, piece: u64) -> impl Iterator<Item = u64> {
    (0..bytes.div_ceil(piece)).map(move |n| piece.min(bytes - n * piece))
}

/// A transfer for those without streams: calls whose answers are pieces of it, a few at a time.
async fn bulk_by_calls<F>(bytes: u64, meter: &Meter, call: impl Fn(u64) -> F) -> Result<(), Fault>
where
    F: Future<Output = Result<Bytes, Fault>>,
{
    let asked = AtomicU64::new(0);
    let one_after_another = || async {
        loop {
            let from = asked.fetch_add(CALLED_PIECE, Ordering::Relaxed);
            if from >= bytes {
                return Ok::<(), Fault>(());
            }
            if !meter.take(&call(CALLED_PIECE.min(bytes - from)).await?) {
                return Ok(());
            }
        }
    };
    try_join_all((0..CALLED_AT_ONCE).map(|_| one_after_another())).await?;
    Ok(())
}

async fn listen() -> Result<(TcpListener, SocketAddr), Fault> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let server = listener.local_addr()?;
    Ok((listener, server))
}

async fn connect(server: SocketAddr) -> Result<TcpStream, Fault> {
    let stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The next connection; `None` when the listener is of no use any more.
async fn accept(listener: &TcpListener) -> Option<TcpStream> {
    let (stream, _) = listener.accept().await.ok()?;
    stream.set_nodelay(true).ok()?;
    Some(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_transfer_by_calls_asks_for_every_byte_once() {
        let meter = Meter::default();
        let bytes = 5 * CALLED_PIECE + 7;
        bulk_by_calls(bytes, &meter, async |size| Ok(payload(size as usize))).await.unwrap();
        meter.check(bytes).unwrap();
        assert_eq!(pieces(bytes, CALLED_PIECE).sum::<u64>(), bytes);
    }
}

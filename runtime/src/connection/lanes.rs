//! The lanes of objects that have one to themselves: opened by whoever holds such an object, accepted by whoever hosts it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;
use tokio::time::timeout;
use transport::{Link, RecvStream, SendStream};

use super::streams::{read_lane, stream_failed, tell, write_lane};
use super::{Message, Shared};
use crate::wire::STREAM_LANE;

/// How long the peer may take.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// To say what a stream is that it has opened.
    pub(crate) identify: Duration,
    /// To take what is written.
    pub(crate) idle: Duration,
}

/// Opens and accepts lanes until the link ends; of that, it is the first to hear.
pub(crate) async fn run_lanes(shared: Arc<Shared>, link: Link, limits: Limits) {
    let mut lanes = JoinSet::new();
    loop {
        tokio::select! {
            accepted = link.accept() => match accepted {
                Ok((send, recv)) => drop(lanes.spawn_local(accept(shared.clone(), send, recv, limits))),
                Err(error) => return tell(&shared, Message::Link(error)),
            },
            () = shared.lanes_due.notified() => {
                for lane in shared.with(|tables, _| tables.lanes.take_open_due()) {
                    lanes.spawn_local(open(shared.clone(), link.clone(), lane, limits));
                }
            }
            Some(_) = lanes.join_next() => {}
        }
    }
}

/// What was called meanwhile waits in the lane's outbox.
async fn open(shared: Arc<Shared>, link: Link, lane: usize, limits: Limits) {
    let (mut send, recv) = match link.open().await {
        Ok(stream) => stream,
        Err(error) => return tell(&shared, Message::Link(error)),
    };
    if let Err(error) = send.send(Bytes::from_static(&[STREAM_LANE])).await {
        return stream_failed(&shared, error);
    }
    run(shared, lane, send, recv, Bytes::new(), limits.idle).await;
}

async fn accept(shared: Arc<Shared>, send: SendStream, mut recv: RecvStream, limits: Limits) {
    // One that stays silent is dropped, which ends both of its halves.
    let Ok(first) = timeout(limits.identify, first(&mut recv)).await else { return };
    match first {
        Ok(Some((STREAM_LANE, rest))) => {
            let lane = shared.with(|tables, _| tables.accept_lane());
            run(shared, lane, send, recv, rest, limits.idle).await;
        }
        Ok(Some(_)) => tell(&shared, Message::Violation("a stream that nobody asked for".into())),
        Ok(None) => tell(&shared, Message::Violation("a stream ended before it began".into())),
        Err(error) => stream_failed(&shared, error),
    }
}

/// The first byte of a stream, and what was read beyond it; `None` if it ends before.
async fn first(recv: &mut RecvStream) -> Result<Option<(u8, Bytes)>, transport::StreamError> {
    while let Some(mut chunk) = recv.next().await? {
        if !chunk.is_empty() {
            let rest = chunk.split_off(1);
            return Ok(Some((chunk[0], rest)));
        }
    }
    Ok(None)
}

async fn run(
    shared: Arc<Shared>,
    lane: usize,
    send: SendStream,
    recv: RecvStream,
    rest: Bytes,
    idle: Duration,
) {
    tell(&shared, Message::LaneBegan);
    let reader = read_lane(shared.clone(), lane, recv, rest);
    tokio::join!(reader, write_lane(shared.clone(), lane, send, idle));
    shared.with(|tables, _| tables.lane_ended(lane));
}

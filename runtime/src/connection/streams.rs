//! The pumps of a connection: tasks between its streams and its tables. Each is thin; the rules are in the tables.
//!
//! A reader never waits for an object, a permit, an outbox or an application (N1).

use std::mem;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::yield_now;
use tokio::time::{sleep_until, timeout};
use transport::frame::Deframer;
use transport::{RecvStream, SendStream, StreamError};

use super::{Message, Shared};
use crate::tables::{Events, Violation};
use crate::wire::{self, FRAME_MAX};

pub(super) fn tell(shared: &Shared, message: Message) {
    if let Some(actor) = shared.actor.get() {
        actor.do_send(message);
    }
}

pub(super) fn stream_failed(shared: &Shared, error: StreamError) {
    match error {
        StreamError::Link(error) => tell(shared, Message::Link(error)),
        other => tell(shared, Message::Violation(format!("a stream of the connection ended: {other}"))),
    }
}

/// The most chunks that are taken out of a stream at once.
const CHUNKS: usize = 16;

/// What was taken out of a stream at once.
#[derive(Default)]
pub(super) struct Chunks {
    chunks: [Bytes; CHUNKS],
    filled: usize,
}

impl Chunks {
    /// Begins with what was read of the stream before.
    pub(super) fn after(first: Bytes) -> Self {
        let mut all = Self::default();
        all.chunks[0] = first;
        all.filled = 1;
        all
    }

    /// Waits for more, as much as there is; `false` if the stream has ended.
    pub(super) async fn refill(&mut self, stream: &mut RecvStream) -> Result<bool, StreamError> {
        self.refill_some(stream, CHUNKS).await
    }

    /// The same with at most so many chunks, at least one of them.
    async fn refill_some(&mut self, stream: &mut RecvStream, most: usize) -> Result<bool, StreamError> {
        let filled = stream.next_chunks(&mut self.chunks[..most.clamp(1, CHUNKS)]).await?;
        self.filled = filled.unwrap_or(0);
        Ok(filled.is_some())
    }

    /// Bytes in all of them.
    pub(super) fn len(&self) -> usize {
        self.chunks[..self.filled].iter().map(Bytes::len).sum()
    }

    /// Takes them out, in order.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Bytes> {
        let filled = mem::take(&mut self.filled);
        self.chunks[..filled].iter_mut().map(mem::take)
    }
}

/// How many frames are read before what they woke gets its turn, and what that wrote is sent.
///
/// Both ends of a busy link work at once only if several batches are under way: a quarter of the calls that wait
/// here, but not so few that a batch costs more than it carries. A side that only serves does not know how many
/// calls are under way, and takes about half a packet of them.
fn batch_len(awaiting: usize) -> usize {
    match awaiting {
        0 => 32,
        n => (n / 4).clamp(16, 64),
    }
}

/// Reads a lane: a batch of frames under one lock, then acts, then lets others have their turn.
///
/// An answer may not overtake calls that came before it on the lane: objects to which something was delivered get
/// their turn on this thread before an answer that came later is given to its caller.
pub(crate) async fn read_lane(shared: Arc<Shared>, lane: usize, mut stream: RecvStream, first: Bytes) {
    let mut deframer = Deframer::new(FRAME_MAX);
    let mut chunks = Chunks::after(first);
    let mut events = Events::default();
    let mut delivered = false;
    loop {
        shared.worker.heard();
        let taken = chunks.filled;
        chunks.drain().for_each(|chunk| deframer.push(chunk));
        let mut frames = 0;
        loop {
            let read = read_batch(&shared, lane, &mut deframer, &mut events, &mut frames);
            delivered |= shared.deliver(&mut events);
            if delivered && !events.answers.is_empty() {
                yield_now().await;
                delivered = false;
            }
            shared.answer(&mut events);
            match read {
                Err(rule) => return tell(&shared, Message::Violation(rule)),
                Ok(Read::All) => break,
                Ok(Read::Batch) => {
                    yield_now().await;
                    delivered = false;
                }
            }
        }
        // A packet full of small frames is a batch; of frames as long as packets it takes several.
        let frames_each = frames / taken.max(1);
        match chunks.refill_some(&mut stream, CHUNKS / frames_each.max(1)).await {
            Ok(true) => {}
            Ok(false) => return lane_over(&shared, lane, &deframer),
            Err(e) => return stream_failed(&shared, e),
        }
    }
}

/// The peer has written its last on a lane, which must not be part of a frame.
fn lane_over(shared: &Shared, lane: usize, deframer: &Deframer) {
    match deframer.finish() {
        Ok(()) => {
            shared.with(|tables, _| tables.lane_read(lane));
            tell(shared, Message::LaneEnded);
        }
        Err(e) => tell(shared, Message::Violation(e.to_string())),
    }
}

/// The longest frame that [`wire::read_short`] reads, without its length field.
const SHORT_FRAME: usize = wire::HEAD_LEN - 4 + wire::SHORT;

/// How far the frames of a chunk were read.
enum Read {
    /// As many as make a batch: there may be more.
    Batch,
    All,
}

fn read_batch(
    shared: &Arc<Shared>,
    lane: usize,
    deframer: &mut Deframer,
    events: &mut Events,
    frames: &mut usize,
) -> Result<Read, String> {
    let now_ms = shared.now_ms();
    shared.verbs(events, |tables, events| {
        tables.set_crowded(shared.account.is_crowding());
        let mut read = Read::Batch;
        for _ in 0..batch_len(tables.calls.len()) {
            let short = deframer
                .peek(SHORT_FRAME)
                .and_then(|frame| Some((wire::read_short(frame)?, frame.len() + 4)));
            let received = if let Some((frame, len)) = short {
                deframer.skip();
                tables.receive_frame(shared, lane, frame, len, now_ms, events)
            } else {
                let Some(frame) = deframer.next().map_err(|e| e.to_string())? else {
                    read = Read::All;
                    break;
                };
                tables.receive(shared, lane, frame, now_ms, events)
            };
            received.map_err(|v: Violation| v.to_string())?;
            *frames += 1;
        }
        tables.chunk_done(now_ms, events);
        shared.account.holds(tables.weigh(lane));
        Ok(read)
    })
}

/// What a peer must take within the idle time; a slow one that takes it is no dead one. Most writes are shorter.
const PIECE: usize = 256 * 1024;

/// Writes a lane: whatever has gathered since the last write, as one chunk.
pub(crate) async fn write_lane(shared: Arc<Shared>, lane: usize, mut stream: SendStream, idle: Duration) {
    loop {
        let taken = std::future::poll_fn(|cx| {
            let now_ms = shared.now_ms();
            shared.with(|tables, events| {
                let taken = tables.take_lane(lane, now_ms, events);
                shared.account.holds(tables.weigh(lane));
                match taken {
                    Some(bytes) => Poll::Ready(Some(bytes)),
                    None if tables.lanes[lane].is_over() => Poll::Ready(None),
                    None if tables.is_closing() => Poll::Ready(None),
                    None => {
                        tables.lanes[lane].wait(cx.waker());
                        Poll::Pending
                    }
                }
            })
        });
        let Some(mut bytes) = taken.await else {
            let _ = stream.finish();
            return;
        };
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(PIECE));
            match timeout(idle, stream.send(piece)).await {
                Ok(Ok(())) => {}
                Ok(Err(e)) => return stream_failed(&shared, e),
                Err(_) => return tell(&shared, Message::Violation("it takes nothing off a lane".into())),
            }
        }
    }
}

/// How many control messages are read before the connection's actor gets its turn, so that a flood of them waits in the link and not here.
const CONTROL_BATCH: usize = 64;

/// Reads the control stream after `Hello`.
pub(crate) async fn read_control(shared: Arc<Shared>, mut stream: RecvStream, mut deframer: Deframer) {
    let mut read = 0;
    loop {
        loop {
            read += 1;
            if read % CONTROL_BATCH == 0 {
                yield_now().await;
            }
            match deframer.next() {
                Ok(None) => break,
                Ok(Some(frame)) => match wire::read_control(&frame) {
                    Ok(None) => {}
                    Ok(Some(message)) => tell(&shared, Message::Control(message)),
                    Err(e) => return tell(&shared, Message::Violation(e.to_string())),
                },
                Err(e) => return tell(&shared, Message::Violation(e.to_string())),
            }
        }
        match stream.next().await {
            Ok(Some(chunk)) => deframer.push(chunk),
            Ok(None) => return tell(&shared, Message::Violation("the control stream ended".into())),
            Err(e) => return stream_failed(&shared, e),
        }
    }
}

/// Writes the control stream: what is due is state in the tables, turned into frames here.
pub(crate) async fn write_control(shared: Arc<Shared>, mut stream: SendStream, idle: Duration) {
    loop {
        let bytes = shared.take_control();
        if bytes.is_empty() {
            if shared.has_dropped() {
                continue;
            }
            shared.control.notified().await;
            continue;
        }
        match timeout(idle, stream.send(bytes.into())).await {
            Ok(Ok(())) => {}
            Ok(Err(e)) => return stream_failed(&shared, e),
            Err(_) => {
                return tell(&shared, Message::Violation("it takes nothing off the control stream".into()));
            }
        }
    }
}

/// Ends calls at their deadline, and the connection if its peer takes nothing for too long.
pub(crate) async fn keep_time(shared: Arc<Shared>) {
    loop {
        match shared.expire() {
            Err(rule) => return tell(&shared, Message::Violation(rule.into())),
            Ok(None) => shared.timer.notified().await,
            Ok(Some(next)) => tokio::select! {
                () = sleep_until(next) => {}
                () = shared.timer.notified() => {}
            },
        }
    }
}

//! An RPC written by hand: one stream, a oneshot per call, either end may call. The least that a caller who wants to
//! `await` an answer has to pay. No deadlines, no cancellation, no objects.
//!
//! A stream begins with a byte that says whether calls or bulk bytes go over it.

use std::sync::{Arc, OnceLock};

use bytes::{BufMut as _, Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::Fault;
use crate::peer::{BULK_BYTE, Back, Meter, call_back};
use crate::raw::frame::{self, ADD, BACK, Body, CALL, CALLBACKS, Deframer, ECHO, FrameError, Head, REPLY};
use crate::raw::outbox::{Outbox, Queue};
use crate::raw::stream::{Sink, Source};

/// First byte of a stream with calls.
pub(crate) const CALLS: u8 = b'c';
/// First byte of a stream whose answer are so many bytes, a u64.
const BULK: u8 = b'b';
/// Bulk bytes handed to the stream at once.
const BULK_PIECE: usize = 256 * 1024;

/// One end of a stream with calls.
#[derive(Debug)]
pub(crate) struct Mux {
    outbox: Outbox,
    waiting: Mutex<Waiting>,
    /// What answers the callbacks of the peer.
    back: OnceLock<&'static Back>,
}

/// The client's end: says what the stream is for, and starts its reader and writer.
pub(crate) fn calls(sink: impl Sink, source: impl Source) -> Arc<Mux> {
    let mux = Mux::start(sink, source, None);
    mux.outbox.append(|queue| queue.frames.put_u8(CALLS));
    mux
}

/// The client's end of a transfer.
pub(crate) async fn bulk(
    mut sink: impl Sink,
    mut source: impl Source,
    bytes: u64,
    meter: &Meter,
) -> Result<(), Fault> {
    let mut wish = BytesMut::new();
    wish.put_u8(BULK);
    wish.put_u64(bytes);
    sink.write(wish.freeze()).await?;
    while let Some(piece) = source.chunk().await? {
        if !meter.take(&piece) {
            break;
        }
    }
    Ok(())
}

/// The server's end of a stream: answers until it ends.
pub(crate) async fn answer(mut sink: impl Sink, mut source: impl Source) -> Result<(), Fault> {
    let Some(mut first) = source.chunk().await? else { return Ok(()) };
    match first[0] {
        CALLS => {
            drop(Mux::start(sink, source, Some(first.split_off(1))));
            Ok(())
        }
        BULK => {
            let mut left = u64::from_be_bytes(first.get(1..9).ok_or("a wish is cut")?.try_into()?);
            let block = Bytes::from(vec![BULK_BYTE; BULK_PIECE]);
            while left > 0 {
                let piece = block.slice(..left.min(BULK_PIECE as u64) as usize);
                left -= piece.len() as u64;
                sink.write(piece).await?;
            }
            sink.finish().await
        }
        byte => Err(format!("a stream begins with {byte}").into()),
    }
}

impl Mux {
    fn start(sink: impl Sink, source: impl Source, first: Option<Bytes>) -> Arc<Mux> {
        let mux = Arc::new(Mux { outbox: Outbox::new(), waiting: Mutex::default(), back: OnceLock::new() });
        let writer = mux.clone();
        tokio::spawn(async move { writer.outbox.drain_into(sink).await });
        let reader = mux.clone();
        tokio::spawn(async move {
            // However it ended, whoever waits would wait for ever.
            let _ = reader.read(source, first).await;
            reader.waiting.lock().end();
            reader.outbox.close();
        });
        mux
    }

    pub(crate) async fn add(&self, a: i64, b: i64) -> Result<i64, Fault> {
        self.number(|frames, call| frame::put_add(frames, call, a, b)).await
    }

    pub(crate) async fn echo(&self, data: Bytes) -> Result<Bytes, Fault> {
        let (answer, answered) = oneshot::channel();
        let call = self.waiting.lock().insert(Waiter::Bytes(answer)).ok_or("the stream is gone")?;
        self.outbox.append(|queue| frame::put_bytes(queue, CALL, call, data));
        Ok(answered.await?)
    }

    pub(crate) async fn callbacks(&self, in_flight: u32, back: &'static Back) -> Result<u64, Fault> {
        self.back.get_or_init(|| back);
        let made = self.number(|frames, call| {
            frame::put_number(frames, CALL, CALLBACKS, call, i64::from(in_flight));
        });
        Ok(made.await? as u64)
    }

    async fn number(&self, put: impl FnOnce(&mut BytesMut, u32)) -> Result<i64, Fault> {
        let (answer, answered) = oneshot::channel();
        let call = self.waiting.lock().insert(Waiter::Number(answer)).ok_or("the stream is gone")?;
        self.outbox.append(|queue| put(&mut queue.frames, call));
        Ok(answered.await?)
    }

    async fn read(self: &Arc<Self>, mut source: impl Source, first: Option<Bytes>) -> Result<(), Fault> {
        let mut deframer = Deframer::default();
        let mut next = first;
        loop {
            if let Some(chunk) = next.take() {
                let take =
                    |queue: &mut Queue| deframer.feed(&chunk, |head, body| self.take(head, body, queue));
                self.outbox.append(take)?;
            }
            next = source.chunk().await?;
            if next.is_none() {
                return Ok(());
            }
        }
    }

    /// Takes a frame; all of a chunk are taken and answered in one go.
    fn take(self: &Arc<Self>, head: Head, body: Body<'_>, queue: &mut Queue) -> Result<(), FrameError> {
        match (head.kind, head.method) {
            (REPLY, _) => {
                let waiter = self.waiting.lock().remove(head.call);
                // Nobody waits any more: that is the caller's affair.
                match waiter.ok_or(FrameError::Answer(head.call))? {
                    Waiter::Number(answer) => drop(answer.send(frame::number(body.as_slice())?)),
                    Waiter::Bytes(answer) => drop(answer.send(body.into_bytes())),
                }
            }
            (CALL, ADD) => {
                let (a, b) = frame::arguments(body.as_slice())?;
                frame::put_number(&mut queue.frames, REPLY, ADD, head.call, a.wrapping_add(b));
            }
            (CALL, ECHO) => frame::put_bytes(queue, REPLY, head.call, body.into_bytes()),
            (CALL, BACK) => {
                let n = frame::number(body.as_slice())? as u64;
                let back = self.back.get().ok_or(FrameError::Kind(CALL))?;
                frame::put_number(&mut queue.frames, REPLY, BACK, head.call, back.answer(n) as i64);
            }
            (CALL, CALLBACKS) => {
                let in_flight = frame::number(body.as_slice())? as u32;
                tokio::spawn(self.clone().make_callbacks(head.call, in_flight));
            }
            (kind, _) => return Err(FrameError::Kind(kind)),
        }
        Ok(())
    }

    async fn make_callbacks(self: Arc<Self>, call: u32, in_flight: u32) {
        let one = async |n: u64| {
            let answer = self.number(|frames, call| frame::put_number(frames, CALL, BACK, call, n as i64));
            Ok(answer.await? as u64)
        };
        match call_back(in_flight, one).await {
            Ok(made) => self.outbox.append(|queue| {
                frame::put_number(&mut queue.frames, REPLY, CALLBACKS, call, made as i64);
            }),
            Err(_) => self.outbox.close(),
        }
    }
}

/// Calls without an answer, by number; numbers are used again.
#[derive(Debug, Default)]
struct Waiting {
    slots: Vec<Option<Waiter>>,
    free: Vec<u32>,
    /// The stream is gone: whoever calls now would wait for ever.
    over: bool,
}

/// Who waits for what.
#[derive(Debug)]
enum Waiter {
    Number(oneshot::Sender<i64>),
    Bytes(oneshot::Sender<Bytes>),
}

impl Waiting {
    fn insert(&mut self, waiter: Waiter) -> Option<u32> {
        if self.over {
            return None;
        }
        if let Some(call) = self.free.pop() {
            self.slots[call as usize] = Some(waiter);
            return Some(call);
        }
        self.slots.push(Some(waiter));
        Some(self.slots.len() as u32 - 1)
    }

    fn remove(&mut self, call: u32) -> Option<Waiter> {
        let waiter = self.slots.get_mut(call as usize)?.take()?;
        self.free.push(call);
        Some(waiter)
    }

    /// Dropping the senders tells every waiting call.
    fn end(&mut self) {
        self.over = true;
        self.slots.clear();
        self.free.clear();
    }
}

//! Writes the streams of items and bytes that this side gives: one task each, from the producer to a QUIC stream of its own.
//!
//! A task sends only what the consumer has made room for ([`crate::tables::Room`]) and in its turn among all bulk
//! streams; many small items go in one write. However it goes, the stream is opened, and ends by FIN: what was begun to be sent and
//! is not sent whole has had its references first.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::task::{JoinSet, yield_now};
use tokio::time::timeout;
use transport::{Link, SendStream, StreamError as LinkStreamError};

use super::streams::{stream_failed, tell};
use super::{Message, Shared};
use crate::error::NoError;
use crate::proxy::Handle;
use crate::streaming::StreamError;
use crate::streaming::inbound::Inbound;
use crate::streaming::travel::{Format, Produce, Produced};
use crate::tables::{PIECE, Room, Start};
use crate::wire::item::{self, START_MIN};
use crate::wire::{REFERENCES_MAX, STREAM_BYTES, STREAM_ITEMS, StreamId};

/// Starts the streams that were named, until the connection ends.
pub(crate) async fn start_streams(shared: Arc<Shared>, link: Link, idle: Duration, stream_idle: Duration) {
    let mut tasks = JoinSet::new();
    let item_max = shared.with(|tables, _| tables.streams.item_max());
    loop {
        let starts = poll_fn(|cx| {
            // Whatever has ended makes room for what begins.
            while let Poll::Ready(Some(_)) = tasks.poll_join_next(cx) {}
            let starts = shared.with(|tables, _| tables.streams.take_starts(cx.waker()));
            if starts.is_empty() { Poll::Pending } else { Poll::Ready(starts) }
        })
        .await;
        for start in starts {
            let (id, format, source) = match start {
                Start::Give(id, end) => (id, end.format, end.take_source()),
                Start::Claimed(id, format, source) => (id, format, source),
                Start::Take(id, end, queue) => {
                    let inbound = Inbound::new(&shared, id, end.format, queue);
                    if let Some(sink) = end.take_sink() {
                        sink.absorb(&inbound);
                    }
                    continue;
                }
            };
            let shared = shared.clone();
            let giver = Giver { shared, id, source, next: None, idle, stream_idle, item_max };
            tasks.spawn_local(giver.give(link.clone(), format));
        }
    }
}

/// What a giver has for the next write.
enum Next {
    Item { body: Bytes, handles: Vec<Handle> },
    Last(Last),
}

/// The last word of a stream.
enum Last {
    End,
    Error(Bytes, Vec<Handle>),
    /// An error of this side, ready to be sent.
    Word(Bytes),
}

struct Giver {
    shared: Arc<Shared>,
    id: StreamId,
    /// `None` when it has given its last, or nobody wants more.
    source: Option<Box<dyn Produce>>,
    /// Given and not sent.
    next: Option<Next>,
    idle: Duration,
    stream_idle: Duration,
    item_max: usize,
}

/// What is written at once.
#[derive(Default)]
struct Batch {
    parts: VecDeque<Bytes>,
    /// What gathers for the next part.
    small: BytesMut,
    /// Of an item that has no room as a whole: what is not among the parts.
    rest: Bytes,
    /// The stream's last word is among them.
    last: bool,
}

impl Batch {
    /// A short body is copied behind its head, a long one goes as it is.
    fn body(&mut self, body: Bytes) {
        if body.len() < COPY_MAX {
            return self.small.extend_from_slice(&body);
        }
        self.flush();
        self.parts.push_back(body);
    }

    fn flush(&mut self) {
        if !self.small.is_empty() {
            self.parts.push_back(self.small.split().freeze());
        }
    }
}

/// Why a stream ends without its last word.
#[derive(Debug)]
enum Halt {
    /// Nobody wants more.
    Stopped,
    /// The connection has ended.
    Ended,
    /// The consumer has taken nothing for too long.
    Idle,
    /// The peer takes nothing off the stream.
    Stuck,
    Link(LinkStreamError),
}

impl From<LinkStreamError> for Halt {
    fn from(error: LinkStreamError) -> Halt {
        Halt::Link(error)
    }
}

/// How much is gathered for one write.
const BATCH: u64 = 2 * PIECE as u64;
/// A body from here on is sent as it is, without a copy.
const COPY_MAX: usize = 4 * 1024;

impl Giver {
    async fn give(mut self, link: Link, format: Format) {
        let Ok(mut stream) = link.open_one_way().await else { return };
        let mut midway = false;
        let given = self.give_all(&mut stream, format, &mut midway).await;
        // At once, whatever is still to be said.
        drop_quietly(self.source.take());
        let ended = match given {
            Err(Halt::Idle) if !midway => {
                let last = item::last_word(StreamError::<NoError>::IDLE);
                self.write(&mut stream, last).await
            }
            other => other,
        };
        match ended {
            Ok(()) | Err(Halt::Stopped | Halt::Idle) => {
                // Nothing else is lost if the stream has failed: its link has.
                let _ = stream.finish();
                self.shared.with(|tables, _| tables.streams.finished(self.id));
            }
            Err(Halt::Ended) => {}
            Err(Halt::Stuck) => {
                tell(&self.shared, Message::Violation("it takes nothing off a stream".into()))
            }
            Err(Halt::Link(error)) => stream_failed(&self.shared, error),
        }
    }

    async fn give_all(
        &mut self,
        stream: &mut SendStream,
        format: Format,
        midway: &mut bool,
    ) -> Result<(), Halt> {
        let kind = if format == Format::Items { STREAM_ITEMS } else { STREAM_BYTES };
        let mut head = BytesMut::with_capacity(5);
        head.put_u8(kind);
        head.put_u32_le(self.id.0);
        self.send(stream, head.freeze()).await?;
        loop {
            self.wait_for_item().await?;
            let room = match &self.next {
                Some(Next::Item { body, handles }) => {
                    let cost = item::item_cost(item::item_len(handles.len(), body.len()));
                    self.room(cost.min(START_MIN)).await?
                }
                // The last word needs no room.
                _ => 0,
            };
            let mut batch = poll_fn(|cx| Poll::Ready(self.fill(room, cx))).await;
            *midway = !batch.rest.is_empty();
            for part in batch.parts.drain(..) {
                self.write(stream, part).await?;
            }
            while !batch.rest.is_empty() {
                let room = self.room(1).await?;
                let part = batch.rest.split_to(batch.rest.len().min(room as usize));
                self.shared.with(|tables, _| tables.streams.spend(self.id, part.len() as u64));
                self.write(stream, part).await?;
            }
            if batch.last {
                return Ok(());
            }
            *midway = false;
            yield_now().await;
        }
    }

    /// Waits until the producer gives something, or nobody wants it.
    async fn wait_for_item(&mut self) -> Result<(), Halt> {
        poll_fn(|cx| {
            if self.next.is_some() {
                return Poll::Ready(Ok(()));
            }
            match self.shared.with(|tables, _| tables.streams.room(self.id, cx.waker())) {
                None => Poll::Ready(Err(Halt::Ended)),
                Some(Room::Stopped) => Poll::Ready(Err(Halt::Stopped)),
                Some(Room::Bytes(_)) => self.poll_source(cx).map(Ok),
            }
        })
        .await
    }

    /// Asks the producer for the next.
    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(source) = &mut self.source else {
            self.next = Some(Next::Last(Last::Word(item::last_word(StreamError::<NoError>::UNFINISHED))));
            return Poll::Ready(());
        };
        source.poll(Some(&self.shared.worker), cx).map(|produced| {
            let max = self.item_max;
            let next = match produced {
                Produced::Item(body, _) if body.len() > max => {
                    self.bad_item(&format!("it has {} bytes, {max} may be", body.len()))
                }
                Produced::Item(_, handles) if handles.len() > REFERENCES_MAX => {
                    self.bad_item(&format!("it has {} references, {REFERENCES_MAX} may be", handles.len()))
                }
                Produced::Item(body, handles) => Next::Item { body, handles },
                Produced::End => Next::Last(Last::End),
                Produced::Error(body, handles) => Next::Last(Last::Error(body, handles)),
            };
            self.next = Some(next);
        })
    }

    /// An item that cannot travel ends the stream.
    fn bad_item(&mut self, text: &str) -> Next {
        drop_quietly(self.source.take());
        Next::Last(Last::Word(item::last_word_with(StreamError::<NoError>::BAD_ITEM, text)))
    }

    /// Waits until so much may be sent; how much may be. A consumer that lets it have a little more goes on, and is waited for.
    async fn room(&self, least: u64) -> Result<u64, Halt> {
        let mut known = 0;
        loop {
            let room =
                poll_fn(|cx| match self.shared.with(|tables, _| tables.streams.room(self.id, cx.waker())) {
                    None => Poll::Ready(Err(Halt::Ended)),
                    Some(Room::Stopped) => Poll::Ready(Err(Halt::Stopped)),
                    Some(Room::Bytes(room)) if room >= least || room > known => Poll::Ready(Ok(room)),
                    Some(Room::Bytes(_)) => Poll::Pending,
                });
            known = timeout(self.stream_idle, room).await.unwrap_or(Err(Halt::Idle))?;
            if known >= least {
                return Ok(known);
            }
        }
    }

    /// Takes what is ready and has room; what is not ready comes with the next batch.
    fn fill(&mut self, room: u64, cx: &mut Context<'_>) -> Batch {
        let (mut batch, mut spent) = (Batch::default(), 0);
        loop {
            if self.next.is_none() && self.poll_source(cx).is_pending() {
                break;
            }
            let (body, handles) = match self.next.take() {
                None => break,
                Some(Next::Last(last)) => {
                    self.put_last(last, &mut batch.small);
                    batch.last = true;
                    break;
                }
                Some(Next::Item { body, handles }) => (body, handles),
            };
            let len = item::item_len(handles.len(), body.len());
            let cost = item::item_cost(len);
            // The first of a batch has room for its beginning at least.
            if spent > 0 && spent + cost > room {
                self.next = Some(Next::Item { body, handles });
                break;
            }
            let pays = cost.min(room);
            let refs = match self.shared.append_item(self.id, &handles, pays) {
                Ok(refs) => refs,
                Err(fault) => {
                    self.next = Some(self.bad_item(&fault.text));
                    continue;
                }
            };
            spent += pays;
            item::put_item(&mut batch.small, &refs, body.len());
            if pays < cost {
                let mut body = body;
                let part = body.split_to(pays as usize - (len - body.len()));
                batch.body(part);
                batch.rest = body;
                break;
            }
            batch.body(body);
            if spent >= BATCH {
                break;
            }
        }
        batch.flush();
        batch
    }

    fn put_last(&mut self, last: Last, out: &mut BytesMut) {
        match last {
            Last::End => item::put_end(out),
            Last::Word(word) => out.extend_from_slice(&word),
            Last::Error(body, handles) => match self.shared.append_item(self.id, &handles, 0) {
                Ok(refs) => item::put_error(out, &refs, &body),
                Err(fault) => {
                    let word = item::last_word_with(StreamError::<NoError>::BAD_ITEM, &fault.text);
                    out.extend_from_slice(&word);
                }
            },
        }
    }

    /// Writes bytes in their turn among all bulk.
    async fn write(&self, stream: &mut SendStream, mut bytes: Bytes) -> Result<(), Halt> {
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(PIECE));
            self.shared.bulk_turn(piece.len()).await;
            self.send(stream, piece).await?;
        }
        Ok(())
    }

    async fn send(&self, stream: &mut SendStream, bytes: Bytes) -> Result<(), Halt> {
        match timeout(self.idle, stream.send(bytes)).await {
            Ok(sent) => Ok(sent?),
            Err(_) => Err(Halt::Stuck),
        }
    }
}

/// The drop of a producer is code of the application.
fn drop_quietly(source: Option<Box<dyn Produce>>) {
    if catch_unwind(AssertUnwindSafe(|| drop(source))).is_err() {
        tracing::error!("the drop of a stream panicked");
    }
}

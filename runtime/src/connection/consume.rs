//! Reads the streams of items and bytes that the peer gives: one task each, from a QUIC stream to the queue of its consumer.
//!
//! It reads on whatever becomes of the consumer, to the stream's end: every reference in it is settled (N3, N8). It never waits for
//! the consumer, since the peer may send no more than the consumer has room for.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;
use transport::RecvStream;

use super::streams::{Chunks, stream_failed, tell};
use super::{Message, Shared};
use crate::answer::Refs;
use crate::streaming::Format;
use crate::streaming::inbound::Broken;
use crate::tables::{Arrived, Reading, Stands, Violation};
use crate::wire::StreamId;
use crate::wire::item::{ItemReader, Piece};

/// How often a stream on which nothing comes is looked at within the idle time: the producer hears in time of a consumer that goes on.
const LOOKS: u32 = 2;

/// Reads a stream that has said its number; `first` is what came behind that.
pub(super) async fn read_stream(
    shared: Arc<Shared>,
    mut stream: RecvStream,
    id: StreamId,
    format: Format,
    first: Bytes,
    idle: Duration,
) {
    let opened = poll_fn(|cx| shared.with(|tables, _| tables.streams.open(id, format, cx.waker())));
    let reading = match timeout(idle, opened).await {
        Ok(Ok(reading)) => reading,
        Ok(Err(rule)) => return tell(&shared, Message::Violation(rule.to_string())),
        Err(_) => {
            shared.with(|tables, _| tables.streams.not_named(id));
            return tell(&shared, Message::Violation(Violation::UnknownStream(id).to_string()));
        }
    };
    let max = shared.with(|tables, _| tables.streams.item_max());
    let items = if format == Format::Items { ItemReader::items(max) } else { ItemReader::bytes(max) };
    let mut reader = Reader {
        shared,
        id,
        reading,
        items,
        pieces: Vec::new(),
        table: Refs::default(),
        ended: false,
        still: 0,
    };
    let mut chunks = Chunks::after(first);
    loop {
        if let Err(rule) = reader.take(&mut chunks) {
            return tell(&reader.shared, Message::Violation(rule.to_string()));
        }
        let refilled = loop {
            match timeout(idle / LOOKS, chunks.refill(&mut stream)).await {
                Ok(refilled) => break refilled,
                Err(_) => reader.look(),
            }
        };
        match refilled {
            Ok(true) => reader.still = 0,
            Ok(false) => return reader.at_end(),
            Err(error) => return stream_failed(&reader.shared, error),
        }
    }
}

struct Reader {
    shared: Arc<Shared>,
    id: StreamId,
    reading: Reading,
    items: ItemReader,
    pieces: Vec<Piece>,
    /// The references of the item that has begun.
    table: Refs,
    /// The last word of the producer was read.
    ended: bool,
    /// How many looks in a row have seen it stand still.
    still: u32,
}

impl Reader {
    fn take(&mut self, chunks: &mut Chunks) -> Result<(), Violation> {
        let taken = chunks.len();
        for chunk in chunks.drain() {
            self.items.push(chunk);
            while let Some(piece) = self.items.next()? {
                self.pieces.push(piece);
            }
        }
        let Reader { shared, id, reading, items, pieces, table, ended, .. } = self;
        let (begun, missing) = (items.begun(), items.missing());
        shared.with(|tables, events| {
            tables.bulk.took(taken);
            let arrived = Arrived { pieces, table, begun, missing };
            *ended |= tables.receive_items(shared, *id, reading, arrived, events)?;
            Ok(())
        })
    }

    /// The producer may end without a word if nobody wants more.
    fn at_end(mut self) {
        let broken = (!self.ended).then_some(Broken::Unfinished);
        let table = std::mem::take(&mut self.table);
        self.shared.with(|tables, _| tables.stream_read(self.id, &self.reading, broken));
        drop(table);
    }

    /// Nothing was read for a while. A consumer that is slow and goes on is no idle one.
    fn look(&mut self) {
        if self.ended {
            return;
        }
        let unreported = self.reading.queue.take_unreported();
        self.shared.with(|tables, _| {
            self.still = match tables.streams.look(self.id, unreported) {
                (Stands::Nowhere, _) | (Stands::AtConsumer, true) => 0,
                (Stands::AtProducer | Stands::AtConsumer, _) => self.still + 1,
            };
            if self.still >= LOOKS {
                tables.stream_is_idle(self.id, &self.reading);
            }
        });
    }
}

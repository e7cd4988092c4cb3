//! Streams where they meet the other tables: their entries in reference tables, and the references in their items (N3, N8).

use super::*;

use crate::streaming::inbound::{Broken, Given, Inbound};
use crate::streaming::travel::{Format, HANDED_OVER, Outbound, StreamRef};
use crate::wire::item::Piece;

/// What has arrived on a stream of the peer, taken apart.
#[derive(Debug)]
pub(crate) struct Arrived<'a> {
    pub(crate) pieces: &'a mut Vec<Piece>,
    /// The references of the item that has begun.
    pub(crate) table: &'a mut Refs,
    /// Of that item, bytes that are here and those that are not.
    pub(crate) begun: u64,
    pub(crate) missing: u64,
}

impl Tables {
    /// Gives a stream its number, once.
    pub(super) fn name_stream(&mut self, end: &StreamRef) -> Result<Reference, Fault> {
        // What came from a peer goes on as an end of this side, unless somebody has taken it.
        let StreamRef::Out(end) = end else {
            return Err(Fault::never(FaultCode::NOT_SENT, HANDED_OVER));
        };
        if !end.name() {
            return Err(Fault::never(FaultCode::NOT_SENT, HANDED_OVER));
        }
        let (kind, named) = if end.is_source() {
            (RefKind::Source, self.streams.name_source(end))
        } else {
            (RefKind::Sink, self.streams.name_sink(end))
        };
        match named {
            Some(id) => {
                let fingerprint = end.format.fingerprint();
                Ok(Reference { kind, id: ObjectId(id.0), fingerprint, ..Reference::DEAD })
            }
            None => {
                end.unname();
                Err(Fault::never(FaultCode::OVERLOADED, "more streams than a connection carries"))
            }
        }
    }

    /// The peer hands a stream over.
    pub(super) fn stream_arrives(
        &mut self,
        shared: &Arc<Shared>,
        lane: usize,
        r: &Reference,
    ) -> Result<Handle, Violation> {
        let (id, format) = (StreamId(r.id.0), Format::of(r.fingerprint).ok_or(Violation::StreamFormat)?);
        Ok(Handle::stream(if r.kind == RefKind::Source {
            let queue = self.streams.source_arrives(id, format, lane)?;
            StreamRef::Source(Inbound::new(shared, id, format, queue))
        } else {
            self.streams.sink_arrives(id)?;
            StreamRef::Sink(Outbound::new(shared, id, format))
        }))
    }

    /// Items arrive: their references are settled, whether or not anybody wants them. True if the stream has said its last.
    pub(crate) fn receive_items(
        &mut self,
        shared: &Arc<Shared>,
        id: StreamId,
        reading: &Reading,
        arrived: Arrived<'_>,
        events: &mut Events,
    ) -> Result<bool, Violation> {
        let Arrived { pieces, table, begun, missing } = arrived;
        let cost = pieces.iter().map(|p| if let Piece::Body { cost, .. } = p { *cost } else { 0 }).sum();
        self.streams.arrived(id, cost, begun, missing)?;
        let wanted = !self.streams.is_let_go(id);
        let mut ended = false;
        for piece in pieces.drain(..) {
            let given = match piece {
                Piece::Table(refs) => {
                    if !mutation!(ItemRefsUnsettled) {
                        *table = self.settle(shared, reading.lane, &refs, events)?;
                    }
                    continue;
                }
                Piece::Body { bytes, cost } => Given::item(bytes, std::mem::take(table), cost),
                Piece::Error(body) => Given::failed(body, std::mem::take(table)),
                Piece::End => {
                    ended = true;
                    self.streams.wake(reading.queue.finish());
                    continue;
                }
            };
            ended |= given.is_last();
            if wanted {
                // What the consumer threw away meanwhile is refused by the queue.
                let (refused, waker) = reading.queue.push(given);
                self.streams.wake(waker);
                events.unwanted.extend(refused);
            } else {
                events.unwanted.push(given);
            }
        }
        Ok(ended)
    }

    /// The stream of a peer ended without a last word: after `Stop` it may, else its consumer is told.
    pub(crate) fn stream_read(&mut self, id: StreamId, reading: &Reading, broken: Option<Broken>) {
        if let Some(why) = broken {
            let (_, waker) = reading.queue.push(Given::broken(why));
            self.streams.wake(waker);
        }
        self.streams.read_to_end(id);
    }

    /// Something was to move on a stream of the peer and did not: its consumer is told, and the peer.
    pub(crate) fn stream_is_idle(&mut self, id: StreamId, reading: &Reading) {
        if !self.streams.is_let_go(id) {
            let (_, waker) = reading.queue.push(Given::broken(Broken::Idle));
            self.streams.wake(waker);
            self.streams.let_go(id, "idle");
        }
    }

    /// The reference table of an item that is about to be sent, and its cost of the window.
    pub(crate) fn append_item(
        &mut self,
        id: StreamId,
        handles: &[Handle],
        cost: u64,
    ) -> Result<smallvec::SmallVec<[Reference; 1]>, Fault> {
        if let Some(reason) = &self.ended {
            return Err(Fault::never(FaultCode::DISCONNECTED, &**reason));
        }
        let refs = self.references(handles)?;
        self.streams.spend(id, cost);
        Ok(refs)
    }
}

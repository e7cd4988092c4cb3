//! How a stream gets its number, by the side that names it and by the other.

use std::sync::Arc;

use super::window::{Inflow, Outflow};
use super::{COUNT_MAX, Consuming, Producing, Start, Streams, WINDOW};
use crate::streaming::inbound::Queue;
use crate::streaming::travel::{Format, OutEnd, Produce};
use crate::tables::Violation;
use crate::wire::StreamId;

impl Streams {
    /// A stream that this side gives is about to be named. `None` if there are too many.
    pub(crate) fn name_source(&mut self, end: &Arc<OutEnd>) -> Option<StreamId> {
        let id = self.fresh_id(self.producing.len())?;
        self.insert_producing(id);
        self.start(Start::Give(id, end.clone()));
        Some(id)
    }

    /// A stream that the peer is to give is about to be named. References in its items have no lane to follow but the first.
    pub(crate) fn name_sink(&mut self, end: &Arc<OutEnd>) -> Option<StreamId> {
        let id = self.fresh_id(self.consuming.len())?;
        let queue = self.insert_consuming(id, end.format, 0);
        self.start(Start::Take(id, end.clone(), queue));
        Some(id)
    }

    fn fresh_id(&mut self, count: usize) -> Option<StreamId> {
        if count >= COUNT_MAX {
            return None;
        }
        let id = StreamId(self.next);
        self.next = self.next.checked_add(2)?;
        Some(id)
    }

    /// The frame that was to name it is not sent. Its end goes back to whoever wanted to send it, and holds it.
    pub(crate) fn unname(&mut self, id: StreamId) {
        self.producing.remove(&id);
        self.consuming.remove(&id);
        let named = |start: &Start| match start {
            Start::Give(other, _) | Start::Take(other, ..) | Start::Claimed(other, ..) => *other == id,
        };
        if let Some(at) = self.starts.iter().position(named)
            && let Start::Give(_, end) | Start::Take(_, end, _) = self.starts.remove(at)
        {
            end.unname();
        }
    }

    fn insert_producing(&mut self, id: StreamId) {
        let flow = Outflow::new(WINDOW);
        self.producing.insert(id, Producing { flow, stopped: false, finished: false, waker: None });
    }

    fn insert_consuming(&mut self, id: StreamId, format: Format, lane: usize) -> Arc<Queue> {
        let queue = Queue::new(&self.held);
        self.consuming.insert(
            id,
            Consuming {
                flow: Inflow::new(WINDOW),
                queue: queue.clone(),
                format,
                lane,
                opened: false,
                stopped: false,
                stop_held: None,
                window_due: false,
                grown: 0,
            },
        );
        self.wakers.extend(self.unnamed.remove(&id));
        queue
    }

    /// The peer names a stream that it gives.
    pub(crate) fn source_arrives(
        &mut self,
        id: StreamId,
        format: Format,
        lane: usize,
    ) -> Result<Arc<Queue>, Violation> {
        self.check_named(id, self.consuming.len())?;
        Ok(self.insert_consuming(id, format, lane))
    }

    /// The peer names a stream that this side is to give.
    pub(crate) fn sink_arrives(&mut self, id: StreamId) -> Result<(), Violation> {
        self.check_named(id, self.producing.len())?;
        self.insert_producing(id);
        Ok(())
    }

    fn check_named(&self, id: StreamId, count: usize) -> Result<(), Violation> {
        let mine = id.0 % 2 == self.next % 2;
        if mine || self.producing.contains_key(&id) || self.consuming.contains_key(&id) {
            return Err(Violation::StreamInUse(id));
        }
        // A sink of this side may be counted here and not at the peer, whose count is of what it gives.
        if count >= 2 * COUNT_MAX {
            return Err(Violation::TooManyStreams);
        }
        Ok(())
    }

    /// A sink of the peer was claimed, or never will be.
    pub(crate) fn claimed(
        &mut self,
        id: StreamId,
        format: Format,
        source: Option<Box<dyn Produce>>,
    ) -> Option<Start> {
        let start = Start::Claimed(id, format, source);
        if !self.producing.contains_key(&id) {
            return Some(start);
        }
        self.start(start);
        None
    }

    fn start(&mut self, start: Start) {
        self.starts.push(start);
        self.start_due = true;
    }
}

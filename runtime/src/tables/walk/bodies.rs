//! The streams of large bodies of one side of a walk: opened for what the peer asks for, written a piece at a time, and
//! delivered when the dice say so.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Poll;

use bytes::{Bytes, BytesMut};

use super::dice::{Act, Dice};
use super::flow::Bell;
use super::peer::Peer;
use crate::tables::Violation;
use crate::wire::BodyId;

/// Towards the peer.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    streams: Vec<Stream>,
    opener: Arc<Bell>,
    opener_sleeps: bool,
}

/// The stream of one body, and what its reader has kept of it.
#[derive(Debug)]
pub(super) struct Stream {
    number: BodyId,
    under_way: VecDeque<Bytes>,
    writer: Arc<Bell>,
    sleeps: bool,
    written: bool,
    begun: bool,
    kept: BytesMut,
}

impl Stream {
    fn new(number: BodyId) -> Stream {
        Stream {
            number,
            under_way: VecDeque::new(),
            writer: Arc::default(),
            sleeps: false,
            written: false,
            begun: false,
            kept: BytesMut::new(),
        }
    }

    /// Whether its writer would do something if it ran.
    fn may_write(&self) -> bool {
        !self.written && (!self.sleeps || self.writer.was_rung())
    }
}

impl Bodies {
    /// Bytes that were written and have not arrived.
    pub(super) fn under_way(&self) -> u64 {
        self.streams.iter().flat_map(|s| &s.under_way).map(|piece| piece.len() as u64).sum()
    }

    /// Bodies for which the peer has not seen a stream begin.
    pub(super) fn not_begun(&self) -> impl Iterator<Item = BodyId> + '_ {
        self.streams.iter().filter(|s| !s.begun).map(|s| s.number)
    }
}

impl Peer {
    /// Streams are opened for what the peer has asked for, and one writer writes a piece.
    pub(super) fn send_bodies(&mut self, dice: &mut Dice) {
        if !self.bodies.opener_sleeps || self.bodies.opener.was_rung() {
            let waker = self.bodies.opener.silent();
            while let Some(number) = self.tables(|t| t.body_to_open(&waker)) {
                dice.count(Act::Pulled);
                self.bodies.streams.push(Stream::new(number));
            }
            self.bodies.opener_sleeps = true;
        }
        let ready: Vec<usize> =
            (0..self.bodies.streams.len()).filter(|&n| self.bodies.streams[n].may_write()).collect();
        if ready.is_empty() {
            return;
        }
        let stream = &mut self.bodies.streams[*dice.pick(&ready)];
        let (waker, now_ms) = (stream.writer.silent(), self.shared.now_ms());
        let number = stream.number;
        let piece = self.shared.with(|tables, events| tables.body_piece(number, &waker, now_ms, events));
        stream.sleeps = piece.is_pending();
        match piece {
            Poll::Ready(Some(piece)) => stream.under_way.push_back(piece),
            Poll::Ready(None) => stream.written = true,
            Poll::Pending => {}
        }
    }

    /// What is under way on some stream arrives, and its end if there is nothing else.
    pub(super) fn deliver_body(&mut self, to: &mut Peer, dice: &mut Dice) -> Result<(), Violation> {
        let ready = |s: &Stream| !s.begun || s.written || !s.under_way.is_empty();
        let streams = &mut self.bodies.streams;
        let ready: Vec<usize> = (0..streams.len()).filter(|&n| ready(&streams[n])).collect();
        if ready.is_empty() {
            return Ok(());
        }
        let at = *dice.pick(&ready);
        let stream = &mut streams[at];
        let (number, now_ms) = (stream.number, to.shared.now_ms());
        if to.ended {
            if stream.written {
                streams.swap_remove(at);
            } else {
                stream.under_way.clear();
                stream.begun = true;
            }
            return Ok(());
        }
        if !stream.begun {
            stream.begun = true;
            to.tables(|t| t.body_begins(number))?;
        } else if let Some(mut piece) = stream.under_way.pop_front() {
            let part = piece.split_to(if dice.one_in(2) { 1 + dice.below(piece.len()) } else { piece.len() });
            if !piece.is_empty() {
                stream.under_way.push_front(piece);
            }
            if to.tables(|t| t.body_arrives(number, part.len(), now_ms))? {
                stream.kept.extend_from_slice(&part);
            }
        } else if stream.written {
            let body = streams.swap_remove(at).kept.freeze();
            dice.count(if body.is_empty() { Act::BodyWithdrawn } else { Act::BodyWhole });
            to.shared.with(|tables, events| tables.body_ends(number, body, now_ms, events))?;
        }
        Ok(())
    }

    /// No stream is open or to be opened, and no writer sleeps who should not.
    pub(super) fn bodies_are_at_rest(&self) -> bool {
        self.bodies.streams.is_empty()
            && (self.ended || self.bodies.opener_sleeps && !self.bodies.opener.was_rung())
    }
}

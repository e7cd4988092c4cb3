//! The bodies that this side announced.

use std::collections::{HashMap, VecDeque};
use std::task::Waker;

use bytes::Bytes;

use crate::tables::{BulkTicket, CallKey, RandomState, Violation, mutation};
use crate::wire::{BodyId, CallId, Large};

/// Streams that may be owed to the peer at once.
const OWED_MAX: usize = 65_536;

/// Bodies of this side.
#[derive(Debug, Default)]
pub(in crate::tables) struct Outgoing {
    next: u32,
    /// How many numbers were ever given, as far as they can be told apart.
    issued: u32,
    bodies: HashMap<BodyId, Sending, RandomState>,
    /// The replies among them, by their call.
    replies: HashMap<(usize, CallId), BodyId, RandomState>,
    /// Bytes of replies that are not written.
    pub(in crate::tables) replies_len: usize,
    /// Asked for: a stream is to be opened. Those that were withdrawn meanwhile are among them; their streams are empty.
    to_open: VecDeque<BodyId>,
    opener: Option<Waker>,
}

/// A body that is announced or being sent.
#[derive(Debug)]
pub(in crate::tables) struct Sending {
    /// What is not written yet.
    pub(in crate::tables) rest: Bytes,
    pub(in crate::tables) of: SendingOf,
    pulled: bool,
    pub(in crate::tables) ticket: Option<BulkTicket>,
}

/// What a body of this side belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tables) enum SendingOf {
    Request(CallKey),
    Reply(usize, CallId),
}

impl Outgoing {
    pub(in crate::tables) fn announce(&mut self, body: Bytes, of: SendingOf) -> Large {
        while self.bodies.contains_key(&BodyId(self.next)) {
            self.next = self.next.wrapping_add(1);
        }
        let number = BodyId(self.next);
        self.next = self.next.wrapping_add(1);
        self.issued = self.issued.saturating_add(1);
        if let SendingOf::Reply(lane, call) = of {
            self.replies.insert((lane, call), number);
            self.replies_len += body.len();
        }
        let len = body.len() as u32;
        self.bodies.insert(number, Sending { rest: body, of, pulled: false, ticket: None });
        Large { len, number }
    }

    /// The peer asks for a body.
    pub(in crate::tables) fn pull(&mut self, number: BodyId) -> Result<(), Violation> {
        let was_issued = self.was_issued(number);
        match self.bodies.get_mut(&number) {
            Some(sending) if sending.pulled => return Err(Violation::UnknownBody),
            Some(sending) => sending.pulled = true,
            None if mutation!(CrossedPullIgnored) => return Ok(()),
            // It was withdrawn while this was under way.
            None if was_issued && self.to_open.len() < OWED_MAX => {}
            None => return Err(Violation::UnknownBody),
        }
        self.to_open.push_back(number);
        Ok(())
    }

    fn was_issued(&self, number: BodyId) -> bool {
        let age = self.next.wrapping_sub(number.0);
        age != 0 && age <= self.issued
    }

    pub(in crate::tables) fn get(&mut self, number: BodyId) -> Option<&mut Sending> {
        self.bodies.get_mut(&number)
    }

    /// Takes the next piece.
    pub(in crate::tables) fn take(&mut self, number: BodyId, len: usize) -> Bytes {
        let Some(sending) = self.bodies.get_mut(&number) else { return Bytes::new() };
        if let SendingOf::Reply(..) = sending.of {
            self.replies_len -= len;
        }
        sending.rest.split_to(len)
    }

    /// Forgets a body that is written to its end; what it belonged to.
    pub(in crate::tables) fn remove_if_sent(&mut self, number: BodyId) -> Option<SendingOf> {
        let of = self.bodies.get(&number).filter(|sending| sending.rest.is_empty())?.of;
        self.remove(number);
        Some(of)
    }

    /// Nobody wants it any more, or it is written. Gives the place in line of its writer, who is to be woken.
    pub(in crate::tables) fn remove(&mut self, number: BodyId) -> Option<BulkTicket> {
        let sending = self.bodies.remove(&number)?;
        if let SendingOf::Reply(lane, call) = sending.of {
            self.replies_len -= sending.rest.len();
            if self.replies.get(&(lane, call)) == Some(&number) {
                self.replies.remove(&(lane, call));
            }
        }
        sending.ticket
    }

    /// Bytes of requests that are not written.
    pub(in crate::tables) fn requests_len(&self) -> usize {
        let requests = self.bodies.values().filter(|s| matches!(s.of, SendingOf::Request(_)));
        requests.map(|s| s.rest.len()).sum()
    }

    pub(in crate::tables) fn reply(&self, lane: usize, call: CallId) -> Option<BodyId> {
        self.replies.get(&(lane, call)).copied()
    }

    /// Replies that are not written.
    pub(in crate::tables) fn replies(&self) -> usize {
        self.replies.len()
    }

    /// The next body for which a stream is to be opened; else `waker` is woken when there is one.
    pub(in crate::tables) fn open(&mut self, waker: &Waker) -> Option<BodyId> {
        let next = self.to_open.pop_front();
        if next.is_none() && !self.opener.as_ref().is_some_and(|w| w.will_wake(waker)) {
            self.opener = Some(waker.clone());
        }
        next
    }

    pub(in crate::tables) fn take_opener(&mut self) -> Option<Waker> {
        if self.to_open.is_empty() { None } else { self.opener.take() }
    }

    pub(in crate::tables) fn clear(&mut self) {
        *self = Outgoing { opener: self.opener.take(), ..Outgoing::default() };
    }

    /// Announced or being sent, and streams to be opened.
    #[cfg(test)]
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.bodies.len(), self.to_open.len())
    }
}

//! The large bodies of one connection (N8): those that this side announced, and those that the peer did.
//!
//! A body that is too long for its frame is announced there and keeps its place. The receiver asks for it when it has room for the whole,
//! and only then do its bytes flow, so that nobody who waits holds what others need. What a body belongs to, and the order of calls, is the
//! business of [`super::Tables`]; the budget of the bytes on their way that of [`super::Bulk`].

mod lines;
mod receiving;
mod sending;

pub(super) use lines::{Held, Line, Lines, Whose};
pub(super) use receiving::{Incoming, Pull, Received, ReceivingOf};
pub(super) use sending::{Outgoing, SendingOf};

/// The bounds of [`Bodies`]; from [`crate::Config`].
#[derive(Clone, Debug)]
pub(crate) struct BodyLimits {
    /// The longest.
    pub(crate) body_max: usize,
    /// Bytes that were asked for and have not arrived.
    pub(crate) pull_max: usize,
    /// Bytes of replies that were announced and not sent; above it no call is started.
    pub(crate) replies_max: usize,
    /// Bytes of calls that have arrived and are not answered; above it a call is refused.
    pub(crate) arguments_max: usize,
    /// A body that makes no progress for so long is given up.
    pub(crate) stall_ms: u64,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Bodies {
    pub(super) outgoing: Outgoing,
    pub(super) incoming: Incoming,
    pub(super) lines: Lines,
}

impl Bodies {
    pub(super) fn new(limits: &BodyLimits) -> Bodies {
        Bodies { outgoing: Outgoing::default(), incoming: Incoming::new(limits), lines: Lines::default() }
    }

    /// Bytes that are held for the peer: what it was asked for, what its calls brought, and what it has not fetched.
    pub(super) fn held(&self) -> u64 {
        self.incoming.held() + self.outgoing.replies_len as u64
    }

    /// Results of this side that are not written yet.
    pub(crate) fn replies(&self) -> usize {
        self.outgoing.replies()
    }

    /// Whether results of the peer are on their way.
    pub(crate) fn awaits_replies(&self) -> bool {
        self.incoming.awaits_replies()
    }
}

#[cfg(test)]
mod tests;

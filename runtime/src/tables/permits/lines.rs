//! Who waits for permits, and where.

use std::cmp::Reverse;
use std::collections::VecDeque;

/// A line that has emptied gives its buffer back to the allocator if it is larger than this.
const LINE_KEPT_MAX: usize = 1024;

/// What one import has out, and who waits for it.
#[derive(Clone, Debug)]
pub(super) struct Import<K> {
    /// Unanswered calls.
    pub(super) out: u32,
    /// Their permits of the connection.
    pub(super) cost_out: u32,
    /// Over all lines.
    pub(super) waiting: usize,
    /// Its line of depth 0 stands among the greedy.
    pub(super) greedy: bool,
    pub(super) own: Own,
    /// Deepest first; a line stays when it empties.
    pub(super) lines: Vec<Line<K>>,
}

impl<K> Default for Import<K> {
    fn default() -> Self {
        Self { out: 0, cost_out: 0, waiting: 0, greedy: false, own: Own::Usual, lines: Vec::new() }
    }
}

impl<K> Import<K> {
    pub(super) fn find(&self, depth: u8) -> Result<usize, usize> {
        self.lines.binary_search_by(|line| depth.cmp(&line.depth))
    }
}

/// Which limit an import has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Own {
    /// That of all objects.
    Usual,
    /// It stands for an answer whose call is not sent yet.
    Held,
    /// It stands for an answer.
    Few,
}

/// The calls of one import and depth that wait, first come first.
#[derive(Clone, Debug)]
pub(super) struct Line<K> {
    pub(super) depth: u8,
    pub(super) place: Place,
    pub(super) queue: VecDeque<Waiter<K>>,
}

impl<K> Line<K> {
    pub(super) fn trim(&mut self) {
        if self.queue.capacity() > LINE_KEPT_MAX {
            self.queue = VecDeque::new();
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Waiter<K> {
    pub(super) key: K,
    pub(super) cost: u32,
}

/// Where a line stands: what its first call lacked when that was last looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nobody is in it.
    Empty,
    /// A permit of the object: looked at again when one comes back.
    Object,
    /// The import holds too much of the connection: in `Permits::greedy`.
    Greedy,
    /// At most permits of the connection: in `Permits::ready`, with this arrival.
    Ready(u64),
}

/// A ready line's rank: deepest first, then first come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Standing {
    pub(super) depth: Reverse<u8>,
    pub(super) arrival: u64,
    pub(super) import: usize,
}

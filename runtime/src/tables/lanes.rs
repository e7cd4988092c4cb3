//! The lanes of one connection: those that all ordinary objects share, and those that belong to one object each.
//!
//! Shared lanes have the first numbers and stay until the connection ends. An own lane is opened by whoever holds its object, before its
//! first call, and ends when the import does; the host answers on the lane a call came by, and ends its half when it has read the
//! end of the other and answered everything. There may be many of them, so nothing here goes through all of them for each frame:
//! whoever takes a lane in hand marks it as touched.

use std::ops::{Index, IndexMut};

use super::{Outbox, Wakers, mutation};

/// The outboxes of all lanes.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    slots: Vec<Option<Outbox>>,
    shared: usize,
    free: Vec<usize>,
    /// Own lanes that may have something to write.
    touched: Vec<usize>,
    /// Own lanes that were above the outbox's limit when something was appended.
    full: Vec<usize>,
    /// Own lanes whose stream is to be opened.
    to_open: Vec<usize>,
}

impl Lanes {
    /// One more lane that all objects share; before any own one.
    pub(crate) fn add_shared(&mut self) -> usize {
        debug_assert_eq!(self.shared, self.slots.len(), "shared lanes come first");
        self.slots.push(Some(Outbox::default()));
        self.shared += 1;
        self.shared - 1
    }

    /// A lane that the peer has opened for an object of ours.
    pub(crate) fn accept(&mut self) -> usize {
        let number = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slots[number] = Some(Outbox::accepted());
        number
    }

    /// A lane for an object of the peer; its stream is to be opened.
    pub(crate) fn open(&mut self) -> usize {
        let number = self.accept();
        self.slots[number] = Some(Outbox::default());
        self.to_open.push(number);
        number
    }

    pub(crate) fn is_open_due(&self) -> bool {
        !self.to_open.is_empty()
    }

    pub(crate) fn take_open_due(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.to_open)
    }

    /// Both halves of an own lane have ended; its number is free.
    pub(crate) fn remove(&mut self, number: usize) -> Option<Outbox> {
        if number < self.shared {
            return None;
        }
        let outbox = self.slots.get_mut(number)?.take()?;
        self.free.push(number);
        self.full.retain(|&lane| lane != number);
        Some(outbox)
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// How many all objects share.
    pub(crate) fn shared(&self) -> usize {
        self.shared
    }

    /// A lane that stays, for what arrives by this one.
    pub(crate) fn shared_lane(&self, number: usize) -> usize {
        if number < self.shared { number } else { number % self.shared.max(1) }
    }

    pub(crate) fn get(&self, number: usize) -> Option<&Outbox> {
        self.slots.get(number)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, number: usize) -> Option<&mut Outbox> {
        self.touch(number);
        self.slots.get_mut(number)?.as_mut()
    }

    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Outbox> {
        self.slots.iter().flatten()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Outbox> {
        self.touched.extend(self.shared..self.slots.len());
        self.slots.iter_mut().flatten()
    }

    fn touch(&mut self, number: usize) {
        if number >= self.shared && self.touched.last() != Some(&number) && !mutation!(OwnLaneUntouched) {
            self.touched.push(number);
        }
    }

    /// The writers that have something to do.
    pub(crate) fn take_wakers(&mut self, out: &mut Wakers) {
        for outbox in self.slots[..self.shared].iter_mut().flatten() {
            if let Some(waker) = outbox.take_waker() {
                out.push(waker);
            }
        }
        while let Some(number) = self.touched.pop() {
            out.extend(self.slots.get_mut(number).and_then(Option::as_mut).and_then(Outbox::take_waker));
        }
    }

    /// Something was appended to a lane; whether that filled it.
    pub(crate) fn filled(&mut self, number: usize, max: usize) -> bool {
        let filled = self.get(number).is_some_and(|outbox| outbox.len() > max);
        if filled && number >= self.shared && !self.full.contains(&number) {
            self.full.push(number);
        }
        filled
    }

    /// Whether any lane holds more than `max` bytes.
    pub(crate) fn any_full(&mut self, max: usize) -> bool {
        let over = |slot: &Option<Outbox>| slot.as_ref().is_some_and(|outbox| outbox.len() > max);
        if self.slots[..self.shared].iter().any(over) {
            return true;
        }
        let slots = &self.slots;
        self.full.retain(|&lane| over(&slots[lane]));
        !self.full.is_empty()
    }
}

impl Index<usize> for Lanes {
    type Output = Outbox;

    fn index(&self, number: usize) -> &Outbox {
        self.slots[number].as_ref().expect("a lane stays while anything is unanswered on it")
    }
}

impl IndexMut<usize> for Lanes {
    fn index_mut(&mut self, number: usize) -> &mut Outbox {
        self.touch(number);
        self.slots[number].as_mut().expect("a lane stays while anything is unanswered on it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_lanes_come_after_the_shared_ones_and_their_numbers_are_used_again() {
        let mut lanes = Lanes::default();
        assert_eq!((lanes.add_shared(), lanes.add_shared()), (0, 1));
        assert_eq!((lanes.open(), lanes.accept()), (2, 3));
        assert_eq!(lanes.take_open_due(), [2], "only the one of this side is to be opened");
        assert!(!lanes.is_open_due());
        assert!(lanes.remove(2).is_some());
        assert!(lanes.remove(2).is_none(), "once");
        assert!(lanes.remove(0).is_none(), "a shared lane stays");
        assert_eq!((lanes.len(), lanes.shared()), (3, 2));
        assert_eq!(lanes.open(), 2);
    }

    #[test]
    fn a_full_own_lane_counts_until_it_is_written_or_gone() {
        let mut lanes = Lanes::default();
        lanes.add_shared();
        let own = lanes.accept();
        assert!(!lanes.any_full(10));
        lanes[own].buffer().extend_from_slice(&[0; 11]);
        assert!(lanes.filled(own, 10));
        assert!(lanes.any_full(10));
        let _ = lanes[own].take();
        assert!(lanes.any_full(10), "what the writer has in hand counts");
        let _ = lanes[own].take();
        assert!(!lanes.any_full(10));
        lanes[own].buffer().extend_from_slice(&[0; 11]);
        assert!(lanes.filled(own, 10));
        lanes.remove(own);
        assert!(!lanes.any_full(10));
    }
}

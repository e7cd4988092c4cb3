//! Those who have been given their turn, or wait for it, and the order in which they start.
//!
//! The turn says who may run; a call that had to wait for it is a task, which runs when its thread comes to it. Whoever arrives
//! meanwhile and could run at once would start before those who were called before: it goes behind them. A plain table: wakers are
//! given back, to be woken by the owner.

use std::collections::{HashMap, VecDeque};
use std::task::Waker;

use foldhash::fast::RandomState;

use crate::tables::Ticket;

#[derive(Debug, Default)]
pub(crate) struct Starts {
    /// Who is not to start yet, and how to wake it.
    waiting: HashMap<Ticket, Option<Waker>, RandomState>,
    /// Who has the turn and has not started, in order; the first is awake.
    called: VecDeque<Ticket>,
}

impl Starts {
    /// Whether somebody has the turn and has not started: who comes now goes behind.
    pub(crate) fn somebody_is_called(&self) -> bool {
        !self.called.is_empty()
    }

    /// It waits for its turn.
    pub(crate) fn wait(&mut self, ticket: Ticket) {
        self.waiting.insert(ticket, None);
    }

    /// It has its turn and goes behind those who have it too. Gives who is to be woken.
    pub(crate) fn call(&mut self, ticket: Ticket) -> Option<Waker> {
        self.called.push_back(ticket);
        if self.called.len() == 1 { self.first() } else { None }
    }

    /// Whether it may start now; if not, it is woken when it may.
    pub(crate) fn may_start(&mut self, ticket: Ticket, waker: &Waker) -> bool {
        match self.waiting.get_mut(&ticket) {
            None => true,
            Some(place) => {
                *place = Some(waker.clone());
                false
            }
        }
    }

    /// It starts, or gives up. Gives who is to be woken.
    pub(crate) fn leave(&mut self, ticket: Ticket) -> Option<Waker> {
        self.waiting.remove(&ticket);
        let place = self.called.iter().position(|&called| called == ticket)?;
        self.called.remove(place);
        if place == 0 { self.first() } else { None }
    }

    /// The first of those who are called may start.
    fn first(&mut self) -> Option<Waker> {
        let first = self.called.front()?;
        self.waiting.remove(first)?
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;
    use crate::tables::{Access, Arrival, Turn};

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn tickets<const N: usize>() -> [Ticket; N] {
        let mut turn = Turn::new();
        std::array::from_fn(|_| match turn.arrive(Access::Read, None, &[]) {
            Arrival::Enter(ticket) | Arrival::Wait(ticket) => ticket,
            Arrival::Refused(_) => unreachable!("readers are not refused"),
        })
    }

    #[test]
    fn those_who_are_called_start_one_after_the_other() {
        let [a, b, c] = tickets();
        let (mut starts, count) = (Starts::default(), Arc::new(Count::default()));
        let waker = Waker::from(count.clone());
        for ticket in [a, b] {
            starts.wait(ticket);
            assert!(!starts.may_start(ticket, &waker));
        }
        assert!(!starts.somebody_is_called());
        starts.call(a).expect("the first is woken").wake();
        assert!(starts.call(b).is_none(), "the second waits for the first");
        assert!(starts.somebody_is_called());
        starts.wait(c);
        assert!(starts.call(c).is_none());
        assert!(starts.may_start(a, &waker) && !starts.may_start(b, &waker) && !starts.may_start(c, &waker));
        starts.leave(a).expect("the second is woken").wake();
        assert!(starts.may_start(b, &waker) && !starts.may_start(c, &waker));
        starts.leave(b).expect("the third is woken").wake();
        assert!(starts.leave(c).is_none());
        assert!(!starts.somebody_is_called());
        assert_eq!(count.0.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn who_gives_up_holds_nobody_back() {
        let [a, b, c] = tickets();
        let mut starts = Starts::default();
        for ticket in [a, b, c] {
            starts.wait(ticket);
        }
        assert!(starts.call(a).is_none(), "it has not come to wait yet, and finds that it may start");
        assert!(starts.may_start(a, Waker::noop()));
        starts.call(b);
        starts.call(c);
        assert!(!starts.may_start(b, Waker::noop()) && !starts.may_start(c, Waker::noop()));
        assert!(starts.leave(b).is_none(), "the first has not started");
        assert!(starts.leave(a).is_some(), "the third is woken");
        assert!(starts.may_start(c, Waker::noop()));
        assert!(starts.leave(c).is_none());
    }
}

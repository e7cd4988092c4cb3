//! When a call has waited long for its turn: its object's turn becomes known to the node, and is, until nobody waits
//! long for it any more.
//!
//! Objects for which nobody has to wait long pay nothing for it, and neither do calls from outside of any method: nobody holds
//! a turn and waits for those.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::Inner;
use crate::node::Worker;
use crate::object::{Incoming, fresh_key};
use crate::tables::{Circle, Crossings, Ticket, TurnKey};

/// How long a call waits for its turn before it looks whether it waits for itself.
const PATIENCE: Duration = Duration::from_millis(100);

/// Where the changes of a turn are told.
pub(super) struct Watched {
    crossings: Arc<Mutex<Crossings>>,
    key: TurnKey,
}

/// When a call that has to wait is to look up: at its deadline if not before.
pub(super) fn look_at(call: &Incoming) -> Instant {
    let deadline = call.context.deadline();
    if call.context.path().is_empty() { deadline } else { deadline.min(Instant::now() + PATIENCE) }
}

impl<S> Inner<S> {
    /// A call has waited long: whether it waits, over others, for itself.
    pub(super) fn closes_circle(&self, call: &Incoming, ticket: Ticket) -> Option<Circle> {
        let worker = Worker::current()?;
        let turn = self.turn.borrow();
        // One that has its turn and is to start behind others waits for nobody's end.
        let place = turn.find(ticket).filter(|_| !turn.holds(ticket))?;
        let mut watched = self.watched.borrow_mut();
        let Watched { crossings, key } = watched
            .get_or_insert_with(|| Watched { crossings: worker.crossings(), key: TurnKey(fresh_key()) });
        let found = {
            let mut crossings = crossings.lock();
            let found = crossings.wait(*key, call.interface(), place, call.context.path(), turn.holders());
            (found, crossings.knows(*key))
        };
        if !found.1 {
            *watched = None;
        }
        found.0.err()
    }

    /// A call is about to leave: the turn, or the queue for it.
    pub(super) fn has_left(&self, ticket: Ticket) {
        self.tell(|crossings, key| crossings.left(key, ticket));
    }

    /// A call holds the turn.
    pub(super) fn has_entered(&self, ticket: Ticket) {
        if self.watched.borrow().is_some()
            && let Some(place) = self.turn.borrow().find(ticket)
        {
            self.tell(|crossings, key| crossings.entered(key, place));
        }
    }

    fn tell(&self, change: impl FnOnce(&mut Crossings, TurnKey)) {
        let mut watched = self.watched.borrow_mut();
        let Some(Watched { crossings, key }) = &*watched else { return };
        let known = {
            let mut crossings = crossings.lock();
            change(&mut crossings, *key);
            crossings.knows(*key)
        };
        if !known {
            *watched = None;
        }
    }

    /// Who holds the turn that a call waits for; who held it, if it was given to the call itself, which has not started.
    pub(super) fn holder(&self, call: &Incoming, ticket: Option<Ticket>) -> Option<String> {
        let turn = self.turn.borrow();
        if let Some(ticket) = ticket.filter(|&ticket| turn.holds(ticket)) {
            return turn.former(ticket).map(|method| call.interface().path(method));
        }
        let mut holders = turn.holders();
        let first = call.interface().path(holders.next()?.method);
        Some(match holders.count() {
            0 => first,
            more => format!("{first} and {more} more"),
        })
    }
}

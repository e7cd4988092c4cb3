//! What becomes of a value that panicked while it was held alone: it is never used again, and another takes its place or the object ends.
//!
//! The call that panicked keeps its turn until the new value is there, so that whoever waits stays in line and nobody sees a
//! half-made one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Hosted, panic_text};
use crate::connection::{Connection, Shared};
use crate::object::context::enter;
use crate::object::make::Again;
use crate::object::restart::{Restarts, Verdict};
use crate::object::{CallContext, Hook};
use crate::tables::Ticket;

/// How an object is given another value.
pub(crate) struct Recovery<S> {
    make: Arc<dyn Fn() -> S + Send + Sync>,
    /// Introduces a connection to the new value.
    greet: fn(&mut S, &Connection),
    restarts: Restarts,
    /// Those that have the service; known if it has hooks.
    connections: Vec<Weak<Shared>>,
}

impl<S> Recovery<S> {
    pub(crate) fn new(again: Again<S>, greet: fn(&mut S, &Connection)) -> Recovery<S> {
        let restarts = Restarts::new(again.restart);
        Recovery { make: again.make, greet, restarts, connections: Vec::new() }
    }
}

impl<S: 'static> Hosted<S> {
    /// A hook of a connection is about to run: a later value is to know the same connections.
    pub(super) fn note(&self, hook: Hook, connection: &Connection) {
        let Some(recovery) = &self.0.recovery else { return };
        let connections = &mut recovery.borrow_mut().connections;
        let shared = connection.shared();
        connections.retain(|c| c.strong_count() > 0 && c.as_ptr() != Arc::as_ptr(shared));
        if matches!(hook, Hook::Connected) {
            connections.push(Arc::downgrade(shared));
        }
    }

    /// A `&mut self` call has panicked, whose turn is `ticket`.
    pub(super) fn spoilt(&self, ticket: Option<Ticket>, reason: String) {
        let Some(recovery) = self.0.recovery.as_ref().filter(|_| self.0.fate.reason().is_none()) else {
            return self.give_up(ticket, &reason);
        };
        self.discard_value();
        let verdict = recovery.borrow_mut().restarts.panicked(Instant::now());
        if verdict != Verdict::After(Duration::ZERO) {
            return self.wait(verdict, ticket, reason);
        }
        match self.renew() {
            Ok(()) => self.leave(ticket),
            Err(reason) => self.fail_again(ticket, reason),
        }
    }

    /// The new value could not be made either.
    fn fail_again(&self, ticket: Option<Ticket>, reason: String) {
        let Some(recovery) = &self.0.recovery else { return self.give_up(ticket, &reason) };
        let verdict = recovery.borrow_mut().restarts.panicked(Instant::now());
        self.wait(verdict, ticket, reason);
    }

    fn wait(&self, verdict: Verdict, ticket: Option<Ticket>, reason: String) {
        let delay = match verdict {
            Verdict::After(delay) => delay,
            Verdict::GiveUp => {
                let spent = self.0.recovery.as_ref().map(|r| r.borrow().restarts.spent());
                return self.give_up(ticket, &(reason + &spent.unwrap_or_default()));
            }
        };
        tracing::warn!(reason, ?delay, "a service instance will be made anew");
        let me = self.clone();
        tokio::task::spawn_local(async move {
            sleep(delay).await;
            if me.0.gone.get() {
                return me.leave(ticket);
            }
            match me.renew() {
                Ok(()) => me.leave(ticket),
                Err(reason) => me.fail_again(ticket, reason),
            }
        });
    }

    fn give_up(&self, ticket: Option<Ticket>, reason: &str) {
        self.0.fate.die(reason);
        self.end();
        self.leave(ticket);
    }

    /// Makes another value and introduces the connections to it.
    fn renew(&self) -> Result<(), String> {
        let Some(recovery) = &self.0.recovery else { return Err("it has no factory".to_owned()) };
        let (make, greet, connections) = {
            let recovery = recovery.borrow();
            (recovery.make.clone(), recovery.greet, recovery.connections.clone())
        };
        let made = catch_unwind(AssertUnwindSafe(|| make()));
        let mut value = made.map_err(|panic| format!("its factory panicked: {}", panic_text(&*panic)))?;
        for shared in connections.iter().filter_map(Weak::upgrade) {
            let context = Arc::new(CallContext::hook(&shared));
            let connection = Connection::of(shared);
            let greeted =
                catch_unwind(AssertUnwindSafe(|| enter(&context, || greet(&mut value, &connection))));
            if let Err(panic) = greeted {
                drop_quietly(value);
                return Err(format!("its on_connect panicked: {}", panic_text(&*panic)));
            }
        }
        *self.0.value.borrow_mut() = Some(value);
        self.0.incarnation.set(self.0.incarnation.get().saturating_add(1));
        tracing::warn!(incarnation = self.0.incarnation.get(), "a service instance was made anew");
        Ok(())
    }

    fn discard_value(&self) {
        let value = self.0.value.try_borrow_mut().ok().and_then(|mut v| v.take());
        drop_quietly(value);
    }
}

/// Its drop may panic as well: it is half-changed.
pub(super) fn drop_quietly<T>(value: T) {
    if catch_unwind(AssertUnwindSafe(|| drop(value))).is_err() {
        tracing::error!("the drop of a service instance panicked");
    }
}

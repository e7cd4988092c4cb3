//! The result of a call within the process that may not be there yet, as an object: what is called on it waits here and is then passed on.
//!
//! The same across a link is the work of the tables on both sides; nothing of it comes by here.

use std::any::Any;
use std::sync::Arc;

use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::Notify;

use super::passing::pass;
use super::{Delivery, Hook, Incoming, LocalObject, Mailbox};
use crate::connection::Connection;
use crate::descriptor::Descriptor;
use crate::error::{BadBody, Fault};
use crate::proxy::Handle;
use crate::wire::FaultCode;

/// A result that is waited for.
pub(crate) struct Promise {
    interface: &'static Descriptor,
    state: Mutex<State>,
    /// Nobody holds it and nothing waits for it.
    nobody: Arc<Notify>,
}

enum State {
    Open(Vec<Delivery>),
    Settled(Handle),
    Broken(String),
}

impl Promise {
    /// Also the handle through which it is called.
    pub(crate) fn new(interface: &'static Descriptor) -> (Arc<Promise>, Handle) {
        let state = Mutex::new(State::Open(Vec::new()));
        let promise = Arc::new(Promise { interface, state, nobody: Arc::default() });
        let object = LocalObject::raw(interface, Box::new(Post(promise.clone())));
        (promise, Handle::local(object))
    }

    /// Told when nobody wants the result any more.
    pub(crate) fn nobody(&self) -> Arc<Notify> {
        self.nobody.clone()
    }

    /// What waited goes first; only when nothing waits any more it is known.
    fn settle(&self, handle: &Handle) {
        loop {
            let waiting = {
                let mut state = self.state.lock();
                match &mut *state {
                    State::Open(waiting) if !waiting.is_empty() => std::mem::take(waiting),
                    State::Open(_) => {
                        *state = State::Settled(handle.clone());
                        return;
                    }
                    State::Settled(_) | State::Broken(_) => return,
                }
            };
            waiting.into_iter().for_each(|delivery| self.pass_on(handle, delivery));
        }
    }

    fn break_off(&self, cause: &str) {
        let former = {
            let mut state = self.state.lock();
            match &*state {
                State::Open(_) => std::mem::replace(&mut *state, State::Broken(cause.to_owned())),
                State::Settled(_) | State::Broken(_) => return,
            }
        };
        if let State::Open(waiting) = former {
            waiting.into_iter().for_each(|delivery| broken(delivery, cause));
        }
    }

    fn take(&self, delivery: Delivery) {
        let known = {
            let mut state = self.state.lock();
            match &mut *state {
                State::Open(waiting) => return waiting.push(delivery),
                State::Settled(handle) => Ok(handle.clone()),
                State::Broken(cause) => Err(cause.clone()),
            }
        };
        match known {
            Ok(handle) => self.pass_on(&handle, delivery),
            Err(cause) => broken(delivery, &cause),
        }
    }

    fn pass_on(&self, handle: &Handle, delivery: Delivery) {
        pass(handle, &self.interface.into(), delivery, None);
    }
}

fn broken(delivery: Delivery, cause: &str) {
    delivery.replier.fault(Fault::never(FaultCode::BROKEN_PROMISE, cause));
}

/// Whoever holds it settles the promise, or breaks it by being dropped.
pub(crate) struct Unsettled(Arc<Promise>);

impl Unsettled {
    pub(crate) fn new(promise: Arc<Promise>) -> Unsettled {
        Unsettled(promise)
    }

    pub(crate) fn settle(&self, handle: &Handle) {
        self.0.settle(handle);
    }

    pub(crate) fn break_off(&self, cause: &str) {
        self.0.break_off(cause);
    }
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        self.0.break_off("nobody waits for it any more");
    }
}

/// The promise as what is called. It goes when the last handle goes.
struct Post(Arc<Promise>);

impl Mailbox for Post {
    fn is_promise(&self) -> bool {
        true
    }

    fn deliver(&self, batch: SmallVec<[Delivery; 1]>) {
        batch.into_iter().for_each(|delivery| self.0.take(delivery));
    }

    fn send(&self, _: Box<dyn Any + Send>, call: Incoming) {
        call.fault(BadBody::no_such_method().into_fault());
    }

    fn hook(&self, _: Hook, _: Connection) {}

    fn end(&self) {
        self.0.break_off("it was revoked");
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        let unwanted = match &*self.0.state.lock() {
            State::Open(waiting) => waiting.is_empty(),
            State::Settled(_) | State::Broken(_) => false,
        };
        if unwanted {
            self.0.nobody.notify_one();
        }
    }
}

//! A result that may be called before it is there.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Call, Guard, Of, Outgoing, Payload, Request, Sort, State, nobody_answered};
use crate::answer::{self, Answer};
use crate::error::{CallError, Fault, NoError};
use crate::node::Worker;
use crate::object::{self, Unsettled};
use crate::proxy::{Handle, Import, Proxy, Target};
use crate::wire::{DEPTH_MAX, FaultCode};

/// A proxy on the result of a call that is under way: made by [`Call::pipelined`].
///
/// It is used as the proxy that it promises: calls on it are sent at once, behind the call that gives the object, and wait at the host for it.
/// A chain of such calls costs one round trip. Awaited, it gives the settled proxy, or the error of the call that was to give it.
///
/// * If that call fails, so do the calls on its promise, as [`CallError::BrokenPromise`]; they never ran.
/// * The result may be an object of the caller's own, or of a third node: the host passes the calls on to it, in order.
/// * The promise and the settled proxy are two handles, in `==` and in order: calls on one do not wait for calls on the other. Calls on the
///   promise go by the host that made it for ever.
/// * A promise takes 64 unanswered calls; further ones wait.
/// * It cannot be handed over in a call ([`CallError::NotSent`]): await it for a proxy that can.
/// * Dropping it, its clones and the calls on it cancels the call that was to give the object, if it is still under way; dropping the promise
///   alone cancels nothing.
#[must_use = "dropping a promise cancels its call"]
pub struct Promised<P, E = NoError> {
    proxy: P,
    outcome: Outcome<P, E>,
}

enum Outcome<P, E> {
    /// Of a call to a peer.
    Call(Call<P, E>),
    /// Of a call within the process, from the task that waits for it.
    Task(oneshot::Receiver<Result<P, CallError<E>>>),
}

impl<P: Proxy, E: fmt::Display + Send + 'static> Promised<P, E> {
    pub(super) fn new(mut call: Call<P, E>) -> Promised<P, E> {
        match call.out.send_kept() {
            Some(import) => {
                let proxy = P::from_handle(Handle::remote(import));
                Promised { proxy, outcome: Outcome::Call(call) }
            }
            None => Promised::within_the_process(call),
        }
    }

    /// The object is of this process, or the call could not be sent: calls on it wait here.
    fn within_the_process(mut call: Call<P, E>) -> Promised<P, E> {
        call.out.send(Sort::Call, None);
        let (promise, handle) = object::Promise::new(P::DESCRIPTOR);
        let proxy = P::from_handle(handle);
        let (tell, told) = oneshot::channel();
        let nobody = promise.nobody();
        let promise = Unsettled::new(promise);
        let settle = move |outcome: Result<P, CallError<E>>| {
            match &outcome {
                Ok(settled) => promise.settle(settled.handle()),
                Err(error) => promise.break_off(&error.to_string()),
            }
            let _ = tell.send(outcome);
        };
        match (call.out.look(), Worker::current_or_home()) {
            (false, Some(worker)) => worker.run(move || {
                tokio::task::spawn_local(async move {
                    tokio::select! {
                        biased;
                        outcome = call => settle(outcome),
                        () = nobody.notified() => {}
                    }
                });
            }),
            _ => {
                let answer = match std::mem::replace(&mut call.out.state, State::Done) {
                    State::Answered(answer) => answer,
                    _ => nobody_answered(),
                };
                settle((call.read)(answer));
            }
        }
        Promised { proxy, outcome: Outcome::Task(told) }
    }
}

impl Outgoing {
    /// Sends a call to a peer whose answer is to be kept; the import that stands for the answer. `None` if it goes nowhere or to an object of
    /// this process; why it goes nowhere is its state then.
    fn send_kept(&mut self) -> Option<std::sync::Arc<Import>> {
        match &self.state {
            State::Unsent(handle, ..) if matches!(handle.target(), Target::Remote(_)) => {}
            _ => return None,
        }
        let State::Unsent(handle, interface, method, Payload::Encoded(body, refs)) =
            std::mem::replace(&mut self.state, State::Done)
        else {
            return None;
        };
        let Target::Remote(import) = handle.target() else { return None };
        let shared = import.shared();
        let now = Instant::now();
        let mut nested = object::nested(self.deadline.from(now, shared.call_timeout), now);
        nested.trace = self.trace.take().or(nested.trace);
        let refused = if nested.depth > DEPTH_MAX {
            Some(Fault::never(FaultCode::CHAIN_TOO_DEEP, ""))
        } else if nested.deadline <= now {
            Some(Fault::never(FaultCode::DEADLINE, ""))
        } else {
            None
        };
        if let Some(fault) = refused {
            self.state = State::failed(fault);
            return None;
        }
        let request = Request {
            interface,
            method,
            body,
            refs,
            path: nested.path,
            depth: nested.depth,
            deadline_ms: shared.millis(nested.deadline),
            trace: nested.trace,
            sort: Sort::Call,
            keep: true,
            on_answer: import.is_promise(),
        };
        let (waiter, answer) = answer::channel();
        match shared.start_kept(import, request, waiter, now) {
            Ok((key, promise)) => {
                let mut guard = Guard::new(Of::Remote(import.clone(), key));
                // Not the drop of this, but that of the last who holds the promise cancels it.
                guard.answered = true;
                self.state = State::Waiting(answer, guard);
                Some(promise)
            }
            Err(fault) => {
                self.state = State::failed(fault);
                None
            }
        }
    }
}

impl<P, E> Deref for Promised<P, E> {
    type Target = P;

    fn deref(&self) -> &P {
        &self.proxy
    }
}

impl<P: Proxy, E: Send + 'static> IntoFuture for Promised<P, E> {
    type Output = Result<P, CallError<E>>;
    type IntoFuture = Settling<P, E>;

    fn into_future(self) -> Settling<P, E> {
        Settling { _held: self.proxy, outcome: self.outcome }
    }
}

/// Waits for the settled proxy of a [`Promised`].
pub struct Settling<P, E> {
    /// Until then somebody wants it.
    _held: P,
    outcome: Outcome<P, E>,
}

impl<P, E> Unpin for Settling<P, E> {}

impl<P, E> Future for Settling<P, E> {
    type Output = Result<P, CallError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.outcome {
            Outcome::Call(call) => Pin::new(call).poll(cx),
            Outcome::Task(told) => Pin::new(told).poll(cx).map(|told| {
                let ended = || match nobody_answered() {
                    Answer::Fault(fault) => Err(CallError::from_fault(fault)),
                    _ => unreachable!("it is a fault"),
                };
                told.unwrap_or_else(|_| ended())
            }),
        }
    }
}

impl<P, E> fmt::Debug for Settling<P, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Settling")
    }
}

/// By the promise: never equal to the settled proxy.
impl<P: PartialEq, E> PartialEq for Promised<P, E> {
    fn eq(&self, other: &Self) -> bool {
        self.proxy == other.proxy
    }
}

impl<P: Eq, E> Eq for Promised<P, E> {}

impl<P: Hash, E> Hash for Promised<P, E> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.proxy.hash(state);
    }
}

impl<P: fmt::Debug, E> fmt::Debug for Promised<P, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Promised").field(&self.proxy).finish()
    }
}

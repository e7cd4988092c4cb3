//! A call that was sent and is awaited later.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::Instant;

use super::{Call, Of, Sort, State};
use crate::answer::Answer;
use crate::error::{CallError, Fault, NoError, Ran};
use crate::node::Worker;
use crate::wire::FaultCode;

/// A call under way: made by [`Call::start`].
///
/// Await it for its result, ask whether it is [`ready`](Pending::ready), or hand the result to a closure with [`on_ready`](Pending::on_ready).
/// Dropping it cancels the call at the peer; [`detach`](Pending::detach) lets it run on.
#[must_use = "dropping a pending call cancels it"]
pub struct Pending<T, E = NoError> {
    call: Call<T, E>,
    deadline: Option<Instant>,
}

impl<T, E> Pending<T, E> {
    pub(super) fn new(mut call: Call<T, E>) -> Pending<T, E> {
        let deadline = call.out.send(Sort::Call, None);
        Pending { call, deadline }
    }

    /// Whether the outcome is there, so that awaiting it does not wait.
    pub fn ready(&mut self) -> bool {
        self.call.out.look()
    }

    /// Whether its deadline has passed without a result.
    pub fn expired(&mut self) -> bool {
        self.ready();
        match &self.call.out.state {
            State::Answered(Answer::Fault(fault)) => fault.code == FaultCode::DEADLINE,
            State::Waiting(..) => self.deadline.is_some_and(|at| at <= Instant::now()),
            _ => false,
        }
    }

    /// Lets the call run on; its result is thrown away. Its deadline stays.
    pub fn detach(mut self) {
        if let State::Waiting(_, guard) = &mut self.call.out.state {
            guard.answered = true;
        }
    }

    /// Hands the outcome to `f`, once, when it is there.
    ///
    /// `f` runs on the thread of the node that drives the connection, as part of no call; for an object of this process, on some thread of a node.
    /// It must not block. If that thread has ended it is called at once with [`CallError::Disconnected`], and wherever the outcome is there
    /// already, on the caller's own thread.
    pub fn on_ready(mut self, f: impl FnOnce(Result<T, CallError<E>>) + Send + 'static)
    where
        T: 'static,
        E: 'static,
    {
        let worker = match &self.call.out.state {
            State::Waiting(_, guard) => match &guard.of {
                Of::Remote(import, _) => Some(import.shared().worker.clone()),
                Of::Local(_) => Worker::current_or_home(),
            },
            _ => None,
        };
        match worker {
            Some(worker) => {
                let tell = Tell { pending: self, f: Some(f) };
                worker.run(move || drop(tokio::task::spawn_local(tell)));
            }
            None => {
                let answer = match std::mem::replace(&mut self.call.out.state, State::Done) {
                    State::Answered(answer) => answer,
                    _ => super::nobody_answered(),
                };
                f((self.call.read)(answer));
            }
        }
    }
}

impl<T, E> Future for Pending<T, E> {
    type Output = Result<T, CallError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.call).poll(cx)
    }
}

impl<T, E> fmt::Debug for Pending<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pending({:?})", self.call.out)
    }
}

/// Waits for an outcome and tells it, whatever becomes of the thread it waits on.
struct Tell<T, E, F: FnOnce(Result<T, CallError<E>>)> {
    pending: Pending<T, E>,
    f: Option<F>,
}

impl<T, E, F: FnOnce(Result<T, CallError<E>>)> Unpin for Tell<T, E, F> {}

impl<T, E, F: FnOnce(Result<T, CallError<E>>)> Tell<T, E, F> {
    fn tell(&mut self, outcome: Result<T, CallError<E>>) {
        let Some(f) = self.f.take() else { return };
        if catch_unwind(AssertUnwindSafe(|| f(outcome))).is_err() {
            tracing::error!("a closure given to `on_ready` panicked");
        }
    }
}

impl<T, E, F: FnOnce(Result<T, CallError<E>>)> Future for Tell<T, E, F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Poll::Ready(outcome) = Pin::new(&mut self.pending).poll(cx) else { return Poll::Pending };
        self.tell(outcome);
        Poll::Ready(())
    }
}

impl<T, E, F: FnOnce(Result<T, CallError<E>>)> Drop for Tell<T, E, F> {
    fn drop(&mut self) {
        if self.f.is_some() {
            let fault = Fault::new(FaultCode::DISCONNECTED, Ran::Unknown, "the node has ended");
            self.tell(Err(CallError::from_fault(fault)));
        }
    }
}

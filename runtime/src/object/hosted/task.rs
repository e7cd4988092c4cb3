//! The task of a call that waits.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::Sleep;

use super::{Hosted, Work};
use crate::error::{Fault, Ran};
use crate::object::context::{Stop, poll_in};
use crate::object::{Incoming, Shape};
use crate::tables::{Access, Circle, Ticket};
use crate::wire::FaultCode;

/// A call that waits: for its turn, then in its own code.
pub(super) struct Task<S: 'static, R: Shape> {
    pub(super) me: Hosted<S>,
    pub(super) call: Option<Incoming>,
    pub(super) work: Option<Work<R::Returned>>,
    pub(super) timer: Pin<Box<Sleep>>,
    pub(super) access: Access,
    pub(super) ticket: Option<Ticket>,
    pub(super) entered: bool,
    pub(super) cancels: bool,
    pub(super) task: usize,
}

impl<S: 'static, R: Shape> Unpin for Task<S, R> {}

impl<S: 'static, R: Shape> Future for Task<S, R> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let Some(call) = &mut this.call else { return Poll::Ready(()) };
        call.context.wait(cx.waker());
        let mut look = false;
        while this.timer.as_mut().poll(cx).is_ready() {
            if this.timer.deadline() >= call.context.deadline() {
                call.context.stop(Stop::Deadline);
                break;
            }
            look = true;
            this.timer.as_mut().reset(call.context.deadline());
        }
        if let Some(why) = call.context.stopped() {
            if !this.entered || this.cancels || why == Stop::Gone {
                this.finish(Err(why));
                return Poll::Ready(());
            }
            if why == Stop::Deadline {
                // It runs to its end, but nobody within the process waits longer than was agreed.
                call.replier.overdue();
            }
        }
        if !this.entered {
            if let Some(ticket) = this.ticket {
                let mut starts = this.me.0.starts.borrow_mut();
                if !starts.may_start(ticket, cx.waker()) {
                    drop(starts);
                    if look && let Some(circle) = this.me.0.closes_circle(call, ticket) {
                        this.give_up(&circle);
                        return Poll::Ready(());
                    }
                    return Poll::Pending;
                }
                let next = starts.leave(ticket);
                drop(starts);
                if let Some(next) = next {
                    next.wake();
                }
            }
            this.entered = true;
            this.me.0.fate.dequeue();
            this.me.begin(call);
        }
        let Some(work) = &mut this.work else { return Poll::Ready(()) };
        match catch_unwind(AssertUnwindSafe(|| poll_in(&call.context, work.as_mut(), cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(returned)) => {
                this.finish(Ok(Ok(returned)));
                Poll::Ready(())
            }
            Err(panic) => {
                this.finish(Ok(Err(panic)));
                Poll::Ready(())
            }
        }
    }
}

impl<S: 'static, R: Shape> Task<S, R> {
    /// The turn is left before the answer is given, so that who sees the answer finds the object free.
    fn finish(&mut self, outcome: Result<Result<R::Returned, Box<dyn Any + Send>>, Stop>) {
        let Some(call) = self.call.take() else { return };
        let holder = if self.entered { None } else { self.me.0.holder(&call, self.ticket) };
        self.drop_work();
        match outcome {
            Ok(outcome) => {
                self.me.depart(&call, self.access, self.ticket, &outcome);
                self.me.settle::<R>(call, outcome);
            }
            Err(why) => {
                self.me.leave(self.ticket);
                let ran = if self.entered { Ran::Yes } else { Ran::Never };
                let mut fault = why.fault(ran);
                if let (Stop::Deadline | Stop::Cancelled, Some(holder)) = (why, holder) {
                    fault.text = format!("it waited for a turn held by {holder}");
                }
                if let (Stop::Gone, Some(reason)) = (why, self.me.0.fate.reason()) {
                    fault.text = reason.to_string();
                }
                call.fault(fault);
            }
        }
        self.me.drop_value_if_unused();
    }

    /// It will never have its turn.
    fn give_up(&mut self, circle: &Circle) {
        let Some(call) = self.call.take() else { return };
        self.drop_work();
        self.me.leave(self.ticket);
        let text = format!("{}: calls wait for each other in a circle: {circle}", call.name());
        call.fault(Fault::never(FaultCode::WOULD_DEADLOCK, text));
        self.me.drop_value_if_unused();
    }

    /// Drops the method's future, leaves the list of tasks; the turn is still to be left.
    fn drop_work(&mut self) {
        let work = self.work.take();
        if catch_unwind(AssertUnwindSafe(|| drop(work))).is_err() {
            tracing::error!("the drop of a stopped handler panicked");
        }
        if !self.entered {
            self.me.0.fate.dequeue();
        }
        if let Some(ticket) = self.ticket {
            let next = self.me.0.starts.borrow_mut().leave(ticket);
            if let Some(next) = next {
                next.wake();
            }
        }
        self.me.0.tasks.borrow_mut().try_remove(self.task);
    }
}

impl<S: 'static, R: Shape> Drop for Task<S, R> {
    fn drop(&mut self) {
        if self.call.is_some() {
            self.drop_work();
            self.me.leave(self.ticket);
        }
    }
}

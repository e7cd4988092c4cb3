//! A value on its thread, behind its fair turn: `&self` calls together, a `&mut self` call alone, in order of arrival.
//!
//! A call that is ready at its first poll is answered without a task. One that waits, for its turn or in its own code,
//! becomes a task that ends by its result, its deadline, a stop, or a panic. A panic ends only its own call; after one in a
//! `&mut self` method the half-changed value is nobody's friend: [`recovery`] says what takes its place.

mod circle;
mod recovery;
mod task;

pub(crate) use recovery::Recovery;
use task::Task;

use std::any::Any;
use std::cell::{Cell, RefCell, RefMut};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use slab::Slab;
use tokio::time::sleep_until;

use super::backtrace::with_backtrace;
use super::context::{CallContext, Stop, enter, poll_in};
use super::fate::Fate;
use super::starts::Starts;
use super::{Hook, Incoming, Shape};
use crate::connection::Connection;
use crate::error::{Fault, Ran};
use crate::tables::{Access, Arrival, Ticket, Turn};
use crate::wire::{FaultCode, Token};

/// A served value, its turn, and the calls that wait or run on it. Never leaves its thread.
pub struct Hosted<S>(Rc<Inner<S>>);

struct Inner<S> {
    /// `None` once the object is gone.
    value: RefCell<Option<S>>,
    turn: RefCell<Turn>,
    /// Who waits for its turn, and in which order those start who have it.
    starts: RefCell<Starts>,
    /// The calls that became tasks, to be stopped when the object ends.
    tasks: RefCell<Slab<Arc<CallContext>>>,
    /// Where the turn's changes are told, while somebody has waited long for it.
    watched: RefCell<Option<circle::Watched>>,
    /// Whether calls may wait for each other here, so that each needs a token.
    exclusive: bool,
    /// Whether the call that is being handed over has its place in line still.
    in_line: Cell<bool>,
    gone: Cell<bool>,
    /// How often the value was made anew.
    incarnation: Cell<u32>,
    /// How it is made anew, if it is.
    recovery: Option<RefCell<Recovery<S>>>,
    fate: Arc<Fate>,
}

impl<S> std::fmt::Debug for Hosted<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hosted({})", std::any::type_name::<S>())
    }
}

impl<S> Clone for Hosted<S> {
    fn clone(&self) -> Self {
        Hosted(self.0.clone())
    }
}

type Work<T> = Pin<Box<dyn Future<Output = T>>>;

impl<S: 'static> Hosted<S> {
    pub(crate) fn new(
        value: S,
        exclusive: bool,
        recovery: Option<Recovery<S>>,
        fate: Arc<Fate>,
    ) -> Hosted<S> {
        Hosted(Rc::new(Inner {
            value: RefCell::new(Some(value)),
            turn: RefCell::new(Turn::new()),
            starts: RefCell::default(),
            tasks: RefCell::default(),
            watched: RefCell::default(),
            exclusive,
            in_line: Cell::new(false),
            gone: Cell::new(false),
            incarnation: Cell::new(0),
            recovery: recovery.map(RefCell::new),
            fate,
        }))
    }

    pub(crate) fn fate(&self) -> &Fate {
        &self.0.fate
    }

    /// Hands over what the mailbox held: it keeps its place in line until it begins, or is refused.
    pub(super) fn take(&self, run: impl FnOnce(&Self)) {
        self.0.in_line.set(true);
        run(self);
        self.out_of_line();
    }

    /// What is being handed over waits no more.
    fn out_of_line(&self) {
        if self.0.in_line.take() {
            self.0.fate.dequeue();
        }
    }

    /// Answers what is being handed over and will not run. Its place is free before: who sees the answer may call again.
    pub(crate) fn refuse(&self, call: Incoming, fault: Fault) {
        self.out_of_line();
        call.fault(fault);
    }

    /// Runs an async `&self` method.
    pub fn read<R: Shape, F>(&self, call: Incoming, method: F)
    where
        F: AsyncFnOnce(&S) -> R::Returned + 'static,
    {
        let inner = self.0.clone();
        self.start::<R>(call, Access::Read, move || Box::pin(read_value(inner, method)));
    }

    /// Runs an async `&mut self` method.
    pub fn write<R: Shape, F>(&self, call: Incoming, method: F)
    where
        F: AsyncFnOnce(&mut S) -> R::Returned + 'static,
    {
        let inner = self.0.clone();
        self.start::<R>(call, Access::Write, move || Box::pin(write_value(inner, method)));
    }

    /// Runs a plain `&self` method: no future, no box, if its turn is free.
    pub fn read_now<R: Shape, F>(&self, call: Incoming, method: F)
    where
        F: FnOnce(&S) -> R::Returned + 'static,
    {
        self.start_now::<R>(call, Access::Read, move |inner| {
            method(inner.value.borrow().as_ref().expect("a gone object starts no call"))
        });
    }

    /// Runs a plain `&mut self` method.
    pub fn write_now<R: Shape, F>(&self, call: Incoming, method: F)
    where
        F: FnOnce(&mut S) -> R::Returned + 'static,
    {
        self.start_now::<R>(call, Access::Write, move |inner| method(&mut inner.value_mut()));
    }

    /// Runs a hook of a connection, in line with the calls.
    pub(crate) fn hook(
        &self,
        call: Incoming,
        which: Hook,
        connection: Connection,
        hook: fn(&mut S, &Connection),
    ) {
        let me = self.clone();
        self.write_now::<super::Plain<()>, _>(call, move |value| {
            me.note(which, &connection);
            hook(value, &connection);
        });
    }

    /// The object ends by itself: all who hold it are told why.
    pub fn gone(&self, reason: &str) {
        self.fate().die(reason);
        self.end();
    }

    /// The object ends: running calls are stopped, waiting ones refused, the value is dropped when nobody uses it.
    pub(crate) fn end(&self) {
        if self.0.gone.replace(true) {
            return;
        }
        let tasks: Vec<_> = self.0.tasks.borrow().iter().map(|(_, c)| c.clone()).collect();
        for context in tasks {
            context.stop(Stop::Gone);
        }
        self.drop_value_if_unused();
    }

    fn drop_value_if_unused(&self) {
        if self.0.gone.get() && self.0.tasks.borrow().is_empty() {
            let value = self.0.value.try_borrow_mut().ok().and_then(|mut v| v.take());
            recovery::drop_quietly(value);
        }
    }

    /// The call holds its turn and begins to run.
    fn begin(&self, call: &mut Incoming) {
        self.out_of_line();
        call.replier.began = true;
        call.context.set_incarnation(self.0.incarnation.get());
    }

    /// Asks for the turn. `Err` has already answered the call.
    fn arrive(&self, call: Incoming, access: Access) -> Result<(Incoming, Option<Ticket>, bool), ()> {
        if self.0.gone.get() {
            let reason = self.0.fate.reason().unwrap_or_else(|| "it has ended".into());
            self.refuse(call, Fault::never(FaultCode::GONE, &*reason));
            return Err(());
        }
        if let Some(why) = call.context.stopped() {
            self.refuse(call, why.fault(Ran::Never));
            return Err(());
        }
        if let Some(traced) = call.context.trace() {
            traced.begin(|| call.name());
        }
        if !self.0.exclusive {
            // Nobody ever runs alone here: there is no turn to wait for.
            return Ok((call, None, true));
        }
        let token = Token(rand::random::<u64>() | 1);
        call.context.set_token(token);
        let path = call.context.path();
        let arrival = self.0.turn.borrow_mut().arrive_as(call.number(), access, Some(token), path);
        match arrival {
            Arrival::Enter(ticket) => {
                self.0.has_entered(ticket);
                Ok((call, Some(ticket), !self.0.starts.borrow().somebody_is_called()))
            }
            Arrival::Wait(ticket) => Ok((call, Some(ticket), false)),
            Arrival::Refused(token) => {
                let text =
                    format!("{}: its turn is held by an ancestor of this call ({token:?})", call.name());
                self.refuse(call, Fault::never(FaultCode::WOULD_DEADLOCK, text));
                Err(())
            }
        }
    }

    fn start_now<R: Shape>(
        &self,
        call: Incoming,
        access: Access,
        method: impl FnOnce(&Inner<S>) -> R::Returned + 'static,
    ) {
        let Ok((mut call, ticket, entered)) = self.arrive(call, access) else { return };
        if !entered {
            let inner = self.0.clone();
            let work: Work<R::Returned> = Box::pin(async move { method(&inner) });
            return self.spawn::<R>(call, access, ticket, false, work);
        }
        self.begin(&mut call);
        let outcome = catch_unwind(AssertUnwindSafe(|| enter(&call.context, || method(&self.0))));
        self.depart(&call, access, ticket, &outcome);
        self.settle::<R>(call, outcome);
    }

    fn start<R: Shape>(&self, call: Incoming, access: Access, work: impl FnOnce() -> Work<R::Returned>) {
        let Ok((mut call, ticket, entered)) = self.arrive(call, access) else { return };
        let mut work = work();
        if !entered {
            return self.spawn::<R>(call, access, ticket, false, work);
        }
        self.begin(&mut call);
        let mut cx = Context::from_waker(Waker::noop());
        let polled = catch_unwind(AssertUnwindSafe(|| poll_in(&call.context, work.as_mut(), &mut cx)));
        let outcome = match polled {
            Ok(Poll::Pending) => return self.spawn::<R>(call, access, ticket, true, work),
            Ok(Poll::Ready(returned)) => Ok(returned),
            Err(panic) => Err(panic),
        };
        drop(work);
        self.depart(&call, access, ticket, &outcome);
        self.settle::<R>(call, outcome);
    }

    /// A call that has to wait becomes a task. It is polled again at once, with a waker of its own.
    fn spawn<R: Shape>(
        &self,
        call: Incoming,
        access: Access,
        ticket: Option<Ticket>,
        entered: bool,
        work: Work<R::Returned>,
    ) {
        let task = self.0.tasks.borrow_mut().insert(call.context.clone());
        if !entered && let Some(ticket) = ticket {
            // Its place is the task's from here on; what did not come through the mailbox takes one now.
            if !self.0.in_line.take() {
                self.0.fate.queue_one();
            }
            let mut starts = self.0.starts.borrow_mut();
            starts.wait(ticket);
            if self.0.turn.borrow().holds(ticket) {
                // Others who were given the turn before have not started yet.
                let first = starts.call(ticket);
                debug_assert!(first.is_none(), "it goes behind them");
            }
        }
        let timer =
            Box::pin(sleep_until(if entered { call.context.deadline() } else { circle::look_at(&call) }));
        let cancels = call.cancels();
        tokio::task::spawn_local(Task::<S, R> {
            me: self.clone(),
            call: Some(call),
            work: Some(work),
            timer,
            access,
            ticket,
            entered,
            cancels,
            task,
        });
    }

    /// Gives the turn up; those who have it now are woken.
    fn leave(&self, ticket: Option<Ticket>) {
        let Some(ticket) = ticket else { return };
        let mut started = Vec::new();
        // Said first, so that nobody finds a circle over who has left.
        self.0.has_left(ticket);
        self.0.turn.borrow_mut().leave(ticket, &mut started);
        started.iter().for_each(|&ticket| self.0.has_entered(ticket));
        if started.is_empty() {
            return;
        }
        let mut starts = self.0.starts.borrow_mut();
        let mut first = None;
        for ticket in started {
            first = starts.call(ticket).or(first);
        }
        drop(starts);
        if let Some(first) = first {
            first.wake();
        }
    }

    /// The call has ended: its turn is given up, or kept until a value that it has spoilt is replaced.
    fn depart<T>(
        &self,
        call: &Incoming,
        access: Access,
        ticket: Option<Ticket>,
        outcome: &Result<T, Box<dyn Any + Send>>,
    ) {
        match outcome {
            Err(panic) if access == Access::Write => {
                self.spoilt(ticket, format!("{} panicked: {}", call.name(), panic_text(&**panic)));
            }
            _ => self.leave(ticket),
        }
    }

    fn settle<R: Shape>(&self, call: Incoming, outcome: Result<R::Returned, Box<dyn Any + Send>>) {
        match outcome {
            Ok(returned) => {
                // Encoding runs code of the user's types: its panic is the call's own.
                let _ = catch_unwind(AssertUnwindSafe(|| call.reply::<R>(returned)));
            }
            Err(panic) => {
                let text = panic_text(&*panic);
                tracing::error!(method = %call.name(), panic = %text, "a handler panicked");
                call.fault(Fault::new(FaultCode::PANICKED, Ran::Yes, with_backtrace(text)));
            }
        }
    }
}

impl<S> Inner<S> {
    fn value_mut(&self) -> RefMut<'_, S> {
        RefMut::map(self.value.borrow_mut(), |v| v.as_mut().expect("a gone object starts no call"))
    }
}

#[expect(clippy::await_holding_refcell_ref, reason = "the turn admits readers together or one writer alone")]
async fn read_value<S: 'static, T>(inner: Rc<Inner<S>>, method: impl AsyncFnOnce(&S) -> T) -> T {
    let value = inner.value.borrow();
    method(value.as_ref().expect("a gone object starts no call")).await
}

#[expect(clippy::await_holding_refcell_ref, reason = "the turn admits readers together or one writer alone")]
async fn write_value<S: 'static, T>(inner: Rc<Inner<S>>, method: impl AsyncFnOnce(&mut S) -> T) -> T {
    let mut value = inner.value_mut();
    method(&mut value).await
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a text".to_owned()
    }
}

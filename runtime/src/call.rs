//! A call as a value: a future that is sent at its first poll and cancelled when it is dropped.

mod notify;
mod pending;
mod promised;

pub use notify::Notify;
pub use pending::Pending;
pub use promised::Promised;

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use smallvec::smallvec;
use tokio::time::Instant;

use crate::answer::{self, Answer, Awaited, Missing};
use crate::descriptor::Described;
use crate::error::{CallError, EncodeError, Fault, NoError, Ran};
use crate::node::Worker;
use crate::object::{self, CallContext, Delivery, Interface, LocalObject, Nested, Replier, Shape, Stop};
use crate::proxy::{Handle, Import, Proxy, Target};
use crate::tables::CallKey;
use crate::trace::TraceContext;
use crate::values::{self, ArgsOut};
use crate::wire::{DEPTH_MAX, FaultCode, Path};

/// How long a call may take if nothing else is said.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// What is to be sent of a call.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) interface: Described,
    pub(crate) method: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) refs: Vec<Handle>,
    pub(crate) path: Path,
    pub(crate) depth: u8,
    /// Since the beginning of the connection.
    pub(crate) deadline_ms: u64,
    pub(crate) trace: Option<Box<TraceContext>>,
    pub(crate) sort: Sort,
    /// Its answer is to be kept, for calls on it.
    pub(crate) keep: bool,
    /// It is itself a call on an answer that is promised.
    pub(crate) on_answer: bool,
}

impl Request {
    /// Whether it comes from outside of any call and belongs to no trace.
    pub(crate) fn has_no_context(&self) -> bool {
        self.depth == 0 && self.path.is_empty() && self.trace.is_none()
    }
}

/// What its maker wants of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// An answer.
    Call,
    /// No answer.
    Notice,
    /// No answer, and no wait for a permit either.
    NoticeAtOnce,
}

impl Sort {
    pub(crate) fn is_notice(self) -> bool {
        matches!(self, Sort::Notice | Sort::NoticeAtOnce)
    }
}

/// A call of a method: a future of its result.
///
/// The arguments are encoded when it is made; nothing is sent before its first poll. It may be joined, selected and spawned.
/// Dropping it while it is under way cancels it at the peer. It ends by its answer, its deadline (30 s unless
/// [`Call::timeout`] or [`Call::deadline`] says otherwise; shorter inside a handler whose own deadline is nearer), the death of the object
/// or the end of the connection: never does it wait for ever.
#[must_use = "a call does nothing until it is awaited"]
pub struct Call<T, E = NoError> {
    out: Outgoing,
    read: fn(Answer) -> Result<T, CallError<E>>,
}

/// A call whatever its result: what it asks for until it is sent, then who waits for its answer.
struct Outgoing {
    state: State,
    deadline: Wish,
    trace: Option<Box<TraceContext>>,
}

/// Until when its maker wants to wait.
#[derive(Clone, Copy)]
enum Wish {
    Default,
    Timeout(Duration),
    At(Instant),
}

impl Wish {
    fn from(self, now: Instant, usual: Duration) -> Instant {
        match self {
            Wish::Default => now + usual,
            // Ten years is for ever here; adding `Duration::MAX` would panic.
            Wish::Timeout(d) => now + d.min(Duration::from_secs(86_400 * 3_650)),
            Wish::At(t) => t,
        }
    }
}

enum State {
    /// It could not be made, or its answer was looked for and is there.
    Answered(Answer),
    Unsent(Handle, Described, u16, Payload),
    Waiting(Awaited, Guard),
    Done,
}

enum Payload {
    Typed(Box<dyn Any + Send>),
    Encoded(Vec<u8>, Vec<Handle>),
}

/// Cancels the call if it is dropped before its answer.
struct Guard {
    of: Of,
    answered: bool,
}

enum Of {
    /// Held until the answer, so that the import outlives a call that waits for permits.
    Remote(Arc<Import>, CallKey),
    Local(Arc<CallContext>),
}

impl Guard {
    fn new(of: Of) -> Guard {
        Guard { of, answered: false }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        match &self.of {
            _ if self.answered => {}
            Of::Remote(import, key) => import.shared().abandon(*key),
            Of::Local(context) => context.stop(Stop::Cancelled),
        }
    }
}

/// A call on an object of this process that serves `P`: no network, no serialization.
pub fn call_local<P: Interface, R: Shape>(
    handle: &Handle,
    method: u16,
    request: P::Request,
) -> Call<R::Ok, R::Err> {
    let state =
        State::Unsent(handle.clone(), P::DESCRIPTOR.into(), method, Payload::Typed(Box::new(request)));
    Call::new(state, read::<R>)
}

/// A call on any other object: its arguments are encoded now.
pub fn call_remote<P: Interface, R: Shape>(
    handle: &Handle,
    method: u16,
    count: u32,
    write: impl FnOnce(&mut ArgsOut<'_>) -> Result<(), EncodeError>,
) -> Call<R::Ok, R::Err> {
    call_encoded::<R>(handle, P::DESCRIPTOR.into(), method, count, write)
}

/// The same for an interface that may be known only at run time.
pub(crate) fn call_encoded<R: Shape>(
    handle: &Handle,
    interface: Described,
    method: u16,
    count: u32,
    write: impl FnOnce(&mut ArgsOut<'_>) -> Result<(), EncodeError>,
) -> Call<R::Ok, R::Err> {
    // Within the process closures are not started: they begin to live where they are first called.
    let worker = match handle.target() {
        Target::Remote(import) => Some(&import.shared().worker),
        Target::Local(_) | Target::Lazy(_) | Target::Dead | Target::Stream(_) => None,
    };
    let state = match values::encode_args(worker, count, write) {
        Ok((body, refs)) => State::Unsent(handle.clone(), interface, method, Payload::Encoded(body, refs)),
        Err(e) => State::failed(Fault::never(FaultCode::NOT_SENT, e.to_string())),
    };
    Call::new(state, read::<R>)
}

fn read<R: Shape>(answer: Answer) -> Result<R::Ok, CallError<R::Err>> {
    let value = match answer {
        Answer::Reply { body, refs } => R::read(&body, &refs).map_err(CallError::BadReply)?,
        Answer::Local(value) => match value.downcast::<R::Value>() {
            Ok(value) => *value,
            Err(_) => return Err(CallError::BadReply("a value of another type".into())),
        },
        Answer::Fault(fault) => return Err(CallError::from_fault(fault)),
        Answer::Sent => return Err(CallError::BadReply("a notice has no result".into())),
    };
    R::outcome(value)
}

impl State {
    fn failed(fault: Fault) -> State {
        State::Answered(Answer::Fault(fault))
    }
}

impl<T, E> Call<T, E> {
    fn new(state: State, read: fn(Answer) -> Result<T, CallError<E>>) -> Call<T, E> {
        Call { out: Outgoing { state, deadline: Wish::Default, trace: None }, read }
    }

    /// Ends the call after `timeout`, counted from its first poll. Zero ends it at once.
    ///
    /// ```text
    /// let sum = calc.add(4, 7).timeout(Duration::from_millis(200)).await?;
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.out.deadline = Wish::Timeout(timeout);
        self
    }

    /// Ends the call at `deadline`.
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.out.deadline = Wish::At(deadline);
        self
    }

    /// Makes the call part of a trace. Without it, it belongs to the trace of the call in whose handler it is made, if any.
    pub fn traced(mut self, context: TraceContext) -> Self {
        self.out.trace = Some(Box::new(context));
        self
    }

    /// Sends the call now; its answer is awaited later, or handed to a closure.
    ///
    /// ```text
    /// let sum = calc.add(4, 7).start();
    /// // .. other work ..
    /// assert_eq!(sum.await?, 11);
    /// ```
    pub fn start(self) -> Pending<T, E> {
        Pending::new(self)
    }

    /// Sends the call now and gives a proxy on its result, which may be called before the result is there: see [`Promised`].
    ///
    /// ```text
    /// let balance = bank.open("alice").pipelined().balance().await?; // one round trip
    /// ```
    pub fn pipelined(self) -> Promised<T, E>
    where
        T: Proxy,
        E: fmt::Display + Send + 'static,
    {
        Promised::new(self)
    }

    /// A future that sends the call and wants no answer: see [`Notify`].
    ///
    /// ```text
    /// progress.tick(17).notify().await?;
    /// ```
    pub fn notify(self) -> Notify {
        Notify::new(self.out)
    }

    /// Sends the call now, if that needs no wait, and wants no answer. Without a permit to spare it fails as
    /// [`CallError::Overloaded`] and was not sent; else as [`Notify`] does.
    pub fn try_notify(self) -> Result<(), CallError> {
        Notify::at_once(self.out)
    }
}

impl Outgoing {
    /// Sends it, unless that was done; gives its deadline. `waker` may be left with what waits for the answer.
    fn send(&mut self, sort: Sort, waker: Option<&Waker>) -> Option<Instant> {
        if !matches!(self.state, State::Unsent(..)) {
            return None;
        }
        let State::Unsent(handle, interface, method, payload) =
            std::mem::replace(&mut self.state, State::Done)
        else {
            return None;
        };
        let usual = match handle.target() {
            Target::Remote(import) => import.shared().call_timeout,
            _ => TIMEOUT,
        };
        let now = Instant::now();
        let wish = self.deadline.from(now, usual);
        let mut nested = if sort.is_notice() { object::aside(wish) } else { object::nested(wish, now) };
        if self.trace.is_some() {
            nested.trace = self.trace.take();
        }
        let deadline = nested.deadline;
        self.state = match send(handle, interface, method, payload, nested, now, sort, waker) {
            Ok((answer, guard)) => State::Waiting(answer, guard),
            Err(fault) => State::failed(fault),
        };
        Some(deadline)
    }

    fn poll(&mut self, cx: &mut Context<'_>, sort: Sort) -> Poll<Answer> {
        if matches!(self.state, State::Unsent(..)) {
            // A notice may be on its way already.
            let waker = (!sort.is_notice()).then(|| cx.waker());
            self.send(sort, waker);
            if waker.is_some() && matches!(&self.state, State::Waiting(_, Guard { of: Of::Remote(..), .. })) {
                // Its waker went along.
                return Poll::Pending;
            }
        }
        if let State::Waiting(answer, guard) = &mut self.state {
            return match Pin::new(answer).poll(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(answer) => {
                    guard.answered = true;
                    self.state = State::Done;
                    Poll::Ready(answer.unwrap_or_else(|_| nobody_answered()))
                }
            };
        }
        match std::mem::replace(&mut self.state, State::Done) {
            State::Answered(answer) => Poll::Ready(answer),
            _ => panic!("a call was polled after it had ended"),
        }
    }

    /// Takes the answer if it is there; whether it is.
    fn look(&mut self) -> bool {
        if let State::Waiting(answer, guard) = &mut self.state {
            let answer = match answer.try_recv() {
                Ok(answer) => answer,
                Err(Missing::NotYet) => return false,
                Err(Missing::Never) => nobody_answered(),
            };
            guard.answered = true;
            self.state = State::Answered(answer);
        }
        matches!(self.state, State::Answered(_))
    }
}

fn nobody_answered() -> Answer {
    Answer::Fault(Fault::new(FaultCode::DISCONNECTED, Ran::Unknown, "nobody answered"))
}

#[expect(clippy::too_many_arguments, reason = "all that a call consists of, once")]
fn send(
    handle: Handle,
    interface: Described,
    method: u16,
    payload: Payload,
    nested: Nested,
    now: Instant,
    sort: Sort,
    waker: Option<&Waker>,
) -> Result<(Awaited, Guard), Fault> {
    if nested.depth > DEPTH_MAX {
        return Err(Fault::never(FaultCode::CHAIN_TOO_DEEP, ""));
    }
    if nested.deadline <= now {
        return Err(Fault::never(FaultCode::DEADLINE, ""));
    }
    let (of, answer) = match (handle.into_target(), payload) {
        (Target::Remote(import), Payload::Encoded(body, refs)) => {
            let (waiter, answer) = match waker {
                Some(waker) => answer::awaited_by(waker),
                None => answer::channel(),
            };
            let shared = import.shared();
            let deadline_ms = shared.millis(nested.deadline);
            let request = Request {
                interface,
                method,
                body,
                refs,
                path: nested.path,
                depth: nested.depth,
                deadline_ms,
                trace: nested.trace,
                sort,
                keep: false,
                on_answer: import.is_promise(),
            };
            let key = shared.start(&import, request, waiter, now)?;
            (Of::Remote(import, key), answer)
        }
        (Target::Remote(_), Payload::Typed(_)) => {
            return Err(Fault::never(FaultCode::NOT_SENT, "a typed request to a remote object"));
        }
        (Target::Dead | Target::Stream(_), _) => return Err(Fault::never(FaultCode::GONE, "")),
        (Target::Lazy(lazy), payload) => {
            let worker = Worker::current_or_home()
                .ok_or_else(|| Fault::never(FaultCode::NOT_SENT, "there is no thread for the closure"))?;
            let Some(object) = lazy.get(&worker) else {
                return Err(Fault::never(FaultCode::GONE, "it was revoked"));
            };
            send_local(&object, interface, method, payload, nested, sort)?
        }
        (Target::Local(object), payload) => send_local(&object, interface, method, payload, nested, sort)?,
    };
    Ok((answer, Guard::new(of)))
}

fn send_local(
    object: &LocalObject,
    interface: Described,
    method: u16,
    payload: Payload,
    nested: Nested,
    sort: Sort,
) -> Result<(Of, Awaited), Fault> {
    let (waiter, answer) = answer::channel();
    let context = Arc::new(CallContext::within(object::current().as_deref(), nested));
    let replier = if sort.is_notice() {
        waiter.send(Answer::Sent);
        Replier::notice()
    } else {
        match &payload {
            Payload::Typed(_) => Replier::local(waiter),
            // Its caller may know the result under another type: it is told apart as over the wire.
            Payload::Encoded(..) => Replier::encoded(waiter),
        }
    };
    match payload {
        Payload::Typed(request) => object.send(method, request, replier, context.clone()),
        Payload::Encoded(body, refs) => {
            // The object came home to a proxy of another version of its interface: methods go by name.
            let name = interface.method_name(method);
            let Some(method) = object.descriptor().number_of(name) else {
                replier.disarm();
                let text = format!("{}::{name}", object.descriptor().name);
                return Err(Fault::never(FaultCode::NO_SUCH_METHOD, text));
            };
            let refs = crate::answer::Refs::new(refs);
            let context = context.clone();
            let (numbering, body) = (None, body.into());
            object.deliver(smallvec![Delivery { method, numbering, body, refs, replier, context }]);
        }
    }
    Ok((Of::Local(context), answer))
}

impl<T, E> Future for Call<T, E> {
    type Output = Result<T, CallError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let read = self.read;
        self.out.poll(cx, Sort::Call).map(read)
    }
}

impl<T, E> fmt::Debug for Call<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({:?})", self.out)
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Answered(Answer::Fault(_)) => "failed",
            State::Answered(_) => "answered",
            State::Unsent(..) => "unsent",
            State::Waiting(..) => "under way",
            State::Done => "done",
        })
    }
}

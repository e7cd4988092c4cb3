//! What belongs to one call while it runs: who called, how deep, until when; and the flag that stops it.
//!
//! The context is set around each poll of a handler, so that calls made inside it inherit depth, path and deadline
//! without being given anything.

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::Dispatch;
use crate::connection::{Connection, Shared};
use crate::error::{Fault, Ran};
use crate::proxy::Proxy;
use crate::trace::{TraceContext, Traced};
use crate::wire::{DEPTH_MAX, FaultCode, Options, Path, Token};

/// Why a running call is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stop {
    Cancelled = 1,
    Deadline = 2,
    Disconnected = 3,
    /// Stops even what nothing else stops.
    Gone = 4,
}

impl Stop {
    /// What the caller is told.
    pub(crate) fn fault(self, ran: Ran) -> Fault {
        let (code, text) = match self {
            Stop::Cancelled => (FaultCode::CANCELLED, ""),
            Stop::Deadline => (FaultCode::DEADLINE, ""),
            Stop::Gone => (FaultCode::GONE, "it has ended"),
            Stop::Disconnected => (FaultCode::DISCONNECTED, ""),
        };
        Fault::new(code, ran, text)
    }
}

/// The life of one call at the side that runs it.
#[derive(Debug)]
pub(crate) struct CallContext {
    connection: Weak<Shared>,
    depth: u8,
    path: Path,
    deadline: Instant,
    trace: Option<Box<Traced>>,
    /// 0: it holds no turn that others could wait for.
    token: AtomicU64,
    /// Of the instance on which it runs.
    incarnation: AtomicU32,
    stop: AtomicU8,
    waker: Mutex<Option<Waker>>,
    /// Of a call with large arguments: they count until it has ended.
    body: Option<Box<HeldBody>>,
}

/// Large arguments that belong to a call.
#[derive(Debug)]
struct HeldBody {
    len: AtomicU64,
    all: Arc<AtomicU64>,
}

impl Drop for HeldBody {
    fn drop(&mut self) {
        self.all.fetch_sub(*self.len.get_mut(), Ordering::Relaxed);
    }
}

impl CallContext {
    fn new(connection: Weak<Shared>, depth: u8, path: Path, deadline: Instant) -> CallContext {
        CallContext {
            connection,
            depth,
            path,
            deadline,
            trace: None,
            token: AtomicU64::new(0),
            incarnation: AtomicU32::new(0),
            stop: AtomicU8::new(0),
            waker: Mutex::new(None),
            body: None,
        }
    }

    /// A call that came over a connection; `deadline_ms` counts from the connection's beginning.
    pub(crate) fn remote(shared: &Arc<Shared>, options: &Options, deadline_ms: u64) -> CallContext {
        let deadline = shared.instant(deadline_ms);
        let trace = options.trace.map(|trace| Traced::new(TraceContext::from_wire(trace)));
        let context = CallContext::new(Arc::downgrade(shared), options.depth, options.path.clone(), deadline);
        CallContext { trace, ..context }
    }

    /// A call within the process: on behalf of whoever called the caller.
    pub(crate) fn within(parent: Option<&CallContext>, nested: Nested) -> CallContext {
        let connection = parent.map_or_else(Weak::new, |p| p.connection.clone());
        let trace = nested.trace.map(|trace| Traced::new(*trace));
        CallContext { trace, ..CallContext::new(connection, nested.depth, nested.path, nested.deadline) }
    }

    /// A hook that runs for a connection.
    pub(crate) fn hook(shared: &Arc<Shared>) -> CallContext {
        let far = Instant::now() + std::time::Duration::from_secs(86_400 * 365);
        CallContext::new(Arc::downgrade(shared), 0, Path::new(), far)
    }

    /// It comes with large arguments, which `all` is to count once they are here.
    pub(crate) fn is_large(&mut self, all: Arc<AtomicU64>) {
        self.body = Some(Box::new(HeldBody { len: AtomicU64::new(0), all }));
    }

    /// Its large arguments are here.
    pub(crate) fn holds_body(&self, len: usize) {
        if let Some(body) = &self.body {
            let former = body.len.swap(len as u64, Ordering::Relaxed);
            debug_assert_eq!(former, 0, "they arrive once");
            body.all.fetch_add(len as u64, Ordering::Relaxed);
        }
    }

    pub(crate) fn depth(&self) -> u8 {
        self.depth
    }

    pub(crate) fn path(&self) -> &[Token] {
        &self.path
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    pub(crate) fn trace(&self) -> Option<&Traced> {
        self.trace.as_deref()
    }

    pub(crate) fn set_token(&self, token: Token) {
        self.token.store(token.0, Ordering::Relaxed);
    }

    pub(crate) fn set_incarnation(&self, incarnation: u32) {
        self.incarnation.store(incarnation, Ordering::Relaxed);
    }

    /// The call is to stop; the weightiest reason counts.
    pub(crate) fn stop(&self, why: Stop) {
        let former = self.stop.fetch_max(why as u8, Ordering::AcqRel);
        if former < why as u8
            && let Some(waker) = self.waker.lock().take()
        {
            waker.wake();
        }
    }

    pub(crate) fn stopped(&self) -> Option<Stop> {
        Some(match self.stop.load(Ordering::Acquire) {
            1 => Stop::Cancelled,
            2 => Stop::Deadline,
            3 => Stop::Disconnected,
            4 => Stop::Gone,
            _ => return None,
        })
    }

    /// The trace of calls that are part of it.
    pub(crate) fn inherited(&self) -> Option<Box<TraceContext>> {
        self.trace.as_ref().map(|traced| Box::new(traced.context))
    }

    pub(crate) fn wait(&self, waker: &Waker) {
        let mut slot = self.waker.lock();
        if !slot.as_ref().is_some_and(|w| w.will_wake(waker)) {
            *slot = Some(waker.clone());
        }
    }
}

/// What a call made now inherits.
#[derive(Debug)]
pub(crate) struct Nested {
    pub(crate) depth: u8,
    pub(crate) path: Path,
    pub(crate) deadline: Instant,
    pub(crate) trace: Option<Box<TraceContext>>,
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<CallContext>>> = const { RefCell::new(None) };
}

/// The call that is being handled on this thread right now.
pub(crate) fn current() -> Option<Arc<CallContext>> {
    CURRENT.with_borrow(Clone::clone)
}

/// A nested call ends at most this long before the call around it.
const NESTED_MARGIN: Duration = Duration::from_millis(100);

/// Depth, path and deadline for a call that is made now, with `deadline` as its own wish.
pub(crate) fn nested(deadline: Instant, now: Instant) -> Nested {
    CURRENT.with_borrow(|current| match current {
        None => Nested { depth: 0, path: Path::new(), deadline, trace: None },
        Some(context) => {
            let left = context.deadline.saturating_duration_since(now);
            // Who made the call around it can still say what it waited for.
            let until = context.deadline - (left / 64).min(NESTED_MARGIN);
            let mut path = context.path.clone();
            let token = context.token.load(Ordering::Relaxed);
            if token != 0 {
                path.push(Token(token));
            }
            Nested {
                depth: context.depth + 1,
                path,
                deadline: deadline.min(until),
                trace: context.inherited(),
            }
        }
    })
}

/// The same for a notice, for which nobody waits: no path, its own deadline, and a depth that never fails it.
pub(crate) fn aside(deadline: Instant) -> Nested {
    CURRENT.with_borrow(|current| {
        let current = current.as_ref();
        let depth = current.map_or(0, |context| (context.depth + 1).min(DEPTH_MAX));
        Nested { depth, path: Path::new(), deadline, trace: current.and_then(|context| context.inherited()) }
    })
}

/// Runs `f` with `context` as the current call, and puts the former one back even if `f` panics.
pub(crate) fn enter<R>(context: &Arc<CallContext>, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<Arc<CallContext>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            let _ = CURRENT.try_with(|c| c.replace(self.0.take()));
        }
    }
    let _restore = Restore(CURRENT.replace(Some(context.clone())));
    let _span = context.trace().map(Traced::enter);
    f()
}

/// Who calls: the context of the call that is being handled.
///
/// A method that wants to know writes `caller: &Caller` among its parameters; it is not part of the interface.
///
/// ```text
/// async fn bar(&self, caller: &Caller) -> Result<String, CallError> {
///     let client: ClientProxy = caller.connection().root().await?;
///     Ok(client.foo().await? + "bar")
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Caller(Option<Arc<CallContext>>);

impl Caller {
    /// The caller of the method that is running on this thread; nobody, outside of a method.
    pub fn current() -> Caller {
        Caller(current())
    }

    pub(crate) fn of(context: &Arc<CallContext>) -> Caller {
        Caller(Some(context.clone()))
    }

    /// The connection that the call came by.
    ///
    /// # Panics
    /// If the call came from within the process, outside any connection; see [`Caller::try_connection`].
    pub fn connection(&self) -> Connection {
        self.try_connection().expect("the call came from within the process, not over a connection")
    }

    /// The connection that the call came by, if it came by one that still exists.
    pub fn try_connection(&self) -> Option<Connection> {
        let shared = self.0.as_ref()?.connection.upgrade()?;
        Some(Connection::of(shared))
    }

    /// The identity of the node that calls; `None` for a call from within the process.
    pub fn peer(&self) -> Option<transport::NodeId> {
        Some(self.try_connection()?.peer())
    }

    /// When the call will be stopped; `None` outside of a method.
    pub fn deadline(&self) -> Option<Instant> {
        self.0.as_ref().map(|c| c.deadline)
    }

    /// The trace that the call belongs to, if it is part of one: the calls made in its handler are part of it too.
    pub fn trace(&self) -> Option<TraceContext> {
        self.0.as_ref()?.trace().map(|traced| traced.context)
    }

    /// How often the instance on which the call runs was made anew after a panic, 0 for the first one; see
    /// [`Restart`](crate::Restart). State that the former instance kept is lost where this is not 0.
    pub fn incarnation(&self) -> u32 {
        self.0.as_ref().map_or(0, |c| c.incarnation.load(Ordering::Relaxed))
    }

    /// True if the caller has cancelled the call or its time is over: for a method that does not await.
    pub fn is_cancelled(&self) -> bool {
        self.0.as_ref().is_some_and(|c| c.stopped().is_some())
    }

    /// A proxy on a value that lives on this thread, which need not be `Send`: what a method returns by reference.
    ///
    /// # Panics
    /// Outside of a method and of a node's own threads.
    pub fn host<P, S>(&self, value: S) -> P
    where
        P: Proxy + Dispatch<S>,
        S: 'static,
    {
        super::local(value)
    }

    /// Makes `future` part of this call wherever it is polled, so that its calls inherit deadline, depth and path.
    ///
    /// ```text
    /// tokio::spawn(caller.scope(async move { other.work().await }));
    /// ```
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let context = self.0.clone();
        async move {
            let mut future = pin!(future);
            std::future::poll_fn(|cx| match &context {
                Some(context) => enter(context, || future.as_mut().poll(cx)),
                None => future.as_mut().poll(cx),
            })
            .await
        }
    }
}

/// Polls a handler as part of its call.
pub(crate) fn poll_in<F: Future + ?Sized>(
    context: &Arc<CallContext>,
    future: Pin<&mut F>,
    cx: &mut Context<'_>,
) -> Poll<F::Output> {
    enter(context, || future.poll(cx))
}

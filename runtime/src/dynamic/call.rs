//! A call by name as a value: [`DynCall`].

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::{Args, DynProxy, Value};
use crate::call::Call;
use crate::error::CallError;

/// A call on its way: the two ways in which a result travels.
pub(super) enum Invoked {
    Plain(Call<Value>),
    Fallible(Call<Value, Value>),
}

impl Invoked {
    /// Both kinds of calls are bounded alike.
    pub(super) fn by(self, deadline: Option<Instant>) -> Invoked {
        let Some(deadline) = deadline else { return self };
        match self {
            Invoked::Plain(call) => Invoked::Plain(call.deadline(deadline)),
            Invoked::Fallible(call) => Invoked::Fallible(call.deadline(deadline)),
        }
    }

    pub(super) async fn run(self) -> Result<Value, CallError<Value>> {
        match self {
            Invoked::Plain(call) => Ok(call.await?),
            Invoked::Fallible(call) => call.await,
        }
    }

    async fn notify(self) -> Result<(), CallError> {
        match self {
            Invoked::Plain(call) => call.notify().await,
            Invoked::Fallible(call) => call.notify().await,
        }
    }
}

/// A call by name: a future of its result. Nothing is sent before it is first polled, and dropping it cancels it.
#[must_use = "a call does nothing until it is awaited"]
pub struct DynCall(State);

enum State {
    Fresh(Wanted),
    Running(Pin<Box<dyn Future<Output = Result<Value, CallError<Value>>> + Send>>),
    Done,
}

/// What is to be called.
struct Wanted {
    proxy: DynProxy,
    method: String,
    args: Args,
    timeout: Option<Duration>,
}

impl Wanted {
    async fn begin(self) -> Result<Invoked, CallError<Value>> {
        let Wanted { proxy, method, args, timeout } = self;
        let far = Duration::from_secs(86_400 * 3_650);
        let deadline = timeout.map(|timeout| Instant::now() + timeout.min(far));
        let interface = proxy.interface(deadline).await?;
        match interface.number_of(&method) {
            Some(number) => proxy.invoke(&interface, number, args, deadline),
            None => Err(CallError::NoSuchMethod(format!("{}::{method}", interface.name()))),
        }
    }
}

impl DynCall {
    pub(super) fn new(proxy: DynProxy, method: &str, args: Args) -> DynCall {
        DynCall(State::Fresh(Wanted { proxy, method: method.to_owned(), args, timeout: None }))
    }

    /// Ends the call after `timeout`, counted from its first poll; the time in which the object is described counts too.
    pub fn timeout(mut self, timeout: Duration) -> DynCall {
        if let State::Fresh(wanted) = &mut self.0 {
            wanted.timeout = Some(timeout);
        }
        self
    }

    /// Makes the call a notice: nothing is answered. Done when it has been appended to its lane.
    ///
    /// # Panics
    /// If the call has been polled before.
    pub async fn notify(self) -> Result<(), CallError> {
        match self.0 {
            State::Fresh(wanted) => wanted.begin().await?.notify().await,
            State::Running(_) | State::Done => panic!("a call that has begun is no notice any more"),
        }
    }
}

impl Future for DynCall {
    type Output = Result<Value, CallError<Value>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut running = match std::mem::replace(&mut self.0, State::Done) {
            State::Fresh(wanted) => Box::pin(async move { wanted.begin().await?.run().await }),
            State::Running(running) => running,
            State::Done => panic!("a call was polled after it had ended"),
        };
        let polled = running.as_mut().poll(cx);
        if polled.is_pending() {
            self.0 = State::Running(running);
        }
        polled
    }
}

impl fmt::Debug for DynCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            State::Fresh(wanted) => write!(f, "DynCall({:?}, unsent)", wanted.method),
            State::Running(_) => f.write_str("DynCall(under way)"),
            State::Done => f.write_str("DynCall(done)"),
        }
    }
}

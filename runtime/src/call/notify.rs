//! A request that wants no answer.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{Outgoing, Sort};
use crate::answer::Answer;
use crate::error::{CallError, Fault};
use crate::wire::FaultCode;

/// A notice: a call that wants no answer, as a future that ends when it is on its way.
///
/// Its first poll makes it; it waits for a permit if none is free, and is then appended to its lane, in line with the calls of the same proxy.
/// Dropped before that, it is not sent; afterwards nothing takes it back. Its deadline is its own ([`Call::timeout`](crate::Call::timeout),
/// 30 s), not that of the handler that makes it, because nobody waits for it: for the same reason it is no link in a chain of calls, so it
/// neither enters objects that its maker holds nor fails by them.
///
/// What its method returns is thrown away, and an error too: the node that runs it says so in its log. `Ok` means: sent. The errors are those
/// of calls that were not sent; they all never ran.
#[must_use = "a notice is not sent until it is awaited"]
pub struct Notify(Outgoing);

impl Notify {
    pub(super) fn new(out: Outgoing) -> Notify {
        Notify(out)
    }

    /// Makes it without waiting: it takes its place in line, and is sent when there is a permit. Whether it was is not told.
    pub fn detach(mut self) {
        self.0.send(Sort::Notice, None);
        if let super::State::Waiting(_, guard) = &mut self.0.state {
            guard.answered = true;
        }
    }

    pub(super) fn at_once(mut out: Outgoing) -> Result<(), CallError> {
        out.send(Sort::NoticeAtOnce, None);
        if out.look()
            && let super::State::Answered(answer) = std::mem::replace(&mut out.state, super::State::Done)
        {
            return read(answer);
        }
        let fault = Fault::never(FaultCode::OVERLOADED, "no permit is free, and the notice is not to wait");
        Err(CallError::from_fault(fault))
    }
}

fn read(answer: Answer) -> Result<(), CallError> {
    match answer {
        Answer::Fault(fault) => Err(CallError::from_fault(fault)),
        _ => Ok(()),
    }
}

impl Future for Notify {
    type Output = Result<(), CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx, Sort::Notice).map(read)
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Notify({:?})", self.0)
    }
}

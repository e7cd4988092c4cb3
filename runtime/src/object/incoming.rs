//! One call on its way in, and the duty to answer it exactly once.

use std::sync::Arc;

use super::{CallContext, Shape};
use crate::answer::{Answer, Refs, Waiter};
use crate::connection::Shared;
use crate::descriptor::{Described, Method};
use crate::error::{CallError, Fault, NoError, Ran};
use crate::tables::{Callee, Numbering};
use crate::values;
use crate::wire::{Body, CallId, FaultCode};

/// A call of the peer, not yet decoded.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) method: u16,
    /// Of a call that is only passed on, and of one that waits for its object: the list in which the method has its number, if it is not
    /// the host's own.
    pub(crate) numbering: Option<Arc<Numbering>>,
    pub(crate) body: Body,
    pub(crate) refs: Refs,
    pub(crate) replier: Replier,
    pub(crate) context: Arc<CallContext>,
}

/// A call that has reached its object, without its arguments.
#[derive(Debug)]
pub struct Incoming {
    pub(crate) replier: Replier,
    pub(crate) context: Arc<CallContext>,
    interface: Described,
    method: u16,
}

impl Incoming {
    pub(crate) fn new(
        replier: Replier,
        context: Arc<CallContext>,
        interface: impl Into<Described>,
        method: u16,
    ) -> Incoming {
        Incoming { replier, context, interface: interface.into(), method }
    }

    /// What its interface says of the method.
    pub(crate) fn method(&self) -> Option<&Method> {
        self.interface.methods.get(self.method as usize)
    }

    /// `Service::method`, for messages.
    pub(crate) fn name(&self) -> String {
        self.interface.path(self.method)
    }

    pub(crate) fn interface(&self) -> &Described {
        &self.interface
    }

    pub(crate) fn number(&self) -> u16 {
        self.method
    }

    /// Whether a cancellation stops the method at its next await.
    pub(crate) fn cancels(&self) -> bool {
        self.method().is_none_or(|m| m.cancel)
    }

    /// Gives what the method returned.
    pub(crate) fn reply<R: Shape>(self, returned: R::Returned) {
        match R::split(returned) {
            Ok(value) => {
                if self.replier.is_notice() {
                    self.say_that_it_failed(R::complaint(&value));
                }
                self.replier.value::<R>(value);
            }
            Err(fault) => self.fault(fault),
        }
    }

    pub(crate) fn fault(self, fault: Fault) {
        if self.replier.is_notice() {
            self.say_that_it_failed(Some(CallError::<NoError>::from_fault(fault.clone()).to_string()));
        }
        self.replier.fault(fault);
    }

    /// Nobody else hears of the failure of a notice.
    fn say_that_it_failed(&self, error: Option<String>) {
        if let Some(error) = error {
            tracing::warn!(method = %self.name(), error, "a notice failed");
        }
    }
}

/// Answers a call once. Dropped unanswered, it says that the object is gone, or that it panicked.
#[derive(Debug)]
pub(crate) struct Replier {
    to: ReplyTo,
    /// Whether the method has been entered: what a dropped replier says.
    pub(crate) began: bool,
    /// Calls may wait for the object that the answer brings.
    keep: bool,
}

#[derive(Debug)]
enum ReplyTo {
    Remote {
        shared: Arc<Shared>,
        lane: usize,
        call: Option<CallId>,
        callee: Callee,
        cost: u32,
    },
    Local(Waiter),
    /// A caller of this process that has another type of the interface.
    Encoded(Waiter),
    /// A notice within the process.
    Notice,
    /// It was answered, or is a hook.
    Nobody,
}

impl Replier {
    pub(crate) fn remote(
        shared: Arc<Shared>,
        lane: usize,
        call: Option<CallId>,
        callee: Callee,
        cost: u32,
    ) -> Replier {
        Replier { to: ReplyTo::Remote { shared, lane, call, callee, cost }, began: false, keep: false }
    }

    /// The same for an answer that is to be kept, or not.
    pub(crate) fn kept(mut self, keep: bool) -> Replier {
        self.keep = keep;
        self
    }

    pub(crate) fn local(waiter: Waiter) -> Replier {
        Replier { to: ReplyTo::Local(waiter), began: false, keep: false }
    }

    pub(crate) fn notice() -> Replier {
        Replier { to: ReplyTo::Notice, began: false, keep: false }
    }

    /// Whether nobody waits for the outcome.
    pub(crate) fn is_notice(&self) -> bool {
        matches!(self.to, ReplyTo::Notice | ReplyTo::Remote { call: None, .. })
    }

    pub(crate) fn encoded(waiter: Waiter) -> Replier {
        Replier { to: ReplyTo::Encoded(waiter), began: false, keep: false }
    }

    pub(crate) fn nobody() -> Replier {
        Replier { to: ReplyTo::Nobody, began: false, keep: false }
    }

    /// Whether calls may wait for the object that the answer brings.
    #[cfg(test)]
    pub(crate) fn keeps(&self) -> bool {
        self.keep
    }

    /// Gives up the duty; the call's number, for whoever takes it over.
    pub(crate) fn disarm(mut self) -> Option<CallId> {
        match std::mem::replace(&mut self.to, ReplyTo::Nobody) {
            ReplyTo::Remote { call, .. } => call,
            _ => None,
        }
    }

    fn value<R: Shape>(mut self, value: R::Value) {
        // Encoding runs code of the user's types: until it is done, whoever drops this has the duty to answer.
        let encoded = match &self.to {
            ReplyTo::Remote { shared, call: Some(_), .. } => {
                values::encode(Some(&shared.worker), |out| R::write(&value, out))
            }
            ReplyTo::Encoded(_) => values::encode(None, |out| R::write(&value, out)),
            _ => Ok(Default::default()),
        };
        let complaint = if self.keep { R::complaint(&value) } else { None };
        match std::mem::replace(&mut self.to, ReplyTo::Nobody) {
            ReplyTo::Remote { shared, lane, call, callee, cost } => {
                let (body, refs) = match encoded {
                    Ok((body, refs)) => (Ok(body), refs),
                    Err(e) => (Err(Fault::new(FaultCode::BAD_REPLY, Ran::Yes, e.to_string())), Vec::new()),
                };
                let encoded = body.map(|body| (body, &refs[..]));
                match call.filter(|_| self.keep) {
                    Some(call) => shared.finish_kept(lane, call, callee, cost, encoded, complaint),
                    None => shared.finish(lane, call, callee, cost, encoded),
                }
            }
            ReplyTo::Local(waiter) => {
                waiter.send(Answer::Local(Box::new(value)));
            }
            ReplyTo::Encoded(waiter) => {
                waiter.send(match encoded {
                    Ok((body, refs)) => Answer::Reply { body: body.into(), refs: Refs::new(refs) },
                    Err(e) => Answer::Fault(Fault::new(FaultCode::BAD_REPLY, Ran::Yes, e.to_string())),
                });
            }
            ReplyTo::Notice | ReplyTo::Nobody => {}
        }
    }

    /// The answer of another object, passed on.
    pub(crate) fn answer(mut self, answer: Answer) {
        match answer {
            Answer::Fault(fault) => self.send_fault(fault),
            answer => match std::mem::replace(&mut self.to, ReplyTo::Nobody) {
                ReplyTo::Remote { shared, lane, call, callee, cost } => {
                    let (body, refs) = match answer {
                        Answer::Reply { body, refs } => (body.into(), refs),
                        _ => Default::default(),
                    };
                    // What came over another connection goes on over this one.
                    let refs = refs.started(&shared.worker);
                    let outcome = Ok((body, &refs[..]));
                    match call.filter(|_| self.keep) {
                        Some(call) => shared.finish_kept(lane, call, callee, cost, outcome, None),
                        None => shared.finish(lane, call, callee, cost, outcome),
                    }
                }
                ReplyTo::Local(waiter) | ReplyTo::Encoded(waiter) => {
                    waiter.send(answer);
                }
                ReplyTo::Notice | ReplyTo::Nobody => {}
            },
        }
    }

    pub(crate) fn fault(mut self, fault: Fault) {
        self.send_fault(fault);
    }

    /// The deadline of a call that is not stopped has passed: a caller of this process is told. A remote one tells itself,
    /// and goes on paying the permit.
    pub(crate) fn overdue(&mut self) {
        if matches!(self.to, ReplyTo::Local(_) | ReplyTo::Encoded(_)) {
            self.send_fault(Fault::new(FaultCode::DEADLINE, Ran::Yes, "the method runs to its end"));
        }
    }

    fn send_fault(&mut self, fault: Fault) {
        match std::mem::replace(&mut self.to, ReplyTo::Nobody) {
            ReplyTo::Remote { shared, lane, call, callee, cost } => match call.filter(|_| self.keep) {
                Some(call) => shared.finish_kept(lane, call, callee, cost, Err(fault), None),
                None => shared.finish(lane, call, callee, cost, Err(fault)),
            },
            ReplyTo::Local(waiter) | ReplyTo::Encoded(waiter) => {
                waiter.send(Answer::Fault(fault));
            }
            ReplyTo::Notice | ReplyTo::Nobody => {}
        }
    }
}

impl Drop for Replier {
    fn drop(&mut self) {
        if matches!(self.to, ReplyTo::Notice | ReplyTo::Nobody) {
            return;
        }
        let ran = if self.began { Ran::Yes } else { Ran::Never };
        self.send_fault(if self.began && std::thread::panicking() {
            Fault::new(FaultCode::PANICKED, Ran::Yes, "while the call was handled")
        } else {
            Fault::new(FaultCode::GONE, ran, "the object has ended")
        });
    }
}

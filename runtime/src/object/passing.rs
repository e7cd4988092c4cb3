//! How a call that came to one object goes on to another, undecoded: to one of this process, or over a connection.
//!
//! Its depth, path, deadline and trace go on unchanged, and whose numbers its methods have. A cancellation is handed on, and what the
//! other side says of it is awaited: it alone knows whether the call ran. Nothing is queued here: what goes on does so at once, so that order
//! in is order out for each depth.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use smallvec::smallvec;
use tokio::time::Instant;

use super::{CallContext, Delivery, Fate, LocalObject, Replier, Stop};
use crate::answer::{self, Answer, Awaited, Refs};
use crate::call::{Request, Sort};
use crate::descriptor::Described;
use crate::error::{Fault, Ran};
use crate::node::Worker;
use crate::proxy::{Handle, Import, Target};
use crate::tables::CallKey;
use crate::wire::FaultCode;

/// Passes a call on to what `to` stands for. `interface` says what the number of its method means, unless the call itself does; `relay` is
/// the fate of the object that passes it on, if it is one of its own.
pub(super) fn pass(to: &Handle, interface: &Described, delivery: Delivery, relay: Option<&Arc<Fate>>) {
    let started = match (to.target(), Worker::current_or_home()) {
        (Target::Lazy(_), Some(worker)) => to.clone().started(&worker),
        _ => to.clone(),
    };
    match started.target() {
        Target::Local(object) => deliver(object, interface, delivery),
        Target::Remote(import) => send(import, interface, delivery, relay),
        Target::Lazy(_) | Target::Dead | Target::Stream(_) => {
            delivery.replier.fault(Fault::never(FaultCode::GONE, ""));
        }
    }
}

fn deliver(object: &LocalObject, interface: &Described, mut delivery: Delivery) {
    if object.descriptor().fingerprint != interface.fingerprint {
        // Another version of the interface: methods go by name.
        let name = interface.method_name(delivery.method);
        let Some(method) = object.descriptor().number_of(name) else {
            let text = format!("{}::{name}", object.descriptor().name);
            return delivery.replier.fault(Fault::never(FaultCode::NO_SUCH_METHOD, text));
        };
        delivery.method = method;
    }
    object.deliver(smallvec![delivery]);
}

fn send(import: &Arc<Import>, interface: &Described, delivery: Delivery, relay: Option<&Arc<Fate>>) {
    let Delivery { method, numbering, body, refs, replier, context } = delivery;
    let interface = numbering.as_ref().map_or(interface, |numbering| numbering.interface()).clone();
    let sort = if replier.is_notice() { Sort::Notice } else { Sort::Call };
    match Sent::new(import, interface, method, body.into(), &refs, &context, sort) {
        Err(fault) => replier.fault(seen_by(relay.is_some(), fault)),
        Ok(sent) => {
            let relay = relay.cloned();
            import.shared().worker.run(move || {
                tokio::task::spawn_local(sent.carry(replier, context, relay));
            });
        }
    }
}

/// A call that was sent on; dropped unanswered, it is cancelled.
pub(crate) struct Sent {
    pub(crate) import: Arc<Import>,
    key: CallKey,
    answer: Awaited,
    answered: bool,
}

impl Drop for Sent {
    fn drop(&mut self) {
        if !self.answered {
            self.import.shared().abandon(self.key);
        }
    }
}

impl Sent {
    /// Sends a call of `context` on as it came.
    pub(crate) fn new(
        import: &Arc<Import>,
        interface: Described,
        method: u16,
        body: Vec<u8>,
        refs: &Refs,
        context: &CallContext,
        sort: Sort,
    ) -> Result<Sent, Fault> {
        let shared = import.shared();
        let request = Request {
            interface,
            method,
            body,
            refs: refs.started(&shared.worker),
            path: context.path().into(),
            depth: context.depth(),
            deadline_ms: shared.millis(context.deadline()),
            trace: context.inherited(),
            sort,
            keep: false,
            on_answer: import.is_promise(),
        };
        let (waiter, answer) = answer::channel();
        let key = shared.start(import, request, waiter, Instant::now())?;
        Ok(Sent { import: import.clone(), key, answer, answered: false })
    }

    /// Waits for its answer. Should its caller cancel it, so does this, and waits on; unless `revoked` says that nobody is to wait. At its
    /// deadline it ends by itself.
    pub(crate) async fn answer(
        &mut self,
        context: &CallContext,
        revoked: impl Fn() -> bool,
    ) -> Result<Answer, Stop> {
        let mut told = false;
        let answer = poll_fn(|cx| {
            context.wait(cx.waker());
            if let Poll::Ready(answer) = Pin::new(&mut self.answer).poll(cx) {
                return Poll::Ready(Ok(answer));
            }
            match context.stopped() {
                Some(why) if why != Stop::Cancelled || revoked() => return Poll::Ready(Err(why)),
                Some(_) if !std::mem::replace(&mut told, true) => self.import.shared().cancel(self.key),
                _ => {}
            }
            Poll::Pending
        })
        .await?;
        self.answered = true;
        Ok(answer.unwrap_or_else(|_| {
            Answer::Fault(Fault::new(FaultCode::DISCONNECTED, Ran::Unknown, "nobody answered"))
        }))
    }

    /// Gives its answer to whoever called.
    async fn carry(mut self, replier: Replier, context: Arc<CallContext>, relay: Option<Arc<Fate>>) {
        let reason = || relay.as_ref().and_then(|fate| fate.reason());
        // One that has ended, by its last call or its time, lets those go on that went through.
        let is_revoked = || relay.as_ref().is_some_and(|fate| fate.is_revoked());
        let answer = self.answer(&context, &is_revoked).await;
        replier.answer(match answer {
            Ok(Answer::Fault(fault)) => Answer::Fault(seen_by(relay.is_some(), fault)),
            Ok(answer) => answer,
            Err(why) => Answer::Fault(match reason().filter(|_| is_revoked()) {
                Some(reason) => Fault::new(FaultCode::GONE, Ran::Unknown, &*reason),
                None => why.fault(Ran::Unknown),
            }),
        });
    }
}

/// The connection that ended is not the caller's, if he called an object of another one: for him that is gone.
fn seen_by(afar: bool, mut fault: Fault) -> Fault {
    if afar && fault.code == FaultCode::DISCONNECTED {
        fault.code = FaultCode::GONE;
        fault.text = format!("the connection to it has ended: {}", fault.text);
    }
    fault
}

//! An object that hands its calls on to another one: what a restricted proxy is, and what stands for an object of one
//! connection on another.
//!
//! [`Relay::object`] makes one; its address is an object like any other, to be called, exported, revoked, watched. What goes
//! through keeps its order: calls are handed on as they arrive, at the depth they have, so that FIFO in is FIFO out for each
//! depth. Path and deadline are handed on unchanged, a cancellation as well, and an answer is given as it came, whatever its code.
//! References in arguments and answers are handles on this side; whoever sends them on another connection fixes what they are there.
//!
//! What it does not do: it has no thread, no queue and no turn of its own, decodes nothing, and does not follow an object that goes on
//! living elsewhere: it holds its object, and ends with it.

use std::any::{Any, TypeId};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::Poll;

use parking_lot::Mutex;
use smallvec::{SmallVec, smallvec};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::gate::{Gate, Passed};
use super::local::{Fate, Hook, LocalObject, Mailbox};
use super::{CallContext, Delivery, Incoming, Replier, Stop};
use crate::answer::{self, Answer, Awaited};
use crate::call::{Request, Sort};
use crate::connection::Connection;
use crate::descriptor::Described;
use crate::error::{Fault, Ran};
use crate::node::Worker;
use crate::proxy::{Closed, Handle, Import, Target};
use crate::tables::CallKey;
use crate::wire::FaultCode;

/// Hands calls on to the object it holds.
pub(crate) struct Relay {
    to: Handle,
    descriptor: Described,
    gate: Option<Gate>,
    fate: Arc<Fate>,
    under_way: Mutex<UnderWay>,
    /// Its drop ends the watch.
    _watched: oneshot::Sender<()>,
}

/// The calls that went through and have not ended, to be stopped when the relay is revoked.
#[derive(Default)]
struct UnderWay {
    calls: Vec<Weak<CallContext>>,
    /// When those that have ended are forgotten next.
    full: usize,
}

impl UnderWay {
    fn note(&mut self, context: &Arc<CallContext>) {
        if self.calls.len() >= self.full {
            self.calls.retain(|c| c.strong_count() > 0);
            self.full = (2 * self.calls.len()).max(16);
        }
        self.calls.push(Arc::downgrade(context));
    }
}

impl Relay {
    /// An object whose calls go on to `to`. `descriptor` tells what the numbers of its methods mean, `interface` whose typed
    /// requests it takes (those that `to` takes itself), `gate` which calls pass.
    pub(crate) fn object(
        to: Handle,
        interface: TypeId,
        descriptor: Described,
        gate: Option<Gate>,
    ) -> LocalObject {
        let fate = Fate::new();
        let (watched, unwatched) = oneshot::channel();
        watch(&to, gate.as_ref().and_then(Gate::expires), &fate, unwatched);
        let under_way = Mutex::default();
        let relay = Relay {
            to,
            descriptor: descriptor.clone(),
            gate,
            fate: fate.clone(),
            under_way,
            _watched: watched,
        };
        LocalObject::new(interface, descriptor, Box::new(relay), fate)
    }

    /// Whether a call may go on; the relay may have ended by it.
    fn admit(&self, method: u16, context: &Arc<CallContext>) -> Result<(), Fault> {
        let gone = |reason: Option<Arc<str>>| {
            let reason = reason.unwrap_or_else(|| "it has ended".into());
            Fault::never(FaultCode::GONE, &*reason)
        };
        if let Some(why) = context.stopped() {
            return Err(why.fault(Ran::Never));
        }
        if let Some(reason) = self.fate.reason() {
            return Err(gone(Some(reason)));
        }
        match self.gate.as_ref().map_or(Passed::Yes, |gate| gate.pass(method, Instant::now())) {
            Passed::Yes => {}
            // The last call goes on, those after it find the relay gone.
            Passed::Last(reason) => self.fate.die(reason),
            Passed::NotGranted => {
                return Err(Fault::never(FaultCode::NO_SUCH_METHOD, self.descriptor.path(method)));
            }
            Passed::Over(reason) => {
                self.fate.die(reason);
                return Err(gone(self.fate.reason()));
            }
        }
        self.under_way.lock().note(context);
        Ok(())
    }

    fn hand_on(&self, delivery: Delivery) {
        if let Err(fault) = self.admit(delivery.method, &delivery.context) {
            return delivery.replier.fault(fault);
        }
        match self.target().target() {
            Target::Local(object) => self.deliver_to(object, delivery),
            Target::Remote(import) => self.send_to(import, delivery),
            Target::Lazy(_) | Target::Dead | Target::Stream(_) => {
                delivery.replier.fault(Fault::never(FaultCode::GONE, ""))
            }
        }
    }

    /// The object, started if it is a closure that was not needed before.
    fn target(&self) -> Handle {
        match (self.to.target(), Worker::current_or_home()) {
            (Target::Lazy(_), Some(worker)) => self.to.clone().started(&worker),
            _ => self.to.clone(),
        }
    }

    fn deliver_to(&self, object: &LocalObject, mut delivery: Delivery) {
        if object.descriptor().fingerprint != self.descriptor.fingerprint {
            // Another version of the interface: methods go by name.
            let name = self.descriptor.method_name(delivery.method);
            let Some(method) = object.descriptor().number_of(name) else {
                let text = format!("{}::{name}", object.descriptor().name);
                return delivery.replier.fault(Fault::never(FaultCode::NO_SUCH_METHOD, text));
            };
            delivery.method = method;
        }
        object.deliver(smallvec![delivery]);
    }

    fn send_to(&self, import: &Arc<Import>, delivery: Delivery) {
        let Delivery { method, body, refs, replier, context } = delivery;
        let shared = import.shared();
        let (waiter, answer) = answer::channel();
        let request = Request {
            interface: self.descriptor.clone(),
            method,
            body: body.into(),
            refs: refs.started(&shared.worker),
            path: context.path().into(),
            depth: context.depth(),
            deadline_ms: shared.millis(context.deadline()),
            trace: context.inherited(),
            sort: if replier.is_notice() { Sort::Notice } else { Sort::Call },
            keep: false,
            on_answer: import.is_promise(),
        };
        let started = match import.gone() {
            Some(reason) => Err(Fault::never(FaultCode::GONE, &**reason)),
            None => shared.start(import.slot(), import.id(), request, waiter, Instant::now()),
        };
        match started {
            Err(fault) => replier.fault(seen_from_afar(fault)),
            Ok(key) => {
                let call = Call { import: import.clone(), key, answered: false };
                let fate = self.fate.clone();
                shared.worker.run(move || {
                    tokio::task::spawn_local(give(call, answer, replier, context, fate));
                });
            }
        }
    }
}

/// A call that was sent on; dropped unanswered, it is cancelled.
struct Call {
    import: Arc<Import>,
    key: CallKey,
    answered: bool,
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.answered {
            self.import.shared().abandon(self.key);
        }
    }
}

/// Waits for the answer of a call and gives it back, or stops the call when its caller does.
async fn give(
    mut call: Call,
    mut answer: Awaited,
    replier: Replier,
    context: Arc<CallContext>,
    fate: Arc<Fate>,
) {
    let outcome = poll_fn(|cx| {
        context.wait(cx.waker());
        match Pin::new(&mut answer).poll(cx) {
            Poll::Ready(answer) => Poll::Ready(Ok(answer)),
            // At its deadline the call ends by itself.
            Poll::Pending => match context.stopped() {
                Some(why) => Poll::Ready(Err(why)),
                None => Poll::Pending,
            },
        }
    });
    match outcome.await {
        Ok(Ok(Answer::Fault(fault))) => {
            call.answered = true;
            replier.fault(seen_from_afar(fault));
        }
        Ok(Ok(answer)) => {
            call.answered = true;
            replier.answer(answer);
        }
        Ok(Err(_)) => replier.fault(Fault::new(FaultCode::GONE, Ran::Unknown, "nobody answered")),
        Err(why) => {
            drop(call);
            replier.fault(match fate.reason() {
                Some(reason) => Fault::new(FaultCode::GONE, Ran::Unknown, &*reason),
                None => why.fault(Ran::Unknown),
            });
        }
    }
}

/// The connection that ended is not the caller's: for the caller the object is gone.
fn seen_from_afar(mut fault: Fault) -> Fault {
    if fault.code == FaultCode::DISCONNECTED {
        fault.code = FaultCode::GONE;
        fault.text = format!("the connection to it has ended: {}", fault.text);
    }
    fault
}

impl Mailbox for Relay {
    fn deliver(&self, batch: SmallVec<[Delivery; 1]>) {
        batch.into_iter().for_each(|delivery| self.hand_on(delivery));
    }

    fn send(&self, request: Box<dyn Any + Send>, call: Incoming) {
        if let Err(fault) = self.admit(call.number(), &call.context) {
            return call.fault(fault);
        }
        match self.target().target() {
            Target::Local(object) => object.send_on(request, call),
            _ => call.fault(Fault::never(FaultCode::GONE, "")),
        }
    }

    fn hook(&self, _: Hook, _: Connection) {}

    /// Calls that went through are cancelled, as by their callers: what runs alone on the object runs to its end.
    fn end(&self) {
        let calls = std::mem::take(&mut self.under_way.lock().calls);
        for context in calls.iter().filter_map(Weak::upgrade) {
            context.stop(Stop::Cancelled);
        }
    }
}

/// Ends `fate` when the object at the other end of `to` ends, and at `expires`; until `dropped`.
fn watch(to: &Handle, expires: Option<Instant>, fate: &Arc<Fate>, dropped: oneshot::Receiver<()>) {
    let worker = match to.target() {
        Target::Remote(import) => Some(import.shared().worker.clone()),
        Target::Dead | Target::Stream(_) => return fate.die("it was gone when it arrived"),
        Target::Local(object) => {
            object.fate().ends(fate);
            None
        }
        Target::Lazy(lazy) => {
            lazy.fate().ends(fate);
            None
        }
    };
    if worker.is_none() && expires.is_none() {
        return;
    }
    let remote = worker.is_some();
    let Some(worker) = worker.or_else(Worker::current_or_home) else { return };
    let (to, fate) = (to.downgrade(), Arc::downgrade(fate));
    worker.run(move || {
        tokio::task::spawn_local(async move {
            let over = async {
                match expires {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
                super::gate::TIME_IS_OVER.to_owned()
            };
            let gone = async {
                match remote {
                    true => match to.closed().await {
                        Closed::Gone(reason) => reason,
                        other => format!("the connection to it has ended: {other}"),
                    },
                    false => std::future::pending().await,
                }
            };
            let reason = tokio::select! {
                reason = over => reason,
                reason = gone => reason,
                _ = dropped => return,
            };
            if let Some(fate) = fate.upgrade() {
                fate.die(&reason);
            }
        });
    });
}

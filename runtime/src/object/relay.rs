//! An object that hands its calls on to another one: what a restricted proxy is, and what stands for an object of one
//! connection on another.
//!
//! [`Relay::restricted`] and [`Relay::forwarder`] make one; its address is an object like any other, to be called, exported, revoked, watched. What goes
//! through keeps its order: calls are handed on as they arrive, at the depth they have, so that FIFO in is FIFO out for each
//! depth. Path and deadline are handed on unchanged, a cancellation as well, and an answer is given as it came, whatever its code.
//! References in arguments and answers are handles on this side; whoever sends them on another connection fixes what they are there.
//!
//! What it does not do: it has no thread, no queue and no turn of its own, decodes nothing, and does not follow an object that goes on
//! living elsewhere: it holds its object, and ends with it.

use std::any::{Any, TypeId};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::fate::Fate;
use super::gate::{Gate, Passed};
use super::local::{Hook, LocalObject, Mailbox};
use super::passing::pass;
use super::{CallContext, Delivery, Incoming, Stop};
use crate::connection::{Connection, Shared};
use crate::descriptor::Described;
use crate::error::{Fault, Ran};
use crate::node::Worker;
use crate::proxy::{Closed, Handle, Target};
use crate::wire::FaultCode;

/// Hands calls on to the object it holds.
pub(crate) struct Relay {
    to: Handle,
    descriptor: Described,
    gate: Option<Gate>,
    /// It stands for an object of another node and is nothing beside it.
    forwards: bool,
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
    pub(crate) fn restricted(
        to: Handle,
        interface: TypeId,
        descriptor: Described,
        gate: Gate,
    ) -> LocalObject {
        Relay::with(to, interface, descriptor, Some(gate))
    }

    /// An object that stands for one of another node, and is nothing beside it.
    pub(super) fn forwarder(to: Handle, descriptor: Described) -> LocalObject {
        Relay::with(to, TypeId::of::<()>(), descriptor, None)
    }

    fn with(to: Handle, interface: TypeId, descriptor: Described, gate: Option<Gate>) -> LocalObject {
        let fate = Fate::new();
        let (watched, unwatched) = oneshot::channel();
        watch(&to, gate.as_ref().and_then(Gate::expires), &fate, unwatched);
        let under_way = Mutex::default();
        let relay = Relay {
            to,
            descriptor: descriptor.clone(),
            forwards: gate.is_none(),
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
        match self.admit(delivery.method, &delivery.context) {
            Err(fault) => delivery.replier.fault(fault),
            Ok(()) => pass(&self.to, &self.descriptor, delivery, Some(&self.fate)),
        }
    }
}

impl Mailbox for Relay {
    fn forwards(&self) -> Option<&Handle> {
        self.forwards.then_some(&self.to)
    }

    fn hops(&self) -> u8 {
        match self.to.target() {
            Target::Remote(import) => import.origin().hops.saturating_add(1),
            Target::Local(object) => object.hops(),
            Target::Lazy(_) | Target::Dead | Target::Stream(_) => 0,
        }
    }

    fn stays(&self) -> bool {
        match self.to.target() {
            Target::Remote(import) => import.origin().stays,
            Target::Local(object) => object.stays(),
            Target::Lazy(_) | Target::Dead | Target::Stream(_) => false,
        }
    }

    fn leads_beyond(&self, shared: &Arc<Shared>) -> bool {
        match self.to.target() {
            Target::Remote(import) => !Arc::ptr_eq(import.shared(), shared),
            Target::Local(object) => object.leads_beyond(shared),
            Target::Lazy(_) | Target::Dead | Target::Stream(_) => false,
        }
    }

    fn deliver(&self, batch: SmallVec<[Delivery; 1]>) {
        batch.into_iter().for_each(|delivery| self.hand_on(delivery));
    }

    fn send(&self, request: Box<dyn Any + Send>, call: Incoming) {
        if let Err(fault) = self.admit(call.number(), &call.context) {
            return call.fault(fault);
        }
        let to = match (self.to.target(), Worker::current_or_home()) {
            (Target::Lazy(_), Some(worker)) => self.to.clone().started(&worker),
            _ => self.to.clone(),
        };
        match to.target() {
            Target::Local(object) => object.send_on(request, call),
            _ => call.fault(Fault::never(FaultCode::GONE, "")),
        }
    }

    fn hook(&self, _: Hook, _: Connection) {}

    /// Calls that went through are cancelled, as by their callers: what runs alone on the object runs to its end.
    fn end(&self) {
        self.fate.revoke();
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
                        Closed::Disconnected(reason) => {
                            format!("the connection to it has ended: {reason}")
                        }
                        other => other.to_string(),
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

//! The object behind a proxy that outlives its connection: it passes calls on to the service of the present one.
//!
//! While there is none, calls wait in line, each within its deadline. A call is passed on where it is made, under the lock of the line,
//! so that order holds; its task then only waits for the answer. What was lost and never ran, and what may run twice, is passed on again,
//! unless the connection that was lost had begun to move its streams. Whether its service may be handed on is what its host last said.

use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::Poll;

use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::oneshot;
use tokio::time::sleep_until;

use super::Link;
use crate::answer::{Answer, Refs};
use crate::call::Sort;
use crate::connection::{Connection, Shared};
use crate::descriptor::Descriptor;
use crate::error::{BadBody, Fault, Ran};
use crate::node::Worker;
use crate::object::{CallContext, Delivery, Fate, Hook, Incoming, LocalObject, Mailbox, Replier, Sent, Stop};
use crate::proxy::Import;
use crate::wire::{Body, FaultCode};

/// Calls that wait for the next connection; more are refused.
const LINE_MAX: usize = 65_536;

pub(super) struct Relay {
    pub(super) descriptor: &'static Descriptor,
    /// The service's name; `None` for the root.
    pub(super) name: Option<String>,
    fate: Arc<Fate>,
    line: Mutex<Line>,
    known: Known,
    /// Keeps the connection alive, and made again.
    _link: Arc<Link>,
}

/// What was last heard of the service, whether or not there is a connection. It is asked for under the lock of whatever connection the proxy
/// is handed over on, under which that of the line is not to be taken.
#[derive(Default)]
struct Known {
    stays: AtomicBool,
    hops: AtomicU8,
    /// The connection of the line's target; 0 while there is none.
    connection: AtomicU64,
}

#[derive(Default)]
struct Line {
    /// The service on the present connection.
    target: Option<Arc<Import>>,
    /// In the order in which they were made.
    parked: BTreeMap<u64, Parked>,
    next: u64,
    ended: Option<Fault>,
}

struct Parked {
    call: Arc<Passing>,
    resume: oneshot::Sender<Result<Sent, Fault>>,
}

/// A call on its way through.
struct Passing {
    number: u64,
    method: u16,
    body: Body,
    refs: Refs,
    context: Arc<CallContext>,
    sort: Sort,
}

enum Went {
    Sent(Sent),
    Parked(oneshot::Receiver<Result<Sent, Fault>>),
    Failed(Fault),
}

impl Relay {
    /// The relay, and the object that stands for it in this process.
    pub(super) fn new(
        link: &Arc<Link>,
        descriptor: &'static Descriptor,
        name: Option<String>,
    ) -> (Arc<Relay>, LocalObject) {
        let fate = Fate::new();
        let (line, known) = Default::default();
        let relay =
            Arc::new(Relay { descriptor, name, fate: fate.clone(), line, known, _link: link.clone() });
        let object = LocalObject::relay(descriptor, Box::new(Mail(relay.clone())), fate);
        (relay, object)
    }

    /// The connection is lost: calls wait for the next one.
    pub(super) fn lost(&self) {
        self.aim(&mut self.line.lock(), None);
    }

    /// What calls are passed on to from now on, if anything.
    fn aim(&self, line: &mut Line, target: Option<Arc<Import>>) {
        let connection = target.as_ref().map_or(0, |import| import.shared().id);
        self.known.connection.store(connection, Ordering::Relaxed);
        line.target = target;
    }

    /// The service is there, or was, on a connection that is lost by now.
    pub(super) fn was_there(&self, target: &Import) {
        let origin = target.origin();
        self.known.stays.store(origin.stays, Ordering::Relaxed);
        self.known.hops.store(origin.hops, Ordering::Relaxed);
    }

    /// There is another connection: what waited goes on, in its order and before anything new.
    pub(super) fn resume(&self, target: Arc<Import>) {
        self.was_there(&target);
        let mut line = self.line.lock();
        self.aim(&mut line, Some(target.clone()));
        while let Some((number, parked)) = line.parked.pop_first() {
            match self.start(&target, &parked.call) {
                Err(fault) if is_lost(&fault) => {
                    self.aim(&mut line, None);
                    line.parked.insert(number, parked);
                    return;
                }
                started => drop(parked.resume.send(started)),
            }
        }
    }

    /// There will be no other connection.
    pub(super) fn end(&self, code: FaultCode, reason: &str) {
        let fault = Fault::never(code, reason);
        let parked = {
            let mut line = self.line.lock();
            line.ended.get_or_insert_with(|| fault.clone());
            self.aim(&mut line, None);
            std::mem::take(&mut line.parked)
        };
        for (_, parked) in parked {
            let _ = parked.resume.send(Err(fault.clone()));
        }
        self.fate.die(reason);
    }

    /// Whether it has no service to pass calls on to.
    pub(super) fn is_waiting(&self) -> bool {
        let line = self.line.lock();
        line.target.is_none() && line.ended.is_none()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.line.lock().ended.is_some()
    }

    fn pass(&self, line: &mut Line, call: &Arc<Passing>) -> Went {
        if let Some(fault) = &line.ended {
            return Went::Failed(fault.clone());
        }
        if let Some(target) = line.target.clone() {
            match self.start(&target, call) {
                Ok(sent) => return Went::Sent(sent),
                Err(fault) if is_lost(&fault) => self.aim(line, None),
                Err(fault) => return Went::Failed(fault),
            }
        }
        self.park(line, call)
    }

    /// Has a call wait for the next connection.
    fn park(&self, line: &mut Line, call: &Arc<Passing>) -> Went {
        if line.parked.len() >= LINE_MAX {
            let text = format!("{LINE_MAX} calls wait for the connection");
            return Went::Failed(Fault::never(FaultCode::OVERLOADED, text));
        }
        let (resume, resumed) = oneshot::channel();
        line.parked.insert(call.number, Parked { call: call.clone(), resume });
        Went::Parked(resumed)
    }

    fn start(&self, target: &Arc<Import>, call: &Passing) -> Result<Sent, Fault> {
        let Passing { method, body, refs, context, sort, .. } = call;
        Sent::new(target, self.descriptor.into(), *method, body.to_vec(), refs, context, *sort)
    }

    /// Waits for the answer of a call, however often it has to be passed on.
    async fn carry(self: Arc<Relay>, call: Arc<Passing>, mut went: Went, replier: Replier) {
        let answer = loop {
            went = match went {
                Went::Failed(fault) => break Answer::Fault(fault),
                Went::Parked(resumed) => match unless_stopped(&call.context, resumed).await {
                    Ok(Ok(Ok(sent))) => Went::Sent(sent),
                    Ok(Ok(Err(fault))) => Went::Failed(fault),
                    Ok(Err(_)) => Went::Failed(Fault::never(FaultCode::GONE, "it was revoked")),
                    Err(why) => {
                        self.line.lock().parked.remove(&call.number);
                        let mut fault = why.fault(Ran::Never);
                        if why == Stop::Deadline {
                            fault.text = "waiting for the connection to be made again".to_owned();
                        }
                        Went::Failed(fault)
                    }
                },
                Went::Sent(mut sent) => match sent.answer(&call.context, || false).await {
                    Err(why) => break Answer::Fault(why.fault(Ran::Unknown)),
                    Ok(answer) => {
                        if call.context.stopped().is_some() || !self.may_go_again(&answer, &call) {
                            break answer;
                        }
                        self.pass_again(&call, &sent.import)
                    }
                },
            };
        };
        replier.answer(answer);
    }

    /// A call was not begun by `former`, or is lost with it.
    fn pass_again(&self, call: &Arc<Passing>, former: &Arc<Import>) -> Went {
        let mut line = self.line.lock();
        if line.target.as_ref().is_some_and(|target| Arc::ptr_eq(target, former)) {
            if former.shared().takes_calls() {
                // Its peer refuses this call and has not said that it goes away: the word may be on its way, or never come. Only
                // what it has refused waits for the next connection.
                return match &line.ended {
                    Some(fault) => Went::Failed(fault.clone()),
                    None => self.park(&mut line, call),
                };
            }
            self.aim(&mut line, None);
        }
        self.pass(&mut line, call)
    }

    /// Whether a call that ended so is passed on to the next connection.
    fn may_go_again(&self, answer: &Answer, call: &Passing) -> bool {
        let Answer::Fault(fault) = answer else { return false };
        let idempotent = || self.descriptor.methods.get(call.method as usize).is_some_and(|m| m.idempotent);
        let again = is_lost(fault) || fault.code == FaultCode::DISCONNECTED && idempotent();
        again && !call.refs.has_taken_streams()
    }
}

/// It was not sent because of the connection, or will never be begun there.
fn is_lost(fault: &Fault) -> bool {
    fault.ran == Ran::Never && matches!(fault.code, FaultCode::DISCONNECTED | FaultCode::DRAINING)
}

/// What a future gives, unless the call is stopped before, or its deadline passes.
async fn unless_stopped<F: Future + Unpin>(context: &CallContext, mut future: F) -> Result<F::Output, Stop> {
    let mut timer = pin!(sleep_until(context.deadline()));
    std::future::poll_fn(|cx| {
        if let Poll::Ready(output) = Pin::new(&mut future).poll(cx) {
            return Poll::Ready(Ok(output));
        }
        context.wait(cx.waker());
        if let Some(why) = context.stopped() {
            return Poll::Ready(Err(why));
        }
        if timer.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(Stop::Deadline));
        }
        Poll::Pending
    })
    .await
}

/// The mailbox of the object; calls of any thread come here.
struct Mail(Arc<Relay>);

impl Mailbox for Mail {
    fn hops(&self) -> u8 {
        self.0.known.hops.load(Ordering::Relaxed).saturating_add(1)
    }

    fn stays(&self) -> bool {
        self.0.known.stays.load(Ordering::Relaxed)
    }

    fn leads_beyond(&self, shared: &Arc<Shared>) -> bool {
        self.0.known.connection.load(Ordering::Relaxed) != shared.id
    }

    fn deliver(&self, batch: SmallVec<[Delivery; 1]>) {
        for Delivery { method, body, refs, replier, context, .. } in batch {
            let sort = if replier.is_notice() { Sort::Notice } else { Sort::Call };
            let (call, went) = {
                let mut line = self.0.line.lock();
                let number = line.next;
                line.next += 1;
                // A stream of a peer can be taken once, however often its call is passed on.
                let refs = refs.passed_on();
                let call = Arc::new(Passing { number, method, body, refs, context, sort });
                let went = self.0.pass(&mut line, &call);
                (call, went)
            };
            run(self.0.clone().carry(call, went, replier));
        }
    }

    fn send(&self, _: Box<dyn Any + Send>, call: Incoming) {
        call.fault(BadBody::no_such_method().into_fault());
    }

    fn hook(&self, _: Hook, _: Connection) {}

    fn end(&self) {
        self.0.end(FaultCode::GONE, "it was revoked");
    }
}

/// The last proxy is gone.
impl Drop for Mail {
    fn drop(&mut self) {
        self.0.fate.die("nobody holds it");
    }
}

/// Runs a task beside whoever calls: his thread is awake already.
fn run(task: impl Future<Output = ()> + Send + 'static) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(task);
    } else if let Some(worker) = Worker::current_or_home() {
        worker.run(move || {
            tokio::task::spawn_local(task);
        });
    }
}

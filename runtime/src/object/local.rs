//! The address of an object of this process, whatever its type; the actor behind it; and how one is started.

use std::any::{Any, TypeId};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use actix::dev::channel;
use actix::{Actor, Addr, Context, Handler, Message};
use smallvec::{SmallVec, smallvec};
use tokio::time::Instant;

use super::fate::Fate;
use super::hosted::panic_text;
use super::make::{Again, Make};
use super::{CallContext, Delivery, Dispatch, Hosted, Incoming, Interface, Recovery, Replier, Stop};
use crate::connection::{Connection, Shared};
use crate::descriptor::Described;
use crate::error::{Fault, Ran};
use crate::node::Worker;
use crate::proxy::{Handle, Proxy};
use crate::values::ArgsIn;
use crate::wire::FaultCode;

/// The address of an object of this process. It lives while an address, a proxy or a peer holds it.
#[derive(Clone)]
pub struct LocalObject(Arc<Inner>);

struct Inner {
    interface: TypeId,
    descriptor: Described,
    mailbox: Box<dyn Mailbox>,
    fate: Arc<Fate>,
}

/// The same, while somebody else holds it.
pub(super) struct WeakObject(Weak<Inner>);

impl WeakObject {
    pub(super) fn upgrade(&self) -> Option<LocalObject> {
        self.0.upgrade().map(LocalObject)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.fate.let_go();
    }
}

impl std::fmt::Debug for LocalObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.0.descriptor.name, self.key())
    }
}

impl LocalObject {
    pub(crate) fn new(
        interface: TypeId,
        descriptor: Described,
        mailbox: Box<dyn Mailbox>,
        fate: Arc<Fate>,
    ) -> LocalObject {
        let inner = Arc::new(Inner { interface, descriptor, mailbox, fate });
        inner.fate.is_of(WeakObject(Arc::downgrade(&inner)));
        LocalObject(inner)
    }

    /// With a mailbox of the caller's own and an interface without typed local calls.
    pub(crate) fn raw(descriptor: impl Into<Described>, mailbox: Box<dyn Mailbox>) -> LocalObject {
        LocalObject::new(TypeId::of::<()>(), descriptor.into(), mailbox, Fate::new())
    }

    /// With a mailbox and a fate of the caller's own.
    pub(crate) fn relay(
        descriptor: impl Into<Described>,
        mailbox: Box<dyn Mailbox>,
        fate: Arc<Fate>,
    ) -> LocalObject {
        LocalObject::new(TypeId::of::<()>(), descriptor.into(), mailbox, fate)
    }

    /// Its number in this process, for tables and equality.
    pub(crate) fn key(&self) -> u64 {
        self.0.fate.key()
    }

    /// Takes a number that was promised for it.
    #[cfg(test)]
    pub(crate) fn set_key(&self, key: u64) {
        self.0.fate.set_key(key);
    }

    pub(crate) fn fate(&self) -> &Arc<Fate> {
        &self.0.fate
    }

    pub(crate) fn descriptor(&self) -> &Described {
        &self.0.descriptor
    }

    pub(crate) fn serves<P: Interface>(&self) -> bool {
        self.0.interface == TypeId::of::<P>()
    }

    pub(crate) fn is_promise(&self) -> bool {
        self.0.mailbox.is_promise()
    }

    /// What it stands for, if it is a forwarder.
    pub(crate) fn forwards(&self) -> Option<&Handle> {
        self.0.mailbox.forwards()
    }

    /// How many nodes a call goes through behind its own.
    pub(crate) fn hops(&self) -> u8 {
        self.0.mailbox.hops()
    }

    /// Whether it, or what its calls go on to, is not to be handed on to a third node.
    pub(crate) fn stays(&self) -> bool {
        self.0.descriptor.stays || self.0.mailbox.stays()
    }

    /// Whether its calls go on to another node than the one at the other end of this connection.
    pub(crate) fn leads_beyond(&self, shared: &Arc<Shared>) -> bool {
        self.0.mailbox.leads_beyond(shared)
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.0.fate.is_settled()
    }

    /// Why it is dead, if it is.
    pub(crate) fn reason(&self) -> Option<Arc<str>> {
        self.0.fate.reason()
    }

    /// Ends the object at once.
    pub(crate) fn revoke(&self, reason: &str) {
        self.0.fate.die(reason);
        self.0.mailbox.end();
    }

    /// Notes that a connection holds it. Without the connection's lock: it takes this object's own.
    pub(crate) fn exported_on(&self, shared: &Arc<Shared>) {
        self.0.fate.tells(shared);
    }

    /// Calls of peers, in the order they arrived.
    pub(crate) fn deliver(&self, batch: SmallVec<[Delivery; 1]>) {
        self.0.mailbox.deliver(batch);
    }

    /// A typed call from within the process.
    pub(crate) fn send(
        &self,
        method: u16,
        request: Box<dyn Any + Send>,
        replier: Replier,
        context: Arc<CallContext>,
    ) {
        self.send_on(request, Incoming::new(replier, context, self.0.descriptor.clone(), method));
    }

    /// The same with a call that was made already.
    pub(super) fn send_on(&self, request: Box<dyn Any + Send>, call: Incoming) {
        self.0.mailbox.send(request, call);
    }

    pub(crate) fn connected(&self, connection: Connection) {
        self.0.mailbox.hook(Hook::Connected, connection);
    }

    pub(crate) fn disconnected(&self, connection: Connection) {
        self.0.mailbox.hook(Hook::Disconnected, connection);
    }
}

/// Which hook is to run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hook {
    Connected,
    Disconnected,
}

/// How messages reach an actor of any type.
pub(crate) trait Mailbox: Send + Sync {
    /// Whether it stands for a result that may not be there yet.
    fn is_promise(&self) -> bool {
        false
    }
    /// What it stands for, if it only stands for an object of another node.
    fn forwards(&self) -> Option<&Handle> {
        None
    }
    /// How many nodes a call goes through behind this one.
    fn hops(&self) -> u8 {
        0
    }
    /// Whether what calls go on to is not to be handed on, as its host says.
    fn stays(&self) -> bool {
        false
    }
    /// Whether calls go on to another node than the one at the other end of `shared`.
    fn leads_beyond(&self, _shared: &Arc<Shared>) -> bool {
        false
    }
    /// Calls of peers, to be decoded first, in this order.
    fn deliver(&self, batch: SmallVec<[Delivery; 1]>);
    /// A call from within the process.
    fn send(&self, request: Box<dyn Any + Send>, call: Incoming);
    /// A connection began or ended.
    fn hook(&self, hook: Hook, connection: Connection);
    /// The object ends.
    fn end(&self);
}

/// The actor that is an object.
struct Host<P: Dispatch<S>, S: 'static> {
    interface: Described,
    hosted: Hosted<S>,
    _interface: PhantomData<fn() -> P>,
}

/// However the actor ends, who holds the object is told.
impl<P: Dispatch<S>, S: 'static> Drop for Host<P, S> {
    fn drop(&mut self) {
        self.hosted.fate().die("its thread has ended");
    }
}

impl<P: Dispatch<S>, S: 'static> Actor for Host<P, S> {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "()")]
struct Invoke<R>(SmallVec<[(R, Incoming); 1]>);

#[derive(Message)]
#[rtype(result = "()")]
struct RunHook(Hook, Connection);

#[derive(Message)]
#[rtype(result = "()")]
struct End;

impl<P: Dispatch<S>, S: 'static> Handler<Invoke<P::Request>> for Host<P, S> {
    type Result = ();

    fn handle(&mut self, Invoke(batch): Invoke<P::Request>, _: &mut Context<Self>) {
        let now = Instant::now();
        for (request, call) in batch {
            self.hosted.take(|hosted| {
                // What may panic here is the drop of arguments that nobody wanted: theirs alone.
                if call.context.deadline() <= now {
                    quietly::<P>(|| drop(request));
                    return hosted.refuse(call, Stop::Deadline.fault(Ran::Never));
                }
                quietly::<P>(|| P::run(hosted, request, call));
            });
        }
    }
}

impl<P: Dispatch<S>, S: 'static> Handler<RunHook> for Host<P, S> {
    type Result = ();

    fn handle(&mut self, RunHook(hook, connection): RunHook, _: &mut Context<Self>) {
        let context = Arc::new(CallContext::hook(connection.shared()));
        let call = Incoming::new(Replier::nobody(), context, self.interface.clone(), u16::MAX);
        let run = match hook {
            Hook::Connected => P::on_connect,
            Hook::Disconnected => P::on_disconnect,
        };
        self.hosted.hook(call, hook, connection, run);
    }
}

impl<P: Dispatch<S>, S: 'static> Handler<End> for Host<P, S> {
    type Result = ();

    fn handle(&mut self, _: End, _: &mut Context<Self>) {
        self.hosted.end();
    }
}

fn quietly<P: Interface>(f: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(f)).is_err() {
        tracing::error!(service = %P::DESCRIPTOR.name, "the drop of a call's arguments panicked");
    }
}

/// The typed mailbox behind [`LocalObject`].
struct Mail<P: Dispatch<S>, S: 'static> {
    interface: Described,
    addr: Addr<Host<P, S>>,
    fate: Arc<Fate>,
}

impl<P: Dispatch<S>, S: 'static> Mail<P, S> {
    /// Hands calls to the actor; those for which there is no place in its line are refused.
    fn invoke(&self, mut calls: SmallVec<[(P::Request, Incoming); 1]>) {
        let beyond = self.fate.enqueue(calls.len());
        for (request, call) in calls.drain(calls.len() - beyond..) {
            quietly::<P>(|| drop(request));
            call.fault(match self.fate.reason() {
                // Nobody takes calls out of the mailbox of what has ended.
                Some(reason) => Fault::never(FaultCode::GONE, &*reason),
                None => {
                    let text = format!("{} calls wait for {}", self.fate.queue_max(), self.interface.name);
                    Fault::never(FaultCode::OVERLOADED, text)
                }
            });
        }
        if !calls.is_empty() {
            self.addr.do_send(Invoke(calls));
        }
    }
}

impl<P: Dispatch<S>, S: 'static> Mailbox for Mail<P, S> {
    fn deliver(&self, batch: SmallVec<[Delivery; 1]>) {
        let now = Instant::now();
        let mut calls = SmallVec::with_capacity(batch.len());
        for call in batch {
            if let Some(call) = decode::<P>(&self.interface, call, now) {
                calls.push(call);
            }
        }
        self.invoke(calls);
    }

    fn send(&self, request: Box<dyn Any + Send>, call: Incoming) {
        match request.downcast::<P::Request>() {
            Ok(request) => self.invoke(smallvec![(*request, call)]),
            Err(_) => call.fault(Fault::never(FaultCode::BAD_BODY, "a request of another interface")),
        }
    }

    fn hook(&self, hook: Hook, connection: Connection) {
        if P::HOOKS {
            self.addr.do_send(RunHook(hook, connection));
        }
    }

    fn end(&self) {
        self.addr.do_send(End);
    }
}

/// Reads the arguments of a call; one that cannot be read, or whose caller waits no more, is answered here.
fn decode<P: Interface>(
    interface: &Described,
    delivery: Delivery,
    now: Instant,
) -> Option<(P::Request, Incoming)> {
    let Delivery { method, body, refs, replier, context, .. } = delivery;
    let late = (context.deadline() <= now).then_some(Stop::Deadline);
    if let Some(why) = context.stopped().or(late) {
        Incoming::new(replier, context, interface.clone(), method).fault(why.fault(Ran::Never));
        return None;
    }
    // Decoding runs code of the user's types: its panic is that call's own.
    let decoded = catch_unwind(AssertUnwindSafe(|| P::decode(method, ArgsIn { body: &body, refs: &refs })));
    let fault = match decoded {
        Ok(Ok(request)) => {
            return Some((request, Incoming::new(replier, context, interface.clone(), method)));
        }
        Ok(Err(bad)) => {
            let mut fault = bad.into_fault();
            if fault.code == FaultCode::BAD_BODY {
                let (service, method) = (interface.name(), interface.method_name(method));
                fault.text = format!("{service}::{method}: {}", fault.text);
            }
            fault
        }
        Err(panic) => Fault::never(FaultCode::BAD_BODY, panic_text(&*panic)),
    };
    Incoming::new(replier, context, interface.clone(), method).fault(fault);
    None
}

/// An object whose thread ended before it could be started is gone.
struct Unstarted(Option<Arc<Fate>>);

impl Unstarted {
    fn started(mut self) {
        self.0 = None;
    }
}

impl Drop for Unstarted {
    fn drop(&mut self) {
        if let Some(fate) = &self.0 {
            fate.die("its thread has ended");
        }
    }
}

/// Starts the actor of a value that `make` makes on the thread of `on`.
pub fn host<P: Dispatch<S>, S: 'static>(make: Make<S>, on: &Worker) -> LocalObject {
    host_with::<P, S>(P::descriptor().into(), make, on, Fate::new())
}

/// The same for an object that has a fate before it is started.
pub fn host_fated<P: Dispatch<S>, S: 'static>(make: Make<S>, on: &Worker, fate: Arc<Fate>) -> LocalObject {
    host_with::<P, S>(P::descriptor().into(), make, on, fate)
}

/// The same under another interface than the constant one.
pub(crate) fn host_with<P: Dispatch<S>, S: 'static>(
    interface: Described,
    make: Make<S>,
    on: &Worker,
    fate: Arc<Fate>,
) -> LocalObject {
    let (tx, rx) = channel::channel(16);
    let addr = Addr::new(tx);
    fate.bound(on.object_queue_max());
    let mailbox = Box::new(Mail::<P, S> { interface: interface.clone(), addr, fate: fate.clone() });
    let object = LocalObject::new(TypeId::of::<P>(), interface.clone(), mailbox, fate.clone());
    let unstarted = Unstarted(Some(fate.clone()));
    let Make { first, again } = make;
    let start = move || match catch_unwind(AssertUnwindSafe(first)) {
        Ok(value) => {
            unstarted.started();
            start::<P, S>(interface, value, again, fate, rx);
        }
        Err(panic) => {
            let text = panic_text(&*panic);
            tracing::error!(service = %interface.name, panic = %text, "a service factory panicked");
            fate.die(&format!("its factory panicked: {text}"));
        }
    };
    on.run(start);
    object
}

fn start<P: Dispatch<S>, S: 'static>(
    interface: Described,
    value: S,
    again: Option<Again<S>>,
    fate: Arc<Fate>,
    rx: channel::AddressReceiver<Host<P, S>>,
) {
    let exclusive = P::DESCRIPTOR.exclusive || P::HOOKS;
    let recovery = again.map(|again| Recovery::new(again, P::on_connect));
    let hosted = Hosted::new(value, exclusive, recovery, fate);
    let host = Host::<P, S> { interface, hosted, _interface: PhantomData };
    tokio::task::spawn_local(Context::with_receiver(rx).into_future(host));
}

/// A proxy on a value of this thread, which need not be `Send`.
///
/// # Panics
/// Outside of a method and of a node's own threads: there `Node::host` is the way.
pub fn local<P: Dispatch<S> + Proxy, S: 'static>(value: S) -> P {
    P::from_handle(Handle::local(local_as::<P, S>(P::DESCRIPTOR.into(), value)))
}

/// The object behind it, under any interface.
pub(crate) fn local_as<P: Dispatch<S>, S: 'static>(interface: Described, value: S) -> LocalObject {
    let worker = Worker::current().expect(
        "`local` works inside a method or on a thread of a node; elsewhere use `node.host(|| value)`",
    );
    let (tx, rx) = channel::channel(16);
    let addr = Addr::new(tx);
    let fate = Fate::new();
    fate.bound(worker.object_queue_max());
    let started = {
        let (interface, fate) = (interface.clone(), fate.clone());
        Worker::run_here(move || start::<P, S>(interface, value, None, fate, rx))
    };
    debug_assert!(started, "a worker's thread takes jobs");
    let mailbox = Box::new(Mail::<P, S> { interface: interface.clone(), addr, fate: fate.clone() });
    LocalObject::new(TypeId::of::<P>(), interface, mailbox, fate)
}

//! What a proxy is: a typed handle on an object, local or remote alike.
//!
//! What does not keep its object alive is in [`weak`]; how a wait for an object's end ends is in [`closed`].

mod closed;
mod weak;

pub use closed::Closed;
pub(crate) use closed::LET_GO;
pub use weak::WeakHandle;

use std::any::TypeId;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;
use serde::{Serialize, de::DeserializeOwned};

use crate::connection::{Dropped, Shared};
use crate::descriptor::Described;
use crate::error::Fault;
use crate::node::Worker;
use crate::object::{Fate, Interface, LocalObject, Relay, Restriction};
use crate::streaming::travel::StreamRef;
use crate::wire::{CallId, FaultCode, ObjectId};

/// A typed address of an object. `#[service]` makes one for each interface.
///
/// Proxies are cheap to clone and go anywhere inside an argument or result. Two are equal if they are the same object on the same connection.
pub trait Proxy: Interface + Clone + Send + Sync + Serialize + DeserializeOwned + 'static {
    /// The proxy on what `handle` stands for.
    fn from_handle(handle: Handle) -> Self;

    /// What it stands for.
    fn handle(&self) -> &Handle;
}

/// What every proxy holds: where its object is.
#[derive(Clone)]
pub struct Handle(Target);

/// Where an object is.
#[derive(Clone)]
pub(crate) enum Target {
    Local(LocalObject),
    Remote(Arc<Import>),
    /// A closure that has not been needed yet.
    Lazy(Arc<Lazy>),
    /// It was gone when it arrived.
    Dead,
    /// The end of a stream: stands in a reference table and behind no proxy.
    Stream(StreamRef),
}

/// Starts an object on a thread, with the fate it has.
pub type Start = Box<dyn FnOnce(&Worker, Arc<Fate>) -> LocalObject + Send>;

/// An object that is started where it is first needed. Its fate is its own from the beginning.
pub(crate) struct Lazy {
    fate: Arc<Fate>,
    /// Which typed requests it takes.
    serves: TypeId,
    interface: Described,
    start: Mutex<Option<Start>>,
    object: OnceLock<LocalObject>,
}

impl Lazy {
    pub(crate) fn get(&self, worker: &Worker) -> Option<LocalObject> {
        let mut start = self.start.lock();
        if let Some(start) = start.take() {
            let object = start(worker, self.fate.clone());
            return Some(self.object.get_or_init(|| object).clone());
        }
        self.object.get().cloned()
    }

    pub(crate) fn fate(&self) -> &Arc<Fate> {
        &self.fate
    }
}

impl Drop for Lazy {
    fn drop(&mut self) {
        if self.start.get_mut().is_some() {
            self.fate.let_go();
        }
    }
}

impl Handle {
    /// A handle on an object that is started on the thread where it is first needed: that of the connection it is first
    /// handed to, or of the node that first calls it.
    pub fn lazy<P: Interface>(start: Start) -> Handle {
        Handle::lazy_as::<P>(P::DESCRIPTOR.into(), start)
    }

    /// The same under another interface than the constant one.
    pub(crate) fn lazy_as<P: Interface>(interface: Described, start: Start) -> Handle {
        let (fate, serves) = (Fate::new(), TypeId::of::<P>());
        let (start, object) = (Mutex::new(Some(start)), OnceLock::new());
        Handle(Target::Lazy(Arc::new(Lazy { fate, serves, interface, start, object })))
    }

    /// The interface of an object of this process, or of a peer's that has been described.
    pub(crate) fn interface(&self) -> Option<&Described> {
        match &self.0 {
            Target::Local(object) => Some(object.descriptor()),
            Target::Lazy(lazy) => Some(&lazy.interface),
            Target::Remote(import) => import.interface.get(),
            Target::Dead | Target::Stream(_) => None,
        }
    }

    /// A handle on an object of this process.
    pub fn local(object: LocalObject) -> Handle {
        Handle(Target::Local(object))
    }

    pub(crate) fn remote(import: Arc<Import>) -> Handle {
        Handle(Target::Remote(import))
    }

    pub(crate) fn dead() -> Handle {
        Handle(Target::Dead)
    }

    pub(crate) fn stream(end: StreamRef) -> Handle {
        Handle(Target::Stream(end))
    }

    pub(crate) fn target(&self) -> &Target {
        &self.0
    }

    pub(crate) fn into_target(self) -> Target {
        self.0
    }

    /// The handle as it is handed over on a connection that lives on `worker`: a closure is started, a stream of another peer goes on.
    pub(crate) fn started(self, worker: &Worker) -> Handle {
        match &self.0 {
            Target::Lazy(lazy) => match lazy.get(worker) {
                Some(object) => Handle::local(object),
                None => Handle::dead(),
            },
            Target::Stream(_) => self.passed_on(),
            _ => self,
        }
    }

    /// The handle as it goes on to another connection, whichever: a stream of a peer is taken, which can be done once.
    pub(crate) fn passed_on(&self) -> Handle {
        match &self.0 {
            Target::Stream(end) => Handle::stream(end.clone().passed_on()),
            _ => self.clone(),
        }
    }

    /// Whether the object is of this process and serves `P` itself, so that a request needs no encoding.
    pub fn is_local<P: Interface>(&self) -> bool {
        match &self.0 {
            Target::Local(object) => object.serves::<P>(),
            Target::Lazy(lazy) => lazy.serves == TypeId::of::<P>(),
            Target::Remote(_) | Target::Dead | Target::Stream(_) => false,
        }
    }

    /// A new object of this process that hands on the calls which `restriction` grants, and keeps this one alive.
    ///
    /// # Panics
    /// If the restriction names a method that `P` has not.
    pub fn restrict<P: Interface>(&self, restriction: Restriction) -> Handle {
        let gate = match restriction.gate(P::DESCRIPTOR) {
            Ok(gate) => gate,
            Err(name) => panic!("`{}` has no method `{name}` that could be granted", P::DESCRIPTOR.name),
        };
        // Whoever takes typed requests behind it takes them in front of it as well.
        let interface = if self.is_local::<P>() { TypeId::of::<P>() } else { TypeId::of::<()>() };
        Handle::local(Relay::restricted(self.clone(), interface, P::descriptor().into(), gate))
    }

    /// Waits until the object is gone or its connection has ended; which of the two, and why.
    pub async fn closed(&self) -> Closed {
        match &self.0 {
            Target::Local(object) => Closed::gone(object.fate().ended().await),
            Target::Lazy(lazy) => Closed::gone(lazy.fate.ended().await),
            Target::Remote(import) => import.closed().await,
            Target::Dead | Target::Stream(_) => Closed::gone("it was gone when it arrived"),
        }
    }

    /// The same object by a handle that does not keep it alive.
    pub fn downgrade(&self) -> WeakHandle {
        WeakHandle::new(self)
    }

    /// Ends an object of this process: later calls on it fail as `Gone`, running ones are stopped. False for an object of a peer.
    pub fn revoke(&self) -> bool {
        match &self.0 {
            Target::Local(object) => object.revoke("it was revoked"),
            Target::Lazy(lazy) => {
                let unstarted = lazy.start.lock().take();
                drop(unstarted);
                match lazy.object.get() {
                    Some(object) => object.revoke("it was revoked"),
                    None => lazy.fate.die("it was revoked"),
                }
            }
            Target::Remote(_) | Target::Dead | Target::Stream(_) => return false,
        }
        true
    }

    fn identity(&self) -> Identity {
        match &self.0 {
            Target::Local(object) => Identity::here(object.key()),
            Target::Lazy(lazy) => Identity::here(lazy.fate.key()),
            Target::Remote(import) => Identity::at(Arc::as_ptr(&import.shared), import.key()),
            Target::Dead | Target::Stream(_) => Identity::DEAD,
        }
    }
}

/// What makes two handles the same object: whose number it is, and the number.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Identity(usize, u64);

impl Identity {
    const DEAD: Identity = Identity(1, 0);

    fn here(key: u64) -> Identity {
        Identity(0, key)
    }

    fn at(connection: *const Shared, import: ImportKey) -> Identity {
        // A promise is itself, whatever it stands for.
        let number = if import.promise { 1 << 32 | import.slot as u64 } else { u64::from(import.id.0) };
        Identity(connection as usize, number)
    }
}

impl PartialEq for Handle {
    fn eq(&self, other: &Handle) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Handle {}

impl Hash for Handle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Target::Local(object) => write!(f, "local {object:?}"),
            Target::Remote(import) if import.promise => {
                write!(f, "promised on connection {}", import.shared.id)
            }
            Target::Remote(import) => write!(f, "remote #{} of connection {}", import.id.0, import.shared.id),
            Target::Lazy(lazy) => write!(f, "local #{}", lazy.fate.key()),
            Target::Dead => f.write_str("gone"),
            Target::Stream(end) => write!(f, "{end:?}"),
        }
    }
}

/// An object of the peer that somebody here holds; all its proxies share it.
pub(crate) struct Import {
    shared: Arc<Shared>,
    /// Keeps the node running while a proxy is held.
    _life: Option<Arc<crate::node::Life>>,
    slot: usize,
    /// Of a promise: the number of the call whose answer it is.
    id: ObjectId,
    promise: bool,
    origin: Origin,
    /// What stands for it where it is handed on.
    forwarder: Mutex<Weak<Fate>>,
    /// Why the object has ended, for those who hold on to it.
    gone: OnceLock<Arc<str>>,
    /// What the peer says of it, once it was asked.
    interface: OnceLock<Described>,
}

/// What is known of an object of a peer as soon as it arrives.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Origin {
    /// Of its interface at its host.
    pub(crate) fingerprint: u64,
    /// How many nodes stand between its host and the peer.
    pub(crate) hops: u8,
    /// It is not to be handed on.
    pub(crate) stays: bool,
}

/// Names an import among those that the same object had before and after it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ImportKey {
    /// Of the import, which is only compared.
    pub(crate) address: usize,
    pub(crate) slot: usize,
    pub(crate) id: ObjectId,
    pub(crate) promise: bool,
}

impl Import {
    pub(crate) fn new(shared: &Arc<Shared>, slot: usize, id: ObjectId, origin: Origin) -> Arc<Import> {
        Import::with(shared, slot, id, false, origin)
    }

    /// It stands for the answer of a call.
    pub(crate) fn promise(shared: &Arc<Shared>, slot: usize, call: CallId) -> Arc<Import> {
        Import::with(shared, slot, ObjectId(call.0), true, Origin::default())
    }

    fn with(shared: &Arc<Shared>, slot: usize, id: ObjectId, promise: bool, origin: Origin) -> Arc<Import> {
        let (shared, _life) = (shared.clone(), shared.life());
        let (forwarder, gone, interface) = Default::default();
        Arc::new(Import { shared, _life, slot, id, promise, origin, forwarder, gone, interface })
    }

    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    /// What stands for it where it is handed on; made if there is none.
    pub(crate) fn forwarder(&self, make: impl FnOnce() -> LocalObject) -> LocalObject {
        let mut forwarder = self.forwarder.lock();
        if let Some(object) = forwarder.upgrade().and_then(|fate| fate.object()) {
            return object;
        }
        let object = make();
        *forwarder = Arc::downgrade(object.fate());
        object
    }

    /// Whether it stands for an answer that may not be there yet.
    pub(crate) fn is_promise(&self) -> bool {
        self.promise
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn slot(&self) -> usize {
        self.slot
    }

    pub(crate) fn id(&self) -> ObjectId {
        self.id
    }

    /// The peer has described it; the first description counts.
    pub(crate) fn is_described(&self, interface: Described) -> &Described {
        self.interface.get_or_init(|| interface)
    }

    /// The peer has said that the object is gone; the first reason counts.
    pub(crate) fn has_gone(&self, reason: &Arc<str>) {
        let _ = self.gone.set(reason.clone());
    }

    /// Why a call to it is refused: its end comes first. It may have come while the call was made, and the tables forget what has ended.
    pub(crate) fn gone_instead_of(&self, refused: Fault) -> Fault {
        self.gone().map_or(refused, |reason| Fault::never(FaultCode::GONE, &**reason))
    }

    pub(crate) fn key(&self) -> ImportKey {
        ImportKey {
            address: std::ptr::from_ref(self) as usize,
            slot: self.slot,
            id: self.id,
            promise: self.promise,
        }
    }

    /// Whether its end is known here.
    fn is_over(&self) -> bool {
        self.gone().is_some() || self.shared.ended.borrow().is_some()
    }

    /// Waits until it has ended.
    async fn closed(&self) -> Closed {
        let ended = self.shared.import_ended(self.key()).await;
        Closed::of_import(self.gone(), ended)
    }

    /// Why the object is gone, if it is.
    pub(crate) fn gone(&self) -> Option<&Arc<str>> {
        self.gone.get()
    }
}

impl Drop for Import {
    /// Only says so: whether the import is released is decided under the connection's lock, which re-checks.
    fn drop(&mut self) {
        if self.promise {
            self.shared.dropped(Dropped::Promise(self.slot as u32));
        } else if self.id != ObjectId::LOBBY {
            self.shared.dropped(Dropped::Object(self.id));
        }
    }
}

impl fmt::Debug for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Import(#{})", self.id.0)
    }
}

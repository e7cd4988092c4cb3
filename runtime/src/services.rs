//! What a node serves: factories of services, and the instances of one connection.

use std::sync::Arc;

use parking_lot::Mutex;
use transport::NodeId;

use crate::connection::Connection;
use crate::descriptor::{Described, Descriptor};
use crate::dynamic::{DynService, host_dynamic};
use crate::node::Worker;
use crate::object::{Dispatch, LocalObject, Make, Restart, host};

/// A type that can be served: `#[service]` on an impl of a service trait makes it one.
///
/// `T` tells the services of one type apart; it is found by inference unless the type has several.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be served",
    label = "put #[service] on an impl of its service trait"
)]
pub trait Serve<T>: Sized + 'static {
    /// Starts the actor of an instance.
    fn host(make: Make<Self>, on: &Worker) -> LocalObject;
}

/// Tells the services of one type apart by a hash of their name.
#[derive(Debug)]
pub struct Tag<const N: u64>;

/// A closure that makes service instances.
#[diagnostic::on_unimplemented(
    message = "this closure makes nothing that can be served",
    note = "it must be `Fn() -> S + Send + Sync + 'static`, and `S` must have #[service] on an impl of its service trait"
)]
pub trait Factory<T>: Send + Sync + 'static {
    /// Makes an instance and starts its actor.
    fn start(self: Arc<Self>, restart: Restart, on: &Worker) -> LocalObject;
}

impl<F, S, T> Factory<T> for F
where
    F: Fn() -> S + Send + Sync + 'static,
    S: Serve<T>,
{
    fn start(self: Arc<Self>, restart: Restart, on: &Worker) -> LocalObject {
        S::host(Make::again(move || self(), restart), on)
    }
}

/// A closure that makes values which serve the interface of the proxy `P`, for types with several services.
pub trait FactoryAs<P>: Send + Sync + 'static {
    /// Makes an instance and starts its actor.
    fn start_as(self: Arc<Self>, restart: Restart, on: &Worker) -> LocalObject;
}

impl<P, S, F> FactoryAs<P> for F
where
    P: Dispatch<S>,
    S: 'static,
    F: Fn() -> S + Send + Sync + 'static,
{
    fn start_as(self: Arc<Self>, restart: Restart, on: &Worker) -> LocalObject {
        host::<P, S>(Make::again(move || self(), restart), on)
    }
}

/// Who may open a service.
type Rule = Arc<dyn Fn(NodeId) -> bool + Send + Sync>;

/// Makes an instance on a thread and starts its actor.
type Start = dyn Fn(Restart, &Worker) -> LocalObject + Send + Sync;

/// A factory without its types, and what holds for its instances.
#[derive(Clone)]
pub(crate) struct Maker {
    make: Arc<Start>,
    /// The one instance, if all connections share it.
    shared: Option<Arc<Mutex<Option<LocalObject>>>>,
    /// The node's policy counts where there is none.
    restart: Option<Restart>,
    /// Everybody whom the node lets in, where there is none.
    allowed: Option<Rule>,
}

impl Maker {
    pub(crate) fn each<T, F: Factory<T>>(factory: F) -> Maker {
        let factory = Arc::new(factory);
        Maker::new(move |restart, on| factory.clone().start(restart, on))
    }

    pub(crate) fn each_as<P: 'static>(factory: impl FactoryAs<P>) -> Maker {
        let factory = Arc::new(factory);
        Maker::new(move |restart, on| factory.clone().start_as(restart, on))
    }

    fn new(make: impl Fn(Restart, &Worker) -> LocalObject + Send + Sync + 'static) -> Maker {
        Maker { make: Arc::new(make), shared: None, restart: None, allowed: None }
    }

    pub(crate) fn each_dynamic<S: DynService>(
        interface: Descriptor,
        factory: impl Fn() -> S + Send + Sync + 'static,
    ) -> Maker {
        let (interface, factory) = (Described::from(interface), Arc::new(factory));
        Maker::new(move |restart, on| {
            let factory = factory.clone();
            host_dynamic(interface.clone(), Make::again(move || factory(), restart), on)
        })
    }

    pub(crate) fn shared(mut self) -> Maker {
        self.shared = Some(Arc::default());
        self
    }

    /// A further rule: who comes in must satisfy all of them.
    pub(crate) fn allow(&mut self, rule: impl Fn(NodeId) -> bool + Send + Sync + 'static) {
        self.allowed = Some(match self.allowed.take() {
            None => Arc::new(rule),
            Some(former) => Arc::new(move |id| former(id) && rule(id)),
        });
    }

    fn admits(&self, peer: NodeId) -> bool {
        self.allowed.as_ref().is_none_or(|rule| rule(peer))
    }

    fn instance(&self, usual: &Restart, on: &Worker) -> LocalObject {
        let make = || (self.make)(self.restart.as_ref().unwrap_or(usual).clone(), on);
        match &self.shared {
            None => make(),
            Some(shared) => {
                let mut shared = shared.lock();
                match &*shared {
                    Some(object) if !object.is_dead() => object.clone(),
                    _ => shared.insert(make()).clone(),
                }
            }
        }
    }
}

/// Everything that one side of a connection serves.
#[derive(Clone, Default)]
pub(crate) struct Services {
    root: Option<Maker>,
    named: Vec<(String, Maker)>,
    restart: Restart,
    /// The service that was given last.
    last: Option<Which>,
}

#[derive(Clone, Copy)]
enum Which {
    Root,
    /// By its place.
    Named(usize),
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.named.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Services").field("root", &self.root.is_some()).field("named", &names).finish()
    }
}

impl Services {
    pub(crate) fn set_root(&mut self, maker: Maker) {
        self.root = Some(maker);
        self.last = Some(Which::Root);
    }

    pub(crate) fn add(&mut self, name: &str, maker: Maker) {
        self.last = Some(Which::Named(self.named.len()));
        self.named.push((name.to_owned(), maker));
    }

    /// The service that was given last.
    pub(crate) fn last(&mut self) -> Option<&mut Maker> {
        match self.last? {
            Which::Root => self.root.as_mut(),
            Which::Named(n) => self.named.get_mut(n).map(|(_, maker)| maker),
        }
    }

    /// How the service that was given last is made anew; before any, all that say nothing else.
    pub(crate) fn set_restart(&mut self, restart: Restart) {
        match self.last() {
            Some(maker) => maker.restart = Some(restart),
            None => self.restart = restart,
        }
    }

    /// Whether a service is not for everybody whom the node lets in.
    pub(crate) fn has_rules(&self) -> bool {
        self.root.iter().chain(self.named.iter().map(|(_, maker)| maker)).any(|m| m.allowed.is_some())
    }

    /// The instances of a new connection: none yet.
    pub(crate) fn instances(self: &Arc<Self>) -> Instances {
        Instances { services: self.clone(), opened: Mutex::default() }
    }

    /// The root instance is made when the connection begins, and told of it.
    pub(crate) fn connected(&self, connection: &Connection) {
        if self.root.is_some() {
            let _ = connection.shared().instances.root(connection);
        }
    }
}

/// The service instances of one connection, made when they are first opened.
#[derive(Debug)]
pub(crate) struct Instances {
    services: Arc<Services>,
    opened: Mutex<Vec<(Option<String>, LocalObject)>>,
}

impl Instances {
    /// The root service, if there is one.
    pub(crate) fn root(&self, connection: &Connection) -> Option<LocalObject> {
        let maker = self.services.root.as_ref()?;
        self.open(None, maker, connection)
    }

    /// A service by name: the named ones first, then the root by its own names.
    pub(crate) fn named(&self, name: &str, connection: &Connection) -> Option<LocalObject> {
        for (known, maker) in &self.services.named {
            if known.eq_ignore_ascii_case(name) {
                return self.open(Some(known.clone()), maker, connection);
            }
        }
        self.root(connection).filter(|root| root.descriptor().answers_to(name))
    }

    /// `None` if the peer may not open it: to that peer, it does not exist.
    fn open(&self, name: Option<String>, maker: &Maker, connection: &Connection) -> Option<LocalObject> {
        let mut opened = self.opened.lock();
        if let Some((_, object)) = opened.iter().find(|(n, _)| *n == name) {
            return Some(object.clone());
        }
        if !maker.admits(connection.peer()) {
            let service = name.as_deref().unwrap_or("(root)");
            tracing::warn!(peer = %connection.peer(), service, "a peer may not open a service");
            return None;
        }
        let object = maker.instance(&self.services.restart, &connection.shared().worker);
        object.connected(connection.clone());
        opened.push((name, object.clone()));
        Some(object)
    }

    /// All that were opened; the connection has ended.
    pub(crate) fn take(&self) -> Vec<LocalObject> {
        self.opened.lock().drain(..).map(|(_, object)| object).collect()
    }
}

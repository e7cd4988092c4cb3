//! What a node serves: factories of services, and the instances of one connection.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::connection::Connection;
use crate::node::Worker;
use crate::object::{Dispatch, LocalObject, Make, host};

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
    fn start(self: Arc<Self>, on: &Worker) -> LocalObject;
}

impl<F, S, T> Factory<T> for F
where
    F: Fn() -> S + Send + Sync + 'static,
    S: Serve<T>,
{
    fn start(self: Arc<Self>, on: &Worker) -> LocalObject {
        S::host(Box::new(move || self()), on)
    }
}

/// A closure that makes values which serve the interface of the proxy `P`, for types with several services.
pub trait FactoryAs<P>: Send + Sync + 'static {
    /// Makes an instance and starts its actor.
    fn start_as(self: Arc<Self>, on: &Worker) -> LocalObject;
}

impl<P, S, F> FactoryAs<P> for F
where
    P: Dispatch<S>,
    S: 'static,
    F: Fn() -> S + Send + Sync + 'static,
{
    fn start_as(self: Arc<Self>, on: &Worker) -> LocalObject {
        host::<P, S>(Box::new(move || self()), on)
    }
}

/// A factory without its types.
#[derive(Clone)]
pub(crate) struct Maker {
    make: Arc<dyn Fn(&Worker) -> LocalObject + Send + Sync>,
    /// The one instance, if all connections share it.
    shared: Option<Arc<Mutex<Option<LocalObject>>>>,
}

impl Maker {
    pub(crate) fn each<T, F: Factory<T>>(factory: F) -> Maker {
        let factory = Arc::new(factory);
        Maker { make: Arc::new(move |on| factory.clone().start(on)), shared: None }
    }

    pub(crate) fn each_as<P: 'static>(factory: impl FactoryAs<P>) -> Maker {
        let factory = Arc::new(factory);
        Maker { make: Arc::new(move |on| factory.clone().start_as(on)), shared: None }
    }

    pub(crate) fn shared(mut self) -> Maker {
        self.shared = Some(Arc::default());
        self
    }

    fn instance(&self, on: &Worker) -> LocalObject {
        match &self.shared {
            None => (self.make)(on),
            Some(shared) => {
                let mut shared = shared.lock();
                match &*shared {
                    Some(object) if !object.is_dead() => object.clone(),
                    _ => shared.insert((self.make)(on)).clone(),
                }
            }
        }
    }
}

/// Everything that one side of a connection serves.
#[derive(Clone, Default)]
pub(crate) struct Services {
    pub(crate) root: Option<Maker>,
    pub(crate) named: Vec<(String, Maker)>,
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.named.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Services").field("root", &self.root.is_some()).field("named", &names).finish()
    }
}

impl Services {
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
        Some(self.open(None, maker, connection))
    }

    /// A service by name: the named ones first, then the root by its own names.
    pub(crate) fn named(&self, name: &str, connection: &Connection) -> Option<LocalObject> {
        for (known, maker) in &self.services.named {
            if known.eq_ignore_ascii_case(name) {
                return Some(self.open(Some(known.clone()), maker, connection));
            }
        }
        self.root(connection).filter(|root| root.descriptor().answers_to(name))
    }

    fn open(&self, name: Option<String>, maker: &Maker, connection: &Connection) -> LocalObject {
        let mut opened = self.opened.lock();
        if let Some((_, object)) = opened.iter().find(|(n, _)| *n == name) {
            return object.clone();
        }
        let object = maker.instance(&connection.shared().worker);
        object.connected(connection.clone());
        opened.push((name, object.clone()));
        object
    }

    /// All that were opened; the connection has ended.
    pub(crate) fn take(&self) -> Vec<LocalObject> {
        self.opened.lock().drain(..).map(|(_, object)| object).collect()
    }
}

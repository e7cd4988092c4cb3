//! Connections that are made again when they are lost, and proxies of services that outlive them.
//!
//! It keeps *named* services usable, the root among them: what was handed over on a lost connection (objects, callbacks) is gone with it.

mod policy;
mod relay;

pub use policy::Reconnect;

use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::{OnceCell, watch};
use tokio::time::sleep;

use crate::connection::{Connection, OpenError};
use crate::node::{ConnectError, Connecting, Node, NodeError};
use crate::proxy::{Handle, Import, Proxy, Target};
use crate::wire::FaultCode;
use relay::Relay;

/// A connection that is made again whenever it is lost, and the services of its peer.
///
/// Its proxies stay usable: while there is no connection, their calls wait for the next one, within their deadlines. A call that was
/// under way when the connection was lost ends as `Disconnected`, and whether it ran is unknown; one of a method marked
/// `#[idempotent]` is made again instead. What this side serves (`.serve(..)`) is served on each new connection.
///
/// ```text
/// let calc: CalculatorProxy = duologue::connect("example.com:18861").reconnecting().root().await?;
/// ```
///
/// It lives as long as it or one of its proxies is held.
#[derive(Debug)]
pub struct Reconnecting {
    source: Source,
    policy: Reconnect,
    states: watch::Sender<ReconnectState>,
    link: OnceCell<Arc<Link>>,
}

/// Where a connection comes from.
#[derive(Clone, Debug)]
enum Source {
    Node(Box<Connecting>),
    /// By a node of its own.
    Target(String),
}

/// Whether there is a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReconnectState {
    /// None was asked for yet.
    Disconnected,
    /// There is one.
    Connected,
    /// It was lost, and is being made again.
    Reconnecting {
        /// Which attempt this is, from 1.
        attempt: u32,
    },
    /// There will be none any more.
    Ended {
        /// Why.
        reason: String,
    },
}

/// Why the first connection was not made, or a service could not be opened. No call of this side ran.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReconnectError {
    /// The node of its own could not be started.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The connection could not be made.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The peer does not serve it. The connection is usable.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is no connection, and there will be none.
    #[error("it is not made again: {0}")]
    Ended(String),
}

impl Reconnecting {
    pub(crate) fn new(connecting: Connecting) -> Reconnecting {
        Reconnecting::of(Source::Node(Box::new(connecting)))
    }

    /// A connection to `target` from a node of its own, which lives as long.
    pub fn to(target: impl Into<String>) -> Reconnecting {
        Reconnecting::of(Source::Target(target.into()))
    }

    fn of(source: Source) -> Reconnecting {
        let states = watch::channel(ReconnectState::Disconnected).0;
        Reconnecting { source, policy: Reconnect::default(), states, link: OnceCell::new() }
    }

    /// How it is made again; to be said before the first service is opened.
    #[must_use]
    pub fn policy(mut self, policy: Reconnect) -> Reconnecting {
        self.policy = policy;
        self
    }

    /// The service that the peer shows first, as a proxy that outlives the connection.
    ///
    /// The first call of this or of [`Reconnecting::service`] makes the first connection. Should that fail, its error is given at once:
    /// only what was there once is made again.
    pub async fn root<P: Proxy>(&self) -> Result<P, ReconnectError> {
        self.open(None).await
    }

    /// A service of the peer by its name or alias, as a proxy that outlives the connection.
    pub async fn service<P: Proxy>(&self, name: &str) -> Result<P, ReconnectError> {
        self.open(Some(name)).await
    }

    async fn open<P: Proxy>(&self, name: Option<&str>) -> Result<P, ReconnectError> {
        let link = self.link.get_or_try_init(|| self.connect()).await?;
        let (relay, object) = Relay::new(link, P::DESCRIPTOR, name.map(str::to_owned));
        loop {
            let connection = link.connected().await?;
            let handle = connection.open_object(P::DESCRIPTOR, name).await?;
            let target = import_of(&handle, &P::DESCRIPTOR.name)?;
            if link.keep(&relay, &connection, target) {
                return Ok(P::from_handle(Handle::local(object)));
            }
        }
    }

    /// Whether there is a connection, now and from now on.
    ///
    /// ```
    /// # use duologue_runtime::{ReconnectState, Reconnecting};
    /// # async fn watch(link: Reconnecting) {
    /// let mut states = link.states();
    /// while states.changed().await.is_ok() {
    ///     if let ReconnectState::Reconnecting { attempt } = &*states.borrow() {
    ///         println!("lost, attempt {attempt}");
    ///     }
    /// }
    /// # }
    /// ```
    pub fn states(&self) -> watch::Receiver<ReconnectState> {
        self.states.subscribe()
    }

    /// The present connection, if there is one.
    pub fn connection(&self) -> Option<Connection> {
        self.link.get()?.state.lock().connection.clone()
    }

    /// Closes the connection; it is not made again, and its proxies are gone.
    pub async fn close(&self) {
        let Some(link) = self.link.get() else { return };
        link.end("closed by this side");
        if let Some(connection) = self.connection() {
            connection.close().await;
        }
    }

    async fn connect(&self) -> Result<Arc<Link>, ReconnectError> {
        let connecting = match &self.source {
            Source::Node(connecting) => (**connecting).clone(),
            Source::Target(target) => Node::builder().arbiters(1).start().await?.connect(target.clone()),
        };
        let connection = connecting.clone().await?;
        let state = Mutex::new(State { connection: Some(connection.clone()), ..State::default() });
        let (policy, states) = (self.policy.clone(), self.states.clone());
        let link = Arc::new(Link { connecting, policy, states, state });
        link.states.send_replace(ReconnectState::Connected);
        let (weak, worker) = (Arc::downgrade(&link), connection.shared().worker.clone());
        worker.run(move || {
            tokio::task::spawn_local(supervise(weak, connection));
        });
        Ok(link)
    }
}

/// What proxies hold: the wish that there be a connection.
struct Link {
    connecting: Connecting,
    policy: Reconnect,
    states: watch::Sender<ReconnectState>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<Connection>,
    relays: Vec<Weak<Relay>>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("state", &*self.states.borrow()).finish_non_exhaustive()
    }
}

impl Link {
    /// The connection, when there is one.
    async fn connected(&self) -> Result<Connection, ReconnectError> {
        let mut states = self.states.subscribe();
        loop {
            if let ReconnectState::Ended { reason } = &*states.borrow_and_update() {
                return Err(ReconnectError::Ended(reason.clone()));
            }
            if let Some(connection) = self.state.lock().connection.clone() {
                return Ok(connection);
            }
            if states.changed().await.is_err() {
                return Err(ReconnectError::Ended("the node has ended".to_owned()));
            }
        }
    }

    /// Has a relay resumed from now on; false if there is another connection than the one on which its service was opened.
    fn keep(&self, relay: &Arc<Relay>, connection: &Connection, target: Arc<Import>) -> bool {
        let mut state = self.state.lock();
        match &state.connection {
            Some(present) if present == connection => relay.resume(target),
            Some(_) => return false,
            // Lost meanwhile: whoever makes the next one knows the relay by then.
            None => relay.was_there(&target),
        }
        state.relays.retain(|relay| relay.strong_count() > 0);
        state.relays.push(Arc::downgrade(relay));
        drop(state);
        // Whoever ended the link may not have seen it.
        let state = self.states.borrow().clone();
        if let ReconnectState::Ended { reason } = state {
            relay.end(FaultCode::DISCONNECTED, &reason);
        }
        true
    }

    fn relays(&self) -> Vec<Arc<Relay>> {
        self.state.lock().relays.iter().filter_map(Weak::upgrade).collect()
    }

    fn lost(&self) {
        self.state.lock().connection = None;
        for relay in self.relays() {
            relay.lost();
        }
    }

    /// There will be no connection any more; the first reason counts.
    fn end(&self, reason: &str) {
        let ended = ReconnectState::Ended { reason: reason.to_owned() };
        self.states.send_if_modified(|state| {
            let first = !matches!(state, ReconnectState::Ended { .. });
            if first {
                *state = ended;
            }
            first
        });
        for relay in self.relays() {
            relay.end(FaultCode::DISCONNECTED, reason);
        }
    }

    fn has_ended(&self) -> bool {
        matches!(&*self.states.borrow(), ReconnectState::Ended { .. })
    }

    fn say(&self, now: ReconnectState) {
        self.states.send_if_modified(|state| {
            let goes_on = !matches!(state, ReconnectState::Ended { .. });
            if goes_on {
                *state = now;
            }
            goes_on
        });
    }

    /// Opens every service anew on a connection; what is not served any more is gone.
    async fn resume(&self, connection: &Connection) -> Result<(), OpenError> {
        let mut last = None;
        // Until none is left that was added meanwhile.
        while let Some(relay) = self.next_waiting(connection) {
            let opened = connection.open_object(relay.descriptor, relay.name.as_deref()).await;
            match opened.and_then(|handle| import_of(&handle, &relay.descriptor.name)) {
                Ok(target) => relay.resume(target),
                Err(OpenError::Call(error)) => return Err(OpenError::Call(error)),
                Err(error) => {
                    tracing::warn!(%error, "a service is not there on the new connection");
                    relay.end(FaultCode::GONE, &error.to_string());
                    last = Some(error);
                }
            }
        }
        match last {
            Some(error) if self.relays().iter().all(|relay| relay.has_ended()) => Err(error),
            _ => Ok(()),
        }
    }

    /// A relay that has no service yet; if there is none, the connection is the present one.
    fn next_waiting(&self, connection: &Connection) -> Option<Arc<Relay>> {
        let mut state = self.state.lock();
        let waiting = state.relays.iter().filter_map(Weak::upgrade).find(|relay| relay.is_waiting());
        if waiting.is_none() {
            state.connection = Some(connection.clone());
        }
        waiting
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(connection) = self.state.get_mut().connection.take() {
            connection.close_soon();
        }
    }
}

fn import_of(handle: &Handle, expected: &str) -> Result<Arc<Import>, OpenError> {
    match handle.target() {
        Target::Remote(import) => Ok(import.clone()),
        // A side that serves nothing shows a dead object.
        _ => Err(OpenError::WrongInterface { expected: expected.to_owned(), found: "Void".to_owned() }),
    }
}

/// Makes the connection again whenever it is lost, until nobody holds the link.
async fn supervise(link: Weak<Link>, mut connection: Connection) {
    loop {
        let ended = connection.closed().await;
        drop(connection);
        let Some(strong) = link.upgrade() else { return };
        strong.lost();
        if ended == crate::Ended::ByUs {
            return strong.end("closed by this side");
        }
        tracing::info!(%ended, "connection lost, it will be made again");
        drop(strong);
        match again(&link).await {
            Some(next) => connection = next,
            None => return,
        }
    }
}

/// The next connection; `None` if there will be none.
async fn again(link: &Weak<Link>) -> Option<Connection> {
    for attempt in 1.. {
        let (connecting, wait, mut states) = {
            let link = link.upgrade().filter(|link| !link.has_ended())?;
            if link.policy.gives_up(attempt) {
                link.end(&format!("given up after {} attempts", attempt - 1));
                return None;
            }
            link.say(ReconnectState::Reconnecting { attempt });
            (link.connecting.clone(), link.policy.wait(attempt, rand::random()), link.states.subscribe())
        };
        // Whoever ends it, or drops the last proxy, need not wait for the attempt.
        let dialed = tokio::select! {
            dialed = async { sleep(wait).await; connecting.await } => dialed,
            _ = states.wait_for(|state| matches!(state, ReconnectState::Ended { .. })) => return None,
        };
        let link = link.upgrade()?;
        match dialed {
            Err(error) if error.is_lasting() => {
                tracing::warn!(%error, "the connection is not made again");
                link.end(&error.to_string());
                return None;
            }
            Err(error) => tracing::info!(%error, attempt, "the connection was not made"),
            Ok(connection) => match link.resume(&connection).await {
                // Closed meanwhile.
                Ok(()) if link.has_ended() => {
                    link.lost();
                    connection.close_soon();
                    return None;
                }
                Ok(()) => {
                    tracing::info!(attempt, "the connection was made again");
                    link.say(ReconnectState::Connected);
                    return Some(connection);
                }
                Err(OpenError::Call(error)) => {
                    tracing::info!(%error, attempt, "the services could not be opened");
                    link.lost();
                    connection.close_soon();
                }
                Err(error) => {
                    link.lost();
                    connection.close_soon();
                    link.end(&error.to_string());
                    return None;
                }
            },
        }
    }
    None
}

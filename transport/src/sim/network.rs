//! [`Network`]: the machines of a simulated network, who listens where, and the way from one socket to another.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use quinn::udp::EcnCodepoint;
use tokio::time::Instant;

use super::rules::{Fate, Rules};
use super::socket::{Inbox, Parcel, Socket};
use super::{Conditions, Counters};
use crate::target::canonical;

/// The first machine that [`Network::machine`] gives; those before it are for people to name.
const FIRST_MACHINE: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 1);

/// The ports that are given to who does not name one (RFC 6335 §6).
const FREE_PORTS: std::ops::RangeInclusive<u16> = 49_152..=65_535;

/// A network in memory. Clones are the same network; it lasts as long as a clone or an endpoint on it.
///
/// **An IP address is a machine**: the [`Conditions`] are those between two of them, each direction by itself. Endpoints on one
/// address talk over the path from that address to itself. Addresses in `127.0.0.0/8` are loopback here too, and trusted like it.
///
/// All that changes it may be called at any time and counts for the datagrams that are sent from then on; those under way arrive.
///
/// ```
/// use std::time::Duration;
/// use duologue_transport::sim::{Conditions, Network};
///
/// let network = Network::new(7);
/// let (office, home) = (network.machine(), network.machine());
/// network.set(Conditions::default().delay(Duration::from_millis(20)));
/// network.set_path(home, office, Conditions::default().bandwidth(1_000_000));
/// network.partition(office, home);
/// network.heal(office, home);
/// assert_eq!(network.counters().sent, 0);
/// ```
#[derive(Clone)]
pub struct Network(Arc<Mutex<Inner>>);

struct Inner {
    rules: Rules,
    sockets: HashMap<SocketAddr, Weak<Inbox>>,
    machines: u32,
    /// Datagrams sent so far.
    number: u64,
}

impl Network {
    /// A perfect network. The seed settles every chance on it: of two networks with the same seed, the n-th datagrams of a direction
    /// have the same fate.
    pub fn new(seed: u64) -> Self {
        let (rules, sockets) = (Rules::new(seed), HashMap::new());
        Self(Arc::new(Mutex::new(Inner { rules, sockets, machines: 0, number: 0 })))
    }

    /// The seed it was made with.
    pub fn seed(&self) -> u64 {
        self.0.lock().rules.seed()
    }

    /// The address of a machine that this network has not given to anybody: 127.1.0.1, 127.1.0.2 and so on.
    pub fn machine(&self) -> IpAddr {
        let inner = &mut *self.0.lock();
        // 16 million machines; after that they are shared.
        let bits = FIRST_MACHINE.to_bits() + (inner.machines & 0x007f_ffff);
        inner.machines += 1;
        Ipv4Addr::from_bits(bits).into()
    }

    /// The same conditions for every path, those with conditions of their own included.
    pub fn set(&self, conditions: Conditions) {
        self.0.lock().rules.set(conditions);
    }

    /// The conditions of one direction.
    pub fn set_path(&self, from: impl Into<IpAddr>, to: impl Into<IpAddr>, conditions: Conditions) {
        self.0.lock().rules.set_way((from.into(), to.into()), conditions);
    }

    /// The conditions of both directions between two machines.
    pub fn set_between(&self, a: impl Into<IpAddr>, b: impl Into<IpAddr>, conditions: Conditions) {
        let (a, b) = (a.into(), b.into());
        self.set_path(a, b, conditions);
        self.set_path(b, a, conditions);
    }

    /// The conditions of one direction now.
    pub fn conditions(&self, from: impl Into<IpAddr>, to: impl Into<IpAddr>) -> Conditions {
        self.0.lock().rules.conditions((from.into(), to.into()))
    }

    /// From now on nothing goes from one to the other, in both directions, until [`heal`](Self::heal). To cut one direction only,
    /// give it conditions with a `loss` of 1.
    pub fn partition(&self, a: impl Into<IpAddr>, b: impl Into<IpAddr>) {
        let (a, b) = (a.into(), b.into());
        let rules = &mut self.0.lock().rules;
        rules.cut((a, b));
        rules.cut((b, a));
    }

    /// Ends a [`partition`](Self::partition).
    pub fn heal(&self, a: impl Into<IpAddr>, b: impl Into<IpAddr>) {
        let (a, b) = (a.into(), b.into());
        let rules = &mut self.0.lock().rules;
        rules.heal((a, b));
        rules.heal((b, a));
    }

    /// What happened so far, on all paths.
    pub fn counters(&self) -> Counters {
        self.0.lock().rules.all_counters()
    }

    /// What happened so far, in one direction.
    pub fn counters_of(&self, from: impl Into<IpAddr>, to: impl Into<IpAddr>) -> Counters {
        self.0.lock().rules.counters((from.into(), to.into()))
    }

    /// A socket at `address`; port 0 is a free one.
    pub(crate) fn bind(&self, address: SocketAddr) -> io::Result<Socket> {
        let mut address = canonical(address);
        if address.ip().is_unspecified() {
            return Err(io::Error::new(
                io::ErrorKind::AddrNotAvailable,
                "on a simulated network a socket has one address: name it",
            ));
        }
        let inner = &mut *self.0.lock();
        let taken = |sockets: &HashMap<_, _>, address| sockets.contains_key(&address);
        if address.port() == 0 {
            let free = FREE_PORTS.map(|port| SocketAddr::new(address.ip(), port));
            let free = free.into_iter().find(|address| !taken(&inner.sockets, *address));
            address = free.ok_or(io::ErrorKind::AddrInUse)?;
        } else if taken(&inner.sockets, address) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let inbox = Arc::new(Inbox::default());
        inner.sockets.insert(address, Arc::downgrade(&inbox));
        Ok(Socket::new(self.clone(), address, inbox))
    }

    pub(super) fn unbind(&self, address: SocketAddr) {
        self.0.lock().sockets.remove(&address);
    }

    /// Sends datagrams on their way.
    pub(super) fn send<'a>(
        &self,
        from: SocketAddr,
        to: SocketAddr,
        ecn: Option<EcnCodepoint>,
        datagrams: impl Iterator<Item = &'a [u8]>,
    ) {
        let now = Instant::now();
        let way = (from.ip(), to.ip());
        let mut inner = self.0.lock();
        let inbox = inner.sockets.get(&to).and_then(Weak::upgrade);
        let mut reader = None;
        for datagram in datagrams {
            let Fate::Arrives { at, again } = inner.rules.send(way, datagram.len(), now) else { continue };
            let bytes: Arc<[u8]> = datagram.into();
            for at in [Some(at), again].into_iter().flatten() {
                let Some(inbox) = &inbox else {
                    inner.rules.unreachable(way);
                    continue;
                };
                inner.number += 1;
                let (number, bytes) = (inner.number, bytes.clone());
                let woken = inbox.take(Parcel { at, number, from, ecn, bytes });
                reader = reader.or(woken);
            }
        }
        drop(inner);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// A socket has read a datagram, or had no room for it.
    pub(super) fn received(&self, from: SocketAddr, to: SocketAddr, bytes: usize, fits: bool) {
        let rules = &mut self.0.lock().rules;
        let way = (from.ip(), to.ip());
        if fits { rules.delivered(way, bytes) } else { rules.oversized(way) }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.0.lock();
        f.debug_struct("Network")
            .field("seed", &inner.rules.seed())
            .field("sockets", &inner.sockets.len())
            .finish_non_exhaustive()
    }
}

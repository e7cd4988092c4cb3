//! Where a node's endpoints are: on the machine's network, or on a simulated one in tests. It decides nothing about trust.

use std::net::SocketAddr;

use transport::{BindError, Config, Endpoint, Identity, Trust};

/// Clones are the same place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    #[cfg(feature = "testing")]
    simulated: Option<std::sync::Arc<Simulated>>,
}

impl Place {
    pub(crate) fn bind(
        &self,
        at: SocketAddr,
        identity: &Identity,
        trust: &Trust,
        config: &Config,
    ) -> Result<Endpoint, BindError> {
        #[cfg(feature = "testing")]
        if let Some(simulated) = &self.simulated {
            return simulated.bind(at, identity, trust, config);
        }
        Endpoint::bind(at, identity, trust, config)
    }

    pub(crate) fn dialer(
        &self,
        identity: &Identity,
        trust: &Trust,
        config: &Config,
    ) -> Result<Endpoint, BindError> {
        #[cfg(feature = "testing")]
        if let Some(simulated) = &self.simulated {
            return Endpoint::dialer_on(&simulated.network, simulated.machine(), identity, trust, config);
        }
        Endpoint::dialer(identity, trust, config)
    }
}

#[cfg(feature = "testing")]
pub(crate) use simulated::Simulated;

#[cfg(feature = "testing")]
mod simulated {
    use std::net::IpAddr;
    use std::sync::{Arc, OnceLock};

    use transport::sim::Network;

    use super::*;

    /// A place on a simulated network.
    #[derive(Debug)]
    pub(crate) struct Simulated {
        pub(super) network: Network,
        /// The machine the node is bound on; one of its own if it only dials.
        machine: OnceLock<IpAddr>,
    }

    impl Simulated {
        pub(super) fn bind(
            &self,
            at: SocketAddr,
            identity: &Identity,
            trust: &Trust,
            config: &Config,
        ) -> Result<Endpoint, BindError> {
            let endpoint = Endpoint::bind_on(&self.network, at, identity, trust, config)?;
            // A node binds once, before it dials.
            let _ = self.machine.set(endpoint.local_addr().ip());
            Ok(endpoint)
        }

        pub(super) fn machine(&self) -> IpAddr {
            *self.machine.get_or_init(|| self.network.machine())
        }
    }

    impl Place {
        pub(crate) fn on(network: &Network) -> Place {
            let (network, machine) = (network.clone(), OnceLock::new());
            Place { simulated: Some(Arc::new(Simulated { network, machine })) }
        }

        /// The machine of a simulated network.
        pub(crate) fn machine(&self) -> Option<IpAddr> {
            self.simulated.as_ref().map(|simulated| simulated.machine())
        }
    }
}

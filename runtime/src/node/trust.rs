//! Who a node is and whom it trusts, settled at the first bind or connect if nobody chose.

use std::sync::OnceLock;

use transport::{Identity, IdentityError, NodeId, Trust};

use super::ConnectError;

/// Identity and trust as chosen, and as settled.
pub(crate) struct Credentials {
    chosen_identity: Option<Identity>,
    chosen_trust: Option<Trust>,
    settled: OnceLock<Settled>,
}

struct Settled {
    identity: Identity,
    /// A key for this machine only: nobody elsewhere would know it again.
    fresh: bool,
}

impl Credentials {
    pub(crate) fn new(identity: Option<Identity>, trust: Option<Trust>) -> Credentials {
        Credentials { chosen_identity: identity, chosen_trust: trust, settled: OnceLock::new() }
    }

    pub(crate) fn settled(&self) -> Option<NodeId> {
        self.chosen_identity.as_ref().or(self.settled.get().map(|s| &s.identity)).map(Identity::node_id)
    }

    pub(crate) fn trust_chosen(&self) -> bool {
        self.chosen_trust.is_some()
    }

    pub(crate) fn id(&self) -> NodeId {
        match self.local() {
            Ok((identity, _)) => identity.node_id(),
            // Making a key fails only without randomness, where nothing else works either.
            Err(_) => NodeId::from_bytes([0; 32]),
        }
    }

    /// For an address of this machine: a fresh key, and everybody of this machine is let in.
    pub(crate) fn local(&self) -> Result<(Identity, Trust), IdentityError> {
        let trust = self.chosen_trust.clone().unwrap_or_else(Trust::danger_anyone);
        if let Some(identity) = &self.chosen_identity {
            return Ok((identity.clone(), trust));
        }
        if self.settled.get().is_none() {
            let identity = Identity::generate()?;
            let _ = self.settled.set(Settled { identity, fresh: true });
        }
        let settled = self.settled.get().expect("it was just set");
        Ok((settled.identity.clone(), trust))
    }

    /// For dialing another machine: the user's own key and known hosts, unless chosen.
    pub(crate) fn elsewhere(&self, target: &str) -> Result<(Identity, Trust), ConnectError> {
        let directory =
            || dirs::config_dir().map(|d| d.join("duologue")).ok_or(ConnectError::NoConfigDirectory);
        let trust = match &self.chosen_trust {
            Some(trust) => trust.clone(),
            None => Trust::known_hosts(directory()?.join("known_hosts")),
        };
        if let Some(identity) = &self.chosen_identity {
            return Ok((identity.clone(), trust));
        }
        if self.settled.get().is_none() {
            let path = directory()?.join("key.pem");
            let identity = Identity::load_or_create(&path)?;
            tracing::info!(id = %identity.node_id(), "using the key of the configuration directory");
            let _ = self.settled.set(Settled { identity, fresh: false });
        }
        let settled = self.settled.get().expect("it was just set");
        if settled.fresh {
            return Err(ConnectError::NeedsIdentity(target.to_owned()));
        }
        Ok((settled.identity.clone(), trust))
    }

    /// For listening on an address of other machines: the identity as chosen, or the user's own.
    pub(crate) fn listening(&self) -> Result<(Identity, Trust), ConnectError> {
        self.elsewhere("")
    }
}

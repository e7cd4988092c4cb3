//! What stands on one connection for an object that was received on another: a relay that knows nothing of its interface.
//!
//! One for each import, however often and wherever it is handed on, so that who receives it twice by one connection holds
//! one object. It lives while a peer holds it, and holds the import in turn. When it comes back to the node
//! that made it, what it stands for is taken out again.
//!
//! What it does not do: it asks nobody for a shorter way. A call goes over every node that the reference went over.

use std::sync::Arc;

use super::LocalObject;
use super::relay::Relay;
use crate::descriptor::Descriptor;
use crate::error::Fault;
use crate::proxy::{Handle, Import};
use crate::wire::FaultCode;

/// The most nodes that a reference is handed on over.
pub(crate) const HOPS_MAX: u8 = 8;

/// What stands for an object of a peer where its proxy is handed on, or called before it is there.
pub(crate) fn forwarder(import: &Arc<Import>) -> LocalObject {
    import.forwarder(|| {
        let mut interface = Descriptor::new("an object of another node").staying(import.origin().stays);
        // That of its host: numbers that are not told otherwise are the host's own.
        interface.fingerprint = import.origin().fingerprint;
        Relay::forwarder(Handle::remote(import.clone()), interface.into())
    })
}

/// Whether what leads to an object may be handed on by this node, which adds itself to the way.
pub(crate) fn may_go_on(hops: u8, stays: bool) -> Result<(), Fault> {
    if stays {
        let text = "its service says `stay`: its proxies are not handed on to a third node";
        return Err(Fault::never(FaultCode::NOT_SENT, text));
    }
    if hops > HOPS_MAX {
        let text = format!("a reference is handed on through no more than {HOPS_MAX} nodes");
        return Err(Fault::never(FaultCode::NOT_SENT, text));
    }
    Ok(())
}

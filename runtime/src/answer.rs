//! What comes back for a call: a body, a local value, or a fault.

mod courier;
mod waiter;

pub(crate) use courier::{Round, wake_soon};
pub(crate) use waiter::{Awaited, Missing, Waiter, awaited_by, channel};

use std::any::Any;

use crate::error::Fault;
use crate::proxy::{Handle, Target};
use crate::wire::Body;

/// The one outcome of a call, before it is decoded.
pub(crate) enum Answer {
    /// The MessagePack value of a remote object's reply, and the references it carried.
    Reply { body: Body, refs: Refs },
    /// The value itself, from an object of this process.
    Local(Box<dyn Any + Send>),
    /// It failed.
    Fault(Fault),
    /// A notice was appended.
    Sent,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Answer::Reply { body, .. } => write!(f, "Reply({} bytes)", body.len()),
            Answer::Local(_) => f.write_str("Local"),
            Answer::Fault(fault) => write!(f, "{fault:?}"),
            Answer::Sent => f.write_str("Sent"),
        }
    }
}

/// The settled references of a frame, by index; empty for most.
#[derive(Clone, Debug, Default)]
pub struct Refs(Option<std::sync::Arc<[Handle]>>);

impl Refs {
    pub(crate) fn new(handles: Vec<Handle>) -> Refs {
        Refs(if handles.is_empty() { None } else { Some(handles.into()) })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// To be handed over on a connection that lives on `worker`: closures among them are started there.
    pub(crate) fn started(&self, worker: &crate::node::Worker) -> Vec<Handle> {
        self.handles().iter().map(|handle| handle.clone().started(worker)).collect()
    }

    /// To be handed over on other connections, maybe more than once: streams of a peer are taken now.
    pub(crate) fn passed_on(self) -> Refs {
        match self.0 {
            None => self,
            Some(handles) => Refs(Some(handles.iter().map(Handle::passed_on).collect())),
        }
    }

    /// Whether a stream among them is under way on a connection.
    pub(crate) fn has_taken_streams(&self) -> bool {
        self.handles().iter().any(|handle| matches!(handle.target(), Target::Stream(end) if end.is_taken()))
    }

    pub(crate) fn handles(&self) -> &[Handle] {
        self.0.as_deref().unwrap_or_default()
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Handle> {
        self.0.as_ref()?.get(index)
    }
}

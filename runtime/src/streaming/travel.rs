//! The two ends of a stream as entries of a frame's reference table: what is handed over, and what arrives.
//!
//! A stream is handed over once. What travels is an end: its receiver takes what the sender of the frame gives (a *source*), or
//! gives what the sender takes (a *sink*).

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use parking_lot::Mutex;
use serde::{Deserializer, Serializer};

use super::inbound::Inbound;
use crate::connection::Shared;
use crate::node::Worker;
use crate::proxy::{Handle, Target};
use crate::values;
use crate::wire::StreamId;

/// What the items of a stream are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// MessagePack values, maybe with references.
    Items,
    /// Plain bytes.
    Bytes,
}

impl Format {
    /// As it stands in the reference table.
    pub(crate) fn fingerprint(self) -> u64 {
        match self {
            Format::Items => 0,
            Format::Bytes => 1,
        }
    }

    pub(crate) fn of(fingerprint: u64) -> Option<Format> {
        match fingerprint {
            0 => Some(Format::Items),
            1 => Some(Format::Bytes),
            _ => None,
        }
    }
}

/// What a producer gives, ready for the wire.
#[derive(Debug)]
pub(crate) enum Produced {
    Item(Bytes, Vec<Handle>),
    End,
    Error(Bytes, Vec<Handle>),
}

/// The items of a stream of any type, encoded one by one. Whoever takes it without a connection between asks for its type.
pub(crate) trait Produce: Any + Send {
    /// The next; nothing is asked for after the end or an error. Closures in it are started on `worker`; what stays in this process
    /// has none, and leaves them as they are.
    fn poll(&mut self, worker: Option<&Worker>, cx: &mut Context<'_>) -> Poll<Produced>;
}

/// Takes the items of a stream of any type, encoded. Whoever fills it without a connection between asks for its type.
pub(crate) trait Absorb: Any + Send {
    /// From a peer.
    fn absorb(self: Box<Self>, from: &Arc<Inbound>);
    /// From this process.
    fn take_from(self: Box<Self>, source: Box<dyn Produce>);
}

/// An end in a reference table.
#[derive(Clone, Debug)]
pub(crate) enum StreamRef {
    /// Of this side, to be named when its frame is appended.
    Out(Arc<OutEnd>),
    /// Of the peer, which gives.
    Source(Arc<Inbound>),
    /// Of the peer, which takes.
    Sink(Arc<Outbound>),
}

impl StreamRef {
    pub(crate) fn is_source(&self) -> bool {
        match self {
            StreamRef::Out(end) => end.is_source(),
            StreamRef::Source(_) => true,
            StreamRef::Sink(_) => false,
        }
    }

    pub(crate) fn format(&self) -> Format {
        match self {
            StreamRef::Out(end) => end.format,
            StreamRef::Source(inbound) => inbound.format(),
            StreamRef::Sink(outbound) => outbound.format,
        }
    }

    /// Whether somebody has taken it.
    pub(crate) fn is_taken(&self) -> bool {
        match self {
            StreamRef::Out(end) => end.is_taken(),
            StreamRef::Source(inbound) => inbound.is_claimed(),
            StreamRef::Sink(outbound) => outbound.is_claimed(),
        }
    }

    pub(crate) fn is(&self, other: &StreamRef) -> bool {
        match (self, other) {
            (StreamRef::Out(a), StreamRef::Out(b)) => Arc::ptr_eq(a, b),
            (StreamRef::Source(a), StreamRef::Source(b)) => Arc::ptr_eq(a, b),
            (StreamRef::Sink(a), StreamRef::Sink(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

/// An end that is handed over.
#[derive(Debug)]
pub(crate) struct OutEnd {
    pub(crate) format: Format,
    end: End,
    /// It has a number on some connection.
    named: AtomicBool,
}

enum End {
    Source(Mutex<Option<Box<dyn Produce>>>),
    Sink(Mutex<Option<Box<dyn Absorb>>>),
}

impl OutEnd {
    pub(super) fn source(format: Format, source: Box<dyn Produce>) -> OutEnd {
        OutEnd { format, end: End::Source(Mutex::new(Some(source))), named: AtomicBool::new(false) }
    }

    pub(super) fn sink(format: Format, sink: Box<dyn Absorb>) -> OutEnd {
        OutEnd::sink_of(format, Some(sink))
    }

    /// Without a sink: one that was handed over before.
    pub(super) fn sink_of(format: Format, sink: Option<Box<dyn Absorb>>) -> OutEnd {
        OutEnd { format, end: End::Sink(Mutex::new(sink)), named: AtomicBool::new(false) }
    }

    /// With nothing to give.
    #[cfg(test)]
    pub(crate) fn empty(format: Format) -> OutEnd {
        OutEnd { format, end: End::Source(Mutex::new(None)), named: AtomicBool::new(false) }
    }

    /// That takes nothing.
    #[cfg(test)]
    pub(crate) fn empty_sink(format: Format) -> OutEnd {
        OutEnd { format, end: End::Sink(Mutex::new(None)), named: AtomicBool::new(false) }
    }

    pub(crate) fn is_source(&self) -> bool {
        matches!(self.end, End::Source(_))
    }

    /// It is given a number now: false if it has one already.
    pub(crate) fn name(&self) -> bool {
        !self.named.swap(true, Ordering::AcqRel)
    }

    /// Somebody has it, or will have it.
    pub(crate) fn is_taken(&self) -> bool {
        let empty = match &self.end {
            End::Source(source) => source.lock().is_none(),
            End::Sink(sink) => sink.lock().is_none(),
        };
        empty || self.named.load(Ordering::Acquire)
    }

    /// The frame with its number was not sent after all.
    pub(crate) fn unname(&self) {
        self.named.store(false, Ordering::Release);
    }

    pub(crate) fn take_source(&self) -> Option<Box<dyn Produce>> {
        match &self.end {
            End::Source(source) => source.lock().take(),
            End::Sink(_) => None,
        }
    }

    pub(crate) fn take_sink(&self) -> Option<Box<dyn Absorb>> {
        match &self.end {
            End::Source(_) => None,
            End::Sink(sink) => sink.lock().take(),
        }
    }
}

impl std::fmt::Debug for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self, End::Source(_)) { "Source" } else { "Sink" })
    }
}

/// A stream that this side may give to the peer, under the number that the peer has chosen.
pub(crate) struct Outbound {
    shared: Arc<Shared>,
    id: StreamId,
    pub(crate) format: Format,
    claimed: AtomicBool,
}

impl Outbound {
    pub(crate) fn new(shared: &Arc<Shared>, id: StreamId, format: Format) -> Arc<Outbound> {
        Arc::new(Outbound { shared: shared.clone(), id, format, claimed: AtomicBool::new(false) })
    }

    /// Whoever reads the reference gives what `source` gives. False if somebody does already.
    pub(crate) fn claim(&self, source: Box<dyn Produce>) -> bool {
        if self.claimed.swap(true, Ordering::AcqRel) {
            return false;
        }
        self.shared.stream_claimed(self.id, self.format, Some(source));
        true
    }

    pub(crate) fn is_claimed(&self) -> bool {
        self.claimed.load(Ordering::Acquire)
    }

    /// The right to give, for somebody else.
    pub(super) fn take(&self) -> Option<Outbound> {
        let first = !self.claimed.swap(true, Ordering::AcqRel);
        let (shared, id, format) = (self.shared.clone(), self.id, self.format);
        first.then(|| Outbound { shared, id, format, claimed: AtomicBool::new(false) })
    }
}

impl Drop for Outbound {
    /// Nobody will give anything: the peer is told.
    fn drop(&mut self) {
        if !*self.claimed.get_mut() {
            self.shared.stream_claimed(self.id, self.format, None);
        }
    }
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "stream #{} towards connection {}", self.id.0, self.shared.id)
    }
}

/// Why a stream cannot be sent.
pub(crate) const HANDED_OVER: &str = "a stream is handed over once, and this one has been";

/// Writes an end as an index into the reference table; `take` gives it up, and is asked only if it will be sent.
pub(super) fn serialize_end<S: Serializer>(
    take: impl FnOnce() -> Option<OutEnd>,
    s: S,
) -> Result<S::Ok, S::Error> {
    values::serialize_entry("a stream", s, || match take() {
        Some(end) => Ok(Handle::stream(StreamRef::Out(Arc::new(end)))),
        None => Err(HANDED_OVER),
    })
}

/// Reads an end by its index.
pub(super) fn deserialize_end<'de, D: Deserializer<'de>>(d: D) -> Result<StreamRef, D::Error> {
    use serde::de::Error;
    let handle = values::deserialize_entry("a stream", d)?;
    match handle.target() {
        Target::Stream(end) => Ok(end.clone()),
        _ => Err(D::Error::custom("an object where a stream is expected")),
    }
}

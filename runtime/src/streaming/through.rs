//! Streams that go on as they came: handed over to somebody else without being read ([`StreamRef::passed_on`]), or taken within
//! the process under another type than they were made with ([`Reread`]).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::inbound::{Claim, Given, Inbound, Kind};
use super::travel::{Absorb, OutEnd, Outbound, Produce, Produced, StreamRef};
use super::{StreamError, failed, read_end};
use crate::answer::Refs;
use crate::error::NoError;
use crate::node::Worker;

impl StreamRef {
    /// To be handed over on another connection, or back: its items go through this process as they are. One that somebody has
    /// taken stays what it is, and is refused there.
    pub(crate) fn passed_on(self) -> StreamRef {
        let end = match &self {
            StreamRef::Out(_) => None,
            StreamRef::Source(inbound) => {
                inbound.claim().map(|claim| OutEnd::source(inbound.format(), Box::new(Through(claim))))
            }
            StreamRef::Sink(outbound) => {
                outbound.take().map(|taken| OutEnd::sink(taken.format, Box::new(taken)))
            }
        };
        end.map_or(self, |end| StreamRef::Out(Arc::new(end)))
    }
}

/// The items of a peer, for another one.
struct Through(Claim);

impl Produce for Through {
    fn poll(&mut self, worker: Option<&Worker>, cx: &mut Context<'_>) -> Poll<Produced> {
        self.0.poll(cx).map(|given| {
            let Some(Given { body, refs, kind, .. }) = given else { return Produced::End };
            match kind {
                Kind::Item => Produced::Item(body, handed_on(&refs, worker)),
                Kind::Failed => Produced::Error(body, handed_on(&refs, worker)),
                broken => failed::<NoError>(worker, read_end(broken, &body, &refs)),
            }
        })
    }
}

fn handed_on(refs: &Refs, worker: Option<&Worker>) -> Vec<crate::proxy::Handle> {
    match worker {
        Some(worker) => refs.started(worker),
        None => refs.handles().to_vec(),
    }
}

/// A peer takes what another one gives.
impl Absorb for Outbound {
    fn absorb(self: Box<Self>, from: &Arc<Inbound>) {
        if let Some(claim) = from.claim() {
            self.claim(Box::new(Through(claim)));
        }
    }

    fn take_from(self: Box<Self>, source: Box<dyn Produce>) {
        self.claim(source);
    }
}

/// The items of a stream of this process, read under a type of the reader's own.
pub(super) struct Reread<T, E> {
    source: Box<dyn Produce>,
    read: fn(Given) -> Result<T, StreamError<E>>,
}

impl<T, E> Reread<T, E> {
    pub(super) fn new(
        source: Box<dyn Produce>,
        read: fn(Given) -> Result<T, StreamError<E>>,
    ) -> Reread<T, E> {
        Reread { source, read }
    }
}

impl<T, E> Stream for Reread<T, E> {
    type Item = Result<T, StreamError<E>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let read = self.read;
        self.source.poll(None, cx).map(|produced| match produced {
            Produced::Item(body, handles) => Some(read(Given::item(body, Refs::new(handles), 0))),
            Produced::End => None,
            Produced::Error(body, handles) => Some(read(Given::failed(body, Refs::new(handles)))),
        })
    }
}

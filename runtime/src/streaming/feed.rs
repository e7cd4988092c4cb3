//! Where the items of a stream come from: code of this process, a channel, or a connection.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::StreamError;
use super::channel::Rx;
use super::inbound::{Claim, Given};
use crate::object::panic_text;

type Boxed<T, E> = Pin<Box<dyn Stream<Item = Result<T, StreamError<E>>> + Send>>;

/// What a stream takes its items from. It gives nothing after its end or its error.
pub(super) enum Feed<T, E> {
    /// Code of the application.
    Boxed(Boxed<T, E>),
    Channel(Rx<T, E>),
    /// A producer at the other end of a connection, and how its items are read.
    Remote(Claim, fn(Given) -> Result<T, StreamError<E>>),
    /// It has given its last, or was handed over.
    Ended,
    Moved,
}

impl<T, E> Feed<T, E> {
    pub(super) fn boxed(stream: impl Stream<Item = Result<T, StreamError<E>>> + Send + 'static) -> Self {
        Feed::Boxed(Box::pin(stream))
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, StreamError<E>>>> {
        let polled = match self {
            Feed::Boxed(stream) => match catch_unwind(AssertUnwindSafe(|| stream.as_mut().poll_next(cx))) {
                Ok(polled) => polled,
                Err(panic) => Poll::Ready(Some(Err(StreamError::Panicked(panic_text(&*panic))))),
            },
            Feed::Channel(channel) => channel.poll(cx),
            Feed::Remote(claim, read) => claim.poll(cx).map(|given| given.map(*read)),
            Feed::Ended => Poll::Ready(None),
            Feed::Moved => Poll::Ready(Some(Err(StreamError::Moved))),
        };
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.end();
        }
        polled
    }

    /// Lets go of what it came from, at once.
    fn end(&mut self) {
        let ended = std::mem::replace(self, Feed::Ended);
        if catch_unwind(AssertUnwindSafe(|| drop(ended))).is_err() {
            tracing::error!("the drop of a stream panicked");
        }
    }
}

impl<T, E> Stream for Feed<T, E> {
    type Item = Result<T, StreamError<E>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(cx)
    }
}

/// Nothing in it is pinned in place.
impl<T, E> Unpin for Feed<T, E> {}

impl<T, E> fmt::Debug for Feed<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Feed::Boxed(_) => f.write_str("local"),
            Feed::Channel(_) => f.write_str("channel"),
            Feed::Remote(claim, _) => write!(f, "{claim:?}"),
            Feed::Ended => f.write_str("ended"),
            Feed::Moved => f.write_str("moved"),
        }
    }
}

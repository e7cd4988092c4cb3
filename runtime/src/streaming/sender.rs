//! Who fills a stream: [`StreamSender`]. It may be handed over like the stream itself, so that the peer gives what this side takes.

use std::any::Any;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_sink::Sink;
use parking_lot::Mutex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::channel::{self, Rx, Tx};
use super::feed::Feed;
use super::inbound::Inbound;
use super::through::Reread;
use super::travel::{Absorb, Format, OutEnd, Produce, StreamRef, deserialize_end, serialize_end};
use super::{CHANNEL_ITEMS, StreamClosed, StreamError, StreamFailure, read_item};
use crate::error::NoError;
use crate::object::Data;

/// Fills the stream that [`Streaming::channel`](super::Streaming::channel) made with it.
///
/// Sending waits while the consumer is behind. End it with [`finish`](StreamSender::finish), or with [`fail`](StreamSender::fail) for a reason; a sender
/// that is just dropped leaves [`StreamError::Unfinished`] behind, so that nobody takes a part for the whole.
///
/// It may be handed over, once, in an argument or a result: then the other side gives and this side takes.
///
/// ```
/// use duologue_runtime::Streaming;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let (mut sender, mut numbers) = Streaming::<u32>::channel();
/// sender.send(7).await.unwrap();
/// sender.finish();
/// assert_eq!(numbers.next().await, Some(Ok(7)));
/// assert_eq!(numbers.next().await, None);
/// # }
/// ```
pub struct StreamSender<T, E = NoError> {
    tx: Mutex<Option<Tx<T, E>>>,
}

impl<T, E> StreamSender<T, E> {
    pub(super) fn of(tx: Tx<T, E>) -> Self {
        StreamSender { tx: Mutex::new(Some(tx)) }
    }

    /// Gives the next item; waits while the consumer is behind.
    ///
    /// Cancel-safe: until it returns, the item is not given.
    pub async fn send(&mut self, item: T) -> Result<(), StreamClosed> {
        let tx = self.tx.get_mut().as_ref().ok_or(StreamClosed)?;
        poll_fn(|cx| tx.poll_ready(cx)).await?;
        tx.put(item).map_err(|_| StreamClosed)
    }

    /// The stream has given everything.
    pub fn finish(self) {
        self.end(Ok(()));
    }

    /// The stream ends with this error, behind what was sent.
    pub fn fail(self, error: E) {
        self.end(Err(StreamError::App(error)));
    }

    fn end(self, end: Result<(), StreamError<E>>) {
        if let Some(tx) = self.tx.into_inner() {
            tx.end(end);
        }
    }

    /// Whether nobody takes the items any more.
    pub fn is_closed(&self) -> bool {
        self.tx.lock().as_ref().is_none_or(Tx::is_closed)
    }

    /// Waits until nobody takes the items any more: for a producer that has nothing to send for long.
    pub async fn closed(&self) {
        poll_fn(|cx| self.tx.lock().as_ref().map_or(Poll::Ready(()), |tx| tx.poll_closed(cx))).await;
    }
}

impl<T: Data, E: StreamFailure> StreamSender<T, E> {
    /// To be handed over.
    pub(crate) fn into_end(self) -> OutEnd {
        OutEnd::sink_of(Format::Items, self.tx.into_inner().map(|tx| Box::new(tx) as Box<dyn Absorb>))
    }
}

impl<T, E> Unpin for StreamSender<T, E> {}

impl<T, E> Sink<T> for StreamSender<T, E> {
    type Error = StreamClosed;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), StreamClosed>> {
        self.tx.get_mut().as_ref().map_or(Poll::Ready(Err(StreamClosed)), |tx| tx.poll_ready(cx))
    }

    fn start_send(mut self: Pin<&mut Self>, item: T) -> Result<(), StreamClosed> {
        self.tx.get_mut().as_ref().ok_or(StreamClosed)?.put(item).map_err(|_| StreamClosed)
    }

    /// Until the consumer, or the connection, has taken everything.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), StreamClosed>> {
        self.tx.get_mut().as_ref().map_or(Poll::Ready(Err(StreamClosed)), |tx| tx.poll_empty(cx))
    }

    /// Finishes.
    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), StreamClosed>> {
        if let Some(tx) = self.tx.get_mut() {
            tx.end(Ok(()));
        }
        Poll::Ready(Ok(()))
    }
}

impl<T, E> fmt::Debug for StreamSender<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSender").field("closed", &self.is_closed()).finish()
    }
}

impl<T: Data, E: StreamFailure> Serialize for StreamSender<T, E> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let take = || Some(OutEnd::sink(Format::Items, Box::new(self.tx.lock().take()?)));
        serialize_end(take, s)
    }
}

impl<'de, T: Data, E: StreamFailure> Deserialize<'de> for StreamSender<T, E> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let (end, channel) = (deserialize_end(d)?, || channel::channel(CHANNEL_ITEMS, |_| 1));
        given(end, Format::Items, channel, |rx| Box::new(Feed::Channel(rx)), own_sink::<Tx<T, E>>)
            .map(Self::of)
            .map_err(serde::de::Error::custom)
    }
}

/// What a sink that has arrived takes from whoever reads it; `own` finds the very channel in one of this process.
pub(super) fn given<T, E>(
    end: StreamRef,
    format: Format,
    channel: impl FnOnce() -> (Tx<T, E>, Rx<T, E>),
    produce: impl FnOnce(Rx<T, E>) -> Box<dyn Produce>,
    own: impl FnOnce(Box<dyn Absorb>) -> Result<Tx<T, E>, Box<dyn Absorb>>,
) -> Result<Tx<T, E>, &'static str>
where
    T: 'static,
    E: 'static,
{
    const TAKEN: &str = "the stream is filled by another value of this message";
    match end {
        StreamRef::Sink(outbound) if outbound.format == format => {
            let (tx, rx) = channel();
            if outbound.claim(produce(rx)) { Ok(tx) } else { Err(TAKEN) }
        }
        StreamRef::Out(end) if !end.is_source() && end.format == format => {
            Ok(own(end.take_sink().ok_or(TAKEN)?).unwrap_or_else(|other| {
                let (tx, rx) = channel();
                other.take_from(produce(rx));
                tx
            }))
        }
        _ => Err("a stream of another kind"),
    }
}

/// The consumer as the type that it is.
pub(super) fn own_sink<A: Absorb>(sink: Box<dyn Absorb>) -> Result<A, Box<dyn Absorb>> {
    if (&*sink as &dyn Any).is::<A>() {
        let sink: Box<dyn Any> = sink;
        return Ok(*sink.downcast().expect("it is of this type"));
    }
    Err(sink)
}

impl<T: Data, E: StreamFailure> Absorb for Tx<T, E> {
    fn absorb(self: Box<Self>, from: &Arc<Inbound>) {
        if let Some(claim) = from.claim() {
            self.go_on(Feed::Remote(claim, read_item));
        }
    }

    fn take_from(self: Box<Self>, source: Box<dyn Produce>) {
        self.go_on(Reread::new(source, read_item));
    }
}

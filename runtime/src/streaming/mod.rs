//! Sequences that cross a connection item by item: [`Streaming`], and [`ByteStream`] for plain bytes.
//!
//! A stream is a value like any other: it stands in an argument or a result, alone or inside a struct, and goes either way. It is
//! handed over once. Here it moves as it is; over a connection its items are encoded as the consumer makes room for
//! them. What this does not do: broadcast, seek, or start again.

mod bytes;
mod channel;
mod error;
mod feed;
pub(crate) mod inbound;
mod sender;
mod through;
pub(crate) mod travel;

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use ::bytes::Bytes;
use futures_core::Stream;
use parking_lot::Mutex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use bytes::{ByteStream, ByteWriter};
pub use error::{StreamClosed, StreamError, StreamFailure};
pub use sender::StreamSender;
pub(crate) use travel::Format;

use crate::error::NoError;
use crate::node::Worker;
use crate::object::Data;
use crate::values::{self, Whole};
use crate::wire::item::ERROR_MAX;
use feed::Feed;
use inbound::{Broken, Given, Kind};
use through::Reread;
use travel::{OutEnd, Produce, Produced, StreamRef, deserialize_end, serialize_end};

/// Items that wait in a channel at most.
const CHANNEL_ITEMS: usize = 16;

/// A sequence of `T` that is produced while it is consumed, here or at the other end of a connection; it may end with an error
/// `E` of its producer.
///
/// It stands in an argument or a result, alone or inside other values. Whoever has it takes the items with [`next`](Streaming::next)
/// (or as a [`Stream`]); nothing is produced much faster than it is taken. It outlives the call that brought it,
/// and no deadline of that call applies to it. Dropping it ends the producer at once.
///
/// ```
/// use duologue_runtime::{StreamError, Streaming};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let mut squares: Streaming<u64> = Streaming::from_iter((1..4).map(|n| n * n));
/// while let Some(square) = squares.next().await {
///     println!("{}", square.unwrap());
/// }
///
/// let (mut sender, lines) = Streaming::<String, String>::channel();
/// sender.send("first".into()).await.unwrap();
/// sender.fail("the disk is full".into());
/// assert_eq!(lines.into_vec().await, Err(StreamError::App("the disk is full".into())));
/// # }
/// ```
pub struct Streaming<T, E = NoError> {
    feed: Mutex<Feed<T, E>>,
}

impl<T: 'static, E: 'static> Streaming<T, E> {
    /// The items of any stream; it is polled on the consumer's thread, or on that of the connection over which it is taken.
    pub fn new(stream: impl Stream<Item = T> + Send + 'static) -> Self {
        Self::of(Feed::boxed(Mapped(Box::pin(stream), Ok)))
    }

    /// The items of a stream that may end with an error: nothing is taken after it.
    pub fn try_new(stream: impl Stream<Item = Result<T, E>> + Send + 'static) -> Self {
        let checked = |item: Result<T, E>| item.map_err(StreamError::App);
        Self::of(Feed::boxed(Mapped(Box::pin(stream), checked)))
    }

    /// The items of an iterator, which must not block: it runs where the stream is polled.
    #[expect(clippy::should_implement_trait, reason = "the iterator must be `Send + 'static`")]
    pub fn from_iter<I>(items: I) -> Self
    where
        I: IntoIterator<Item = T>,
        I::IntoIter: Send + 'static,
    {
        Self::new(Iter(items.into_iter()))
    }
}

impl<T: Send + 'static, E: Send + 'static> Streaming<T, E> {
    /// The items of a stream that stays on this thread and need not be `Send`: it runs as a task of its own beside the method
    /// that makes it.
    ///
    /// # Panics
    /// Outside of a method and of a node's own threads.
    pub fn local(stream: impl Stream<Item = T> + 'static) -> Self {
        let (mut sender, streaming) = Self::channel();
        let started = Worker::run_here(move || {
            tokio::task::spawn_local(async move {
                let mut stream = std::pin::pin!(stream);
                loop {
                    let next = tokio::select! {
                        biased;
                        () = sender.closed() => return,
                        next = std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)) => next,
                    };
                    match next {
                        Some(item) => match sender.send(item).await {
                            Ok(()) => {}
                            Err(StreamClosed) => return,
                        },
                        None => return sender.finish(),
                    }
                }
            });
        });
        assert!(started, "`Streaming::local` works inside a method or on a thread of a node");
        streaming
    }

    /// A stream and who fills it: sending waits while the consumer is behind.
    pub fn channel() -> (StreamSender<T, E>, Self) {
        let (tx, rx) = channel::channel(CHANNEL_ITEMS, |_| 1);
        (StreamSender::of(tx), Self::of(Feed::Channel(rx)))
    }
}

impl<T, E> Streaming<T, E> {
    fn of(feed: Feed<T, E>) -> Self {
        Streaming { feed: Mutex::new(feed) }
    }

    /// The next item; `None` once the producer has finished. After an error there is nothing more.
    ///
    /// Cancel-safe: an item is taken or stays.
    pub async fn next(&mut self) -> Option<Result<T, StreamError<E>>> {
        std::future::poll_fn(|cx| self.feed.get_mut().poll(cx)).await
    }

    /// All items, or the error that ended them early. Without a bound: for streams known to be short.
    pub async fn into_vec(mut self) -> Result<Vec<T>, StreamError<E>> {
        let mut items = Vec::new();
        while let Some(item) = self.next().await {
            items.push(item?);
        }
        Ok(items)
    }

    /// Gives the items up, once.
    fn take(&self) -> Option<Feed<T, E>> {
        let mut feed = self.feed.lock();
        match &*feed {
            Feed::Moved => None,
            _ => Some(std::mem::replace(&mut *feed, Feed::Moved)),
        }
    }
}

impl<T, E> Stream for Streaming<T, E> {
    type Item = Result<T, StreamError<E>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.feed.get_mut().poll(cx)
    }
}

impl<T: Data, E: StreamFailure> Streaming<T, E> {
    /// To be handed over.
    pub(crate) fn into_end(self) -> OutEnd {
        OutEnd::source(Format::Items, Box::new(self.feed.into_inner()))
    }
}

/// Neither the items nor where they come from are pinned in place.
impl<T, E> Unpin for Streaming<T, E> {}

impl<T, E> fmt::Debug for Streaming<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Streaming").field(&*self.feed.lock()).finish()
    }
}

impl<T: Data, E: StreamFailure> Serialize for Streaming<T, E> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let take = || Some(OutEnd::source(Format::Items, Box::new(self.take()?)));
        serialize_end(take, s)
    }
}

impl<'de, T: Data, E: StreamFailure> Deserialize<'de> for Streaming<T, E> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        received(deserialize_end(d)?, Format::Items, read_item, downcast::<Feed<T, E>>)
            .map(Self::of)
            .map_err(serde::de::Error::custom)
    }
}

/// What an end that has arrived gives to whoever reads it; `own` finds the very items in one of this process.
fn received<T: 'static, E: 'static>(
    end: StreamRef,
    format: Format,
    read: fn(Given) -> Result<T, StreamError<E>>,
    own: impl FnOnce(Box<dyn Produce>) -> Result<Feed<T, E>, Box<dyn Produce>>,
) -> Result<Feed<T, E>, &'static str> {
    const TAKEN: &str = "the stream is taken by another value of this message";
    match end {
        StreamRef::Source(inbound) if inbound.format() == format => {
            inbound.claim().map(|claim| Feed::Remote(claim, read)).ok_or(TAKEN)
        }
        StreamRef::Out(end) if end.is_source() && end.format == format => {
            Ok(own(end.take_source().ok_or(TAKEN)?)
                .unwrap_or_else(|other| Feed::boxed(Reread::new(other, read))))
        }
        _ => Err("a stream of another kind"),
    }
}

/// The producer as the type that it is.
fn downcast<P: Produce>(source: Box<dyn Produce>) -> Result<P, Box<dyn Produce>> {
    if (&*source as &dyn Any).is::<P>() {
        let source: Box<dyn Any> = source;
        return Ok(*source.downcast().expect("it is of this type"));
    }
    Err(source)
}

fn read_item<T: Data, E: StreamFailure>(given: Given) -> Result<T, StreamError<E>> {
    match given.kind {
        Kind::Item => {
            let read = values::decode::<Whole<T>>(&given.body.into(), &given.refs);
            read.map(|whole| whole.0).map_err(StreamError::BadItem)
        }
        kind => Err(read_end(kind, &given.body, &given.refs)),
    }
}

/// Why a stream of the peer has ended.
fn read_end<E: StreamFailure>(kind: Kind, body: &Bytes, refs: &crate::answer::Refs) -> StreamError<E> {
    match kind {
        Kind::Broken(Broken::Disconnected(reason)) => StreamError::Disconnected(reason.to_string()),
        Kind::Broken(Broken::Idle) => StreamError::Idle,
        Kind::Broken(Broken::Unfinished) => StreamError::Unfinished,
        Kind::Item | Kind::Failed => StreamError::read(body, refs),
    }
}

impl<T: Data, E: StreamFailure> Produce for Feed<T, E> {
    fn poll(&mut self, worker: Option<&Worker>, cx: &mut Context<'_>) -> Poll<Produced> {
        Feed::poll(self, cx).map(|given| match given {
            None => Produced::End,
            Some(Err(error)) => failed(worker, error),
            Some(Ok(item)) => match guarded(|| values::encode(worker, |out| out.put(&item))) {
                Ok((body, handles)) => Produced::Item(body.into(), handles),
                Err(why) => {
                    *self = Feed::Ended;
                    failed::<E>(worker, StreamError::BadItem(why))
                }
            },
        })
    }
}

/// Encoding runs code of the user's types.
fn guarded<T>(encode: impl FnOnce() -> Result<T, crate::error::EncodeError>) -> Result<T, String> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(encode)) {
        Ok(encoded) => encoded.map_err(|e| e.to_string()),
        Err(panic) => Err(crate::object::panic_text(&*panic)),
    }
}

fn failed<E: StreamFailure>(worker: Option<&Worker>, error: StreamError<E>) -> Produced {
    let encoded = guarded(|| values::encode(worker, |out| error.write(out)));
    match encoded.or_else(|why| {
        let error = StreamError::<E>::BadItem(format!("the stream's error: {why}"));
        guarded(|| values::encode(worker, |out| error.write(out)))
    }) {
        Ok((body, handles)) if body.len() <= ERROR_MAX => Produced::Error(body.into(), handles),
        _ => Produced::Error(Bytes::new(), Vec::new()),
    }
}

/// A stream whose items are changed.
struct Mapped<S, F>(Pin<Box<S>>, F);

impl<S, F> Unpin for Mapped<S, F> {}

impl<S: Stream, T, F: FnMut(S::Item) -> T> Stream for Mapped<S, F> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let next = self.0.as_mut().poll_next(cx);
        next.map(|item| item.map(&mut self.1))
    }
}

/// An iterator as a stream.
struct Iter<I>(I);

impl<I> Unpin for Iter<I> {}

impl<I: Iterator> Stream for Iter<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.0.next())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

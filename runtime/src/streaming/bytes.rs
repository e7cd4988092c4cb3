//! A stream of plain bytes: [`ByteStream`], and [`ByteWriter`] that fills one.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use futures_core::Stream;
use parking_lot::Mutex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::channel::{self, Rx, Tx};
use super::feed::Feed;
use super::inbound::{Given, Inbound, Kind};
use super::sender::{given, own_sink};
use super::through::Reread;
use super::travel::{Absorb, Format, OutEnd, Produce, Produced, deserialize_end, serialize_end};
use super::{Iter, Mapped, StreamClosed, StreamError, downcast, failed, read_end, received};
use crate::node::Worker;

/// Bytes that wait in a channel at most, and how much is read ahead at once.
const CHUNK: usize = 64 * 1024;

/// The items of a stream of bytes: chunks of any length, none of them empty.
type Chunks = Feed<Bytes, String>;

/// Bytes that are produced while they are consumed, here or at the other end of a connection.
///
/// Made from anything that can be read ([`ByteStream::new`]), from chunks, or with a writer beside it ([`ByteStream::channel`]). The consumer
/// reads it as [`AsyncRead`], or takes [`next_chunk`](ByteStream::next_chunk)s without a copy. It may be handed over, once; dropping it ends the
/// producer at once.
///
/// A producer's own error arrives as [`StreamError::App`] with its text.
///
/// ```
/// use duologue_runtime::ByteStream;
/// use tokio::io::AsyncReadExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut stream = ByteStream::new(&b"as any reader"[..]);
/// let mut text = String::new();
/// stream.read_to_string(&mut text).await?;
/// assert_eq!(text, "as any reader");
///
/// let mut stream = ByteStream::from(bytes::Bytes::from_static(b"a chunk"));
/// assert_eq!(stream.next_chunk().await.unwrap().unwrap(), "a chunk");
/// # Ok(())
/// # }
/// ```
pub struct ByteStream {
    feed: Mutex<Chunks>,
    /// What is left of a chunk that was read in part.
    rest: Bytes,
}

impl ByteStream {
    /// What can be read from `reader`, to its end.
    pub fn new(reader: impl AsyncRead + Send + 'static) -> ByteStream {
        let reader = Reader { reader: Box::pin(reader), buffer: BytesMut::new() };
        ByteStream::try_from_chunks(reader)
    }

    /// Chunks of bytes; an error ends it and arrives as its text.
    pub fn try_from_chunks(chunks: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> ByteStream {
        let checked = |chunk: io::Result<Bytes>| chunk.map_err(|e| StreamError::App(e.to_string()));
        ByteStream::of(Feed::boxed(Mapped(Box::pin(chunks), checked)))
    }

    /// Chunks of bytes.
    pub fn from_chunks(chunks: impl Stream<Item = Bytes> + Send + 'static) -> ByteStream {
        ByteStream::of(Feed::boxed(Mapped(Box::pin(chunks), Ok)))
    }

    /// A stream and who fills it: writing waits while the consumer is behind.
    pub fn channel() -> (ByteWriter, ByteStream) {
        let (tx, rx) = chunks();
        (ByteWriter::of(tx), ByteStream::of(Feed::Channel(rx)))
    }

    fn of(feed: Chunks) -> ByteStream {
        ByteStream { feed: Mutex::new(feed), rest: Bytes::new() }
    }

    /// The next bytes as they came, without a copy; `None` at the end. Cancel-safe.
    pub async fn next_chunk(&mut self) -> Option<Result<Bytes, StreamError<String>>> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamError<String>>>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.rest))));
        }
        loop {
            match ready!(self.feed.get_mut().poll(cx)) {
                Some(Ok(chunk)) if chunk.is_empty() => {}
                given => return Poll::Ready(given),
            }
        }
    }

    /// Gives the bytes up, once. What was read ahead in part goes first.
    fn take(&self) -> Option<Chunks> {
        let mut feed = self.feed.lock();
        if matches!(&*feed, Feed::Moved) {
            return None;
        }
        let feed = std::mem::replace(&mut *feed, Feed::Moved);
        if self.rest.is_empty() {
            return Some(feed);
        }
        Some(Feed::boxed(Ahead { rest: Some(self.rest.clone()), feed }))
    }
}

impl ByteStream {
    /// To be handed over.
    pub(crate) fn into_end(self) -> OutEnd {
        let feed = self.take().unwrap_or(Feed::Moved);
        OutEnd::source(Format::Bytes, Box::new(Plain(feed)))
    }
}

fn chunks() -> (Tx<Bytes, String>, Rx<Bytes, String>) {
    channel::channel(CHUNK, Bytes::len)
}

/// The whole of it in one chunk.
impl From<Bytes> for ByteStream {
    fn from(bytes: Bytes) -> ByteStream {
        ByteStream::from_chunks(Iter(std::iter::once(bytes)))
    }
}

impl From<Vec<u8>> for ByteStream {
    fn from(bytes: Vec<u8>) -> ByteStream {
        Bytes::from(bytes).into()
    }
}

impl AsyncRead for ByteStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.rest.is_empty() {
            match ready!(self.poll_chunk(cx)) {
                None => return Poll::Ready(Ok(())),
                Some(Err(error)) => return Poll::Ready(Err(error.into())),
                Some(Ok(chunk)) => self.rest = chunk,
            }
        }
        let count = self.rest.len().min(into.remaining());
        into.put_slice(&self.rest[..count]);
        self.rest.advance(count);
        Poll::Ready(Ok(()))
    }
}

/// The chunks as they came.
impl Stream for ByteStream {
    type Item = Result<Bytes, StreamError<String>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_chunk(cx)
    }
}

impl fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ByteStream").field(&*self.feed.lock()).finish()
    }
}

impl Serialize for ByteStream {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let take = || Some(OutEnd::source(Format::Bytes, Box::new(Plain(self.take()?))));
        serialize_end(take, s)
    }
}

impl<'de> Deserialize<'de> for ByteStream {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        received(deserialize_end(d)?, Format::Bytes, read_chunk, |source| {
            downcast::<Plain>(source).map(|p| p.0)
        })
        .map(Self::of)
        .map_err(serde::de::Error::custom)
    }
}

fn read_chunk(given: Given) -> Result<Bytes, StreamError<String>> {
    match given.kind {
        Kind::Item => Ok(given.body),
        kind => Err(read_end(kind, &given.body, &given.refs)),
    }
}

/// Chunks that travel as they are.
struct Plain(Chunks);

impl Produce for Plain {
    fn poll(&mut self, worker: Option<&Worker>, cx: &mut Context<'_>) -> Poll<Produced> {
        self.0.poll(cx).map(|given| match given {
            None => Produced::End,
            Some(Err(error)) => failed(worker, error),
            Some(Ok(chunk)) => Produced::Item(chunk, Vec::new()),
        })
    }
}

/// Fills the stream of bytes that [`ByteStream::channel`] made with it.
///
/// As [`AsyncWrite`], or chunk by chunk without a copy. End it with [`finish`](ByteWriter::finish) (`shutdown` does the same) or
/// [`fail`](ByteWriter::fail): one that is just dropped leaves [`StreamError::Unfinished`] behind, so that nobody takes a part for the whole. It may
/// be handed over, once.
///
/// ```
/// use duologue_runtime::ByteStream;
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let (mut writer, mut stream) = ByteStream::channel();
/// writer.write_all(b"two ").await?;
/// writer.send(bytes::Bytes::from_static(b"parts")).await?;
/// writer.finish();
/// let mut text = String::new();
/// stream.read_to_string(&mut text).await?;
/// assert_eq!(text, "two parts");
/// # Ok(())
/// # }
/// ```
pub struct ByteWriter {
    tx: Mutex<Option<Tx<Bytes, String>>>,
}

impl ByteWriter {
    fn of(tx: Tx<Bytes, String>) -> ByteWriter {
        ByteWriter { tx: Mutex::new(Some(tx)) }
    }

    /// Gives a chunk without a copy; waits while the consumer is behind. Cancel-safe.
    pub async fn send(&mut self, chunk: Bytes) -> Result<(), StreamClosed> {
        let tx = self.tx.get_mut().as_ref().ok_or(StreamClosed)?;
        poll_fn(|cx| tx.poll_ready(cx)).await?;
        tx.put(chunk).map_err(|_| StreamClosed)
    }

    /// The stream has given everything.
    pub fn finish(self) {
        self.end(Ok(()));
    }

    /// The stream ends with this error, behind what was written.
    pub fn fail(self, error: impl fmt::Display) {
        self.end(Err(StreamError::App(error.to_string())));
    }

    fn end(self, end: Result<(), StreamError<String>>) {
        if let Some(tx) = self.tx.into_inner() {
            tx.end(end);
        }
    }

    /// Whether nobody takes the bytes any more.
    pub fn is_closed(&self) -> bool {
        self.tx.lock().as_ref().is_none_or(Tx::is_closed)
    }

    /// Waits until nobody takes the bytes any more.
    pub async fn closed(&self) {
        poll_fn(|cx| self.tx.lock().as_ref().map_or(Poll::Ready(()), |tx| tx.poll_closed(cx))).await;
    }
}

impl ByteWriter {
    /// To be handed over.
    pub(crate) fn into_end(self) -> OutEnd {
        OutEnd::sink_of(
            Format::Bytes,
            self.tx.into_inner().map(|tx| Box::new(PlainTx(tx)) as Box<dyn Absorb>),
        )
    }
}

impl AsyncWrite for ByteWriter {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(tx) = self.tx.get_mut() else { return Poll::Ready(Err(StreamClosed.into())) };
        ready!(tx.poll_ready(cx))?;
        let count = bytes.len().min(CHUNK);
        match tx.put(Bytes::copy_from_slice(&bytes[..count])) {
            Ok(()) => Poll::Ready(Ok(count)),
            Err(_) => Poll::Ready(Err(StreamClosed.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(tx) = self.tx.get_mut() else { return Poll::Ready(Err(StreamClosed.into())) };
        tx.poll_empty(cx).map_err(io::Error::from)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(tx) = self.tx.get_mut() {
            tx.end(Ok(()));
        }
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for ByteWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteWriter").field("closed", &self.is_closed()).finish()
    }
}

impl Serialize for ByteWriter {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let take = || Some(OutEnd::sink(Format::Bytes, Box::new(PlainTx(self.tx.lock().take()?))));
        serialize_end(take, s)
    }
}

impl<'de> Deserialize<'de> for ByteWriter {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let own = |sink: Box<dyn Absorb>| own_sink::<PlainTx>(sink).map(|sink| sink.0);
        given(deserialize_end(d)?, Format::Bytes, chunks, |rx| Box::new(Plain(Feed::Channel(rx))), own)
            .map(Self::of)
            .map_err(serde::de::Error::custom)
    }
}

/// Takes chunks as they are.
struct PlainTx(Tx<Bytes, String>);

impl Absorb for PlainTx {
    fn absorb(self: Box<Self>, from: &Arc<Inbound>) {
        if let Some(claim) = from.claim() {
            self.0.go_on(Feed::Remote(claim, read_chunk));
        }
    }

    fn take_from(self: Box<Self>, source: Box<dyn Produce>) {
        self.0.go_on(Reread::new(source, read_chunk));
    }
}

/// A reader as chunks.
struct Reader<R> {
    reader: Pin<Box<R>>,
    buffer: BytesMut,
}

impl<R> Unpin for Reader<R> {}

impl<R: AsyncRead> Stream for Reader<R> {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let Reader { reader, buffer } = &mut *self;
        if buffer.len() < CHUNK / 4 {
            *buffer = BytesMut::zeroed(CHUNK);
        }
        let mut into = ReadBuf::new(buffer);
        let read = ready!(reader.as_mut().poll_read(cx, &mut into));
        let count = into.filled().len();
        let chunk = buffer.split_to(count).freeze();
        Poll::Ready(match read {
            Err(e) => Some(Err(e)),
            Ok(()) if count == 0 => None,
            Ok(()) => Some(Ok(chunk)),
        })
    }
}

/// The rest of a chunk, then the chunks.
struct Ahead {
    rest: Option<Bytes>,
    feed: Chunks,
}

impl Stream for Ahead {
    type Item = Result<Bytes, StreamError<String>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.rest.take() {
            Some(rest) => Poll::Ready(Some(Ok(rest))),
            None => self.feed.poll(cx),
        }
    }
}

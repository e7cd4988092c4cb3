//! The end of a stream in a value: [`DynStream`].

use std::fmt::{self, Debug, Display};

use serde::{Serialize, Serializer};

use super::{DynError, Value};
use crate::error::CallError;
use crate::object::Data;
use crate::proxy::Handle;
use crate::streaming::travel::{HANDED_OVER, OutEnd, StreamRef};
use crate::streaming::{ByteStream, ByteWriter, Format, StreamError, StreamFailure, StreamSender, Streaming};
use crate::values::serialize_entry;

/// The end of a stream in a [`Value`]: of any argument, result, item or field.
///
/// [`Value::to`] takes it, as whoever knows its items wrote it or item by item as values: `to::<Streaming<Entry>>()`,
/// `to::<Streaming<Value, Value>>()`, `to::<ByteStream>()`; a sender that was handed over is `to::<StreamSender<Value, Value>>()` or
/// `to::<ByteWriter>()`. A stream of this process becomes one by `Value::from`, and may be passed on without being taken.
///
/// Its clones are the same stream: it is taken, or sent, once. Nobody takes it if all of them are dropped.
///
/// ```
/// use duologue_runtime::{StreamKind, Streaming, Value};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let value = Value::from(Streaming::<u32>::from_iter(1..4));
/// assert_eq!(value.as_stream().unwrap().kind(), StreamKind::Items);
///
/// let mut items: Streaming<Value, Value> = value.to()?;
/// assert_eq!(items.next().await, Some(Ok(Value::from(1))));
/// assert!(value.to::<Streaming<u32>>().is_err(), "it is taken");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct DynStream(StreamRef);

/// What the end of a stream is to whoever takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StreamKind {
    /// A [`Streaming`]: gives items.
    Items,
    /// A [`ByteStream`]: gives bytes.
    Bytes,
    /// A [`StreamSender`]: wants items.
    Sender,
    /// A [`ByteWriter`]: wants bytes.
    Writer,
}

impl DynStream {
    pub(super) fn of(end: StreamRef) -> DynStream {
        DynStream(end)
    }

    fn out(end: OutEnd) -> Value {
        Value::Stream(DynStream(StreamRef::Out(end.into())))
    }

    /// What it is to whoever takes it.
    pub fn kind(&self) -> StreamKind {
        match (self.0.is_source(), self.0.format()) {
            (true, Format::Items) => StreamKind::Items,
            (true, Format::Bytes) => StreamKind::Bytes,
            (false, Format::Items) => StreamKind::Sender,
            (false, Format::Bytes) => StreamKind::Writer,
        }
    }

    /// Whether it was taken or sent, by whichever clone.
    pub fn is_taken(&self) -> bool {
        self.0.is_taken()
    }
}

/// The same stream.
impl PartialEq for DynStream {
    fn eq(&self, other: &DynStream) -> bool {
        self.0.is(&other.0)
    }
}

impl Eq for DynStream {}

impl Debug for DynStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DynStream({:?}, {:?})", self.kind(), self.0)
    }
}

impl Display for DynStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind() {
            StreamKind::Items => "<a stream of items>",
            StreamKind::Bytes => "<a stream of bytes>",
            StreamKind::Sender => "<a sender of items>",
            StreamKind::Writer => "<a writer of bytes>",
        })
    }
}

impl Serialize for DynStream {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        serialize_entry("a stream", s, || {
            if self.is_taken() { Err(HANDED_OVER) } else { Ok(Handle::stream(self.0.clone())) }
        })
    }
}

impl<T: Data, E: StreamFailure> From<Streaming<T, E>> for Value {
    fn from(stream: Streaming<T, E>) -> Value {
        DynStream::out(stream.into_end())
    }
}

impl<T: Data, E: StreamFailure> From<StreamSender<T, E>> for Value {
    fn from(sender: StreamSender<T, E>) -> Value {
        DynStream::out(sender.into_end())
    }
}

impl From<ByteStream> for Value {
    fn from(stream: ByteStream) -> Value {
        DynStream::out(stream.into_end())
    }
}

impl From<ByteWriter> for Value {
    fn from(writer: ByteWriter) -> Value {
        DynStream::out(writer.into_end())
    }
}

/// A stream that failed in a service that goes by name: its caller is told the text.
impl<E: StreamFailure> From<StreamError<E>> for DynError {
    fn from(error: StreamError<E>) -> DynError {
        DynError::Call(CallError::from(error))
    }
}

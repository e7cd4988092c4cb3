//! How a stream ends that did not give everything: [`StreamError`], and its form on the wire.

use std::fmt::{self, Debug, Display};
use std::io;

use bytes::Bytes;

use crate::answer::Refs;
use crate::error::{AppError, CallError, EncodeError, NoError};
use crate::values::{self, Output, Whole};
use crate::wire::item::ERROR_MAX;

/// Why a stream gives nothing more although its producer has not finished. It is the last that the stream gives.
///
/// Whatever was given before is whole and in order; how much the producer had ready beyond it is unknown, except for
/// [`App`](StreamError::App), which comes in line behind the items.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamError<E = NoError> {
    /// The producer ended it with this error, behind everything it gave. The link is usable.
    App(E),
    /// The producer was dropped before it had finished: its task ended early, or forgot to finish. The link is usable.
    Unfinished,
    /// The code that produces the items panicked. The link is usable.
    Panicked(String),
    /// An item could not be encoded, is too large, or could not be read here. The link is usable.
    BadItem(String),
    /// Something was to move and did not for [`Config::stream_idle`](crate::Config::stream_idle). The link is usable.
    Idle,
    /// The connection that it came over is closed or lost: why.
    Disconnected(String),
    /// This very value was handed over: a stream can be sent once, and its receiver has it now. The link is usable.
    Moved,
    /// A reason that a newer peer gave and this version has no name for. The link is usable.
    Other {
        /// Its number on the wire.
        code: u8,
        /// What the peer says of it.
        text: String,
    },
}

/// The numbers on the wire that no other place needs to know.
const APP: u8 = 0;
const PANICKED: u8 = 2;
const DISCONNECTED: u8 = 5;

impl<E> StreamError<E> {
    pub(crate) const UNFINISHED: u8 = 1;
    pub(crate) const BAD_ITEM: u8 = 3;
    pub(crate) const IDLE: u8 = 4;

    /// The same error with the application's own error changed by `f`.
    pub fn map_app<F>(self, f: impl FnOnce(E) -> F) -> StreamError<F> {
        use StreamError::*;
        match self {
            App(e) => App(f(e)),
            Unfinished => Unfinished,
            Panicked(text) => Panicked(text),
            BadItem(text) => BadItem(text),
            Idle => Idle,
            Disconnected(reason) => Disconnected(reason),
            Moved => Moved,
            Other { code, text } => Other { code, text },
        }
    }
}

impl<E: StreamFailure> StreamError<E> {
    /// As it stands on the wire.
    pub(crate) fn write(&self, out: &mut Output<'_>) -> Result<(), EncodeError> {
        let (code, text) = match self {
            StreamError::App(e) => {
                out.raw(&[APP]);
                return e.write(out);
            }
            StreamError::Unfinished | StreamError::Moved => (Self::UNFINISHED, ""),
            StreamError::Panicked(text) => (PANICKED, text.as_str()),
            StreamError::BadItem(text) => (Self::BAD_ITEM, text.as_str()),
            StreamError::Idle => (Self::IDLE, ""),
            StreamError::Disconnected(text) => (DISCONNECTED, text.as_str()),
            StreamError::Other { code, text } => (*code, text.as_str()),
        };
        out.raw(&[code]);
        out.raw(crate::wire::clip(text).as_bytes());
        Ok(())
    }

    pub(crate) fn read(body: &Bytes, refs: &Refs) -> StreamError<E> {
        let Some(&code) = body.first() else { return StreamError::Unfinished };
        let rest = body.slice(1..);
        let text = || String::from_utf8_lossy(&rest).into_owned();
        match code {
            APP => match E::read(&rest, refs) {
                Ok(e) => StreamError::App(e),
                Err(why) => StreamError::BadItem(format!("the stream's error: {why}")),
            },
            Self::UNFINISHED => StreamError::Unfinished,
            PANICKED => StreamError::Panicked(text()),
            Self::BAD_ITEM => StreamError::BadItem(text()),
            Self::IDLE => StreamError::Idle,
            DISCONNECTED => StreamError::Disconnected(text()),
            code => StreamError::Other { code, text: text() },
        }
    }
}

/// What a stream's own error may be: any error that a service method may return, or [`NoError`] for none.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a stream",
    note = "it must be Serialize + Deserialize + Debug + Display + Send + Sync + 'static"
)]
pub trait StreamFailure: Debug + Display + Send + Sized + 'static {
    #[doc(hidden)]
    fn write(&self, out: &mut Output<'_>) -> Result<(), EncodeError>;
    #[doc(hidden)]
    fn read(body: &Bytes, refs: &Refs) -> Result<Self, String>;
}

impl<E: AppError> StreamFailure for E {
    fn write(&self, out: &mut Output<'_>) -> Result<(), EncodeError> {
        out.put(self)?;
        if out.len() > ERROR_MAX {
            return Err(EncodeError(format!("a stream's error of more than {ERROR_MAX} bytes")));
        }
        Ok(())
    }

    fn read(body: &Bytes, refs: &Refs) -> Result<E, String> {
        values::decode::<Whole<E>>(&body.clone().into(), refs).map(|w| w.0)
    }
}

impl StreamFailure for NoError {
    fn write(&self, _: &mut Output<'_>) -> Result<(), EncodeError> {
        match *self {}
    }

    fn read(_: &Bytes, _: &Refs) -> Result<NoError, String> {
        Err("of a stream that has none".to_owned())
    }
}

impl<E: Display> Display for StreamError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StreamError::App(e) => Display::fmt(e, f),
            StreamError::Unfinished => f.write_str("the producer went away before it had finished"),
            StreamError::Panicked(text) => write!(f, "the producer panicked: {text}"),
            StreamError::BadItem(text) => write!(f, "an item could not be brought over: {text}"),
            StreamError::Idle => f.write_str("the stream stood still for too long"),
            StreamError::Disconnected(reason) => write!(f, "disconnected: {reason}"),
            StreamError::Moved => f.write_str("the stream was handed over"),
            StreamError::Other { code, text } => write!(f, "stream error {code}: {text}"),
        }
    }
}

impl<E: Debug + Display> std::error::Error for StreamError<E> {}

/// The failure of a stream inside a method that has no name for it becomes text.
impl<E: StreamFailure> From<StreamError<E>> for CallError {
    fn from(error: StreamError<E>) -> CallError {
        CallError::Nested(error.to_string())
    }
}

impl<E: StreamFailure, A: AppError> From<StreamError<E>> for CallError<A> {
    fn from(error: StreamError<E>) -> CallError<A> {
        CallError::Nested(error.to_string())
    }
}

/// For those who read bytes.
impl<E: Debug + Display + Send + Sync + 'static> From<StreamError<E>> for io::Error {
    fn from(error: StreamError<E>) -> io::Error {
        let kind = match &error {
            StreamError::Unfinished => io::ErrorKind::UnexpectedEof,
            StreamError::Idle => io::ErrorKind::TimedOut,
            StreamError::Disconnected(_) => io::ErrorKind::ConnectionAborted,
            StreamError::BadItem(_) => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

/// The consumer wants no more: it was dropped, or its connection has ended. What was sent and not taken is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody takes what the stream gives any more")]
pub struct StreamClosed;

impl From<StreamClosed> for io::Error {
    fn from(error: StreamClosed) -> io::Error {
        io::Error::new(io::ErrorKind::BrokenPipe, error)
    }
}

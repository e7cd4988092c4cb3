//! How a call ends when it has no result: [`CallError`], and whether the remote code ran.
//!
//! Errors of nodes and connections stand beside their operations ([`crate::node`], [`crate::connection`]).

use std::fmt::{self, Debug, Display};

use serde::{Serialize, de::DeserializeOwned};

use crate::wire::FaultCode;

/// Whether the code of a call that failed has run at the callee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ran {
    /// Not one line of it: the call may be made again without a second thought.
    Never,
    /// It has begun, and maybe ended.
    Yes,
    /// Nobody here can know: the connection was lost, or the answer came too late.
    Unknown,
}

impl Ran {
    pub(crate) fn to_byte(self) -> u8 {
        match self {
            Ran::Never => 0,
            Ran::Yes => 1,
            Ran::Unknown => 2,
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Ran {
        match byte {
            0 => Ran::Never,
            1 => Ran::Yes,
            _ => Ran::Unknown,
        }
    }
}

/// An error type that a service method may return: any that is serde, `Debug` and `Display`.
///
/// Implemented for every such type; `String` is one, and so is what `thiserror` makes with serde's derives beside it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a service method",
    note = "it must be Serialize + Deserialize + Debug + Display + Send + Sync + 'static"
)]
pub trait AppError: Serialize + DeserializeOwned + Debug + Display + Send + Sync + 'static {}

impl<E: Serialize + DeserializeOwned + Debug + Display + Send + Sync + 'static> AppError for E {}

/// The error of a call whose method cannot fail by itself; has no values.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum NoError {}

impl Debug for NoError {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl Display for NoError {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

/// Why a call has no result.
///
/// [`CallError::ran`] says of each whether the remote code ran; only `Disconnected` means that the connection is no longer usable.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError<E = NoError> {
    /// The method itself returned this error. It ran; the link is usable.
    App(E),
    /// The arguments could not be encoded, are larger than a call may be, or hold what is not to be handed on; here, or at a node
    /// between. Never ran; the link is usable.
    NotSent(String),
    /// The peer could not read the arguments. Never ran; the link is usable.
    BadArguments(String),
    /// The result could not be encoded, is too large, or could not be read here. It ran; the link is usable.
    BadReply(String),
    /// The object's interface has no method of this name. Never ran; the link is usable.
    NoSuchMethod(String),
    /// The peer knows no such object. Never ran; the link is usable.
    NoSuchObject,
    /// The object is no more: it was revoked, or it failed. The link is usable.
    Gone {
        /// Whether this call had begun.
        ran: Ran,
        /// Why it is gone.
        reason: String,
    },
    /// The handler panicked with these words; a [`backtrace`](CallError::backtrace) follows them if its node gives them away. It ran; the
    /// link is usable.
    Panicked(String),
    /// The call was stopped. The link is usable.
    Cancelled {
        /// Whether it had begun.
        ran: Ran,
    },
    /// Its deadline has passed. The link is usable.
    Deadline {
        /// Whether it had begun.
        ran: Ran,
        /// What it waited for, as far as known.
        detail: String,
    },
    /// The object is held by one of the call's own ancestors, and the borrow rule forbids a second entry. Never ran; the link is usable.
    WouldDeadlock(String),
    /// More than sixty-four calls inside each other. Never ran; the link is usable.
    ChainTooDeep,
    /// A queue is full. Never ran; the link is usable.
    Overloaded(String),
    /// The peer finishes its work and starts nothing new. Never ran.
    Draining,
    /// The call that was to give the object failed. Never ran; the link is usable.
    BrokenPromise(String),
    /// A call that the handler made for its own result failed. It ran; the link is usable.
    Nested(String),
    /// The connection is closed or lost.
    Disconnected {
        /// Whether the call had run by then.
        ran: Ran,
        /// Why the connection ended.
        reason: String,
    },
    /// A reason that a newer peer gave and this version has no name for.
    Other {
        /// Its number on the wire.
        code: u16,
        /// Whether the call ran.
        ran: Ran,
        /// What the peer says of it.
        text: String,
    },
}

impl<E> CallError<E> {
    /// Whether the remote code ran.
    pub fn ran(&self) -> Ran {
        use CallError::*;
        match self {
            App(_) | BadReply(_) | Panicked(_) | Nested(_) => Ran::Yes,
            NotSent(_) | BadArguments(_) | NoSuchMethod(_) | NoSuchObject | WouldDeadlock(_)
            | ChainTooDeep | Overloaded(_) | Draining | BrokenPromise(_) => Ran::Never,
            Gone { ran, .. }
            | Cancelled { ran }
            | Deadline { ran, .. }
            | Disconnected { ran, .. }
            | Other { ran, .. } => *ran,
        }
    }

    /// True if not one line of the remote code ran, so that the call may safely be made again.
    pub fn never_ran(&self) -> bool {
        self.ran() == Ran::Never
    }

    /// Where the handler panicked, if its node gives that away
    /// ([`NodeBuilder::backtraces`](crate::NodeBuilder::backtraces)).
    pub fn backtrace(&self) -> Option<&str> {
        match self {
            CallError::Panicked(text) => Some(text.split_once(crate::object::backtrace::MARK)?.1),
            _ => None,
        }
    }

    /// The same error with the application's own error changed by `f`.
    pub fn map_app<F>(self, f: impl FnOnce(E) -> F) -> CallError<F> {
        match self {
            CallError::App(e) => CallError::App(f(e)),
            other => CallError::from_fault(other.into_fault_or(|_| unreachable!("App is matched above"))),
        }
    }

    pub(crate) fn from_fault(fault: Fault) -> CallError<E> {
        let Fault { code, ran, text } = fault;
        match code {
            FaultCode::CANCELLED => CallError::Cancelled { ran },
            FaultCode::DEADLINE => CallError::Deadline { ran, detail: text },
            FaultCode::WOULD_DEADLOCK => CallError::WouldDeadlock(text),
            FaultCode::NO_SUCH_OBJECT => CallError::NoSuchObject,
            FaultCode::NO_SUCH_METHOD => CallError::NoSuchMethod(text),
            FaultCode::BAD_BODY => CallError::BadArguments(text),
            FaultCode::GONE => CallError::Gone { ran, reason: text },
            FaultCode::PANICKED => CallError::Panicked(text),
            FaultCode::OVERLOADED => CallError::Overloaded(text),
            FaultCode::DRAINING => CallError::Draining,
            FaultCode::BROKEN_PROMISE => CallError::BrokenPromise(text),
            FaultCode::BAD_REPLY => CallError::BadReply(text),
            FaultCode::NESTED => CallError::Nested(text),
            FaultCode::NOT_SENT => CallError::NotSent(text),
            FaultCode::CHAIN_TOO_DEEP => CallError::ChainTooDeep,
            FaultCode::DISCONNECTED => CallError::Disconnected { ran, reason: text },
            FaultCode(code) => CallError::Other { code, ran, text },
        }
    }

    /// As it travels when a handler fails with it: its kind if the callee may say so, else text.
    pub(crate) fn into_fault_or(self, app: impl FnOnce(E) -> Fault) -> Fault {
        let ran = self.ran();
        let (code, text) = match self {
            CallError::App(e) => return app(e),
            CallError::NotSent(text) => (FaultCode::NOT_SENT, text),
            CallError::BadArguments(text) => (FaultCode::BAD_BODY, text),
            CallError::BadReply(text) => (FaultCode::BAD_REPLY, text),
            CallError::NoSuchMethod(text) => (FaultCode::NO_SUCH_METHOD, text),
            CallError::NoSuchObject => (FaultCode::NO_SUCH_OBJECT, String::new()),
            CallError::Gone { reason, .. } => (FaultCode::GONE, reason),
            CallError::Panicked(text) => (FaultCode::PANICKED, text),
            CallError::Cancelled { .. } => (FaultCode::CANCELLED, String::new()),
            CallError::Deadline { detail, .. } => (FaultCode::DEADLINE, detail),
            CallError::WouldDeadlock(text) => (FaultCode::WOULD_DEADLOCK, text),
            CallError::ChainTooDeep => (FaultCode::CHAIN_TOO_DEEP, String::new()),
            CallError::Overloaded(text) => (FaultCode::OVERLOADED, text),
            CallError::Draining => (FaultCode::DRAINING, String::new()),
            CallError::BrokenPromise(text) => (FaultCode::BROKEN_PROMISE, text),
            CallError::Nested(text) => (FaultCode::NESTED, text),
            CallError::Disconnected { reason, .. } => (FaultCode::DISCONNECTED, reason),
            CallError::Other { code, text, .. } => (FaultCode(code), text),
        };
        Fault { code, ran, text }
    }
}

impl CallError {
    /// What a handler fails with when something else failed it: the text of `error` and of all its sources, `a: b: c`.
    ///
    /// ```
    /// use duologue_runtime::CallError;
    ///
    /// fn read(path: &str) -> Result<String, CallError> {
    ///     std::fs::read_to_string(path).map_err(CallError::nested)
    /// }
    /// let error = read("/nowhere").unwrap_err();
    /// assert!(error.to_string().starts_with("a nested call failed: No such file"));
    /// ```
    pub fn nested(error: impl std::error::Error) -> CallError {
        CallError::Nested(chain(&error))
    }
}

impl<E: AppError + std::error::Error> CallError<E> {
    /// As `?` makes it, and the application's error becomes text with all its sources: `?` knows only that it can be displayed.
    pub fn into_nested(self) -> CallError {
        match self {
            CallError::App(error) => CallError::nested(error),
            other => other.into(),
        }
    }
}

/// An error and its sources in one line; what a text says already is not said twice.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    text
}

/// `: text`, or nothing.
struct After<'a>(&'a str);

impl Display for After<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}

impl<E: Display> Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ran = |ran: &Ran| match ran {
            Ran::Never => " (it never ran)",
            Ran::Yes => " (it had begun to run)",
            Ran::Unknown => " (whether it ran is unknown)",
        };
        match self {
            CallError::App(e) => Display::fmt(e, f),
            CallError::NotSent(text) => write!(f, "the call was not sent{}", After(text)),
            CallError::BadArguments(text) => {
                write!(f, "the peer could not read the arguments{}", After(text))
            }
            CallError::BadReply(text) => write!(f, "the result could not be brought over{}", After(text)),
            CallError::NoSuchMethod(text) => write!(f, "no such method{}", After(text)),
            CallError::NoSuchObject => f.write_str("no such object"),
            CallError::Gone { ran: r, reason } => write!(f, "the object is gone{}{}", After(reason), ran(r)),
            CallError::Panicked(text) => write!(f, "the handler panicked{}", After(text)),
            CallError::Cancelled { ran: r } => write!(f, "the call was cancelled{}", ran(r)),
            CallError::Deadline { ran: r, detail } => {
                write!(f, "the deadline has passed{}{}", After(detail), ran(r))
            }
            CallError::WouldDeadlock(text) => write!(f, "the call would wait for itself{}", After(text)),
            CallError::ChainTooDeep => f.write_str("more than 64 calls inside each other"),
            CallError::Overloaded(text) => write!(f, "overloaded{}", After(text)),
            CallError::Draining => f.write_str("the peer is draining and starts nothing new"),
            CallError::BrokenPromise(text) => write!(f, "the promised object never came{}", After(text)),
            CallError::Nested(text) => write!(f, "a nested call failed{}", After(text)),
            CallError::Disconnected { ran: r, reason } => {
                write!(f, "disconnected{}{}", After(reason), ran(r))
            }
            CallError::Other { code, ran: r, text } => write!(f, "fault {code}{}{}", After(text), ran(r)),
        }
    }
}

impl<E: Debug + Display> std::error::Error for CallError<E> {}

/// An application error on its way through a caller that has no name for it becomes text.
impl<E: AppError> From<CallError<E>> for CallError {
    fn from(error: CallError<E>) -> CallError {
        CallError::from_fault(error.into_fault_or(|e| Fault {
            code: FaultCode::NESTED,
            ran: Ran::Yes,
            text: e.to_string(),
        }))
    }
}

/// The failure of a plain call, inside a method that has an error of its own.
impl<E: AppError> From<CallError> for CallError<E> {
    fn from(error: CallError) -> CallError<E> {
        error.map_app(|never| match never {})
    }
}

/// A failure as it stands on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub(crate) code: FaultCode,
    pub(crate) ran: Ran,
    pub(crate) text: String,
}

impl Fault {
    pub(crate) fn new(code: FaultCode, ran: Ran, text: impl Into<String>) -> Fault {
        Fault { code, ran, text: text.into() }
    }

    pub(crate) fn never(code: FaultCode, text: impl Into<String>) -> Fault {
        Fault::new(code, Ran::Never, text)
    }

    /// The object is no more, and whether the call ran is not known.
    pub fn gone(reason: &str) -> Fault {
        Fault::new(FaultCode::GONE, Ran::Unknown, reason)
    }

    /// What a handler's own failed call looks like to the handler's caller: the handler ran, so only
    /// what says nothing of *this* call keeps its name.
    pub(crate) fn of_handler<E: Display>(error: CallError<E>) -> Fault {
        match error {
            CallError::Deadline { detail, .. } => Fault::new(FaultCode::DEADLINE, Ran::Yes, detail),
            other => Fault::new(FaultCode::NESTED, Ran::Yes, other.to_string()),
        }
    }
}

/// What is wrong with a value that was to be sent; the caller sees it as [`CallError::NotSent`].
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct EncodeError(pub(crate) String);

/// What is wrong with arguments that arrived; the caller sees it as [`CallError::BadArguments`].
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct BadBody {
    pub(crate) text: String,
    pub(crate) no_such_method: bool,
}

impl BadBody {
    /// The arguments are not what the method takes.
    pub fn new(text: impl Into<String>) -> BadBody {
        BadBody { text: text.into(), no_such_method: false }
    }

    /// The number names no method.
    pub fn no_such_method() -> BadBody {
        BadBody { text: String::new(), no_such_method: true }
    }

    pub(crate) fn into_fault(self) -> Fault {
        let code = if self.no_such_method { FaultCode::NO_SUCH_METHOD } else { FaultCode::BAD_BODY };
        Fault::never(code, self.text)
    }
}

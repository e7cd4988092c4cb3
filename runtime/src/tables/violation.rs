//! What a peer may do wrong, in words: each ends its connection, and nothing else.

use crate::wire::{self, CallId, ObjectId, StreamId};

/// A rule that the peer broke. It loses its connection, with this as the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Violation {
    #[error(transparent)]
    Wire(#[from] wire::WireError),
    #[error("a reference home to object {0:?}, which was not handed out")]
    UnknownHome(ObjectId),
    #[error("object {0:?}: more is returned than was handed out")]
    OverRelease(ObjectId),
    #[error("object {0:?} was released while its calls are unanswered")]
    ReleasedWhileBusy(ObjectId),
    #[error("object {0:?} has more calls outstanding than it gave permits")]
    TooManyCalls(ObjectId),
    #[error("more is outstanding than the connection gave permits")]
    TooMuchOutstanding,
    #[error("call number {} is in use", .0.0)]
    CallIdInUse(CallId),
    #[error("an answer that no call waits for")]
    UnknownAnswer,
    #[error("the lobby was handed over")]
    LobbyExported,
    #[error("the lobby is said to be gone")]
    LobbyGone,
    #[error("more objects are handed over than may be held")]
    TooManyImports,
    #[error("more objects are said to be gone than may be held")]
    TooManyGone,
    #[error("more than 1,024 lists of method names on one lane, or 16 MiB of them")]
    TooManyNames,
    #[error("method names for object {0:?}, which was not handed out")]
    UnknownNames(ObjectId),
    #[error("a list of method names that does not decode")]
    BadNames,
    #[error("a reference through {0} nodes")]
    TooManyHops(u8),
    #[error("more bytes are said to be taken than were sent")]
    TooMuchTaken,
    #[error("it offers fewer permits than a call may cost")]
    TooFewPermits,
    #[error("the answer of call {} is not kept", .0.0)]
    NotKept(CallId),
    #[error("more answers are to be kept than may be")]
    TooManyKept,
    #[error("more than 64 calls on the answer of call {}", .0.0)]
    TooManyOnAnswer(CallId),
    #[error("the answer of call {} is finished while calls on it are unanswered", .0.0)]
    FinishedWhileBusy(CallId),
    #[error("method numbers that are neither a list of names nor known")]
    BadNumbering,
    #[error("a body of {0} bytes is announced, which is above what this side takes")]
    BodyTooLarge(u32),
    #[error("a body is announced under a number that is in use")]
    BodyInUse,
    #[error("a frame has a body and announces another")]
    TwoBodies,
    #[error("a body is asked for that was not announced, or twice")]
    UnknownBody,
    #[error("a body that nobody asked for")]
    UnaskedBody,
    #[error("a body is longer than was announced")]
    BodyTooLong,
    #[error("a body is shorter than was announced, and nobody cancelled its call")]
    BodyTooShort,
    #[error("a second hello")]
    SecondHello,
    #[error("stream number {} is in use, or not the peer's to give", .0.0)]
    StreamInUse(StreamId),
    #[error("stream number {} is not known", .0.0)]
    UnknownStream(StreamId),
    #[error("more streams are named than may be")]
    TooManyStreams,
    #[error("more was sent on stream {} than its window allows", .0.0)]
    AboveWindow(StreamId),
    #[error("a stream of an unknown format")]
    StreamFormat,
    #[error("{0}, which this side did not offer")]
    NotYet(&'static str),
}

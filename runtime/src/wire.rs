//! Every message of the protocol `duologue/1`: the frames of lanes and of the control stream. As bytes they are the business of [`codec`].
//!
//! All numbers are little-endian. A frame begins with `len: u32`, the number of bytes that follow it; the
//! transport cuts streams into frames by it, so that the functions here see a frame without its `len`.
//! Nothing here knows what a message is for: the rules are in [`crate::tables`].

mod body;
mod codec;
pub(crate) mod item;

use serde::de::{Error as _, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

pub use body::Body;
pub(crate) use body::SHORT;
pub(crate) use codec::{
    clip, clip_fault, put_control, put_frame, put_plain, read_control, read_frame, read_short,
};

/// The version of the protocol that `Hello` carries.
pub(crate) const VERSION: u16 = 1;

/// The first byte of every stream says what it is (N1).
pub(crate) const STREAM_CONTROL: u8 = 0;
/// A lane: calls and their answers.
pub(crate) const STREAM_LANE: u8 = 1;
/// A large body that was announced and pulled; then its number as u32, then its bytes.
pub(crate) const STREAM_BODY: u8 = 2;
/// Items of a stream; then its number as u32, then items.
pub(crate) const STREAM_ITEMS: u8 = 3;
/// Plain bytes of a stream; then its number as u32, then the bytes.
pub(crate) const STREAM_BYTES: u8 = 4;

/// Bytes of a frame's fixed head, its `len` included.
pub(crate) const HEAD_LEN: usize = 16;
/// The longest frame on a lane, without its `len`: what costs 16 permits of 1 KiB.
pub(crate) const FRAME_MAX: usize = 16 * 1024 - 4;
/// The longest frame on the control stream, without its `len`.
pub(crate) const CONTROL_MAX: usize = 64 * 1024;
/// The longest path of tokens and the deepest chain of calls.
pub(crate) const DEPTH_MAX: u8 = 64;
/// The most answers that are kept for pipelined calls, on one lane and in one direction.
pub(crate) const KEPT_MAX: usize = 4_096;
/// The most references one frame may carry.
pub(crate) const REFERENCES_MAX: usize = 256;

/// The number of an object on one connection and in one direction; 0 is the lobby.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ObjectId(pub(crate) u32);

impl ObjectId {
    /// The object that every connection has: opens services, describes them, answers pings.
    pub(crate) const LOBBY: ObjectId = ObjectId(0);
}

/// The number of a call on the lane it was sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CallId(pub(crate) u32);

/// The number of a large body, given by the side that announces it; never repeated while the other may ask for it (N8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct BodyId(pub(crate) u32);

/// The number of a stream of items or bytes on one connection: even from the side that dialed, odd from the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct StreamId(pub(crate) u32);

/// What a frame of a lane is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// The caller's own method names for objects of one fingerprint.
    Names = 1,
    /// A request that wants exactly one answer.
    Call = 2,
    /// A request that wants none.
    Notice = 3,
    /// Stop a call.
    Cancel = 4,
    /// No more pipelined calls on a kept answer.
    Finish = 5,
    /// The answer of a call that ran.
    Reply = 6,
    /// The answer of a call that failed; never the application's own error.
    Fault = 7,
    /// That many notices have finished.
    Done = 8,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Kind> {
        Some(match byte {
            1 => Kind::Names,
            2 => Kind::Call,
            3 => Kind::Notice,
            4 => Kind::Cancel,
            5 => Kind::Finish,
            6 => Kind::Reply,
            7 => Kind::Fault,
            8 => Kind::Done,
            _ => return None,
        })
    }

    fn has_options(self) -> bool {
        matches!(self, Kind::Call | Kind::Notice | Kind::Reply)
    }
}

/// Which optional fields follow the head, in this order.
pub(crate) mod flag {
    pub(crate) const DEADLINE: u8 = 1;
    pub(crate) const PATH: u8 = 2;
    pub(crate) const TRACE: u8 = 4;
    pub(crate) const LARGE: u8 = 8;
    pub(crate) const REFS: u8 = 16;
    pub(crate) const KEEP: u8 = 32;
    pub(crate) const ON_ANSWER: u8 = 64;
}

/// The fixed part of a frame, without its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    pub(crate) flags: u8,
    pub(crate) method: u16,
    pub(crate) call: CallId,
    pub(crate) object: ObjectId,
}

/// A random number that stands for one running call that holds a turn (N7).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Token(pub(crate) u64);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The tokens of the ancestors of a call that hold a turn.
pub(crate) type Path = SmallVec<[Token; 2]>;

/// One entry of a frame's reference table (N3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) kind: RefKind,
    /// Of an export: it has a lane of its own, which the holder opens before its first call.
    pub(crate) own_lane: bool,
    /// Of an export: it is not to be handed on to a third node.
    pub(crate) stays: bool,
    /// How many nodes stand between its host and the sender.
    pub(crate) hops: u8,
    /// Of a stream: its number.
    pub(crate) id: ObjectId,
    /// Of a stream: 0 for items, 1 for bytes.
    pub(crate) fingerprint: u64,
}

impl Reference {
    /// To an object that is gone.
    pub(crate) const DEAD: Reference = Reference {
        kind: RefKind::Dead,
        own_lane: false,
        stays: false,
        hops: 0,
        id: ObjectId(0),
        fingerprint: 0,
    };
}

/// The bit of a reference's kind that says that an export has a lane of its own.
const OWN_LANE: u8 = 0x80;
/// The bit that says that an export is not to be handed on.
const STAYS: u8 = 0x40;
/// Bytes of one entry of a reference table.
const REFERENCE_LEN: usize = 16;

/// What a reference stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum RefKind {
    /// An object that is gone.
    Dead = 0,
    /// An object of the sender; brings [`crate::tables::UNITS`] units.
    Export = 1,
    /// An object of the receiver; brings one unit home.
    Home = 2,
    /// A stream of which the sender of the frame is the producer: it opens it.
    Source = 3,
    /// A stream of which the receiver of the frame is the producer: it opens it.
    Sink = 4,
}

/// The trace that a call belongs to, as the W3C's `traceparent` without its version: trace, parent, flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trace(pub(crate) [u8; Trace::LEN]);

impl Trace {
    pub(crate) const LEN: usize = 25;
}

/// A body that is announced by its frame and comes on a stream of its own (N8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Large {
    /// Its length in bytes.
    pub(crate) len: u32,
    pub(crate) number: BodyId,
}

/// The optional fields of a frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) deadline_ms: Option<u32>,
    pub(crate) path: Path,
    pub(crate) depth: u8,
    pub(crate) trace: Option<Trace>,
    pub(crate) large: Option<Large>,
    pub(crate) refs: SmallVec<[Reference; 1]>,
}

impl Options {
    fn lens(&self) -> OptionsLen {
        OptionsLen {
            deadline: self.deadline_ms.is_some(),
            path: self.path.len(),
            depth: self.depth,
            trace: self.trace.is_some(),
            large: self.large.is_some(),
            refs: self.refs.len(),
        }
    }
}

/// Which optional fields a frame has, and how long they are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OptionsLen {
    pub(crate) deadline: bool,
    pub(crate) path: usize,
    pub(crate) depth: u8,
    pub(crate) trace: bool,
    pub(crate) large: bool,
    pub(crate) refs: usize,
}

impl OptionsLen {
    /// How many bytes the fields take.
    pub(crate) fn bytes(self) -> usize {
        let OptionsLen { deadline, path, depth, trace, large, refs } = self;
        let mut len = 0;
        if deadline {
            len += 4;
        }
        if path > 0 || depth > 0 {
            len += 2 + 8 * path;
        }
        if trace {
            len += Trace::LEN;
        }
        if large {
            len += 8;
        }
        if refs > 0 {
            len += 2 + 16 * refs;
        }
        len
    }
}

/// A frame of a lane, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) head: Head,
    pub(crate) options: Options,
    pub(crate) body: Body,
}

/// Why bytes are no frame of this protocol. It ends the connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WireError {
    #[error("a frame of {0} bytes is shorter than its head")]
    Short(usize),
    #[error("unknown frame kind {0}")]
    Kind(u8),
    #[error("the frame ends inside its {0}")]
    Truncated(&'static str),
    #[error("frame flag {0:#04x} is not understood")]
    Flag(u8),
    #[error("{0} references in one frame")]
    References(usize),
    #[error("a path of {tokens} tokens at depth {depth}")]
    Path { tokens: u8, depth: u8 },
    #[error("unknown reference kind {0}")]
    RefKind(u8),
    #[error("it speaks version {0} of the protocol")]
    Version(u16),
    #[error("a stream {0}")]
    Item(&'static str),
    #[error("malformed control frame: {0}")]
    Control(String),
}

/// What each side tells the other first: its limits and habits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) version: u16,
    /// Calls that may be unanswered on one of its objects.
    pub(crate) object_permits: u32,
    /// KiB that may be unanswered on the connection.
    pub(crate) connection_permits: u32,
    /// The longest body that rides in a frame.
    pub(crate) inline_max: u32,
    /// Objects of the peer that it holds at most.
    pub(crate) exports_max: u32,
    /// The deadline of its calls that name none.
    pub(crate) deadline_ms: u32,
    /// How many shared lanes the dialer opens.
    pub(crate) lanes: u8,
    /// New at every start of the process.
    pub(crate) boot: u64,
    /// The longest body that it takes.
    pub(crate) body_max: u32,
}

/// The first field of a `Hello`, which is its version whatever else a later version says.
struct HelloVersion(u16);

impl<'de> Deserialize<'de> for HelloVersion {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<HelloVersion, D::Error> {
        struct First;
        impl<'de> Visitor<'de> for First {
            type Value = HelloVersion;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a hello")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<HelloVersion, A::Error> {
                let version = seq.next_element()?.ok_or_else(|| A::Error::invalid_length(0, &self))?;
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(HelloVersion(version))
            }
        }
        d.deserialize_seq(First)
    }
}

/// One entry of `Release`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Release {
    pub(crate) id: ObjectId,
    pub(crate) units: u64,
    /// Answers a `Gone`.
    pub(crate) gone: bool,
}

/// A message of the control stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    Hello(Hello),
    Release(Vec<Release>),
    Gone {
        id: ObjectId,
        reason: String,
    },
    /// Send the large body that you announced with this number.
    Pull {
        body: BodyId,
    },
    /// So many bytes of bodies and streams were read off the link.
    Taken {
        bytes: u64,
    },
    /// So many bytes more may be sent on this stream of items or bytes.
    Window {
        stream: StreamId,
        bytes: u64,
    },
    /// No more of this stream is wanted.
    Stop {
        stream: StreamId,
        reason: String,
    },
    GoAway,
    Close {
        code: u32,
        reason: String,
    },
}

const CONTROL_HELLO: u8 = 1;
const CONTROL_RELEASE: u8 = 2;
const CONTROL_GONE: u8 = 3;
const CONTROL_PULL: u8 = 4;
const CONTROL_TAKEN: u8 = 5;
const CONTROL_WINDOW: u8 = 6;
const CONTROL_STOP: u8 = 7;
const CONTROL_GO_AWAY: u8 = 8;
const CONTROL_CLOSE: u8 = 9;
// 10 Seen, 11 Resume, 12 Waiting are reserved.

/// How many releases fit into one control frame with certainty.
pub(crate) const RELEASES_PER_FRAME: usize = 2_048;
/// How much of a reason is sent.
pub(crate) const REASON_MAX: usize = 1_024;
/// How much of what a fault says is sent: it may bear a backtrace, or the chain of an error's sources.
pub(crate) const FAULT_MAX: usize = 4 * 1_024;

/// Why a call has no result of its method (N6). The number is on the wire; unknown numbers survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FaultCode(pub(crate) u16);

impl FaultCode {
    pub(crate) const CANCELLED: FaultCode = FaultCode(1);
    pub(crate) const DEADLINE: FaultCode = FaultCode(2);
    pub(crate) const WOULD_DEADLOCK: FaultCode = FaultCode(3);
    pub(crate) const NO_SUCH_OBJECT: FaultCode = FaultCode(4);
    pub(crate) const NO_SUCH_METHOD: FaultCode = FaultCode(5);
    pub(crate) const BAD_BODY: FaultCode = FaultCode(6);
    pub(crate) const GONE: FaultCode = FaultCode(7);
    pub(crate) const PANICKED: FaultCode = FaultCode(8);
    pub(crate) const OVERLOADED: FaultCode = FaultCode(9);
    pub(crate) const DRAINING: FaultCode = FaultCode(10);
    pub(crate) const BROKEN_PROMISE: FaultCode = FaultCode(11);
    /// The reply could not be encoded, was too large or carried what cannot travel.
    pub(crate) const BAD_REPLY: FaultCode = FaultCode(12);
    /// A call that the handler made for its result failed: text of that failure.
    pub(crate) const NESTED: FaultCode = FaultCode(13);

    /// On the wire: a node between could not pass it on.
    pub(crate) const NOT_SENT: FaultCode = FaultCode(14);

    // Local only: these never stand on the wire.
    pub(crate) const CHAIN_TOO_DEEP: FaultCode = FaultCode(0xff01);
    pub(crate) const DISCONNECTED: FaultCode = FaultCode(0xff02);

    fn is_local(self) -> bool {
        matches!(self, FaultCode::CHAIN_TOO_DEEP | FaultCode::DISCONNECTED)
    }

    /// As it is told to a peer: what has happened to another connection has not happened to this one.
    pub(crate) fn as_told(self) -> FaultCode {
        match self {
            FaultCode::DISCONNECTED => FaultCode::GONE,
            code if code.is_local() => FaultCode::NESTED,
            code => code,
        }
    }

    /// As a peer tells it, which has nothing to say of this side's own affairs.
    pub(crate) fn as_heard(self) -> FaultCode {
        if self.is_local() { FaultCode::BAD_REPLY } else { self }
    }
}

#[cfg(test)]
mod tests;

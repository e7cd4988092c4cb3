//! The hand-written programs: what the same work costs without a library.

mod frame;
pub(crate) mod limit;
mod mux;
mod outbox;
mod quic;
mod quinn;
mod stream;
mod tcp;

pub(crate) use self::quinn::Quinn;
pub(crate) use self::tcp::Tcp;

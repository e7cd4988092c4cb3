//! The manual: how Duologue works and how to use it. It holds no code, only pages.
//!
//! # To use it
//!
//! * [`how_to::callbacks`]: closures that are called from afar.
//! * [`how_to::calls`]: calls as values: sent now, without an answer, through a result that has not arrived.
//! * [`how_to::objects`]: handing objects out by reference, and knowing when they are gone.
//! * [`how_to::streams`]: sequences and bytes that come piece by piece.
//! * [`how_to::two_sided`]: both ends serve.
//! * [`how_to::cancellation`]: dropping a call, deadlines, work that blocks.
//! * [`how_to::reconnecting`]: a service that stays usable when its connection is lost.
//! * [`how_to::errors`]: what may go wrong, whether the code ran, `?`.
//! * [`how_to::evolution`]: peers of different age.
//! * [`how_to::by_name`]: dynamic calls: describing and calling without types, attributes, gateways.
//! * [`how_to::measuring`]: what a link carries, and what both ends pay for it.
#![cfg_attr(
    feature = "testing",
    doc = "* [`how_to::testing`]: two nodes in memory, bad links on purpose, virtual time."
)]
//! * [`limits`]: every limit, its default, and what happens at it.
//! * [`security`]: identity, trust, and what a proxy gives to whom it is handed.
//!
//! # To understand it
//!
//! * [`architecture`]: the layers, the threads, and who owns what.
//! * [`journey`]: a call from the first poll to its answer, function by function.
//! * [`wire`]: every byte, exact enough to write a client from.
//! * [`decisions`]: what was chosen over what, and why.
//! * [`performance`]: what a call costs, what made it cheaper, and what did not.
//!
//! # The words
//!
//! | word | meaning |
//! |---|---|
//! | node | a running peer: an identity, its QUIC endpoints, its threads, the objects it hosts |
//! | link | an authenticated QUIC connection between two nodes, and its streams |
//! | connection | the actor that owns a link; one on each side, neither is "the server" after the handshake |
//! | service | a typed interface, written as a Rust trait |
//! | object | what can be called from afar: a service instance, a callback. Each is an actor |
//! | proxy | a typed address of an object, local or remote alike; a remote one is (lane, object id) |
//! | lane | a long-lived QUIC stream that carries calls and their answers |
//! | export, import | the two ends of an object that was handed over on a connection |
//! | call, reply, notice | a request that is answered, its answer, a request that wants none |
//! | host, holder | the side an object lives on, and the side that holds it; each side is both |

pub mod architecture;
pub mod decisions;
pub mod how_to;
pub mod journey;
pub mod limits;
pub mod performance;
pub mod security;
pub mod wire;

/// The code of the package's front page compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

//! What Duologue guarantees, each shown between two or more nodes through the public API.
//!
//! One module a guarantee, in the order of the design. Bad input and broken peers are in the binary `faults`; what is left behind after
//! many calls, objects and connections is in `leaks`.
#![allow(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

mod allow;
mod attributes;
mod bodies;
mod borrow;
mod bytes;
mod callers;
mod cancel;
mod crossing;
mod deadlines;
mod dynamic;
mod dynamic_service;
mod dynamic_streams;
mod edges;
mod errors;
mod evolution;
mod forward;
mod hooks;
mod lanes;
mod life;
mod notify;
mod objects;
mod order;
mod panics;
mod pending;
mod permits;
mod pipeline;
mod reach;
mod recipient;
mod reconnect;
mod reentry;
mod restart;
mod restrict;
mod streams;
mod trace;
mod weak;

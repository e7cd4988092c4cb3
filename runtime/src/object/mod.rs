//! Objects of this process: each is an actix actor that holds a value behind a fair turn.
//!
//! [`LocalObject`] is the address of one, whatever its type; [`Hosted`] is the value with its turn, on the actor's thread;
//! [`Incoming`] is one call on its way in; [`Caller`] is what a handler may know of who calls.

pub(crate) mod backtrace;
mod context;
mod fate;
mod forward;
mod gate;
mod hosted;
mod incoming;
mod local;
mod make;
mod passing;
mod promise;
mod relay;
mod restart;
mod shape;
mod starts;

pub use context::Caller;
pub(crate) use context::{CallContext, Nested, Stop, aside, current, nested};
pub use fate::Fate;
pub(crate) use fate::fresh_key;
pub(crate) use forward::{HOPS_MAX, forwarder, may_go_on};
pub use gate::Restriction;
pub use hosted::Hosted;
pub(crate) use hosted::Recovery;
pub(crate) use hosted::panic_text;
pub use incoming::Incoming;
pub(crate) use incoming::{Delivery, Replier};
pub(crate) use local::{Hook, Mailbox, host_with, local_as};
pub use local::{LocalObject, host, host_fated, local};
pub use make::Make;
pub(crate) use passing::Sent;
pub(crate) use promise::{Promise, Unsettled};
pub(crate) use relay::Relay;
pub use restart::Restart;
pub use shape::{Data, Fallible, Faulting, Plain, ResultLike, Shape};

use crate::connection::Connection;
use crate::descriptor::Descriptor;
use crate::error::BadBody;
use crate::values::ArgsIn;

/// The typed side of an interface: its requests and how they are read. `#[service]` implements it on the proxy type.
pub trait Interface: 'static {
    /// One variant for each method, with its owned arguments.
    type Request: Send + 'static;
    /// What the trait says.
    const DESCRIPTOR: &'static Descriptor;

    /// The same under the name by which a service of it is known, where that is not constant.
    fn descriptor() -> &'static Descriptor {
        Self::DESCRIPTOR
    }

    /// Reads the arguments of a method.
    fn decode(method: u16, args: ArgsIn<'_>) -> Result<Self::Request, BadBody>;
}

/// How a value of type `S` serves the interface. `#[service]` implements it for every `S` that has the trait.
pub trait Dispatch<S: 'static>: Interface {
    /// Whether `S` has hooks of its own.
    const HOOKS: bool;

    /// Runs one request on the value.
    fn run(me: &Hosted<S>, request: Self::Request, call: Incoming);

    /// A peer has connected to the service.
    fn on_connect(value: &mut S, connection: &Connection);

    /// That peer's connection has ended.
    fn on_disconnect(value: &mut S, connection: &Connection);
}

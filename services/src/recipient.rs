//! actix actors at the other end of a link: [`RemoteRecipient`], the remote form of `actix::Recipient`.
//!
//! The actor stays what it is; what travels is an object that hands messages to its mailbox. What it does not do: tell a holder by
//! itself that the actor has stopped. That shows at the next message, which then ends the object for all who hold it.

mod forward;
mod name;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Handler, MailboxError, Recipient};
use runtime::private::{
    Access, ArgsIn, BadBody, Body, Connection, Data, Descriptor, Dispatch, EncodeError, Fault, Handle,
    Hosted, Incoming, Interface, LocalObject, Make, Marks, Method, Output, Param, Plain, Refs, Serve, Shape,
    Worker, call_local, call_remote, deserialize_proxy, drain, host, host_fated, next_arg, serialize_proxy,
};
use runtime::{Call, CallError, NoError, Proxy};
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A message that may go to another process: it and its result are serde.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no message that can go to another process",
    note = "it must be an `actix::Message`, `Serialize + Deserialize + Send + 'static`, and so must its result be"
)]
pub trait RemoteMessage: actix::Message<Result: Data> + Data {}

impl<M: actix::Message<Result: Data> + Data> RemoteMessage for M {}

/// The remote form of `actix::Recipient<M>`: an address to which messages of one type can be sent, wherever the actor is.
///
/// Made of an address or a recipient; it travels in any argument, result or message, and is equal by the object it stands for. The
/// name of the message type (without its path) goes with it: where another is expected, it is refused with both names.
///
/// ```
/// use actix::prelude::*;
/// use duologue::RemoteRecipient;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Message)]
/// #[rtype(result = "u64")]
/// struct Add(u64);
///
/// #[derive(Default)]
/// struct Sum(u64);
///
/// impl Actor for Sum {
///     type Context = Context<Self>;
/// }
///
/// impl Handler<Add> for Sum {
///     type Result = u64;
///     fn handle(&mut self, Add(n): Add, _: &mut Context<Self>) -> u64 {
///         self.0 += n;
///         self.0
///     }
/// }
///
/// # #[actix::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sum = Sum::default().start();
/// let node = duologue::Node::builder()
///     .service("sum", move || sum.clone().recipient::<Add>())
///     .bind("127.0.0.1:0")
///     .await?;
///
/// let connection = duologue::connect(node.local_addr().to_string()).await?;
/// let sum: RemoteRecipient<Add> = connection.service("sum").await?;
/// sum.do_send(Add(1));
/// assert_eq!(sum.send(Add(2)).await?, 3);
/// // For code that wants a recipient of actix:
/// let local: Recipient<Add> = sum.recipient();
/// assert_eq!(local.send(Add(4)).await?, 7);
/// # Ok(())
/// # }
/// ```
pub struct RemoteRecipient<M> {
    handle: Handle,
    message: PhantomData<fn(M)>,
}

const SEND: u16 = 0;

impl<M: RemoteMessage> RemoteRecipient<M> {
    /// Sends a message; its result comes as that of any call.
    ///
    /// [`CallError::Gone`] means that the actor has stopped.
    pub fn send(&self, message: M) -> Call<M::Result> {
        if self.handle.is_local::<Self>() {
            return call_local::<Self, Mailed<M::Result>>(&self.handle, SEND, message);
        }
        call_remote::<Self, Mailed<M::Result>>(&self.handle, SEND, 1, |to| to.arg("message", &message))
    }

    /// Sends a message without waiting and without a result, in line with the others. As with actix nobody hears of a failure, and
    /// nothing bounds how many wait for a permit: [`try_send`](Self::try_send) does, and `send(..).notify()` waits.
    pub fn do_send(&self, message: M) {
        self.send(message).notify().detach();
    }

    /// Sends a message without a result, if that needs no wait: without a permit to spare it fails as [`CallError::Overloaded`] and was
    /// not sent.
    pub fn try_send(&self, message: M) -> Result<(), CallError> {
        self.send(message).try_notify()
    }

    /// A real `actix::Recipient` of this process that hands its messages on, for code that takes no other. It hides why a message
    /// failed: all that the sender sees is `MailboxError::Closed`.
    ///
    /// # Panics
    /// Outside of an actix arbiter (`#[actix::main]`), a tokio `LocalSet` or a method of a service.
    pub fn recipient(&self) -> Recipient<M> {
        forward::start(self.clone())
    }
}

impl<M: RemoteMessage> From<Recipient<M>> for RemoteRecipient<M> {
    fn from(recipient: Recipient<M>) -> Self {
        Self::from_handle(Handle::lazy::<Self>(Box::new(move |worker, fate| {
            host_fated::<Self, Recipient<M>>(Make::once(move || recipient), worker, fate)
        })))
    }
}

impl<M, A> From<Addr<A>> for RemoteRecipient<M>
where
    M: RemoteMessage,
    A: Actor<Context: ToEnvelope<A, M>> + Handler<M>,
{
    fn from(address: Addr<A>) -> Self {
        address.recipient::<M>().into()
    }
}

impl<M: RemoteMessage> Interface for RemoteRecipient<M> {
    type Request = M;

    const DESCRIPTOR: &'static Descriptor = DESCRIPTOR;

    fn descriptor() -> &'static Descriptor {
        name::descriptor::<M>(DESCRIPTOR)
    }

    fn decode(method: u16, arguments: ArgsIn<'_>) -> Result<M, BadBody> {
        match method {
            SEND => arguments.read(Argument::<M>(PhantomData)),
            _ => Err(BadBody::no_such_method()),
        }
    }
}

const DESCRIPTOR: &Descriptor = &Descriptor::fixed(
    "Recipient",
    &[],
    1,
    "The mailbox of an actor, for messages of one type.",
    const {
        &[Method::fixed(
            "send",
            "Hands a message to the actor.",
            const { &[Param::fixed("message", "_", false)] },
            "_",
            Marks {
                is_async: true,
                exclusive: false,
                cancel: true,
                idempotent: false,
                fallible: false,
                access: Access::Call,
            },
        )]
    },
);

struct Argument<M>(PhantomData<M>);

impl<'de, M: RemoteMessage> Visitor<'de> for Argument<M> {
    type Value = M;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a message")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<M, A::Error> {
        let message = next_arg::<M, A>(&mut seq, "message")?;
        drain(&mut seq)?;
        Ok(message)
    }
}

impl<M: RemoteMessage> Dispatch<Recipient<M>> for RemoteRecipient<M> {
    const HOOKS: bool = false;

    fn run(me: &Hosted<Recipient<M>>, message: M, call: Incoming) {
        let object = me.clone();
        me.read::<Mailed<M::Result>, _>(call, async move |recipient: &Recipient<M>| {
            let outcome = recipient.send(message).await;
            if outcome.is_err() && !recipient.connected() {
                object.gone(STOPPED);
            }
            outcome
        });
    }

    fn on_connect(_: &mut Recipient<M>, _: &Connection) {}

    fn on_disconnect(_: &mut Recipient<M>, _: &Connection) {}
}

const STOPPED: &str = "the actor has stopped";

/// Tells that `actix::Recipient` is served, and nothing else of that type.
#[derive(Debug)]
pub struct Actors;

// Of no help to whoever forgot the attribute on an impl.
#[diagnostic::do_not_recommend]
impl<M: RemoteMessage> Serve<Actors> for Recipient<M> {
    fn host(make: Make<Self>, on: &Worker) -> LocalObject {
        host::<RemoteRecipient<M>, Self>(make, on)
    }
}

/// What comes back from a mailbox: a value, or the actor has stopped.
struct Mailed<T>(PhantomData<fn() -> T>);

impl<T: Data> Shape for Mailed<T> {
    type Returned = Result<T, MailboxError>;
    type Value = T;
    type Ok = T;
    type Err = NoError;

    fn split(returned: Self::Returned) -> Result<T, Fault> {
        returned.map_err(|_| Fault::gone(STOPPED))
    }

    fn write(value: &T, out: &mut Output<'_>) -> Result<(), EncodeError> {
        Plain::<T>::write(value, out)
    }

    fn read(body: &Body, refs: &Refs) -> Result<T, String> {
        Plain::<T>::read(body, refs)
    }

    fn outcome(value: T) -> Result<T, CallError> {
        Ok(value)
    }
}

impl<M: RemoteMessage> Proxy for RemoteRecipient<M> {
    fn from_handle(handle: Handle) -> Self {
        Self { handle, message: PhantomData }
    }

    fn handle(&self) -> &Handle {
        &self.handle
    }
}

/// The reference alone, without the name of the message.
struct Reference<M>(RemoteRecipient<M>);

impl<M: RemoteMessage> Serialize for Reference<M> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        serialize_proxy(&self.0, to)
    }
}

impl<'de, M: RemoteMessage> Deserialize<'de> for Reference<M> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        deserialize_proxy(from).map(Reference)
    }
}

impl<M: RemoteMessage> Serialize for RemoteRecipient<M> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (name::of::<M>(), Reference(self.clone())).serialize(to)
    }
}

impl<'de, M: RemoteMessage> Deserialize<'de> for RemoteRecipient<M> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (found, Reference(recipient)) = <(String, Reference<M>)>::deserialize(from)?;
        let expected = name::of::<M>();
        if found != expected {
            return Err(D::Error::custom(format_args!("a recipient of `{found}`, not of `{expected}`")));
        }
        Ok(recipient)
    }
}

impl<M> Clone for RemoteRecipient<M> {
    fn clone(&self) -> Self {
        Self { handle: self.handle.clone(), message: PhantomData }
    }
}

impl<M> PartialEq for RemoteRecipient<M> {
    fn eq(&self, other: &Self) -> bool {
        self.handle == other.handle
    }
}

impl<M> Eq for RemoteRecipient<M> {}

impl<M> Hash for RemoteRecipient<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.handle.hash(state);
    }
}

impl<M> fmt::Debug for RemoteRecipient<M> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_tuple("RemoteRecipient").field(&self.handle).finish()
    }
}

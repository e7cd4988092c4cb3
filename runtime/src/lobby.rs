//! Object 0 of every connection: opens services, describes objects and answers pings, by ordinary calls.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use tokio::time::Instant;

use crate::call::{Call, call_remote};
use crate::connection::{Connection, Shared};
use crate::descriptor::{Access, Descriptor, METHODS_MAX, Marks, Method, Param};
use crate::error::{BadBody, CallError, Fault};
use crate::object::{Caller, Delivery, Fallible, Hook, Incoming, Interface, LocalObject, Mailbox, Plain};
use crate::proxy::{Handle, Import, Origin, Target};
use crate::values::{self, ArgsIn, deserialize_handle, serialize_handle};
use crate::wire::{FaultCode, ObjectId};

const OPEN: u16 = 0;
const PING: u16 = 1;
const DESCRIBE: u16 = 2;

/// The most text that a peer's description of an object may have.
const DESCRIPTION_MAX: usize = 1024 * 1024;

/// How much of one documentation text is sent.
const DOC_MAX: usize = 2_048;

const fn method(
    name: &'static str,
    params: &'static [Param],
    returns: &'static str,
    fallible: bool,
) -> Method {
    let (exclusive, cancel, idempotent) = (false, true, true);
    let marks = Marks { is_async: true, exclusive, cancel, idempotent, fallible, access: Access::Call };
    Method::fixed(name, "", params, returns, marks)
}

pub(crate) static DESCRIPTOR: Descriptor = Descriptor::fixed(
    "Lobby",
    &[],
    1,
    "Opens the services of a connection, and describes its objects.",
    const {
        &[
            method(
                "open",
                const { &[Param::fixed("name", "Option<String>", false)] },
                "Result<Opened, NoSuchService>",
                true,
            ),
            method("ping", &[], "()", false),
            method(
                "describe",
                const { &[Param::fixed("object", "Object", false), Param::fixed("from", "u32", false)] },
                "Page",
                false,
            ),
        ]
    },
);

/// A service that was opened: its names, and itself.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Opened {
    pub(crate) name: String,
    pub(crate) aliases: Vec<String>,
    pub(crate) version: u32,
    pub(crate) object: Object,
}

/// A part of an object's description: the methods from a number on, as many as fit into a frame.
#[derive(Debug, Serialize, Deserialize)]
struct Page {
    /// The interface, with these methods alone.
    interface: Descriptor,
    /// How many methods it has in all.
    count: u32,
}

/// An object whatever its interface.
#[derive(Debug)]
pub(crate) struct Object(pub(crate) Handle);

impl Serialize for Object {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        serialize_handle(&self.0, s)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Object, D::Error> {
        deserialize_handle(d).map(Object)
    }
}

/// The peer serves nothing of this name.
#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
#[error("no service `{name}`")]
pub(crate) struct NoSuchService {
    pub(crate) name: String,
}

/// The caller's side.
struct Lobby;

impl Interface for Lobby {
    type Request = ();
    const DESCRIPTOR: &'static Descriptor = &DESCRIPTOR;

    fn decode(_: u16, _: ArgsIn<'_>) -> Result<(), BadBody> {
        Err(BadBody::no_such_method())
    }
}

fn lobby_of(shared: &Arc<Shared>) -> Handle {
    Handle::remote(Import::new(shared, 0, ObjectId::LOBBY, Origin::default()))
}

/// Opens a service of the peer; its root without a name.
pub(crate) fn open(shared: &Arc<Shared>, name: Option<&str>) -> Call<Opened, NoSuchService> {
    let name = name.map(str::to_owned);
    call_remote::<Lobby, Fallible<Opened, NoSuchService>>(&lobby_of(shared), OPEN, 1, |args| {
        args.arg("name", &name)
    })
}

/// There and back.
pub(crate) fn ping(shared: &Arc<Shared>) -> Call<()> {
    call_remote::<Lobby, Plain<()>>(&lobby_of(shared), PING, 0, |_| Ok(()))
}

/// What the peer says of an object of its own that this side holds.
pub(crate) async fn describe(
    import: &Arc<Import>,
    object: &Handle,
    deadline: Option<Instant>,
) -> Result<Descriptor, CallError> {
    let shared = import.shared();
    // One deadline for all pages, so that a peer that hands them out one by one wins nothing.
    let deadline = deadline.unwrap_or_else(|| Instant::now() + shared.call_timeout);
    let object = Object(object.clone());
    let mut described: Option<Descriptor> = None;
    let mut weight = 0;
    loop {
        let from = described.as_ref().map_or(0, |d| d.methods.len()) as u32;
        let call = call_remote::<Lobby, Plain<Page>>(&lobby_of(shared), DESCRIBE, 2, |args| {
            args.arg("object", &object)?;
            args.arg("from", &from)
        });
        let Page { interface, count } = call.deadline(deadline).await?;
        weight += interface.weight();
        if weight > DESCRIPTION_MAX || count as usize > METHODS_MAX {
            let text = format!("a description of {count} methods and more than {weight} bytes");
            return Err(CallError::BadReply(text));
        }
        let brought = interface.methods.len();
        let whole = match described.take() {
            None => interface,
            Some(mut whole) => {
                for method in interface.methods.into_owned() {
                    whole = whole.with_method(method);
                }
                whole
            }
        };
        if whole.methods.len() >= count as usize {
            return Ok(whole);
        }
        if brought == 0 {
            return Err(CallError::BadReply("a description that does not go on".to_owned()));
        }
        described = Some(whole);
    }
}

/// The callee's side: it lives in the readers, as it has no state of its own.
struct Host;

/// The lobby of a new connection.
pub(crate) fn object() -> LocalObject {
    LocalObject::raw(&DESCRIPTOR, Box::new(Host))
}

impl Mailbox for Host {
    fn deliver(&self, batch: SmallVec<[Delivery; 1]>) {
        batch.into_iter().for_each(answer);
    }

    fn send(&self, _: Box<dyn Any + Send>, call: Incoming) {
        call.fault(BadBody::no_such_method().into_fault());
    }

    fn hook(&self, _: Hook, _: Connection) {}

    fn end(&self) {}
}

fn answer(delivery: Delivery) {
    let Delivery { method, body, refs, mut replier, context, .. } = delivery;
    replier.began = true;
    let caller = Caller::of(&context);
    let call = Incoming::new(replier, context, &DESCRIPTOR, method);
    match method {
        OPEN => match values::decode::<(Option<String>,)>(&body, &refs) {
            Ok((name,)) => match caller.try_connection() {
                Some(connection) => match found(&connection, name.as_deref()) {
                    Some(object) if object.is_dead() => {
                        call.fault(Fault::never(FaultCode::GONE, &*object.reason().unwrap_or_default()));
                    }
                    found => call.reply::<Fallible<Opened, NoSuchService>>(opened(found, name)),
                },
                None => call.fault(Fault::never(FaultCode::GONE, "the connection has ended")),
            },
            Err(text) => call.fault(BadBody::new(text).into_fault()),
        },
        PING => call.reply::<Plain<()>>(()),
        DESCRIBE => match values::decode::<(Object, u32)>(&body, &refs) {
            Ok((object, from)) => answer_described(call, caller, object.0, from as usize),
            Err(text) => call.fault(BadBody::new(text).into_fault()),
        },
        _ => call.fault(BadBody::no_such_method().into_fault()),
    }
}

fn found(connection: &Connection, name: Option<&str>) -> Option<LocalObject> {
    let instances = &connection.shared().instances;
    match name {
        None => instances.root(connection),
        Some(name) => instances.named(name, connection),
    }
}

fn opened(found: Option<LocalObject>, name: Option<String>) -> Result<Opened, NoSuchService> {
    match (found, name) {
        (Some(object), _) => {
            let descriptor = object.descriptor();
            Ok(Opened {
                name: descriptor.name().to_owned(),
                aliases: descriptor.aliases().map(str::to_owned).collect(),
                version: descriptor.version,
                object: Object(Handle::local(object)),
            })
        }
        // A side that serves nothing shows a service without methods.
        (None, None) => Ok(Opened {
            name: "Void".to_owned(),
            aliases: Vec::new(),
            version: 1,
            object: Object(Handle::dead()),
        }),
        (None, Some(name)) => Err(NoSuchService { name }),
    }
}

/// Part of the description of an object that the peer holds: it came home by the frame's table, so it was handed out to that peer.
fn answer_described(call: Incoming, caller: Caller, object: Handle, from: usize) {
    let own = || BadBody::new("the object is the caller's own").into_fault();
    match object.target() {
        Target::Local(object) => give_page(call, &caller, object.descriptor(), from),
        Target::Remote(import) if is_of(&caller, import) => call.fault(own()),
        // What stands for it here knows no interface: its host does.
        Target::Remote(import) => match object.interface() {
            Some(interface) => give_page(call, &caller, interface, from),
            None => {
                let Some(fetching) = Fetching::begin(&caller) else {
                    let text = "descriptions of other nodes' objects are being fetched";
                    return call.fault(Fault::never(FaultCode::OVERLOADED, text));
                };
                let (import, object) = (import.clone(), object.clone());
                import.shared().worker.clone().run(move || {
                    tokio::task::spawn_local(async move {
                        let asked = describe(&import, &object, caller.deadline());
                        match caller.scope(asked).await {
                            Ok(interface) => {
                                give_page(call, &caller, import.is_described(interface.into()), from)
                            }
                            Err(error) => call.fault(Fault::of_handler(error)),
                        }
                        drop(fetching);
                    });
                });
            }
        },
        Target::Dead => call.fault(Fault::never(FaultCode::GONE, "")),
        Target::Lazy(_) | Target::Stream(_) => call.fault(own()),
    }
}

/// How many descriptions are fetched at once for one peer: each may be a megabyte, and nobody has given a permit for it.
const FETCHING_MAX: usize = 8;

/// A description that is being fetched for a peer.
struct Fetching(Connection);

impl Fetching {
    /// `None` if as many are under way as may be.
    fn begin(caller: &Caller) -> Option<Fetching> {
        let fetching = Fetching(caller.try_connection()?);
        let before = fetching.0.shared().describing.fetch_add(1, Ordering::Relaxed);
        (before < FETCHING_MAX).then_some(fetching)
    }
}

impl Drop for Fetching {
    fn drop(&mut self) {
        self.0.shared().describing.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether an object came by the connection of the call.
fn is_of(caller: &Caller, import: &Import) -> bool {
    caller.try_connection().is_some_and(|connection| Arc::ptr_eq(connection.shared(), import.shared()))
}

fn give_page(call: Incoming, caller: &Caller, interface: &Descriptor, from: usize) {
    let room = caller.try_connection().map_or(0, |c| c.shared().with(|tables, _| tables.inline_max()));
    let room = room.saturating_sub(room / 4);
    let page = Page { interface: interface.part(from, room, DOC_MAX), count: interface.methods.len() as u32 };
    call.reply::<Plain<Page>>(page);
}

//! Object 0 of every connection: opens services and answers pings, by ordinary calls.

use std::any::Any;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::call::{Call, call_remote};
use crate::connection::{Connection, Shared};
use crate::descriptor::{Attribute, Descriptor, Method, Param, fingerprint};
use crate::error::{BadBody, Fault};
use crate::object::{Delivery, Fallible, Hook, Incoming, Interface, LocalObject, Mailbox, Plain};
use crate::proxy::{Handle, Import};
use crate::values::{self, ArgsIn, deserialize_handle, serialize_handle};
use crate::wire::{FaultCode, ObjectId};

const OPEN: u16 = 0;
const PING: u16 = 1;

const fn method(name: &'static str, params: &'static [Param], returns: &'static str) -> Method {
    Method {
        name,
        doc: "",
        params,
        returns,
        exclusive: false,
        cancel: true,
        idempotent: true,
        attribute: Attribute::None,
    }
}

pub(crate) static DESCRIPTOR: Descriptor = Descriptor {
    name: "Lobby",
    aliases: &[],
    version: 1,
    doc: "Opens the services of a connection.",
    exclusive: false,
    own_lane: false,
    fingerprint: fingerprint(&["open", "ping"]),
    methods: &[
        method("open", &[Param { name: "name", ty: "Option<String>" }], "Result<Opened, NoSuchService>"),
        method("ping", &[], "()"),
    ],
};

/// A service that was opened: its names, and itself.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Opened {
    pub(crate) name: String,
    pub(crate) aliases: Vec<String>,
    pub(crate) version: u32,
    pub(crate) object: Object,
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
    Handle::remote(Import::new(shared, 0, ObjectId::LOBBY))
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
    let Delivery { method, body, refs, mut replier, context } = delivery;
    replier.began = true;
    let caller = crate::object::Caller::of(&context);
    let call = Incoming::new(replier, context, &DESCRIPTOR, method);
    match method {
        OPEN => match values::decode::<(Option<String>,)>(&body, &refs) {
            Ok((name,)) => match caller.try_connection() {
                Some(connection) => call.reply::<Fallible<Opened, NoSuchService>>(opened(&connection, name)),
                None => call.fault(Fault::never(FaultCode::GONE, "the connection has ended")),
            },
            Err(text) => call.fault(BadBody::new(text).into_fault()),
        },
        PING => call.reply::<Plain<()>>(()),
        _ => call.fault(BadBody::no_such_method().into_fault()),
    }
}

fn opened(connection: &Connection, name: Option<String>) -> Result<Opened, NoSuchService> {
    let instances = &connection.shared().instances;
    let found = match &name {
        None => instances.root(connection),
        Some(name) => instances.named(name, connection),
    };
    match (found, name) {
        (Some(object), _) => {
            let descriptor = object.descriptor();
            Ok(Opened {
                name: descriptor.name.to_owned(),
                aliases: descriptor.aliases.iter().map(|a| (*a).to_owned()).collect(),
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

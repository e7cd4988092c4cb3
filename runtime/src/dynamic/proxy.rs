//! A proxy that goes by name: [`DynProxy`].

use std::fmt::{self, Display};
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::time::Instant;

use super::call::Invoked;
use super::service::{self, DynError, DynService};
use super::{Args, AttributeError, DynCall, Value};
use crate::call::call_encoded;
use crate::connection::{Connection, OpenError};
use crate::descriptor::{Access, Described, Descriptor};
use crate::error::{CallError, Fault};
use crate::lobby;
use crate::object::{Fallible, Plain};
use crate::proxy::{Handle, Proxy, Target};
use crate::values::{ArgsOut, deserialize_handle, serialize_handle};
use crate::wire::FaultCode;

/// A proxy of an object whose interface is known only at run time: it lists, describes and calls what is there by name.
///
/// From [`Connection::dynamic_root`] and [`Connection::dynamic`], from a typed proxy by `DynProxy::from`, or out of a [`Value`]. Two
/// are equal if they are the same object on the same connection. It may stand in an argument or result like a typed proxy.
///
/// ```text
/// let calc = conn.dynamic("Calculator").await?;
/// println!("{}", calc.describe().await?);
/// assert_eq!(calc.call("add", args![4, 7]).await?, 11);
/// calc.set("limit", 100).await?;
/// ```
///
/// Its calls are those of a typed proxy: the same objects, the same order, the same errors, in one round trip once the object has been
/// described (which the first call does by itself, with a round trip more).
#[derive(Clone)]
pub struct DynProxy {
    handle: Handle,
    /// For the root of a side that serves nothing, which is no object.
    void: bool,
}

/// What a side shows that serves nothing.
static VOID: Descriptor = Descriptor::fixed("Void", &[], 1, "", &[]);

impl DynProxy {
    pub(crate) fn from_handle(handle: Handle) -> DynProxy {
        DynProxy { handle, void: false }
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// A proxy on a service of this process that answers by name, hosted on the current thread. It need not be `Send`.
    ///
    /// # Panics
    /// Outside of a method and of a node's own threads: there [`Node::host_dynamic`](crate::Node::host_dynamic) is the way.
    pub fn local<S: DynService>(interface: Descriptor, service: S) -> DynProxy {
        DynProxy::from_handle(Handle::local(service::local_dynamic(interface, service)))
    }

    /// A proxy on a closure that takes any arguments, for whoever wants a `Callback<fn(..) -> ..>`: in a call by name it stands
    /// where the other side has written the callback.
    ///
    /// Its calls run together, on the thread of the connection it is first handed to. Where the signature says `fn(..) -> Result<T,
    /// E>`, it returns a `Value` made from such a result.
    ///
    /// ```text
    /// let tick = DynProxy::callback(async |args| Ok(Value::from(args[0] < 5)));
    /// calc.call("upto", args![10, tick]).await?;
    /// ```
    pub fn callback<F>(closure: F) -> DynProxy
    where
        F: AsyncFn(Vec<Value>) -> Result<Value, DynError> + Send + 'static,
    {
        DynProxy::from_handle(service::callback(closure))
    }

    /// The object's interface. Asked of the peer once for each object.
    pub async fn describe(&self) -> Result<Descriptor, CallError> {
        Ok((*self.interface(None).await?).clone())
    }

    /// The names of its methods and attributes, in the order of its trait. The methods behind attributes are not listed.
    pub async fn list(&self) -> Result<Vec<String>, CallError> {
        let interface = self.interface(None).await?;
        let mut names: Vec<String> = Vec::new();
        for method in interface.methods() {
            let name = method.attribute().unwrap_or(method.name());
            if method.access() == Access::Call || !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// A call of the method of this name; the case counts.
    ///
    /// Name and arguments are checked against the object's description first. What does not fit is [`CallError::NoSuchMethod`] or
    /// [`CallError::BadArguments`] with the argument's name, and nothing is sent. Whether a value fits a parameter's type is said by
    /// the other side, as `BadArguments` too. An error of the application is [`CallError::App`] with the error as a value.
    pub fn call(&self, method: &str, args: impl Into<Args>) -> DynCall {
        DynCall::new(self.clone(), method, args.into())
    }

    /// Reads an attribute: what the service marks `#[get]`.
    pub async fn get(&self, attribute: &str) -> Result<Value, AttributeError> {
        let interface = self.interface(None).await.map_err(CallError::from)?;
        match interface.accessor(attribute, Access::Get) {
            Some(number) => {
                let call = self.invoke(&interface, number, Args::default(), None)?;
                Ok(call.run().await?)
            }
            None if interface.accessor(attribute, Access::Set).is_some() => {
                Err(AttributeError::WriteOnly(attribute.to_owned()))
            }
            None => Err(AttributeError::NoSuchAttribute(attribute.to_owned())),
        }
    }

    /// Writes an attribute: what the service marks `#[set]`.
    pub async fn set(&self, attribute: &str, value: impl Into<Value>) -> Result<(), AttributeError> {
        let value = value.into();
        let interface = self.interface(None).await.map_err(CallError::from)?;
        match interface.accessor(attribute, Access::Set) {
            Some(number) => {
                let call = self.invoke(&interface, number, Args::from([value]), None)?;
                call.run().await?;
                Ok(())
            }
            None if interface.accessor(attribute, Access::Get).is_some() => {
                Err(AttributeError::WriteProtected(attribute.to_owned()))
            }
            None => Err(AttributeError::NoSuchAttribute(attribute.to_owned())),
        }
    }

    /// The object by a proxy of its own type. Another interface is [`OpenError::WrongInterface`].
    pub async fn typed<P: Proxy>(&self) -> Result<P, OpenError> {
        let interface = self.interface(None).await.map_err(OpenError::Call)?;
        let wanted = P::DESCRIPTOR;
        if !wanted.answers_to(interface.name()) && !interface.aliases().any(|a| wanted.answers_to(a)) {
            let (expected, found) = (wanted.name().to_owned(), interface.name().to_owned());
            return Err(OpenError::WrongInterface { expected, found });
        }
        Ok(P::from_handle(self.handle.clone()))
    }

    /// Waits until the object is gone or its connection has ended.
    pub async fn closed(&self) {
        self.handle.closed().await;
    }

    /// Ends an object of this process for all who hold it. False, and nothing happens, if the object is a peer's.
    pub fn revoke(&self) -> bool {
        self.handle.revoke()
    }

    /// What is known of the interface, or what the peer says of it.
    pub(super) async fn interface(&self, deadline: Option<Instant>) -> Result<Described, CallError> {
        if self.void {
            return Ok((&VOID).into());
        }
        if let Some(known) = self.handle.interface() {
            return Ok(known.clone());
        }
        match self.handle.target() {
            Target::Remote(import) => {
                let interface = lobby::describe(import, &self.handle, deadline).await?;
                Ok(import.is_described(interface.into()).clone())
            }
            _ => Err(CallError::from_fault(Fault::never(FaultCode::GONE, ""))),
        }
    }

    /// A method by its number, with arguments that are checked first.
    pub(super) fn invoke(
        &self,
        interface: &Described,
        number: u16,
        args: Args,
        deadline: Option<Instant>,
    ) -> Result<Invoked, CallError<Value>> {
        let Some(method) = interface.methods().get(usize::from(number)) else {
            return Err(CallError::NoSuchMethod(format!("{}::#{number}", interface.name())));
        };
        let values = match args.for_method(method) {
            Ok(values) => values,
            Err(text) => {
                let text = format!("{}::{}: {text}", interface.name(), method.name());
                return Err(CallError::BadArguments(text));
            }
        };
        let count = values.len() as u32;
        let write = |to: &mut ArgsOut<'_>| {
            values.iter().enumerate().try_for_each(|(n, value)| match method.params().get(n) {
                Some(param) => to.arg(param.name(), value),
                None => to.arg(&n.to_string(), value),
            })
        };
        let interface = interface.clone();
        let invoked = if method.is_fallible() {
            let call = call_encoded::<Fallible<Value, Value>>(&self.handle, interface, number, count, write);
            Invoked::Fallible(call)
        } else {
            Invoked::Plain(call_encoded::<Plain<Value>>(&self.handle, interface, number, count, write))
        };
        Ok(invoked.by(deadline))
    }
}

impl Connection {
    /// The service that the peer shows first, whatever its interface.
    pub async fn dynamic_root(&self) -> Result<DynProxy, OpenError> {
        self.open_dynamic(None).await
    }

    /// A service of the peer by its name or alias, in any case, whatever its interface.
    pub async fn dynamic(&self, name: &str) -> Result<DynProxy, OpenError> {
        self.open_dynamic(Some(name)).await
    }

    async fn open_dynamic(&self, name: Option<&str>) -> Result<DynProxy, OpenError> {
        let opened = self.opened(name).await?;
        let handle = opened.object.0;
        let void = matches!(handle.target(), Target::Dead) && opened.name == VOID.name;
        Ok(DynProxy { handle, void })
    }
}

/// The same object, without its type.
impl<P: Proxy> From<P> for DynProxy {
    fn from(proxy: P) -> DynProxy {
        DynProxy::from_handle(proxy.handle().clone())
    }
}

impl PartialEq for DynProxy {
    fn eq(&self, other: &DynProxy) -> bool {
        self.handle == other.handle
    }
}

impl Eq for DynProxy {}

impl Hash for DynProxy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.handle.hash(state);
    }
}

impl fmt::Debug for DynProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DynProxy").field(&self.handle).finish()
    }
}

/// Its interface, if that is known already, and where it is.
impl Display for DynProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.handle.interface() {
            Some(interface) => write!(f, "<{} {:?}>", interface.name(), self.handle),
            None => write!(f, "<object {:?}>", self.handle),
        }
    }
}

impl Serialize for DynProxy {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        serialize_handle(&self.handle, s)
    }
}

impl<'de> Deserialize<'de> for DynProxy {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<DynProxy, D::Error> {
        deserialize_handle(d).map(DynProxy::from_handle)
    }
}

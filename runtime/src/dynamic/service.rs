//! Services that answer by name: [`DynService`], and how one lives as an object.

use std::sync::LazyLock;

use super::arguments::check;
use super::{AttributeError, Value, ValueError};
use crate::answer::Refs;
use crate::connection::Connection;
use crate::descriptor::{Access, Described, Descriptor, Method};
use crate::error::{BadBody, CallError, EncodeError, Fault, NoError, Ran};
use crate::node::Worker;
use crate::object::{
    Caller, Dispatch, Fate, Hosted, Incoming, Interface, LocalObject, Make, Shape, host_with, local_as,
};
use crate::proxy::Handle;
use crate::values::{self, ArgsIn, Output};
use crate::wire::{Body, FaultCode};

/// A service whose methods are known only at run time: a gateway to something else, a script, a test double.
///
/// It is served and hosted with a [`Descriptor`], which is what its callers see: they may be typed proxies, which find its methods by
/// name, or [`DynProxy`](super::DynProxy)s. Only what the descriptor names reaches it, with at least the arguments it asks for; surplus
/// ones are left out. Its calls run together, and its state needs no locks and need not be `Send`.
///
/// ```
/// use duologue_runtime::{Caller, Descriptor, DynError, DynService, Method, Value};
///
/// /// Answers everything with how it was called.
/// struct Parrot;
///
/// impl DynService for Parrot {
///     async fn call(&self, method: &str, args: Vec<Value>, _: &Caller) -> Result<Value, DynError> {
///         Ok(format!("{method}{}", Value::from(args)).into())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use duologue_runtime::{Node, args};
/// let interface = Descriptor::new("Parrot").with_method(Method::new("say").with_param("what", "String"));
/// let node = Node::builder().serve_dynamic(interface, || Parrot).bind("127.0.0.1:0").await?;
/// # let client = Node::new().await?;
/// let conn = client.connect(node.local_addr().to_string()).await?;
/// assert_eq!(conn.dynamic_root().await?.call("say", args!["hello"]).await?, r#"say["hello"]"#);
/// # Ok(())
/// # }
/// ```
pub trait DynService: 'static {
    /// Answers a call of one of the methods that the descriptor names.
    fn call(
        &self,
        method: &str,
        args: Vec<Value>,
        caller: &Caller,
    ) -> impl Future<Output = Result<Value, DynError>>;

    /// Reads an attribute that the descriptor names.
    fn get(&self, attribute: &str, caller: &Caller) -> impl Future<Output = Result<Value, DynError>> {
        let _ = caller;
        std::future::ready(Err(DynError::NoSuchMethod(attribute.to_owned())))
    }

    /// Writes an attribute that the descriptor calls writable.
    fn set(
        &self,
        attribute: &str,
        value: Value,
        caller: &Caller,
    ) -> impl Future<Output = Result<(), DynError>> {
        let _ = (value, caller);
        std::future::ready(Err(DynError::NoSuchMethod(attribute.to_owned())))
    }
}

/// Why a [`DynService`] has no result.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DynError {
    /// The service's own error. A caller of a method that the descriptor calls fallible gets it as `CallError::App`; any other gets its
    /// text, as `CallError::Nested`.
    #[error("{0}")]
    App(Value),
    /// There is no such method after all; the caller is told that nothing ran.
    #[error("no such method: {0}")]
    NoSuchMethod(String),
    /// The arguments are not what the method takes; the caller is told that nothing ran.
    #[error("bad arguments: {0}")]
    BadArguments(String),
    /// A call that it made for its result failed. The caller gets `CallError::Nested`.
    #[error(transparent)]
    Call(CallError),
}

impl From<CallError> for DynError {
    fn from(error: CallError) -> DynError {
        DynError::Call(error)
    }
}

/// What a gateway passes on of a call by name.
impl From<CallError<Value>> for DynError {
    fn from(error: CallError<Value>) -> DynError {
        match error {
            CallError::App(value) => DynError::App(value),
            CallError::NoSuchMethod(text) => DynError::NoSuchMethod(text),
            CallError::BadArguments(text) => DynError::BadArguments(text),
            other => DynError::Call(other.into()),
        }
    }
}

impl From<AttributeError> for DynError {
    fn from(error: AttributeError) -> DynError {
        match error {
            AttributeError::Call(error) => error.into(),
            other => DynError::NoSuchMethod(other.to_string()),
        }
    }
}

impl From<ValueError> for DynError {
    fn from(error: ValueError) -> DynError {
        DynError::BadArguments(error.to_string())
    }
}

/// The interface of a service that goes by name: its requests are values, whatever its descriptor says.
pub(crate) struct Dynamic;

/// A stand-in: the object has its own.
static DESCRIPTOR: Descriptor = Descriptor::fixed("", &[], 1, "", &[]);

impl Interface for Dynamic {
    type Request = Vec<Value>;

    const DESCRIPTOR: &'static Descriptor = &DESCRIPTOR;

    fn decode(_: u16, args: ArgsIn<'_>) -> Result<Vec<Value>, BadBody> {
        match args.value()? {
            Value::List(values) => Ok(values),
            other => Err(BadBody::new(format!("the arguments are a list, not {}", other.kind()))),
        }
    }
}

impl<S: DynService> Dispatch<S> for Dynamic {
    const HOOKS: bool = false;

    fn run(me: &Hosted<S>, mut args: Vec<Value>, call: Incoming) {
        let Some(method) = call.method() else {
            let fault = Fault::never(FaultCode::NO_SUCH_METHOD, call.name());
            return me.refuse(call, fault);
        };
        if let Err(text) = check(&args, method) {
            let fault = Fault::never(FaultCode::BAD_BODY, format!("{}: {text}", call.name()));
            return me.refuse(call, fault);
        }
        if !method.is_variadic() {
            args.truncate(method.params().len());
        }
        let (fallible, access) = (method.is_fallible(), method.access());
        let name = method.attribute().unwrap_or(method.name()).to_owned();
        me.read::<ByName, _>(call, async move |service: &S| {
            let caller = Caller::current();
            let outcome = match access {
                Access::Get => service.get(&name, &caller).await,
                Access::Set => {
                    let value = args.pop().unwrap_or_default();
                    service.set(&name, value, &caller).await.map(|()| Value::Nil)
                }
                Access::Call => service.call(&name, args, &caller).await,
            };
            (fallible, outcome)
        });
    }

    fn on_connect(_: &mut S, _: &Connection) {}

    fn on_disconnect(_: &mut S, _: &Connection) {}
}

/// How what a [`DynService`] returns travels: bare, or as a `Result` where the method may fail.
struct ByName;

impl Shape for ByName {
    type Returned = (bool, Result<Value, DynError>);
    type Value = Value;
    type Ok = Value;
    type Err = NoError;

    fn split((fallible, outcome): Self::Returned) -> Result<Value, Fault> {
        match (outcome, fallible) {
            (Ok(value), false) => Ok(value),
            (Ok(value), true) => Ok(Value::from(Ok::<_, Value>(value))),
            (Err(DynError::App(error)), true) => Ok(Value::from(Err::<Value, _>(error))),
            (Err(DynError::App(error)), false) => {
                Err(Fault::new(FaultCode::NESTED, Ran::Yes, error.to_string()))
            }
            (Err(DynError::NoSuchMethod(text)), _) => Err(Fault::never(FaultCode::NO_SUCH_METHOD, text)),
            (Err(DynError::BadArguments(text)), _) => Err(Fault::never(FaultCode::BAD_BODY, text)),
            (Err(DynError::Call(error)), _) => Err(Fault::of_handler(error)),
        }
    }

    fn write(value: &Value, out: &mut Output<'_>) -> Result<(), EncodeError> {
        out.put(value)
    }

    fn read(body: &Body, refs: &Refs) -> Result<Value, String> {
        values::decode(body, refs)
    }

    fn outcome(value: Value) -> Result<Value, CallError> {
        Ok(value)
    }
}

/// Starts the actor of a service that `make` makes on the thread of `on`.
pub(crate) fn host_dynamic<S: DynService>(interface: Described, make: Make<S>, on: &Worker) -> LocalObject {
    host_with::<Dynamic, S>(interface, make, on, Fate::new())
}

/// The same for a service of this thread.
pub(crate) fn local_dynamic<S: DynService>(interface: Descriptor, service: S) -> LocalObject {
    local_as::<Dynamic, S>(interface.into(), service)
}

/// A closure of any arguments.
struct Closure<F>(F);

impl<F: AsyncFn(Vec<Value>) -> Result<Value, DynError> + 'static> DynService for Closure<F> {
    async fn call(&self, _: &str, args: Vec<Value>, _: &Caller) -> Result<Value, DynError> {
        (self.0)(args).await
    }
}

/// A closure that starts to live where it is first needed.
pub(super) fn callback<F>(closure: F) -> Handle
where
    F: AsyncFn(Vec<Value>) -> Result<Value, DynError> + Send + 'static,
{
    static CALLBACK: LazyLock<Described> = LazyLock::new(|| {
        let call = Method::new("call").with_doc("Calls the closure.").variadic().returning("_");
        Descriptor::new("Callback").with_doc("A closure.").with_method(call).into()
    });
    Handle::lazy_as::<Dynamic>(
        CALLBACK.clone(),
        Box::new(move |on, fate| {
            host_with::<Dynamic, Closure<F>>(CALLBACK.clone(), Make::once(move || Closure(closure)), on, fate)
        }),
    )
}

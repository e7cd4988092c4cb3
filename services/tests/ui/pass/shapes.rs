//! Every shape a service method may have, with the strictest lints on.
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, rust_2018_idioms)]

use std::fmt;

use duologue::prelude::*;
use serde::{Deserialize, Serialize};

/// A configuration; cloned at the callee's side of a borrowed argument.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Config {
    /// A field.
    pub depth: u32,
}

/// Division by zero.
#[derive(Debug, Serialize, Deserialize)]
pub struct DivideByZero;

impl fmt::Display for DivideByZero {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("division by zero")
    }
}

type Checked<T> = std::result::Result<T, DivideByZero>;

mod alias {
    pub(crate) type Result<T> = std::result::Result<T, String>;
}

/// An account.
#[service]
pub trait Account {
    /// What is in it.
    fn balance(&self) -> i64;
}

/// What stays where it was handed to.
#[service(stay, lane = "own")]
pub trait Seal {
    /// Presses it.
    fn press(&self);
}

/// Calculates.
///
/// And more.
#[service(name = "Calc", aliases = ["calculator", "desk"], version = 3)]
pub trait Calculator {
    /// The sum.
    async fn add(&self, a: i64, b: i64) -> i64;
    /// How many calls.
    #[get]
    fn count(&self) -> u64;
    /// The quotient.
    #[idempotent]
    async fn div(&self, a: i64, b: i64) -> Result<i64, DivideByZero>;
    /// Adds to the memory.
    async fn memory(&mut self, value: i64) -> i64;
    /// Resets.
    #[cancel]
    #[set]
    fn reset(&mut self, value: i64);
    /// Counts up.
    #[no_cancel]
    async fn upto(&self, n: u64, tick: Callback<fn(u64) -> bool>);
    /// Several callbacks, nested ones included.
    async fn hooks(&self, all: Vec<Callback<fn(String)>>, one: Option<Callback<fn() -> Result<u8, String>>>);
    /// An object by reference; borrowed arguments.
    async fn open(&self, name: &str, limits: &[u32], config: &Config) -> Result<AccountProxy, DivideByZero>;
    /// Asks back.
    async fn bar(&self, caller: &Caller) -> Result<String, CallError>;
    /// An alias named Result.
    async fn aliased(&self) -> alias::Result<u8>;
    /// An alias not named Result is a value.
    fn valued(&self) -> Checked<u8>;
    /// A default body, with the caller.
    async fn whoami(&self, caller: &Caller) -> bool {
        let _ = caller;
        true
    }
    /// Names that the expansion uses itself.
    #[allow(clippy::too_many_arguments)]
    fn awkward(&self, args: u8, call: u8, me: u8, request: u8, r#type: u8, __args: u8) -> u8 {
        args + call + me + request + r#type + __args
    }
    /// A method named by a keyword, with trailing optional arguments.
    fn r#match(&self, must: u8, #[serde(default)] more: Vec<u8>, last: Option<u8>);
    /// Names of the traits a proxy implements.
    fn clone(&self) -> u8;
    /// As a method of the runtime's trait.
    fn handle(&self) -> u8;
    /// A type named like something in the expansion.
    fn named(&self, request: Request) -> Request;
}

/// A type whose name is likely.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Request {
    /// A variant.
    One,
}

struct Desk {
    total: i64,
    not_send: std::rc::Rc<u8>,
}

#[service]
impl Calculator for Desk {
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }
    fn count(&self) -> u64 {
        u64::from(*self.not_send)
    }
    async fn div(&self, a: i64, b: i64) -> Result<i64, DivideByZero> {
        a.checked_div(b).ok_or(DivideByZero)
    }
    async fn memory(&mut self, value: i64) -> i64 {
        self.total += value;
        self.total
    }
    fn reset(&mut self, value: i64) {
        self.total = value;
    }
    async fn upto(&self, n: u64, tick: Callback<fn(u64) -> bool>) {
        for n in 0..n {
            if !tick.call(n).await.unwrap_or(false) {
                break;
            }
        }
    }
    async fn hooks(&self, all: Vec<Callback<fn(String)>>, one: Option<Callback<fn() -> Result<u8, String>>>) {
        for hook in all {
            let _ = hook.call("now".to_owned()).await;
        }
        if let Some(one) = one {
            let _: Result<u8, CallError<String>> = one.call().await;
        }
    }
    async fn open(&self, name: &str, limits: &[u32], config: &Config) -> Result<AccountProxy, DivideByZero> {
        if name.is_empty() || limits.is_empty() || config.depth == 0 {
            return Err(DivideByZero);
        }
        Ok(AccountProxy::local(Purse(7)))
    }
    async fn bar(&self, caller: &Caller) -> Result<String, CallError> {
        let _: Connection = caller.connection();
        let there: CalculatorProxy = caller.connection().root().await?;
        Ok(there.add(1, 2).await?.to_string())
    }
    async fn aliased(&self) -> alias::Result<u8> {
        Ok(1)
    }
    fn valued(&self) -> Checked<u8> {
        Ok(1)
    }
    fn r#match(&self, _must: u8, _more: Vec<u8>, _last: Option<u8>) {}
    fn clone(&self) -> u8 {
        0
    }
    fn handle(&self) -> u8 {
        0
    }
    fn named(&self, request: Request) -> Request {
        request
    }
    fn on_connect(&mut self, _connection: &Connection) {
        self.total = 0;
    }
}

struct Purse(i64);

#[service]
impl Account for Purse {
    fn balance(&self) -> i64 {
        self.0
    }
}

/// A generic implementation.
struct Generic<T>(T);

#[service]
impl<T> Account for Generic<T>
where
    T: Into<i64> + Copy + 'static,
{
    fn balance(&self) -> i64 {
        self.0.into()
    }
}

mod elsewhere {
    /// The implementing module knows the trait only.
    pub(crate) struct Other;

    #[duologue::service]
    impl super::Account for Other {
        fn balance(&self) -> i64 {
            0
        }
    }
}

/// A service that a macro puts together of words from here and there.
macro_rules! made {
    ($trait:ident, $proxy:ident, $method:ident, $argument:ident, $ty:ty) => {
        #[service]
        trait $trait {
            async fn $method(&self, $argument: $ty, other: &str) -> $ty;
            fn own(&self, caller: &Caller, $argument: $ty) -> Result<$ty, CallError> {
                let _ = caller;
                Ok($argument)
            }
        }
        struct Made;
        #[service]
        impl $trait for Made {
            async fn $method(&self, $argument: $ty, _other: &str) -> $ty {
                $argument
            }
        }
        fn made(proxy: $proxy) -> Call<$ty> {
            let _ = proxy.own(1);
            proxy.$method(1, "x")
        }
    };
}

made!(Maker, MakerProxy, make, other_name, u64);

/// A service that a function keeps to itself.
fn inside_a_function() {
    #[service]
    trait Hidden {
        fn nothing(&self);
    }
    struct Here;
    #[service]
    impl Hidden for Here {
        fn nothing(&self) {}
    }
    let _ = Node::builder().serve(|| Here);
}

async fn uses(calc: CalculatorProxy) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let _: i64 = calc.add(4, 7).await?;
    let _: u64 = calc.count().await?;
    let _: Result<i64, CallError<DivideByZero>> = calc.div(1, 0).await;
    calc.upto(10, |n: u64| n < 5).await?;
    let tick = Callback::new_async(async |n: u64| n < 5);
    calc.upto(10, &tick).await?;
    calc.upto(10, tick).await?;
    let open: Call<AccountProxy, DivideByZero> = calc.open("alice", &[1, 2], &Config { depth: 1 });
    let _: i64 = open.await?.balance().await?;
    let _: Call<u8, String> = calc.aliased();
    let _: Call<Checked<u8>> = calc.valued();
    let _: Call<String> = calc.bar();
    let _: Call<bool> = calc.whoami();
    let _: Call<Request> = calc.named(Request::One);
    calc.hooks(vec![Callback::new(|_| ())], Some(Callback::new(|| Err("no".to_owned())))).await?;
    Ok(())
}

fn is_a_value<T: Clone + Send + Sync + fmt::Debug + Eq + std::hash::Hash + Serialize + serde::de::DeserializeOwned>() {}

/// Where it starts.
fn main() {
    is_a_value::<CalculatorProxy>();
    is_a_value::<Callback<fn(u64) -> bool>>();
    let _ = (uses, made);
    let _ = Node::builder().serve(|| Made);
    let _ = inside_a_function;
    let _ = Node::builder().serve(|| Desk { total: 0, not_send: std::rc::Rc::new(1) });
    let _ = Node::builder().serve(|| Generic(1_i32));
    let _ = Node::builder().serve(|| elsewhere::Other);
    let described = duologue::Descriptor::of::<CalculatorProxy>();
    assert_eq!((described.name(), described.version()), ("Calc", 3));
    assert_eq!(described.aliases().collect::<Vec<_>>(), ["calculator", "desk"]);
    assert_eq!(described.doc(), "Calculates.\n\nAnd more.");
    let open = described.method("open").unwrap();
    assert_eq!(open.params().iter().map(|param| param.ty()).collect::<Vec<_>>(), ["&str", "&[u32]", "&Config"]);
    assert_eq!(open.returns(), "Result<AccountProxy, DivideByZero>");
    let upto = described.method("upto").unwrap();
    assert_eq!(upto.params()[1].ty(), "Callback<fn(u64) -> bool>");
    assert_eq!((upto.is_cancellable(), upto.is_exclusive()), (false, false));
    assert!(described.method("match").is_some());
}

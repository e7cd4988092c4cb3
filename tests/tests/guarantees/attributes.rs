//! `#[get]` and `#[set]` methods: ordinary ones for a typed proxy, attributes for whoever goes by name.

use duologue::prelude::*;
use duologue::{AttributeError, Caller, Descriptor, DynError, DynProxy, DynService, Value, args};
use duologue_tests::nodes::{pair, pair_of, run, small};

#[derive(Debug, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[error("{0} is too much")]
struct TooMuch(i64);

/// An account.
#[service]
trait Account {
    fn deposit(&mut self, amount: i64) -> i64;
    /// What is on it.
    #[get]
    fn balance(&self) -> i64;
    #[get]
    async fn limit(&self) -> Result<i64, TooMuch>;
    /// How far it may go.
    #[set]
    async fn set_limit(&mut self, value: i64) -> Result<(), TooMuch>;
    #[set]
    fn pin(&mut self, pin: &str);
    #[get]
    fn holder(&self, caller: &Caller) -> String;
}

struct Purse {
    balance: i64,
    limit: i64,
}

#[service]
impl Account for Purse {
    fn deposit(&mut self, amount: i64) -> i64 {
        self.balance += amount;
        self.balance
    }
    fn balance(&self) -> i64 {
        self.balance
    }
    async fn limit(&self) -> Result<i64, TooMuch> {
        if self.limit < 0 { Err(TooMuch(self.limit)) } else { Ok(self.limit) }
    }
    async fn set_limit(&mut self, value: i64) -> Result<(), TooMuch> {
        if value > 1_000 {
            return Err(TooMuch(value));
        }
        self.limit = value;
        Ok(())
    }
    fn pin(&mut self, pin: &str) {
        self.balance = pin.len() as i64;
    }
    fn holder(&self, caller: &Caller) -> String {
        caller.peer().map_or_else(|| "nobody".into(), |peer| peer.to_string())
    }
}

fn purse() -> Purse {
    Purse { balance: 7, limit: 100 }
}

#[test]
fn they_are_read_and_written_by_name_and_are_methods_of_the_proxy() {
    run(async {
        let pair = pair(purse).await;
        let account = pair.connection.dynamic_root().await.unwrap();
        assert_eq!(account.get("balance").await.unwrap(), 7);
        assert_eq!(account.get("limit").await.unwrap(), 100);
        account.set("limit", 200).await.unwrap();
        assert_eq!(account.get("holder").await.unwrap(), pair.client.id().to_string());
        let typed: AccountProxy = account.typed().await.unwrap();
        assert_eq!(typed.limit().await.unwrap(), 200);
        typed.set_limit(300).await.unwrap();
        assert_eq!(account.get("limit").await.unwrap(), 300);
        assert_eq!(account.call("set_limit", args![400]).await.unwrap(), Value::Nil);
        assert_eq!(account.call("limit", args![]).await.unwrap(), 400);
        account.set("pin", "1234").await.unwrap();
        assert_eq!(account.get("balance").await.unwrap(), 4);
    });
}

#[test]
fn without_a_set_method_they_are_write_protected() {
    run(async {
        let pair = pair(purse).await;
        let account = pair.connection.dynamic_root().await.unwrap();
        let error = account.set("balance", 1_000_000).await.unwrap_err();
        assert_eq!(error, AttributeError::WriteProtected("balance".into()));
        assert_eq!(error.to_string(), "attribute `balance` is write-protected");
        assert!(error.never_ran());
        let error = account.get("pin").await.unwrap_err();
        assert_eq!(error, AttributeError::WriteOnly("pin".into()));
        for name in ["deposit", "set_limit", "Balance", "nothing", ""] {
            let error = AttributeError::NoSuchAttribute(name.into());
            assert_eq!(account.get(name).await.unwrap_err(), error);
            assert_eq!(account.set(name, 1).await.unwrap_err(), error);
        }
        assert_eq!(account.get("balance").await.unwrap(), 7);
        let plain: CallError = account.set("balance", 1).await.unwrap_err().into();
        assert_eq!(plain, CallError::NoSuchMethod("attribute `balance` is write-protected".into()));
    });
}

#[test]
fn an_error_of_its_own_and_a_value_of_another_type_are_told() {
    run(async {
        let pair = pair(purse).await;
        let account = pair.connection.dynamic_root().await.unwrap();
        let error = account.set("limit", 2_000).await.unwrap_err();
        assert_eq!(error, AttributeError::Call(CallError::App(Value::from(2_000))));
        let error = account.set("limit", "much").await.unwrap_err();
        let AttributeError::Call(CallError::BadArguments(text)) = &error else { panic!("{error:?}") };
        assert_eq!(text, "Account::set_limit: argument `value`: wrong msgpack marker FixStr(4)");
        assert!(error.never_ran());
    });
}

#[test]
fn the_description_joins_what_reads_and_what_writes_an_attribute() {
    run(async {
        let pair = pair(purse).await;
        let account = pair.connection.dynamic_root().await.unwrap();
        let interface = account.describe().await.unwrap();
        assert_eq!(&interface, Descriptor::of::<AccountProxy>());
        let seen: Vec<_> =
            interface.attributes().iter().map(|a| (a.name, a.ty, a.doc, a.readable, a.writable)).collect();
        let expected = [
            ("balance", "i64", "What is on it.", true, false),
            ("limit", "i64", "How far it may go.", true, true),
            ("pin", "&str", "", false, true),
            ("holder", "String", "", true, false),
        ];
        assert_eq!(seen, expected);
        assert_eq!(account.list().await.unwrap(), ["deposit", "balance", "limit", "pin", "holder"]);
    });
}

/// Remembers what was set; keeps a cell, since its calls run together.
#[derive(Default)]
struct Thermostat {
    target: std::cell::Cell<f64>,
}

impl DynService for Thermostat {
    async fn call(&self, method: &str, _: Vec<Value>, _: &Caller) -> Result<Value, DynError> {
        Err(DynError::NoSuchMethod(method.to_owned()))
    }
    async fn get(&self, attribute: &str, _: &Caller) -> Result<Value, DynError> {
        match attribute {
            "target" => Ok(self.target.get().into()),
            "room" => Ok(19.5.into()),
            other => Err(DynError::NoSuchMethod(other.to_owned())),
        }
    }
    async fn set(&self, attribute: &str, value: Value, _: &Caller) -> Result<(), DynError> {
        assert_eq!(attribute, "target", "nothing else is writable");
        self.target.set(f64::try_from(value)?);
        Ok(())
    }
}

#[service(name = "Thermostat")]
trait Heating {
    #[get]
    fn target(&self) -> f64;
    #[set]
    fn set_target(&self, value: f64);
    #[get]
    fn room(&self) -> f64;
}

#[test]
fn a_service_that_goes_by_name_has_attributes_for_typed_proxies_too() {
    run(async {
        let interface = Descriptor::new("Thermostat")
            .with_attribute("room", "f64", false)
            .with_attribute("target", "f64", true);
        let server = small().serve_dynamic(interface, Thermostat::default);
        let pair = pair_of(server, small()).await;
        let typed: HeatingProxy = pair.root().await;
        typed.set_target(21.0).await.unwrap();
        assert_eq!(typed.target().await.unwrap(), 21.0);
        assert_eq!(typed.room().await.unwrap(), 19.5);
        let by_name: DynProxy = typed.into();
        by_name.set("target", 22).await.unwrap();
        assert_eq!(by_name.get("target").await.unwrap(), 22.0);
        let error = by_name.set("room", 30).await.unwrap_err();
        assert_eq!(error, AttributeError::WriteProtected("room".into()));
        let error = by_name.set("target", "warm").await.unwrap_err();
        let text = "a number was wanted, not a text".to_owned();
        assert_eq!(error, AttributeError::Call(CallError::BadArguments(text)));
    });
}

//! Calls by name: typed and dynamic callers meet typed and dynamic services, and nothing is reachable that was not before.

use std::collections::HashMap;
use std::time::Duration;

use duologue::prelude::*;
use duologue::{
    Args, Caller, Descriptor, DynError, DynProxy, DynService, Method, OpenError, Ran, Value, args,
};
use duologue_tests::nodes::{Pair, begin, begin_all, pair, pair_of, run, small};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Parcel {
    grams: u32,
    label: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
enum Trouble {
    #[error("nothing is called {0}")]
    Unknown(String),
    #[error("division by zero")]
    DivideByZero,
}

/// Everything that crosses.
#[service(aliases = ["stage"], version = 2)]
trait Scene {
    /// Adds.
    #[idempotent]
    async fn add(&self, a: i64, b: i64) -> i64;
    async fn div(&self, a: i64, b: i64) -> Result<i64, Trouble>;
    fn parcel(&self, parcel: Parcel, times: Option<u8>, #[serde(default)] tag: String) -> String;
    fn whole(&self, bytes: Bytes) -> Bytes;
    async fn open(&mut self, name: &str) -> Result<PropProxy, Trouble>;
    fn all(&self) -> HashMap<String, PropProxy>;
    fn owns(&self, prop: PropProxy) -> bool;
    async fn upto(&self, n: u64, tick: Callback<fn(u64) -> bool>) -> Result<u64, CallError>;
    async fn risky(&self, f: Callback<fn(u8) -> Result<u8, Trouble>>) -> String;
    async fn ask(&self, far: PropProxy) -> Result<String, CallError>;
    fn echo(&self, value: Value) -> Value;
    async fn forward(&self, object: DynProxy, method: String, args: Vec<Value>) -> Result<Value, Value>;
    fn adder(&self) -> Callback<fn(u8) -> u8>;
    async fn never(&self);
    fn nested(&self) -> Result<u8, CallError>;
}

#[service]
trait Prop {
    fn name(&self) -> String;
}

struct Named(String);

#[service]
impl Prop for Named {
    fn name(&self) -> String {
        self.0.clone()
    }
}

#[derive(Default)]
struct Play {
    props: HashMap<String, PropProxy>,
}

#[service]
impl Scene for Play {
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }
    async fn div(&self, a: i64, b: i64) -> Result<i64, Trouble> {
        a.checked_div(b).ok_or(Trouble::DivideByZero)
    }
    fn parcel(&self, parcel: Parcel, times: Option<u8>, tag: String) -> String {
        format!("{} {:?} {times:?} {tag:?}", parcel.grams, parcel.label)
    }
    fn whole(&self, bytes: Bytes) -> Bytes {
        bytes
    }
    async fn open(&mut self, name: &str) -> Result<PropProxy, Trouble> {
        if name.is_empty() {
            return Err(Trouble::Unknown("nothing".into()));
        }
        let prop = self.props.entry(name.to_owned());
        Ok(prop.or_insert_with(|| PropProxy::local(Named(name.to_owned()))).clone())
    }
    fn all(&self) -> HashMap<String, PropProxy> {
        self.props.clone()
    }
    fn owns(&self, prop: PropProxy) -> bool {
        self.props.values().any(|known| *known == prop)
    }
    async fn upto(&self, n: u64, tick: Callback<fn(u64) -> bool>) -> Result<u64, CallError> {
        for number in 0..n {
            if !tick.call(number).await? {
                return Ok(number);
            }
        }
        Ok(n)
    }
    async fn risky(&self, f: Callback<fn(u8) -> Result<u8, Trouble>>) -> String {
        format!("{:?} {:?}", f.call(1).await, f.call(0).await)
    }
    async fn ask(&self, far: PropProxy) -> Result<String, CallError> {
        far.name().await
    }
    fn echo(&self, value: Value) -> Value {
        value
    }
    async fn forward(&self, object: DynProxy, method: String, args: Vec<Value>) -> Result<Value, Value> {
        object.call(&method, args).await.map_err(|e| Value::from(e.to_string()))
    }
    fn adder(&self) -> Callback<fn(u8) -> u8> {
        Callback::new(|n: u8| n + 1)
    }
    async fn never(&self) {
        std::future::pending().await
    }
    fn nested(&self) -> Result<u8, CallError> {
        Err(CallError::Overloaded("somewhere else".into()))
    }
}

async fn scene() -> (Pair, DynProxy) {
    let pair = pair(Play::default).await;
    let scene = pair.connection.dynamic_root().await.unwrap();
    (pair, scene)
}

#[test]
fn a_typed_service_is_called_by_name() {
    run(async {
        let (pair, scene) = scene().await;
        assert_eq!(scene.call("add", args![4, 7]).await.unwrap(), 11);
        assert_eq!(scene.call("add", args![b: 7, a: -4]).await.unwrap(), 3);
        let parcel = Value::of(&Parcel { grams: 5, label: None }).unwrap();
        let said = scene.call("parcel", args![parcel.clone()]).await.unwrap();
        assert_eq!(said, "5 None None \"\"");
        let map = Value::map([("grams", Value::from(5)), ("label", "x".into()), ("colour", "red".into())]);
        let said = scene.call("parcel", args![map, 3, "t"]).await.unwrap();
        assert_eq!(said, "5 Some(\"x\") Some(3) \"t\"");
        let said = scene.call("parcel", args![tag: "t", parcel: parcel]).await.unwrap();
        assert_eq!(said, "5 None None \"t\"", "an `Option` between others is nil");
        let bytes = Bytes::from(vec![255; 3_000]);
        assert_eq!(scene.call("whole", args![bytes.clone()]).await.unwrap(), bytes);
        for name in ["Scene", "STAGE", "sCeNe"] {
            let again = pair.connection.dynamic(name).await.unwrap();
            assert_eq!(again, scene, "names of services are compared without regard to case");
        }
        drop(scene);
        pair.at_rest().await;
    });
}

#[test]
fn an_application_error_comes_as_a_value() {
    run(async {
        let (_pair, scene) = scene().await;
        assert_eq!(scene.call("div", args![7, 2]).await.unwrap(), 3);
        let error = scene.call("div", args![7, 0]).await.unwrap_err();
        assert_eq!(error, CallError::App(Value::from("DivideByZero")));
        assert_eq!((error.ran(), error.to_string()), (Ran::Yes, "DivideByZero".to_owned()));
        let error = scene.call("open", args![""]).await.unwrap_err();
        let CallError::App(value) = &error else { panic!("{error:?}") };
        assert_eq!(value.to::<Trouble>().unwrap(), Trouble::Unknown("nothing".into()));
        let error = scene.call("nested", args![]).await.unwrap_err();
        assert_eq!(error, CallError::Nested("overloaded: somewhere else".into()));
    });
}

#[test]
fn the_description_is_the_trait() {
    run(async {
        let (pair, scene) = scene().await;
        let interface = scene.describe().await.unwrap();
        assert_eq!(&interface, Descriptor::of::<SceneProxy>());
        assert_eq!(interface.to_string().lines().next(), Some("/// Everything that crosses."));
        let add = interface.method("add").unwrap();
        assert_eq!(
            add.to_string(),
            "    /// Adds.\n    #[idempotent]\n    async fn add(&self, a: i64, b: i64) -> i64;\n"
        );
        assert!(add.is_idempotent() && !interface.method("div").unwrap().is_idempotent());
        assert_eq!(Descriptor::of::<SceneProxy>().method("parcel").unwrap().params()[2].ty(), "String");
        let again = pair.connection.dynamic_root().await.unwrap();
        assert_eq!(again.describe().await.unwrap(), interface);
        assert_eq!(scene.list().await.unwrap().len(), 15);
        let for_tools = Value::of(&interface).unwrap();
        assert_eq!(*for_tools.get("name").unwrap(), "Scene");
        assert_eq!(for_tools.to::<Descriptor>().unwrap(), interface);
    });
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_sent() {
    run(async {
        let (pair, scene) = scene().await;
        scene.describe().await.unwrap();
        pair.client.until(|stats| stats.total.calls_awaiting == 0).await;
        for (method, args, error) in [
            ("sub", args![1, 2], CallError::NoSuchMethod("Scene::sub".into())),
            ("ADD", args![1, 2], CallError::NoSuchMethod("Scene::ADD".into())),
            ("on_connect", args![], CallError::NoSuchMethod("Scene::on_connect".into())),
            ("add", args![1], CallError::BadArguments("Scene::add: argument `b` is missing".into())),
            (
                "add",
                args![1, 2, 3],
                CallError::BadArguments("Scene::add: it takes 2 arguments, not 3".into()),
            ),
            ("add", args![a: 1, c: 2], CallError::BadArguments("Scene::add: argument `b` is missing".into())),
            ("never", args![x: 2], CallError::BadArguments("Scene::never: it has no argument `x`".into())),
            (
                "echo",
                Args::from([(0..70).fold(Value::Nil, |inner, _| Value::from(vec![inner]))]),
                CallError::NotSent("argument `value`: nested deeper than 64 levels".into()),
            ),
        ] {
            let found = scene.call(method, args).await.unwrap_err();
            assert_eq!(found, error);
            assert!(found.never_ran());
        }
    });
}

#[test]
fn a_value_of_another_type_is_refused_by_the_other_side_with_the_argument_s_name() {
    run(async {
        let (_pair, scene) = scene().await;
        for (method, args, text) in [
            ("add", args!["four", 7], "Scene::add: argument `a`: wrong msgpack marker FixStr(4)"),
            ("add", args![4, ()], "Scene::add: argument `b`: invalid type: unit value, expected i64"),
            ("parcel", args![Value::map([("grams", -1)])], "Scene::parcel: argument `parcel`: "),
            ("owns", args!["mine"], "Scene::owns: argument `prop`: "),
        ] {
            let error = scene.call(method, args).await.unwrap_err();
            let CallError::BadArguments(found) = &error else { panic!("{error:?}") };
            assert!(found.starts_with(text), "{found}");
            assert!(error.never_ran());
        }
        // An object of another interface is found out when it is used.
        let odd = scene.call("ask", args![scene.clone()]).await.unwrap_err();
        assert_eq!(odd, CallError::Nested("no such method: Scene::name".into()));
    });
}

#[test]
fn objects_in_values_go_out_come_home_and_are_released() {
    run(async {
        let (pair, scene) = scene().await;
        let hat = DynProxy::try_from(scene.call("open", args!["hat"]).await.unwrap()).unwrap();
        assert_eq!(hat.call("name", args![]).await.unwrap(), "hat");
        assert_eq!(hat.describe().await.unwrap().name(), "Prop");
        assert_eq!(scene.call("owns", args![&hat]).await.unwrap(), true, "it came home");
        let all = scene.call("all", args![]).await.unwrap();
        assert_eq!(*all.get("hat").unwrap(), hat, "the same object is the same proxy");
        let typed: PropProxy = hat.typed().await.unwrap();
        assert_eq!(typed.name().await.unwrap(), "hat");
        // One of this side: local again after the trip, and called from there meanwhile.
        let mine: PropProxy = pair.client.host(|| Named("mine".into()));
        assert_eq!(scene.call("ask", args![mine.clone()]).await.unwrap(), "mine");
        let deep = Value::map([("list", Value::from(vec![Value::from(mine.clone()), Value::from(&hat)]))]);
        let home = scene.call("echo", args![deep.clone()]).await.unwrap();
        assert_eq!(home, deep);
        let back = &home.get("list").unwrap().as_list().unwrap()[0];
        let back: PropProxy = back.as_object().unwrap().typed().await.unwrap();
        assert_eq!(back, mine);
        assert_eq!(back.name().await.unwrap(), "mine");
        drop((all, home, deep, back, typed, hat, mine, scene));
        // What is left is what the service keeps.
        pair.at_rest().await;
    });
}

#[test]
fn a_typed_object_of_this_process_is_called_by_name_and_tells_its_errors() {
    run(async {
        let node = small().start().await.unwrap();
        let scene = DynProxy::from(node.host::<SceneProxy, _>(Play::default));
        assert_eq!(scene.call("add", args![4, 7]).await.unwrap(), 11);
        let error = scene.call("div", args![7, 0]).await.unwrap_err();
        assert_eq!(error, CallError::App(Value::from("DivideByZero")));
        let hat = scene.call("open", args!["hat"]).await.unwrap();
        assert_eq!(hat.as_object().unwrap().call("name", args![]).await.unwrap(), "hat");
        let tick = DynProxy::callback(async |args| Ok(Value::from(args[0] != 3)));
        assert_eq!(scene.call("upto", args![10, tick]).await.unwrap(), 3);
        assert!(scene.revoke());
        scene.closed().await;
        assert!(matches!(scene.call("add", args![1, 2]).await, Err(CallError::Gone { .. })));
    });
}

#[test]
fn a_closure_of_any_arguments_stands_for_a_typed_callback() {
    run(async {
        let (pair, scene) = scene().await;
        let tick = DynProxy::callback(async |args| Ok(Value::from(args[0].as_u64() < Some(5))));
        assert_eq!(scene.call("upto", args![10, tick.clone()]).await.unwrap(), 5);
        // A typed proxy takes it as what it is.
        let typed: SceneProxy = scene.typed().await.unwrap();
        let as_typed: Callback<fn(u64) -> bool> = tick.typed().await.unwrap();
        assert!(!as_typed.call(7).await.unwrap());
        assert_eq!(typed.upto(10, as_typed).await.unwrap(), 5);
        let risky = DynProxy::callback(async |args| match args[0].as_u64() {
            Some(0) => Ok(Value::from(Err::<u8, _>("DivideByZero"))),
            _ => Ok(Value::from(Ok::<_, u8>(args[0].clone()))),
        });
        let said = scene.call("risky", args![risky]).await.unwrap();
        assert_eq!(said, "Ok(1) Err(App(DivideByZero))");
        let lazy = DynProxy::callback(async |_| Err(DynError::BadArguments("a moon".into())));
        let error = scene.call("upto", args![1, lazy]).await.unwrap_err();
        let text = "the peer could not read the arguments: a moon".to_owned();
        assert_eq!(error, CallError::Nested(text));
        // And a typed callback is called by name.
        let adder = scene.call("adder", args![]).await.unwrap();
        assert_eq!(adder.as_object().unwrap().call("call", args![7]).await.unwrap(), 8);
        drop((adder, tick, typed, scene));
        pair.at_rest().await;
    });
}

/// Passes everything on to another object, by name.
struct Gateway(DynProxy);

impl DynService for Gateway {
    async fn call(&self, method: &str, args: Vec<Value>, caller: &Caller) -> Result<Value, DynError> {
        match method {
            "who" => Ok(caller.peer().map_or_else(|| "nobody".to_owned(), |p| p.to_string()).into()),
            "odd" => Err(DynError::App("odd".into())),
            "panic" => panic!("as told"),
            _ => Ok(self.0.call(method, args).await?),
        }
    }
}

/// The interface of `Scene`, and more.
fn gateway_interface() -> Descriptor {
    ["who", "odd", "panic"]
        .into_iter()
        .fold(Descriptor::of::<SceneProxy>().clone(), |d, name| d.with_method(Method::new(name)))
}

async fn gateway() -> (Pair, Node) {
    let behind = small().start().await.unwrap();
    let scene = DynProxy::from(behind.host::<SceneProxy, _>(Play::default));
    let server = small().serve_dynamic(gateway_interface(), move || Gateway(scene.clone()));
    (pair_of(server, small()).await, behind)
}

#[test]
fn a_typed_proxy_calls_a_service_that_goes_by_name() {
    run(async {
        let (pair, _behind) = gateway().await;
        let scene: SceneProxy = pair.root().await;
        assert_eq!(scene.add(4, 7).await.unwrap(), 11);
        assert_eq!(scene.div(7, 0).await, Err(CallError::App(Trouble::DivideByZero)));
        assert_eq!(scene.div(7, 2).await.unwrap(), 3);
        let parcel = Parcel { grams: 5, label: None };
        assert_eq!(scene.parcel(parcel, Some(2), "t".into()).await.unwrap(), "5 None Some(2) \"t\"");
        let hat = scene.open("hat").await.unwrap();
        assert_eq!(hat.name().await.unwrap(), "hat");
        assert_eq!(scene.all().await.unwrap()["hat"], hat);
        assert!(scene.owns(hat).await.unwrap());
        let error = scene.open("").await.unwrap_err();
        assert_eq!(error, CallError::App(Trouble::Unknown("nothing".into())));
    });
}

#[service(name = "Scene")]
trait Sketch {
    fn odd(&self) -> u8;
    async fn panic(&self);
    fn lights(&self) -> u8;
    fn who(&self, surplus: u8) -> String;
    async fn add(&self, a: i64) -> i64;
}

#[test]
fn a_typed_proxy_of_another_version_is_understood_by_name() {
    run(async {
        let (pair, _behind) = gateway().await;
        let sketch: SketchProxy = pair.root().await;
        assert_eq!(sketch.who(9).await.unwrap(), pair.client.id().to_string());
        assert_eq!(sketch.odd().await, Err(CallError::Nested("odd".into())));
        assert_eq!(sketch.panic().await, Err(CallError::Panicked("as told".into())));
        assert_eq!(sketch.lights().await, Err(CallError::NoSuchMethod("Scene::lights".into())));
        let missing = CallError::BadArguments("Scene::add: argument `b` is missing".into());
        assert_eq!(sketch.add(1).await, Err(missing));
        // Both numberings on one lane.
        let scene: SceneProxy = pair.root().await;
        assert_eq!(scene.add(1, 2).await.unwrap(), 3);
        assert_eq!(sketch.odd().await, Err(CallError::Nested("odd".into())));
    });
}

#[test]
fn both_sides_may_go_by_name() {
    run(async {
        let (pair, _behind) = gateway().await;
        let scene = pair.connection.dynamic_root().await.unwrap();
        assert_eq!(scene.describe().await.unwrap(), gateway_interface());
        assert_eq!(scene.call("add", args![4, 7]).await.unwrap(), 11);
        let error = scene.call("div", args![1, 0]).await.unwrap_err();
        assert_eq!(error, CallError::App(Value::from("DivideByZero")));
        assert_eq!(scene.call("odd", args![]).await, Err(CallError::Nested("odd".into())));
        // A service that goes by name as an argument, called back by name.
        let mine = pair.client.host_dynamic(Descriptor::new("Prop").with_method(Method::new("name")), || {
            Gateway(DynProxy::callback(async |_| Ok(Value::Nil)))
        });
        let plain = self::pair(Play::default).await;
        let far = plain.connection.dynamic_root().await.unwrap();
        let theirs = plain
            .client
            .host_dynamic(Descriptor::new("Prop").with_method(Method::new("who").variadic()), || {
                Gateway(DynProxy::callback(async |_| Ok(Value::Nil)))
            });
        let said = far.call("forward", args![theirs, "who", vec![1, 2, 3]]).await.unwrap();
        assert_eq!(said, plain.server.id().to_string());
        // Typed code that wants a proxy of its own takes it as well.
        let interface = Descriptor::new("Prop").with_method(Method::new("name").returning("String"));
        let prop = plain.client.host_dynamic(interface, || {
            Gateway(DynProxy::from(PropProxy::local(Named("behind the gate".into()))))
        });
        assert_eq!(far.call("ask", args![prop]).await.unwrap(), "behind the gate");
        // And takes it for what its descriptor says.
        let typed: PropProxy = mine.typed().await.unwrap();
        let error = typed.name().await.unwrap_err();
        assert_eq!(error, CallError::NoSuchMethod("Callback::name".into()), "as the object behind it says");
    });
}

#[test]
fn interfaces_are_told_apart_by_name() {
    run(async {
        let (pair, scene) = scene().await;
        let expected = OpenError::WrongInterface { expected: "Prop".into(), found: "Scene".into() };
        assert_eq!(scene.typed::<PropProxy>().await.unwrap_err(), expected);
        let nothing = pair.connection.dynamic("nothing").await.unwrap_err();
        assert_eq!(nothing, OpenError::NoSuchService("nothing".into()));
        // A side that serves nothing shows a service without methods.
        let back = pair.both_sides().await;
        let void = back.dynamic_root().await.unwrap();
        assert_eq!(void.describe().await.unwrap().to_string(), "trait Void {}\n");
        assert_eq!(void.list().await.unwrap(), [""; 0]);
        let error = void.call("x", args![]).await.unwrap_err();
        assert_eq!(error, CallError::NoSuchMethod("Void::x".into()));
    });
}

#[test]
fn calls_by_name_start_in_the_order_made_and_end_at_their_deadline() {
    run(async {
        let (_pair, scene) = scene().await;
        scene.describe().await.unwrap();
        let opened = begin_all(["a", "b", "c"].map(|name| scene.call("open", args![name]))).await;
        for (call, name) in opened.into_iter().zip(["a", "b", "c"]) {
            let prop = call.await.unwrap();
            assert_eq!(prop.as_object().unwrap().call("name", args![]).await.unwrap(), name);
        }
        let late = scene.call("never", args![]).timeout(Duration::from_millis(20)).await.unwrap_err();
        assert!(matches!(late, CallError::Deadline { .. }), "{late:?}");
        let mut dropped = scene.call("never", args![]);
        assert!(begin(&mut dropped).await.is_pending());
        drop(dropped);
    });
}

//! Callbacks between two real nodes: every shape of closure, what it may be put into, how it fails and when it is started.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, mpsc};

use crate::prelude::*;
use runtime::private::Data;

use crate::{AppError, connect};

#[allow(clippy::type_complexity, reason = "an alias would hide what is tested")]
/// Callbacks inside a struct, an option, a list and a map.
#[derive(Serialize, Deserialize)]
struct Hooks {
    always: Callback<fn(u8) -> u8>,
    maybe: Option<Callback<fn(u8) -> u8>>,
    list: Vec<Callback<fn(u8) -> u8>>,
    named: HashMap<String, Callback<fn(u8) -> u8>>,
}

#[service(crate = "crate")]
trait Play {
    async fn none(&self, f: Callback<fn() -> String>) -> Result<String, CallError>;
    async fn count(&self, n: u64, f: Callback<fn(u64) -> bool>) -> Result<u64, CallError>;
    async fn two(&self, f: Callback<fn(String, i64) -> String>) -> Result<String, CallError>;
    async fn eight(&self, f: Callback<fn(u8, u8, u8, u8, u8, u8, u8, u8) -> u64>) -> Result<u64, CallError>;
    async fn fallible(&self, f: Callback<fn(u8) -> Result<u8, String>>) -> Result<u8, String>;
    async fn unit(&self, f: Callback<fn()>) -> Result<(), CallError>;
    async fn bytes(&self, f: Callback<fn(Bytes) -> Bytes>) -> Result<Bytes, CallError>;
    async fn hooks(&self, hooks: Hooks) -> Result<Vec<u8>, CallError>;
    async fn together(&self, n: usize, f: Callback<fn(usize) -> usize>) -> Result<usize, CallError>;
    async fn twice(&self, f: Callback<fn() -> u8>) -> (Result<u8, String>, Result<u8, String>);
    /// A callback that goes there and comes back.
    fn echo(&self, f: Callback<fn(u8) -> u8>) -> Callback<fn(u8) -> u8>;
    /// A callback made there.
    fn adder(&self, by: u64) -> Callback<fn(u64) -> u64>;
    fn keep(&mut self, f: Callback<fn() -> u8>);
    fn forget(&mut self);
}

#[derive(Default)]
struct Stage {
    kept: Option<Callback<fn() -> u8>>,
}

#[service(crate = "crate")]
impl Play for Stage {
    async fn none(&self, f: Callback<fn() -> String>) -> Result<String, CallError> {
        Ok(f.call().await? + "bar")
    }

    async fn count(&self, n: u64, f: Callback<fn(u64) -> bool>) -> Result<u64, CallError> {
        for number in 0..n {
            if !f.call(number).await? {
                return Ok(number);
            }
        }
        Ok(n)
    }

    async fn two(&self, f: Callback<fn(String, i64) -> String>) -> Result<String, CallError> {
        f.call("seven".to_owned(), 7).await
    }

    async fn eight(&self, f: Callback<fn(u8, u8, u8, u8, u8, u8, u8, u8) -> u64>) -> Result<u64, CallError> {
        f.call(1, 2, 3, 4, 5, 6, 7, 8).await
    }

    async fn fallible(&self, f: Callback<fn(u8) -> Result<u8, String>>) -> Result<u8, String> {
        // The closure's own error arrives as what it is, and not as a value within a value.
        let answer: Result<u8, CallError<String>> = f.call(3).await;
        answer.map_err(|error| match error {
            CallError::App(text) => text,
            other => format!("not the application's: {other}"),
        })
    }

    async fn unit(&self, f: Callback<fn()>) -> Result<(), CallError> {
        f.call().await
    }

    async fn bytes(&self, f: Callback<fn(Bytes) -> Bytes>) -> Result<Bytes, CallError> {
        f.call(Bytes::from_static(b"abc")).await
    }

    async fn hooks(&self, hooks: Hooks) -> Result<Vec<u8>, CallError> {
        let mut answers = vec![hooks.always.call(1).await?];
        for hook in hooks.maybe.iter().chain(&hooks.list) {
            answers.push(hook.call(2).await?);
        }
        answers.push(hooks.named["three"].call(3).await?);
        Ok(answers)
    }

    async fn together(&self, n: usize, f: Callback<fn(usize) -> usize>) -> Result<usize, CallError> {
        let calls: Vec<_> = (0..n).map(|number| tokio::spawn(f.call(number))).collect();
        let mut sum = 0;
        for call in calls {
            sum += call.await.expect("the call does not panic")?;
        }
        Ok(sum)
    }

    async fn twice(&self, f: Callback<fn() -> u8>) -> (Result<u8, String>, Result<u8, String>) {
        let first = f.call().await.map_err(|error| error.to_string());
        let second = f.call().await.map_err(|error| error.to_string());
        (first, second)
    }

    fn echo(&self, f: Callback<fn(u8) -> u8>) -> Callback<fn(u8) -> u8> {
        f
    }

    fn adder(&self, by: u64) -> Callback<fn(u64) -> u64> {
        Callback::new(move |to: u64| to + by)
    }

    fn keep(&mut self, f: Callback<fn() -> u8>) {
        self.kept = Some(f);
    }

    fn forget(&mut self) {
        self.kept = None;
    }
}

/// A stage of another node, and that node.
async fn stage() -> (Node, PlayProxy) {
    let node = Node::builder().serve(Stage::default).arbiters(1).bind("127.0.0.1:0").await.unwrap();
    let connection = connect(node.local_addr().to_string()).await.unwrap();
    let proxy = connection.root().await.unwrap();
    (node, proxy)
}

#[tokio::test]
async fn bare_closures_of_every_kind_are_called_back() {
    let (_node, stage) = stage().await;
    assert_eq!(stage.none(|| "foo".to_owned()).await.unwrap(), "foobar");
    assert_eq!(stage.two(|text: String, n: i64| format!("{text} is {n}")).await.unwrap(), "seven is 7");
    let sum = |a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8| {
        [a, b, c, d, e, f, g, h].into_iter().map(u64::from).sum::<u64>()
    };
    assert_eq!(stage.eight(sum).await.unwrap(), 36);
    assert_eq!(stage.bytes(|bytes: Bytes| [&bytes[..], b"def"].concat().into()).await.unwrap(), "abcdef");

    let (told, mut heard) = mpsc::unbounded_channel();
    stage.unit(move || told.send(()).unwrap()).await.unwrap();
    assert_eq!(heard.recv().await, Some(()));
}

#[tokio::test]
async fn a_sync_closure_may_change_what_it_has_captured() {
    let (_node, stage) = stage().await;
    let mut seen = Vec::new();
    let counted = stage.count(100, move |n: u64| {
        seen.push(n);
        seen.len() < 5
    });
    assert_eq!(counted.await.unwrap(), 4);
}

#[tokio::test]
async fn the_error_of_a_closure_is_the_application_error_of_the_call() {
    let (_node, stage) = stage().await;
    let odd = |n: u8| if n.is_multiple_of(2) { Ok(n) } else { Err(format!("{n} is odd")) };
    assert_eq!(stage.fallible(odd).await, Err(CallError::App("3 is odd".to_owned())));
    assert_eq!(stage.fallible(|n: u8| Ok(n + 1)).await, Ok(4));
}

#[tokio::test]
async fn async_closures_run_together_and_their_futures_stay_on_one_thread() {
    let (_node, stage) = stage().await;
    // All five must have come before any of them is answered.
    let come = Arc::new(Semaphore::new(0));
    let wait = Callback::new_async(async move |n: usize| {
        let not_send = Rc::new(Cell::new(n));
        come.add_permits(1);
        let all = come.acquire_many(5).await.unwrap();
        drop(all);
        not_send.get()
    });
    assert_eq!(stage.together(5, wait).await.unwrap(), 10);

    let plain_future = Callback::new_async(|n: u64| async move { n < 3 });
    assert_eq!(stage.count(10, &plain_future).await.unwrap(), 3);
}

#[tokio::test]
async fn callbacks_stand_anywhere_in_a_value() {
    let (_node, stage) = stage().await;
    let by = |factor: u8| Callback::new(move |n: u8| n * factor);
    let hooks = Hooks {
        always: by(1),
        maybe: Some(by(10)),
        list: vec![by(20), by(30)],
        named: HashMap::from([("three".to_owned(), by(40))]),
    };
    assert_eq!(stage.hooks(hooks).await.unwrap(), [1, 20, 40, 60, 120]);
}

#[tokio::test]
async fn a_callback_that_comes_home_is_the_one_that_went() {
    let (_node, stage) = stage().await;
    let f: Callback<fn(u8) -> u8> = Callback::new(|n: u8| n + 1);
    let home = stage.echo(&f).await.unwrap();
    assert_eq!(home, f);
    assert_ne!(home, Callback::new(|n: u8| n + 1));
    assert_eq!(home.call(1).await.unwrap(), 2);
    assert_eq!(f.call(2).await.unwrap(), 3);
}

#[tokio::test]
async fn a_service_may_return_a_callback_of_its_own() {
    let (_node, stage) = stage().await;
    let add = stage.adder(5).await.unwrap();
    assert_eq!(add.call(10).await.unwrap(), 15);
}

#[tokio::test]
async fn the_panic_of_a_closure_is_an_error_at_its_caller_and_nothing_more() {
    let (_node, stage) = stage().await;
    let mut calls = 0_u8;
    let (first, second) = stage
        .twice(move || {
            calls += 1;
            if calls == 1 { panic!("out of tune") } else { calls }
        })
        .await
        .unwrap();
    assert_eq!(first.unwrap_err(), "the handler panicked: out of tune");
    // What it had captured may be half-changed: it is not called again.
    assert!(second.unwrap_err().starts_with("the object is gone"));

    let calls = AtomicU64::new(0);
    let (first, second) = stage
        .twice(Callback::new_async(async move || {
            if calls.fetch_add(1, Ordering::Relaxed) == 0 { panic!("again") } else { 7 }
        }))
        .await
        .unwrap();
    assert_eq!(first.unwrap_err(), "the handler panicked: again");
    assert_eq!(second.unwrap(), 7);
    assert_eq!(stage.none(|| "foo".to_owned()).await.unwrap(), "foobar");
}

#[tokio::test]
async fn what_a_callback_has_captured_is_dropped_when_nobody_holds_it_any_more() {
    let (_node, stage) = stage().await;
    let (alive, mut dead) = mpsc::channel::<()>(1);
    stage
        .keep(move || {
            let _ = &alive;
            1
        })
        .await
        .unwrap();
    assert!(
        dead.try_recv().is_err_and(|error| error == mpsc::error::TryRecvError::Empty),
        "the peer holds it"
    );
    stage.forget().await.unwrap();
    assert_eq!(dead.recv().await, None);
}

#[tokio::test]
async fn a_callback_that_is_never_used_is_never_started() {
    let dropped = Arc::new(());
    let captured = dropped.clone();
    let unused: Callback<fn() -> usize> = Callback::new(move || Arc::strong_count(&captured));
    drop(unused);
    assert_eq!(Arc::strong_count(&dropped), 1);
}

#[service(crate = "crate")]
trait Place {
    fn thread(&self) -> String;
}

/// Says on which thread it lives.
struct Here;

fn thread() -> String {
    format!("{:?}", std::thread::current().id())
}

#[service(crate = "crate")]
impl Place for Here {
    fn thread(&self) -> String {
        thread()
    }
}

#[service(crate = "crate")]
trait Compare {
    async fn threads(&self, f: Callback<fn() -> String>) -> Result<(String, String), CallError>;
}

struct Both;

#[service(crate = "crate")]
impl Compare for Both {
    async fn threads(
        &self,
        caller: &Caller,
        f: Callback<fn() -> String>,
    ) -> Result<(String, String), CallError> {
        let place: PlaceProxy = caller.connection().root().await?;
        Ok((f.call().await?, place.thread().await?))
    }
}

#[tokio::test]
async fn a_closure_lives_on_the_thread_of_the_connection_it_is_first_handed_to() {
    let server = Node::builder().serve(|| Both).arbiters(1).bind("127.0.0.1:0").await.unwrap();
    let client = Node::builder().arbiters(3).start().await.unwrap();
    let (mut connections, mut threads) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let connection = client.connect(server.local_addr().to_string()).serve(|| Here).await.unwrap();
        let compare: CompareProxy = connection.root().await.unwrap();
        let (closure, connections_own) = compare.threads(thread).await.unwrap();
        assert_eq!(closure, connections_own);
        connections.push(connection);
        threads.push(closure);
    }
    threads.sort();
    threads.dedup();
    assert_eq!(threads.len(), 3, "each connection of the three has a thread of its own");
}

#[service(crate = "crate")]
trait Generic {
    async fn answers(&self, f: Callback<fn() -> Result<u8, String>>) -> Answers;
    async fn answers_of_its_own(&self) -> Answers;
}

/// As generic code sees it, and as code that knows it to be a result.
type Answers = (Result<u8, String>, Option<String>);

struct Asks;

impl Asks {
    async fn ask(f: &Callback<fn() -> Result<u8, String>>) -> Answers {
        async fn value<R: Data>(f: &Callback<fn() -> R>) -> R {
            f.call().await.unwrap()
        }
        async fn flat<R: Data, E: AppError>(f: &Callback<fn() -> Result<R, E>>) -> Option<E> {
            match f.call().await {
                Err(CallError::App(error)) => Some(error),
                _ => None,
            }
        }
        (value(f).await, flat(f).await)
    }
}

#[service(crate = "crate")]
impl Generic for Asks {
    async fn answers(&self, f: Callback<fn() -> Result<u8, String>>) -> Answers {
        Self::ask(&f).await
    }

    async fn answers_of_its_own(&self) -> Answers {
        Self::ask(&Callback::new(|| Err("no".to_owned()))).await
    }
}

#[tokio::test]
async fn generic_code_sees_a_result_as_a_value() {
    let node = Node::builder().serve(|| Asks).arbiters(1).bind("127.0.0.1:0").await.unwrap();
    let connection = connect(node.local_addr().to_string()).await.unwrap();
    let generic: GenericProxy = connection.root().await.unwrap();
    let expected = (Err("no".to_owned()), Some("no".to_owned()));
    assert_eq!(generic.answers(|| Err("no".to_owned())).await.unwrap(), expected);
    assert_eq!(generic.answers_of_its_own().await.unwrap(), expected);
}

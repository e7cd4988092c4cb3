//! A proxy of one connection handed over on another works through the node between: in order, with its path, its deadline, its
//! cancellation, and with whatever it carries; it is unwrapped where it comes home, and ends with what it stands for.

mod cargo;
mod promise;
mod stay;

use duologue::prelude::*;
use duologue::{Closed, Connection, Ran};
use duologue_tests::events::{Bell, Gate, Heard, Tell, events};
use duologue_tests::nodes::{begin_all, dial, listen, run, settles, small};

/// Where proxies are left and found.
#[service]
trait Shelf {
    fn put(&mut self, safe: SafeProxy);
    fn get(&self) -> Option<SafeProxy>;
    fn is_same(&self, one: SafeProxy, other: SafeProxy) -> bool;
    fn is(&self, one: SafeProxy) -> bool;
    fn clear(&mut self);
    async fn ask(&self) -> Result<String, CallError>;
}

#[derive(Default)]
struct Board {
    safe: Option<SafeProxy>,
}

#[service]
impl Shelf for Board {
    fn put(&mut self, safe: SafeProxy) {
        self.safe = Some(safe);
    }

    fn get(&self) -> Option<SafeProxy> {
        self.safe.clone()
    }

    fn is_same(&self, one: SafeProxy, other: SafeProxy) -> bool {
        one == other
    }

    fn is(&self, one: SafeProxy) -> bool {
        self.safe.as_ref() == Some(&one)
    }

    fn clear(&mut self) {
        self.safe = None;
    }

    async fn ask(&self) -> Result<String, CallError> {
        match &self.safe {
            Some(safe) => safe.who().await,
            None => Ok("nothing is here".into()),
        }
    }
}

#[service]
trait Safe {
    /// Which node calls.
    fn who(&self) -> String;
    async fn add(&mut self, n: u64) -> u64;
    fn log(&self) -> Vec<u64>;
    async fn hold(&self);
    async fn tell(&self, n: u64, back: Callback<fn(u64) -> u64>) -> Result<u64, CallError>;
    fn drawer(&self) -> SafeProxy;
    fn is_me(&self, other: SafeProxy) -> bool;
    async fn around(&mut self, way: SafeProxy) -> Result<u64, CallError>;
    async fn deeper(&self, other: SafeProxy) -> (u32, String);
}

struct Steel {
    log: Vec<u64>,
    me: Option<SafeProxy>,
    tell: Tell<&'static str>,
    gate: Gate,
}

impl Steel {
    fn rings(&self) -> Bell<&'static str> {
        self.tell.tell("in");
        self.tell.on_drop("out")
    }
}

#[service]
impl Safe for Steel {
    fn who(&self, caller: &Caller) -> String {
        caller.peer().map_or("this node".into(), |peer| peer.to_string())
    }

    async fn add(&mut self, n: u64) -> u64 {
        tokio::task::yield_now().await;
        self.log.push(n);
        self.log.len() as u64
    }

    fn log(&self) -> Vec<u64> {
        self.log.clone()
    }

    async fn hold(&self) {
        let _bell = self.rings();
        self.gate.pass().await;
    }

    async fn tell(&self, n: u64, back: Callback<fn(u64) -> u64>) -> Result<u64, CallError> {
        back.call(n).await
    }

    fn drawer(&self) -> SafeProxy {
        SafeProxy::local(Steel { log: vec![7], me: None, tell: self.tell.clone(), gate: self.gate.clone() })
    }

    fn is_me(&self, other: SafeProxy) -> bool {
        self.me.as_ref() == Some(&other)
    }

    async fn around(&mut self, way: SafeProxy) -> Result<u64, CallError> {
        way.add(1).await
    }

    async fn deeper(&self, other: SafeProxy) -> (u32, String) {
        match other.deeper(other.clone()).await {
            Ok((below, why)) => (below + 1, why),
            Err(error) => {
                assert!(error.never_ran());
                (1, format!("{error:?}"))
            }
        }
    }
}

/// A hosts a safe, B between has its proxy on its board, C has found it there.
struct Chain {
    a: Node,
    b: Node,
    c: Node,
    /// B's connection to A.
    inner: Connection,
    outer: Connection,
    board: ShelfProxy,
    /// C's.
    safe: SafeProxy,
    heard: Heard<&'static str>,
}

async fn chain() -> Chain {
    let ((tell, heard), gate) = (events(), Gate::new());
    let steel = move || Steel { log: Vec::new(), me: None, tell: tell.clone(), gate: gate.clone() };
    let a = listen(small().serve_shared(steel)).await;
    let b = listen(small().serve_shared(Board::default)).await;
    let c = small().start().await.unwrap();
    let inner = dial(&b, &a).await;
    let outer = dial(&c, &b).await;
    let board: ShelfProxy = outer.root().await.unwrap();
    // B puts what it holds of A on its own board.
    let own: ShelfProxy = dial(&b, &b).await.root().await.unwrap();
    own.put(inner.root().await.unwrap()).await.unwrap();
    let safe = board.get().await.unwrap().expect("it is there");
    Chain { a, b, c, inner, outer, board, safe, heard }
}

#[test]
fn what_one_node_hosts_and_another_passes_on_a_third_can_call() {
    run(async {
        let chain = chain().await;
        assert_eq!(chain.safe.add(5).await, Ok(1));
        assert_eq!(chain.safe.add(6).await, Ok(2));
        assert_eq!(chain.safe.log().await, Ok(vec![5, 6]));
        // A capability carries the right of whoever has passed it on.
        assert_eq!(chain.safe.who().await, Ok(chain.b.id().to_string()));
    });
}

#[test]
fn two_passes_of_one_object_are_one_object_and_it_comes_home_to_who_made_it() {
    run(async {
        let chain = chain().await;
        let again = chain.board.get().await.unwrap().unwrap();
        assert_eq!(again, chain.safe);
        assert_eq!(chain.outer.stats().imports, 2, "the board and the safe");
        assert_eq!(chain.board.is_same(again, chain.safe.clone()).await, Ok(true));
    });
}

#[test]
fn many_calls_through_the_node_between_keep_their_order() {
    run(async {
        let chain = chain().await;
        let calls = begin_all((0..500).map(|n| chain.safe.add(n))).await;
        for (n, call) in calls.into_iter().enumerate() {
            assert_eq!(call.await, Ok(n as u64 + 1));
        }
        assert_eq!(chain.safe.log().await, Ok((0..500).collect()));
    });
}

#[test]
fn callbacks_and_objects_go_through_in_arguments_and_in_results() {
    run(async {
        let chain = chain().await;
        assert_eq!(chain.safe.tell(20, |n: u64| n + 1).await, Ok(21));
        let drawer = chain.safe.drawer().await.unwrap();
        assert_eq!(drawer.log().await, Ok(vec![7]));
        assert_eq!(drawer.add(8).await, Ok(2));
        assert_eq!(drawer.tell(1, |n: u64| n * 2).await, Ok(2));
    });
}

#[test]
fn nothing_is_left_when_nobody_holds_it_any_more() {
    run(async {
        let chain = chain().await;
        assert_eq!(chain.safe.tell(20, |n: u64| n + 1).await, Ok(21));
        let drawer = chain.safe.drawer().await.unwrap();
        assert_eq!(drawer.log().await, Ok(vec![7]));
        drop(drawer);
        chain.board.clear().await.unwrap();
        let Chain { a, c, safe, board, .. } = chain;
        drop((safe, board));
        settles(&c, |stats| stats.total.imports == 0 && stats.total.exports == 0).await;
        settles(&a, |stats| stats.total.imports == 0 && stats.total.exports == 0).await;
    });
}

#[test]
fn a_dropped_call_is_cancelled_beyond_the_node_between() {
    run(async {
        let mut chain = chain().await;
        let held = begin_all([chain.safe.hold()]).await;
        assert_eq!(chain.heard.next().await, "in");
        drop(held);
        assert_eq!(chain.heard.next().await, "out");
        assert_eq!(chain.safe.add(1).await, Ok(1), "all goes on");
    });
}

#[test]
fn when_the_object_is_gone_so_is_what_stands_for_it_and_it_says_why() {
    run(async {
        let chain = chain().await;
        let drawer = chain.safe.drawer().await.unwrap();
        let own: SafeProxy = chain.a.host({
            let (tell, gate) = (events().0, Gate::new());
            move || Steel { log: Vec::new(), me: None, tell, gate }
        });
        let of_a: ShelfProxy = dial(&chain.a, &chain.b).await.root().await.unwrap();
        of_a.put(own.clone()).await.unwrap();
        let passed = chain.board.get().await.unwrap().unwrap();
        assert_eq!(passed.add(1).await, Ok(1));
        assert!(own.revoke());
        assert_eq!(passed.closed().await, Closed::Gone("it was revoked".into()));
        let error = passed.add(2).await.unwrap_err();
        assert_eq!(error, CallError::Gone { ran: Ran::Never, reason: "it was revoked".into() });
        assert_eq!(drawer.log().await, Ok(vec![7]), "others live on");
    });
}

#[test]
fn when_the_inner_connection_is_lost_calls_under_way_are_unknown_and_later_ones_never_ran() {
    run(async {
        let mut chain = chain().await;
        let mut held = begin_all([chain.safe.hold()]).await;
        assert_eq!(chain.heard.next().await, "in");
        chain.inner.close().await;
        let error = held.remove(0).await.unwrap_err();
        // The caller's own connection is well: for it the object is gone.
        let reason = "the connection to it has ended: closed by this side".to_owned();
        assert_eq!(error, CallError::Gone { ran: Ran::Unknown, reason: reason.clone() });
        assert_eq!(chain.safe.closed().await, Closed::Gone(reason.clone()));
        assert_eq!(chain.safe.add(1).await, Err(CallError::Gone { ran: Ran::Never, reason }));
        chain.outer.ping().await.unwrap();
    });
}

#[test]
fn a_chain_that_comes_back_through_the_node_between_is_refused_at_once() {
    run(async {
        let chain = chain().await;
        // A calls itself, over B: the safe that it is handed is B's forwarder of its own.
        let error = chain.safe.around(chain.safe.clone()).await.unwrap_err();
        assert!(
            matches!(&error, CallError::Nested(text) if text.contains("its turn is held by an ancestor")),
            "{error:?}"
        );
    });
}

#[test]
fn a_reference_is_handed_on_eight_times_and_no_further() {
    run(async {
        let chain = chain().await;
        let mut safe = chain.safe.clone();
        // B has handed it to itself and to C; each further node does the same with what C hands it.
        for n in 1..=4 {
            let node = listen(small().serve_shared(Board::default)).await;
            let own: ShelfProxy = dial(&node, &node).await.root().await.unwrap();
            let put = own.put(safe.clone()).await;
            if n == 4 {
                let text = "a reference is handed on through no more than 8 nodes".to_owned();
                assert_eq!(put, Err(CallError::NotSent(text)));
                break;
            }
            put.unwrap();
            let board: ShelfProxy = dial(&chain.c, &node).await.root().await.unwrap();
            safe = board.get().await.unwrap().unwrap();
            assert_eq!(safe.add(n).await, Ok(n));
        }
    });
}

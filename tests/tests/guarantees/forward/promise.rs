//! Calls through a result that turns out to be an object of the caller, or of a third node: they are passed on, in order.

use duologue::Promised;
use duologue::prelude::*;
use duologue_tests::events::{Gate, Heard, Tell, events};
use duologue_tests::nodes::{begin, dial, is_at_rest, listen, run, settles, small};

#[service]
trait Broker {
    /// Gives what it gets, when it may.
    async fn fetch(&self, item: ItemProxy) -> ItemProxy;
    async fn find(&self, known: bool) -> Result<ItemProxy, String>;
}

#[service]
trait Item {
    fn put(&self, n: u64) -> u64;
    fn name(&self) -> String;
    async fn hold(&self);
    fn part(&self, name: &str) -> ItemProxy;
}

#[derive(Clone)]
struct Office {
    gate: Gate,
    kept: ItemProxy,
}

#[service]
impl Broker for Office {
    async fn fetch(&self, item: ItemProxy) -> ItemProxy {
        self.gate.pass().await;
        item
    }

    async fn find(&self, known: bool) -> Result<ItemProxy, String> {
        self.gate.pass().await;
        if known { Ok(self.kept.clone()) } else { Err("it is not known".into()) }
    }
}

struct Thing {
    name: String,
    tell: Tell<String>,
    gate: Gate,
}

#[service]
impl Item for Thing {
    fn put(&self, n: u64) -> u64 {
        self.tell.tell(format!("{} {n}", self.name));
        n + 1
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    async fn hold(&self) {
        let _bell = self.tell.on_drop("out".into());
        self.tell.tell("in".into());
        self.gate.pass().await;
    }

    fn part(&self, name: &str) -> ItemProxy {
        let (name, tell) = (format!("{}/{name}", self.name), self.tell.clone());
        ItemProxy::local(Thing { name, tell, gate: self.gate.clone() })
    }
}

/// B brokers; A has a thing that B keeps; C has a thing of its own.
struct Market {
    nodes: [Node; 3],
    broker: BrokerProxy,
    own: ItemProxy,
    heard: Heard<String>,
    gate: Gate,
    _link: Connection,
}

async fn market() -> Market {
    let ((tell, heard), gate) = (events(), Gate::new());
    let thing = |name: &str| {
        let (name, tell, gate) = (name.to_owned(), tell.clone(), Gate::new());
        move || Thing { name: name.clone(), tell: tell.clone(), gate: gate.clone() }
    };
    let a = listen(small().serve(thing("theirs"))).await;
    let b = small().start().await.unwrap();
    let kept: ItemProxy = dial(&b, &a).await.root().await.unwrap();
    let office = Office { gate: gate.clone(), kept };
    // B dials, so that it can serve what it has.
    let c = listen(small()).await;
    let own = c.host(thing("own"));
    let link = b.connect(c.local_addr().to_string()).serve(move || office.clone()).await.unwrap();
    c.until(|stats| stats.connections == 1).await;
    let broker = c.connections().remove(0).root().await.unwrap();
    Market { nodes: [a, b, c], broker, own, heard, gate, _link: link }
}

/// Twenty calls and a notice before the result is there, one call after it, one on the result; what was told of it.
async fn in_order<E>(item: Promised<ItemProxy, E>, market: &mut Market, came: usize) -> ItemProxy
where
    E: std::fmt::Debug + Send + 'static,
{
    let calls: Vec<_> = (0..20).map(|n| item.put(n).start()).collect();
    item.put(20).notify().await.unwrap();
    market.gate.until_came(came).await;
    assert_eq!(market.heard.so_far(), [""; 0]);
    market.gate.let_one_pass();
    for (n, call) in (0..).zip(calls) {
        assert_eq!(call.await, Ok(n + 1));
    }
    assert_eq!(item.put(21).await, Ok(22));
    let name = item.name().await.unwrap();
    assert_eq!(market.heard.take(22).await, (0..22).map(|n| format!("{name} {n}")).collect::<Vec<_>>());
    item.await.unwrap()
}

impl Market {
    async fn at_rest(self) {
        let Market { nodes: [a, b, c], broker, own, .. } = self;
        drop((broker, own));
        settles(&c, is_at_rest).await;
        // B goes on keeping what is A's.
        settles(&b, |stats| stats.total.exports == 0 && stats.total.calls_running == 0).await;
        settles(&a, |stats| stats.total.calls_running == 0).await;
    }
}

#[test]
fn calls_through_a_result_that_is_the_callers_own_object_come_back_to_it_in_order() {
    run(async {
        let mut market = market().await;
        let item = market.broker.fetch(market.own.clone()).pipelined();
        let settled = in_order(item, &mut market, 1).await;
        assert_eq!(settled, market.own);
        drop(settled);
        market.at_rest().await;
    });
}

#[test]
fn calls_through_a_result_of_a_third_node_are_passed_on_in_order() {
    run(async {
        let mut market = market().await;
        let item = market.broker.find(true).pipelined();
        let settled = in_order(item, &mut market, 1).await;
        assert_eq!(settled.name().await, Ok("theirs".into()));
        drop(settled);
        market.at_rest().await;
    });
}

#[test]
fn promises_of_what_is_elsewhere_go_as_deep_as_one_likes() {
    run(async {
        let market = market().await;
        market.gate.open();
        for (item, name) in [
            (market.broker.find(true).pipelined().part("a").pipelined(), "theirs/a/b"),
            (market.broker.fetch(market.own.clone()).pipelined().part("a").pipelined(), "own/a/b"),
        ] {
            let deep = item.part("b").pipelined();
            assert_eq!(deep.name().await, Ok(name.into()));
            assert_eq!(deep.await.unwrap().name().await, Ok(name.into()));
        }
        market.at_rest().await;
    });
}

#[test]
fn calls_through_a_forwarder_are_promises_too() {
    run(async {
        let market = market().await;
        market.gate.open();
        let theirs = market.broker.find(true).await.unwrap();
        let deep = theirs.part("a").pipelined().part("b").pipelined();
        assert_eq!(deep.name().await, Ok("theirs/a/b".into()));
        drop((theirs, deep));
        market.at_rest().await;
    });
}

#[test]
fn a_call_through_a_promise_of_what_is_elsewhere_is_cancelled_there() {
    run(async {
        let mut market = market().await;
        market.gate.open();
        for item in [market.broker.find(true).pipelined().part("a").pipelined(), {
            market.broker.fetch(market.own.clone()).pipelined().part("a").pipelined()
        }] {
            let mut hold = item.hold();
            assert!(begin(&mut hold).await.is_pending());
            assert_eq!(market.heard.next().await, "in");
            drop(hold);
            assert_eq!(market.heard.next().await, "out");
        }
        market.at_rest().await;
    });
}

#[test]
fn a_promise_of_what_is_nowhere_is_broken_still() {
    run(async {
        let market = market().await;
        let item = market.broker.find(false).pipelined();
        let put = item.put(1).start();
        market.gate.open();
        assert_eq!(put.await, Err(CallError::BrokenPromise("it is not known".into())));
        assert_eq!(item.await, Err(CallError::App("it is not known".into())));
        market.at_rest().await;
    });
}

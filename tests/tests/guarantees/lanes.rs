//! An object whose service declares `lane = "own"` has a stream to itself wherever it is held: opened by its holder before the first
//! call, ended with the import.

use duologue::prelude::*;
use duologue::{Config, NodeStats, Ran};
use duologue_tests::events::{Gate, Tell, events};
use duologue_tests::nodes::{Pair, begin_all, is_at_rest, pair, pair_of, run, settles, small};

/// Each of them has a lane to itself.
#[service(lane = "own")]
trait Meter {
    fn note(&self, number: u32);
    async fn hold(&self) -> u32;
    async fn call(&self, f: Callback<fn(u32) -> u32>) -> Result<u32, CallError>;
    async fn read(&self, other: MeterProxy) -> Result<u32, CallError>;
    fn part(&self, id: u32) -> MeterProxy;
}

#[service]
trait Meters {
    fn meter(&self, id: u32) -> MeterProxy;
    fn many(&self, count: u32) -> Vec<MeterProxy>;
    async fn wait(&self);
}

struct Gauge {
    id: u32,
    gate: Gate,
    tell: Tell<u32>,
}

#[service]
impl Meter for Gauge {
    fn note(&self, number: u32) {
        self.tell.tell(number);
    }

    async fn hold(&self) -> u32 {
        self.gate.pass().await;
        self.id
    }

    async fn call(&self, f: Callback<fn(u32) -> u32>) -> Result<u32, CallError> {
        f.call(self.id).await
    }

    async fn read(&self, other: MeterProxy) -> Result<u32, CallError> {
        other.hold().await
    }

    fn part(&self, id: u32) -> MeterProxy {
        MeterProxy::local(Gauge { id, gate: self.gate.clone(), tell: self.tell.clone() })
    }
}

struct Cellar {
    gate: Gate,
    tell: Tell<u32>,
}

impl Cellar {
    fn gauge(&self, id: u32) -> Gauge {
        Gauge { id, gate: self.gate.clone(), tell: self.tell.clone() }
    }
}

#[service]
impl Meters for Cellar {
    fn meter(&self, id: u32) -> MeterProxy {
        MeterProxy::local(self.gauge(id))
    }

    fn many(&self, count: u32) -> Vec<MeterProxy> {
        (0..count).map(|id| MeterProxy::local(self.gauge(id))).collect()
    }

    async fn wait(&self) {
        self.gate.pass().await;
    }
}

fn cellar(gate: &Gate, tell: &Tell<u32>) -> impl Fn() -> Cellar + Send + Sync + 'static {
    let (gate, tell) = (gate.clone(), tell.clone());
    move || Cellar { gate: gate.clone(), tell: tell.clone() }
}

fn open() -> Gate {
    let gate = Gate::new();
    gate.open();
    gate
}

/// The lane that all share, and the control stream.
const USUAL: usize = 2;

async fn streams(pair: &Pair, count: usize) {
    for node in [&pair.client, &pair.server] {
        settles(node, |stats: NodeStats| stats.total.streams == count).await;
    }
}

#[test]
fn the_lane_is_opened_before_the_first_call_and_ends_with_the_import() {
    run(async {
        let (tell, _heard) = events();
        let pair = pair(cellar(&open(), &tell)).await;
        let cellar: MetersProxy = pair.root().await;
        for _ in 0..3 {
            let meter = cellar.meter(7).await.unwrap();
            streams(&pair, USUAL).await;
            assert_eq!(meter.hold().await, Ok(7));
            assert_eq!(meter.clone().hold().await, Ok(7));
            streams(&pair, USUAL + 1).await;
            let other = cellar.meter(8).await.unwrap();
            assert_eq!(other.hold().await, Ok(8));
            streams(&pair, USUAL + 2).await;
            drop(meter);
            streams(&pair, USUAL + 1).await;
            drop(other);
            streams(&pair, USUAL).await;
        }
        drop(cellar);
        pair.at_rest().await;
    });
}

#[test]
fn a_pipelined_call_may_be_the_first_on_it() {
    run(async {
        let (tell, _heard) = events();
        let pair = pair(cellar(&open(), &tell)).await;
        let cellar: MetersProxy = pair.root().await;
        let meter = cellar.meter(7).await.unwrap();
        let part = meter.part(8).pipelined();
        assert_eq!(part.hold().await, Ok(8));
        drop((part, meter, cellar));
        streams(&pair, USUAL).await;
        pair.at_rest().await;
    });
}

#[test]
fn either_side_may_open_one_and_references_and_callbacks_go_by_it() {
    run(async {
        let (tell, _heard) = events();
        let pair = pair(cellar(&open(), &tell)).await;
        let cellar: MetersProxy = pair.root().await;
        let meter = cellar.meter(7).await.unwrap();
        assert_eq!(meter.call(|id| id + 1).await, Ok(8));
        let (gate, told) = (open(), tell.clone());
        let mine: MeterProxy = pair.client.host(move || Gauge { id: 9, gate, tell: told });
        assert_eq!(meter.read(mine.clone()).await, Ok(9), "the server calls it by a lane of its own");
        streams(&pair, USUAL + 1).await;
        assert_eq!(meter.read(meter.clone()).await, Ok(7), "one that comes home needs none");
        drop((meter, mine, cellar));
        streams(&pair, USUAL).await;
        pair.at_rest().await;
    });
}

#[test]
fn calls_and_notices_keep_their_order_on_it_from_the_first_one_on() {
    run(async {
        let (tell, mut heard) = events();
        let pair = pair(cellar(&open(), &tell)).await;
        let cellar: MetersProxy = pair.root().await;
        let meter = cellar.meter(7).await.unwrap();
        let calls = begin_all((0..500).map(|n| meter.note(n))).await;
        for call in calls {
            assert_eq!(call.await, Ok(()));
        }
        assert_eq!(heard.take(500).await, (0..500).collect::<Vec<_>>());
        drop((meter, cellar));
        pair.at_rest().await;
    });
}

#[test]
fn more_of_them_than_a_link_begins_with_are_open_at_once_and_all_end() {
    run(async {
        let (gate, (tell, _heard)) = (Gate::new(), events());
        let pair = pair(cellar(&gate, &tell)).await;
        let cellar: MetersProxy = pair.root().await;
        let meters = cellar.many(200).await.unwrap();
        let calls = begin_all(meters.iter().map(|meter| meter.hold())).await;
        streams(&pair, USUAL + 200).await;
        gate.open();
        for (id, call) in calls.into_iter().enumerate() {
            assert_eq!(call.await, Ok(id as u32));
        }
        drop(meters);
        streams(&pair, USUAL).await;
        let again = cellar.meter(3).await.unwrap();
        assert_eq!(again.hold().await, Ok(3));
        drop((again, cellar));
        pair.at_rest().await;
    });
}

#[test]
fn a_held_call_keeps_the_lane_of_a_dropped_proxy_until_its_answer() {
    run(async {
        let (gate, (tell, _heard)) = (Gate::new(), events());
        let pair = pair(cellar(&gate, &tell)).await;
        let cellar: MetersProxy = pair.root().await;
        let meter = cellar.meter(5).await.unwrap();
        let mut calls = begin_all([meter.hold()]).await;
        drop(meter);
        pair.running(1).await;
        streams(&pair, USUAL + 1).await;
        gate.open();
        assert_eq!(calls.remove(0).await, Ok(5));
        streams(&pair, USUAL).await;
    });
}

#[test]
fn an_object_that_dies_gives_its_lane_back() {
    run(async {
        let (tell, _heard) = events();
        let pair = pair(cellar(&open(), &tell)).await;
        let cellar: MetersProxy = pair.root().await;
        let (gate, told) = (open(), tell.clone());
        let mine: MeterProxy = pair.client.host(move || Gauge { id: 9, gate, tell: told });
        let meter = cellar.meter(7).await.unwrap();
        assert_eq!(meter.read(mine.clone()).await, Ok(9));
        assert!(mine.revoke());
        let gone = meter.read(mine).await.unwrap_err();
        assert!(matches!(gone, CallError::Nested(_)), "{gone:?}");
        drop((meter, cellar));
        streams(&pair, USUAL).await;
    });
}

#[test]
fn a_close_ends_calls_on_own_lanes_as_all_others_and_lets_answers_through() {
    run(async {
        let (gate, (tell, _heard)) = (Gate::new(), events());
        let pair = pair(cellar(&gate, &tell)).await;
        let cellar: MetersProxy = pair.root().await;
        let meter = cellar.meter(5).await.unwrap();
        let calls = begin_all([meter.hold(), meter.hold()]).await;
        pair.running(2).await;
        let server = pair.server.clone();
        let shutdown = tokio::spawn(async move { server.shutdown().await });
        // The shutdown waits for what runs; its answers come by the lane.
        gate.open();
        for call in calls {
            assert_eq!(call.await, Ok(5));
        }
        shutdown.await.unwrap();
        pair.connection.closed().await;
        let late = meter.hold().await.unwrap_err();
        assert!(matches!(late, CallError::Disconnected { ran: Ran::Never, .. }), "{late:?}");
        settles(&pair.client, is_at_rest).await;
    });
}

#[test]
fn a_full_lane_of_its_own_stops_new_calls_until_it_is_read() {
    run(async {
        let (tell, mut heard) = events();
        let mut config = Config::default();
        config.outbox_max = 1;
        let gate = open();
        let pair = pair_of(small().config(config).serve(cellar(&gate, &tell)), small()).await;
        let cellar: MetersProxy = pair.root().await;
        let meter = cellar.meter(7).await.unwrap();
        let mut calls = Vec::new();
        for n in 0..50 {
            calls.extend(begin_all([meter.note(n)]).await);
            calls.extend(begin_all([cellar.wait()]).await);
        }
        for call in calls {
            assert_eq!(call.await, Ok(()));
        }
        assert_eq!(heard.take(50).await, (0..50).collect::<Vec<_>>());
    });
}

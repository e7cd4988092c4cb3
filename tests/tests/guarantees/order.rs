//! Calls made through one handle and its clones start in the order made.

use duologue::prelude::*;
use duologue_tests::events::{Gate, Tell, events};
use duologue_tests::nodes::{begin_all, pair, run, small};

#[service]
trait Scribe {
    async fn note(&self, n: u32);
    async fn amend(&mut self, n: u32);
    async fn count(&self, to: u32, tick: Callback<fn(u32)>) -> Result<u32, CallError>;
    /// Does not wait for the ticks.
    async fn count_ahead(&self, to: u32, tick: Callback<fn(u32)>) -> u32;
}

#[derive(Clone)]
struct Book {
    tell: Tell<u32>,
    gate: Gate,
}

#[service]
impl Scribe for Book {
    async fn note(&self, n: u32) {
        self.tell.tell(n);
        self.gate.pass().await;
    }

    async fn amend(&mut self, n: u32) {
        self.tell.tell(n);
    }

    async fn count(&self, to: u32, tick: Callback<fn(u32)>) -> Result<u32, CallError> {
        for n in 0..to {
            tick.call(n).await?;
        }
        Ok(to)
    }

    async fn count_ahead(&self, to: u32, tick: Callback<fn(u32)>) -> u32 {
        let ticks = begin_all((0..to).map(|n| tick.call(n))).await;
        // A dropped tick would be a cancelled one.
        tokio::spawn(async move {
            for tick in ticks {
                tick.await.expect("the client is there");
            }
        });
        to
    }
}

#[test]
fn calls_through_one_handle_and_its_clones_start_in_the_order_made() {
    run(async {
        let ((tell, mut heard), gate) = (events(), Gate::new());
        let book = Book { tell, gate: gate.clone() };
        let pair = pair(move || book.clone()).await;
        let scribe: ScribeProxy = pair.root().await;
        let clones = [scribe.clone(), scribe.clone(), scribe];
        let calls = begin_all((0..3_000).map(|n| clones[n as usize % 3].note(n))).await;
        assert_eq!(heard.take(3_000).await, (0..3_000).collect::<Vec<_>>());
        gate.open();
        for call in calls {
            call.await.unwrap();
        }
    });
}

#[test]
fn a_call_is_made_by_its_first_poll_and_not_by_its_construction() {
    run(async {
        let ((tell, mut heard), gate) = (events(), Gate::new());
        gate.open();
        let book = Book { tell, gate };
        let pair = pair(move || book.clone()).await;
        let scribe: ScribeProxy = pair.root().await;
        let (first, second, third) = (scribe.note(1), scribe.note(2), scribe.note(3));
        let calls = begin_all([third, first]).await;
        drop(second);
        for call in calls {
            call.await.unwrap();
        }
        assert_eq!(heard.so_far(), [3, 1]);
    });
}

#[test]
fn readers_and_writers_keep_one_order_and_local_proxies_keep_it_too() {
    run(async {
        let ((tell, mut heard), gate) = (events(), Gate::new());
        gate.open();
        let book = Book { tell, gate };
        let served = book.clone();
        let pair = pair(move || served.clone()).await;
        let hosted: ScribeProxy = pair.client.host(move || book);
        for scribe in [pair.root::<ScribeProxy>().await, hosted] {
            let make = |n| if n % 3 == 0 { scribe.amend(n) } else { scribe.note(n) };
            for call in begin_all((0..600).map(make)).await {
                call.await.unwrap();
            }
            assert_eq!(heard.take(600).await, (0..600).collect::<Vec<_>>());
        }
    });
}

#[test]
fn calls_that_wait_for_permits_keep_their_order() {
    run(async {
        let ((tell, mut heard), gate) = (events(), Gate::new());
        gate.open();
        let book = Book { tell, gate };
        let mut config = duologue::Config::default();
        config.object_permits = 8;
        let server = small().config(config).arbiters(1).serve(move || book.clone());
        let pair = duologue_tests::nodes::pair_of(server, small()).await;
        let scribe: ScribeProxy = pair.root().await;
        for call in begin_all((0..1_000).map(|n| scribe.note(n))).await {
            call.await.unwrap();
        }
        assert_eq!(heard.take(1_000).await, (0..1_000).collect::<Vec<_>>());
    });
}

#[test]
fn the_ticks_of_a_callback_come_in_order_and_before_the_reply() {
    run(async {
        let book = Book { tell: events().0, gate: Gate::new() };
        let pair = pair(move || book.clone()).await;
        let scribe: ScribeProxy = pair.root().await;
        let (tell, mut heard) = events();
        assert_eq!(scribe.count(100, move |n: u32| tell.tell(n)).await, Ok(100));
        assert_eq!(heard.so_far(), (0..100).collect::<Vec<_>>());
    });
}

#[test]
fn a_reply_does_not_overtake_ticks_that_nobody_waited_for() {
    run(async {
        let book = Book { tell: events().0, gate: Gate::new() };
        let pair = pair(move || book.clone()).await;
        let scribe: ScribeProxy = pair.root().await;
        let (tell, mut heard) = events();
        let tick = Callback::new(move |n: u32| tell.tell(n));
        for _ in 0..200 {
            assert_eq!(scribe.count_ahead(20, &tick).await, Ok(20));
            assert_eq!(heard.so_far(), (0..20).collect::<Vec<_>>());
        }
    });
}

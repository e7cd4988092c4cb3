//! What loss, reordering and doubled datagrams do to calls: nothing but time.

use std::time::Duration;

use duologue::NodeError;
use duologue::testing::{self, Conditions, Network};
use duologue_tests::nodes::{begin_all, own_address, run, small};

use crate::{Clerk, DeskProxy};

fn rough(loss: f64) -> Conditions {
    let (delay, jitter) = (Duration::from_millis(30), Duration::from_millis(10));
    Conditions::default().delay(delay).jitter(jitter).duplication(0.02).loss(loss)
}

#[test]
fn a_thousand_calls_over_a_link_that_loses_a_fifth_are_all_answered_once_and_in_order() {
    testing::run(1, async |world| {
        let pair = world.pair().conditions(rough(0.2)).serve(Clerk::default).await.unwrap();
        let desk: DeskProxy = pair.root().await.unwrap();
        let mut expected = 0;
        for _ in 0..20 {
            for call in begin_all((0..50).map(|_| desk.count())).await {
                assert_eq!(call.await, Ok(expected));
                expected += 1;
            }
        }
        assert_eq!(expected, 1_000);
        let (there, back) = pair.counters();
        assert!(there.lost > 5 && back.lost > 5, "{there:?} {back:?}");
    });
}

#[test]
fn callbacks_come_in_order_whatever_the_link_does() {
    testing::run_each(0..20, async |world| {
        let pair = world.pair().conditions(rough(0.05)).serve(Clerk::default).await.unwrap();
        let desk: DeskProxy = pair.root().await.unwrap();
        let (tell, mut heard) = duologue_tests::events::events();
        let ticks = desk.upto(50, move |number: u64| tell.tell(number));
        ticks.timeout(Duration::from_secs(600)).await.unwrap();
        assert_eq!(heard.so_far(), (0..50).collect::<Vec<_>>());
    });
}

#[test]
fn both_ends_serve() {
    testing::run(1, async |world| {
        let pair = world.pair().serve(Clerk::default).serve_near(Clerk::default).await.unwrap();
        let far: DeskProxy = pair.root().await.unwrap();
        assert_eq!(far.ask_back().await, Ok(0));
        assert_eq!(far.ask_back().await, Ok(1));
        let near: DeskProxy = pair.far.connection.root().await.unwrap();
        assert_eq!(near.count().await, Ok(2));
        assert!(pair.near.connection.dialed() && !pair.far.connection.dialed());
        assert_eq!(pair.near.connection.peer(), pair.far.node.id());
    });
}

#[test]
fn a_pair_works_in_real_time_on_threads_of_its_own() {
    run(async {
        let pair = testing::pair().seed(3).conditions(rough(0.0)).serve(Clerk::default).await.unwrap();
        let desk: DeskProxy = pair.root().await.unwrap();
        assert_eq!(desk.echo(1).await, Ok(1));
        assert!(pair.near.connection.ping().await.unwrap() >= Duration::from_millis(40));
        pair.set(Conditions::default());
        assert_eq!(desk.echo(2).await, Ok(2));
    });
}

#[test]
fn nodes_of_several_threads_meet_on_a_network() {
    run(async {
        let network = Network::new(1);
        let builder = || duologue::Node::builder().network(&network).arbiters(2);
        let server = builder().serve_shared(Clerk::default).bind("127.0.0.1:1").await.unwrap();
        let client = builder().start().await.unwrap();
        for expected in 0..4 {
            let connection = client.connect("127.0.0.1:1").await.unwrap();
            let desk: DeskProxy = connection.root().await.unwrap();
            assert_eq!(desk.count().await, Ok(expected));
        }
        assert_eq!(server.stats().connections, 4);
        assert_eq!(server.connections()[0].remote_address().ip(), client.machine().unwrap());
    });
}

#[test]
fn trust_is_as_on_the_real_network() {
    testing::run(1, async |world| {
        let refused = world.node().bind("10.0.0.1:1").await;
        assert!(matches!(refused, Err(NodeError::TrustNotChosen(_))), "{refused:?}");
        let pinned = duologue::Trust::pinned([]);
        let server = world.node().trust(pinned).bind("127.0.0.1:1").await.unwrap();
        let client = world.node().start().await.unwrap();
        let outcome = client.connect(server.local_addr().to_string()).await;
        assert!(outcome.is_err(), "{outcome:?}");
    });
}

#[test]
fn an_address_of_the_simulated_network_is_not_one_of_the_real_one() {
    run(async {
        let network = Network::new(1);
        let address = own_address();
        let simulated = small().network(&network).bind(&address).await.unwrap();
        let real = small().bind(&address).await;
        assert!(real.is_ok(), "{real:?}");
        let real = real.unwrap();
        assert_eq!((real.local_addr(), real.machine()), (simulated.local_addr(), None));
    });
}

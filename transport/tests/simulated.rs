//! Links over a simulated network, under virtual time.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, reason = "in tests a panic is the report")]

use std::net::SocketAddr;
use std::time::Duration;

use duologue_transport::sim::{Conditions, Network};
use duologue_transport::{
    Bytes, Config, ConnectError, Endpoint, Identity, Link, LinkError, RecvStream, SendStream, Trust,
};
use tokio::time::Instant;

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn bind(network: &Network, address: &str) -> Endpoint {
    let (identity, anyone) = (Identity::generate().unwrap(), Trust::danger_anyone());
    Endpoint::bind_on(network, address.parse().unwrap(), &identity, &anyone, &Config::default()).unwrap()
}

fn dialer(network: &Network) -> Endpoint {
    let (identity, anyone) = (Identity::generate().unwrap(), Trust::danger_anyone());
    Endpoint::dialer_on(network, network.machine(), &identity, &anyone, &Config::default()).unwrap()
}

/// Two endpoints and both ends of a link between them: the dialer's, the acceptor's.
struct Linked {
    client: Endpoint,
    server: Endpoint,
    dialed: Link,
    accepted: Link,
}

async fn linked(network: &Network) -> Linked {
    let (server, client) = (bind(network, "127.0.0.1:1"), dialer(network));
    let accept = async { server.accept().await.unwrap().accept().await };
    let (dialed, accepted) = tokio::join!(client.connect_addr(server.local_addr()), accept);
    Linked { dialed: dialed.unwrap(), accepted: accepted.unwrap(), client, server }
}

async fn read_all(recv: &mut RecvStream) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(bytes) = recv.next().await.unwrap() {
        all.extend_from_slice(&bytes);
    }
    all
}

async fn echo((mut send, mut recv): (SendStream, RecvStream)) {
    while let Some(bytes) = recv.next().await.unwrap() {
        send.send(bytes).await.unwrap();
    }
    send.finish().unwrap();
}

/// Sends `count` bytes that differ there and back.
async fn there_and_back(linked: &Linked, count: u32) {
    let sent: Bytes = (0..count).map(|i| (i % 251) as u8).collect();
    let ask = async {
        let (mut send, mut recv) = linked.dialed.open().await.unwrap();
        let write = async {
            send.send(sent.clone()).await.unwrap();
            send.finish().unwrap();
        };
        let ((), received) = tokio::join!(write, read_all(&mut recv));
        assert!(received == sent, "what comes back is what was sent");
    };
    let answer = async { echo(linked.accepted.accept().await.unwrap()).await };
    tokio::join!(ask, answer);
}

#[tokio::test(start_paused = true)]
async fn bytes_go_there_and_back_at_any_loss_with_reordering_and_doubles() {
    for (loss, seed) in [(0.0, 1), (0.05, 2), (0.20, 3)] {
        let network = Network::new(seed);
        let rough = Conditions::default().delay(ms(30)).jitter(ms(10)).loss(loss).duplication(0.02);
        network.set(rough);
        let linked = linked(&network).await;
        there_and_back(&linked, 200_000).await;
        let counters = network.counters();
        assert!(counters.sent > 300, "{counters:?}");
        assert!(counters.duplicated > 0, "{counters:?}");
        assert_eq!(counters.lost > 0, loss > 0.0, "{counters:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_exchange_takes_exactly_a_round_trip() {
    let network = Network::new(1);
    network.set(Conditions::default().delay(ms(50)));
    let start = Instant::now();
    let linked = linked(&network).await;
    assert_eq!(
        start.elapsed(),
        ms(150),
        "one round trip to the dialer's end, half of one more to the acceptor's"
    );
    let start = Instant::now();
    there_and_back(&linked, 10).await;
    assert_eq!(start.elapsed(), ms(100));
    assert_eq!(linked.dialed.rtt(), ms(100));
}

#[tokio::test(start_paused = true)]
async fn bulk_is_bounded_by_the_bandwidth() {
    let network = Network::new(1);
    let (server, client) = (bind(&network, "127.0.0.1:1"), dialer(&network));
    let (here, there) = (client.local_addr().ip(), server.local_addr().ip());
    network.set(Conditions::default().delay(ms(10)));
    // A megabyte a second, one way.
    let narrow = Conditions::default().delay(ms(10)).bandwidth(8_000_000);
    network.set_path(here, there, narrow);
    assert_eq!(network.conditions(here, there), narrow);
    let accept = async { server.accept().await.unwrap().accept().await };
    let (dialed, accepted) = tokio::join!(client.connect_addr(server.local_addr()), accept);
    let linked = Linked { dialed: dialed.unwrap(), accepted: accepted.unwrap(), client, server };
    let start = Instant::now();
    there_and_back(&linked, 2_000_000).await;
    let took = start.elapsed();
    assert!((ms(2_000)..ms(2_600)).contains(&took), "{took:?}");
    let (to, back) = (network.counters_of(here, there), network.counters_of(there, here));
    assert!(to.sent_bytes > 2_000_000 && back.sent_bytes > 2_000_000);
    assert_eq!(back.overflowed, 0);
}

#[tokio::test(start_paused = true)]
async fn the_path_s_mtu_is_discovered() {
    let network = Network::new(1);
    network.set(Conditions::default().delay(ms(10)).mtu(1_300));
    let linked = linked(&network).await;
    there_and_back(&linked, 500_000).await;
    let mtu = linked.dialed.stats().mtu;
    assert!((1_200..=1_300).contains(&mtu), "{mtu}");
    assert!(network.counters().oversized > 0);
}

#[tokio::test(start_paused = true)]
async fn a_partition_ends_the_link_by_its_idle_timeout_on_both_sides() {
    let network = Network::new(1);
    network.set(Conditions::default().delay(ms(50)));
    let linked = linked(&network).await;
    there_and_back(&linked, 10).await;
    let (here, there) = (linked.client.local_addr().ip(), linked.server.local_addr().ip());
    let (wall, start) = (std::time::Instant::now(), Instant::now());
    network.partition(here, there);
    let ends = tokio::join!(linked.dialed.closed(), linked.accepted.closed());
    assert_eq!(ends, (LinkError::TimedOut, LinkError::TimedOut));
    // Acknowledgements of what was under way may have been the last that was heard or sent.
    let took = start.elapsed();
    assert!((ms(29_000)..ms(41_000)).contains(&took), "{took:?}");
    assert!(wall.elapsed() < ms(29_000), "it took {:?} of real time", wall.elapsed());
    assert!(network.counters().cut > 0);
}

#[tokio::test(start_paused = true)]
async fn quiet_links_stay_alive() {
    let network = Network::new(1);
    let linked = linked(&network).await;
    let ended = tokio::time::timeout(Duration::from_secs(3_600), linked.dialed.closed()).await;
    assert!(ended.is_err(), "{ended:?}");
    assert_eq!(linked.accepted.close_reason(), None);
}

#[tokio::test(start_paused = true)]
async fn a_link_outlives_a_partition_that_is_healed_in_time() {
    let network = Network::new(1);
    let linked = linked(&network).await;
    let (here, there) = (linked.client.local_addr().ip(), linked.server.local_addr().ip());
    network.partition(here, there);
    tokio::join!(there_and_back(&linked, 10), async {
        tokio::time::sleep(Duration::from_secs(8)).await;
        network.heal(here, there);
    });
    assert!(network.counters().cut > 0);
}

#[tokio::test(start_paused = true)]
async fn nobody_answers_across_a_partition_or_where_nobody_is() {
    let network = Network::new(1);
    let (server, client) = (bind(&network, "127.0.0.1:1"), dialer(&network));
    network.partition(client.local_addr().ip(), server.local_addr().ip());
    let start = Instant::now();
    for address in [server.local_addr(), SocketAddr::from(([127, 0, 0, 9], 1))] {
        let outcome = client.connect_addr(address).await;
        assert!(matches!(outcome, Err(ConnectError::Unreachable { .. })), "{outcome:?}");
    }
    assert_eq!(start.elapsed(), Duration::from_secs(20), "ten seconds each");
    assert!(network.counters().unreachable > 0);
}

#[tokio::test(start_paused = true)]
async fn addresses_are_taken_freed_and_refused() {
    let network = Network::new(1);
    let anyone = Trust::danger_anyone();
    let bind = |address: &str| {
        let identity = Identity::generate().unwrap();
        Endpoint::bind_on(&network, address.parse().unwrap(), &identity, &anyone, &Config::default())
    };
    let first = bind("127.0.0.1:5").unwrap();
    assert_eq!(first.local_addr(), SocketAddr::from(([127, 0, 0, 1], 5)));
    assert_eq!(bind("127.0.0.1:5").unwrap_err().to_string(), "cannot bind 127.0.0.1:5");
    assert_eq!(bind("0.0.0.0:5").unwrap_err().to_string(), "cannot bind 0.0.0.0:5");
    let free = [bind("127.0.0.1:0").unwrap(), bind("127.0.0.1:0").unwrap(), bind("[::1]:0").unwrap()];
    assert_eq!(free.map(|endpoint| endpoint.local_addr().port()), [49_152, 49_153, 49_152]);
    drop(first);
    // The receive loop lets go of the socket when it runs next.
    while bind("127.0.0.1:5").is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn everything_sent_is_delivered_or_accounted_for() {
    let network = Network::new(4);
    let rough = Conditions::default().delay(ms(5)).jitter(ms(5)).loss(0.1).duplication(0.1);
    network.set(rough.bandwidth(5_000_000).queue(5_000));
    let linked = linked(&network).await;
    there_and_back(&linked, 300_000).await;
    linked.dialed.close(0, "");
    linked.accepted.closed().await;
    tokio::join!(linked.client.wait_idle(), linked.server.wait_idle());
    // What is still under way arrives.
    tokio::time::sleep(ms(100)).await;
    let c = network.counters();
    let gone = c.lost + c.overflowed + c.oversized + c.cut + c.unreachable;
    assert_eq!(c.sent + c.duplicated, c.delivered + gone, "{c:?}");
    assert!(c.overflowed > 0 && c.lost > 0 && c.duplicated > 0, "{c:?}");
}

#[tokio::test]
async fn it_works_in_real_time_too() {
    let network = Network::new(1);
    network.set(Conditions::default().delay(ms(2)).jitter(ms(2)).loss(0.02));
    let linked = linked(&network).await;
    there_and_back(&linked, 100_000).await;
    assert!(linked.dialed.rtt() >= ms(1));
}

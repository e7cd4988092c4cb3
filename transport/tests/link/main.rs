//! Links between two endpoints on loopback, through the public API only.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the report")]

mod streams;
mod trust;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use duologue_transport::{
    AcceptError, Bytes, Config, ConnectError, Endpoint, Identity, Link, LinkError, RecvStream, StreamError,
    Trust, TrustError,
};

const LOOPBACK: &str = "127.0.0.1:0";

/// An address that nobody else is given, so that it is still free when it is bound a second time: of this process and this call alone,
/// at a port that no socket gets by itself.
fn own_address() -> SocketAddr {
    static CALLS: AtomicU8 = AtomicU8::new(1);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    SocketAddr::from(([127, high, low, CALLS.fetch_add(1, Ordering::Relaxed)], 18861))
}

fn identity() -> Identity {
    Identity::generate().unwrap()
}

fn bind(identity: &Identity, trust: &Trust, config: &Config) -> Endpoint {
    Endpoint::bind(LOOPBACK.parse().unwrap(), identity, trust, config).unwrap()
}

fn server(trust: &Trust) -> Endpoint {
    bind(&identity(), trust, &Config::default())
}

fn dialer(trust: &Trust) -> Endpoint {
    Endpoint::dialer(&identity(), trust, &Config::default()).unwrap()
}

async fn accept_one(server: &Endpoint) -> Result<Link, AcceptError> {
    server.accept().await.unwrap().accept().await
}

/// Both ends of a fresh link: the dialer's, the acceptor's.
async fn linked(client: &Endpoint, server: &Endpoint) -> (Link, Link) {
    let (dialed, accepted) = tokio::join!(client.connect_addr(server.local_addr()), accept_one(server));
    (dialed.unwrap(), accepted.unwrap())
}

/// The same, with everybody trusted; the endpoints are kept.
async fn any_link(config: &Config) -> (Link, Link, [Endpoint; 2]) {
    let anyone = Trust::danger_anyone();
    let server = bind(&identity(), &anyone, config);
    let client = Endpoint::dialer(&identity(), &anyone, config).unwrap();
    let (dialed, accepted) = linked(&client, &server).await;
    (dialed, accepted, [client, server])
}

async fn read_all(recv: &mut RecvStream) -> Result<Vec<u8>, StreamError> {
    let mut all = Vec::new();
    while let Some(bytes) = recv.next().await? {
        all.extend_from_slice(&bytes);
    }
    Ok(all)
}

#[tokio::test]
async fn a_closed_port_is_unreachable() {
    let mut config = Config::default();
    config.connect_timeout = Duration::from_millis(100);
    let client = Endpoint::dialer(&identity(), &Trust::danger_anyone(), &config).unwrap();
    match client.connect("127.0.0.1:1").await {
        Err(error @ ConnectError::Unreachable { .. }) => {
            assert_eq!(error.to_string(), "nobody answers at 127.0.0.1:1 (127.0.0.1:1: no answer)");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn targets_that_lead_nowhere_are_told_apart() {
    let client = dialer(&Trust::danger_anyone());
    let unresolved = client.connect("no-such-host.invalid:1").await;
    assert!(matches!(&unresolved, Err(ConnectError::Resolve { .. })), "{unresolved:?}");
    for target in ["localhost", "::1:1", "localhost:0", ""] {
        let invalid = client.connect(target).await;
        assert!(matches!(&invalid, Err(ConnectError::InvalidTarget { .. })), "{invalid:?}");
    }
    client.close(0, "");
    let closed = client.connect("127.0.0.1:1").await;
    assert!(matches!(closed, Err(ConnectError::EndpointClosed)), "{closed:?}");
}

#[tokio::test]
async fn a_name_connects() {
    let server = server(&Trust::danger_anyone());
    let client = dialer(&Trust::pinned([server.node_id()]));
    let target = format!("localhost:{}", server.local_addr().port());
    let (dialed, accepted) = tokio::join!(client.connect(&target), accept_one(&server));
    dialed.unwrap();
    accepted.unwrap();
}

#[tokio::test]
async fn the_reason_of_a_close_arrives() {
    let (dialed, accepted, _endpoints) = any_link(&Config::default()).await;
    accepted.close(42, "enough");
    let told = LinkError::PeerClosed { code: 42, reason: "enough".to_owned() };
    assert_eq!(dialed.closed().await, told);
    assert_eq!(dialed.open().await.unwrap_err(), told);
    assert_eq!(dialed.accept().await.unwrap_err(), told);
    assert_eq!(accepted.closed().await, LinkError::LocallyClosed);
    assert_eq!(told.to_string(), r#"closed by the peer: code 42, "enough""#);
}

#[tokio::test]
async fn a_closed_endpoint_ends_its_links_and_accepts_no_more() {
    let (dialed, _accepted, [_client, server]) = any_link(&Config::default()).await;
    server.close(7, "over");
    assert_eq!(dialed.closed().await, LinkError::PeerClosed { code: 7, reason: "over".to_owned() });
    assert!(server.accept().await.is_none());
    server.wait_idle().await;
}

#[tokio::test]
async fn the_last_handle_closes_the_link() {
    let (dialed, accepted, _endpoints) = any_link(&Config::default()).await;
    let (mut send, _recv) = dialed.open().await.unwrap();
    drop(dialed);
    send.send(Bytes::from_static(b"x")).await.unwrap();
    accepted.accept().await.unwrap().1.next().await.unwrap().unwrap();
    drop((send, _recv));
    assert_eq!(accepted.closed().await, LinkError::PeerClosed { code: 0, reason: String::new() });
}

#[tokio::test]
async fn links_beyond_the_limit_are_refused_until_one_ends() {
    let anyone = Trust::danger_anyone();
    let mut config = Config::default();
    config.connections_max = 1;
    let server = bind(&identity(), &anyone, &config);
    let client = dialer(&anyone);
    let (dialed, accepted) = linked(&client, &server).await;
    let refused = tokio::select! {
        dialed = client.connect_addr(server.local_addr()) => dialed,
        _ = server.accept() => panic!("beyond the limit"),
    };
    assert!(matches!(refused, Err(ConnectError::Refused { .. })), "{refused:?}");
    dialed.close(0, "");
    accepted.closed().await;
    drop(accepted);
    linked(&client, &server).await;
}

#[tokio::test]
async fn peers_prove_their_address_when_handshakes_pile_up() {
    let anyone = Trust::danger_anyone();
    let mut config = Config::default();
    config.handshakes_max = 2;
    let server = bind(&identity(), &anyone, &config);
    let clients = [dialer(&anyone), dialer(&anyone)];
    let first = clients[0].connect_addr(server.local_addr());
    let second = clients[1].connect_addr(server.local_addr());
    let serve = async {
        // Held back, so that the second one meets a handshake under way.
        let held = server.accept().await.unwrap();
        let proved = server.accept().await.unwrap();
        (held.accept().await.unwrap(), proved.accept().await.unwrap())
    };
    let (first, second, links) = tokio::join!(first, second, serve);
    first.unwrap();
    second.unwrap();
    drop(links);
}

#[tokio::test]
async fn a_dropped_incoming_is_refused() {
    let server = server(&Trust::danger_anyone());
    let client = dialer(&Trust::danger_anyone());
    let (dialed, ()) = tokio::join!(client.connect_addr(server.local_addr()), async {
        drop(server.accept().await.unwrap());
    });
    assert!(matches!(dialed, Err(ConnectError::Refused { .. })), "{dialed:?}");
}

/// A server that dies without a word, in a runtime of its own: its address, and the client's link to it.
async fn crashed(server: &Identity, config: &Config) -> (SocketAddr, Link, Endpoint) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let anyone = Trust::danger_anyone();
    let address = own_address();
    let endpoint = {
        let _inside = runtime.enter();
        Endpoint::bind(address, server, &anyone, config).unwrap()
    };
    let accepting = runtime.spawn(async move {
        let link = accept_one(&endpoint).await.unwrap();
        let (mut send, _recv) = link.accept().await.unwrap();
        send.send(Bytes::from_static(b"here")).await.unwrap();
        std::future::pending::<()>().await;
        drop((endpoint, link));
    });
    let client = Endpoint::dialer(&identity(), &anyone, config).unwrap();
    let link = client.connect_addr(address).await.unwrap();
    // An exchange, so that the handshake is over on both sides.
    let (mut send, mut recv) = link.open().await.unwrap();
    send.send(Bytes::from_static(b"x")).await.unwrap();
    assert_eq!(recv.next().await.unwrap().unwrap(), "here");
    tokio::task::spawn_blocking(move || runtime.shutdown_timeout(Duration::from_secs(5))).await.unwrap();
    assert!(accepting.is_finished());
    (address, link, client)
}

#[tokio::test]
async fn a_silent_peer_ends_the_link_after_the_idle_timeout() {
    let mut config = Config::default();
    config.idle_timeout = Duration::from_secs(2);
    config.keep_alive = Duration::from_millis(100);
    let (_, link, _client) = crashed(&identity(), &config).await;
    assert_eq!(link.closed().await, LinkError::TimedOut);
}

#[tokio::test]
async fn a_restarted_peer_ends_its_former_links_at_once() {
    let mut config = Config::default();
    config.idle_timeout = Duration::from_secs(30);
    config.keep_alive = Duration::from_millis(50);
    let server = identity();
    let (address, link, _client) = crashed(&server, &config).await;
    let _restarted = Endpoint::bind(address, &server, &Trust::danger_anyone(), &config).unwrap();
    assert_eq!(link.closed().await, LinkError::Reset);
}

#[tokio::test]
async fn larger_datagrams_are_used_when_both_sides_allow_them() {
    let mut config = Config::default();
    config.initial_mtu = 6_500;
    config.socket_buffer = Some(1 << 20);
    let (dialed, accepted, _endpoints) = any_link(&config).await;
    let send = async {
        let (mut send, recv) = dialed.open().await.unwrap();
        send.send(Bytes::from(vec![7; 4 << 20])).await.unwrap();
        send.finish().unwrap();
        recv
    };
    let receive = async {
        let (_send, mut recv) = accepted.accept().await.unwrap();
        read_all(&mut recv).await.unwrap().len()
    };
    let (_recv, received) = tokio::join!(send, receive);
    assert_eq!(received, 4 << 20);
    assert_eq!(dialed.stats().mtu, 6_500);
}

#[tokio::test]
async fn a_taken_address_and_bad_settings_are_named() {
    let server = server(&Trust::danger_anyone());
    let anyone = Trust::danger_anyone();
    let taken = Endpoint::bind(server.local_addr(), &identity(), &anyone, &Config::default()).unwrap_err();
    assert_eq!(taken.to_string(), format!("cannot bind {}", server.local_addr()));
    let mut config = Config::default();
    config.streams_start = 0;
    let refused = Endpoint::dialer(&identity(), &anyone, &config).unwrap_err();
    let source = std::error::Error::source(&refused).unwrap().to_string();
    assert_eq!(source, "`streams_start` must be at least 1, or peers cannot talk");
}

#[test]
fn an_endpoint_outside_a_runtime_is_an_error() {
    let made = Endpoint::dialer(&identity(), &Trust::danger_anyone(), &Config::default());
    assert!(matches!(made, Err(duologue_transport::BindError::NoRuntime)));
}

#[test]
fn a_link_lives_on_the_runtime_that_accepts_it() {
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let [front, back] = [runtime(), runtime()];
    let anyone = Trust::danger_anyone();
    let (server, client) = {
        let _inside = front.enter();
        (server(&anyone), dialer(&anyone))
    };
    let address = server.local_addr();
    let dialed = front.spawn(async move { (client.connect_addr(address).await.unwrap(), client) });
    let incoming = front.block_on(server.accept()).unwrap();
    let before = back.metrics().num_alive_tasks();
    let link = back.block_on(incoming.accept()).unwrap();
    assert_eq!(back.metrics().num_alive_tasks(), before + 1);
    drop(link);
    drop(front.block_on(dialed).unwrap());
}

#[test]
fn everything_can_be_sent_between_threads() {
    fn send<T: Send>(_: &T) {}
    fn sync<T: Send + Sync>() {}
    sync::<(Endpoint, Link, Identity, Trust, Config)>();
    let endpoint = |endpoint: &Endpoint, incoming: duologue_transport::Incoming| {
        send(&endpoint.accept());
        send(&endpoint.connect("a:1"));
        send(&incoming);
        send(&incoming.accept());
    };
    let link = |link: &Link| {
        send(&link.open());
        send(&link.accept());
        send(&link.closed());
    };
    let _ = (endpoint, link);
}

//! Tests of the race between the addresses of a name.

use std::net::Ipv6Addr;

use super::*;
use crate::{Config, Identity, Trust};

/// A server that accepts everybody, at `address`; `None` if the system lacks the family.
fn serve(address: &str) -> Option<(Endpoint, tokio::task::JoinHandle<()>)> {
    let identity = Identity::generate().unwrap();
    let bound =
        Endpoint::bind(address.parse().unwrap(), &identity, &Trust::danger_anyone(), &Config::default());
    let server = bound.ok()?;
    let accepting = server.clone();
    let task = tokio::spawn(async move {
        while let Some(incoming) = accepting.accept().await {
            if let Ok(link) = incoming.accept().await {
                tokio::spawn(async move { link.closed().await });
            }
        }
    });
    Some((server, task))
}

fn dialer(trust: &Trust) -> Endpoint {
    Endpoint::dialer(&Identity::generate().unwrap(), trust, &Config::default()).unwrap()
}

async fn race(client: &Endpoint, addresses: Vec<SocketAddr>) -> (Result<Link, ConnectError>, Duration) {
    let start = Instant::now();
    let deadline = start + client.shared().config.connect_timeout;
    (client.race("name:1", addresses, deadline).await, start.elapsed())
}

#[tokio::test]
async fn the_address_where_somebody_listens_wins_fast() {
    let client = dialer(&Trust::danger_anyone());
    for (bound, silent) in [("127.0.0.1:0", "[::1]:1"), ("[::1]:0", "127.0.0.1:1")] {
        let Some((server, _task)) = serve(bound) else { continue };
        let silent: SocketAddr = silent.parse().unwrap();
        for addresses in [vec![silent, server.local_addr()], vec![server.local_addr(), silent]] {
            let (link, took) = race(&client, addresses).await;
            assert_eq!(link.unwrap().peer(), server.node_id());
            assert!(took < Config::default().connect_timeout, "{took:?}");
        }
    }
}

#[tokio::test]
async fn one_answer_shortens_the_wait_for_the_silent_ones() {
    let (server, _task) = serve("127.0.0.1:0").unwrap();
    let client = dialer(&Trust::pinned([]));
    let silent = SocketAddr::from((Ipv6Addr::LOCALHOST, 1));
    let (link, took) = race(&client, vec![silent, server.local_addr()]).await;
    match link {
        Err(ConnectError::Untrusted { peer, target, .. }) => {
            assert_eq!((peer, target.as_str()), (server.node_id(), "name:1"));
        }
        other => panic!("{other:?}"),
    }
    assert!(took < Config::default().connect_timeout, "{took:?}");
}

#[tokio::test]
async fn a_family_the_socket_cannot_reach_is_named_at_once() {
    let anyone = Trust::danger_anyone();
    let v4 = "127.0.0.1:0".parse().unwrap();
    let client = Endpoint::bind(v4, &Identity::generate().unwrap(), &anyone, &Config::default()).unwrap();
    let (link, _) = race(&client, vec!["[::1]:1".parse().unwrap()]).await;
    match link {
        Err(ConnectError::Unreachable { tried, .. }) => {
            assert!(tried[0].1.contains("out of reach"), "{tried:?}")
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_name_without_an_address_fails() {
    let (link, _) = race(&dialer(&Trust::danger_anyone()), vec![]).await;
    assert!(matches!(link, Err(ConnectError::Unreachable { tried, .. }) if tried.is_empty()));
}

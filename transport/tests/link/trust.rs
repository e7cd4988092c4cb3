//! Who is let in, and who is refused: pinned ids and known hosts.

use super::*;

#[tokio::test]
async fn pinned_peers_see_each_other() {
    let [host, user] = [(); 2].map(|()| identity());
    let server = bind(&host, &Trust::pinned([user.node_id()]), &Config::default());
    let client = Endpoint::dialer(&user, &Trust::pinned([host.node_id()]), &Config::default()).unwrap();
    let (dialed, accepted) = linked(&client, &server).await;
    assert_eq!((dialed.peer(), accepted.peer()), (host.node_id(), user.node_id()));
    assert_eq!((dialed.dialed(), accepted.dialed()), (true, false));
    assert_eq!(dialed.remote_address(), server.local_addr());
    assert_eq!(accepted.remote_address().port(), client.local_addr().port());
    assert_eq!(server.node_id(), host.node_id());
}

#[tokio::test]
async fn a_host_that_is_not_pinned_is_refused_by_the_dialer() {
    let server = server(&Trust::danger_anyone());
    let client = dialer(&Trust::pinned([identity().node_id()]));
    let (dialed, accepted) = tokio::join!(client.connect_addr(server.local_addr()), accept_one(&server));
    match dialed {
        Err(ConnectError::Untrusted { peer, target, source }) => {
            assert_eq!((peer, target), (server.node_id(), server.local_addr().to_string()));
            assert!(matches!(*source, TrustError::NotPinned { .. }));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(accepted, Err(AcceptError::NotTrustedByPeer)), "{accepted:?}");
}

#[tokio::test]
async fn a_dialer_that_is_not_pinned_learns_it_on_the_link() {
    let server = server(&Trust::pinned([]));
    let client = dialer(&Trust::pinned([server.node_id()]));
    let (dialed, accepted) = tokio::join!(client.connect_addr(server.local_addr()), accept_one(&server));
    match accepted {
        Err(AcceptError::Untrusted { peer, .. }) => assert_eq!(peer, client.node_id()),
        other => panic!("{other:?}"),
    }
    let link = dialed.unwrap();
    let ended = link.closed().await;
    assert!(matches!(ended, LinkError::Untrusting { .. }), "{ended:?}");
    assert_eq!(link.close_reason(), Some(ended.clone()));
    assert_eq!(link.open().await.unwrap_err(), ended);
    assert!(matches!(ConnectError::from_link("t", ended), ConnectError::NotTrustedByPeer { .. }));
}

#[tokio::test]
async fn a_known_host_is_remembered_and_its_change_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known_hosts");
    let client = dialer(&Trust::known_hosts(&path));
    let (anyone, address) = (Trust::danger_anyone(), own_address());
    let first = Endpoint::bind(address, &identity(), &anyone, &Config::default()).unwrap();
    for _ in 0..2 {
        linked(&client, &first).await;
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert_eq!(written, format!("{address} {}\n", first.node_id()));
    first.close(0, "");
    first.wait_idle().await;
    let former = first.node_id();
    drop(first);
    let second = identity();
    let second = loop {
        // The receive loop of the first lets go of its socket when it runs next.
        match Endpoint::bind(address, &second, &anyone, &Config::default()) {
            Ok(bound) => break bound,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let target = address.to_string();
    let (dialed, _) = tokio::join!(client.connect(&target), accept_one(&second));
    match dialed {
        Err(ConnectError::Untrusted { source, .. }) => match *source {
            TrustError::Changed { known, peer, line, .. } => {
                assert_eq!((known, peer, line), (former, second.node_id(), 1));
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), written);
}

#[tokio::test]
async fn an_endpoint_with_known_hosts_lets_in_whom_it_lists() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known_hosts");
    let [friend, stranger] = [(); 2].map(|()| identity());
    std::fs::write(&path, format!("friend:1 {}\n", friend.node_id())).unwrap();
    let server = server(&Trust::known_hosts(&path));
    for (who, listed) in [(&friend, true), (&stranger, false)] {
        let client = Endpoint::dialer(who, &Trust::danger_anyone(), &Config::default()).unwrap();
        let (_, accepted) = tokio::join!(client.connect_addr(server.local_addr()), accept_one(&server));
        assert_eq!(accepted.is_ok(), listed, "{accepted:?}");
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1, "accepting remembers nobody");
}

#[tokio::test]
async fn a_damaged_file_of_known_hosts_trusts_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known_hosts");
    std::fs::write(&path, "garbage\n").unwrap();
    let server = server(&Trust::known_hosts(&path));
    let client = dialer(&Trust::danger_anyone());
    let (_, accepted) = tokio::join!(client.connect_addr(server.local_addr()), accept_one(&server));
    assert!(matches!(accepted, Err(AcceptError::Trust(_))), "{accepted:?}");
    let client = dialer(&Trust::known_hosts(&path));
    let (dialed, _) = tokio::join!(client.connect_addr(server.local_addr()), accept_one(&server));
    assert!(matches!(dialed, Err(ConnectError::Trust { .. })), "{dialed:?}");
}

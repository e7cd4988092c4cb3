//! Who is let in and who is believed: pinned keys, in both directions and on every address.

use duologue::link::ConnectError as LinkError;
use duologue::prelude::*;
use duologue::{ConnectError, NodeError};
use duologue_tests::events::events;
use duologue_tests::nodes::{listen, run, small};
use duologue_tests::probe::{Event, Probe, ProbingProxy};

fn stranger() -> NodeId {
    Identity::generate().unwrap().node_id()
}

#[test]
fn dialing_a_node_that_is_not_trusted_names_it() {
    run(async {
        let (tell, mut heard) = events();
        let server = listen(small().serve(move || Probe::new(&tell))).await;
        let client = small().trust(Trust::pinned([stranger()])).start().await.unwrap();
        let target = server.local_addr().to_string();
        match client.connect(&target).await {
            Err(ConnectError::Link(error)) => {
                let text = format!("{target} is node {}, which is not trusted", server.id());
                assert_eq!(error.to_string(), text);
                assert!(
                    matches!(error, LinkError::Untrusted { peer, .. } if peer == server.id()),
                    "{error:?}"
                );
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(client.stats(), Default::default());
        assert_eq!(server.stats(), Default::default());
        assert_eq!(heard.so_far(), []);
    });
}

#[test]
fn a_node_that_is_not_trusted_is_not_let_in_and_told_so() {
    run(async {
        let friend = Identity::generate().unwrap();
        let (tell, mut heard) = events();
        let trust = Trust::pinned([friend.node_id()]);
        let server = listen(small().trust(trust).serve(move || Probe::new(&tell))).await;
        let target = server.local_addr().to_string();
        let client = small().start().await.unwrap();
        for _ in 0..3 {
            match client.connect(&target).await {
                Err(ConnectError::Link(error)) => {
                    assert!(matches!(error, LinkError::NotTrustedByPeer { .. }), "{error:?}");
                    let text = format!("{target} does not trust this node's identity");
                    assert_eq!(error.to_string(), text);
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(server.stats(), Default::default());
        assert_eq!(heard.so_far(), [], "no instance was made for it");

        let client = small().identity(friend).start().await.unwrap();
        let connection = client.connect(&target).await.unwrap();
        let probe: ProbingProxy = connection.root().await.unwrap();
        assert_eq!(probe.add(1, 2).await, Ok(3), "the friend is served");
        assert_eq!(heard.next().await, Event::Connected);
    });
}

#[test]
fn an_address_of_other_machines_needs_a_trust() {
    run(async {
        for address in ["0.0.0.0:0", "[::]:0"] {
            let error = small().serve(|| duologue::VoidService).bind(address).await.unwrap_err();
            assert!(matches!(error, NodeError::TrustNotChosen(_)), "{error:?}");
            assert_eq!(
                error.to_string(),
                format!(
                    "{address} is reachable from other machines: say who may connect with \
                     `.trust(Trust::pinned([id, ..]))`, `.trust(Trust::known_hosts(path))` or \
                     `.trust(Trust::danger_anyone())`, and give the node a lasting `.identity(..)`"
                )
            );
        }
    });
}

#[test]
fn two_nodes_that_keep_their_keys_in_files_and_pin_each_other_meet() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let keys = [folder.path().join("server.pem"), folder.path().join("client.pem")];
        let ids = keys.each_ref().map(|path| Identity::load_or_create(path).unwrap().node_id());
        // Twice: the second time with the keys of the first.
        for _ in 0..2 {
            let [server_key, client_key] =
                keys.each_ref().map(|path| Identity::load_or_create(path).unwrap());
            assert_eq!([server_key.node_id(), client_key.node_id()], ids);
            let (tell, _heard) = events();
            let server = small()
                .identity(server_key)
                .trust(Trust::pinned([ids[1]]))
                .serve(move || Probe::new(&tell))
                .bind("0.0.0.0:0")
                .await
                .unwrap();
            let client = small().identity(client_key).trust(Trust::pinned([ids[0]])).start().await.unwrap();
            let connection =
                client.connect(format!("127.0.0.1:{}", server.local_addr().port())).await.unwrap();
            assert_eq!(connection.peer(), ids[0]);
            server.until(|stats| stats.connections == 1).await;
            assert_eq!(server.connections()[0].peer(), ids[1]);
            let probe: ProbingProxy = connection.root().await.unwrap();
            assert_eq!(probe.add(1, 2).await, Ok(3));
        }
    });
}

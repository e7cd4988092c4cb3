//! 12. Secure by default: both sides prove who they are, always, and nobody else is let in.
//!
//! That a certificate proves nothing without its key is shown in `transport` itself, beside the handshake.

use std::time::Duration;

use duologue::link::{ConnectError as LinkError, TrustError};
use duologue::prelude::*;
use duologue::{ConnectError, Node, NodeError, NodeStats};
use duologue_tests::events::{Tell, events};
use duologue_tests::nodes::settles;
use tokio::time::sleep;

use super::{each, rough};

#[service]
trait Vault {
    fn gold(&self) -> u32;
}

/// Tells whom it was made for.
struct Bank(Tell<NodeId>);

#[service]
impl Vault for Bank {
    fn gold(&self) -> u32 {
        7
    }

    fn on_connect(&mut self, connection: &Connection) {
        self.0.tell(connection.peer());
    }
}

async fn refused(client: &Node, server: &Node) -> LinkError {
    match client.connect(server.local_addr().to_string()).await {
        Err(ConnectError::Link(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn guarantee_12_secure_by_default() {
    each(async |world| {
        world.network().set(rough());
        let [alice, bob, mallory] = [(); 3].map(|()| Identity::generate().unwrap());

        // Beyond this machine, nothing is bound before somebody has said who may come.
        let (tell, mut heard) = events();
        let serve = || {
            let tell = tell.clone();
            world.node().serve(move || Bank(tell.clone()))
        };
        let unsaid = serve().bind("10.0.0.1:1").await;
        assert!(matches!(unsaid, Err(NodeError::TrustNotChosen(_))), "{unsaid:?}");

        // Both sides prove who they are, and whoever is not named is not let in.
        let trust = Trust::pinned([bob.node_id()]);
        let server = serve().identity(alice.clone()).trust(trust).bind("10.0.0.1:1").await.unwrap();
        let client = |identity: &Identity, trusts: &Identity| {
            let trust = Trust::pinned([trusts.node_id()]);
            world.node().identity(identity.clone()).trust(trust).start()
        };
        let stranger = client(&mallory, &alice).await.unwrap();
        let error = refused(&stranger, &server).await;
        assert!(matches!(error, LinkError::NotTrustedByPeer { .. }), "{error:?}");
        // Nor does anybody talk to a server that is another one than was meant.
        let misled = client(&bob, &mallory).await.unwrap();
        let error = refused(&misled, &server).await;
        assert!(matches!(&error, LinkError::Untrusted { peer, .. } if *peer == alice.node_id()), "{error:?}");
        settles(&server, |stats| stats == NodeStats::default()).await;
        assert_eq!(heard.so_far(), [], "no instance was made for either");

        let friend = client(&bob, &alice).await.unwrap();
        let connection = friend.connect(server.local_addr().to_string()).await.unwrap();
        assert_eq!(connection.root::<VaultProxy>().await.unwrap().gold().await, Ok(7));
        assert_eq!(connection.peer(), alice.node_id());
        assert_eq!(heard.so_far(), [bob.node_id()]);
    });
}

#[test]
fn guarantee_12_secure_by_default_a_known_host_with_another_key_is_refused() {
    each(async |world| {
        world.network().set(rough());
        let folder = tempfile::tempdir().unwrap();
        let (tell, _heard) = events();
        let serve = async |identity: &Identity| loop {
            let tell = tell.clone();
            let node = world.node().identity(identity.clone()).trust(Trust::danger_anyone());
            match node.serve(move || Bank(tell.clone())).bind("10.0.0.1:1").await {
                Ok(server) => return server,
                // The one before it still says farewell.
                Err(NodeError::Bind(_)) => sleep(Duration::from_secs(1)).await,
                Err(other) => panic!("{other:?}"),
            }
        };
        let trust = Trust::known_hosts(folder.path().join("known_hosts"));
        let node = world.node().identity(Identity::generate().unwrap()).trust(trust);
        let client = node.start().await.unwrap();
        let [alice, mallory] = [(); 2].map(|()| Identity::generate().unwrap());
        for _ in 0..2 {
            let server = serve(&alice).await;
            let connection = client.connect("10.0.0.1:1").await.unwrap();
            assert_eq!(connection.peer(), alice.node_id());
            server.shutdown().await;
        }
        let server = serve(&mallory).await;
        let error = refused(&client, &server).await;
        let LinkError::Untrusted { source, .. } = error else { panic!("{error:?}") };
        let TrustError::Changed { known, peer, .. } = *source else { panic!("{source:?}") };
        assert_eq!((known, peer), (alice.node_id(), mallory.node_id()));
    });
}

#[test]
fn guarantee_12_secure_by_default_on_one_machine_each_node_has_a_key_of_its_own() {
    each(async |world| {
        let (tell, mut heard) = events();
        let pair = world.pair().conditions(rough()).serve(move || Bank(tell.clone())).await.unwrap();
        let ids = [pair.near.node.id(), pair.far.node.id()];
        assert_ne!(ids[0], ids[1]);
        assert_eq!([pair.far.connection.peer(), pair.near.connection.peer()], ids);
        assert_eq!(heard.next().await, ids[0]);
        let elsewhere = pair.near.node.connect("10.0.0.1:1").await;
        // The key is settled: one that nobody remembers is no key to show to another machine.
        assert!(elsewhere.is_err(), "{elsewhere:?}");
    });
}

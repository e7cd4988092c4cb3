//! A service that is not for everybody: to others it does not exist.

use duologue::prelude::*;
use duologue::{NodeError, OpenError};
use duologue_tests::nodes::{dial, listen, run, small};

#[service(aliases = ["safe"])]
trait Vault {
    fn gold(&self) -> u32;
}

struct Bank;

#[service]
impl Vault for Bank {
    fn gold(&self) -> u32 {
        7
    }
}

fn missing(name: &str) -> OpenError {
    OpenError::NoSuchService(name.into())
}

#[test]
fn only_those_who_are_named_may_open_a_service_and_to_others_it_does_not_exist() {
    run(async {
        let (alice, bob) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        let server = small()
            .identity(Identity::generate().unwrap())
            .trust(Trust::pinned([alice.node_id(), bob.node_id()]))
            .serve(|| Bank)
            .allow([alice.node_id()])
            .service("Open", || Bank)
            .service("Even", || Bank)
            .allow_if(|peer| peer.as_bytes()[0].is_multiple_of(2))
            .allow([alice.node_id(), bob.node_id()]);
        let server = listen(server).await;
        for (identity, welcome) in [(alice, true), (bob, false)] {
            let even = identity.node_id().as_bytes()[0].is_multiple_of(2);
            let trust = Trust::pinned([server.id()]);
            let client = small().identity(identity).trust(trust).start().await.unwrap();
            let connection = dial(&client, &server).await;
            let root = connection.root::<VaultProxy>().await;
            let by_name = connection.service::<VaultProxy>("safe").await;
            if welcome {
                assert_eq!(root.unwrap().gold().await, Ok(7));
                assert_eq!(by_name.unwrap().gold().await, Ok(7));
            } else {
                let void = OpenError::WrongInterface { expected: "Vault".into(), found: "Void".into() };
                assert_eq!(root.unwrap_err(), void);
                assert_eq!(by_name.unwrap_err(), missing("safe"));
            }
            let open: VaultProxy = connection.service("open").await.unwrap();
            assert_eq!(open.gold().await, Ok(7), "a service without a rule is for all who are let in");
            match connection.service::<VaultProxy>("even").await {
                Ok(vault) => assert_eq!((even, vault.gold().await), (true, Ok(7))),
                Err(no) => assert_eq!((even, no), (false, missing("even"))),
            }
        }
    });
}

#[test]
fn a_rule_is_refused_where_every_process_of_the_machine_may_connect() {
    run(async {
        let id = Identity::generate().unwrap().node_id();
        let refused = small().serve(|| Bank).allow([id]).bind("127.0.0.1:0").await;
        assert!(matches!(refused, Err(NodeError::RulesWithoutTrust(_))), "{refused:?}");
        let trusting = small().trust(Trust::danger_anyone()).serve(|| Bank).allow([id]);
        trusting.bind("127.0.0.1:0").await.expect("somebody has said so");
        let stray = small().allow([id]).serve(|| Bank).start().await;
        assert!(matches!(stray, Err(NodeError::NothingToAllow)), "{stray:?}");
    });
}

#[test]
fn the_settings_leave_the_number_of_threads_as_it_was_said_before() {
    run(async {
        // Each thread has a dialing endpoint: with one thread, all connections have one address.
        let server = listen(small()).await;
        let client = Node::builder().arbiters(1).config(duologue::Config::default()).start().await.unwrap();
        let (one, two) = (dial(&client, &server).await, dial(&client, &server).await);
        server.until(|stats| stats.connections == 2).await;
        let ports: Vec<u16> = server.connections().iter().map(|c| c.remote_address().port()).collect();
        assert_eq!(ports[0], ports[1]);
        drop((one, two));
    });
}

//! A service learns when a peer comes and goes; both ends may serve.

use std::sync::{Arc, OnceLock};

use duologue::Ended;
use duologue::prelude::*;
use duologue_tests::events::{Heard, Tell, events};
use duologue_tests::nodes::{dial, listen, pair, run, small};

#[service]
trait Host {
    fn foo(&self) -> String;
    async fn bar(&self) -> Result<String, CallError>;
}

#[service]
trait Guest {
    fn name(&self) -> String;
}

#[derive(Clone)]
struct Inn {
    tell: Tell<String>,
}

fn inn() -> (Inn, Heard<String>) {
    let (tell, heard) = events();
    (Inn { tell }, heard)
}

#[service]
impl Host for Inn {
    fn foo(&self) -> String {
        self.tell.tell("foo".into());
        "foo".into()
    }

    async fn bar(&self, caller: &Caller) -> Result<String, CallError> {
        let guest: GuestProxy = caller.connection().root().await?;
        Ok(guest.name().await? + "bar")
    }

    fn on_connect(&mut self, connection: &Connection) {
        self.tell.tell(format!("came {}", connection.peer()));
    }

    fn on_disconnect(&mut self, connection: &Connection) {
        assert!(connection.is_closed(), "it is dead by now");
        self.tell.tell(format!("left {}", connection.peer()));
    }
}

struct Traveller {
    name: &'static str,
    tell: Tell<String>,
}

#[service]
impl Guest for Traveller {
    fn name(&self) -> String {
        self.name.into()
    }

    fn on_connect(&mut self, connection: &Connection) {
        assert!(!connection.is_closed());
        self.tell.tell("arrived".into());
    }

    fn on_disconnect(&mut self, _: &Connection) {
        self.tell.tell("gone".into());
    }
}

#[test]
fn on_connect_runs_before_any_call_and_on_disconnect_after_all() {
    run(async {
        for _ in 0..20 {
            let (inn, mut heard) = inn();
            let pair = pair(move || inn.clone()).await;
            let host: HostProxy = pair.root().await;
            assert_eq!(host.foo().await.unwrap(), "foo");
            pair.connection.close().await;
            let id = pair.client.id();
            assert_eq!(heard.take(3).await, [format!("came {id}"), "foo".into(), format!("left {id}")]);
        }
    });
}

#[test]
fn a_service_is_told_of_a_peer_that_never_opened_it() {
    run(async {
        let (inn, mut heard) = inn();
        let pair = pair(move || inn.clone()).await;
        let id = pair.client.id();
        assert_eq!(heard.next().await, format!("came {id}"));
        pair.connection.close().await;
        assert_eq!(heard.next().await, format!("left {id}"));
    });
}

#[test]
fn both_ends_serve_and_both_are_told() {
    run(async {
        let (inn, mut at_the_inn) = inn();
        let (tell, mut on_the_road) = events();
        let server = listen(small().serve(move || inn.clone())).await;
        let client = small().start().await.unwrap();
        let connection = client
            .connect(server.local_addr().to_string())
            .serve(move || Traveller { name: "foo", tell: tell.clone() })
            .await
            .unwrap();
        let host: HostProxy = connection.root().await.unwrap();
        assert_eq!(host.bar().await.unwrap(), "foobar");
        assert_eq!(at_the_inn.next().await, format!("came {}", client.id()));
        assert_eq!(on_the_road.next().await, "arrived");
        // This time the one who was dialed closes.
        let other_side = server.connections().remove(0);
        let guest: GuestProxy = other_side.root().await.unwrap();
        assert_eq!(guest.name().await.unwrap(), "foo");
        other_side.close_with(7, "the inn closes").await;
        assert_eq!(connection.closed().await, Ended::ByPeer { code: 7, reason: "the inn closes".into() });
        assert_eq!(other_side.closed().await, Ended::ByUs);
        assert_eq!(at_the_inn.next().await, format!("left {}", client.id()));
        assert_eq!(on_the_road.next().await, "gone");
    });
}

#[test]
fn what_a_node_serves_it_serves_on_the_connections_it_dials_too() {
    run(async {
        let (inn, _heard) = inn();
        let server = listen(small().serve(move || inn.clone())).await;
        let (tell, mut heard) = events();
        let traveller = small().serve(move || Traveller { name: "any", tell: tell.clone() });
        let client = traveller.start().await.unwrap();
        let connection = dial(&client, &server).await;
        assert_eq!(connection.root::<HostProxy>().await.unwrap().bar().await.unwrap(), "anybar");
        assert_eq!(heard.next().await, "arrived");
    });
}

#[test]
fn a_shared_instance_learns_who_came_and_who_left() {
    run(async {
        let (inn, mut heard) = inn();
        let server = listen(small().serve_shared(move || inn.clone())).await;
        let (alice, bob) = (small().start().await.unwrap(), small().start().await.unwrap());
        assert_ne!(alice.id(), bob.id());
        let one = dial(&alice, &server).await;
        assert_eq!(heard.next().await, format!("came {}", alice.id()));
        let two = dial(&bob, &server).await;
        assert_eq!(heard.next().await, format!("came {}", bob.id()));
        let (first, second): (HostProxy, HostProxy) = (one.root().await.unwrap(), two.root().await.unwrap());
        assert_eq!((first.foo().await.unwrap(), second.foo().await.unwrap()), ("foo".into(), "foo".into()));
        assert_eq!(heard.take(2).await, ["foo", "foo"]);
        one.close().await;
        assert_eq!(heard.next().await, format!("left {}", alice.id()));
        assert_eq!(second.foo().await.unwrap(), "foo", "the instance serves on");
        drop((two, second, bob.clone()));
        let id = bob.id();
        drop(bob);
        assert_eq!(heard.take(2).await, ["foo".to_owned(), format!("left {id}")]);
    });
}

struct Eager {
    greeted: Tell<String>,
    kept: Arc<OnceLock<Connection>>,
}

#[service]
impl Host for Eager {
    fn foo(&self) -> String {
        "eager".into()
    }

    async fn bar(&self) -> Result<String, CallError> {
        Ok("eager".into())
    }

    fn on_connect(&mut self, connection: &Connection) {
        let _ = self.kept.set(connection.clone());
        let (connection, greeted) = (connection.clone(), self.greeted.clone());
        tokio::spawn(async move {
            let guest: GuestProxy = connection.root().await.unwrap();
            greeted.tell(guest.name().await.unwrap());
        });
    }
}

#[test]
fn on_connect_may_start_a_task_that_calls_the_peer() {
    run(async {
        let ((greeted, mut heard), kept) = (events(), Arc::new(OnceLock::new()));
        let known = kept.clone();
        let server =
            listen(small().serve(move || Eager { greeted: greeted.clone(), kept: known.clone() })).await;
        let client = small().start().await.unwrap();
        let (tell, _told) = events();
        let connection = client
            .connect(server.local_addr().to_string())
            .serve(move || Traveller { name: "zoe", tell: tell.clone() })
            .await
            .unwrap();
        assert_eq!(heard.next().await, "zoe");
        assert_eq!(kept.get().expect("the hook ran").peer(), client.id());
        assert_eq!(connection.peer(), server.id());
        assert!(connection.dialed() && !kept.get().unwrap().dialed());
    });
}

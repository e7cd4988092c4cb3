//! Servers that are no bench, or one of another release.

use duologue::Node;
use duologue::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::process::Said;
use super::{Bench, held};

/// A bench of a time to come.
#[service(name = "DuologueBench")]
trait Later {
    fn hello(&self) -> LaterHello;
}

#[derive(Debug, Serialize, Deserialize)]
struct LaterHello {
    version: u32,
    program: String,
    system: String,
    cores: u32,
    threads: u32,
    mood: String,
}

/// A bench that has forgotten how to greet.
#[service(name = "DuologueBench")]
trait Rude {
    fn grunt(&self);
}

struct Stranger;

#[service]
impl Later for Stranger {
    fn hello(&self) -> LaterHello {
        let text = || "tomorrow's".to_owned();
        LaterHello { version: 999, program: text(), system: text(), cores: 1, threads: 1, mood: text() }
    }
}

#[service]
impl Rude for Stranger {
    fn grunt(&self) {}
}

async fn ran(node: Node) -> (Said, Value) {
    let address = node.local_addr().to_string();
    let ran = tokio::task::spawn_blocking(move || {
        let bench = Bench::new();
        (bench.run(&address, &[]), bench.report())
    });
    let ran = ran.await.unwrap();
    node.shutdown().await;
    ran
}

/// A bench of an earlier release, which does not say what it holds.
#[service(name = "DuologueBench")]
trait Earlier {
    fn hello(&self) -> LaterHello;
    fn usage(&self) -> Value;
    fn shared(&self, count: u32) -> Vec<SharedTargetProxy>;
}

#[service]
trait SharedTarget {
    fn add(&self, a: i64, b: i64) -> i64;
}

#[service]
impl Earlier for Stranger {
    fn hello(&self) -> LaterHello {
        let text = || "yesterday's".to_owned();
        LaterHello { version: 1, program: text(), system: text(), cores: 1, threads: 1, mood: text() }
    }

    fn usage(&self) -> Value {
        serde_json::json!({ "cpu": null, "rss_bytes": null, "missing": "nobody looked" })
    }

    fn shared(&self, count: u32) -> Vec<SharedTargetProxy> {
        (0..count).map(|_| SharedTargetProxy::local(Stranger)).collect()
    }
}

#[service]
impl SharedTarget for Stranger {
    fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_an_earlier_release_is_measured_and_need_not_say_what_it_holds() {
    let server = Node::builder().serve_as::<EarlierProxy>(|| Stranger);
    let (said, report) = ran(server.bind("127.0.0.1:0").await.unwrap()).await;
    assert_eq!((said.code, &report["complete"]), (Some(0), &Value::from(true)), "{said:?}");
    let left = &report["points"][0]["left"];
    assert_eq!((held(&left["client"]), &left["server"]), (vec![0; 9], &Value::Null));
    let words = "left behind: nothing by the client; by the server it is not known: the server is of a release that does not say it\n";
    assert!(said.stdout.ends_with(words), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_another_version_is_not_measured() {
    let servers = [
        (
            Node::builder().serve_as::<LaterProxy>(|| Stranger),
            "is another version of the bench (it is 999, this one is 1)",
        ),
        (
            Node::builder().serve_as::<RudeProxy>(|| Stranger),
            "is another version of the bench (it does not say which",
        ),
        (Node::builder(), "serves `Void` and no bench: start `duologue bench serve` there"),
    ];
    for (node, reason) in servers {
        let (said, report) = ran(node.bind("127.0.0.1:0").await.unwrap()).await;
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.has_line(reason), "{reason}: {said:?}");
        assert_eq!(
            (&report["complete"], &report["points"]),
            (&Value::from(false), &Value::from(Vec::<Value>::new()))
        );
    }
}

//! Only what the trait names is reachable, and only under the interface that is served.

use duologue::prelude::*;
use duologue::{OpenError, VoidProxy};
use duologue_tests::nodes::{pair, pair_of, run, small};

#[service(aliases = ["Calc", "abacus"])]
trait Desk {
    async fn add(&self, a: i64, b: i64) -> i64;
}

/// What a peer would like the desk to have.
mod wishful {
    use duologue::prelude::*;

    #[service(name = "Desk")]
    pub(crate) trait Wishful {
        async fn add(&self, a: i64, b: i64) -> i64;
        async fn secret(&self) -> String;
        async fn drop(&self);
    }
}

#[service]
trait Other {
    async fn add(&self, a: i64, b: i64) -> i64;
}

struct Clerk;

impl Clerk {
    fn secret(&self) -> String {
        "the combination of the safe".to_owned()
    }
}

#[service]
impl Desk for Clerk {
    async fn add(&self, a: i64, b: i64) -> i64 {
        assert!(!self.secret().is_empty());
        a + b
    }
}

#[test]
fn what_the_trait_does_not_name_does_not_exist_for_the_peer() {
    run(async {
        let pair = pair(|| Clerk).await;
        let desk: wishful::WishfulProxy = pair.root().await;
        assert_eq!(desk.secret().await, Err(CallError::NoSuchMethod("Desk::secret".into())));
        assert_eq!(desk.drop().await, Err(CallError::NoSuchMethod("Desk::drop".into())));
        assert!(desk.secret().await.unwrap_err().never_ran());
        assert_eq!(desk.add(4, 7).await, Ok(11));
    });
}

#[test]
fn another_interface_is_refused_by_name_even_if_its_methods_are_alike() {
    run(async {
        let pair = pair(|| Clerk).await;
        let refused = pair.connection.root::<OtherProxy>().await.unwrap_err();
        assert_eq!(refused, OpenError::WrongInterface { expected: "Other".into(), found: "Desk".into() });
        assert_eq!(refused.to_string(), "the peer serves `Desk`, not `Other`");
        let desk: DeskProxy = pair.root().await;
        assert_eq!(desk.add(1, 2).await, Ok(3));
    });
}

#[test]
fn an_unknown_service_is_refused_by_its_name() {
    run(async {
        let pair = pair(|| Clerk).await;
        let refused = pair.connection.service::<DeskProxy>("till").await.unwrap_err();
        assert_eq!(refused, OpenError::NoSuchService("till".into()));
        assert_eq!(refused.to_string(), "the peer serves no `till`");
    });
}

#[test]
fn a_node_that_serves_nothing_shows_the_void() {
    run(async {
        let pair = pair_of(small(), small()).await;
        pair.connection.root::<VoidProxy>().await.unwrap();
        let refused = pair.connection.root::<DeskProxy>().await.unwrap_err();
        assert_eq!(refused, OpenError::WrongInterface { expected: "Desk".into(), found: "Void".into() });
        let refused = pair.connection.service::<DeskProxy>("Desk").await.unwrap_err();
        assert_eq!(refused, OpenError::NoSuchService("Desk".into()));
        pair.connection.ping().await.unwrap();
    });
}

#[test]
fn a_service_is_found_by_name_and_alias_in_any_case() {
    run(async {
        let pair = pair(|| Clerk).await;
        for name in ["Desk", "desk", "DESK", "calc", "Calc", "aBaCuS"] {
            let desk: DeskProxy = pair.connection.service(name).await.unwrap();
            assert_eq!(desk.add(4, 7).await, Ok(11), "{name}");
        }
    });
}

#[test]
fn named_services_stand_beside_the_root_with_instances_of_their_own() {
    run(async {
        let server = small().serve(|| Clerk).service("Till", || Clerk).service_shared("Common", || Clerk);
        let pair = pair_of(server, small()).await;
        let root: DeskProxy = pair.root().await;
        let till: DeskProxy = pair.connection.service("till").await.unwrap();
        let common: DeskProxy = pair.connection.service("COMMON").await.unwrap();
        assert_ne!(root, till);
        assert_ne!(till, common);
        assert_eq!(till, pair.connection.service("TILL").await.unwrap());
        assert_eq!(till.add(1, 1).await, Ok(2));
        assert_eq!(common.add(2, 2).await, Ok(4));
        let refused = pair.connection.service::<OtherProxy>("till").await.unwrap_err();
        assert_eq!(refused, OpenError::WrongInterface { expected: "Other".into(), found: "Desk".into() });
    });
}

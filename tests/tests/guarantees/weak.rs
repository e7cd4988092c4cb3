//! Weak proxies know their object and do not keep it; `closed()` says once how it ended, of strong and weak ones alike.

use std::collections::HashSet;

use duologue::prelude::*;
use duologue::{Closed, WeakProxy};
use duologue_tests::events::{Bell, Tell, events};
use duologue_tests::nodes::{Pair, begin, pair, run};

#[service]
trait Leaf {
    fn name(&self) -> String;
}

#[service]
trait Tree {
    fn leaf(&self) -> LeafProxy;
    fn keep(&mut self, leaf: LeafProxy);
    fn kept(&self) -> Option<LeafProxy>;
    fn drop_kept(&mut self);
    /// Revokes the leaf of this tree.
    fn fell(&self);
    async fn call(&self, back: Callback<fn() -> u8>) -> Result<u8, CallError>;
}

struct Green(Bell<&'static str>);

#[service]
impl Leaf for Green {
    fn name(&self) -> String {
        let _ = &self.0;
        "green".to_owned()
    }
}

struct Oak {
    leaf: LeafProxy,
    kept: Option<LeafProxy>,
}

#[service]
impl Tree for Oak {
    fn leaf(&self) -> LeafProxy {
        self.leaf.clone()
    }

    fn keep(&mut self, leaf: LeafProxy) {
        self.kept = Some(leaf);
    }

    fn kept(&self) -> Option<LeafProxy> {
        self.kept.clone()
    }

    fn drop_kept(&mut self) {
        self.kept = None;
    }

    fn fell(&self) {
        self.leaf.revoke();
    }

    async fn call(&self, back: Callback<fn() -> u8>) -> Result<u8, CallError> {
        back.call().await
    }
}

async fn tree() -> (Pair, TreeProxy) {
    let tell = events().0;
    let pair = pair(move || Oak { leaf: LeafProxy::local(Green(tell.on_drop("oak's"))), kept: None }).await;
    let tree = pair.root().await;
    (pair, tree)
}

fn own(pair: &Pair, tell: &Tell<&'static str>) -> LeafProxy {
    let bell = tell.on_drop("dropped");
    pair.client.host(move || Green(bell))
}

fn revoked() -> Closed {
    Closed::Gone("it was revoked".to_owned())
}

#[test]
fn a_weak_proxy_does_not_keep_a_local_object() {
    run(async {
        let (pair, _tree) = tree().await;
        let (tell, mut heard) = events();
        let leaf = own(&pair, &tell);
        let weak = leaf.downgrade();
        let strong = weak.upgrade().expect("it is held");
        assert_eq!(strong, leaf);
        assert_eq!(strong.name().await.unwrap(), "green");
        drop(leaf);
        assert!(weak.upgrade().is_some(), "another proxy holds it");
        drop(strong);
        assert_eq!(heard.next().await, "dropped");
        assert_eq!(weak.upgrade(), None);
        assert_eq!(weak.closed().await, Closed::LetGo);
    });
}

#[test]
fn a_weak_proxy_does_not_keep_an_object_of_the_peer() {
    run(async {
        let (pair, tree) = tree().await;
        let leaf = tree.leaf().await.unwrap();
        let weak = leaf.downgrade();
        assert_eq!(weak.upgrade().unwrap().name().await.unwrap(), "green");
        assert_eq!(weak.upgrade(), Some(leaf.clone()));
        drop(leaf);
        assert_eq!(weak.closed().await, Closed::LetGo);
        assert_eq!(weak.upgrade(), None);
        // The same object again: the weak proxy is equal to a new one of it, and stays without its own.
        let again = tree.leaf().await.unwrap();
        assert_eq!(again.name().await.unwrap(), "green");
        drop((again, tree));
        pair.at_rest().await;
    });
}

#[test]
fn a_local_object_that_only_the_peer_holds_is_reached_by_a_weak_proxy() {
    run(async {
        let (pair, tree) = tree().await;
        let (tell, mut heard) = events();
        let leaf = own(&pair, &tell);
        let weak = leaf.downgrade();
        tree.keep(leaf).await.unwrap();
        let strong = weak.upgrade().expect("the peer holds it");
        assert_eq!(strong.name().await.unwrap(), "green");
        drop(strong);
        tree.drop_kept().await.unwrap();
        assert_eq!(heard.next().await, "dropped");
        assert_eq!(weak.closed().await, Closed::LetGo);
    });
}

#[test]
fn weak_proxies_are_equal_and_hash_alike_if_they_are_one_object() {
    run(async {
        let (pair, tree) = tree().await;
        let tell = events().0;
        let (theirs, ours) = (tree.leaf().await.unwrap(), own(&pair, &tell));
        let weak: [WeakProxy<LeafProxy>; 2] = [theirs.downgrade(), ours.downgrade()];
        assert_ne!(weak[0], weak[1]);
        assert_eq!(weak[0], WeakProxy::from(&theirs.clone()));
        tree.keep(ours.clone()).await.unwrap();
        let home = tree.kept().await.unwrap().unwrap();
        assert_eq!(weak[1], home.downgrade());
        let all = weak.iter().cloned().chain([theirs.downgrade(), ours.downgrade(), weak[0].clone()]);
        assert_eq!(all.collect::<HashSet<_>>().len(), 2);
        drop((theirs, ours, home));
        assert_eq!(weak[0], weak[0].clone(), "even when nobody holds the object");
    });
}

#[test]
fn closed_says_how_an_object_ended() {
    run(async {
        let (pair, tree) = tree().await;
        let tell = events().0;
        // Of this process.
        let ours = own(&pair, &tell);
        let weak = ours.downgrade();
        let mut closed = Box::pin(ours.closed());
        assert!(begin(&mut closed).await.is_pending());
        ours.revoke();
        assert_eq!(
            (closed.await, ours.closed().await, weak.closed().await),
            (revoked(), revoked(), revoked())
        );
        assert_eq!(weak.upgrade(), None, "it is gone");
        // Of the peer.
        let theirs = tree.leaf().await.unwrap();
        let weak = theirs.downgrade();
        let (mut strong_end, mut weak_end) = (Box::pin(theirs.closed()), Box::pin(weak.closed()));
        assert!(begin(&mut strong_end).await.is_pending());
        assert!(begin(&mut weak_end).await.is_pending());
        tree.fell().await.unwrap();
        assert_eq!((strong_end.await, weak_end.await), (revoked(), revoked()));
        assert_eq!(weak.upgrade(), None);
        // One that was gone when it arrived.
        let dead = tree.leaf().await.unwrap();
        assert_eq!(dead.closed().await, Closed::Gone("it was gone when it arrived".into()));
        assert_eq!(dead.downgrade().closed().await, Closed::Gone("it was gone when it arrived".into()));
        // And the connection.
        let weak = tree.downgrade();
        let (one, two) = (tree.closed(), weak.closed());
        pair.connection.close().await;
        let ended = Closed::Disconnected("closed by this side".into());
        assert_eq!((one.await, two.await), (ended.clone(), ended));
        assert_eq!(weak.upgrade(), None);
    });
}

#[test]
fn a_closure_that_was_never_started_can_be_watched_and_revoked() {
    run(async {
        let (_pair, tree) = tree().await;
        let seven: Callback<fn() -> u8> = Callback::new(|| 7);
        let weak = seven.downgrade();
        let mut closed = Box::pin(seven.closed());
        assert!(begin(&mut closed).await.is_pending());
        assert!(seven.revoke());
        assert_eq!((closed.await, weak.closed().await), (revoked(), revoked()));
        assert!(matches!(tree.call(&seven).await, Err(CallError::Nested(_))));
        // A watch from before it was started lasts until after it.
        let eight: Callback<fn() -> u8> = Callback::new(|| 8);
        let weak = eight.downgrade();
        let mut closed = Box::pin(eight.closed());
        assert!(begin(&mut closed).await.is_pending());
        assert_eq!(tree.call(&eight).await, Ok(8));
        assert_eq!(weak.upgrade(), Some(eight.clone()));
        assert!(eight.revoke());
        assert_eq!(closed.await, revoked());
        // One that is dropped unstarted.
        let nine: Callback<fn() -> u8> = Callback::new(|| 9);
        let weak = nine.downgrade();
        drop(nine);
        assert_eq!(weak.closed().await, Closed::LetGo);
        assert_eq!(weak.upgrade(), None);
    });
}

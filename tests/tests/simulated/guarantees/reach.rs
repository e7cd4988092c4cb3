//! 1. Only what the trait names is reachable; tables are per connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use duologue::prelude::*;
use duologue_tests::hostile::{Frame, Peer, Ref, fault, kind, ran};

use super::{at_rest, each, rough};

#[service]
trait Desk {
    fn add(&self, a: i64, b: i64) -> i64;
    fn drawer(&self) -> DrawerProxy;
}

#[service]
trait Drawer {
    fn open(&self) -> String;
}

/// What a peer would like the desk to have.
mod wishful {
    use duologue::prelude::*;

    #[service(name = "Desk")]
    pub(super) trait Wishful {
        fn secret(&self) -> String;
        fn drop(&self);
        fn add(&self, a: i64, b: i64) -> i64;
    }
}

#[derive(Clone, Default)]
struct Clerk {
    opened: Arc<AtomicU32>,
}

impl Clerk {
    fn secret(&self) -> String {
        "the combination of the safe".into()
    }
}

#[service]
impl Desk for Clerk {
    fn add(&self, a: i64, b: i64) -> i64 {
        assert!(!self.secret().is_empty());
        a + b
    }

    fn drawer(&self) -> DrawerProxy {
        DrawerProxy::local(Locked { opened: self.opened.clone() })
    }
}

struct Locked {
    opened: Arc<AtomicU32>,
}

#[service]
impl Drawer for Locked {
    fn open(&self) -> String {
        self.opened.fetch_add(1, Ordering::Relaxed);
        "forks".into()
    }
}

#[test]
fn guarantee_01_only_what_the_trait_names_is_reachable() {
    each(async |world| {
        let clerk = Clerk::default();
        let opened = clerk.opened.clone();
        let pair = world.pair().conditions(rough()).serve(move || clerk.clone()).await.unwrap();

        // The struct has a `secret`, every value has a `drop`: for the peer they do not exist.
        let wishful: wishful::WishfulProxy = pair.root().await.unwrap();
        let no_such = |name: &str| CallError::NoSuchMethod(name.into());
        assert_eq!(wishful.secret().await, Err(no_such("Desk::secret")));
        assert_eq!(wishful.drop().await, Err(no_such("Desk::drop")));
        assert_eq!(wishful.add(4, 7).await, Ok(11), "what both name goes by its name");

        // A peer can name only what was handed to it: the drawer was handed to another one.
        let desk: DeskProxy = pair.root().await.unwrap();
        let drawer = desk.drawer().await.unwrap();
        assert_eq!(drawer.open().await.unwrap(), "forks");
        let mut thief =
            Peer::dial_on(world.network(), pair.far.node.local_addr(), &transport::Config::default()).await;
        let own_desk = thief.root().await;
        for (call, object) in [own_desk + 1, own_desk + 2, 4_711, u32::MAX].into_iter().enumerate() {
            let answer = thief.lane.ask(&Frame::call(call as u32, object, 0, &[(); 0])).await;
            assert_eq!(
                (answer.kind, answer.method, answer.flags),
                (kind::FAULT, fault::NO_SUCH_OBJECT, ran::NEVER)
            );
            assert_eq!(answer.text(), "", "there is no hint, whether or not it is somebody else's");
        }
        let answer = thief.lane.ask(&Frame::call(7, own_desk, 2, &[(); 0])).await;
        assert_eq!((answer.kind, answer.method), (kind::FAULT, fault::NO_SUCH_METHOD));
        assert_eq!(answer.text(), "Desk::#2");
        let claimed = Frame::call(8, own_desk, 0, &(1, 2)).with_refs([Ref::home(own_desk + 1)]);
        thief.lane.put(claimed.to_bytes()).await;
        let reason =
            format!("a reference home to object ObjectId({}), which was not handed out", own_desk + 1);
        assert_eq!(thief.closed().await, (1, reason));

        assert_eq!(drawer.open().await.unwrap(), "forks");
        assert_eq!(opened.load(Ordering::Relaxed), 2, "nobody else opened it");
        drop((wishful, desk, drawer));
        at_rest(&pair).await;
    });
}

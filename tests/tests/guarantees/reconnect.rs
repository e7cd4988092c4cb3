//! A connection that is made again: proxies of named services outlive it, what was under way on it ends as promised.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use duologue::prelude::*;
use duologue::{
    ConnectError, Ended, OpenError, Ran, Reconnect, ReconnectError, ReconnectState, Reconnecting,
};
use duologue_tests::events::{Gate, Heard, Tell, events};
use duologue_tests::nodes::{begin_all, own_address, run, settles, small};

#[service]
trait Shop {
    fn name(&self) -> String;
    fn sell(&self, number: u32) -> u32;
    async fn hold(&self) -> String;
    #[idempotent]
    async fn look(&self) -> String;
    fn keep(&self, f: Callback<fn() -> String>);
    async fn ask_customer(&self) -> Result<String, CallError>;
}

#[service]
trait Other {
    fn nothing(&self);
}

#[service]
trait Customer {
    fn name(&self) -> String;
}

/// A callback that somebody has handed over.
type Kept = Arc<OnceLock<Callback<fn() -> String>>>;

struct Counter {
    name: &'static str,
    gate: Gate,
    tell: Tell<String>,
    kept: Kept,
}

#[service]
impl Shop for Counter {
    fn name(&self) -> String {
        self.name.into()
    }

    fn sell(&self, number: u32) -> u32 {
        self.tell.tell(format!("{} {number}", self.name));
        number
    }

    async fn hold(&self) -> String {
        self.tell.tell(format!("{} holds", self.name));
        self.gate.pass().await;
        self.name.into()
    }

    async fn look(&self) -> String {
        self.tell.tell(format!("{} looks", self.name));
        self.gate.pass().await;
        self.name.into()
    }

    fn keep(&self, f: Callback<fn() -> String>) {
        let _ = self.kept.set(f);
    }

    async fn ask_customer(&self, caller: &Caller) -> Result<String, CallError> {
        let customer: CustomerProxy = caller.connection().root().await?;
        customer.name().await
    }
}

struct Nothing;

#[service]
impl Other for Nothing {
    fn nothing(&self) {}
}

struct Buyer;

#[service]
impl Customer for Buyer {
    fn name(&self) -> String {
        "buyer".into()
    }
}

/// A place where one shop after the other opens.
struct Place {
    /// `None` while none is open.
    node: Option<Node>,
    address: String,
    gate: Gate,
    tell: Tell<String>,
    heard: Heard<String>,
    kept: Kept,
}

impl Place {
    async fn open() -> Place {
        let ((tell, heard), gate, kept) = (events(), Gate::new(), Arc::default());
        let address = own_address();
        let node = bind(shop("first", &gate, &tell, &kept), &address).await;
        Place { node: Some(node), address, gate, tell, heard, kept }
    }

    /// The shop closes its door: it is lost for all who are connected, and the next one is not there yet.
    async fn close(&mut self) {
        shut(self.node.take().expect("it is open")).await;
    }

    fn node(&self) -> &Node {
        self.node.as_ref().expect("it is open")
    }

    async fn reopen(&mut self) {
        let next = shop("second", &self.gate, &self.tell, &self.kept);
        self.node = Some(bind(next, &self.address).await);
    }

    /// The server's side loses its only connection.
    async fn cut(&self) {
        let connection = self.node().connections().remove(0);
        connection.close_with(7, "cut").await;
    }
}

fn shop(name: &'static str, gate: &Gate, tell: &Tell<String>, kept: &Kept) -> duologue::NodeBuilder {
    let (gate, tell, kept) = (gate.clone(), tell.clone(), kept.clone());
    let counter = move || Counter { name, gate: gate.clone(), tell: tell.clone(), kept: kept.clone() };
    small().serve(counter)
}

/// A node holds its address until its last handle is gone.
async fn shut(node: Node) {
    node.shutdown().await;
}

async fn bind(builder: duologue::NodeBuilder, address: &str) -> Node {
    builder.bind(address.to_owned()).await.expect("the address is free, or free again")
}

/// Without chance and without much patience.
fn quick() -> Reconnect {
    let mut policy = Reconnect::default();
    policy.delay = Duration::from_millis(10);
    policy.delay_max = Duration::from_millis(50);
    policy
}

async fn link(place: &Place) -> Reconnecting {
    let client = small().start().await.unwrap();
    client.connect(place.address.clone()).reconnecting().policy(quick())
}

async fn until(link: &Reconnecting, done: impl Fn(&ReconnectState) -> bool) -> ReconnectState {
    let mut states = link.states();
    states.wait_for(|state| done(state)).await.expect("the link lives").clone()
}

fn is_lost(state: &ReconnectState) -> bool {
    matches!(state, ReconnectState::Reconnecting { .. })
}

/// Its proxies stay with who has them, but may come home.
#[service(stay)]
trait Club {
    async fn join(&self, club: ClubProxy) -> Result<u32, CallError>;
    fn members(&self) -> u32;
}

struct Members;

#[service]
impl Club for Members {
    async fn join(&self, club: ClubProxy) -> Result<u32, CallError> {
        club.members().await
    }

    fn members(&self) -> u32 {
        7
    }
}

#[test]
fn a_proxy_that_stays_goes_home_in_a_call_on_itself_also_one_that_waited() {
    run(async {
        let address = own_address();
        let first = bind(small().serve(|| Members), &address).await;
        let client = small().start().await.unwrap();
        let link = client.connect(address.clone()).reconnecting().policy(quick());
        let club: ClubProxy = link.root().await.unwrap();
        assert_eq!(club.join(club.clone()).await, Ok(7));
        shut(first).await;
        until(&link, is_lost).await;
        let waiting = begin_all([club.join(club.clone())]).await;
        let _second = bind(small().serve(|| Members), &address).await;
        for call in waiting {
            assert_eq!(call.await, Ok(7));
        }
    });
}

#[test]
fn a_proxy_outlives_the_restart_of_its_server_and_calls_made_meanwhile_run_in_their_order() {
    run(async {
        let mut place = Place::open().await;
        let link = link(&place).await;
        assert_eq!(*link.states().borrow(), ReconnectState::Disconnected);
        let shop: ShopProxy = link.root().await.unwrap();
        assert_eq!(*link.states().borrow(), ReconnectState::Connected);
        assert_eq!(shop.name().await.as_deref(), Ok("first"));
        place.close().await;
        until(&link, is_lost).await;
        let calls = begin_all((0..100).map(|n| shop.sell(n))).await;
        place.reopen().await;
        for (n, call) in calls.into_iter().enumerate() {
            assert_eq!(call.await, Ok(n as u32));
        }
        let sold: Vec<String> = (0..100).map(|n| format!("second {n}")).collect();
        assert_eq!(place.heard.take(100).await, sold);
        until(&link, |state| *state == ReconnectState::Connected).await;
        assert_eq!(shop.clone().name().await.as_deref(), Ok("second"));
    });
}

#[test]
fn what_was_under_way_is_lost_unless_it_is_idempotent() {
    run(async {
        let mut place = Place::open().await;
        let link = link(&place).await;
        let shop: ShopProxy = link.root().await.unwrap();
        let mut held = begin_all([shop.hold()]).await;
        assert_eq!(place.heard.next().await, "first holds");
        let mut looked = begin_all([shop.look()]).await;
        assert_eq!(place.heard.next().await, "first looks");
        place.cut().await;
        let lost = held.remove(0).await.unwrap_err();
        let reason = "closed by the peer with code 7: cut".to_owned();
        assert_eq!(lost, CallError::Disconnected { ran: Ran::Unknown, reason });
        assert_eq!(place.heard.next().await, "first looks", "once more, on the next connection");
        place.gate.open();
        assert_eq!(looked.remove(0).await.as_deref(), Ok("first"));
        drop((shop, link));
        settles(place.node(), |stats| stats.connections == 0).await;
    });
}

#[test]
fn a_call_that_waits_for_the_connection_keeps_its_deadline_and_may_be_dropped() {
    run(async {
        let mut place = Place::open().await;
        let link = link(&place).await;
        let shop: ShopProxy = link.root().await.unwrap();
        place.close().await;
        until(&link, is_lost).await;
        let dropped = begin_all([shop.sell(1)]).await;
        let error = shop.sell(2).timeout(Duration::from_millis(50)).await.unwrap_err();
        let detail = "waiting for the connection to be made again".to_owned();
        assert_eq!(error, CallError::Deadline { ran: Ran::Never, detail });
        drop(dropped);
        let kept = begin_all([shop.sell(3)]).await;
        place.reopen().await;
        for call in kept {
            assert_eq!(call.await, Ok(3));
        }
        assert_eq!(shop.sell(4).await, Ok(4));
        assert_eq!(place.heard.take(2).await, ["second 3", "second 4"]);
    });
}

#[test]
fn callbacks_handed_over_before_are_gone_on_both_sides() {
    run(async {
        let place = Place::open().await;
        let link = link(&place).await;
        let shop: ShopProxy = link.root().await.unwrap();
        let (tell, mut heard) = events();
        let bell = tell.on_drop("dropped");
        let mine = move || {
            let _bell = &bell;
            "mine".to_owned()
        };
        shop.keep(mine).await.unwrap();
        let kept = place.kept.get().expect("it was kept").clone();
        assert_eq!(kept.call().await.as_deref(), Ok("mine"));
        place.cut().await;
        kept.closed().await;
        let gone = kept.call().await.unwrap_err();
        assert!(gone.never_ran(), "{gone:?}");
        assert_eq!(heard.next().await, "dropped", "nothing of it is left where it was made");
        assert_eq!(shop.name().await.as_deref(), Ok("first"));
    });
}

#[test]
fn what_the_dialer_serves_is_served_on_each_connection() {
    run(async {
        let place = Place::open().await;
        let client = small().start().await.unwrap();
        let link = client.connect(place.address.clone()).serve(|| Buyer).reconnecting().policy(quick());
        let shop: ShopProxy = link.root().await.unwrap();
        for _ in 0..3 {
            assert_eq!(shop.ask_customer().await.as_deref(), Ok("buyer"));
            let connection = link.connection().expect("it is connected");
            place.cut().await;
            assert!(matches!(connection.closed().await, Ended::ByPeer { code: 7, .. }));
        }
        assert_eq!(shop.ask_customer().await.as_deref(), Ok("buyer"));
    });
}

#[test]
fn the_first_connection_fails_at_once_and_later_ones_after_their_attempts() {
    run(async {
        let mut place = Place::open().await;
        let mut config = duologue::Config::default();
        // Enough for the first connection, however busy the machine is, and awaited twice when nobody is there.
        config.transport.connect_timeout = Duration::from_secs(3);
        let client = small().config(config).start().await.unwrap();
        let mut policy = quick();
        policy.attempts_max = Some(2);
        let link = client.connect(place.address.clone()).reconnecting().policy(policy);
        let wrong = link.service::<ShopProxy>("bank").await.unwrap_err();
        assert!(matches!(wrong, ReconnectError::Open(OpenError::NoSuchService(_))), "{wrong:?}");
        let shop: ShopProxy = link.service("shop").await.unwrap();
        place.close().await;
        let mut waiting = begin_all([shop.sell(1)]).await;
        let reason = "given up after 2 attempts".to_owned();
        let ended = until(&link, |state| matches!(state, ReconnectState::Ended { .. })).await;
        assert_eq!(ended, ReconnectState::Ended { reason: reason.clone() });
        let error = CallError::Disconnected { ran: Ran::Never, reason };
        assert_eq!(waiting.remove(0).await, Err(error.clone()));
        assert_eq!(shop.name().await, Err(error));
        shop.closed().await;
        assert!(matches!(link.root::<ShopProxy>().await, Err(ReconnectError::Ended(_))));
        let mut config = duologue::Config::default();
        config.transport.connect_timeout = Duration::from_millis(100);
        let client = small().config(config).start().await.unwrap();
        let nobody = client.connect(place.address.clone()).reconnecting().root::<ShopProxy>().await;
        assert!(matches!(nobody, Err(ReconnectError::Connect(ConnectError::Link(_)))), "{nobody:?}");
    });
}

#[test]
fn what_will_not_change_ends_it_with_the_reason() {
    run(async {
        // Another service in its place.
        let mut place = Place::open().await;
        let link = link(&place).await;
        let shop: ShopProxy = link.root().await.unwrap();
        place.close().await;
        let _other = bind(small().serve(|| Nothing), &place.address).await;
        let ended = until(&link, |state| matches!(state, ReconnectState::Ended { .. })).await;
        let reason = "the peer serves `Other`, not `Shop`".to_owned();
        assert_eq!(ended, ReconnectState::Ended { reason: reason.clone() });
        assert_eq!(shop.name().await, Err(CallError::Gone { ran: Ran::Never, reason }));

        // Another node in its place.
        let (mine, gate, (tell, _heard)) = (Identity::generate().unwrap(), Gate::new(), events());
        let trust = || Trust::pinned([mine.node_id()]);
        let server = shop_of(&gate, &tell).identity(Identity::generate().unwrap()).trust(trust());
        let address = own_address();
        let server = bind(server, &address).await;
        let client = small().identity(mine.clone()).trust(Trust::pinned([server.id()]));
        let link = client.start().await.unwrap().connect(address.clone()).reconnecting().policy(quick());
        let shop: ShopProxy = link.root().await.unwrap();
        shut(server).await;
        let stranger = shop_of(&gate, &tell).identity(Identity::generate().unwrap()).trust(trust());
        let _stranger = bind(stranger, &address).await;
        let ended = until(&link, |state| matches!(state, ReconnectState::Ended { .. })).await;
        let ReconnectState::Ended { reason } = ended else { panic!("{ended:?}") };
        assert!(reason.contains("is not trusted"), "{reason}");
        assert!(shop.name().await.unwrap_err().never_ran());
    });
}

fn shop_of(gate: &Gate, tell: &Tell<String>) -> duologue::NodeBuilder {
    shop("pinned", gate, tell, &Arc::default())
}

#[test]
fn it_ends_with_its_last_proxy_or_when_it_is_closed_or_revoked() {
    run(async {
        let place = Place::open().await;
        let shop: ShopProxy = duologue::connect(place.address.clone()).reconnecting().root().await.unwrap();
        assert_eq!(shop.name().await.as_deref(), Ok("first"), "the proxy alone keeps it");
        drop(shop);
        settles(place.node(), |stats| stats.connections == 0).await;

        let link = link(&place).await;
        let (one, two): (ShopProxy, ShopProxy) = (link.root().await.unwrap(), link.root().await.unwrap());
        assert_ne!(one, two);
        assert!(one.revoke());
        let gone = |reason: &str| Err(CallError::Gone { ran: Ran::Never, reason: reason.into() });
        assert_eq!(one.name().await, gone("it was revoked"));
        assert_eq!(two.name().await.as_deref(), Ok("first"));
        link.close().await;
        two.closed().await;
        let reason = "closed by this side".to_owned();
        assert_eq!(two.name().await, Err(CallError::Disconnected { ran: Ran::Never, reason }));
        settles(place.node(), |stats| stats.connections == 0).await;
    });
}

#[test]
fn a_notice_and_a_nested_call_go_through_it_like_any_other() {
    run(async {
        let mut place = Place::open().await;
        let link = link(&place).await;
        let shop: ShopProxy = link.root().await.unwrap();
        shop.sell(1).notify().await.unwrap();
        shop.sell(2).notify().await.unwrap();
        assert_eq!(shop.sell(3).await, Ok(3));
        assert_eq!(place.heard.take(3).await, ["first 1", "first 2", "first 3"]);
        let connection = link.connection().expect("it is connected");
        place.cut().await;
        connection.closed().await;
        shop.sell(4).notify().await.unwrap();
        assert_eq!(place.heard.next().await, "first 4");
    });
}

//! Objects go by reference, live as long as somebody holds them, and are local again when they come home.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use duologue::prelude::*;
use duologue::{Config, Ran};
use duologue_tests::events::{Bell, Gate, Heard, Tell, events};
use duologue_tests::nodes::{Pair, begin, dial, listen, pair, pair_of, run, small};
use serde::{Deserialize, Serialize};

#[service]
trait Account {
    fn owner(&self) -> String;
    async fn wait(&self) -> String;
}

#[service]
trait Bank {
    fn open(&self, owner: &str) -> AccountProxy;
    fn find(&self, owner: &str) -> Result<AccountProxy, NotFound>;
    fn shelf(&self) -> Shelf;
    async fn owners(&self, shelf: Shelf) -> Result<Vec<String>, CallError>;
    fn echo(&self, account: AccountProxy) -> AccountProxy;
    fn echo_all(&self, accounts: Vec<AccountProxy>) -> Vec<AccountProxy>;
    fn keep(&mut self, account: &AccountProxy);
    fn kept(&self) -> Option<AccountProxy>;
    fn is_kept(&self, account: AccountProxy) -> bool;
    async fn ask_kept(&self) -> Result<String, CallError>;
    fn forget(&mut self);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct NotFound(String);

impl std::fmt::Display for NotFound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "nobody is called {}", self.0)
    }
}

/// Proxies wherever serde can put them.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Shelf {
    one: AccountProxy,
    maybe: Option<AccountProxy>,
    none: Option<AccountProxy>,
    list: Vec<AccountProxy>,
    by_name: HashMap<String, AccountProxy>,
    pair: (AccountProxy, u8),
    holder: Vec<Holder>,
    tagged: Tagged,
    untagged: [Untagged; 2],
    #[serde(flatten)]
    rest: Rest,
    #[serde(flatten)]
    variant: Holder,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Struct { account: AccountProxy },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u32),
    Struct { account: AccountProxy },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Holder {
    Nobody,
    One(AccountProxy),
    Named { name: String, account: AccountProxy },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Rest {
    flat: AccountProxy,
    depth: u8,
}

fn shelf_of(open: impl Fn(&str) -> AccountProxy) -> Shelf {
    Shelf {
        one: open("one"),
        maybe: Some(open("maybe")),
        none: None,
        list: vec![open("first"), open("second")],
        by_name: HashMap::from([("key".to_owned(), open("named"))]),
        pair: (open("pair"), 3),
        holder: vec![
            Holder::Nobody,
            Holder::One(open("held")),
            Holder::Named { name: "x".to_owned(), account: open("struct") },
        ],
        tagged: Tagged::Struct { account: open("tagged") },
        untagged: [Untagged::Number(1), Untagged::Struct { account: open("untagged") }],
        rest: Rest { flat: open("flat"), depth: 9 },
        variant: Holder::Named { name: "y".to_owned(), account: open("variant") },
    }
}

async fn owners_of(shelf: &Shelf) -> Result<Vec<String>, CallError> {
    assert_eq!(
        (shelf.pair.1, shelf.rest.depth, &shelf.none, &shelf.holder[0]),
        (3, 9, &None, &Holder::Nobody)
    );
    let Holder::One(held) = &shelf.holder[1] else { panic!("{shelf:?}") };
    let Holder::Named { account, .. } = &shelf.holder[2] else { panic!("{shelf:?}") };
    let Tagged::Struct { account: tagged } = &shelf.tagged;
    let Untagged::Struct { account: untagged } = &shelf.untagged[1] else { panic!("{shelf:?}") };
    let Holder::Named { account: variant, .. } = &shelf.variant else { panic!("{shelf:?}") };
    let all = [&shelf.one].into_iter().chain(&shelf.maybe).chain(&shelf.list).chain(shelf.by_name.values());
    let mut owners = Vec::new();
    for proxy in all.chain([&shelf.pair.0, held, account, tagged, untagged, &shelf.rest.flat, variant]) {
        owners.push(proxy.owner().await?);
    }
    Ok(owners)
}

const OWNERS: [&str; 12] = [
    "one", "maybe", "first", "second", "named", "pair", "held", "struct", "tagged", "untagged", "flat",
    "variant",
];

/// Tells when it is dropped.
struct Ledger {
    owner: Rc<str>,
    gate: Gate,
    tell: Tell<String>,
    _bell: Bell<String>,
}

impl Ledger {
    fn new(owner: &str, tell: &Tell<String>, gate: &Gate) -> Ledger {
        let bell = tell.on_drop(format!("{owner} is closed"));
        Ledger { owner: owner.into(), gate: gate.clone(), tell: tell.clone(), _bell: bell }
    }
}

#[service]
impl Account for Ledger {
    fn owner(&self) -> String {
        self.owner.to_string()
    }

    async fn wait(&self) -> String {
        self.tell.tell(format!("{} waits", self.owner));
        self.gate.pass().await;
        self.owner.to_string()
    }
}

#[derive(Clone)]
struct House {
    tell: Tell<String>,
    gate: Gate,
    kept: Option<AccountProxy>,
}

impl House {
    fn new() -> (House, Heard<String>, Gate) {
        let ((tell, heard), gate) = (events(), Gate::new());
        (House { tell, gate: gate.clone(), kept: None }, heard, gate)
    }
}

#[service]
impl Bank for House {
    fn open(&self, owner: &str) -> AccountProxy {
        AccountProxy::local(Ledger::new(owner, &self.tell, &self.gate))
    }

    fn find(&self, owner: &str) -> Result<AccountProxy, NotFound> {
        if owner.is_empty() { Err(NotFound("nothing".into())) } else { Ok(self.open(owner)) }
    }

    fn shelf(&self) -> Shelf {
        shelf_of(|owner| self.open(owner))
    }

    async fn owners(&self, shelf: Shelf) -> Result<Vec<String>, CallError> {
        owners_of(&shelf).await
    }

    fn echo(&self, account: AccountProxy) -> AccountProxy {
        account
    }

    fn echo_all(&self, accounts: Vec<AccountProxy>) -> Vec<AccountProxy> {
        accounts
    }

    fn keep(&mut self, account: &AccountProxy) {
        self.kept = Some(account.clone());
    }

    fn kept(&self) -> Option<AccountProxy> {
        self.kept.clone()
    }

    fn is_kept(&self, account: AccountProxy) -> bool {
        self.kept.as_ref() == Some(&account)
    }

    async fn ask_kept(&self) -> Result<String, CallError> {
        self.kept.as_ref().expect("something is kept").owner().await
    }

    fn forget(&mut self) {
        self.kept = None;
    }
}

/// A connection to a bank, what is told there, and the gate of its accounts.
async fn bank() -> (Pair, BankProxy, Heard<String>, Gate) {
    let (house, heard, gate) = House::new();
    let pair = pair(move || house.clone()).await;
    let bank = pair.root().await;
    (pair, bank, heard, gate)
}

#[test]
fn proxies_stand_anywhere_in_results_and_arguments() {
    run(async {
        let (pair, bank, _, _) = bank().await;
        let theirs = bank.shelf().await.unwrap();
        assert_eq!(owners_of(&theirs).await.unwrap(), OWNERS);
        assert_eq!(bank.owners(theirs).await.unwrap(), OWNERS, "home again");
        let (tell, gate) = (events().0, Gate::new());
        let ours = shelf_of(|owner| {
            let (owner, tell, gate) = (owner.to_owned(), tell.clone(), gate.clone());
            pair.client.host(move || Ledger::new(&owner, &tell, &gate))
        });
        assert_eq!(bank.owners(ours).await.unwrap(), OWNERS);
        drop(bank);
        pair.at_rest().await;
    });
}

#[test]
fn a_method_may_fail_instead_of_giving_an_object() {
    run(async {
        let (_pair, bank, _, _) = bank().await;
        let error = bank.find("").await.unwrap_err();
        assert_eq!(error, CallError::App(NotFound("nothing".into())));
        assert_eq!(error.to_string(), "nobody is called nothing");
        assert_eq!(bank.find("alice").await.unwrap().owner().await.unwrap(), "alice");
    });
}

#[test]
fn a_proxy_that_comes_home_is_local_and_equal() {
    run(async {
        let (pair, bank, _, _) = bank().await;
        let ((tell, mut heard), gate) = (events(), Gate::new());
        let held = gate.clone();
        let own: AccountProxy = pair.client.host(move || Ledger::new("me", &tell, &held));
        let home = bank.echo(own.clone()).await.unwrap();
        assert_eq!(home, own);
        // A call on it makes no call on the connection.
        let mut call = home.wait();
        assert!(begin(&mut call).await.is_pending());
        assert_eq!(heard.next().await, "me waits");
        assert_eq!(pair.connection.stats().calls_awaiting, 0);
        assert_eq!(pair.connection.stats().calls_running, 0);
        assert_eq!(pair.server.stats().total.calls_running, 0);
        gate.open();
        assert_eq!(call.await.unwrap(), "me");
        // And at the other side: its own object comes back to it.
        let theirs = bank.open("alice").await.unwrap();
        bank.keep(&theirs).await.unwrap();
        assert!(bank.is_kept(theirs.clone()).await.unwrap());
        assert!(!bank.is_kept(own).await.unwrap());
        assert_eq!(bank.kept().await.unwrap(), Some(theirs));
    });
}

#[test]
fn proxies_are_equal_and_hash_alike_if_they_are_one_object_on_one_connection() {
    run(async {
        let (pair, bank, _, _) = bank().await;
        let alice = bank.open("alice").await.unwrap();
        let bob = bank.open("bob").await.unwrap();
        let again = bank.echo(alice.clone()).await.unwrap();
        assert_eq!(alice, again);
        assert_ne!(alice, bob);
        assert_eq!(HashSet::from([alice.clone(), again, bob.clone(), alice.clone()]).len(), 2);
        let root: BankProxy = pair.root().await;
        assert_eq!(root, bank, "the root is one object as well");
        let many = bank.echo_all(vec![alice.clone(), bob.clone(), alice.clone()]).await.unwrap();
        assert_eq!(many, [alice.clone(), bob, alice]);
    });
}

#[test]
fn the_last_proxy_dropped_ends_the_object() {
    run(async {
        let (pair, bank, mut heard, _) = bank().await;
        let alice = bank.open("alice").await.unwrap();
        let second = alice.clone();
        assert_eq!(pair.connection.stats().imports, 2, "the bank and the account");
        drop(alice);
        assert_eq!(second.owner().await.unwrap(), "alice");
        assert_eq!(heard.so_far(), [""; 0]);
        drop(second);
        assert_eq!(heard.next().await, "alice is closed");
        drop(bank);
        pair.at_rest().await;
    });
}

#[test]
fn an_object_is_not_released_while_a_call_on_it_is_under_way() {
    run(async {
        let (pair, bank, mut heard, gate) = bank().await;
        let alice = bank.open("alice").await.unwrap();
        let mut call = alice.wait();
        assert!(begin(&mut call).await.is_pending());
        drop(alice);
        assert_eq!(heard.next().await, "alice waits");
        pair.connection.ping().await.unwrap();
        assert_eq!(heard.so_far(), [""; 0]);
        gate.open();
        assert_eq!(call.await.unwrap(), "alice");
        assert_eq!(heard.next().await, "alice is closed");
    });
}

#[test]
fn an_object_that_only_the_peer_holds_lives_until_the_peer_lets_go() {
    run(async {
        let (pair, bank, _, _) = bank().await;
        let (tell, mut heard) = events();
        let own: AccountProxy = pair.client.host(move || Ledger::new("me", &tell, &Gate::new()));
        bank.keep(&own).await.unwrap();
        drop(own);
        assert_eq!(bank.ask_kept().await.unwrap(), "me");
        let back = bank.kept().await.unwrap().expect("it is kept");
        assert_eq!(back.owner().await.unwrap(), "me");
        drop(back);
        assert_eq!(heard.so_far(), [""; 0]);
        bank.forget().await.unwrap();
        assert_eq!(heard.next().await, "me is closed");
        drop(bank);
        pair.at_rest().await;
    });
}

#[test]
fn an_object_may_be_passed_any_number_of_times_each_way() {
    run(async {
        let (pair, bank, _, _) = bank().await;
        let (tell, mut heard) = events();
        let own: AccountProxy = pair.client.host(move || Ledger::new("me", &tell, &Gate::new()));
        let theirs = bank.open("alice").await.unwrap();
        bank.keep(&theirs).await.unwrap();
        for _ in 0..300 {
            assert_eq!(bank.echo(own.clone()).await.unwrap(), own);
            assert_eq!(bank.kept().await.unwrap().as_ref(), Some(&theirs));
        }
        let ten = vec![own.clone(); 10];
        assert_eq!(bank.echo_all(ten.clone()).await.unwrap(), ten);
        assert_eq!(pair.connection.stats().imports, 2);
        bank.forget().await.unwrap();
        drop((own, ten, theirs, bank));
        assert_eq!(heard.next().await, "me is closed");
        pair.at_rest().await;
    });
}

#[test]
fn the_end_of_the_connection_releases_everything() {
    run(async {
        let (pair, bank, mut heard, gate) = bank().await;
        gate.open();
        let (tell, mut ours) = events();
        let own: AccountProxy = pair.client.host(move || Ledger::new("me", &tell, &Gate::new()));
        bank.keep(&own).await.unwrap();
        drop(own);
        let alice = bank.open("alice").await.unwrap();
        pair.connection.close().await;
        assert_eq!(heard.next().await, "alice is closed");
        assert_eq!(ours.next().await, "me is closed");
        alice.closed().await;
        assert!(matches!(alice.owner().await, Err(CallError::Disconnected { ran: Ran::Never, .. })));
        assert_eq!(pair.connection.stats(), duologue::ConnectionStats::default());
    });
}

#[test]
fn a_proxy_outside_of_a_call_is_refused() {
    run(async {
        let (pair, bank, _, _) = bank().await;
        let alice = bank.open("alice").await.unwrap();
        let own: AccountProxy = pair.client.host(|| Ledger::new("me", &events().0, &Gate::new()));
        for proxy in [&alice, &own] {
            let error = rmp_serde::to_vec(proxy).unwrap_err().to_string();
            assert!(error.contains("a proxy travels only inside a call"), "{error}");
        }
        // What a reference looks like inside a body, without one around it.
        let bytes = [0xd5, 1, 0, 0];
        let error = rmp_serde::from_slice::<AccountProxy>(&bytes).unwrap_err().to_string();
        assert!(error.contains("a proxy travels only inside a call"), "{error}");
    });
}

#[test]
fn a_proxy_of_one_connection_goes_over_another_and_is_itself_again_when_it_comes_back() {
    run(async {
        let (one, bank, _, _) = bank().await;
        let (house, ..) = House::new();
        let other = listen(small().serve_shared(move || house.clone())).await;
        let here = dial(&one.client, &other).await;
        let elsewhere: BankProxy = here.root().await.unwrap();
        let alice = bank.open("alice").await.unwrap();
        assert_eq!(elsewhere.echo(alice.clone()).await, Ok(alice.clone()));
        // In a result: the shared bank keeps what one peer gave it, and another asks for it.
        let own: AccountProxy = one.client.host(|| Ledger::new("me", &events().0, &Gate::new()));
        elsewhere.keep(&own).await.unwrap();
        let third = small().start().await.unwrap();
        let stranger: BankProxy = dial(&third, &other).await.root().await.unwrap();
        let kept = stranger.kept().await.unwrap().unwrap();
        assert_eq!(kept.owner().await.unwrap(), "me");
        assert_eq!(alice.owner().await.unwrap(), "alice");
        assert_eq!(elsewhere.ask_kept().await.unwrap(), "me");
    });
}

#[test]
fn more_references_than_a_frame_carries_are_refused_and_none_is_lost() {
    run(async {
        let (pair, bank, _, _) = bank().await;
        let own: AccountProxy = pair.client.host(|| Ledger::new("me", &events().0, &Gate::new()));
        let many = vec![own.clone(); 256];
        assert_eq!(bank.echo_all(many.clone()).await.unwrap(), many);
        let error = bank.echo_all(vec![own.clone(); 257]).await.unwrap_err();
        assert_eq!(error, CallError::NotSent("257 references in one call, at most 256 travel".into()));
        drop((many, own, bank));
        pair.at_rest().await;
    });
}

#[test]
fn more_objects_than_the_peer_may_hold_are_refused_and_a_drop_makes_room() {
    run(async {
        let (house, mut heard, _) = House::new();
        let mut config = Config::default();
        config.exports_max = 3;
        let pair = pair_of(small().config(config).arbiters(1).serve(move || house.clone()), small()).await;
        let bank: BankProxy = pair.root().await;
        let one = bank.open("one").await.unwrap();
        let two = bank.open("two").await.unwrap();
        let error = bank.open("three").await.unwrap_err();
        assert_eq!(error, CallError::BadReply("the peer holds 3 objects, which is the limit".into()));
        assert_eq!(heard.next().await, "three is closed");
        drop(one);
        assert_eq!(heard.next().await, "one is closed");
        pair.server.until(|stats| stats.total.exports == 2).await;
        assert_eq!(bank.open("four").await.unwrap().owner().await.unwrap(), "four");
        drop((two, bank));
        pair.at_rest().await;
    });
}

#[test]
fn a_revoked_object_is_gone_for_all_who_hold_it() {
    run(async {
        let (pair, bank, _, _) = bank().await;
        let (tell, mut heard) = events();
        let own: AccountProxy = pair.client.host(move || Ledger::new("me", &tell, &Gate::new()));
        bank.keep(&own).await.unwrap();
        assert!(own.revoke());
        assert_eq!(heard.next().await, "me is closed");
        let error = bank.ask_kept().await.unwrap_err();
        assert_eq!(error, CallError::Nested("the object is gone: it was revoked (it never ran)".into()));
        // What is gone stays gone on its way home.
        let home = bank.kept().await.unwrap().expect("the dead one is kept");
        assert!(matches!(home.owner().await, Err(CallError::Gone { ran: Ran::Never, .. })));
        drop((home, own));
        bank.forget().await.unwrap();
        drop(bank);
        pair.at_rest().await;
    });
}

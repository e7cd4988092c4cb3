//! An error says what is wrong and whether the code ran, and keeps what it knows on its way: sources, proxies, backtraces, numbers.

use std::error::Error;

use duologue::prelude::*;
use duologue::{Ran, Restriction};
use duologue_tests::nodes::{PATIENCE, Pair, pair_of, run, small};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("the shop is closed")]
struct Closed {
    #[source]
    why: Flood,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("the cellar is under water")]
struct Flood {
    #[source]
    of: Burst,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("a pipe burst")]
struct Burst;

fn closed() -> Closed {
    Closed { why: Flood { of: Burst } }
}

/// Who is to be asked instead.
#[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("ask the neighbour")]
struct Busy {
    neighbour: Box<ShopProxy>,
}

#[service]
trait Shop {
    async fn buy(&self) -> Result<(), Closed>;
    /// What the other shop says, as text.
    async fn buy_there(&self, shop: ShopProxy, all: bool) -> Result<(), CallError>;
    async fn open_a_file(&self) -> Result<(), CallError>;
    fn ask(&self, neighbour: ShopProxy) -> Result<u8, Busy>;
    fn number(&self) -> u8;
    fn panics(&self);
    async fn panics_later(&self);
}

struct Stall(u8);

#[service]
impl Shop for Stall {
    async fn buy(&self) -> Result<(), Closed> {
        Err(closed())
    }

    async fn buy_there(&self, shop: ShopProxy, all: bool) -> Result<(), CallError> {
        if all {
            return shop.buy().await.map_err(CallError::into_nested);
        }
        Ok(shop.buy().await?)
    }

    async fn open_a_file(&self) -> Result<(), CallError> {
        let wrapped = std::io::Error::other(closed());
        Err(CallError::nested(wrapped))
    }

    fn ask(&self, neighbour: ShopProxy) -> Result<u8, Busy> {
        Err(Busy { neighbour: Box::new(neighbour) })
    }

    fn number(&self) -> u8 {
        self.0
    }

    fn panics(&self) {
        panic!("no more {}", "apples");
    }

    async fn panics_later(&self) {
        tokio::task::yield_now().await;
        panic!("no more pears");
    }
}

async fn shop(backtraces: bool) -> (Pair, ShopProxy) {
    let pair = pair_of(small().serve(|| Stall(1)).backtraces(backtraces), small()).await;
    let shop = pair.root().await;
    (pair, shop)
}

#[test]
fn an_error_of_the_application_arrives_with_its_sources() {
    run(async {
        let (_pair, shop) = shop(false).await;
        let error = shop.buy().await.unwrap_err();
        assert_eq!(error, CallError::App(closed()));
        assert_eq!(error.ran(), Ran::Yes);
        let CallError::App(error) = error else { panic!("{error}") };
        let flood = error.source().expect("it has a source");
        assert_eq!(flood.to_string(), "the cellar is under water");
        assert_eq!(flood.source().expect("so has that").to_string(), "a pipe burst");
    });
}

#[test]
fn the_sources_of_an_error_survive_as_text() {
    run(async {
        let (pair, shop) = shop(false).await;
        let own: ShopProxy = pair.client.host(|| Stall(2));
        let nested = |text: &str| Err(CallError::Nested(format!("a nested call failed: {text}")));
        let all = "the shop is closed: the cellar is under water: a pipe burst";
        assert_eq!(shop.buy_there(own.clone(), true).await, nested(all));
        assert_eq!(shop.buy_there(own, false).await, nested("the shop is closed"), "`?` knows no sources");
        assert_eq!(shop.open_a_file().await, nested(all));
    });
}

#[test]
fn an_error_may_bear_a_proxy() {
    run(async {
        let (pair, shop) = shop(false).await;
        let own: ShopProxy = pair.client.host(|| Stall(2));
        let Err(CallError::App(busy)) = shop.ask(own.clone()).await else { panic!("it is busy") };
        assert_eq!(*busy.neighbour, own, "home again");
        let Err(CallError::App(busy)) = shop.ask(shop.clone()).await else { panic!("it is busy") };
        assert_eq!(busy.neighbour.number().await, Ok(1));
        drop((busy, own, shop));
        pair.at_rest().await;
    });
}

#[test]
fn a_panic_gives_its_words_and_nothing_more() {
    run(async {
        let (_pair, shop) = shop(false).await;
        let error = shop.panics().await.unwrap_err();
        assert_eq!((error.backtrace(), error.ran()), (None, Ran::Yes));
        assert_eq!(error, CallError::Panicked("no more apples".into()));
        assert_eq!(shop.panics_later().await, Err(CallError::Panicked("no more pears".into())));
    });
}

#[test]
fn a_node_may_tell_where_its_handlers_panic() {
    run(async {
        let (pair, shop) = shop(true).await;
        let through = shop.restrict(Restriction::all());
        for (error, words) in [
            // To find the names of a large program takes its time.
            (shop.panics().timeout(PATIENCE).await.unwrap_err(), "no more apples"),
            (shop.panics_later().timeout(PATIENCE).await.unwrap_err(), "no more pears"),
            (through.panics().timeout(PATIENCE).await.unwrap_err(), "no more apples"),
        ] {
            let place = error.backtrace().unwrap_or_else(|| panic!("a backtrace: {error}"));
            assert!(place.contains("guarantees/errors.rs:"), "{place}");
            assert!(!place.contains("rust_begin_unwind") && place.len() <= 3 * 1024, "{place}");
            let text = error.to_string();
            assert!(text.starts_with(&format!("the handler panicked: {words}\n")), "{text}");
        }
        // The other node has not been asked to.
        let own: ShopProxy = pair.client.host(|| Stall(2));
        assert_eq!(own.panics().await, Err(CallError::Panicked("no more apples".into())));
    });
}

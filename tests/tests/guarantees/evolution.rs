//! Peers of different age agree by name: trailing arguments, fields and methods come and go.

use duologue::OpenError;
use duologue::prelude::*;
use duologue_tests::nodes::{pair, run};

mod old {
    use duologue::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(crate) struct Item {
        pub(crate) name: String,
    }

    #[service]
    pub(crate) trait Store {
        fn first(&self) -> String;
        async fn put(&mut self, key: String, value: u32) -> String;
        fn last(&self) -> String;
        fn item(&self, item: Item) -> Item;
        fn retired(&self) -> u8;
    }

    pub(crate) struct Shed;

    #[service]
    impl Store for Shed {
        fn first(&self) -> String {
            "old first".into()
        }
        async fn put(&mut self, key: String, value: u32) -> String {
            format!("old {key}={value}")
        }
        fn last(&self) -> String {
            "old last".into()
        }
        fn item(&self, item: Item) -> Item {
            item
        }
        fn retired(&self) -> u8 {
            1
        }
    }
}

mod new {
    use duologue::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(crate) struct Item {
        pub(crate) weight: Option<u32>,
        pub(crate) name: String,
        #[serde(default)]
        pub(crate) colour: String,
    }

    #[service(name = "Warehouse", aliases = ["Store"], version = 2)]
    pub(crate) trait Store {
        fn first(&self) -> String;
        fn middle(&self) -> String;
        async fn put(
            &mut self,
            key: String,
            value: u32,
            note: Option<String>,
            #[serde(default)] times: u8,
        ) -> String;
        fn item(&self, item: Item) -> Item;
        fn last(&self) -> String;
    }

    pub(crate) struct Hall;

    #[service]
    impl Store for Hall {
        fn first(&self) -> String {
            "new first".into()
        }
        fn middle(&self) -> String {
            "new middle".into()
        }
        async fn put(&mut self, key: String, value: u32, note: Option<String>, times: u8) -> String {
            format!("new {key}={value} {note:?} {times}")
        }
        fn item(&self, item: Item) -> Item {
            item
        }
        fn last(&self) -> String {
            "new last".into()
        }
    }

    /// The same under its former name, for an old server.
    #[service(name = "Store")]
    pub(crate) trait Former {
        fn first(&self) -> String;
        fn middle(&self) -> String;
        async fn put(
            &mut self,
            key: String,
            value: u32,
            note: Option<String>,
            #[serde(default)] times: u8,
        ) -> String;
        fn item(&self, item: Item) -> Item;
        fn last(&self) -> String;
    }
}

#[test]
fn an_old_client_goes_on_with_a_new_server() {
    run(async {
        let pair = pair(|| new::Hall).await;
        let store: old::StoreProxy = pair.root().await;
        assert_eq!(store.first().await.unwrap(), "new first");
        assert_eq!(store.last().await.unwrap(), "new last", "another number, the same name");
        assert_eq!(
            store.put("k".into(), 7).await.unwrap(),
            "new k=7 None 0",
            "what is missing has its default"
        );
        let item = old::Item { name: "nail".into() };
        assert_eq!(store.item(item).await.unwrap(), old::Item { name: "nail".into() });
        let error = store.retired().await.unwrap_err();
        assert_eq!(error, CallError::NoSuchMethod("Warehouse::retired".into()));
        assert!(error.never_ran());
        assert_eq!(store.first().await.unwrap(), "new first");
    });
}

#[test]
fn a_new_client_goes_on_with_an_old_server() {
    run(async {
        let pair = pair(|| old::Shed).await;
        let store: new::FormerProxy = pair.root().await;
        assert_eq!(store.first().await.unwrap(), "old first");
        assert_eq!(store.last().await.unwrap(), "old last");
        let put = store.put("k".into(), 7, Some("why".into()), 3).await;
        assert_eq!(put.unwrap(), "old k=7", "what is not known is passed over");
        let item = new::Item { weight: Some(3), name: "nail".into(), colour: "grey".into() };
        let plain = new::Item { weight: None, name: "nail".into(), colour: String::new() };
        assert_eq!(store.item(item).await.unwrap(), plain);
        let error = store.middle().await.unwrap_err();
        assert_eq!(error, CallError::NoSuchMethod("Store::middle".into()));
    });
}

#[test]
fn old_and_new_proxies_of_one_object_do_not_disturb_each_other() {
    run(async {
        let pair = pair(|| new::Hall).await;
        let old: old::StoreProxy = pair.connection.service("store").await.unwrap();
        let new: new::StoreProxy = pair.connection.service("WAREHOUSE").await.unwrap();
        for _ in 0..3 {
            assert_eq!(old.last().await.unwrap(), "new last");
            assert_eq!(new.middle().await.unwrap(), "new middle");
        }
        let put = new.put("k".into(), 7, Some("why".into()), 3).await;
        assert_eq!(put.unwrap(), "new k=7 Some(\"why\") 3");
    });
}

#[test]
fn an_interface_of_another_name_is_told_apart_even_if_it_was_renamed() {
    run(async {
        let pair = pair(|| old::Shed).await;
        let refused = pair.connection.root::<new::StoreProxy>().await;
        // The new one answers to the old name: its alias says so.
        assert!(refused.is_ok(), "{refused:?}");
        #[service]
        trait Barn {
            fn first(&self) -> String;
        }
        let refused = pair.connection.root::<BarnProxy>().await.unwrap_err();
        assert_eq!(refused, OpenError::WrongInterface { expected: "Barn".into(), found: "Store".into() });
    });
}

/// The same names with other types: a call fails, the connection does not.
#[service(name = "Store")]
trait Mistaken {
    async fn put(&mut self, key: u32, value: String) -> u64;
    fn first(&self) -> u64;
    fn item(&self) -> u8;
}

#[test]
fn other_types_under_the_same_names_fail_their_call_with_the_name_of_the_argument() {
    run(async {
        let pair = pair(|| old::Shed).await;
        let store: MistakenProxy = pair.root().await;
        let error = store.put(7, "k".into()).await.unwrap_err();
        let CallError::BadArguments(text) = &error else { panic!("{error:?}") };
        assert!(text.starts_with("Store::put: argument `key`: "), "{text}");
        assert!(error.never_ran());
        let error = store.item().await.unwrap_err();
        assert_eq!(error, CallError::BadArguments("Store::item: argument `item` is missing".into()));
        let error = store.first().await.unwrap_err();
        assert!(matches!(error, CallError::BadReply(_)), "{error:?}");
        let old: old::StoreProxy = pair.root().await;
        assert_eq!(old.first().await.unwrap(), "old first");
    });
}

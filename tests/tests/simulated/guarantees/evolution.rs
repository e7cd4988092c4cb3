//! 11. Evolution: peers of different age agree by name.

use duologue::prelude::*;

use super::{at_rest, each, rough};

mod old {
    use duologue::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct Item {
        pub(super) name: String,
    }

    #[service]
    pub(super) trait Store {
        fn first(&self) -> String;
        async fn put(&mut self, key: String, value: u32) -> String;
        fn item(&self, item: Item) -> Item;
        fn last(&self) -> String;
        fn retired(&self) -> u8;
    }

    pub(super) struct Shed;

    #[service]
    impl Store for Shed {
        fn first(&self) -> String {
            "old first".into()
        }
        async fn put(&mut self, key: String, value: u32) -> String {
            format!("old {key}={value}")
        }
        fn item(&self, item: Item) -> Item {
            item
        }
        fn last(&self) -> String {
            "old last".into()
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
    pub(super) struct Item {
        pub(super) weight: Option<u32>,
        pub(super) name: String,
        #[serde(default)]
        pub(super) colour: String,
    }

    #[service(version = 2)]
    pub(super) trait Store {
        fn added(&self) -> String;
        fn last(&self) -> String;
        async fn put(
            &mut self,
            key: String,
            value: u32,
            note: Option<String>,
            #[serde(default)] times: u8,
        ) -> String;
        fn item(&self, item: Item) -> Item;
        fn first(&self) -> String;
    }

    pub(super) struct Hall;

    #[service]
    impl Store for Hall {
        fn added(&self) -> String {
            "new added".into()
        }
        fn last(&self) -> String {
            "new last".into()
        }
        async fn put(&mut self, key: String, value: u32, note: Option<String>, times: u8) -> String {
            format!("new {key}={value} {note:?} {times}")
        }
        fn item(&self, item: Item) -> Item {
            item
        }
        fn first(&self) -> String {
            "new first".into()
        }
    }
}

fn missing<T>(name: &str) -> Result<T, CallError> {
    Err(CallError::NoSuchMethod(name.into()))
}

#[test]
fn guarantee_11_evolution() {
    each(async |world| {
        let pair =
            world.pair().conditions(rough()).serve(|| new::Hall).serve_near(|| old::Shed).await.unwrap();

        // The older one calls the newer one.
        let store: old::StoreProxy = pair.root().await.unwrap();
        assert_eq!(store.first().await.unwrap(), "new first", "another number, the same name");
        assert_eq!(store.last().await.unwrap(), "new last");
        let put = store.put("k".into(), 7).await;
        assert_eq!(put.unwrap(), "new k=7 None 0", "what is missing has its default");
        let item = store.item(old::Item { name: "nail".into() }).await;
        assert_eq!(item.unwrap(), old::Item { name: "nail".into() }, "what is not known is passed over");
        assert_eq!(store.retired().await, missing("Store::retired"));

        // The newer one calls the older one, on the same connection.
        let former: new::StoreProxy = pair.far.connection.root().await.unwrap();
        assert_eq!(former.first().await.unwrap(), "old first");
        assert_eq!(former.last().await.unwrap(), "old last");
        let put = former.put("k".into(), 7, Some("why".into()), 3).await;
        assert_eq!(put.unwrap(), "old k=7", "what is not known is passed over");
        let item = new::Item { weight: Some(3), name: "nail".into(), colour: "grey".into() };
        let plain = new::Item { weight: None, name: "nail".into(), colour: String::new() };
        assert_eq!(former.item(item).await.unwrap(), plain, "what is missing has its default");
        assert_eq!(former.added().await, missing("Store::added"));

        // Both know the far one, each in its own words.
        let newer: new::StoreProxy = pair.root().await.unwrap();
        for _ in 0..3 {
            assert_eq!(newer.added().await.unwrap(), "new added");
            assert_eq!(store.last().await.unwrap(), "new last");
        }
        drop((store, former, newer));
        at_rest(&pair).await;
    });
}

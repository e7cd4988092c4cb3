//! What every proxy can do, whatever its interface.

use runtime::private::{Dispatch, Proxy};

/// What every proxy can do beside making calls; in the prelude.
///
/// A method of the service with one of these names comes first: then `ProxyExt::closed(&proxy)` reaches the one
/// here.
pub trait ProxyExt: Proxy {
    /// A proxy of a value of this process, hosted on the current thread. The value need not be `Send`.
    ///
    /// # Panics
    /// Outside of a service method and of the threads of a node: there `node.host(|| value)` is the way.
    fn local<T: 'static>(value: T) -> Self
    where
        Self: Dispatch<T>,
    {
        runtime::private::local::<Self, T>(value)
    }

    /// Waits until the object is gone or its connection has ended.
    fn closed(&self) -> impl Future<Output = ()> + Send {
        self.handle().closed()
    }

    /// Ends an object of this process for all who hold it: later calls fail as `Gone`, running ones are stopped.
    /// False, and nothing happens, if the object is a peer's.
    fn revoke(&self) -> bool {
        self.handle().revoke()
    }
}

impl<P: Proxy> ProxyExt for P {}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use crate::{ProxyExt, connect};

    #[service(crate = "crate")]
    trait Cell {
        fn get(&self) -> u8;
    }

    #[service(crate = "crate")]
    trait Cells {
        /// The one cell of this connection.
        fn cell(&mut self) -> CellProxy;
        fn revoke(&self);
    }

    struct Seven;

    #[service(crate = "crate")]
    impl Cell for Seven {
        fn get(&self) -> u8 {
            7
        }
    }

    #[derive(Default)]
    struct House(Option<CellProxy>);

    #[service(crate = "crate")]
    impl Cells for House {
        fn cell(&mut self) -> CellProxy {
            self.0.get_or_insert_with(|| CellProxy::local(Seven)).clone()
        }

        fn revoke(&self) {
            assert!(self.0.as_ref().is_some_and(ProxyExt::revoke), "it is this process's own");
        }
    }

    #[tokio::test]
    async fn a_revoked_object_is_gone_for_all_who_hold_it_and_they_are_told() {
        let node = Node::builder().serve(House::default).arbiters(1).bind("127.0.0.1:0").await.unwrap();
        let connection = connect(node.local_addr().to_string()).await.unwrap();
        let cells: CellsProxy = connection.root().await.unwrap();
        let cell = cells.cell().await.unwrap();
        assert_eq!(cell.get().await.unwrap(), 7);
        assert!(!cell.revoke(), "only its own process may");
        // The service has a method of this name, which comes first.
        cells.revoke().await.unwrap();
        cell.closed().await;
        assert!(matches!(cell.get().await, Err(CallError::Gone { .. })));
    }
}

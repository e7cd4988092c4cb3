//! What every proxy can do, whatever its interface.

use runtime::private::{Dispatch, Proxy};
use runtime::{Closed, Restriction};

use crate::WeakProxy;

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

    /// Waits until the object is gone or its connection has ended; which of the two, and why.
    fn closed(&self) -> impl Future<Output = Closed> + Send {
        self.handle().closed()
    }

    /// The same object by a proxy that does not keep it alive.
    fn downgrade(&self) -> WeakProxy<Self> {
        WeakProxy::new(self)
    }

    /// An attenuated proxy: a new object of this process that hands on the calls it grants and keeps this one alive. It is not equal
    /// to this one, and may be handed to anybody who is to have less.
    ///
    /// What is not granted does not exist: other methods fail as `NoSuchMethod`. When its time is over or its calls are used up it is
    /// `Gone`, for all who hold it. [`revoke`](Self::revoke) ends it alone and cancels the calls that went through it.
    ///
    /// ```text
    /// let look: AccountProxy = account.restrict(["balance"]);
    /// let once = account.restrict(Restriction::methods(["withdraw"]).calls(1).expires_in(Duration::from_secs(60)));
    /// ```
    ///
    /// # Panics
    /// If it names a method that the interface has not: a right that is misspelt would otherwise be missed late.
    fn restrict(&self, to: impl Into<Restriction>) -> Self {
        Self::from_handle(self.handle().restrict::<Self>(to.into()))
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

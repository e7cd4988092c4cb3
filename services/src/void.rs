//! The service that exposes nothing. A side that serves nothing shows a root of this interface.

use crate::service;

/// A service without methods.
#[service(crate = "crate")]
pub trait Void {}

/// Serves nothing: what a peer can do with it is hold it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VoidService;

#[service(crate = "crate")]
impl Void for VoidService {}

#[cfg(test)]
mod tests {
    use super::{VoidProxy, VoidService};
    use crate::prelude::*;
    use crate::{OpenError, connect};

    #[service(crate = "crate")]
    trait Something {}

    #[tokio::test]
    async fn a_node_that_serves_nothing_shows_the_void_and_so_does_one_that_serves_it() {
        for builder in [Node::builder(), Node::builder().serve(|| VoidService)] {
            let node = builder.arbiters(1).bind("127.0.0.1:0").await.unwrap();
            let connection = connect(node.local_addr().to_string()).await.unwrap();
            connection.root::<VoidProxy>().await.unwrap();
            let wrong =
                OpenError::WrongInterface { expected: "Something".to_owned(), found: "Void".to_owned() };
            assert_eq!(connection.root::<SomethingProxy>().await.unwrap_err(), wrong);
        }
    }
}

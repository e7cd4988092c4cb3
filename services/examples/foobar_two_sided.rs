//! Both ends serve: the client asks the server for `bar`, and the server asks the client for `foo` to answer.
//!
//! `cargo run --example foobar_two_sided` runs server and client as two processes; `-- server` and
//! `-- client ADDR` run one of them. The client prints:
//!
//! ```text
//! foobar
//! ```

mod roles;

use duologue::prelude::*;

#[service]
trait Foo {
    async fn foo(&self) -> String;
}

#[service]
trait Bar {
    async fn bar(&self, caller: &Caller) -> Result<String, CallError>;
}

struct Client;

#[service]
impl Foo for Client {
    async fn foo(&self) -> String {
        "foo".to_owned()
    }
}

struct Server;

#[service]
impl Bar for Server {
    async fn bar(&self, caller: &Caller) -> Result<String, CallError> {
        let client: FooProxy = caller.connection().root().await?;
        Ok(client.foo().await? + "bar")
    }
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let node = Node::builder().serve(|| Server).bind("127.0.0.1:0").await?;
    roles::listening(node.local_addr());
    node.run().await;
    Ok(())
}

async fn call(address: &str) -> Result<(), Box<dyn std::error::Error>> {
    let node = Node::new().await?;
    let connection = node.connect(address).serve(|| Client).await?;
    let server: BarProxy = connection.root().await?;
    println!("{}", server.bar().await?);
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    match roles::mine()? {
        roles::Role::Server => serve().await,
        roles::Role::Client(address) => call(&address).await,
    }
}

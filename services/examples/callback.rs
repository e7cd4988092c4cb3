//! The client hands a closure over; the server calls it.
//!
//! `cargo run --example callback` runs server and client as two processes; `-- server` and `-- client ADDR`
//! run one of them. The client prints:
//!
//! ```text
//! foobar
//! 0 1 2 3 4
//! ```

mod roles;

use duologue::prelude::*;

#[service]
trait Teller {
    async fn complete(&self, what: Callback<fn() -> String>) -> Result<String, CallError>;
    async fn upto(&self, n: u64, tick: Callback<fn(u64) -> bool>) -> Result<(), CallError>;
}

struct Server;

#[service]
impl Teller for Server {
    async fn complete(&self, what: Callback<fn() -> String>) -> Result<String, CallError> {
        Ok(what.call().await? + "bar")
    }

    async fn upto(&self, n: u64, tick: Callback<fn(u64) -> bool>) -> Result<(), CallError> {
        for number in 0..n {
            if !tick.call(number).await? {
                break;
            }
        }
        Ok(())
    }
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let node = Node::builder().serve(|| Server).bind("127.0.0.1:0").await?;
    roles::listening(node.local_addr());
    node.run().await;
    Ok(())
}

async fn call(address: &str) -> Result<(), Box<dyn std::error::Error>> {
    let connection = duologue::connect(address).await?;
    let server: TellerProxy = connection.root().await?;
    println!("{}", server.complete(|| "foo".to_owned()).await?);

    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    server.upto(1_000, move |number: u64| told.send(number).is_ok() && number < 4).await?;
    let mut numbers = Vec::new();
    heard.recv_many(&mut numbers, 1_000).await;
    println!("{}", numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(" "));
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    match roles::mine()? {
        roles::Role::Server => serve().await,
        roles::Role::Client(address) => call(&address).await,
    }
}

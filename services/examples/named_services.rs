//! One server with several named services, one of them a single instance for all connections.
//!
//! `cargo run --example named_services` runs server and client as two processes; `-- server` and
//! `-- client ADDR` run one of them. The client prints:
//!
//! ```text
//! echo: hello
//! counter: 1
//! counter, over another connection: 2
//! the calendar is not served here
//! an echo is no counter
//! ```

mod roles;

use duologue::prelude::*;

#[service]
trait Echo {
    fn echo(&self, text: &str) -> String;
}

#[service]
trait Counter {
    fn next(&mut self) -> u64;
}

struct Parrot;

#[service]
impl Echo for Parrot {
    fn echo(&self, text: &str) -> String {
        text.to_owned()
    }
}

struct Tally(u64);

#[service]
impl Counter for Tally {
    fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let node = Node::builder()
        .service("Echo", || Parrot)
        .service_shared("Counter", || Tally(0))
        .bind("127.0.0.1:0")
        .await?;
    roles::listening(node.local_addr());
    node.run().await;
    Ok(())
}

async fn call(address: &str) -> Result<(), Box<dyn std::error::Error>> {
    let first = duologue::connect(address).await?;
    let second = duologue::connect(address).await?;
    let echo: EchoProxy = first.service("Echo").await?;
    println!("echo: {}", echo.echo("hello").await?);
    let counter: CounterProxy = first.service("Counter").await?;
    println!("counter: {}", counter.next().await?);
    let counter: CounterProxy = second.service("Counter").await?;
    println!("counter, over another connection: {}", counter.next().await?);
    if first.service::<CounterProxy>("Calendar").await.is_err() {
        println!("the calendar is not served here");
    }
    if first.service::<CounterProxy>("Echo").await.is_err() {
        println!("an echo is no counter");
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    match roles::mine()? {
        roles::Role::Server => serve().await,
        roles::Role::Client(address) => call(&address).await,
    }
}

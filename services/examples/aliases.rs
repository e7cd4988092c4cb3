//! A service with aliases and a version: names are compared without regard to case, and an interface the peer does
//! not serve under that name is a clear error. A client of an older version goes on working.
//!
//! `cargo run --example aliases` runs server and client as two processes; `-- server` and `-- client ADDR`
//! run one of them. The client prints:
//!
//! ```text
//! Calculator: 3
//! calc: 3
//! ADDER: 3
//! version 1 is served by version 2: 3
//! ```

mod roles;

use duologue::prelude::*;

#[service(aliases = ["calc", "adder"], version = 2)]
trait Calculator {
    async fn sub(&self, a: i64, b: i64) -> i64;
    async fn add(&self, a: i64, b: i64, #[serde(default)] c: i64) -> i64;
}

/// The interface as it was: fewer methods, fewer arguments, another order.
mod version_1 {
    use duologue::prelude::*;

    #[service]
    pub(crate) trait Calculator {
        async fn add(&self, a: i64, b: i64) -> i64;
    }
}

struct Desk;

#[service]
impl Calculator for Desk {
    async fn sub(&self, a: i64, b: i64) -> i64 {
        a - b
    }

    async fn add(&self, a: i64, b: i64, c: i64) -> i64 {
        a + b + c
    }
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let node = Node::builder().serve(|| Desk).bind("127.0.0.1:0").await?;
    roles::listening(node.local_addr());
    node.run().await;
    Ok(())
}

async fn call(address: &str) -> Result<(), Box<dyn std::error::Error>> {
    let connection = duologue::connect(address).await?;
    for name in ["Calculator", "calc", "ADDER"] {
        let calc: CalculatorProxy = connection.service(name).await?;
        println!("{name}: {}", calc.add(1, 2, 0).await?);
    }
    let old: version_1::CalculatorProxy = connection.root().await?;
    println!("version 1 is served by version 2: {}", old.add(1, 2).await?);
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    match roles::mine()? {
        roles::Role::Server => serve().await,
        roles::Role::Client(address) => call(&address).await,
    }
}

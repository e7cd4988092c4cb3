//! A calculator, and a method that nobody can reach from outside.
//!
//! `cargo run --example calculator` runs server and client as two processes; `-- server` and `-- client ADDR`
//! run one of them. The client prints:
//!
//! ```text
//! 4 + 7 = 11
//! 7 / 2 = 3
//! 1 / 0: division by zero
//! calls so far: 3
//! reaching for the secret: no such method: Calculator::secret
//! ```

mod roles;

use duologue::prelude::*;
use serde::{Deserialize, Serialize};

#[service]
trait Calculator {
    async fn add(&mut self, a: i64, b: i64) -> i64;
    async fn div(&mut self, a: i64, b: i64) -> Result<i64, DivideByZero>;
    fn calls(&self) -> u64;
}

#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
#[error("division by zero")]
struct DivideByZero;

#[derive(Default)]
struct Desk {
    calls: u64,
}

impl Desk {
    /// The trait does not name it: for the peer it does not exist.
    fn secret(&self) -> i64 {
        42
    }
}

#[service]
impl Calculator for Desk {
    async fn add(&mut self, a: i64, b: i64) -> i64 {
        self.calls += 1;
        a + b
    }

    async fn div(&mut self, a: i64, b: i64) -> Result<i64, DivideByZero> {
        self.calls += 1;
        a.checked_div(b).ok_or(DivideByZero)
    }

    fn calls(&self) -> u64 {
        self.calls
    }
}

/// What a curious client might believe the service to be.
#[service(name = "Calculator")]
trait Guess {
    async fn secret(&self) -> i64;
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    assert_eq!(Desk::default().secret(), 42);
    let node = Node::builder().serve(Desk::default).bind("127.0.0.1:0").await?;
    roles::listening(node.local_addr());
    node.run().await;
    Ok(())
}

async fn call(address: &str) -> Result<(), Box<dyn std::error::Error>> {
    let connection = duologue::connect(address).await?;
    let calc: CalculatorProxy = connection.root().await?;
    println!("4 + 7 = {}", calc.add(4, 7).await?);
    println!("7 / 2 = {}", calc.div(7, 2).await?);
    if let Err(error) = calc.div(1, 0).await {
        println!("1 / 0: {error}");
    }
    println!("calls so far: {}", calc.calls().await?);
    let guess: GuessProxy = connection.root().await?;
    if let Err(error) = guess.secret().await {
        println!("reaching for the secret: {error}");
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

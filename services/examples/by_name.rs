//! A client that knows nothing of the service but its address: it has the service described, calls it by name, reads
//! and writes its attributes, and calls an object it was given.
//!
//! `cargo run --example by_name` runs server and client as two processes; `-- server` and `-- client ADDR`
//! run one of them. The client prints:
//!
//! ```text
//! /// Sells tickets.
//! #[service(version = 2)]
//! trait BoxOffice {
//!     /// How many are left.
//!     #[get]
//!     fn left(&self) -> u32;
//!
//!     #[get]
//!     fn price(&self) -> f64;
//!
//!     #[set]
//!     fn set_price(&mut self, value: f64);
//!
//!     /// The next free seat.
//!     async fn buy(&mut self, name: String) -> Result<TicketProxy, SoldOut>;
//! }
//! price: 12.5, left: 1
//! price: 10.0
//! ticket: {"seat": 1, "name": "alice"}
//! bob: {"missed": "bob"}
//! left: attribute `left` is write-protected
//! ```

mod roles;

use duologue::prelude::*;
use duologue::{DynProxy, args};
use serde::{Deserialize, Serialize};

/// Sells tickets.
#[service(version = 2)]
trait BoxOffice {
    /// How many are left.
    #[get]
    fn left(&self) -> u32;
    #[get]
    fn price(&self) -> f64;
    #[set]
    fn set_price(&mut self, value: f64);
    /// The next free seat.
    async fn buy(&mut self, name: String) -> Result<TicketProxy, SoldOut>;
}

#[service]
trait Ticket {
    fn print(&self) -> Printed;
}

#[derive(Clone, Serialize, Deserialize)]
struct Printed {
    seat: u32,
    name: String,
}

#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
#[error("nothing left for {missed}")]
struct SoldOut {
    missed: String,
}

struct Window {
    left: u32,
    price: f64,
}

#[service]
impl BoxOffice for Window {
    fn left(&self) -> u32 {
        self.left
    }

    fn price(&self) -> f64 {
        self.price
    }

    fn set_price(&mut self, value: f64) {
        self.price = value;
    }

    async fn buy(&mut self, name: String) -> Result<TicketProxy, SoldOut> {
        let Some(left) = self.left.checked_sub(1) else { return Err(SoldOut { missed: name }) };
        let seat = std::mem::replace(&mut self.left, left);
        Ok(TicketProxy::local(Stub(Printed { seat, name })))
    }
}

struct Stub(Printed);

#[service]
impl Ticket for Stub {
    fn print(&self) -> Printed {
        self.0.clone()
    }
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let node = Node::builder().serve(|| Window { left: 1, price: 12.5 }).bind("127.0.0.1:0").await?;
    roles::listening(node.local_addr());
    node.run().await;
    Ok(())
}

/// Everything here could have been typed in by somebody.
async fn call(address: &str) -> Result<(), Box<dyn std::error::Error>> {
    let connection = duologue::connect(address).await?;
    let office = connection.dynamic_root().await?;
    print!("{}", office.describe().await?);
    println!("price: {}, left: {}", office.get("price").await?, office.get("left").await?);
    office.set("price", 10).await?;
    println!("price: {}", office.get("price").await?);
    let ticket: DynProxy = office.call("buy", args!["alice"]).await?.try_into()?;
    println!("ticket: {}", ticket.call("print", args![]).await?);
    if let Err(CallError::App(error)) = office.call("buy", args![name: "bob"]).await {
        println!("bob: {error}");
    }
    if let Err(error) = office.set("left", 100).await {
        println!("left: {error}");
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

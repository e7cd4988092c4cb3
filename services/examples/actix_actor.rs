//! An actix actor moves to another process: two lines change, those marked below.
//!
//! `cargo run --example actix_actor` runs server and client as two processes; `-- server` and `-- client ADDR`
//! run one of them. The client prints:
//!
//! ```text
//! hello alice, you are guest 1
//! hello bob, you are guest 2
//! ```

mod roles;

use actix::prelude::*;
use duologue::{Node, RemoteRecipient};
use serde::{Deserialize, Serialize};

// The message and the actor are as they were; the message has learned serde.
#[derive(Serialize, Deserialize, Message)]
#[rtype(result = "String")]
struct Greet {
    name: String,
}

#[derive(Default)]
struct Porter {
    guests: u32,
}

impl Actor for Porter {
    type Context = Context<Self>;
}

impl Handler<Greet> for Porter {
    type Result = String;

    fn handle(&mut self, Greet { name }: Greet, _: &mut Context<Self>) -> String {
        self.guests += 1;
        format!("hello {name}, you are guest {}", self.guests)
    }
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let porter = Porter::default().start();
    // New: the actor is shown under a name.
    let node = Node::builder().service("porter", move || porter.clone().recipient::<Greet>());
    let node = node.bind("127.0.0.1:0").await?;
    roles::listening(node.local_addr());
    node.run().await;
    Ok(())
}

async fn call(address: &str) -> Result<(), Box<dyn std::error::Error>> {
    // Was: `let porter = Porter::default().start().recipient();`
    let porter: RemoteRecipient<Greet> = duologue::connect(address).await?.service("porter").await?;
    for name in ["alice", "bob"] {
        println!("{}", porter.send(Greet { name: name.to_owned() }).await?);
    }
    Ok(())
}

#[actix::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    match roles::mine()? {
        roles::Role::Server => serve().await,
        roles::Role::Client(address) => call(&address).await,
    }
}

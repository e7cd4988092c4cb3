//! A class exposed through a service: a method makes an object, the caller gets it by reference, and dropping the
//! proxy releases it.
//!
//! `cargo run --example exposed_class` runs server and client as two processes; `-- server` and `-- client ADDR`
//! run one of them. The client prints:
//!
//! ```text
//! alice has 10
//! alice has 17
//! the same account: true
//! open accounts: 2
//! open accounts after the drop: 0
//! ```

mod roles;

use std::cell::Cell;
use std::rc::Rc;

use duologue::prelude::*;
use tokio::sync::Notify;

#[service]
trait Bank {
    fn open(&self, owner: &str, balance: i64) -> AccountProxy;
    fn accounts(&self) -> u64;
    /// Waits until nobody holds an account any more.
    async fn all_released(&self);
}

#[service]
trait Account {
    fn balance(&self) -> i64;
    fn deposit(&mut self, amount: i64);
    fn owner(&self) -> String;
    /// This very account.
    fn echo(&self, account: AccountProxy) -> AccountProxy;
}

#[derive(Default)]
struct House {
    books: Rc<Books>,
}

#[derive(Default)]
struct Books {
    open: Cell<u64>,
    closed: Notify,
}

#[service]
impl Bank for House {
    fn open(&self, owner: &str, balance: i64) -> AccountProxy {
        self.books.open.set(self.books.open.get() + 1);
        AccountProxy::local(Ledger { owner: owner.to_owned(), balance, books: self.books.clone() })
    }

    fn accounts(&self) -> u64 {
        self.books.open.get()
    }

    async fn all_released(&self) {
        while self.books.open.get() > 0 {
            self.books.closed.notified().await;
        }
    }
}

/// State that is neither `Send` nor behind a lock: the object lives on one thread.
struct Ledger {
    owner: String,
    balance: i64,
    books: Rc<Books>,
}

#[service]
impl Account for Ledger {
    fn balance(&self) -> i64 {
        self.balance
    }

    fn deposit(&mut self, amount: i64) {
        self.balance += amount;
    }

    fn owner(&self) -> String {
        self.owner.clone()
    }

    fn echo(&self, account: AccountProxy) -> AccountProxy {
        account
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.books.open.set(self.books.open.get() - 1);
        self.books.closed.notify_waiters();
    }
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let node = Node::builder().serve(House::default).bind("127.0.0.1:0").await?;
    roles::listening(node.local_addr());
    node.run().await;
    Ok(())
}

async fn call(address: &str) -> Result<(), Box<dyn std::error::Error>> {
    let connection = duologue::connect(address).await?;
    let bank: BankProxy = connection.root().await?;
    let alice = bank.open("alice", 10).await?;
    let bob = bank.open("bob", 0).await?;
    println!("{} has {}", alice.owner().await?, alice.balance().await?);
    alice.deposit(7).await?;
    println!("{} has {}", alice.owner().await?, alice.balance().await?);
    println!("the same account: {}", alice.echo(alice.clone()).await? == alice);
    println!("open accounts: {}", bank.accounts().await?);
    drop((alice, bob));
    bank.all_released().await?;
    println!("open accounts after the drop: {}", bank.accounts().await?);
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    match roles::mine()? {
        roles::Role::Server => serve().await,
        roles::Role::Client(address) => call(&address).await,
    }
}

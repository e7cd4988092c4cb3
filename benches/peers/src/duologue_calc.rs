//! Duologue doing the same work: a service `Calc`, its server process, and clients on an arbiter and in a tokio program.

use std::net::SocketAddr;

use duologue::prelude::*;

use crate::Fault;
use crate::cpu;
use crate::load::{self, Adder, Plan};
use crate::process;
use crate::report::Report;
use crate::subject::Address;

/// The sum of two numbers, in the two forms a method can have.
#[service]
pub(crate) trait Calc {
    /// Answered by a future that is ready at once.
    async fn add(&self, a: i64, b: i64) -> i64;
    /// Answered with no future.
    fn sum(&self, a: i64, b: i64) -> i64;
}

struct Desk;

#[service]
impl Calc for Desk {
    async fn add(&self, a: i64, b: i64) -> i64 {
        a.wrapping_add(b)
    }

    fn sum(&self, a: i64, b: i64) -> i64 {
        a.wrapping_add(b)
    }
}

/// Where the calls are made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The thread that is also the node's.
    Arbiter,
    /// A multi-threaded tokio program; the node brings its own threads.
    Tokio,
}

/// Which method is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Async,
    Plain,
}

/// Serves until standard input is closed.
pub(crate) async fn serve(arbiters: usize) -> Result<(), Fault> {
    let node = Node::builder().arbiters(arbiters).serve(|| Desk).bind("127.0.0.1:0").await?;
    let before = cpu::used()?;
    process::announce(&Address { server: node.local_addr(), certificate: String::new() })?;
    process::input_closed().await;
    process::say_cpu(cpu::used()?.saturating_sub(before))
}

/// Runs the load against a server of [`serve`].
pub(crate) async fn client(
    server: SocketAddr,
    plan: Plan,
    caller: Caller,
    method: Method,
) -> Result<Report, Fault> {
    let node = match caller {
        Caller::Arbiter => Node::builder().on_this_thread().start().await?,
        Caller::Tokio => Node::new().await?,
    };
    let connection = node.connect(server.to_string()).await?;
    let calc: CalcProxy = connection.root().await?;
    match (caller, method) {
        (Caller::Arbiter, Method::Async) => load::drive(plan, Async(calc), actix_rt::spawn).await,
        (Caller::Arbiter, Method::Plain) => load::drive(plan, Plain(calc), actix_rt::spawn).await,
        (Caller::Tokio, Method::Async) => load::drive(plan, Async(calc), tokio::spawn).await,
        (Caller::Tokio, Method::Plain) => load::drive(plan, Plain(calc), tokio::spawn).await,
    }
}

#[derive(Clone)]
struct Async(CalcProxy);

impl Adder for Async {
    async fn add(&self, a: i64, b: i64) -> Result<i64, Fault> {
        Ok(self.0.add(a, b).await?)
    }
}

#[derive(Clone)]
struct Plain(CalcProxy);

impl Adder for Plain {
    async fn add(&self, a: i64, b: i64) -> Result<i64, Fault> {
        Ok(self.0.sum(a, b).await?)
    }
}

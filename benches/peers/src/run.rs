//! Both ends of a measurement, whatever the program: serving until told otherwise, and the client's side of each work.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::Fault;
use crate::cpu;
use crate::load::{self, Caller, Plan, Tally};
use crate::memory;
use crate::peer::{Address, Back, Client, Meter, Options, Peer};
use crate::process;
use crate::report::Report;
use crate::work::Work;

const MIB: u64 = 1 << 20;
/// A transfer that has not ended by then is cut, and its rate is of what came until then.
const BULK_MAX: Duration = Duration::from_secs(10);
/// Sent before a transfer is measured: windows and the path's MTU are known then.
const BULK_WARM_UP: u64 = 32 * MIB;
/// What idle connections are given to become idle.
const SETTLE: Duration = Duration::from_secs(1);

/// Serves until standard input is closed, then says how much processor time that took.
pub(crate) async fn serve<P: Peer>(options: Options) -> Result<(), Fault> {
    let (address, server) = P::serve(&options).await?;
    let before = cpu::used()?;
    process::announce(&address)?;
    process::input_closed().await;
    process::say_cpu(cpu::used()?.saturating_sub(before))?;
    drop(server);
    Ok(())
}

/// Puts the load on a server. `spawn` puts a caller where the program has its callers.
pub(crate) async fn client<P: Peer>(
    at: &Address,
    options: &Options,
    plan: Plan,
    spawn: impl Fn(Caller<P::Client>) -> JoinHandle<Result<Tally, Fault>>,
) -> Result<Report, Fault> {
    let dialer = P::dialer(at, options).await?;
    match plan.work {
        Work::Add { connections, .. } => {
            let mut clients = Vec::new();
            for _ in 0..connections {
                clients.push(dialer.connect().await?);
            }
            load::drive(plan, clients, spawn).await
        }
        Work::Echo { .. } => load::drive(plan, vec![dialer.connect().await?], spawn).await,
        Work::Callbacks { in_flight } => callbacks(dialer.connect().await?, in_flight, plan).await,
        Work::Idle { connections } => idle(&dialer, connections, plan).await,
        Work::Bulk { .. } => bulk(dialer.connect().await?, plan).await,
        Work::Neighbour => Err("only Duologue has objects to be neighbours".into()),
    }
}

async fn callbacks(client: impl Client, in_flight: u32, plan: Plan) -> Result<Report, Fault> {
    static BACK: LazyLock<Back> = LazyLock::new(Back::default);
    let back: &'static Back = &BACK;
    let clock = async {
        tokio::time::sleep(plan.warm_up).await;
        let (begin, before, cpu) = (Instant::now(), back.answered(), cpu::used()?);
        tokio::time::sleep(plan.measured).await;
        let figures = (back.answered() - before, begin.elapsed(), cpu::used()?.saturating_sub(cpu));
        back.stop();
        Ok(figures)
    };
    let (made, (measured, elapsed, cpu)) = tokio::try_join!(client.callbacks(in_flight, back), clock)?;
    if made != back.answered() {
        return Err(format!("{made} callbacks were made and {} answered", back.answered()).into());
    }
    Ok(Report::counted(measured, made, elapsed, cpu))
}

/// One connection first, so that what a server pays once is not counted.
async fn idle<P: Peer>(dialer: &P, connections: u32, plan: Plan) -> Result<Report, Fault> {
    let mut clients = vec![used(dialer).await?];
    tokio::time::sleep(SETTLE).await;
    let before = memory::resident(plan.server_pid)?;
    for _ in 0..connections {
        clients.push(used(dialer).await?);
    }
    tokio::time::sleep(SETTLE).await;
    let after = memory::resident(plan.server_pid)?;
    let memory_kib = after.saturating_sub(before) as f64 / 1024.0 / f64::from(connections);
    for client in &clients {
        call_once(client).await?;
    }
    Ok(Report { units: clients.len() as u64, memory_kib: Some(memory_kib), ..Report::default() })
}

async fn used<P: Peer>(dialer: &P) -> Result<P::Client, Fault> {
    let client = dialer.connect().await?;
    call_once(&client).await?;
    Ok(client)
}

async fn call_once(client: &impl Client) -> Result<(), Fault> {
    match client.add(1, 2).await? {
        3 => Ok(()),
        sum => Err(format!("1 + 2 came back as {sum}").into()),
    }
}

async fn bulk(client: impl Client, plan: Plan) -> Result<Report, Fault> {
    let first = transfer(&client, BULK_WARM_UP.min(plan.bulk_bytes)).await?;
    let (begin, cpu) = (Instant::now(), cpu::used()?);
    let taken = transfer(&client, plan.bulk_bytes).await?;
    let (elapsed, cpu) = (begin.elapsed(), cpu::used()?.saturating_sub(cpu));
    Ok(Report::counted(taken / MIB, (first + taken) / MIB, elapsed, cpu))
}

async fn transfer(client: &impl Client, bytes: u64) -> Result<u64, Fault> {
    let meter = Arc::new(Meter::default());
    let bulk = client.bulk(bytes, &meter);
    tokio::pin!(bulk);
    tokio::select! {
        done = &mut bulk => done?,
        () = tokio::time::sleep(BULK_MAX) => {
            meter.enough();
            bulk.await?;
        }
    }
    meter.check(bytes)?;
    Ok(meter.taken())
}

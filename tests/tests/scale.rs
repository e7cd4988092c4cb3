//! Very many proxies on one connection: what each costs on either side, and that nothing of them is left.
//!
//! A binary of its own with a single test, so that the memory of the process is that test's. `DUOLOGUE_PROXIES` says how many
//! there are: 100,000 unless said otherwise; the figures in the manual are those of 1,000,000.
#![allow(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use std::time::Duration;

use duologue::{Config, NodeStats};
use duologue_tests::many::{CrateProxy, WarehouseProxy};
use duologue_tests::nodes::{begin_all, run_for, small};
use duologue_tests::process::Process;

/// As many as one frame carries.
const AT_ONCE: u32 = 256;

/// The most that one proxy may cost on either side while no call was made on it, beyond its object's own actor.
const BYTES_MAX: u64 = 300;

fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}

#[test]
fn a_proxy_that_is_only_held_costs_little_and_leaves_nothing() {
    let count: u32 = std::env::var("DUOLOGUE_PROXIES").map_or(100_000, |n| n.parse().unwrap());
    let max = count as usize + 16;
    run_for(Duration::from_secs(300), async move {
        let mut server = Process::start(env!("CARGO_BIN_EXE_many_peer"), &[&max.to_string()]);
        let address = server.told("listening").await;
        let mut config = Config::default();
        config.exports_max = max;
        let client = small().config(config).arbiters(1).start().await.unwrap();
        let connection = client.connect(address).await.unwrap();
        let warehouse: WarehouseProxy = connection.root().await.unwrap();
        let mut made = 0;
        while made < count {
            made = warehouse.fill((count - made).min(10_000)).await.unwrap();
        }
        // When the last actor answers, all before it have started.
        let last = warehouse.hand_over(count - 1, 1).await.unwrap().remove(0);
        assert_eq!(last.number().await, Ok(count - 1));
        drop(last);
        let with_objects = server.resident();
        let mut proxies: Vec<CrateProxy> = Vec::with_capacity(count as usize);
        // The vector's own memory is there before.
        proxies.resize(count as usize, warehouse.hand_over(0, 1).await.unwrap().remove(0));
        proxies.clear();
        let (mine, theirs) = (resident(), server.resident());
        while proxies.len() < count as usize {
            let from = proxies.len() as u32;
            let calls = (from..count).step_by(AT_ONCE as usize).take(8);
            let calls =
                begin_all(calls.map(|from| warehouse.hand_over(from, AT_ONCE.min(count - from)))).await;
            for call in calls {
                proxies.extend(call.await.unwrap());
            }
        }
        let each = |after: u64, before: u64| after.saturating_sub(before) / u64::from(count);
        let (mine, theirs) = (each(resident(), mine), each(server.resident(), theirs));
        println!(
            "{count} proxies: {mine} bytes each where they are held, {theirs} where their objects live, \
             whose actors take {} each",
            with_objects / u64::from(count)
        );
        assert_eq!(client.stats().total.imports, count as usize + 1);
        assert_eq!(server.asked("exports").await, (count + 1).to_string());
        let last = proxies.last().unwrap().number().await;
        assert_eq!(last, Ok(count - 1));
        drop(proxies);
        client.until(|stats: NodeStats| stats.total.imports == 1).await;
        connection.ping().await.unwrap();
        while server.asked("exports").await != "1" {
            connection.ping().await.unwrap();
        }
        assert!(mine <= BYTES_MAX, "{mine} bytes for each proxy where it is held");
        assert!(theirs <= BYTES_MAX, "{theirs} bytes for each proxy where its object lives");
        client.shutdown().await;
    });
}

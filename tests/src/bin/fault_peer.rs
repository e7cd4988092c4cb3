//! A node as a process of its own, for tests that kill it. It prints what happens, a line each:
//! `listening ADDR`, `connected`, `began`, `done`, ...
//!
//! `fault_peer serve ADDR [KEY]` serves a probe (with the key in that file); `fault_peer show ADDR` shows that of another node;
//! `fault_peer hang ADDR` makes a call there
//! that is never answered; `fault_peer leave ADDR` makes one call and ends like any program.

use std::time::Duration;

use duologue::Config;
use duologue::prelude::*;
use duologue_tests::events::events;
use duologue_tests::nodes::small;
use duologue_tests::probe::{Event, Probe, ProbingProxy, Window};

fn say(line: &str) {
    use std::io::Write;
    println!("{line}");
    std::io::stdout().flush().expect("the standard output is open");
}

async fn serve(address: &str, key: Option<&str>) -> Result<(), Box<dyn std::error::Error>> {
    let (tell, mut heard) = events();
    let mut builder = small().serve(move || Probe::new(&tell));
    if let Some(key) = key {
        builder = builder.identity(Identity::load_or_create(key)?);
    }
    let node = builder.bind(address).await?;
    say(&format!("listening {}", node.local_addr()));
    tokio::spawn(async move {
        loop {
            let event = heard.next().await;
            // Floods are counted by those who make them.
            if event != Event::Gave {
                say(&format!("{event:?}").to_lowercase());
            }
        }
    });
    node.run().await;
    Ok(())
}

/// A node between, which notices soon that a peer is gone.
async fn show(address: &str) -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config::default();
    config.transport.idle_timeout = Duration::from_secs(3);
    config.transport.keep_alive = Duration::from_millis(500);
    let dialing = small().config(config.clone()).start().await?;
    let probe: ProbingProxy = dialing.connect(address).await?.root().await?;
    let node = small().config(config).serve(move || Window(probe.clone())).bind("127.0.0.1:0").await?;
    say(&format!("listening {}", node.local_addr()));
    node.run().await;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["serve", address] => serve(address, None).await,
        ["serve", address, key] => serve(address, Some(key)).await,
        ["show", address] => show(address).await,
        ["hang", address] => {
            let connection = duologue::connect(*address).await?;
            let probe: ProbingProxy = connection.root().await?;
            say("calling");
            Ok(probe.hangs().await?)
        }
        ["leave", address] => {
            let connection = duologue::connect(*address).await?;
            let probe: ProbingProxy = connection.root().await?;
            say(&format!("sum {}", probe.add(1, 2).await?));
            Ok(())
        }
        _ => Err("usage: serve ADDR [KEY] | show ADDR | hang ADDR | leave ADDR".into()),
    }
}

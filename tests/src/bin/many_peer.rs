//! A node as a process of its own that makes very many objects: `many_peer MAX` serves a warehouse whose connections may
//! hold `MAX` objects. It prints `listening ADDR`, and a line with its figures for each line it reads.

use std::io::BufRead;

use duologue::Config;
use duologue_tests::many::Shelves;
use duologue_tests::nodes::small;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let max = std::env::args().nth(1).ok_or("usage: many_peer MAX")?.parse()?;
    let mut config = Config::default();
    config.exports_max = max;
    let node = small().config(config).arbiters(1).serve(Shelves::default).bind("127.0.0.1:0").await?;
    println!("listening {}", node.local_addr());
    let figures = node.clone();
    std::thread::spawn(move || {
        for _ in std::io::stdin().lock().lines().map_while(Result::ok) {
            println!("exports {}", figures.stats().total.exports);
        }
    });
    node.run().await;
    Ok(())
}

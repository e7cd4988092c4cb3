//! A node as a process of its own, to be kept busy: it prints `listening ADDR`, and the most memory it ever had
//! (`peak BYTES`) for each line it reads.

use std::io::BufRead;

use duologue_tests::busy::House;
use duologue_tests::nodes::small;

/// `VmHWM` of this process, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("it is among the figures");
    let kib: u64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number of KiB");
    kib * 1_024
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let node = small().serve_as::<duologue_tests::busy::StreetProxy>(|| House).bind("127.0.0.1:0").await?;
    println!("listening {}", node.local_addr());
    std::thread::spawn(|| {
        for _ in std::io::stdin().lock().lines().map_while(Result::ok) {
            println!("peak {}", peak());
        }
    });
    node.run().await;
    Ok(())
}

//! What is large goes through little memory.
//!
//! A binary of its own, so that the memory of the process is that of its test.
#![allow(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use std::time::Duration;

use duologue::prelude::*;
use duologue_tests::nodes::{pair, run_for};
use tokio::io::AsyncReadExt;

const SIZE: u64 = 256 << 20;
/// What may be in memory of it: windows, what is in the network, and what the allocator keeps.
const MEMORY_MAX: u64 = 64 << 20;

#[service]
trait Store {
    fn download(&self, size: u64) -> ByteStream;
}

struct Zeros;

#[service]
impl Store for Zeros {
    fn download(&self, size: u64) -> ByteStream {
        ByteStream::new(tokio::io::repeat(0).take(size))
    }
}

#[test]
fn a_quarter_of_a_gibibyte_goes_through_little_memory() {
    run_for(Duration::from_secs(120), async {
        let pair = pair(|| Zeros).await;
        let store: StoreProxy = pair.root().await;
        let before = resident();
        let mut stream = store.download(SIZE).await.unwrap();
        let mut sum = 0;
        while let Some(chunk) = stream.next_chunk().await {
            sum += chunk.unwrap().len() as u64;
        }
        assert_eq!(sum, SIZE);
        if let (Some(before), Some(after)) = (before, resident()) {
            assert!(after < before + MEMORY_MAX, "{} MiB more", (after - before) >> 20);
        }
        drop((stream, store));
        pair.at_rest().await;
    });
}

/// Bytes of memory in use, where the system says so.
fn resident() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(pages.split(' ').nth(1)?.parse::<u64>().ok()? * 4_096)
}

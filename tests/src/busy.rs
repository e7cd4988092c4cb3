//! Three objects of one connection: one that is slow, one that swallows bytes, and their neighbour.

use std::time::Duration;

use duologue::prelude::*;

/// Gives the objects.
#[service]
pub trait Street {
    /// One that takes two milliseconds for a call, one call at a time.
    fn slow(&self) -> SlowProxy;
    /// One that reads a stream to its end.
    fn drain(&self) -> DrainProxy;
    /// One that answers at once.
    fn neighbour(&self) -> NeighbourProxy;
}

/// A slow object.
#[service]
pub trait Slow {
    /// Two milliseconds of waiting, alone.
    async fn work(&mut self) -> u32;
}

/// Swallows bytes.
#[service]
pub trait Drain {
    /// How many bytes there were.
    async fn swallow(&self, data: ByteStream) -> Result<u64, String>;
}

/// The object whose latency is measured.
#[service]
pub trait Neighbour {
    /// The number itself.
    fn echo(&self, number: u64) -> u64;
}

/// Serves all of them.
#[derive(Clone, Copy, Debug)]
pub struct House;

#[service]
impl Street for House {
    fn slow(&self) -> SlowProxy {
        SlowProxy::local(Desk)
    }

    fn drain(&self) -> DrainProxy {
        DrainProxy::local(Gully)
    }

    fn neighbour(&self) -> NeighbourProxy {
        NeighbourProxy::local(Flat)
    }
}

struct Desk;

#[service]
impl Slow for Desk {
    async fn work(&mut self) -> u32 {
        tokio::time::sleep(Duration::from_millis(2)).await;
        1
    }
}

struct Gully;

#[service]
impl Drain for Gully {
    async fn swallow(&self, mut data: ByteStream) -> Result<u64, String> {
        let mut sum = 0;
        while let Some(chunk) = data.next_chunk().await {
            sum += chunk.map_err(|e| e.to_string())?.len() as u64;
        }
        Ok(sum)
    }
}

struct Flat;

#[service]
impl Neighbour for Flat {
    fn echo(&self, number: u64) -> u64 {
        number
    }
}

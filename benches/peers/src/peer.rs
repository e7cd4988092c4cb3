//! What a program under test has to be able to do: one module for each implements these.
//!
//! What one cannot do is not in here but in `subject.rs`, as the reason for a dash.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::try_join_all;

use crate::Fault;

/// What a callback answers when it wants no further one.
pub(crate) const STOP: u64 = u64::MAX;
/// What bulk bytes are.
pub(crate) const BULK_BYTE: u8 = 0x5a;

/// Where a client finds its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) server: SocketAddr,
    /// What else the client needs, in hex: the server's certificate or its id; empty where it needs nothing.
    pub(crate) secret: String,
}

impl Address {
    pub(crate) fn new(server: SocketAddr, secret: &[u8]) -> Self {
        Self { server, secret: secret.iter().map(|byte| format!("{byte:02x}")).collect() }
    }

    pub(crate) fn secret(&self) -> Result<Vec<u8>, Fault> {
        let pairs = self.secret.as_bytes().chunks(2);
        pairs.map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?)).collect()
    }
}

/// What differs between the works at an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// The datagrams that QUIC starts with; `None` leaves the default.
    pub(crate) mtu: Option<u16>,
    /// Arbiters of Duologue's server.
    pub(crate) arbiters: usize,
    /// Calls that may be under way on a connection: limits are raised where they stand in the way.
    pub(crate) in_flight: u32,
    /// Whether libraries that leave the choice run on one thread instead of on one for each core.
    pub(crate) one_thread: bool,
    /// How long Duologue's threads stay awake after a frame.
    pub(crate) busy_poll: Duration,
}

/// A program under test; a value of it is what a client process makes its connections with.
pub(crate) trait Peer: Sized {
    /// What has to be kept while the server serves.
    type Server;
    type Client: Client;

    /// Listens on a free port of loopback and serves in the background.
    async fn serve(options: &Options) -> Result<(Address, Self::Server), Fault>;
    async fn dialer(at: &Address, options: &Options) -> Result<Self, Fault>;
    /// A new connection.
    async fn connect(&self) -> Result<Self::Client, Fault>;
}

/// A connection to a server, in the hand of each task that uses it.
pub(crate) trait Client: Clone + 'static {
    /// What an echo carries, in the type that the program sends fastest.
    type Payload: Clone + 'static;

    /// So many bytes [`BULK_BYTE`].
    fn payload(size: usize) -> Self::Payload;
    async fn add(&self, a: i64, b: i64) -> Result<i64, Fault>;
    /// How many came back, and the last of them.
    async fn echo(&self, payload: Self::Payload) -> Result<Echoed, Fault>;
    /// Lets the server call `back`, so many at a time, until one says [`STOP`]; how many it made.
    async fn callbacks(&self, in_flight: u32, back: &'static Back) -> Result<u64, Fault>;
    /// Lets the server send so many bytes, and shows each piece to the meter until that has enough.
    async fn bulk(&self, bytes: u64, meter: &Arc<Meter>) -> Result<(), Fault>;
}

/// What is checked of an echo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Echoed {
    pub(crate) len: usize,
    pub(crate) last: Option<u8>,
}

impl Echoed {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self { len: bytes.len(), last: bytes.last().copied() }
    }
}

/// The client's end of the callbacks.
#[derive(Debug, Default)]
pub(crate) struct Back {
    answered: AtomicU64,
    over: AtomicBool,
}

impl Back {
    /// Answers one.
    pub(crate) fn answer(&self, n: u64) -> u64 {
        if self.over.load(Ordering::Relaxed) {
            return STOP;
        }
        self.answered.fetch_add(1, Ordering::Relaxed);
        n + 1
    }

    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    pub(crate) fn stop(&self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// The server's end of the callbacks: keeps `in_flight` of them under way until each was told to stop.
pub(crate) async fn call_back<F>(in_flight: u32, back: impl Fn(u64) -> F) -> Result<u64, Fault>
where
    F: Future<Output = Result<u64, Fault>>,
{
    let all = try_join_all((0..in_flight).map(|first| one_after_another(u64::from(first), &back))).await?;
    Ok(all.iter().sum())
}

async fn one_after_another<F>(first: u64, back: &impl Fn(u64) -> F) -> Result<u64, Fault>
where
    F: Future<Output = Result<u64, Fault>>,
{
    let mut made = 0;
    loop {
        let n = first + made;
        match back(n).await? {
            STOP => return Ok(made),
            answer if answer == n + 1 => made += 1,
            answer => return Err(format!("the callback with {n} gave {answer}").into()),
        }
    }
}

/// Counts the bytes of a transfer, and says when there is no need for more.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    taken: AtomicU64,
    wrong: AtomicBool,
    enough: AtomicBool,
}

impl Meter {
    /// Takes a piece; whether another one is wanted.
    pub(crate) fn take(&self, piece: &[u8]) -> bool {
        self.taken.fetch_add(piece.len() as u64, Ordering::Relaxed);
        if piece.last().is_some_and(|&last| last != BULK_BYTE) {
            self.wrong.store(true, Ordering::Relaxed);
        }
        self.wants_more()
    }

    pub(crate) fn wants_more(&self) -> bool {
        !self.enough.load(Ordering::Relaxed)
    }

    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    pub(crate) fn enough(&self) {
        self.enough.store(true, Ordering::Relaxed);
    }

    /// Whether it all came as it was sent.
    pub(crate) fn check(&self, sent: u64) -> Result<(), Fault> {
        let (taken, cut) = (self.taken(), !self.wants_more());
        if self.wrong.load(Ordering::Relaxed) {
            return Err("a transfer came with other bytes than were sent".into());
        }
        if taken == sent || cut {
            return Ok(());
        }
        Err(format!("{sent} bytes came as {taken}").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_survives_the_command_line() {
        let at = Address::new(([127, 0, 0, 1], 1).into(), &[0, 10, 255]);
        assert_eq!(at.secret, "000aff");
        assert_eq!(at.secret().unwrap(), [0, 10, 255]);
    }

    #[tokio::test]
    async fn callbacks_are_made_until_one_says_stop_and_counted() {
        let back = Back::default();
        let made = call_back(2, async |n| {
            if back.answered() == 5 {
                back.stop();
            }
            Ok(back.answer(n))
        });
        assert_eq!(made.await.unwrap(), 5);
        assert!(call_back(1, async |_| Ok(7)).await.is_err());
    }

    #[test]
    fn a_transfer_that_ends_early_is_an_error_unless_it_was_cut() {
        let meter = Meter::default();
        assert!(meter.take(&[BULK_BYTE; 3]));
        assert!(meter.check(3).is_ok());
        assert!(meter.check(4).is_err());
        meter.enough();
        assert!(!meter.take(&[BULK_BYTE]));
        assert!(meter.check(9).is_ok());
        meter.take(&[0]);
        assert!(meter.check(9).is_err());
    }
}

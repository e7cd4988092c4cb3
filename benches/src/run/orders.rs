//! What all threads of a load know, and how they share it.

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinError;

use super::control::Control;
use super::hand::Hand;
use crate::access::Target;
use crate::knobs::Knobs;

/// How long calls that are under way at the end may take.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// What all threads of a load know.
#[derive(Debug)]
pub(super) struct Orders {
    pub(super) knobs: Knobs,
    pub(super) target: Target,
    pub(super) control: Arc<Control>,
}

/// The objects of one connection.
pub(super) type Hands = Rc<[Hand]>;

/// The part of one of `n` in `all`, which are dealt one by one.
pub(super) fn share(all: u32, n: u32, which: u32) -> u32 {
    all / n + u32::from(which < all % n)
}

/// Waits for tasks that are under way, but not for ever.
pub(super) async fn within_grace(ended: impl Future<Output = ()>) {
    let _ = tokio::time::timeout(GRACE, ended).await;
}

/// What to say of a caller that has ended, if it panicked: nobody else would hear of it.
pub(super) fn panicked(ended: Result<(), JoinError>) -> Option<String> {
    let error = ended.err().filter(JoinError::is_panic)?;
    Some(format!("a caller of the load panicked: {error}"))
}

/// Since a moment that may still be to come.
pub(super) fn since(moment: Instant) -> Duration {
    Instant::now().saturating_duration_since(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_caller_that_panics_is_heard_of() {
        let mut callers = tokio::task::JoinSet::new();
        callers.spawn(async { panic!("out of tune") });
        let why = panicked(callers.join_next().await.unwrap()).unwrap();
        assert!(why.starts_with("a caller of the load panicked: ") && why.contains("out of tune"), "{why}");
        callers.spawn(std::future::ready(()));
        assert_eq!(panicked(callers.join_next().await.unwrap()), None);
        callers.spawn(std::future::pending());
        callers.abort_all();
        assert_eq!(
            panicked(callers.join_next().await.unwrap()),
            None,
            "whoever is sent away has not panicked"
        );
    }

    #[test]
    fn everything_is_dealt_out() {
        for (all, n) in [(1, 1), (7, 3), (8, 3), (1_000, 7), (3, 3)] {
            let shares: Vec<u32> = (0..n).map(|which| share(all, n, which)).collect();
            assert_eq!(shares.iter().sum::<u32>(), all);
            assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
        }
    }
}

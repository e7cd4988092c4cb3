//! Work that blocks, or burns processor time, away from the thread that drives connections and objects.

use std::panic::resume_unwind;

use tokio::task::JoinHandle;

/// Runs `work` on a thread where it may block, and waits for it without blocking.
///
/// A service method that computes for milliseconds, reads files or waits for a lock holds up everything else on its
/// thread; inside `blocking(..).await` it does not. What the closure needs is moved in, what it finds is moved out.
///
/// If the call around it is dropped or cancelled, work that has not begun never begins; work that has begun runs to
/// its end and its result is thrown away.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let numbers: Vec<u64> = (0..1_000).collect();
/// let sum: u64 = duologue::blocking(move || numbers.iter().sum()).await;
/// assert_eq!(sum, 499_500);
/// # }
/// ```
///
/// # Panics
/// If the closure panics, with its panic: in a service method that is the call's own failure. Outside of a tokio runtime.
pub async fn blocking<T, F>(work: F) -> T
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let mut task = Task(tokio::task::spawn_blocking(work));
    match (&mut task.0).await {
        Ok(found) => found,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // Only the end of the runtime stops such a task from outside, and that ends the one who waits here too.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Takes the work back when it is no longer wanted, if it has not begun.
struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::blocking;

    #[tokio::test]
    async fn it_gives_what_the_closure_finds() {
        assert_eq!(blocking(|| 6 * 7).await, 42);
    }

    #[tokio::test]
    async fn a_panic_goes_on_at_the_one_who_waits() {
        let panicking = tokio::spawn(async { blocking(|| panic!("over")).await });
        let panic = panicking.await.unwrap_err().into_panic();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"over"));
    }

    #[test]
    fn work_that_nobody_waits_for_any_more_is_not_begun() {
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        runtime.block_on(async {
            let (release, wait) = mpsc::channel::<()>();
            let (began, begun) = mpsc::channel::<&str>();
            let told = began.clone();
            let first = tokio::spawn(blocking(move || {
                let _ = wait.recv();
                told.send("first").unwrap();
            }));
            tokio::task::yield_now().await;
            let second = tokio::spawn(blocking(move || began.send("second").unwrap()));
            tokio::task::yield_now().await;
            second.abort();
            assert!(second.await.unwrap_err().is_cancelled());
            release.send(()).unwrap();
            first.await.unwrap();
            assert_eq!(begun.iter().collect::<Vec<_>>(), ["first"]);
        });
    }
}

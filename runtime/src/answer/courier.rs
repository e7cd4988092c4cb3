//! Wakes the tasks of a multi-threaded runtime, many at a time, and a node's thread once for all that they send in their turn.
//!
//! To wake a task from outside of its runtime costs a lock, and often a system call and a switch between threads; from inside it costs next
//! to nothing. So a node's thread that has many answers hands the wakers of those that wait to one task over there, the
//! courier, which wakes them and stands in line behind them. What they send meanwhile goes along with it.
//!
//! Who sends while no courier stands behind it wakes the node's thread itself. What a courier has had for a millisecond or two, because the threads of
//! its runtime do something else, the node's thread wakes without it. It does not serve runtimes of one thread, of which nobody knows
//! whether they are being run.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::{Handle, Id, RuntimeFlavor};
use tokio::time::sleep;

use crate::node::Worker;

/// The couriers of the runtimes of this process: one each, from the first call on that a task of it awaits.
static COURIERS: Mutex<Vec<Arc<Courier>>> = Mutex::new(Vec::new());

thread_local! {
    /// The courier of the runtime in which this thread awaited a call last.
    static HERE: RefCell<Option<Arc<Courier>>> = const { RefCell::new(None) };
}

/// How many answers at once are worth the courier.
const WORTH: usize = 16;
/// How many tasks it wakes before it looks what they have sent.
const ROUND: usize = 128;
/// How often the node's thread looks whether it gets on.
const PATIENCE: Duration = Duration::from_millis(1);

/// One for each runtime.
struct Courier {
    runtime: Id,
    /// It stands in line behind tasks that it has woken. Changes only under the lock.
    in_line: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Tasks whose answer is there.
    answered: Vec<Waker>,
    /// Who is to be woken for what those have sent.
    due: Vec<Waker>,
    /// Wakes the courier itself, while it waits for something to do.
    idle: Option<Waker>,
    /// How often it had its turn.
    turns: u64,
    /// There is a [`Watch`].
    watched: bool,
    /// Its runtime has ended.
    gone: bool,
}

/// The runtime whose courier wakes a task; `None` if it is to be woken directly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Via(Option<Id>);

impl Via {
    /// Of the task that is being polled.
    pub(super) fn here() -> Via {
        // Only what is polled as a task of a multi-threaded runtime can rely on that runtime to run a courier now.
        if Worker::is_here() || tokio::task::try_id().is_none() {
            return Via(None);
        }
        let Ok(runtime) = Handle::try_current() else { return Via(None) };
        if runtime.runtime_flavor() != RuntimeFlavor::MultiThread {
            return Via(None);
        }
        let id = runtime.id();
        HERE.with_borrow_mut(|here| {
            if here.as_ref().is_none_or(|courier| courier.runtime != id) {
                *here = Some(Courier::of(&runtime, id));
            }
        });
        Via(Some(id))
    }
}

/// Those whose answers have come together; all are woken when it is dropped.
#[derive(Default)]
pub(crate) struct Round {
    wakers: Vec<Waker>,
    runtime: Option<Id>,
}

impl Round {
    /// One more, to be woken with the others.
    pub(super) fn add(&mut self, waker: Waker, via: Via) {
        let Via(Some(id)) = via else { return waker.wake() };
        if self.runtime != Some(id) {
            self.send();
            self.runtime = Some(id);
        }
        self.wakers.push(waker);
    }

    fn send(&mut self) {
        if self.wakers.len() >= WORTH {
            let couriers = COURIERS.lock();
            let courier = couriers.iter().find(|courier| Some(courier.runtime) == self.runtime).cloned();
            drop(couriers);
            if let Some(courier) = courier {
                courier.take_over(&mut self.wakers);
            }
        }
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

impl Drop for Round {
    fn drop(&mut self) {
        self.send();
    }
}

/// Wakes whoever sends what a task has left: at once, or by the courier that stands in line behind the task.
pub(crate) fn wake_soon(wakers: impl IntoIterator<Item = Waker>) {
    let courier = HERE.with_borrow(|here| match here {
        Some(courier) if courier.in_line.load(Ordering::Relaxed) => Some(courier.clone()),
        _ => None,
    });
    if let Some(courier) = courier {
        let mut state = courier.state.lock();
        if courier.in_line.load(Ordering::Relaxed) {
            return state.due.extend(wakers);
        }
    }
    wakers.into_iter().for_each(Waker::wake);
}

impl Courier {
    fn of(runtime: &Handle, id: Id) -> Arc<Courier> {
        let mut couriers = COURIERS.lock();
        if let Some(courier) = couriers.iter().find(|courier| courier.runtime == id) {
            return courier.clone();
        }
        let courier =
            Arc::new(Courier { runtime: id, in_line: AtomicBool::new(false), state: Mutex::default() });
        couriers.push(courier.clone());
        drop(couriers);
        runtime.spawn(Rounds(courier.clone()));
        courier
    }

    /// Takes the wakers, unless its runtime has ended.
    fn take_over(self: &Arc<Self>, wakers: &mut Vec<Waker>) {
        let mut state = self.state.lock();
        if state.gone {
            return;
        }
        state.answered.append(wakers);
        let idle = state.idle.take();
        let watch =
            (!state.watched).then(|| Watch { courier: self.clone(), turns: state.turns, done: false });
        state.watched = true;
        drop(state);
        if let Some(idle) = idle {
            idle.wake();
        }
        if let Some(watch) = watch {
            // On no node's thread there is nobody to watch: the watch is dropped, and all are woken at once.
            Worker::run_here(move || drop(tokio::task::spawn_local(watch.keep())));
        }
    }

    /// Wakes directly whatever it holds.
    fn relieve(&self, mut state: MutexGuard<'_, State>) {
        let (answered, due) = (std::mem::take(&mut state.answered), std::mem::take(&mut state.due));
        self.in_line.store(false, Ordering::Relaxed);
        drop(state);
        answered.into_iter().chain(due).for_each(Waker::wake);
    }
}

/// Sees to it, from a node's thread, that a courier holds nothing for long.
struct Watch {
    courier: Arc<Courier>,
    /// As they were when it looked last.
    turns: u64,
    /// There is nothing left to be watched.
    done: bool,
}

impl Watch {
    async fn keep(mut self) {
        loop {
            sleep(PATIENCE).await;
            if !self.look() {
                return;
            }
        }
    }

    /// Whether it is to look again.
    fn look(&mut self) -> bool {
        let mut state = self.courier.state.lock();
        let holds = !state.answered.is_empty()
            || !state.due.is_empty()
            || self.courier.in_line.load(Ordering::Relaxed);
        if !holds {
            (state.watched, self.done) = (false, true);
        } else if std::mem::replace(&mut self.turns, state.turns) == state.turns {
            self.courier.relieve(state);
        }
        holds
    }
}

impl Drop for Watch {
    /// There was nobody to watch, or the thread that did has ended.
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let mut state = self.courier.state.lock();
        state.watched = false;
        self.courier.relieve(state);
    }
}

/// The courier's task; it ends with its runtime.
struct Rounds(Arc<Courier>);

impl Future for Rounds {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.state.lock();
        state.turns += 1;
        let due = std::mem::take(&mut state.due);
        let len = state.answered.len();
        let round: Vec<Waker> = state.answered.drain(..len.min(ROUND)).collect();
        self.0.in_line.store(!round.is_empty(), Ordering::Relaxed);
        if round.is_empty() {
            state.idle = Some(cx.waker().clone());
        }
        drop(state);
        due.into_iter().for_each(Waker::wake);
        if !round.is_empty() {
            round.into_iter().for_each(Waker::wake);
            // Behind all of them.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for Rounds {
    fn drop(&mut self) {
        COURIERS.lock().retain(|courier| !Arc::ptr_eq(courier, &self.0));
        let mut state = self.0.state.lock();
        let left = std::mem::replace(&mut *state, State { gone: true, ..State::default() });
        self.0.in_line.store(false, Ordering::Relaxed);
        drop(state);
        left.answered.into_iter().chain(left.due).for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use std::future::poll_fn;

    use tokio::runtime::{Builder, Runtime};
    use tokio::task::{JoinHandle, LocalSet};

    use super::*;
    use crate::answer::{Answer, Missing, Waiter, channel};

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Woken {
        fn times(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A courier that walks when the test says so.
    fn courier(runtime: &Runtime) -> Arc<Courier> {
        let id = runtime.handle().id();
        // As if somebody watched it.
        let state = State { watched: true, ..State::default() };
        Arc::new(Courier { runtime: id, in_line: AtomicBool::new(false), state: Mutex::new(state) })
    }

    fn walk(rounds: &mut Rounds, waker: &Waker) {
        assert!(Pin::new(rounds).poll(&mut Context::from_waker(waker)).is_pending());
    }

    fn many_threads() -> Runtime {
        Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
    }

    /// A task's waker.
    fn waker(woken: &Arc<Woken>) -> Waker {
        woken.clone().into()
    }

    #[test]
    fn only_tasks_of_a_runtime_of_many_threads_are_woken_by_a_courier() {
        let (many, one) = (many_threads(), Builder::new_current_thread().build().unwrap());
        let here = || async { Via::here() };
        assert_eq!(many.block_on(many.spawn(here())).unwrap(), Via(Some(many.handle().id())));
        // The thread of `block_on` is none of the runtime's.
        assert_eq!(many.block_on(here()), Via(None));
        assert_eq!(one.block_on(one.spawn(here())).unwrap(), Via(None));
        assert_eq!(Via::here(), Via(None));
    }

    #[test]
    fn it_wakes_all_of_a_round_and_then_who_sends_what_they_left() {
        let runtime = many_threads();
        let courier = courier(&runtime);
        let (own, task, writer) = (Arc::<Woken>::default(), Arc::<Woken>::default(), Arc::<Woken>::default());
        let mut rounds = Rounds(courier.clone());
        walk(&mut rounds, &waker(&own));
        courier.take_over(&mut vec![waker(&task); ROUND + 1]);
        assert_eq!((own.times(), task.times()), (1, 0));

        walk(&mut rounds, &waker(&own));
        assert_eq!((own.times(), task.times()), (2, ROUND));
        HERE.set(Some(courier.clone()));
        wake_soon([waker(&writer)]);
        assert_eq!(writer.times(), 0);

        walk(&mut rounds, &waker(&own));
        assert_eq!((own.times(), task.times(), writer.times()), (3, ROUND + 1, 1));
        walk(&mut rounds, &waker(&own));
        assert_eq!(own.times(), 3);
        // Nobody stands in line any more.
        wake_soon([waker(&writer)]);
        assert_eq!(writer.times(), 2);
    }

    #[test]
    fn what_it_has_when_its_runtime_ends_is_woken_and_nothing_is_taken_afterwards() {
        let runtime = many_threads();
        let courier = courier(&runtime);
        let (task, writer) = (Arc::<Woken>::default(), Arc::<Woken>::default());
        let mut rounds = Rounds(courier.clone());
        courier.take_over(&mut vec![waker(&task); ROUND + 1]);
        walk(&mut rounds, Waker::noop());
        HERE.set(Some(courier.clone()));
        wake_soon([waker(&writer)]);
        drop(rounds);
        assert_eq!((task.times(), writer.times()), (ROUND + 1, 1));

        let mut late = vec![waker(&task)];
        courier.take_over(&mut late);
        assert_eq!(late.len(), 1);
        wake_soon([waker(&writer)]);
        assert_eq!(writer.times(), 2);
    }

    #[test]
    fn what_it_has_is_woken_without_it_while_it_stands_still() {
        let runtime = many_threads();
        let courier = courier(&runtime);
        let (task, writer) = (Arc::<Woken>::default(), Arc::<Woken>::default());
        let mut rounds = Rounds(courier.clone());
        let mut watch = Watch { courier: courier.clone(), turns: 0, done: false };
        courier.take_over(&mut vec![waker(&task); ROUND + 1]);
        walk(&mut rounds, Waker::noop());
        HERE.set(Some(courier.clone()));
        wake_soon([waker(&writer)]);
        // It had a turn since.
        assert!(watch.look());
        assert_eq!((task.times(), writer.times()), (ROUND, 0));
        assert!(watch.look());
        assert_eq!((task.times(), writer.times()), (ROUND + 1, 1));
        // It is not relied on before it has come.
        wake_soon([waker(&writer)]);
        assert_eq!(writer.times(), 2);
        assert!(!watch.look());
        walk(&mut rounds, Waker::noop());
        assert_eq!((task.times(), writer.times()), (ROUND + 1, 2));
    }

    #[test]
    fn without_anybody_to_watch_it_holds_nothing() {
        let runtime = many_threads();
        let courier = courier(&runtime);
        courier.state.lock().watched = false;
        let task = Arc::<Woken>::default();
        courier.take_over(&mut vec![waker(&task); WORTH]);
        assert_eq!(task.times(), WORTH);
        assert!(!courier.state.lock().watched);
    }

    #[test]
    fn answers_that_come_together_reach_tasks_of_several_runtimes() {
        let runtimes = [many_threads(), many_threads()];
        let own = Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&own, async {
            let _node = Worker::here();
            for _ in 0..20 {
                let (waiters, tasks): (Vec<_>, Vec<_>) =
                    (0..400).map(|n| awaiting(&runtimes[n / 150 % 2])).unzip();
                let mut round = Round::default();
                waiters.into_iter().for_each(|waiter| waiter.send_in(Answer::Sent, &mut round));
                drop(round);
                for task in tasks {
                    assert!(matches!(task.await.unwrap(), Ok(Answer::Sent)));
                }
            }
        });
        let ids = runtimes.each_ref().map(|runtime| runtime.handle().id());
        let known = || COURIERS.lock().iter().filter(|courier| ids.contains(&courier.runtime)).count();
        assert_eq!(known(), 2);
        drop(runtimes);
        assert_eq!(known(), 0);
    }

    /// A task that awaits an answer, and waits by now.
    fn awaiting(runtime: &Runtime) -> (Waiter, JoinHandle<Result<Answer, Missing>>) {
        let (waiter, mut awaited) = channel();
        let (waits, waiting) = std::sync::mpsc::channel();
        let task = runtime.spawn(poll_fn(move |cx| {
            let polled = Pin::new(&mut awaited).poll(cx);
            let _ = waits.send(());
            polled
        }));
        waiting.recv().unwrap();
        (waiter, task)
    }
}

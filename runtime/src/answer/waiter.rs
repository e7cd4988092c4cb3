//! The place where one answer is left and taken: what `tokio::sync::oneshot` does, in as few steps as a call can do with.
//!
//! A call is made and answered some million times a second, so the place has one lock and one waker, and its size is a power of two:
//! allocators that keep blocks by size (mimalloc through its Rust binding above all) hand such blocks out fastest. It does not tell
//! the one who answers that nobody waits any more: an abandoned call says that to the tables.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::Answer;
use super::courier::{Round, Via};

/// What both ends share.
#[derive(Debug)]
struct Place {
    state: Mutex<State>,
    /// Makes a block of 128 bytes of it, together with the two counts of its `Arc`.
    _room: [u64; ROOM],
}

const ROOM: usize = (128 - 2 * size_of::<usize>() - size_of::<Mutex<State>>()) / size_of::<u64>();

#[derive(Debug)]
enum State {
    Empty,
    Awaited(Waker, Via),
    Answered(Answer),
    /// The answer was taken, or whoever had to give it went away.
    Over,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    NotYet,
    /// Whoever had to answer went away, or it was taken before.
    Never,
}

/// Who waits for an answer: the end that gives it.
#[derive(Debug)]
pub(crate) struct Waiter(Option<Arc<Place>>);

/// The end that takes the answer: empty once it was taken.
#[derive(Debug)]
pub(crate) struct Awaited(Option<Arc<Place>>);

/// A place for one answer.
pub(crate) fn channel() -> (Waiter, Awaited) {
    place(State::Empty)
}

/// The same, as if it had been polled by the task of `waker`: it need not be until that is woken.
pub(crate) fn awaited_by(waker: &Waker) -> (Waiter, Awaited) {
    place(State::Awaited(waker.clone(), Via::here()))
}

fn place(state: State) -> (Waiter, Awaited) {
    let place = Arc::new(Place { state: Mutex::new(state), _room: [0; ROOM] });
    (Waiter(Some(place.clone())), Awaited(Some(place)))
}

impl Waiter {
    /// Gives the answer. Wakes whoever awaits it.
    pub(crate) fn send(mut self, answer: Answer) {
        if let Some(place) = self.0.take() {
            place.put(State::Answered(answer), None);
        }
    }

    /// The same; whoever is to be woken goes with the others of the round.
    pub(crate) fn send_in(mut self, answer: Answer, round: &mut Round) {
        if let Some(place) = self.0.take() {
            place.put(State::Answered(answer), Some(round));
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if let Some(place) = self.0.take() {
            place.put(State::Over, None);
        }
    }
}

impl Place {
    /// The first word counts.
    fn put(&self, word: State, round: Option<&mut Round>) {
        let mut state = self.state.lock();
        let former = match &*state {
            State::Empty | State::Awaited(..) => std::mem::replace(&mut *state, word),
            State::Answered(_) | State::Over => return,
        };
        drop(state);
        if let State::Awaited(waker, via) = former {
            match round {
                Some(round) => round.add(waker, via),
                None => waker.wake(),
            }
        }
    }
}

impl Awaited {
    /// The answer, if it is there.
    pub(crate) fn try_recv(&mut self) -> Result<Answer, Missing> {
        let Some(place) = self.0.take() else { return Err(Missing::Never) };
        // Who has answered is gone as a rule, and what belongs to one alone needs no lock.
        let place = match Arc::try_unwrap(place) {
            Ok(place) => return place.state.into_inner().taken(),
            Err(place) => place,
        };
        let mut state = place.state.lock();
        if let State::Empty | State::Awaited(..) = &*state {
            drop(state);
            self.0 = Some(place);
            return Err(Missing::NotYet);
        }
        std::mem::replace(&mut *state, State::Over).taken()
    }
}

impl State {
    /// What is found where nobody can answer any more.
    fn taken(self) -> Result<Answer, Missing> {
        match self {
            State::Answered(answer) => Ok(answer),
            _ => Err(Missing::Never),
        }
    }
}

impl Future for Awaited {
    type Output = Result<Answer, Missing>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &self.0 {
            Some(place) if Arc::strong_count(place) > 1 => {
                let mut state = place.state.lock();
                match &mut *state {
                    State::Empty => *state = State::Awaited(cx.waker().clone(), Via::here()),
                    State::Awaited(waker, via) => {
                        waker.clone_from(cx.waker());
                        *via = Via::here();
                    }
                    over => return Poll::Ready(std::mem::replace(over, State::Over).taken()),
                }
                Poll::Pending
            }
            _ => Poll::Ready(self.try_recv()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn poll(awaited: &mut Awaited, waker: &Waker) -> Poll<Result<bool, Missing>> {
        let polled = Pin::new(awaited).poll(&mut Context::from_waker(waker));
        polled.map(|answer| answer.map(|answer| matches!(answer, Answer::Sent)))
    }

    #[test]
    fn an_answer_is_taken_once() {
        let (waiter, mut awaited) = channel();
        assert_eq!(awaited.try_recv().err(), Some(Missing::NotYet));
        waiter.send(Answer::Sent);
        assert_eq!(poll(&mut awaited, Waker::noop()), Poll::Ready(Ok(true)));
        assert_eq!(poll(&mut awaited, Waker::noop()), Poll::Ready(Err(Missing::Never)));
        assert_eq!(awaited.try_recv().err(), Some(Missing::Never));
    }

    #[test]
    fn the_last_one_who_asked_is_woken_once_by_the_answer_or_by_its_loss() {
        for lost in [false, true] {
            let (first, last) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
            let (waiter, mut awaited) = channel();
            for waker in [&first, &last] {
                assert_eq!(poll(&mut awaited, &waker.clone().into()), Poll::Pending);
            }
            if lost {
                drop(waiter)
            } else {
                waiter.send(Answer::Sent)
            }
            let woken = [first, last].map(|woken| woken.0.load(Ordering::Relaxed));
            assert_eq!(woken, [0, 1]);
            let expected = if lost { Err(Missing::Never) } else { Ok(true) };
            assert_eq!(poll(&mut awaited, Waker::noop()), Poll::Ready(expected));
        }
    }

    #[test]
    fn an_answer_that_nobody_takes_is_dropped() {
        let (waiter, awaited) = channel();
        drop(awaited);
        let value = Arc::new(());
        waiter.send(Answer::Local(Box::new(value.clone())));
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn a_place_is_a_block_of_128_bytes() {
        assert_eq!(size_of::<Place>() + 2 * size_of::<usize>(), 128);
    }
}

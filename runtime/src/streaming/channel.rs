//! The two ends of a stream within a process: what one sends the other takes, with a bound.
//!
//! One sender and one receiver. Whoever is dropped is noticed by the other at once; a sender that is dropped without
//! having finished leaves an error behind.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use parking_lot::Mutex;

use super::{StreamClosed, StreamError};

/// What an item counts against the bound.
type Weigh<T> = fn(&T) -> usize;

/// What gives the items from here on, in place of the sender.
struct Rest<T, E>(Pin<Box<dyn Stream<Item = Result<T, StreamError<E>>> + Send>>);

impl<T, E> fmt::Debug for Rest<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rest")
    }
}

#[derive(Debug)]
struct State<T, E> {
    items: VecDeque<T>,
    weight: usize,
    max: usize,
    /// The sender has ended; what comes after the items.
    end: Option<Result<(), StreamError<E>>>,
    /// Comes after the items, in place of that end.
    rest: Option<Rest<T, E>>,
    receiver_gone: bool,
    receiver: Option<Waker>,
    sender: Option<Waker>,
    /// Who waits for the receiver to go.
    watcher: Option<Waker>,
}

/// The end that gives.
#[derive(Debug)]
pub(super) struct Tx<T, E> {
    state: Arc<Mutex<State<T, E>>>,
    weigh: Weigh<T>,
}

/// The end that takes.
#[derive(Debug)]
pub(super) struct Rx<T, E> {
    state: Arc<Mutex<State<T, E>>>,
    weigh: Weigh<T>,
    rest: Option<Rest<T, E>>,
}

/// A channel for items that weigh `max` together.
pub(super) fn channel<T, E>(max: usize, weigh: Weigh<T>) -> (Tx<T, E>, Rx<T, E>) {
    let state = Arc::new(Mutex::new(State {
        items: VecDeque::new(),
        weight: 0,
        max,
        end: None,
        rest: None,
        receiver_gone: false,
        receiver: None,
        sender: None,
        watcher: None,
    }));
    (Tx { state: state.clone(), weigh }, Rx { state, weigh, rest: None })
}

impl<T, E> Tx<T, E> {
    /// Waits for room for one more; the heaviest item finds it when nothing else is there.
    pub(super) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), StreamClosed>> {
        let mut state = self.state.lock();
        if state.receiver_gone || state.end.is_some() {
            return Poll::Ready(Err(StreamClosed));
        }
        if state.weight < state.max {
            return Poll::Ready(Ok(()));
        }
        state.sender = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Waits until everything was taken.
    pub(super) fn poll_empty(&self, cx: &mut Context<'_>) -> Poll<Result<(), StreamClosed>> {
        let mut state = self.state.lock();
        if state.items.is_empty() {
            return Poll::Ready(Ok(()));
        }
        if state.receiver_gone {
            return Poll::Ready(Err(StreamClosed));
        }
        state.sender = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Puts an item in, whether or not there is room; it comes back if nobody takes it.
    pub(super) fn put(&self, item: T) -> Result<(), T> {
        let mut state = self.state.lock();
        if state.receiver_gone || state.end.is_some() {
            return Err(item);
        }
        state.weight += (self.weigh)(&item);
        state.items.push_back(item);
        let waker = state.receiver.take();
        drop(state);
        wake(waker);
        Ok(())
    }

    /// Nothing follows; the first end counts.
    pub(super) fn end(&self, end: Result<(), StreamError<E>>) {
        let mut state = self.state.lock();
        state.end.get_or_insert(end);
        let waker = state.receiver.take();
        drop(state);
        wake(waker);
    }

    /// What was put in is followed by what `rest` gives.
    pub(super) fn go_on(self, rest: impl Stream<Item = Result<T, StreamError<E>>> + Send + 'static) {
        let rest = Rest(Box::pin(rest));
        let mut state = self.state.lock();
        if state.receiver_gone {
            // The drop of a stream is code of the application: without the lock.
            drop(state);
            return drop(rest);
        }
        state.rest = Some(rest);
        // The drop of this end says so.
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().receiver_gone
    }

    pub(super) fn poll_closed(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.receiver_gone {
            return Poll::Ready(());
        }
        state.watcher = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl<T, E> Drop for Tx<T, E> {
    fn drop(&mut self) {
        self.end(Err(StreamError::Unfinished));
    }
}

impl<T, E> Rx<T, E> {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, StreamError<E>>>> {
        if let Some(Rest(rest)) = &mut self.rest {
            return rest.as_mut().poll_next(cx);
        }
        let mut state = self.state.lock();
        if let Some(item) = state.items.pop_front() {
            state.weight -= (self.weigh)(&item);
            let waker = if state.weight < state.max { state.sender.take() } else { None };
            drop(state);
            wake(waker);
            return Poll::Ready(Some(Ok(item)));
        }
        if let Some(rest) = state.rest.take() {
            drop(state);
            return self.rest.insert(rest).0.as_mut().poll_next(cx);
        }
        match state.end.replace(Ok(())) {
            Some(Ok(())) => Poll::Ready(None),
            Some(Err(e)) => Poll::Ready(Some(Err(e))),
            None => {
                state.end = None;
                state.receiver = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl<T, E> Drop for Rx<T, E> {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        state.receiver_gone = true;
        state.weight = 0;
        let lost = (std::mem::take(&mut state.items), state.rest.take());
        let wakers = [state.sender.take(), state.watcher.take()];
        drop(state);
        drop(lost);
        wakers.into_iter().for_each(wake);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

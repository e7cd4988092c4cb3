//! What is written down while the workload runs: who made which call, when its handler ran, what became of it.

use std::fmt::{Debug, Display};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use duologue::Ran;
use duologue::prelude::*;
use std::sync::Mutex;

/// A number for a call, an object or a stream, unique in a run.
pub(crate) type Id = u64;

/// What is done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A plain `&self` method.
    Quick,
    /// A `&self` method that waits.
    Read,
    /// A `&mut self` method that waits.
    Write,
    /// A call that wants no answer.
    Notice,
    /// A method that calls the caller's closure back.
    Ticks,
    /// A method that gives a stream, read to its end.
    Stream,
    /// A stream of which the consumer takes a part.
    StreamPart,
    /// A stream to the peer.
    Upload,
    /// A method with a large argument, which it gives back.
    Large,
    /// A method that gives an object, which is called before it is there.
    Promise,
    /// A call through that promise.
    Pipelined,
    /// The same with a large argument.
    PipelinedLarge,
    /// A method that gives an object.
    Open,
    /// A call on an object by reference.
    Poke,
    /// The caller's own object is handed over and kept.
    Keep,
    /// It comes home.
    GiveBack,
    /// A kept object is called by the peer.
    PokeKept,
    /// A method that panics.
    Panics,
    /// Dropped while it is under way.
    Dropped,
    /// Ended by its deadline.
    Late,
    /// A call within a handler back to the caller's side.
    Nested,
    /// A chain of calls that comes back to an object it holds alone.
    Reenter,
    /// Made while the connection is being closed.
    AtTheEnd,
}

impl Kind {
    pub(crate) const ALL: [Kind; 23] = [
        Kind::Quick,
        Kind::Read,
        Kind::Write,
        Kind::Notice,
        Kind::Ticks,
        Kind::Stream,
        Kind::StreamPart,
        Kind::Upload,
        Kind::Large,
        Kind::Promise,
        Kind::Pipelined,
        Kind::PipelinedLarge,
        Kind::Open,
        Kind::Poke,
        Kind::Keep,
        Kind::GiveBack,
        Kind::PokeKept,
        Kind::Panics,
        Kind::Dropped,
        Kind::Late,
        Kind::Nested,
        Kind::Reenter,
        Kind::AtTheEnd,
    ];

    /// What callers do; `Promise` brings the calls through it with it, `Open` brings `Poke`, and `Keep` brings `GiveBack`.
    pub(crate) const OF_CALLERS: [Kind; 18] = [
        Kind::Quick,
        Kind::Read,
        Kind::Write,
        Kind::Notice,
        Kind::Ticks,
        Kind::Stream,
        Kind::StreamPart,
        Kind::Upload,
        Kind::Large,
        Kind::Promise,
        Kind::Open,
        Kind::Keep,
        Kind::PokeKept,
        Kind::Panics,
        Kind::Dropped,
        Kind::Late,
        Kind::Nested,
        Kind::Reenter,
    ];
}

/// What became of a call, as its caller sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The value is what it must be.
    Right,
    Wrong,
    /// It was a notice, and was sent.
    Sent,
    /// It failed, and this is what is known of the remote code.
    Failed(Failure, Ran),
    /// The caller dropped it.
    Dropped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Deadline,
    Panicked,
    WouldDeadlock,
    Disconnected,
    /// The handler's own call failed.
    Nested,
    Other,
}

/// One line of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// First polled: through a handle on `object`, held at `side`, at this depth.
    Made {
        call: Id,
        kind: Kind,
        object: Id,
        side: u8,
        depth: u8,
    },
    /// Its handler runs.
    Began {
        call: Id,
        object: Id,
        alone: bool,
    },
    /// Its handler has returned.
    Returned {
        call: Id,
    },
    /// Its handler was dropped midway, or panicked.
    Stopped {
        call: Id,
    },
    Over {
        call: Id,
        outcome: Outcome,
    },
    /// The handler sends the `n`th tick and waits until it is taken.
    TickSent {
        call: Id,
        n: u32,
    },
    TickHeard {
        call: Id,
        n: u32,
    },
    /// An object by reference.
    /// The producer of a stream begins; the stream has the number of the call that carries it.
    SourceBorn {
        stream: Id,
    },
    /// It is asked for its next item.
    ItemGiven {
        stream: Id,
        n: u32,
    },
    ItemTaken {
        stream: Id,
        n: u32,
    },
    /// The consumer has seen the end.
    StreamRead {
        stream: Id,
    },
    /// The producer was dropped.
    SourceGone {
        stream: Id,
    },
    Born {
        object: Id,
    },
    /// Its state was dropped.
    Died {
        object: Id,
    },
    /// Somebody far away holds it.
    Held {
        object: Id,
    },
    /// That holder let go, or lost its connection.
    LetGo {
        object: Id,
    },
    /// The connection is closed from here on.
    Closing,
    /// The tables of both ends are empty.
    Rest,
}

/// The history that is being written; clones write the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    events: Arc<Mutex<Vec<Event>>>,
    next: Arc<AtomicU64>,
}

impl Log {
    pub(crate) fn write(&self, event: Event) {
        self.events.lock().unwrap().push(event);
    }

    pub(crate) fn fresh(&self) -> Id {
        self.next.fetch_add(1, Ordering::Relaxed) + 100
    }

    pub(crate) fn history(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    /// A handler begins; what is given back says how it ends.
    pub(crate) fn began(&self, call: Id, object: Id, alone: bool) -> Run {
        self.write(Event::Began { call, object, alone });
        Run { log: self.clone(), call, returned: false }
    }

    /// Makes a call and writes down what becomes of it. `call` is polled first right after this line is written.
    pub(crate) async fn watch<T, E: Display>(
        &self,
        made: Made,
        call: impl Future<Output = Result<T, CallError<E>>>,
        right: impl FnOnce(&T) -> bool,
    ) -> Option<T> {
        self.made(made);
        self.watch_made(made, call, right).await
    }

    /// The same for a call that has been sent when this is polled.
    pub(crate) async fn watch_made<T, E: Display>(
        &self,
        made: Made,
        call: impl IntoFuture<Output = Result<T, CallError<E>>>,
        right: impl FnOnce(&T) -> bool,
    ) -> Option<T> {
        let over = Over { log: self.clone(), call: made.call, outcome: Outcome::Dropped };
        over.settle(call.await, right)
    }

    /// Sends a notice and writes down whether it was sent.
    pub(crate) async fn watch_notice(&self, made: Made, notice: impl Future<Output = Result<(), CallError>>) {
        self.made(made);
        let mut over = Over { log: self.clone(), call: made.call, outcome: Outcome::Dropped };
        over.outcome = match notice.await {
            Ok(()) => Outcome::Sent,
            Err(error) => Outcome::Failed(failure(&error), error.ran()),
        };
    }

    pub(crate) fn made(&self, Made { call, kind, object, side, depth }: Made) {
        self.write(Event::Made { call, kind, object, side, depth });
    }
}

/// How a call is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    pub(crate) call: Id,
    pub(crate) kind: Kind,
    pub(crate) object: Id,
    pub(crate) side: u8,
    pub(crate) depth: u8,
}

/// Writes the outcome of a call, once, also of one that is dropped.
struct Over {
    log: Log,
    call: Id,
    outcome: Outcome,
}

impl Over {
    fn settle<T, E: Display>(
        mut self,
        result: Result<T, CallError<E>>,
        right: impl FnOnce(&T) -> bool,
    ) -> Option<T> {
        let (outcome, value) = match result {
            Ok(value) if right(&value) => (Outcome::Right, Some(value)),
            Ok(_) => (Outcome::Wrong, None),
            Err(error) => (Outcome::Failed(failure(&error), error.ran()), None),
        };
        self.outcome = outcome;
        value
    }
}

impl Drop for Over {
    fn drop(&mut self) {
        self.log.write(Event::Over { call: self.call, outcome: self.outcome });
    }
}

fn failure<E>(error: &CallError<E>) -> Failure {
    match error {
        CallError::Deadline { .. } => Failure::Deadline,
        CallError::Panicked(_) => Failure::Panicked,
        CallError::WouldDeadlock(_) => Failure::WouldDeadlock,
        CallError::Disconnected { .. } => Failure::Disconnected,
        CallError::Nested(_) => Failure::Nested,
        _ => Failure::Other,
    }
}

/// Produces the numbers from 0 on.
#[derive(Debug)]
pub(crate) struct Source {
    log: Log,
    stream: Id,
    next: u32,
    count: u32,
}

impl Source {
    pub(crate) fn new(log: &Log, stream: Id, count: u32) -> Source {
        log.write(Event::SourceBorn { stream });
        Source { log: log.clone(), stream, next: 0, count }
    }
}

impl Iterator for Source {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let n = self.next;
        if n == self.count {
            return None;
        }
        self.next += 1;
        self.log.write(Event::ItemGiven { stream: self.stream, n });
        Some(n)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.log.write(Event::SourceGone { stream: self.stream });
    }
}

/// A handler that runs.
#[derive(Debug)]
pub(crate) struct Run {
    log: Log,
    call: Id,
    returned: bool,
}

impl Run {
    pub(crate) fn returns<T>(mut self, value: T) -> T {
        self.returned = true;
        value
    }

    pub(crate) fn tick(&self, n: u32) {
        self.log.write(Event::TickSent { call: self.call, n });
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let call = self.call;
        self.log.write(if self.returned { Event::Returned { call } } else { Event::Stopped { call } });
    }
}

//! What must be true of every history, whatever the link did. Knows nothing of links and nodes.

use std::collections::{BTreeMap, HashMap, HashSet};

use duologue::Ran;

use crate::event::{Event, Failure, Id, Kind, Outcome};

/// The first thing that is not as it must be.
pub(crate) fn check(history: &[Event]) -> Result<(), String> {
    let mut checker = Checker::default();
    for (place, &event) in history.iter().enumerate() {
        checker.take(event).map_err(|broken| format!("event {place}, {event:?}: {broken}"))?;
    }
    checker.finish()
}

/// The kinds of calls that were never made.
pub(crate) fn missing(history: &[Event]) -> Vec<Kind> {
    let made: HashSet<Kind> = history
        .iter()
        .filter_map(|event| match event {
            Event::Made { kind, .. } => Some(*kind),
            _ => None,
        })
        .collect();
    Kind::ALL.into_iter().filter(|kind| !made.contains(kind)).collect()
}

#[derive(Debug)]
struct Call {
    kind: Kind,
    object: Id,
    /// Whose calls on an object start in the order made: of one side, at one depth.
    line: (Id, u8, u8),
    place: usize,
    run: Run,
    outcome: Option<Outcome>,
    sent: u32,
    heard: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    Not,
    Now,
    Returned,
    Stopped,
}

#[derive(Debug, Default)]
struct Object {
    born: bool,
    died: bool,
    holders: u32,
    running: HashSet<Id>,
    alone: Option<Id>,
}

/// A stream, by its call.
#[derive(Debug, Default)]
struct Flow {
    given: u32,
    taken: u32,
    gone: bool,
    read: bool,
}

#[derive(Debug, Default)]
struct Checker {
    flows: BTreeMap<Id, Flow>,
    calls: BTreeMap<Id, Call>,
    objects: HashMap<Id, Object>,
    /// The place of the call that began last, in each line.
    lines: HashMap<(Id, u8, u8), usize>,
    made: usize,
    closing: bool,
}

/// Says what is broken unless it holds.
fn must(holds: bool, broken: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(broken.to_owned()) }
}

impl Checker {
    fn call(&mut self, call: Id) -> Result<&mut Call, String> {
        self.calls.get_mut(&call).ok_or_else(|| "nobody made this call".to_owned())
    }

    fn take(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Made { call, kind, object, side, depth } => {
                self.made += 1;
                let line = (object, side, depth);
                let made = Call {
                    kind,
                    object,
                    line,
                    place: self.made,
                    run: Run::Not,
                    outcome: None,
                    sent: 0,
                    heard: 0,
                };
                must(self.calls.insert(call, made).is_none(), "a call is made once")
            }
            Event::Began { call, object, alone } => self.began(call, object, alone),
            Event::Returned { call } => self.ended(call, Run::Returned),
            Event::Stopped { call } => self.ended(call, Run::Stopped),
            Event::Over { call, outcome } => self.over(call, outcome),
            Event::TickSent { call, n } => {
                let call = self.call(call)?;
                must(call.sent == n && call.heard == n, "each tick is taken before the next is sent")?;
                call.sent += 1;
                Ok(())
            }
            Event::TickHeard { call, n } => {
                let call = self.call(call)?;
                must(
                    call.heard == n && n < call.sent,
                    "ticks are heard once each, in order, after they were sent",
                )?;
                call.heard += 1;
                must(call.outcome.is_none(), "no tick is heard after its call has ended")
            }
            Event::SourceBorn { stream } => {
                must(self.flows.insert(stream, Flow::default()).is_none(), "a stream has one producer")
            }
            Event::ItemGiven { stream, n } => {
                let flow = self.flow(stream)?;
                must(flow.given == n && !flow.gone, "items are given in order, while the producer lives")?;
                flow.given += 1;
                Ok(())
            }
            Event::ItemTaken { stream, n } => {
                let flow = self.flow(stream)?;
                must(flow.taken == n && n < flow.given, "items are taken once each, in the order given")?;
                flow.taken += 1;
                Ok(())
            }
            Event::StreamRead { stream } => {
                let flow = self.flow(stream)?;
                flow.read = true;
                must(flow.taken == flow.given, "a stream that is read to its end has no item lost")
            }
            Event::SourceGone { stream } => {
                let flow = self.flow(stream)?;
                must(!std::mem::replace(&mut flow.gone, true), "a producer is dropped once")
            }
            Event::Born { object } => {
                let object = self.objects.entry(object).or_default();
                must(!std::mem::replace(&mut object.born, true), "an object is made once")
            }
            Event::Died { object } => {
                let closing = self.closing;
                let object = self.objects.entry(object).or_default();
                must(object.born && !std::mem::replace(&mut object.died, true), "an object dies once")?;
                must(closing || object.holders == 0, "an object lives while somebody holds it")?;
                must(object.running.is_empty(), "an object lives while its calls run")
            }
            Event::Held { object } => {
                let object = self.objects.entry(object).or_default();
                object.holders += 1;
                must(!object.died, "who is given an object finds it alive")
            }
            Event::LetGo { object } => {
                let object = self.objects.entry(object).or_default();
                object.holders = object.holders.checked_sub(1).ok_or("who lets go has held")?;
                Ok(())
            }
            Event::Closing => {
                self.closing = true;
                Ok(())
            }
            Event::Rest => self.rest(),
        }
    }

    fn flow(&mut self, stream: Id) -> Result<&mut Flow, String> {
        self.flows.get_mut(&stream).ok_or_else(|| "nobody has made this stream".to_owned())
    }

    fn began(&mut self, id: Id, object: Id, alone: bool) -> Result<(), String> {
        let call = self.call(id)?;
        must(call.run == Run::Not, "a call runs at most once")?;
        must(call.object == object, "a call runs on the object it was made on")?;
        let never = matches!(call.outcome, Some(Outcome::Failed(_, Ran::Never)));
        must(!never, "its caller was told that it never ran")?;
        let answered = matches!(call.outcome, Some(Outcome::Right | Outcome::Failed(_, Ran::Yes)));
        must(!answered, "an answer comes after the call has run")?;
        let through_a_promise = matches!(call.kind, Kind::Pipelined | Kind::PipelinedLarge);
        call.run = Run::Now;
        let (line, place) = (call.line, call.place);
        let last = self.lines.insert(line, place);
        must(last.is_none_or(|last| last < place), "calls through one handle start in the order made")?;
        let object = self.objects.entry(object).or_default();
        must(!object.died, "no call starts on a dead object")?;
        must(object.born || !through_a_promise, "a call through a promise waits for its object")?;
        must(object.alone.is_none(), "a `&mut self` call runs alone")?;
        must(!alone || object.running.is_empty(), "a `&mut self` call starts alone")?;
        object.running.insert(id);
        if alone {
            object.alone = Some(id);
        }
        Ok(())
    }

    fn ended(&mut self, id: Id, how: Run) -> Result<(), String> {
        let call = self.call(id)?;
        must(call.run == Run::Now, "only what runs ends")?;
        call.run = how;
        let object = call.object;
        let object = self.objects.entry(object).or_default();
        object.running.remove(&id);
        object.alone = object.alone.filter(|&alone| alone != id);
        Ok(())
    }

    fn over(&mut self, id: Id, outcome: Outcome) -> Result<(), String> {
        let closing = self.closing;
        let call = self.call(id)?;
        must(call.outcome.is_none(), "a call has one outcome")?;
        call.outcome = Some(outcome);
        match outcome {
            Outcome::Wrong => return Err("an answer is that of its call".to_owned()),
            Outcome::Right => {
                must(call.run == Run::Returned, "a result comes after the handler has returned")?;
                must(call.heard == call.sent, "an answer does not overtake the ticks before it")?;
            }
            Outcome::Failed(_, Ran::Never) => must(call.run == Run::Not, "what never ran has not run")?,
            Outcome::Failed(_, Ran::Yes) => must(call.run != Run::Not, "what is said to have run has")?,
            Outcome::Failed(_, Ran::Unknown) | Outcome::Dropped | Outcome::Sent => {}
        }
        let expected = match call.kind {
            Kind::Panics => matches!(outcome, Outcome::Failed(Failure::Panicked, Ran::Yes)),
            Kind::Notice => outcome == Outcome::Sent,
            Kind::Dropped => outcome == Outcome::Dropped,
            Kind::Late => matches!(outcome, Outcome::Failed(Failure::Deadline, _)),
            Kind::Reenter => outcome == Outcome::Failed(Failure::WouldDeadlock, Ran::Never),
            _ => outcome == Outcome::Right,
        };
        let lost = matches!(outcome, Outcome::Failed(Failure::Disconnected, Ran::Never | Ran::Unknown));
        must(expected || closing && lost, "no other outcome is right for this call")
    }

    /// All that was made is over, all that began has ended, all that was held is let go.
    fn rest(&mut self) -> Result<(), String> {
        for (id, call) in &self.calls {
            let about = |broken: &str| format!("call {id}: {broken}");
            must(call.outcome.is_some(), &about("a call that waits is ended"))?;
            must(call.run != Run::Now, &about("at rest no handler runs"))?;
            let sent = call.outcome == Some(Outcome::Sent);
            must(!sent || call.run == Run::Returned, &about("a notice that was sent is obeyed"))?;
            let endless = matches!(call.kind, Kind::Dropped | Kind::Late);
            must(!endless || call.run != Run::Returned, &about("a call that is dropped or late is stopped"))?;
        }
        for (id, flow) in &self.flows {
            must(flow.gone, &format!("stream {id}: a producer whose consumer is done is dropped"))?;
            let whole = self.calls.get(id).is_none_or(|call| call.kind == Kind::StreamPart) || flow.read;
            must(whole, &format!("stream {id}: whoever reads on comes to its end"))?;
        }
        for (id, object) in &self.objects {
            let about = |broken: &str| format!("object {id}: {broken}");
            must(object.running.is_empty(), &about("at rest no handler runs"))?;
            must(object.holders == 0, &about("at rest nobody holds it"))?;
            must(!object.born || object.died, &about("an object that nobody holds is released"))?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), String> {
        must(self.closing, "the connection was closed")?;
        self.rest()
    }
}

//! The checker catches what it is there for: a good history with one fault planted in it is refused.

use std::sync::OnceLock;

use duologue::Ran;
use duologue::testing::{self, Conditions};

use crate::checker::check;
use crate::event::{Event, Failure, Id, Kind, Outcome};
use crate::workload;

/// A history without faults.
fn good() -> Vec<Event> {
    static GOOD: OnceLock<Vec<Event>> = OnceLock::new();
    let good = GOOD.get_or_init(|| {
        let mut history = Vec::new();
        testing::run(1, async |world| history = workload::play(&world, Conditions::default()).await);
        assert_eq!(check(&history), Ok(()));
        history
    });
    good.clone()
}

/// Plants a fault; the checker must name it.
fn caught(plant: impl FnOnce(&mut Vec<Event>), named: &str) {
    let mut history = good();
    plant(&mut history);
    let broken = check(&history).expect_err("the fault is seen");
    assert!(broken.contains(named), "{broken}");
}

fn place(history: &[Event], wanted: impl Fn(&Event) -> bool) -> usize {
    history.iter().position(wanted).expect("it is in every history")
}

/// A call of this kind.
fn a_call(history: &[Event], wanted: Kind) -> Id {
    let made = place(history, |event| matches!(event, Event::Made { kind, .. } if *kind == wanted));
    let Event::Made { call, .. } = history[made] else { unreachable!("found as such") };
    call
}

fn began(history: &[Event], wanted: Id) -> usize {
    place(history, |event| matches!(event, Event::Began { call, .. } if *call == wanted))
}

fn over(history: &[Event], wanted: Id) -> usize {
    place(history, |event| matches!(event, Event::Over { call, .. } if *call == wanted))
}

fn returned(history: &[Event], wanted: Id) -> usize {
    place(history, |event| matches!(event, Event::Returned { call } if *call == wanted))
}

#[test]
fn a_call_that_runs_twice() {
    let twice = |history: &mut Vec<Event>| {
        let call = a_call(history, Kind::Quick);
        let (began, returned) = (began(history, call), returned(history, call));
        history.insert(returned + 1, history[began]);
    };
    caught(twice, "a call runs at most once");
}

#[test]
fn a_call_without_an_outcome() {
    let lost = |history: &mut Vec<Event>| {
        let over = over(history, a_call(history, Kind::Read));
        history.remove(over);
    };
    caught(lost, "a call that waits is ended");
}

#[test]
fn a_call_with_two_outcomes() {
    let doubled = |history: &mut Vec<Event>| {
        let over = over(history, a_call(history, Kind::Read));
        history.insert(over, history[over]);
    };
    caught(doubled, "a call has one outcome");
}

#[test]
fn the_answer_of_another_call() {
    let wrong = |history: &mut Vec<Event>| {
        let call = a_call(history, Kind::Write);
        let over = over(history, call);
        history[over] = Event::Over { call, outcome: Outcome::Wrong };
    };
    caught(wrong, "an answer is that of its call");
}

#[test]
fn a_call_that_ran_and_is_said_not_to_have() {
    let denied = |history: &mut Vec<Event>| {
        let call = a_call(history, Kind::Panics);
        let over = over(history, call);
        history[over] = Event::Over { call, outcome: Outcome::Failed(Failure::Panicked, Ran::Never) };
    };
    caught(denied, "what never ran has not run");
}

#[test]
fn calls_that_start_out_of_order() {
    let swapped = |history: &mut Vec<Event>| {
        // Two calls of one caller on one object, both of which began.
        let of = |call: Id, history: &[Event]| {
            history.iter().find_map(|event| match *event {
                Event::Made { call: made, object, side, depth: 0, .. } if made == call => {
                    Some((object, side))
                }
                _ => None,
            })
        };
        let starts: Vec<(usize, Id)> = history
            .iter()
            .enumerate()
            .filter_map(|(place, event)| match *event {
                Event::Began { call, alone: false, .. } => Some((place, call)),
                _ => None,
            })
            .collect();
        let (first, second) = starts
            .windows(2)
            .find_map(|pair| {
                let same =
                    of(pair[0].1, history).is_some() && of(pair[0].1, history) == of(pair[1].1, history);
                (same && pair[1].0 == pair[0].0 + 1).then_some((pair[0].0, pair[1].0))
            })
            .or_else(|| {
                // Else: the same, whatever lies between, if both run long enough.
                starts.iter().enumerate().find_map(|(n, a)| {
                    starts[n + 1..].iter().find_map(|b| {
                        let line = of(a.1, history);
                        let ends = returned_or_stopped(history, a.1);
                        let made = made(history, b.1);
                        (line.is_some() && line == of(b.1, history) && ends > b.0 && made < a.0)
                            .then_some((a.0, b.0))
                    })
                })
            })
            .expect("some calls of one line run together");
        history.swap(first, second);
    };
    caught(swapped, "calls through one handle start in the order made");
}

fn made(history: &[Event], wanted: Id) -> usize {
    place(history, |event| matches!(event, Event::Made { call, .. } if *call == wanted))
}

fn returned_or_stopped(history: &[Event], wanted: Id) -> usize {
    let ends = |event: &Event| match *event {
        Event::Returned { call } | Event::Stopped { call } => call == wanted,
        _ => false,
    };
    place(history, ends)
}

#[test]
fn somebody_beside_a_call_that_runs_alone() {
    let beside = |history: &mut Vec<Event>| {
        let call = a_call(history, Kind::Write);
        let began = began(history, call);
        let Event::Began { object, .. } = history[began] else { unreachable!("found as such") };
        let intruder = Event::Made { call: 1, kind: Kind::Read, object, side: 9, depth: 0 };
        history.insert(began + 1, intruder);
        history.insert(began + 2, Event::Began { call: 1, object, alone: false });
    };
    caught(beside, "a `&mut self` call runs alone");
}

#[test]
fn an_answer_that_overtakes_a_tick() {
    let overtaken = |history: &mut Vec<Event>| {
        let call = a_call(history, Kind::Ticks);
        let heard = history
            .iter()
            .rposition(|event| matches!(event, Event::TickHeard { call: of, .. } if *of == call))
            .expect("it is in every history");
        let tick = history.remove(heard);
        let over = over(history, call);
        history.insert(over + 1, tick);
    };
    caught(overtaken, "an answer does not overtake the ticks before it");
}

#[test]
fn a_tick_that_is_heard_twice() {
    let doubled = |history: &mut Vec<Event>| {
        let heard = place(history, |event| matches!(event, Event::TickHeard { .. }));
        history.insert(heard, history[heard]);
    };
    caught(doubled, "ticks are heard once each");
}

#[test]
fn an_object_that_dies_while_it_is_held() {
    let early = |history: &mut Vec<Event>| {
        let opened = a_call(history, Kind::Poke);
        let Event::Made { object, .. } = history[made(history, opened)] else {
            unreachable!("found as such")
        };
        let held = place(history, |event| *event == Event::Held { object });
        let died = place(history, |event| *event == Event::Died { object });
        let died = history.remove(died);
        history.insert(held + 1, died);
    };
    caught(early, "an object lives while somebody holds it");
}

#[test]
fn an_object_that_is_never_released() {
    let leaked = |history: &mut Vec<Event>| {
        let died = place(history, |event| matches!(event, Event::Died { .. }));
        history.remove(died);
    };
    caught(leaked, "an object that nobody holds is released");
}

#[test]
fn a_dropped_call_that_runs_on() {
    let runs_on = |history: &mut Vec<Event>| {
        let call = history
            .iter()
            .find_map(|event| match *event {
                Event::Made { call, kind: Kind::Dropped, .. } => {
                    history.contains(&Event::Stopped { call }).then_some(call)
                }
                _ => None,
            })
            .expect("some dropped call had begun");
        let stopped = place(history, |event| *event == Event::Stopped { call });
        history[stopped] = Event::Returned { call };
    };
    caught(runs_on, "a call that is dropped or late is stopped");
}

#[test]
fn a_notice_that_nobody_obeyed() {
    let lost = |history: &mut Vec<Event>| {
        let call = a_call(history, Kind::Notice);
        let (began, returned) = (began(history, call), returned(history, call));
        history.remove(returned);
        history.remove(began);
    };
    caught(lost, "a notice that was sent is obeyed");
}

#[test]
fn an_item_that_is_lost() {
    let lost = |history: &mut Vec<Event>| {
        let read = place(history, |event| matches!(event, Event::StreamRead { .. }));
        let Event::StreamRead { stream } = history[read] else { unreachable!("found as such") };
        let last = history[..read]
            .iter()
            .rposition(|event| matches!(event, Event::ItemTaken { stream: of, .. } if *of == stream))
            .expect("it has items");
        history.remove(last);
    };
    caught(lost, "a stream that is read to its end has no item lost");
}

#[test]
fn a_producer_that_is_left_over() {
    let left = |history: &mut Vec<Event>| {
        let gone = place(history, |event| matches!(event, Event::SourceGone { .. }));
        history.remove(gone);
    };
    caught(left, "a producer whose consumer is done is dropped");
}

#[test]
fn a_chain_that_enters_what_it_holds_alone() {
    let entered = |history: &mut Vec<Event>| {
        let call = a_call(history, Kind::Reenter);
        let over = over(history, call);
        let Event::Made { object, .. } = history[made(history, call)] else { unreachable!("found as such") };
        history.insert(over, Event::Began { call, object, alone: false });
    };
    caught(entered, "a `&mut self` call runs alone");
}

#[test]
fn a_call_through_a_promise_that_does_not_wait_for_its_object() {
    let early = |history: &mut Vec<Event>| {
        let call = a_call(history, Kind::Pipelined);
        let Event::Made { object, .. } = history[made(history, call)] else { unreachable!("found as such") };
        let born = place(history, |event| *event == Event::Born { object });
        let (born, began) = (history.remove(born), began(history, call));
        history.insert(began + 1, born);
    };
    caught(early, "a call through a promise waits for its object");
}

#[test]
fn a_short_call_that_overtakes_a_large_one() {
    let overtakes = |history: &mut Vec<Event>| {
        let call = a_call(history, Kind::PipelinedLarge);
        let Event::Made { object, .. } = history[made(history, call)] else { unreachable!("found as such") };
        let is_on_it = |event: &Event| matches!(event, Event::Began { object: of, .. } if *of == object);
        let last = history.iter().rposition(is_on_it).expect("it is one of them");
        let Event::Began { call: short, .. } = history[last] else { unreachable!("found as such") };
        assert_ne!(short, call, "a short one comes behind it");
        let ended = history.remove(returned(history, short));
        let began_short = history.remove(last);
        let large = began(history, call);
        history.splice(large..large, [began_short, ended]);
    };
    caught(overtakes, "calls through one handle start in the order made");
}

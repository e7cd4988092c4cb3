//! The answers of this side that the peer has asked to be kept, and the calls on them that came before they were there (N6, F27).
//!
//! Whoever pipelines calls an object before it has it: it names the call whose answer the object will be. Such calls wait here, in order,
//! until that answer is known; from then on they go where it says. The entry lives until the peer says that it is finished with it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::permits::ON_ANSWER;
use super::{Numbering, RandomState, Violation, mutation};
use crate::descriptor::Descriptor;
use crate::object::{Delivery, LocalObject};
use crate::wire::{BodyId, CallId, KEPT_MAX};

/// The kept answers of one connection.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    answers: HashMap<(usize, CallId), Answer, RandomState>,
    /// By lane: frames of one lane arrive in order, so that both sides count the same.
    counts: Vec<usize>,
}

#[derive(Debug)]
struct Answer {
    /// Calls and notices on it that are not answered.
    busy: u32,
    numbering: Option<Arc<Numbering>>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Not known yet: what waits for it, in order of arrival.
    Open(Vec<Waiting>),
    /// It is this object.
    Object(LocalObject),
    /// It is none.
    Broken(Arc<str>),
}

/// A call on an answer that is not known yet.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// `None` for a notice.
    pub(crate) call: Option<CallId>,
    pub(crate) cost: u32,
    /// With the peer's number of the method, and whose number it is.
    pub(crate) delivery: Delivery,
    /// Its large body, which is not here yet.
    pub(crate) body: Option<BodyId>,
}

/// Where a call on an answer goes.
#[derive(Debug)]
pub(crate) enum Reached {
    /// It waits with the others: [`Kept::wait`].
    Open(Option<Arc<Numbering>>),
    Object(LocalObject, Option<Arc<Numbering>>),
    Broken(Arc<str>),
}

/// The peer's number of a method as a number of the interface, or the name that it lacks.
pub(crate) fn method_of(
    numbering: Option<&Numbering>,
    interface: &Descriptor,
    number: u16,
) -> Result<u16, String> {
    match numbering.filter(|n| n.fingerprint != interface.fingerprint) {
        None if usize::from(number) < interface.methods.len() => Ok(number),
        None => Err(format!("{}::#{number}", interface.name)),
        Some(numbering) => numbering.number_in(interface, number),
    }
}

impl Kept {
    pub(crate) fn len(&self) -> usize {
        self.answers.len()
    }

    /// Whether the number of a call is in use for its kept answer.
    pub(crate) fn has(&self, lane: usize, call: CallId) -> bool {
        !self.answers.is_empty() && self.answers.contains_key(&(lane, call))
    }

    /// A call arrives whose answer is to be kept.
    pub(crate) fn keep(&mut self, lane: usize, call: CallId) -> Result<(), Violation> {
        if self.counts.len() <= lane {
            self.counts.resize(lane + 1, 0);
        }
        if self.counts[lane] >= KEPT_MAX {
            return Err(Violation::TooManyKept);
        }
        match self.answers.entry((lane, call)) {
            Entry::Occupied(_) => Err(Violation::CallIdInUse(call)),
            Entry::Vacant(free) => {
                free.insert(Answer { busy: 0, numbering: None, state: State::Open(Vec::new()) });
                self.counts[lane] += 1;
                Ok(())
            }
        }
    }

    /// A call or notice on an answer arrives; it counts until [`Kept::answered`].
    pub(crate) fn arrive(&mut self, lane: usize, parent: CallId) -> Result<Reached, Violation> {
        let answer = self.answers.get_mut(&(lane, parent)).ok_or(Violation::NotKept(parent))?;
        answer.busy += 1;
        if answer.busy > ON_ANSWER {
            return Err(Violation::TooManyOnAnswer(parent));
        }
        Ok(match &answer.state {
            State::Open(_) => Reached::Open(answer.numbering.clone()),
            State::Object(object) => Reached::Object(object.clone(), answer.numbering.clone()),
            State::Broken(cause) => Reached::Broken(cause.clone()),
        })
    }

    /// A call on an answer that is open waits for it.
    pub(crate) fn wait(&mut self, lane: usize, parent: CallId, waiting: Waiting) {
        if let Some(Answer { state: State::Open(all), .. }) = self.answers.get_mut(&(lane, parent)) {
            let at = if mutation!(DependentsReversed) { 0 } else { all.len() };
            all.insert(at, waiting);
        }
    }

    /// A call on an answer that still waits is taken out: its caller has given up.
    pub(crate) fn withdraw(&mut self, lane: usize, parent: CallId, call: CallId) -> Option<Waiting> {
        let State::Open(all) = &mut self.answers.get_mut(&(lane, parent))?.state else { return None };
        let at = all.iter().position(|w| w.call == Some(call))?;
        Some(all.remove(at))
    }

    /// The call on an answer that still waits, and waits for this body.
    pub(crate) fn waits_for(&mut self, lane: usize, parent: CallId, body: BodyId) -> Option<&mut Waiting> {
        let State::Open(all) = &mut self.answers.get_mut(&(lane, parent))?.state else { return None };
        all.iter_mut().find(|w| w.body == Some(body))
    }

    /// The same, taken out.
    pub(crate) fn take(&mut self, lane: usize, parent: CallId, body: BodyId) -> Option<Waiting> {
        let State::Open(all) = &mut self.answers.get_mut(&(lane, parent))?.state else { return None };
        let at = all.iter().position(|w| w.body == Some(body))?;
        Some(all.remove(at))
    }

    /// A call or notice on an answer has ended.
    pub(crate) fn answered(&mut self, lane: usize, parent: CallId) {
        if let Some(answer) = self.answers.get_mut(&(lane, parent)) {
            debug_assert!(answer.busy > 0);
            answer.busy = answer.busy.saturating_sub(1);
        }
    }

    /// The peer's method numbers for calls on an answer.
    pub(crate) fn set_numbering(
        &mut self,
        lane: usize,
        parent: CallId,
        numbering: Arc<Numbering>,
    ) -> Result<(), Violation> {
        let answer = self.answers.get_mut(&(lane, parent)).ok_or(Violation::NotKept(parent))?;
        answer.numbering = Some(numbering);
        Ok(())
    }

    /// The answer will be `object`: gives what waits for it, to be handed over first. Once nothing does, it is that object from then on.
    pub(crate) fn fulfil(&mut self, lane: usize, call: CallId, object: &LocalObject) -> Vec<Waiting> {
        let Some(answer) = self.answers.get_mut(&(lane, call)) else { return Vec::new() };
        match &mut answer.state {
            State::Open(all) if !all.is_empty() => std::mem::take(all),
            state => {
                *state = State::Object(object.clone());
                Vec::new()
            }
        }
    }

    /// The answer will be none: gives what waits for it.
    pub(crate) fn break_off(&mut self, lane: usize, call: CallId, cause: &Arc<str>) -> Vec<Waiting> {
        let Some(answer) = self.answers.get_mut(&(lane, call)) else { return Vec::new() };
        match std::mem::replace(&mut answer.state, State::Broken(cause.clone())) {
            State::Open(all) => all,
            // It is known by now, and only its way back has failed.
            known => {
                answer.state = known;
                Vec::new()
            }
        }
    }

    /// The peer is finished with an answer; the object that it was.
    pub(crate) fn finish(&mut self, lane: usize, call: CallId) -> Result<Option<LocalObject>, Violation> {
        let Entry::Occupied(entry) = self.answers.entry((lane, call)) else {
            return Err(Violation::NotKept(call));
        };
        if entry.get().busy > 0 {
            return Err(Violation::FinishedWhileBusy(call));
        }
        self.counts[lane] -= 1;
        match entry.remove().state {
            State::Object(object) => Ok(Some(object)),
            State::Open(_) | State::Broken(_) => Ok(None),
        }
    }

    /// A lane has ended, with nothing unanswered on it; an honest peer has finished with its answers before. The objects that they were.
    pub(crate) fn lane_ended(&mut self, lane: usize) -> Vec<LocalObject> {
        let mut objects = Vec::new();
        if self.counts.get(lane).is_none_or(|count| *count == 0) {
            return objects;
        }
        self.counts[lane] = 0;
        for (_, answer) in self.answers.extract_if(|key, _| key.0 == lane) {
            if let State::Object(object) = answer.state {
                objects.push(object);
            }
        }
        objects
    }

    /// The connection has ended: all that is to be dropped, once the lock is released.
    pub(crate) fn end(&mut self) -> (Vec<Waiting>, Vec<LocalObject>) {
        let (mut waiting, mut objects) = (Vec::new(), Vec::new());
        self.counts.clear();
        for (_, answer) in self.answers.drain() {
            match answer.state {
                State::Open(all) => waiting.extend(all),
                State::Object(object) => objects.push(object),
                State::Broken(_) => {}
            }
        }
        (waiting, objects)
    }

    /// Lane, call, and calls on it that are not answered.
    #[cfg(test)]
    pub(crate) fn entries(&self) -> impl Iterator<Item = (usize, CallId, u32)> + '_ {
        self.answers.iter().map(|(&(lane, call), answer)| (lane, call, answer.busy))
    }
}

//! The lists of method names that are told on one lane: by whoever calls ([`Telling`]), to whoever hosts ([`Heard`]).
//!
//! A list is told once and named by its fingerprint from then on, so that callers of different age who take turns on one lane cost no more
//! than their calls. Both ends count the lists in the same way: who tells stays within what who is told takes, and fails a call of its
//! own rather than the connection.

use std::cell::RefCell;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Numbering, RandomState};
use crate::descriptor::Descriptor;

/// Lists that a host keeps for one lane, and interfaces of its own for which one of them is in force.
const LISTS_MAX: usize = 1_024;

/// How much they may weigh, those in force once more: what numbers mean is then kept for each of the host's interfaces.
const WEIGHT_MAX: usize = 16 * 1024 * 1024;

/// So much of it is part of what a lane costs, and counts nowhere: some sixty methods.
const WEIGHT_FREE: usize = 16 * 1024;

/// What a name costs beside its bytes: its place in the list, in the list of numbers, and in an interface made of the list.
const PER_NAME: usize = 256;

/// Why a call on an interface of another version cannot be sent.
pub(super) const NO_ROOM: &str = "more than 1,024 lists of method names on one lane, or 16 MiB of them";

/// Bytes that are kept for a list, roughly and at most.
pub(super) fn weight_of<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.map(|name| name.len() + PER_NAME).sum()
}

fn names_of(interface: &Descriptor) -> impl Iterator<Item = &str> {
    interface.methods.iter().map(|m| &*m.name)
}

/// The caller's side of one lane.
#[derive(Debug, Default)]
pub(super) struct Telling {
    /// Lists that the peer knows.
    told: HashSet<u64, RandomState>,
    /// For objects of the peer with this fingerprint, the list that it knows to be in force, and its weight.
    in_force: HashMap<u64, (u64, usize), RandomState>,
    weight: usize,
}

impl Telling {
    /// Whether the peer must be told the caller's method names before the next call.
    pub(super) fn differs(&self, theirs: u64, mine: u64) -> bool {
        match self.in_force.is_empty() {
            true => theirs != mine,
            false => self.in_force.get(&theirs).map_or(theirs, |list| list.0) != mine,
        }
    }

    /// Whether it may be told.
    pub(super) fn has_room(&self, theirs: u64, interface: &Descriptor) -> bool {
        if theirs == interface.fingerprint {
            return true;
        }
        let former = self.in_force.get(&theirs).map(|list| list.1);
        let (own, lists) = self.load(interface);
        let weight = self.weight - former.unwrap_or(0) + lists * own + own;
        let in_force = self.in_force.len() + usize::from(former.is_none());
        self.told.len() + lists <= LISTS_MAX && in_force <= LISTS_MAX && weight <= WEIGHT_MAX
    }

    /// The weight of a list, and how many more are known once it is told.
    fn load(&self, interface: &Descriptor) -> (usize, usize) {
        let is_new = !interface.methods.is_empty() && !self.told.contains(&interface.fingerprint);
        (weight_of(names_of(interface)), usize::from(is_new))
    }

    /// What the peer is told before the next call on objects with this fingerprint: the names the first time, then their fingerprint; no
    /// names at all where its own are meant.
    pub(super) fn tell(&mut self, theirs: u64, interface: &Descriptor) -> Vec<u8> {
        self.weight -= self.in_force.remove(&theirs).map_or(0, |list| list.1);
        if theirs == interface.fingerprint {
            return encode(&[(); 0]);
        }
        let own = weight_of(names_of(interface));
        self.in_force.insert(theirs, (interface.fingerprint, own));
        self.weight += own;
        self.list(interface)
    }

    /// The same before calls on an answer; `None` if there is no room.
    pub(super) fn tell_of_answer(&mut self, interface: &Descriptor) -> Option<Vec<u8>> {
        let (own, lists) = self.load(interface);
        let fits = self.told.len() + lists <= LISTS_MAX && self.weight + lists * own <= WEIGHT_MAX;
        fits.then(|| self.list(interface))
    }

    fn list(&mut self, interface: &Descriptor) -> Vec<u8> {
        let (own, lists) = self.load(interface);
        if lists == 0 && !interface.methods.is_empty() {
            return encode(&interface.fingerprint);
        }
        if lists > 0 {
            self.told.insert(interface.fingerprint);
            self.weight += own;
        }
        encode(&names_of(interface).collect::<Vec<_>>())
    }
}

fn encode(value: &(impl serde::Serialize + ?Sized)) -> Vec<u8> {
    rmp_serde::to_vec(value).expect("numbers and strings always encode")
}

/// The host's side of one lane.
#[derive(Debug, Default)]
pub(super) struct Heard {
    lists: HashMap<u64, Arc<Numbering>, RandomState>,
    /// For objects with this fingerprint that we have handed out: what the peer's numbers mean.
    in_force: HashMap<u64, InForce, RandomState>,
    weight: usize,
}

/// What the peer's method numbers mean.
#[derive(Debug)]
struct InForce {
    list: Arc<Numbering>,
    /// Those that were looked up, as numbers of ours.
    numbers: RefCell<HashMap<u16, u16, RandomState>>,
}

impl InForce {
    /// Looks a number up once: who changes lists with each call pays for the methods that it calls, and not for lists.
    fn number_in(&self, interface: &Descriptor, number: u16) -> Result<u16, String> {
        if let Some(&known) = self.numbers.borrow().get(&number) {
            return Ok(known);
        }
        let found = self.list.number_in(interface, number)?;
        self.numbers.borrow_mut().insert(number, found);
        Ok(found)
    }
}

/// What is wrong with what was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotHeard {
    /// It is neither a list of names nor the fingerprint of one that is known.
    Unreadable,
    TooMuch,
}

impl Heard {
    /// Bytes that are kept beyond what any lane may have, roughly and at most.
    pub(super) fn excess(&self) -> usize {
        self.weight.saturating_sub(WEIGHT_FREE)
    }

    /// The list that is told, in full or by its fingerprint.
    pub(super) fn list(&mut self, body: &[u8]) -> Result<Arc<Numbering>, NotHeard> {
        if let Ok(fingerprint) = transport::msgpack::from_slice::<u64>(body) {
            return self.lists.get(&fingerprint).cloned().ok_or(NotHeard::Unreadable);
        }
        let names = transport::msgpack::from_slice(body).map_err(|_| NotHeard::Unreadable)?;
        let list = Numbering::new(names);
        if list.is_empty() {
            return Ok(list);
        }
        let (weight, count) = (list.weight, self.lists.len());
        match self.lists.entry(list.fingerprint) {
            Entry::Occupied(known) => Ok(known.get().clone()),
            Entry::Vacant(_) if count >= LISTS_MAX || self.weight + weight > WEIGHT_MAX => {
                Err(NotHeard::TooMuch)
            }
            Entry::Vacant(place) => {
                self.weight += weight;
                Ok(place.insert(list).clone())
            }
        }
    }

    /// The peer's method names for objects with this fingerprint; no names at all: its numbers are the host's own again.
    pub(super) fn set(&mut self, fingerprint: u64, body: &[u8]) -> Result<(), NotHeard> {
        if let Some(former) = self.in_force.remove(&fingerprint) {
            self.weight -= former.list.weight;
        }
        let list = self.list(body)?;
        if list.is_empty() {
            return Ok(());
        }
        let weight = list.weight;
        if self.in_force.len() >= LISTS_MAX || self.weight + weight > WEIGHT_MAX {
            return Err(NotHeard::TooMuch);
        }
        self.weight += weight;
        self.in_force.insert(fingerprint, InForce { list, numbers: RefCell::default() });
        Ok(())
    }

    /// The list that says what the peer's numbers mean, if it is not the host's own.
    pub(super) fn names_of(&self, fingerprint: u64) -> Option<Arc<Numbering>> {
        self.in_force.get(&fingerprint).map(|known| known.list.clone())
    }

    /// The peer's number of a method as a number of ours, or the name that we lack.
    pub(super) fn method_here(&self, interface: &Descriptor, number: u16) -> Result<u16, String> {
        if !self.in_force.is_empty()
            && let Some(known) = self.in_force.get(&interface.fingerprint)
            // What is passed on has the fingerprint of its host's interface, and no methods here.
            && !interface.methods.is_empty()
        {
            return known.number_in(interface, number);
        }
        if (number as usize) < interface.methods.len() {
            Ok(number)
        } else {
            Err(format!("{}::#{number}", interface.name))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::descriptor::Method;

    fn interface(names: impl IntoIterator<Item = String>) -> Descriptor {
        names.into_iter().fold(Descriptor::new("Test"), |all, name| all.with_method(Method::new(name)))
    }

    #[test]
    fn a_list_is_told_once_and_named_by_its_fingerprint_then() {
        let (old, new) = (interface(["a".into()]), interface(["a".into(), "b".into()]));
        let (mut telling, mut heard) = (Telling::default(), Heard::default());
        let mut told = Vec::new();
        for mine in [&old, &new, &old, &new] {
            assert!(telling.differs(7, mine.fingerprint));
            let body = telling.tell(7, mine);
            assert!(!telling.differs(7, mine.fingerprint));
            told.push(body.len());
            assert_eq!(heard.set(7, &body), Ok(()));
            assert_eq!(heard.names_of(7).map(|list| list.fingerprint), Some(mine.fingerprint));
        }
        assert_eq!(told, [3, 5, 9, 9]);
        assert_eq!(telling.tell_of_answer(&old), Some(encode(&old.fingerprint)), "they are told for both");
        let mut host = Descriptor::new("Test");
        host.fingerprint = 7;
        assert!(telling.differs(7, 7));
        assert_eq!(heard.set(7, &telling.tell(7, &host)), Ok(()));
        assert!(heard.names_of(7).is_none(), "the host's own");
        assert!(!telling.differs(7, 7));
        assert_eq!((telling.weight, heard.weight), (769 + 2, 769 + 2), "what is known stays so");
    }

    #[test]
    fn who_tells_and_who_is_told_count_alike_up_to_the_last_list() {
        // Lists of every weight, some of them again, for interfaces in turn and for answers.
        let lists: Vec<Descriptor> =
            (0..90).map(|n| interface((0..n * 17).map(|m| format!("{n} {m}")))).collect();
        let (mut telling, mut heard) = (Telling::default(), Heard::default());
        let (mut told, mut refused) = (0, 0);
        let mut dice: u32 = 1;
        for _ in 0..2_000 {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (list, theirs) = (&lists[(dice >> 16) as usize % lists.len()], u64::from(dice >> 8) % 40);
            if dice >> 30 == 0 {
                match telling.tell_of_answer(list) {
                    Some(body) => assert_eq!(heard.list(&body).map(|l| l.fingerprint), Ok(list.fingerprint)),
                    None => refused += 1,
                }
            } else if !telling.has_room(theirs, list) {
                refused += 1;
            } else if telling.differs(theirs, list.fingerprint) {
                assert_eq!(heard.set(theirs, &telling.tell(theirs, list)), Ok(()));
                told += 1;
            }
            assert_eq!(telling.weight, heard.weight);
            assert!(heard.weight <= WEIGHT_MAX);
        }
        assert!(told > 500 && refused > 100, "{told} were told, {refused} refused");
    }

    #[test]
    fn who_counts_otherwise_is_not_listened_to() {
        let long = |first: &str| {
            let names = (0..16_000).map(|n| if n == 0 { first } else { "" });
            encode(&names.collect::<Vec<_>>())
        };
        let mut heard = Heard::default();
        let taken = (0..).take_while(|&n| heard.set(n, &long("")).is_ok()).count();
        assert_eq!(taken, 3, "of 4,000 KiB each, and one to name them by");
        assert_eq!(heard.set(0, &long("")), Ok(()), "it takes its own place");
        assert_eq!(heard.list(&long("other")).unwrap_err(), NotHeard::TooMuch);
        assert_eq!(heard.set(0, &encode(&[(); 0])), Ok(()), "one that is taken back makes room");
        assert!(heard.list(&long("other")).is_ok());
        assert_eq!(heard.set(9, b"\xc1").unwrap_err(), NotHeard::Unreadable);
        assert_eq!(heard.set(9, &encode(&5u64)).unwrap_err(), NotHeard::Unreadable, "it was not told");
        let mut many = Heard::default();
        let taken = (0..).take_while(|n: &u64| many.set(*n, &encode(&["a"])).is_ok()).count();
        assert_eq!(taken, LISTS_MAX);
    }
}

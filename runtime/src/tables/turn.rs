//! The fair turn of one object: `&self` calls together, an `&mut self` call alone, both in the order of their arrival.
//!
//! Every call that awaits carries the *path*: the tokens of its ancestors that hold a turn somewhere. A holder that
//! is found in the path of an arriving call waits, directly or not, for that very call; so a writer among them, or a
//! writer arriving, can never get its turn and is refused at once, and a reader among readers starts at once, even
//! past writers that wait (they wait for its ancestor anyhow). Nobody else passes anybody.
//!
//! What this deliberately does not do: it runs nothing and knows no deadlines (who gives up says so with
//! [`Turn::leave`]), it never lets a call *into* a turn because of a token it names, and it does not see two
//! different chains that cross: for that see [`super::crossing`].
//!
//! Cost: all lists are threaded through one vector of slots, so that arriving and leaving take the same few
//! nanoseconds whether one reader is inside or ten thousand. Paths are compared with the holders one by one while
//! there are few; beyond [`SCANNED_MAX`] holders a set of their tokens is built and kept until they are few again.

use foldhash::{HashSet, HashSetExt};

use crate::wire::Token;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod walks;

/// No slot: the end of a list.
const NIL: u32 = u32::MAX;

/// Up to this many holders a path is compared with them one by one.
const SCANNED_MAX: u32 = 16;

/// An idle turn gives its slots back to the allocator if it has more than these.
const SLOTS_KEPT_MAX: usize = 1024;

/// How a call uses the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// `&self`: together with other readers.
    Read,
    /// `&mut self`: alone.
    Write,
}

/// One call's place with one object, from its arrival until it leaves. Means nothing to another [`Turn`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ticket(u64);

impl Ticket {
    fn new(serial: u32, slot: u32) -> Self {
        Self(u64::from(serial) << 32 | u64::from(slot))
    }

    fn serial(self) -> u32 {
        (self.0 >> 32) as u32
    }

    fn slot(self) -> usize {
        (self.0 & u64::from(u32::MAX)) as usize
    }
}

/// What becomes of an arriving call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It holds the turn now.
    Enter(Ticket),
    /// It stands in the queue; a later [`Turn::leave`] of another call names it when it starts.
    Wait(Ticket),
    /// It would deadlock: this holder of the turn is its ancestor. It has no ticket and never runs.
    Refused(Token),
}

/// Who has a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) ticket: Ticket,
    pub(crate) token: Option<Token>,
    pub(crate) method: u16,
}

/// One object's turn: who is inside, and who waits in which order.
#[derive(Debug)]
pub(crate) struct Turn {
    /// All calls with a ticket, and free slots between them.
    slots: Vec<Slot>,
    /// First of the free slots, which are linked by `next`.
    free: u32,
    /// Goes into the next ticket; a ticket that was given back never fits the slot's next tenant.
    serial: u32,
    /// In the order in which they started.
    holders: List,
    /// In the order in which they arrived.
    waiters: List,
    /// The one holder is a writer.
    exclusive: bool,
    /// Holders with a token.
    named: u32,
    /// The tokens of all holders: only while there are many and somebody with a path has asked.
    index: Option<Box<HashSet<Token>>>,
}

impl Default for Turn {
    fn default() -> Self {
        Self::new()
    }
}

impl Turn {
    /// A turn that nobody holds. Allocates nothing before the first call.
    pub(crate) fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: NIL,
            serial: 0,
            holders: List::EMPTY,
            waiters: List::EMPTY,
            exclusive: false,
            named: 0,
            index: None,
        }
    }

    /// A call of the method with this number arrives. `token` names it while it runs (`None` where the object has no
    /// exclusive methods, so that nothing can ever be refused because of it); `path` holds the tokens of its
    /// ancestors, in any order.
    pub(crate) fn arrive_as(
        &mut self,
        method: u16,
        access: Access,
        token: Option<Token>,
        path: &[Token],
    ) -> Arrival {
        let write = access == Access::Write;
        if let Some(ancestor) = self.holder_in(path) {
            if write || self.exclusive {
                return Arrival::Refused(ancestor);
            }
            return Arrival::Enter(self.enter(method, access, token));
        }
        let open = self.waiters.len == 0 && if write { self.holders.len == 0 } else { !self.exclusive };
        if open {
            return Arrival::Enter(self.enter(method, access, token));
        }
        let at = self.take_slot(method, access, token, State::Waiting);
        self.waiters.push_back(&mut self.slots, at);
        Arrival::Wait(self.ticket(at))
    }

    /// The same, where nobody asks for the method.
    #[cfg(test)]
    pub(crate) fn arrive(&mut self, access: Access, token: Option<Token>, path: &[Token]) -> Arrival {
        self.arrive_as(0, access, token, path)
    }

    /// A call leaves: it has ended, or gives up waiting. Appends the calls that hold the turn from now on, first
    /// come first. A ticket that has left already is ignored.
    pub(crate) fn leave(&mut self, ticket: Ticket, started: &mut Vec<Ticket>) {
        let Some(slot) = self.slots.get(ticket.slot()).filter(|slot| slot.serial == ticket.serial()) else {
            return;
        };
        let at = ticket.slot() as u32;
        let former = match slot.state {
            State::Free => return,
            State::Waiting => {
                self.waiters.unlink(&mut self.slots, at);
                None
            }
            State::Holding => {
                let method = slot.method;
                self.exit(at);
                Some(method)
            }
        };
        self.give_slot_back(at);
        if self.waiters.len > 0 {
            self.start_waiters(former, started);
        }
    }

    /// Whether the call is inside.
    pub(crate) fn holds(&self, ticket: Ticket) -> bool {
        let slot = self.slots.get(ticket.slot()).filter(|slot| slot.serial == ticket.serial());
        slot.is_some_and(|slot| matches!(slot.state, State::Holding))
    }

    /// The calls inside, in the order in which they started.
    pub(crate) fn holders(&self) -> impl Iterator<Item = Place> {
        self.holders.iter(&self.slots).map(move |at| self.place(at))
    }

    /// The method of the call that gave the turn to this one, which had waited for it.
    pub(crate) fn former(&self, ticket: Ticket) -> Option<u16> {
        let slot = self.slots.get(ticket.slot()).filter(|slot| slot.serial == ticket.serial())?;
        slot.former
    }

    /// The call that has this ticket, while it has it.
    pub(crate) fn find(&self, ticket: Ticket) -> Option<Place> {
        let found = self.slots.get(ticket.slot()).filter(|slot| slot.serial == ticket.serial());
        found.filter(|slot| slot.state != State::Free).map(|_| self.place(ticket.slot() as u32))
    }

    /// Nobody is inside and nobody waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.holders.len == 0 && self.waiters.len == 0
    }

    /// How many calls wait for the turn.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.waiters.len as usize
    }

    /// A holder that is in the path.
    fn holder_in(&mut self, path: &[Token]) -> Option<Token> {
        if path.is_empty() || self.named == 0 {
            return None;
        }
        if self.holders.len <= SCANNED_MAX {
            let mut tokens = self.holders.iter(&self.slots).filter_map(|at| self.slots[at as usize].token);
            return tokens.find(|token| path.contains(token));
        }
        let (holders, slots) = (&self.holders, &self.slots);
        let index = self.index.get_or_insert_with(|| {
            let mut index = HashSet::with_capacity(holders.len as usize);
            index.extend(holders.iter(slots).filter_map(|at| slots[at as usize].token));
            Box::new(index)
        });
        path.iter().copied().find(|token| index.contains(token))
    }

    fn place(&self, at: u32) -> Place {
        let slot = &self.slots[at as usize];
        Place { ticket: self.ticket(at), token: slot.token, method: slot.method }
    }

    fn enter(&mut self, method: u16, access: Access, token: Option<Token>) -> Ticket {
        let at = self.take_slot(method, access, token, State::Holding);
        self.hold(at);
        self.ticket(at)
    }

    /// Lets those in who may hold the turn now, from the head of the queue on.
    fn start_waiters(&mut self, former: Option<u16>, started: &mut Vec<Ticket>) {
        while self.waiters.head != NIL {
            let at = self.waiters.head;
            let slot = &mut self.slots[at as usize];
            let held = match slot.access {
                Access::Read => self.exclusive,
                Access::Write => self.holders.len > 0,
            };
            if held {
                return;
            }
            (slot.state, slot.former) = (State::Holding, former);
            self.waiters.unlink(&mut self.slots, at);
            self.hold(at);
            started.push(self.ticket(at));
        }
    }

    fn hold(&mut self, at: u32) {
        self.holders.push_back(&mut self.slots, at);
        let slot = &self.slots[at as usize];
        self.exclusive = slot.access == Access::Write;
        if let Some(token) = slot.token {
            self.named += 1;
            if let Some(index) = &mut self.index {
                index.insert(token);
            }
        }
    }

    fn exit(&mut self, at: u32) {
        self.holders.unlink(&mut self.slots, at);
        self.exclusive = false;
        let token = self.slots[at as usize].token;
        self.named -= u32::from(token.is_some());
        if self.index.is_some() && self.holders.len <= SCANNED_MAX {
            self.index = None;
        }
        if let (Some(index), Some(token)) = (&mut self.index, token) {
            index.remove(&token);
        }
    }

    fn ticket(&self, at: u32) -> Ticket {
        Ticket::new(self.slots[at as usize].serial, at)
    }

    fn take_slot(&mut self, method: u16, access: Access, token: Option<Token>, state: State) -> u32 {
        self.serial = self.serial.wrapping_add(1);
        let slot = Slot {
            token,
            serial: self.serial,
            previous: NIL,
            next: NIL,
            method,
            former: None,
            access,
            state,
        };
        if self.free == NIL {
            self.slots.push(slot);
            return self.slots.len() as u32 - 1;
        }
        let at = self.free;
        let place = &mut self.slots[at as usize];
        self.free = place.next;
        *place = slot;
        at
    }

    fn give_slot_back(&mut self, at: u32) {
        if self.is_idle() && self.slots.len() > SLOTS_KEPT_MAX {
            self.slots = Vec::new();
            self.free = NIL;
            return;
        }
        let slot = &mut self.slots[at as usize];
        slot.state = State::Free;
        slot.next = self.free;
        self.free = at;
    }
}

/// One call, or a free place for one.
#[derive(Debug)]
struct Slot {
    token: Option<Token>,
    serial: u32,
    previous: u32,
    next: u32,
    /// For messages only, as is the method of whoever gave it the turn.
    method: u16,
    former: Option<u16>,
    access: Access,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    Waiting,
    Holding,
}

/// A doubly linked list threaded through the slots.
#[derive(Debug)]
struct List {
    head: u32,
    tail: u32,
    len: u32,
}

impl List {
    const EMPTY: Self = Self { head: NIL, tail: NIL, len: 0 };

    fn push_back(&mut self, slots: &mut [Slot], at: u32) {
        slots[at as usize].previous = self.tail;
        slots[at as usize].next = NIL;
        match self.tail {
            NIL => self.head = at,
            tail => slots[tail as usize].next = at,
        }
        self.tail = at;
        self.len += 1;
    }

    fn unlink(&mut self, slots: &mut [Slot], at: u32) {
        let (previous, next) = (slots[at as usize].previous, slots[at as usize].next);
        match previous {
            NIL => self.head = next,
            previous => slots[previous as usize].next = next,
        }
        match next {
            NIL => self.tail = previous,
            next => slots[next as usize].previous = previous,
        }
        self.len -= 1;
    }

    fn iter<'a>(&self, slots: &'a [Slot]) -> impl Iterator<Item = u32> + use<'a> {
        let first = Some(self.head).filter(|&at| at != NIL);
        std::iter::successors(first, move |&at| Some(slots[at as usize].next).filter(|&at| at != NIL))
    }
}

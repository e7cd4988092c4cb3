//! The streams of a walk: what the tasks of a connection do with the real tables, one step at a time, and what takes the items.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

use super::dice::{Act, Dice};
use super::flow::Bell;
use super::peer::Peer;
use crate::answer::Refs;
use crate::node::Worker;
use crate::proxy::{Handle, Target};
use crate::streaming::Format;
use crate::streaming::inbound::{Broken, Claim, Inbound};
use crate::streaming::travel::{OutEnd, Produce, Produced, StreamRef};
use crate::tables::{Arrived, Reading, Room, Start, Violation};
use crate::values::{deserialize_entry, serialize_entry};
use crate::wire::item::{self, ItemReader, Piece, START_MIN};
use crate::wire::{Reference, StreamId};

/// An object or a stream in a reply.
#[derive(Debug)]
pub(super) struct Entry(pub(super) Handle);

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        serialize_entry("an entry", s, || Ok(self.0.clone()))
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Entry, D::Error> {
        deserialize_entry("an entry", d).map(Entry)
    }
}

/// A stream that this side gives, as its task knows it.
#[derive(Debug)]
pub(super) struct Giving {
    id: StreamId,
    /// The length of the next item's body, once it is known.
    next: Option<usize>,
    /// What is left of an item that is sent in parts.
    rest: Bytes,
    asleep: bool,
    bell: Arc<Bell>,
}

/// A stream that somebody here takes.
#[derive(Debug)]
pub(super) struct Taking {
    claim: Claim,
    asleep: bool,
    bell: Arc<Bell>,
}

/// The bytes of one stream that are under way, and what reads them at the other side.
#[derive(Debug)]
struct StreamFlow {
    chunks: VecDeque<Bytes>,
    /// The tables that have not been read.
    tables: VecDeque<SmallVec<[Reference; 1]>>,
    fin: bool,
    reader: ItemReader,
    reading: Option<Reading>,
    table: Refs,
    ended: bool,
}

/// All streams of one side.
#[derive(Debug, Default)]
pub(super) struct StreamWork {
    giving: Vec<Giving>,
    taking: Vec<Taking>,
    /// Towards the peer.
    flows: BTreeMap<StreamId, StreamFlow>,
    starter: Arc<Bell>,
    starter_asleep: bool,
}

impl StreamWork {
    /// The tables of items under way.
    pub(super) fn references(&self) -> impl Iterator<Item = &Reference> + '_ {
        self.flows.values().flat_map(|f| f.tables.iter().flatten())
    }

    /// Nothing is under way.
    pub(super) fn is_at_rest(&self) -> bool {
        let idle = |f: &StreamFlow| f.chunks.is_empty() && !f.fin && f.reading.is_some();
        self.flows.values().all(idle) && self.starter_asleep && !self.starter.was_rung()
    }

    /// Some producer has something to send.
    pub(super) fn wants_to_give(&self) -> bool {
        self.giving.iter().any(|g| g.next.is_some() || !g.rest.is_empty())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.giving.is_empty() && self.taking.is_empty() && self.flows.is_empty()
    }

    /// The connection has ended: its tasks are stopped, what is taken has its end.
    pub(super) fn end(&mut self) {
        self.giving.clear();
        self.flows.clear();
    }

    pub(super) fn drop_all(&mut self) {
        self.taking.clear();
    }
}

/// Gives nothing: the walk itself plays the producer.
struct Silent;

impl Produce for Silent {
    fn poll(&mut self, _: Option<&Worker>, _: &mut Context<'_>) -> Poll<Produced> {
        Poll::Pending
    }
}

impl Peer {
    /// A stream that is about to be handed over.
    pub(super) fn stream_ref(&mut self, dice: &mut Dice) -> Handle {
        dice.count(Act::NameStream);
        let end =
            if dice.one_in(3) { OutEnd::empty_sink(Format::Items) } else { OutEnd::empty(Format::Items) };
        Handle::stream(StreamRef::Out(Arc::new(end)))
    }

    /// What becomes of a stream that arrived: somebody takes it or fills it, or nobody does.
    pub(super) fn take_stream(&mut self, handle: Handle, dice: &mut Dice) -> Option<Handle> {
        match handle.target() {
            Target::Stream(StreamRef::Source(inbound)) => {
                if !dice.one_in(3) {
                    self.takes(inbound);
                }
                None
            }
            Target::Stream(StreamRef::Sink(outbound)) => {
                if !dice.one_in(3) {
                    outbound.claim(Box::new(Silent));
                }
                None
            }
            _ => Some(handle),
        }
    }

    fn takes(&mut self, inbound: &Arc<Inbound>) {
        let claim = inbound.claim().expect("nobody else has seen it");
        self.streams.taking.push(Taking { claim, asleep: false, bell: Arc::default() });
    }

    /// The tasks of streams that were named begin.
    pub(super) fn start_streams(&mut self, dice: &mut Dice) {
        if self.streams.starter_asleep && !self.streams.starter.was_rung() {
            return assert!(
                !self.tables(|t| t.streams.start_is_due()),
                "who starts streams sleeps with work to do"
            );
        }
        let bell = self.streams.starter.silent();
        let starts = self.tables(|t| t.streams.take_starts(&bell));
        self.streams.starter_asleep = starts.is_empty();
        for start in starts {
            let (id, gives) = match start {
                Start::Give(id, _) => (id, true),
                Start::Claimed(id, _, source) => (id, source.is_some()),
                Start::Take(id, _, queue) => {
                    let inbound = Inbound::new(&self.shared, id, Format::Items, queue);
                    if !dice.one_in(3) {
                        self.takes(&inbound);
                    }
                    continue;
                }
            };
            let flow = StreamFlow {
                chunks: VecDeque::new(),
                tables: VecDeque::new(),
                fin: false,
                reader: ItemReader::items(1 << 20),
                reading: None,
                table: Refs::default(),
                ended: false,
            };
            self.streams.flows.insert(id, flow);
            let giving = Giving { id, next: None, rest: Bytes::new(), asleep: false, bell: Arc::default() };
            self.streams.giving.push(giving);
            if !gives {
                let at = self.streams.giving.len() - 1;
                self.last_word(at, item::last_word(1));
            }
        }
    }

    fn last_word(&mut self, at: usize, word: Bytes) {
        let Giving { id, .. } = self.streams.giving.swap_remove(at);
        let flow = self.streams.flows.get_mut(&id).expect("it was opened");
        flow.chunks.push_back(word);
        flow.fin = true;
        self.tables(|t| t.streams.finished(id));
    }

    /// Some producer gives something, if it may; `eager` ones give what they have begun and no more.
    pub(super) fn give(&mut self, dice: &mut Dice, eager: bool) {
        if self.streams.giving.is_empty() {
            return;
        }
        let at = dice.below(self.streams.giving.len());
        let giving = &mut self.streams.giving[at];
        if giving.asleep && !giving.bell.was_rung() {
            return;
        }
        if giving.next.is_none() && giving.rest.is_empty() && !eager {
            giving.next = Some(*dice.pick(&[0, 1, 30, 500, 9_000, 100_000]));
        }
        let (id, bell) = (giving.id, giving.bell.silent());
        giving.asleep = false;
        let room = match self.tables(|t| t.streams.room(id, &bell)) {
            None => return,
            Some(Room::Stopped) => {
                dice.count(Act::GiveStopped);
                self.streams.giving.swap_remove(at);
                self.streams.flows.get_mut(&id).expect("it was opened").fin = true;
                return self.tables(|t| t.streams.finished(id));
            }
            Some(Room::Bytes(room)) => room,
        };
        let giving = &mut self.streams.giving[at];
        if !giving.rest.is_empty() {
            let part = giving.rest.split_to(giving.rest.len().min(room as usize));
            if part.is_empty() {
                giving.asleep = true;
                return dice.count(Act::GiveWaits);
            }
            self.tables(|t| t.streams.spend(id, part.len() as u64));
            self.streams.flows.get_mut(&id).expect("it was opened").chunks.push_back(part);
            return;
        }
        let Some(len) = giving.next else {
            giving.asleep = true;
            return;
        };
        if dice.one_in(20) && !eager {
            dice.count(Act::GiveEnd);
            let mut end = BytesMut::new();
            item::put_end(&mut end);
            return self.last_word(at, end.freeze());
        }
        if room < item::item_cost(item::item_len(3, len)).min(START_MIN) {
            giving.asleep = true;
            return dice.count(Act::GiveWaits);
        }
        giving.next = None;
        dice.count(Act::Give);
        self.give_item(at, len, room, dice);
    }

    fn give_item(&mut self, at: usize, len: usize, room: u64, dice: &mut Dice) {
        let handles = self.some_refs(dice);
        let id = self.streams.giving[at].id;
        let whole = item::item_len(handles.len(), len);
        let pays = item::item_cost(whole).min(room);
        let refs = match self.shared.append_item(id, &handles, pays) {
            Ok(refs) => refs,
            Err(_) => return self.last_word(at, item::last_word_with(3, "")),
        };
        let mut bytes = BytesMut::new();
        item::put_item(&mut bytes, &refs, len);
        bytes.resize(whole, 0);
        let mut bytes = bytes.freeze();
        let part = bytes.split_to(whole.min(pays as usize));
        let flow = self.streams.flows.get_mut(&id).expect("it was opened");
        if !refs.is_empty() {
            flow.tables.push_back(refs);
        }
        flow.chunks.push_back(part);
        self.streams.giving[at].rest = bytes;
    }

    /// The bytes of some stream from `from` arrive here.
    pub(super) fn read_stream(&mut self, from: &mut Peer, dice: &mut Dice) -> Result<(), Violation> {
        // The first bytes only open it.
        let ready = |f: &StreamFlow| !f.chunks.is_empty() || f.fin || f.reading.is_none();
        let ids: Vec<StreamId> =
            from.streams.flows.iter().filter(|(_, f)| ready(f)).map(|(&id, _)| id).collect();
        if ids.is_empty() || self.ended {
            return Ok(());
        }
        let id = *dice.pick(&ids);
        let flow = from.streams.flows.get_mut(&id).expect("it was just found");
        if flow.reading.is_none() {
            let waker = Arc::new(Bell::default()).silent();
            match self.tables(|t| t.streams.open(id, Format::Items, &waker)) {
                Poll::Pending => {
                    dice.count(Act::Unnamed);
                    return Ok(());
                }
                Poll::Ready(reading) => flow.reading = Some(reading?),
            }
        }
        let reading = flow.reading.clone().expect("it was just set");
        let Some(chunk) = flow.chunks.pop_front() else {
            if !flow.fin {
                return Ok(());
            }
            let broken = (!flow.ended).then_some(Broken::Unfinished);
            from.streams.flows.remove(&id);
            self.shared.with(|tables, _| tables.stream_read(id, &reading, broken));
            return Ok(());
        };
        flow.reader.push(chunk);
        let mut pieces = Vec::new();
        while let Some(piece) = flow.reader.next()? {
            if let Piece::Table(_) = piece {
                flow.tables.pop_front().expect("each table was sent");
            }
            pieces.push(piece);
        }
        let (begun, missing) = (flow.reader.begun(), flow.reader.missing());
        let arrived = Arrived { pieces: &mut pieces, table: &mut flow.table, begun, missing };
        let shared = self.shared.clone();
        flow.ended |=
            shared.with(|tables, events| tables.receive_items(&shared, id, &reading, arrived, events))?;
        Ok(())
    }

    /// Somebody takes what is there of some stream, or waits.
    pub(super) fn take_item(&mut self, dice: &mut Dice) {
        if self.streams.taking.is_empty() {
            return;
        }
        let at = dice.below(self.streams.taking.len());
        let taking = &mut self.streams.taking[at];
        if taking.asleep && !taking.bell.was_rung() {
            return;
        }
        let bell = taking.bell.silent();
        match taking.claim.poll(&mut Context::from_waker(&bell)) {
            Poll::Pending => taking.asleep = true,
            Poll::Ready(None) => {
                self.streams.taking.swap_remove(at);
            }
            Poll::Ready(Some(given)) => {
                dice.count(Act::Take);
                taking.asleep = false;
                let refs = given.refs.clone();
                drop(given);
                self.claim(&refs, dice);
            }
        }
    }

    /// Somebody wants no more of a stream.
    pub(super) fn drop_taking(&mut self, dice: &mut Dice) {
        if !self.streams.taking.is_empty() {
            dice.count(Act::DropTaking);
            self.streams.taking.swap_remove(dice.below(self.streams.taking.len()));
        }
    }
}

//! What must be true of two sides at any time, at rest, and at the end: I1, I2 and I6 of the protocol.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use foldhash::fast::FixedState;

use super::bodies::Bodies;
use super::flow::{self, Flow, Sent};
use super::peer::{CONTROL, LANES, Peer};
use super::world::BODY_MAX;
use crate::tables::{BulkLimits, Callee, Tables, UNITS};
use crate::wire::{self, CallId, Control, Frame, Kind, ObjectId, RefKind, Reference};

/// What one export is worth according to the holder and to what is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Claim {
    units: u64,
    /// Calls and notices at the host.
    busy: i64,
}

type Claims = HashMap<ObjectId, Claim, FixedState>;

/// I1 and I2, in both directions; and that every writer who has something to do knows it.
pub(super) fn books([left, right]: &[Peer; 2]) {
    if left.ended || right.ended {
        return;
    }
    left.shared.with(|l, _| {
        right.shared.with(|r, _| {
            let (from_left, from_right) = (InFlight::of(left, l), InFlight::of(right, r));
            direction(l, r, &from_left, &from_right);
            direction(r, l, &from_right, &from_left);
            bodies(l, r, &left.bodies, &from_right);
            bodies(r, l, &right.bodies, &from_left);
        });
    });
    for peer in [left, right] {
        for lane in (0..peer.flows.len()).filter(|&stream| stream != CONTROL) {
            let flow = &peer.flows[lane];
            let sleeps = flow.asleep && !flow.bell.was_rung();
            assert!(!sleeps || !peer.has_to_write(lane), "the writer of a lane sleeps with work to do");
        }
    }
}

/// All frames of one side that have not arrived.
struct InFlight<'a> {
    under_way: Vec<&'a Sent>,
    /// Still in the outboxes.
    unsent: Vec<Frame>,
    /// The ends of notices that wait for the writer.
    done: Vec<(Callee, u32)>,
    /// In the items of streams.
    items: Vec<Reference>,
}

impl<'a> InFlight<'a> {
    fn of(peer: &'a Peer, tables: &Tables) -> InFlight<'a> {
        let items = peer.streams.references().copied().collect();
        let mut all = InFlight { under_way: Vec::new(), unsent: Vec::new(), done: Vec::new(), items };
        all.under_way.extend(peer.flows.iter().flat_map(Flow::under_way));
        for lane in tables.lanes.iter() {
            let (bytes, done) = lane.unsent();
            let frames = flow::frames(Bytes::copy_from_slice(bytes));
            all.unsent.extend(frames.map(|f| wire::read_frame(f).expect("what is to be sent can be read")));
            all.done.extend(done);
        }
        all
    }

    fn frames(&self) -> impl Iterator<Item = &Frame> {
        let under_way =
            self.under_way.iter().filter_map(|s| if let Sent::Lane(f) = s { Some(f) } else { None });
        under_way.chain(&self.unsent)
    }

    fn control(&self) -> impl Iterator<Item = &Control> {
        self.under_way.iter().filter_map(|s| if let Sent::Control(c) = s { c.as_ref() } else { None })
    }
}

/// `host` has handed out what `holder` holds.
fn direction(host: &Tables, holder: &Tables, from_host: &InFlight<'_>, from_holder: &InFlight<'_>) {
    let mut claims = Claims::default();
    for (slot, id, units, out, dead) in holder.imports.entries() {
        let object_max = host.limits.object_permits.min(holder.limits.object_permits);
        assert!(out <= object_max, "I2: {out} calls on one object, at most {object_max} may be out");
        assert_eq!(holder.permits.out(slot), out, "the permits and the import disagree on what is out");
        assert!(units <= 2 * UNITS, "{id:?}: surplus units are kept");
        let host_says = host.exports.entries().find(|e| e.0 == id);
        assert!(!dead || host_says.is_none_or(|e| e.3), "I3: {id:?} lives and is reported gone");
        let claim = claims.entry(id).or_default();
        claim.units += units;
        claim.busy += i64::from(out);
    }
    answers(host, holder, from_host, from_holder);
    for (id, units) in holder.imports.due() {
        claims.entry(id).or_default().units += units;
    }
    for r in from_host.items.iter().filter(|r| r.kind == RefKind::Export) {
        claims.entry(r.id).or_default().units += UNITS;
    }
    for r in from_holder.items.iter().filter(|r| r.kind == RefKind::Home) {
        claims.entry(r.id).or_default().units += 1;
    }
    for frame in from_host.frames() {
        for r in frame.options.refs.iter().filter(|r| r.kind == RefKind::Export) {
            claims.entry(r.id).or_default().units += UNITS;
        }
        match frame.head.kind {
            Kind::Reply | Kind::Fault => {
                let mut calls = holder.calls.iter().filter(|(id, _)| *id == frame.head.call);
                let (_, call) = calls.next().expect("I2: an answer is under way to a call that nobody made");
                if holder.imports.promised_at(call.import) {
                    continue;
                }
                let id = holder.imports.slot(call.import).id;
                claims.entry(id).or_default().busy -= 1;
            }
            Kind::Done if is_on_answer(frame) => {}
            Kind::Done => claims.entry(frame.head.object).or_default().busy -= i64::from(frame.head.call.0),
            _ => {}
        }
    }
    for &(callee, count) in &from_host.done {
        if let Callee::Object(id) = callee {
            claims.entry(id).or_default().busy -= i64::from(count);
        }
    }
    for frame in from_holder.frames() {
        for r in frame.options.refs.iter().filter(|r| r.kind == RefKind::Home) {
            claims.entry(r.id).or_default().units += 1;
        }
        if matches!(frame.head.kind, Kind::Call | Kind::Notice) && !is_on_answer(frame) {
            claims.entry(frame.head.object).or_default().busy -= 1;
        }
    }
    for message in from_holder.control() {
        if let Control::Release(list) = message {
            list.iter().for_each(|r| claims.entry(r.id).or_default().units += r.units);
        }
    }
    for message in from_host.control() {
        if let Control::Gone { id, .. } = message {
            let host_says = host.exports.entries().find(|e| e.0 == *id);
            assert!(host_says.is_none_or(|e| e.3), "I3: {id:?} lives and is about to be reported gone");
        }
    }
    let lobby = claims.remove(&ObjectId::LOBBY).unwrap_or_default();
    let exported: i64 = host.exports.entries().map(|e| i64::from(e.2)).sum();
    let on_answers: i64 = host.kept.entries().map(|e| i64::from(e.2)).sum();
    let at_the_lobby = host.running.len() as i64 - exported - on_answers;
    assert_eq!(lobby.busy, at_the_lobby, "I2: calls of the lobby");
    for (id, units, busy, _) in host.exports.entries() {
        let claim = claims.remove(&id).unwrap_or_default();
        assert_eq!(claim, Claim { units, busy: i64::from(busy) }, "I1, I2: {id:?} (left: the holder's side)");
    }
    claims.retain(|_, claim| *claim != Claim::default());
    assert!(claims.is_empty(), "I1, I2: nobody knows what is claimed: {claims:?}");
}

fn is_on_answer(frame: &Frame) -> bool {
    frame.head.flags & wire::flag::ON_ANSWER != 0
}

/// I2 for calls on answers: what is unanswered on a promise is at the host or under way.
fn answers(host: &Tables, holder: &Tables, from_host: &InFlight<'_>, from_holder: &InFlight<'_>) {
    let mut claims: HashMap<CallId, i64, FixedState> = HashMap::default();
    for (slot, _, call, out) in holder.imports.promises() {
        assert!(out <= 64, "I2: {out} calls on one answer");
        assert_eq!(holder.permits.out(slot), out, "the permits and the promise disagree on what is out");
        claims.insert(call, i64::from(out));
    }
    for frame in from_host.frames() {
        match frame.head.kind {
            Kind::Reply | Kind::Fault => {
                let call = holder.calls.iter().find(|(id, _)| *id == frame.head.call);
                let promise = call.and_then(|(_, call)| holder.imports.promise_call(call.import));
                if let Some(parent) = promise {
                    *claims.entry(parent).or_default() -= 1;
                }
            }
            Kind::Done if is_on_answer(frame) => {
                *claims.entry(CallId(frame.head.object.0)).or_default() -= i64::from(frame.head.call.0);
            }
            _ => {}
        }
    }
    for &(callee, count) in &from_host.done {
        if let Callee::Answer(parent) = callee {
            *claims.entry(parent).or_default() -= i64::from(count);
        }
    }
    for frame in from_holder.frames().filter(|frame| is_on_answer(frame)) {
        if matches!(frame.head.kind, Kind::Call | Kind::Notice) {
            *claims.entry(CallId(frame.head.object.0)).or_default() -= 1;
        }
    }
    // A number that is used again on another lane may meet the answer of its former call, which is finished but not told yet.
    for (_, call, busy) in host.kept.entries() {
        *claims.entry(call).or_default() -= i64::from(busy);
    }
    claims.retain(|_, claim| *claim != 0);
    assert!(claims.is_empty(), "I2: calls on answers that one side alone knows of: {claims:?}");
}

/// The large bodies of `sender` and their bytes, as both sides see them.
fn bodies(sender: &Tables, receiver: &Tables, streams: &Bodies, from_receiver: &InFlight<'_>) {
    let returned = |c: &Control| if let Control::Taken { bytes } = c { *bytes } else { 0 };
    let (out, _) = sender.bulk.counts();
    let (_, taken) = receiver.bulk.counts();
    let on_the_way = from_receiver.control().map(returned).sum::<u64>();
    assert_eq!(out, streams.under_way() + taken + on_the_way, "bulk bytes are missing");
    assert!(out <= BulkLimits::MIN, "more bulk bytes are in the network than may be");
    let pulls = from_receiver.control().filter(|c| matches!(c, Control::Pull { .. })).count();
    let (_, to_open) = sender.bodies.outgoing.counts();
    let asked = pulls + to_open + streams.not_begun().count();
    assert_eq!(receiver.bodies.incoming.asked_for(), asked, "each Pull has one stream");
    let (_, budget) = receiver.bodies.incoming.counts();
    assert!(budget <= 2 * BODY_MAX as u64, "more is asked for than there is room for");
}

/// I6 with everything held: nobody waits, no permit is missing, everybody who holds a dead object is told.
pub(super) fn rest(peers: &[Peer; 2]) {
    for (peer, other) in [(&peers[0], &peers[1]), (&peers[1], &peers[0])] {
        assert!(peer.waiting.is_empty(), "at rest, {} callers wait", peer.waiting.len());
        peer.tables(quiet);
        let tombs = peer.tables(|t| t.exports.entries().filter(|e| e.3).count());
        assert_eq!(tombs, 0, "I6: a holder of a dead object is never told, or has not given it back");
        let held = other.tables(|t| t.imports.len());
        assert_eq!(peer.tables(|t| t.exports.len()), held, "what is handed out is held");
        let mut given = peer.tables(|t| t.streams.counts(true));
        let taken = other.tables(|t| t.streams.counts(false));
        // One whose consumer has gone waits to be begun, so that its producer can be told.
        given.retain(|id, _| taken.contains_key(id));
        assert_eq!(given, taken, "both sides of a stream count alike: what is allowed, what was sent");
        let promised = other.tables(|t| t.imports.promises().count());
        assert_eq!(peer.tables(|t| t.kept.len()), promised, "I6: what is kept is promised");
        assert!(promised <= other.promises.len(), "I6: a promise that nobody holds is not finished");
    }
}

/// I6 with nothing held.
pub(super) fn empty(peers: &[Peer; 2]) {
    for peer in peers {
        peer.tables(|t| {
            quiet(t);
            assert_eq!((t.exports.len(), t.imports.len()), (0, 0), "exports and imports that nobody needs");
            assert_eq!(t.lanes.len(), LANES, "lanes of objects that nobody holds");
            assert_eq!((t.streams.producing(), t.streams.consuming()), (0, 0), "streams that nobody needs");
            assert_eq!((t.kept.len(), t.imports.promises().count()), (0, 0), "answers that nobody waits for");
            assert!(
                t.lanes.iter().all(|lane| lane.promises() == 0),
                "promises are counted that nobody holds"
            );
            let arguments = t.bodies.incoming.arguments.load(Ordering::Relaxed);
            assert_eq!(arguments, 0, "bytes of arguments of calls that are answered");
        });
    }
}

/// A connection has ended: nothing is left of it.
pub(super) fn ended(peer: &Peer) {
    peer.tables(|t| {
        quiet(t);
        assert_eq!((t.exports.len(), t.imports.len()), (0, 0), "exports and imports of an ended connection");
        assert_eq!((t.streams.producing(), t.streams.consuming()), (0, 0), "streams of an ended connection");
        assert_eq!(t.kept.len(), 0, "kept answers of an ended connection");
        assert!(!t.exports.gone_is_due() && !t.imports.release_is_due(), "words for nobody");
        assert!(!t.streams.control_is_due(), "words for nobody");
    });
    let lanes = (0..LANES).any(|lane| peer.has_to_write(lane));
    assert!(!lanes, "frames for nobody");
}

/// Nothing is outstanding in either direction.
fn quiet(t: &mut Tables) {
    let outstanding =
        (t.calls.len(), t.running.len(), t.permits_out(), t.permits.waiting_total(), t.parked.len());
    assert_eq!(outstanding, (0, 0, 0, 0, 0), "calls, running, permits out, waiting for permits, parked");
    let bodies = (t.bodies.outgoing.counts(), t.bodies.incoming.counts(), t.bodies.lines.len());
    assert_eq!(
        bodies,
        ((0, 0), (0, 0), 0),
        "bodies announced, streams owed; bodies known, budget; calls held back"
    );
    assert_eq!(t.bodies.outgoing.replies_len, 0, "bytes of replies");
    assert!(t.imports.entries().all(|e| e.3 == 0), "an import with calls out at rest");
    assert!(t.exports.entries().all(|e| e.2 == 0), "an export with calls under way at rest");
    assert!(t.imports.promises().all(|e| e.3 == 0), "a promise with calls out at rest");
    assert!(t.kept.entries().all(|e| e.2 == 0), "a kept answer with calls under way at rest");
    assert_eq!(t.next_deadline(), None, "a deadline of no call");
}

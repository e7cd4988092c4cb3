//! What is known of every call and object of a walk by somebody who sees both sides; and the objects' mailboxes,
//! which write it down.

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::answer::Refs;
use crate::connection::Connection;
use crate::descriptor::{Access, Descriptor, Marks, Method};
use crate::object::{CallContext, Delivery, Hook, Incoming, LocalObject, Mailbox, Replier, fresh_key};

const fn method(name: &'static str) -> Method {
    let (exclusive, cancel, idempotent) = (false, true, false);
    let marks =
        Marks { is_async: true, exclusive, cancel, idempotent, fallible: false, access: Access::Call };
    Method::fixed(name, "", &[], "()", marks)
}

macro_rules! interface {
    ($name:literal, $own_lane:literal, $($method:literal),+) => {
        Descriptor::fixed($name, &[], 1, "", const { &[$(method($method)),+] }).on_own_lane($own_lane)
    };
}

/// Interfaces that agree on some methods and number them differently; objects of the last have lanes of their own.
pub(super) static INTERFACES: [Descriptor; 3] = [
    interface!("New", false, "a", "b", "c"),
    interface!("Old", false, "a", "c"),
    interface!("Other", true, "c", "d"),
];

/// A call or notice, from the moment it is made.
#[derive(Debug)]
pub(super) struct Record {
    /// The method that the caller meant.
    pub(super) method: &'static str,
    /// Key of the object that it is meant for.
    pub(super) target: Option<u64>,
    pub(super) depth: u8,
    /// The call whose answer it is for, if it is for one.
    pub(super) on_answer: Option<u64>,
    arrived: bool,
    pub(super) began: bool,
    /// Its outcome was that it never ran.
    never: bool,
}

/// Both sides' calls and objects.
#[derive(Debug, Default)]
pub(super) struct Book {
    records: Vec<Record>,
    /// The last call that arrived at an object from a depth, by the promise through which it was made.
    last: HashMap<(u64, u8, Option<u64>), u64>,
    /// What calls gave whose answers were promised: the key of an object, or none.
    results: HashMap<u64, Option<u64>>,
    dead: HashSet<u64>,
    /// An object that does not die and keeps no book.
    pub(super) spared: Option<u64>,
    /// One side is hostile: what arrives means nothing.
    pub(super) lenient: bool,
    /// What arrived since then, to be answered some time later.
    pub(super) strays: Vec<Delivery>,
}

impl Book {
    /// A call is about to be made; its number.
    pub(super) fn made(
        &mut self,
        method: &'static str,
        target: Option<u64>,
        depth: u8,
        on_answer: Option<u64>,
    ) -> u64 {
        let (arrived, began, never) = (false, false, false);
        self.records.push(Record { method, target, depth, on_answer, arrived, began, never });
        self.records.len() as u64 - 1
    }

    pub(super) fn record(&self, serial: u64) -> &Record {
        &self.records[serial as usize]
    }

    /// The object that a call is for, if that is known.
    pub(super) fn target(&self, serial: u64) -> Option<u64> {
        let record = self.record(serial);
        record.on_answer.map_or(record.target, |parent| self.result(parent))
    }

    fn arrives(&mut self, serial: u64, at: &Post, method: &str) {
        let record = &mut self.records[serial as usize];
        assert!(!record.arrived, "call {serial} arrives a second time");
        assert!(!record.never, "call {serial} arrives, and its caller was told that it never ran");
        assert_eq!(record.method, method, "call {serial} is for another method");
        record.arrived = true;
        if at.kind == Place::Object {
            let target = match record.on_answer {
                Some(parent) => {
                    *self.results.get(&parent).expect("the answer is known before what waits for it goes")
                }
                None => record.target,
            };
            assert_eq!(target, Some(at.key), "call {serial} is for another object");
            let before = self.last.insert((at.key, record.depth, record.on_answer), serial);
            assert!(before < Some(serial), "call {serial} arrives after {before:?}, which was made later");
        }
    }

    pub(super) fn begins(&mut self, serial: u64) {
        let record = &mut self.records[serial as usize];
        assert!(!record.began && record.arrived, "call {serial} begins as it should");
        assert!(!record.never, "call {serial} begins, and its caller was told that it never ran");
        record.began = true;
    }

    /// The caller is told that the call never ran.
    pub(super) fn never_ran(&mut self, serial: u64) {
        let record = &mut self.records[serial as usize];
        assert!(!record.began, "the caller of {serial} is told that it never ran, and it did");
        record.never = true;
    }

    /// A call whose answer is promised is about to be answered with this object, or with none.
    pub(super) fn gives(&mut self, serial: u64, key: Option<u64>) {
        self.results.insert(serial, key);
    }

    pub(super) fn result(&self, serial: u64) -> Option<u64> {
        *self.results.get(&serial)?
    }

    pub(super) fn dies(&mut self, key: u64) {
        self.dead.insert(key);
    }

    pub(super) fn is_dead(&self, key: u64) -> bool {
        self.dead.contains(&key)
    }
}

/// A call that has reached its object and is not answered.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) serial: u64,
    pub(super) key: u64,
    pub(super) refs: Refs,
    pub(super) context: Arc<CallContext>,
    pub(super) began: bool,
    interface: &'static Descriptor,
    method: u16,
    replier: Replier,
}

impl Arrived {
    /// Its method is entered.
    pub(super) fn begin(&mut self) {
        self.began = true;
        self.replier.began = true;
    }

    /// Whether its answer is to be kept.
    pub(super) fn keeps(&self) -> bool {
        self.replier.keeps()
    }

    /// To be answered, once.
    pub(super) fn incoming(self) -> Incoming {
        Incoming::new(self.replier, self.context, self.interface, self.method)
    }
}

/// The calls that have reached the objects of one side.
pub(super) type Inbox = Arc<Mutex<Vec<Arrived>>>;

/// What a mailbox belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Object,
    /// Calls to it take all lanes in turn, without an order.
    Lobby,
}

/// The mailbox of an object.
struct Post {
    key: u64,
    kind: Place,
    interface: &'static Descriptor,
    book: Arc<Mutex<Book>>,
    inbox: Inbox,
    living: Arc<AtomicUsize>,
}

/// Bytes before the padding of a call's body: its number.
pub(super) const BODY_MIN: usize = 8;

impl Mailbox for Post {
    fn deliver(&self, batch: SmallVec<[Delivery; 1]>) {
        batch.into_iter().for_each(|delivery| self.take(delivery));
    }

    fn send(&self, _: Box<dyn Any + Send>, _: Incoming) {
        unreachable!("the walk makes no calls within the process");
    }

    fn hook(&self, _: Hook, _: Connection) {}

    fn end(&self) {}
}

impl Post {
    fn take(&self, delivery: Delivery) {
        if self.book.lock().lenient {
            return self.book.lock().strays.push(delivery);
        }
        let Delivery { method, body, refs, replier, context, .. } = delivery;
        let serial = u64::from_le_bytes(body[..BODY_MIN].try_into().expect("eight bytes"));
        let trace = context.trace().map_or(u128::from(serial), |traced| traced.context.trace);
        assert_eq!(trace, u128::from(serial), "call {serial} has another one's trace");
        let dead = {
            let mut book = self.book.lock();
            book.arrives(serial, self, self.interface.method_name(method));
            book.is_dead(self.key)
        };
        if dead {
            return drop(replier);
        }
        let (interface, key) = (self.interface, self.key);
        let arrived = Arrived { serial, key, refs, context, began: false, interface, method, replier };
        self.inbox.lock().push(arrived);
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        self.living.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Makes the objects of one side.
#[derive(Clone, Debug)]
pub(super) struct Maker {
    pub(super) book: Arc<Mutex<Book>>,
    pub(super) inbox: Inbox,
    /// Objects that somebody still holds; lobbies do not count.
    pub(super) living: Arc<AtomicUsize>,
}

impl Maker {
    pub(super) fn object(&self, interface: &'static Descriptor) -> LocalObject {
        self.living.fetch_add(1, Ordering::Relaxed);
        self.make(interface, Place::Object, self.living.clone())
    }

    pub(super) fn lobby(&self) -> LocalObject {
        self.make(&crate::lobby::DESCRIPTOR, Place::Lobby, Arc::new(AtomicUsize::new(1)))
    }

    fn make(&self, interface: &'static Descriptor, kind: Place, living: Arc<AtomicUsize>) -> LocalObject {
        let key = fresh_key();
        let (book, inbox) = (self.book.clone(), self.inbox.clone());
        let object =
            LocalObject::raw(interface, Box::new(Post { key, kind, interface, book, inbox, living }));
        object.set_key(key);
        object
    }
}

//! What a verb of the tables gives back: what is to be done once the lock is released.

use std::sync::Arc;

use super::Start;
use super::imports::Shell;
use crate::answer::{Answer, Refs, Waiter};
use crate::call::Request;
use crate::object::{CallContext, Delivery, LocalObject, Stop};
use crate::streaming::inbound::Given;

/// What is to be done after the lock is released, in this order.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// Neighbours for one object as one batch.
    pub(crate) deliveries: Vec<(LocalObject, Batch)>,
    pub(crate) answers: Vec<(Waiter, Answer)>,
    pub(crate) stops: Vec<(Arc<CallContext>, Stop)>,
    pub(crate) shells: Vec<Shell>,
    pub(crate) garbage: Vec<LocalObject>,
    #[expect(clippy::vec_box, reason = "they come out of boxes, and are only dropped")]
    pub(crate) requests: Vec<Box<Request>>,
    /// Items that nobody wants, and streams that never begin.
    pub(crate) unwanted: Vec<Given>,
    pub(crate) unstarted: Vec<Start>,
    pub(crate) refs: Vec<Refs>,
}

/// Calls for one object, in the order they arrived.
pub(crate) type Batch = smallvec::SmallVec<[Delivery; 1]>;

impl Events {
    /// A call goes to its object.
    pub(super) fn deliver(&mut self, object: LocalObject, delivery: Delivery) {
        match self.goes_on_with(&object) {
            true => self.deliver_more(delivery),
            false => self.deliveries.push((object, smallvec::smallvec![delivery])),
        }
    }

    /// A call goes to the same object as the last one.
    pub(super) fn deliver_more(&mut self, delivery: Delivery) {
        let (_, batch) = self.deliveries.last_mut().expect("whoever says so has found it there");
        if batch.len() == 1 {
            // Where there are two there are many.
            batch.reserve(BATCH);
        }
        batch.push(delivery);
    }

    /// Whether the last call goes to this object.
    pub(super) fn goes_on_with(&self, object: &LocalObject) -> bool {
        self.deliveries.last().is_some_and(|(last, _)| last.key() == object.key())
    }

    /// The object of the last call.
    pub(super) fn last_object(&self) -> LocalObject {
        let (object, _) = self.deliveries.last().expect("whoever says so has found it there");
        object.clone()
    }
}

/// How many calls usually arrive together.
const BATCH: usize = 32;

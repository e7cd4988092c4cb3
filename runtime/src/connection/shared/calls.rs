//! Calls and answers as they leave this side: what they hand over is made known to the connection before the tables see it.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Shared, wake};
use crate::answer::{Waiter, wake_soon};
use crate::call::Request;
use crate::error::Fault;
use crate::object::{Replier, forwarder, may_go_on};
use crate::proxy::{Handle, Import, Target};
use crate::tables::{CallKey, Callee};
use crate::values;
use crate::wire::{CallId, FaultCode};

impl Shared {
    /// Sends a call on an import of this connection, or queues it for permits.
    pub(crate) fn start(
        self: &Arc<Self>,
        on: &Import,
        mut request: Request,
        waiter: Waiter,
        now: Instant,
    ) -> Result<CallKey, Fault> {
        if !request.refs.is_empty() {
            self.register_all(&mut request).map_err(|refused| on.gone_instead_of(refused))?;
        }
        let (now_ms, deadline_ms) = (self.millis(now), request.deadline_ms);
        let (started, wakers, lanes_due) = {
            let mut tables = self.tables.lock();
            let started = tables.start(on.slot(), on.id(), request, waiter, now_ms);
            (started, tables.take_wakers(), tables.lanes.is_open_due())
        };
        if !wakers.is_empty() {
            wake_soon(wakers);
        }
        if lanes_due {
            self.lanes_due.notify_one();
        }
        match started {
            Ok(key) => {
                self.check_by(Some(deadline_ms));
                Ok(key)
            }
            // What was not sent is dropped here, outside of the lock.
            Err(refused) => Err(on.gone_instead_of(refused.0)),
        }
    }

    /// The same for a call whose answer is promised; the import that stands for that answer comes back too.
    pub(crate) fn start_kept(
        self: &Arc<Self>,
        on: &Import,
        mut request: Request,
        waiter: Waiter,
        now: Instant,
    ) -> Result<(CallKey, Arc<Import>), Fault> {
        self.register_all(&mut request).map_err(|refused| on.gone_instead_of(refused))?;
        let now_ms = self.millis(now);
        let started = self.with(|tables, _| {
            let key = tables.start(on.slot(), on.id(), request, waiter, now_ms)?;
            let promise = tables.promised_by(key).expect("it was asked for");
            let import = Import::promise(self, promise, key.call());
            if let Some(entry) = tables.imports.promised(promise) {
                entry.handle = Arc::downgrade(&import);
            }
            Ok((key, import))
        });
        self.timer.notify_one();
        started.map_err(|refused: Box<(Fault, Request)>| on.gone_instead_of(refused.0))
    }

    /// What is about to be handed over must tell this connection when it ends. For what belongs to another one, what stands for it here goes
    /// in its place: all handles anew if there is such among them.
    pub(super) fn register(self: &Arc<Self>, handles: &[Handle]) -> Result<Option<Vec<Handle>>, Fault> {
        let mut anew = None;
        for (place, handle) in handles.iter().enumerate() {
            let in_its_place = match handle.target() {
                Target::Local(object) if object.is_promise() => return Err(promised()),
                Target::Remote(import) if import.is_promise() => return Err(promised()),
                Target::Local(object) => {
                    may_go_on(object.hops(), object.stays() && object.leads_beyond(self))?;
                    object.exported_on(self);
                    continue;
                }
                Target::Remote(import) if !Arc::ptr_eq(import.shared(), self) => {
                    let forwarder = forwarder(import);
                    may_go_on(forwarder.hops(), import.origin().stays)?;
                    forwarder.exported_on(self);
                    Handle::local(forwarder)
                }
                Target::Remote(_) | Target::Lazy(_) | Target::Dead | Target::Stream(_) => continue,
            };
            anew.get_or_insert_with(|| handles.to_vec())[place] = in_its_place;
        }
        Ok(anew)
    }

    /// The same for those of a call.
    fn register_all(self: &Arc<Self>, request: &mut Request) -> Result<(), Fault> {
        if let Some(refs) = self.register(&request.refs)? {
            request.refs = refs;
        }
        Ok(())
    }

    /// Whether calls may be made, as far as is known.
    pub(crate) fn takes_calls(&self) -> bool {
        self.tables.lock().takes_calls()
    }

    /// Stops a call whose caller goes on waiting for what becomes of it.
    pub(crate) fn cancel(&self, key: CallKey) {
        let now_ms = self.now_ms();
        self.with(|tables, events| tables.cancel(key, now_ms, events));
    }

    /// The caller no longer waits for a call.
    pub(crate) fn abandon(&self, key: CallKey) {
        let now_ms = self.now_ms();
        self.with(|tables, events| tables.abandon(key, now_ms, events));
    }

    /// The one answer of a call of the peer, or the end of a notice.
    pub(crate) fn finish(
        self: &Arc<Self>,
        lane: usize,
        call: Option<CallId>,
        callee: Callee,
        cost: u32,
        outcome: Result<(Vec<u8>, &[Handle]), Fault>,
    ) {
        let mut anew = None;
        let hands_over = matches!(&outcome, Ok((_, handles)) if !handles.is_empty());
        let outcome = if hands_over { self.registered(outcome, &mut anew) } else { outcome };
        let wakers = {
            let mut tables = self.tables.lock();
            tables.finish(lane, call, callee, cost, outcome);
            tables.take_wakers()
        };
        wake(wakers);
    }

    fn registered<'a>(
        self: &Arc<Self>,
        outcome: Result<(Vec<u8>, &'a [Handle]), Fault>,
        anew: &'a mut Option<Vec<Handle>>,
    ) -> Result<(Vec<u8>, &'a [Handle]), Fault> {
        let (body, handles) = outcome?;
        *anew = self.register(handles).map_err(|fault| Fault {
            code: FaultCode::BAD_REPLY,
            ran: crate::Ran::Yes,
            text: fault.text,
        })?;
        Ok((body, anew.as_deref().unwrap_or(handles)))
    }

    /// The same for an answer that is kept: what waits for it is handed to its object before it is given. `complaint` is the application's own
    /// error, if that is what it is.
    pub(crate) fn finish_kept(
        self: &Arc<Self>,
        lane: usize,
        call: CallId,
        callee: Callee,
        cost: u32,
        outcome: Result<(Vec<u8>, &[Handle]), Fault>,
        complaint: Option<String>,
    ) {
        let mut anew = None;
        let outcome = self.registered(outcome, &mut anew);
        let object = match (&outcome, complaint) {
            (Err(_), _) => None,
            (_, Some(error)) => Some(Err(error)),
            (Ok((body, handles)), None) => Some(values::promised(body, handles)),
        };
        let mut outcome = Some(outcome);
        loop {
            let more = self.with(|tables, events| {
                match &object {
                    Some(Ok(object)) if tables.fulfil(lane, call, object, events) => return true,
                    Some(Err(cause)) => tables.break_kept(lane, call, cause.as_str().into()),
                    _ => {}
                }
                if let Some(outcome) = outcome.take() {
                    tables.finish(lane, Some(call), callee, cost, outcome);
                }
                false
            });
            if !more {
                return;
            }
        }
    }

    pub(crate) fn replier(
        self: &Arc<Self>,
        lane: usize,
        call: Option<CallId>,
        callee: Callee,
        cost: u32,
    ) -> Replier {
        Replier::remote(self.clone(), lane, call, callee, cost)
    }
}

fn promised() -> Fault {
    let text = "a promised proxy cannot be handed over; await it for one that can";
    Fault::never(FaultCode::NOT_SENT, text)
}

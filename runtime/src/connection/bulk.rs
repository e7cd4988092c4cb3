//! Waiting for one's turn to write a piece of bulk data. The rule is in `tables/bulk.rs`.

use std::sync::Arc;
use std::task::Poll;

use super::Shared;
use crate::tables::{BulkTicket, PIECE};

/// A place in line that is given up when nobody waits any more.
struct Place<'a> {
    shared: &'a Shared,
    ticket: Option<BulkTicket>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.shared.with(|tables, _| tables.bulk.leave(ticket));
        }
    }
}

impl Shared {
    /// Waits until `bytes`, at most [`PIECE`], may be written on a bulk stream; they count as written then. Cancel-safe.
    /// After the connection's end it waits for ever, as its writers do not live on.
    pub(crate) async fn bulk_turn(self: &Arc<Self>, bytes: usize) {
        let mut place = Place { shared: self, ticket: None };
        std::future::poll_fn(|cx| {
            let now_ms = self.now_ms();
            let ticket = &mut place.ticket;
            let (granted, check_at) = self.with(|tables, _| {
                let busy = tables.is_busy();
                let granted = tables.bulk.ask(ticket, bytes.min(PIECE), busy, cx.waker(), now_ms);
                (granted, tables.bulk.next_check())
            });
            if granted {
                return Poll::Ready(());
            }
            self.check_by(check_at);
            Poll::Pending
        })
        .await;
    }
}

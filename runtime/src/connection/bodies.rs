//! The streams of large bodies: one for each body that was asked for. What may be asked for, written and read is decided in the tables.

use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use tokio::task::JoinSet;
use transport::{Link, RecvStream, SendStream, StreamError};

use super::streams::{Chunks, stream_failed, tell};
use super::{Message, Shared};
use crate::wire::{BodyId, STREAM_BODY};

/// Opens a stream for each body that the peer asks for, and writes them side by side.
pub(crate) async fn send_bodies(shared: Arc<Shared>, link: Link) {
    let mut writers = JoinSet::new();
    loop {
        let next = std::future::poll_fn(|cx| {
            let next = shared.with(|tables, _| tables.body_to_open(cx.waker()));
            next.map_or(Poll::Pending, Poll::Ready)
        });
        tokio::select! {
            number = next => match link.open_one_way().await {
                Ok(stream) => drop(writers.spawn_local(send(shared.clone(), stream, number))),
                Err(error) => return tell(&shared, Message::Link(error)),
            },
            Some(_) = writers.join_next() => {}
        }
    }
}

async fn send(shared: Arc<Shared>, mut stream: SendStream, number: BodyId) {
    if let Err(error) = write(&shared, &mut stream, number).await {
        stream_failed(&shared, error);
    }
}

async fn write(shared: &Arc<Shared>, stream: &mut SendStream, number: BodyId) -> Result<(), StreamError> {
    let mut first = vec![STREAM_BODY];
    first.extend(number.0.to_le_bytes());
    stream.send(first.into()).await?;
    loop {
        let piece = std::future::poll_fn(|cx| {
            let now_ms = shared.now_ms();
            shared.with(|tables, events| {
                let piece = tables.body_piece(number, cx.waker(), now_ms, events);
                match piece {
                    Poll::Ready(None) => shared.account.holds(tables.weigh(0)),
                    Poll::Ready(Some(_)) => {}
                    Poll::Pending => shared.check_by(tables.bulk.next_check()),
                }
                piece
            })
        });
        match piece.await {
            Some(piece) => stream.send(piece).await?,
            None => return stream.finish(),
        }
    }
}

/// Reads the body of a stream of the peer, whether or not anybody still wants it.
pub(crate) async fn receive(shared: Arc<Shared>, mut stream: RecvStream, number: BodyId, first: Bytes) {
    let len = match shared.with(|tables, _| tables.body_begins(number)) {
        Ok(len) => len,
        Err(rule) => return tell(&shared, Message::Violation(rule.to_string())),
    };
    // The system gives memory as it is written to, so that a peer who only opens streams takes none.
    let mut body = Vec::with_capacity(len);
    let mut chunks = Chunks::after(first);
    loop {
        let now_ms = shared.now_ms();
        match shared.with(|tables, _| tables.body_arrives(number, chunks.len(), now_ms)) {
            Ok(true) => chunks.drain().for_each(|chunk| body.extend_from_slice(&chunk)),
            Ok(false) => {
                chunks.drain().for_each(drop);
                body = Vec::new();
            }
            Err(rule) => return tell(&shared, Message::Violation(rule.to_string())),
        }
        match chunks.refill(&mut stream).await {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return stream_failed(&shared, error),
        }
    }
    let now_ms = shared.now_ms();
    let ended = shared.with(|tables, events| {
        let ended = tables.body_ends(number, body.into(), now_ms, events);
        shared.account.holds(tables.weigh(0));
        ended
    });
    match ended {
        Ok(()) => tell(&shared, Message::BodyEnded),
        Err(rule) => tell(&shared, Message::Violation(rule.to_string())),
    }
}

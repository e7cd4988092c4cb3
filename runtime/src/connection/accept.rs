//! The one-way streams of the peer: told apart by their first bytes, and each read to its end.
//!
//! Such a reader never waits for an application (N1); what it reads is given back to the sender's budget as it is read.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::task::JoinSet;
use tokio::time::timeout;
use transport::{Link, RecvStream, StreamError};

use super::streams::{stream_failed, tell};
use super::{Message, Shared, bodies, consume};
use crate::streaming::Format;
use crate::wire::{BodyId, STREAM_BODY, STREAM_BYTES, STREAM_ITEMS, StreamId};

/// How long a stream may stay without saying what it is.
const IDENTIFY_TIMEOUT: Duration = Duration::from_secs(10);

/// Accepts them until the link ends.
pub(crate) async fn accept_streams(shared: Arc<Shared>, link: Link, stream_idle: Duration) {
    let mut readers = JoinSet::new();
    loop {
        tokio::select! {
            accepted = link.accept_one_way() => match accepted {
                Ok(stream) => drop(readers.spawn_local(read(shared.clone(), stream, stream_idle))),
                Err(error) => return tell(&shared, Message::Link(error)),
            },
            Some(_) = readers.join_next() => {}
        }
    }
}

async fn read(shared: Arc<Shared>, mut stream: RecvStream, stream_idle: Duration) {
    // One that stays silent is dropped, which tells its sender to stop.
    let Ok(identified) = timeout(IDENTIFY_TIMEOUT, identify(&mut stream)).await else { return };
    let (kind, number, rest) = match identified {
        Ok(Some(first)) => first,
        Ok(None) => return tell(&shared, Message::Violation("a stream ended before it began".into())),
        Err(error) => return stream_failed(&shared, error),
    };
    if kind == STREAM_BODY {
        return bodies::receive(shared, stream, BodyId(number), rest).await;
    }
    let format = match kind {
        STREAM_ITEMS => Some(Format::Items),
        STREAM_BYTES => Some(Format::Bytes),
        _ => None,
    };
    if let Some(format) = format {
        return consume::read_stream(shared, stream, StreamId(number), format, rest, stream_idle).await;
    }
    tell(&shared, Message::Violation(format!("a one-way stream of kind {kind}")));
}

/// The kind and the number with which a stream begins, and what was read beyond them; `None` if it ends before.
async fn identify(stream: &mut RecvStream) -> Result<Option<(u8, u32, Bytes)>, StreamError> {
    const LEN: usize = 1 + 4;
    let Some(mut first) = stream.next().await? else { return Ok(None) };
    while first.len() < LEN {
        let Some(more) = stream.next().await? else { return Ok(None) };
        let mut both = BytesMut::from(first);
        both.extend_from_slice(&more);
        first = both.freeze();
    }
    let (kind, number) = (first.get_u8(), first.get_u32_le());
    Ok(Some((kind, number, first)))
}

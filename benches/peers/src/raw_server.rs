//! The server of both hand-written programs: no actors, no tasks, no objects. It decodes, adds and answers.
//!
//! One task reads a stream and answers all frames of a chunk into the outbox in one go; another one writes.

use std::sync::Arc;

use quinn::{Connection, Endpoint, RecvStream, SendStream};

use crate::Fault;
use crate::frame::{self, CALL, Deframer, FrameError};
use crate::outbox::Outbox;

/// Serves connections until the endpoint is closed.
pub(crate) async fn serve(endpoint: Endpoint) {
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(async move {
            if let Ok(connection) = incoming.await {
                serve_connection(connection).await;
            }
        });
    }
}

async fn serve_connection(connection: Connection) {
    while let Ok((send, recv)) = connection.accept_bi().await {
        let connection = connection.clone();
        tokio::spawn(async move {
            if let Err(fault) = serve_stream(send, recv).await {
                connection.close(1_u32.into(), fault.to_string().as_bytes());
            }
        });
    }
}

async fn serve_stream(send: SendStream, mut recv: RecvStream) -> Result<(), Fault> {
    let outbox = Arc::new(Outbox::new());
    let writer = tokio::spawn({
        let outbox = outbox.clone();
        async move { outbox.drain_into(send).await }
    });
    let read = answer_all(&mut recv, &outbox).await;
    outbox.close();
    writer.await??;
    read
}

async fn answer_all(recv: &mut RecvStream, outbox: &Outbox) -> Result<(), Fault> {
    let mut deframer = Deframer::default();
    while let Some(chunk) = recv.read_chunk(usize::MAX, true).await? {
        outbox.append(|frames| {
            deframer.feed(&chunk.bytes, |head, body| {
                if head.kind != CALL {
                    return Err(FrameError::Kind(head.kind));
                }
                let (a, b) = frame::arguments(body)?;
                frame::put_reply(frames, head.call, a.wrapping_add(b));
                Ok(())
            })
        })?;
    }
    Ok(())
}

//! An RPC client written by hand on quinn: one stream, a oneshot per call, tasks that await one call after another.
//!
//! The least that a caller who wants to `await` an answer has to pay. No deadlines, no cancellation, no objects.

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use quinn::RecvStream;
use rustls::pki_types::CertificateDer;
use tokio::sync::oneshot;

use crate::Fault;
use crate::frame::{self, Deframer, FrameError, REPLY};
use crate::load::{self, Adder, Plan};
use crate::outbox::Outbox;
use crate::quic;
use crate::report::Report;

/// Runs the load against a server of `raw_server`.
pub(crate) async fn client(
    server: SocketAddr,
    certificate: CertificateDer<'static>,
    plan: Plan,
) -> Result<Report, Fault> {
    let (_endpoint, connection) = quic::connect(server, certificate).await?;
    let (send, recv) = connection.open_bi().await?;
    let caller = Caller(Arc::new(Shared { outbox: Outbox::new(), waiting: Mutex::new(Waiting::default()) }));
    let writer = tokio::spawn({
        let caller = caller.clone();
        async move { caller.0.outbox.drain_into(send).await }
    });
    let reader = tokio::spawn({
        let caller = caller.clone();
        async move { caller.read(recv).await }
    });
    let report = load::drive(plan, caller.clone(), tokio::spawn).await?;
    caller.0.outbox.close();
    writer.await??;
    reader.await??;
    connection.close(0_u32.into(), b"measured");
    Ok(report)
}

#[derive(Clone)]
struct Caller(Arc<Shared>);

struct Shared {
    outbox: Outbox,
    waiting: Mutex<Waiting>,
}

/// Calls without an answer, by number; numbers are used again.
#[derive(Default)]
struct Waiting {
    slots: Vec<Option<oneshot::Sender<i64>>>,
    free: Vec<u32>,
    /// The stream is gone: whoever calls now would wait for ever.
    over: bool,
}

impl Adder for Caller {
    async fn add(&self, a: i64, b: i64) -> Result<i64, Fault> {
        let (answer, answered) = oneshot::channel();
        let call = self.0.waiting.lock().insert(answer).ok_or("the stream is gone")?;
        self.0.outbox.append(|frames| frame::put_call(frames, call, a, b));
        Ok(answered.await?)
    }
}

impl Caller {
    async fn read(&self, mut recv: RecvStream) -> Result<(), Fault> {
        let read = self.read_answers(&mut recv).await;
        self.0.waiting.lock().end();
        read
    }

    async fn read_answers(&self, recv: &mut RecvStream) -> Result<(), Fault> {
        let mut deframer = Deframer::default();
        while let Some(chunk) = recv.read_chunk(usize::MAX, true).await? {
            deframer.feed(&chunk.bytes, |head, body| {
                if head.kind != REPLY {
                    return Err(FrameError::Kind(head.kind));
                }
                let sum = frame::sum(body)?;
                let answer = self.0.waiting.lock().remove(head.call).ok_or(FrameError::Answer(head.call))?;
                // Nobody waits any more: that is the caller's affair.
                let _ = answer.send(sum);
                Ok(())
            })?;
        }
        Ok(())
    }
}

impl Waiting {
    fn insert(&mut self, answer: oneshot::Sender<i64>) -> Option<u32> {
        if self.over {
            return None;
        }
        if let Some(call) = self.free.pop() {
            self.slots[call as usize] = Some(answer);
            return Some(call);
        }
        self.slots.push(Some(answer));
        Some(self.slots.len() as u32 - 1)
    }

    fn remove(&mut self, call: u32) -> Option<oneshot::Sender<i64>> {
        let answer = self.slots.get_mut(call as usize)?.take()?;
        self.free.push(call);
        Some(answer)
    }

    /// Dropping the senders tells every waiting call.
    fn end(&mut self) {
        self.over = true;
        self.slots.clear();
        self.free.clear();
    }
}

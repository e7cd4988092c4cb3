//! The limit of quinn: a client that keeps a window of calls on one stream full, without a future per call.
//!
//! One task reads answers and puts the next calls into the outbox, a chunk at a time. Nobody waits for a single call,
//! so this is not an RPC library that anyone could use; it is what one cannot be faster than.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{BufMut as _, BytesMut};
use hdrhistogram::Histogram;

use crate::Fault;
use crate::cpu;
use crate::load::{self, Plan};
use crate::peer::Address;
use crate::raw::frame::{self, Body, Deframer, FrameError, Head, REPLY};
use crate::raw::outbox::Outbox;
use crate::raw::{mux, quic};
use crate::report::Report;

/// Runs the load against a server of hand-written QUIC.
pub(crate) async fn client(at: &Address, plan: Plan) -> Result<Report, Fault> {
    let connection = quic::dialer(at, None)?.connect().await?;
    let (send, mut recv) = connection.open_bi().await?;
    let outbox = Arc::new(Outbox::new());
    let writer = tokio::spawn({
        let outbox = outbox.clone();
        async move { outbox.drain_into(send).await }
    });

    let mut deframer = Deframer::default();
    let mut window = Window::new(plan);
    outbox.append(|queue| {
        queue.frames.put_u8(mux::CALLS);
        window.fill(&mut queue.frames);
    });
    let report = loop {
        let chunk = recv.read_chunk(usize::MAX, true).await?.ok_or("the server finished the stream")?;
        outbox.append(|queue| {
            deframer.feed(&chunk.bytes, |head, body| window.answered(head, &body, &mut queue.frames))
        })?;
        if let Some(report) = window.look_at_the_clock()? {
            break report;
        }
    };
    outbox.close();
    writer.await??;
    connection.close(0_u32.into(), b"measured");
    Ok(report)
}

/// The calls under way, and what is counted of them.
struct Window {
    plan: Plan,
    sample_every: u64,
    slots: Vec<Slot>,
    /// How many calls were made so far.
    made: u64,
    /// How many of them were answered.
    answered: u64,
    stage: Stage,
    latencies: Histogram<u64>,
}

#[derive(Clone, Copy)]
struct Slot {
    sum: i64,
    begin: Option<Instant>,
}

enum Stage {
    WarmUp { begin: Instant },
    Measured { begin: Instant, cpu: Duration, answered: u64 },
}

impl Window {
    fn new(plan: Plan) -> Self {
        Self {
            plan,
            sample_every: plan.sample_every(),
            slots: vec![Slot { sum: 0, begin: None }; plan.work.in_flight() as usize],
            made: 0,
            answered: 0,
            stage: Stage::WarmUp { begin: Instant::now() },
            latencies: load::histogram(),
        }
    }

    fn fill(&mut self, frames: &mut BytesMut) {
        for call in 0..self.plan.work.in_flight() {
            self.make(call, frames);
        }
    }

    fn make(&mut self, call: u32, frames: &mut BytesMut) {
        let (a, b) = load::arguments(self.made);
        let begin = self.made.is_multiple_of(self.sample_every).then(Instant::now);
        self.slots[call as usize] = Slot { sum: a + b, begin };
        self.made += 1;
        frame::put_add(frames, call, a, b);
    }

    /// Takes an answer and makes the next call in its place.
    fn answered(&mut self, head: Head, body: &Body<'_>, frames: &mut BytesMut) -> Result<(), FrameError> {
        if head.kind != REPLY {
            return Err(FrameError::Kind(head.kind));
        }
        let sum = frame::number(body.as_slice())?;
        let slot = self.slots.get(head.call as usize).filter(|slot| slot.sum == sum);
        let Slot { begin, .. } = *slot.ok_or(FrameError::Answer(head.call))?;
        self.answered += 1;
        if let (Some(begin), Stage::Measured { .. }) = (begin, &self.stage) {
            self.latencies.saturating_record(begin.elapsed().as_nanos() as u64);
        }
        self.make(head.call, frames);
        Ok(())
    }

    /// Goes on to the next stage when it is time; the report ends the last one.
    fn look_at_the_clock(&mut self) -> Result<Option<Report>, Fault> {
        match self.stage {
            Stage::WarmUp { begin } if begin.elapsed() >= self.plan.warm_up => {
                let cpu = cpu::used()?;
                self.stage = Stage::Measured { begin: Instant::now(), cpu, answered: self.answered };
                Ok(None)
            }
            Stage::Measured { begin, cpu, answered } if begin.elapsed() >= self.plan.measured => {
                let elapsed = begin.elapsed();
                let cpu = cpu::used()?.saturating_sub(cpu);
                let measured = self.answered - answered;
                Ok(Some(Report::counted(measured, self.answered, elapsed, cpu).with_latency(&self.latencies)))
            }
            _ => Ok(None),
        }
    }
}

//! The actor that owns a connection: its control messages and its life cycle, not its traffic.
//!
//! Calls go from the reader of a lane to their object and from there to the writer, past this actor. It ends in one place,
//! [`ConnectionActor::finish`], whatever ended the connection.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::{CODE_PROTOCOL, Connection, Ended, Shared};
use crate::node::NodeInner;
use crate::wire::Control;

pub(crate) type ConnectionAddr = Addr<ConnectionActor>;

/// How long nothing may be heard of the peer while a close is under way; a slow link on which answers still flow is given
/// [`crate::Config::drain_timeout`].
const CLOSE_SILENCE: Duration = Duration::from_secs(1);

/// How often that is looked at.
const CLOSE_LOOK: Duration = Duration::from_millis(250);

pub(crate) struct ConnectionActor {
    shared: Arc<Shared>,
    link: transport::Link,
    node: Arc<NodeInner>,
    tasks: Vec<AbortHandle>,
    /// Lane readers that have not seen the end of their stream.
    lanes_open: usize,
    closing: Option<Closing>,
    patience: Option<Patience>,
}

/// How long a close in good order may still take.
struct Patience {
    until: Instant,
    /// What was received when it was last looked at, and since when it is the same.
    received: u64,
    since: Instant,
}

/// Who said `Close` first.
enum Closing {
    Us { code: u32, reason: String },
    Peer { code: u32, reason: String },
}

/// What happens to a connection.
#[derive(actix::Message)]
#[rtype(result = "()")]
pub(crate) enum Message {
    /// A message of the control stream.
    Control(Control),
    /// A lane of an object's own is there.
    LaneBegan,
    /// A lane reader has seen the end of its stream.
    LaneEnded,
    /// The body of a stream has been read.
    BodyEnded,
    /// The peer broke a rule.
    Violation(String),
    /// The link has failed.
    Link(transport::LinkError),
    /// This side wants to close.
    Close { code: u32, reason: String },
    /// Calls of the peer that are under way may end, new ones may not begin.
    Drain,
    /// Look whether a close in good order still gets on.
    StillClosing,
}

impl ConnectionActor {
    pub(crate) fn new(
        shared: Arc<Shared>,
        link: transport::Link,
        node: Arc<NodeInner>,
        lanes_open: usize,
    ) -> ConnectionActor {
        ConnectionActor { shared, link, node, tasks: Vec::new(), lanes_open, closing: None, patience: None }
    }

    pub(crate) fn owns(&mut self, task: AbortHandle) {
        self.tasks.push(task);
    }

    fn violation(&mut self, rule: String, ctx: &mut Context<Self>) {
        tracing::warn!(connection = self.shared.id, peer = %self.link.peer(), rule, "the peer broke the protocol");
        self.link.close(CODE_PROTOCOL, &rule);
        self.finish(Ended::Violation(rule), ctx);
    }

    fn close(&mut self, code: u32, reason: String, ctx: &mut Context<Self>) {
        if self.closing.is_some() {
            return;
        }
        self.shared.with(|tables, _| tables.say_close(code, &reason));
        self.closing = Some(Closing::Us { code, reason });
        self.be_patient(ctx);
    }

    /// The peer closes: what it had sent before is read first, then its close is answered.
    fn peer_closes(&mut self, code: u32, reason: String, ctx: &mut Context<Self>) {
        match self.closing.take() {
            Some(Closing::Us { code, reason }) => {
                self.link.close(code, &reason);
                self.finish(Ended::ByUs, ctx);
            }
            Some(peer) => self.closing = Some(peer),
            None => {
                self.closing = Some(Closing::Peer { code, reason });
                self.be_patient(ctx);
                self.answer_close_if_read();
            }
        }
    }

    /// The rest may flow as long as the peer is heard of, within limits.
    fn be_patient(&mut self, ctx: &mut Context<Self>) {
        let now = Instant::now();
        let until = now + self.node.config.drain_timeout.max(CLOSE_SILENCE);
        self.patience = Some(Patience { until, received: self.link.stats().received_bytes, since: now });
        ctx.notify_later(Message::StillClosing, CLOSE_LOOK);
    }

    fn still_closing(&mut self, ctx: &mut Context<Self>) {
        let (now, stats) = (Instant::now(), self.link.stats());
        let Some(patience) = &mut self.patience else { return };
        if stats.received_bytes != patience.received {
            (patience.received, patience.since) = (stats.received_bytes, now);
        }
        let silence = CLOSE_SILENCE.max(3 * stats.rtt);
        if now >= patience.until || now.saturating_duration_since(patience.since) >= silence {
            return self.finish(Ended::ByUs, ctx);
        }
        ctx.notify_later(Message::StillClosing, CLOSE_LOOK);
    }

    fn answer_close_if_read(&mut self) {
        if self.lanes_open == 0 && matches!(self.closing, Some(Closing::Peer { .. })) {
            self.shared.with(|tables, _| {
                if !tables.bodies.awaits_replies() {
                    tables.say_close(0, "");
                }
            });
        }
    }

    /// The one place where a connection ends.
    fn finish(&mut self, ended: Ended, ctx: &mut Context<Self>) {
        let ended = match self.closing.take() {
            Some(Closing::Peer { code, reason }) => Ended::ByPeer { code, reason },
            Some(Closing::Us { code, reason }) => {
                self.link.close(code, &reason);
                Ended::ByUs
            }
            None => ended,
        };
        tracing::info!(connection = self.shared.id, peer = %self.link.peer(), %ended, "connection closed");
        self.shared.end(ended);
        let connection = Connection::of(self.shared.clone());
        for service in self.shared.instances.take() {
            service.disconnected(connection.clone());
        }
        self.link.close(0, "");
        for task in self.tasks.drain(..) {
            task.abort();
        }
        self.node.forget(self.shared.id, &self.shared.worker);
        ctx.stop();
    }
}

/// However the actor ends, nothing waits on its connection for ever.
impl Drop for ConnectionActor {
    fn drop(&mut self) {
        self.shared.end(Ended::Lost("its thread has ended".to_owned()));
    }
}

impl Actor for ConnectionActor {
    type Context = Context<Self>;
}

impl Handler<Message> for ConnectionActor {
    type Result = ();

    fn handle(&mut self, message: Message, ctx: &mut Context<Self>) {
        if self.shared.ended.borrow().is_some() {
            return;
        }
        match message {
            Message::Control(Control::Close { code, reason }) => self.peer_closes(code, reason, ctx),
            Message::Control(message) => {
                if let Control::Taken { .. } = message {
                    self.shared.round_trip(self.link.rtt());
                }
                let now_ms = self.shared.now_ms();
                let obeyed = self.shared.with(|tables, events| tables.control(message, now_ms, events));
                if let Err(rule) = obeyed {
                    self.violation(rule.to_string(), ctx);
                }
            }
            Message::LaneBegan => self.lanes_open += 1,
            Message::LaneEnded => {
                self.lanes_open = self.lanes_open.saturating_sub(1);
                self.answer_close_if_read();
            }
            Message::BodyEnded => self.answer_close_if_read(),
            Message::Violation(rule) => self.violation(rule, ctx),
            Message::Link(error) => self.finish(ended_by(error), ctx),
            Message::Close { code, reason } => self.close(code, reason, ctx),
            Message::Drain => self.shared.with(|tables, _| tables.drain()),
            Message::StillClosing => self.still_closing(ctx),
        }
    }
}

fn ended_by(error: transport::LinkError) -> Ended {
    match error {
        transport::LinkError::PeerClosed { code, reason } => Ended::ByPeer { code, reason },
        transport::LinkError::LocallyClosed => Ended::ByUs,
        transport::LinkError::TimedOut => Ended::TimedOut,
        other => Ended::Lost(other.to_string()),
    }
}

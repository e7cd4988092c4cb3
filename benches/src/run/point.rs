//! One load of a run, from its connections to its figures.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use duologue::{CallError, Ended};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::MissedTickBehavior;

use super::control::{Control, Event, Over};
use super::crew::Crew;
use super::desk::Desk;
use super::news::News;
use super::orders::{Orders, since};
use super::recorder::{Seen, Tally};
use crate::access::Target;
use crate::held::Held;
use crate::knobs::Knobs;
use crate::latency::Latency;
use crate::plan::Planned;
use crate::report::{EndUse, Failure, Left, Part, Point, Sample};
use crate::usage::Usage;

/// How often there are news.
const TICK: Duration = Duration::from_millis(200);

/// A closed loop in which no call has ended goes on for so long at most: as long as a call may take.
const MORE: Duration = Duration::from_secs(30);

const UNSAID: &str = "the server did not say what it has used";

/// What ends a run before its time.
#[derive(Debug)]
pub(super) enum Cut {
    Told,
    Broken(String),
}

/// What both ends had used at a moment.
struct Both {
    at: Instant,
    client: Usage,
    server: Usage,
}

impl Both {
    async fn now(desk: &Desk, control: &Control) -> Result<Both, Cut> {
        match desk.usage().await {
            Ok(server) => Ok(Both::with(server, control)),
            Err(CallError::Disconnected { .. }) => Err(lost(&desk.connection.closed().await)),
            Err(error) => Err(Cut::Broken(format!("{UNSAID}: {error}"))),
        }
    }

    /// What the server has used, and what this end has used now.
    fn with(server: Usage, control: &Control) -> Both {
        let mut client = Usage::now();
        // Saying when calls are due is none of what they cost a client.
        client.cpu = client.cpu.map(|cpu| cpu.saturating_sub(control.pacing()));
        Both { at: Instant::now(), client, server }
    }

    /// Its memory, if it is known of either end.
    fn sample(&self, begin: &Both) -> Option<Sample> {
        let sample = Sample::new(self.at.duration_since(begin.at), &self.client, &self.server);
        sample.client_bytes.or(sample.server_bytes).map(|_| sample)
    }
}

/// Measures a point; what ended it early, if anything did. Without a point nothing was measured.
pub(super) async fn measure(
    planned: Planned,
    target: &Target,
    desk: &Desk,
    news: &mut impl FnMut(News),
    stop: Pin<&mut impl Future<Output = ()>>,
) -> (Option<Point>, Option<Cut>) {
    let Planned { value, percent, knobs } = planned;
    let (control, events) = Control::new(knobs.threads);
    let orders = Arc::new(Orders { knobs: knobs.clone(), target: target.clone(), control: control.clone() });
    let mut watch = Watch { control: control.clone(), events, desk, news, stop, memory: Vec::new() };
    let crew = match Crew::start(&orders) {
        Ok(crew) => crew,
        Err(why) => return (None, Some(Cut::Broken(why))),
    };
    let mut marks = Marks { empty: None, full: None, begin: None, ended: None, end: None };
    let cut = watch.load(&knobs, &mut marks).await.err();
    let at = Instant::now();
    control.end(Over { at, cut: cut.is_some() });
    if marks.begin.is_some() && marks.end.is_none() {
        // What ends the load ends the measured time, if that had not ended before.
        let used = match &cut {
            Some(Cut::Broken(_)) => Err(UNSAID.to_owned()),
            _ => desk.usage().await.map_err(|error| format!("{UNSAID}: {error}")),
        };
        let unsaid = |why| Usage { missing: Some(why), ..Usage::default() };
        let both = Both::with(used.unwrap_or_else(unsaid), &control);
        marks.end = Some(Both { at: marks.ended.unwrap_or(at), ..both });
    }
    let (left, seen) = wind_up(&mut watch, crew, desk).await;
    let memory = watch.memory;
    let point = match (marks.begin.take(), marks.end.take()) {
        (Some(begin), Some(end)) => {
            let memory = begin.sample(&begin).into_iter().chain(memory).chain(end.sample(&begin)).collect();
            let point = point(value, knobs, &marks, begin, end, &seen, cut.is_none());
            Some(Point { percent, left: Some(left), memory, ..point })
        }
        _ => None,
    };
    (point, cut)
}

/// Asks both ends what they still hold, while the connections are open, and again when they are closed; what the threads have seen.
async fn wind_up<N, S>(watch: &mut Watch<'_, N, S>, crew: Crew, desk: &Desk) -> (Left, Vec<Seen>) {
    let (nodes, client) = crew.idle(&mut watch.events).await;
    let held = desk.held(nodes.clone()).await;
    watch.control.dismiss();
    let seen = crew.join().await;
    let server = match held {
        Ok(held) => desk.open_connections(nodes).await.map(|connections| Held { connections, ..held }),
        Err(why) => Err(why),
    };
    let missing = server.as_ref().err().cloned();
    (Left { client, server: server.ok(), missing }, seen)
}

/// What was used by then: with the first connection of each thread, with all of them, and around the measured time.
struct Marks {
    empty: Option<Both>,
    full: Option<Both>,
    begin: Option<Both>,
    /// When the measured time ended; what was used until then is asked for after that.
    ended: Option<Instant>,
    end: Option<Both>,
}

/// Whoever leads a load through its phases, and looks after it.
struct Watch<'a, N, S> {
    control: Arc<Control>,
    events: UnboundedReceiver<Event>,
    desk: &'a Desk,
    news: &'a mut N,
    stop: Pin<&'a mut S>,
    /// Of the measured time, between its ends.
    memory: Vec<Sample>,
}

impl<N: FnMut(News), S: Future<Output = ()>> Watch<'_, N, S> {
    async fn load(&mut self, knobs: &Knobs, marks: &mut Marks) -> Result<(), Cut> {
        self.all(knobs, |event| matches!(event, Event::Started)).await?;
        marks.empty = Some(self.both().await?);
        self.control.connect();
        self.all(knobs, |event| matches!(event, Event::Ready)).await?;
        marks.full = Some(self.both().await?);
        self.control.begin(Instant::now());
        self.pass(knobs.warm_up, false).await?;
        marks.begin = Some(self.both().await?);
        self.control.measure();
        self.measure(knobs.duration).await?;
        let more = Instant::now();
        while knobs.rate.is_none() && self.control.sum(|meter| &meter.measured) == 0 && more.elapsed() < MORE
        {
            self.next(Duration::from_millis(10)).await?;
        }
        let ended = self.control.measured();
        marks.ended = Some(ended);
        // While the load goes on, as at the beginning: what the draining of calls under way costs belongs to none that is counted.
        marks.end = Some(Both { at: ended, ..self.both().await? });
        self.control.end(Over { at: Instant::now(), cut: false });
        Ok(())
    }

    /// What both ends have used; a server that does not say it is the end of the load.
    async fn both(&mut self) -> Result<Both, Cut> {
        tokio::select! {
            biased;
            () = self.stop.as_mut() => Err(Cut::Told),
            ended = self.desk.connection.closed() => Err(lost(&ended)),
            both = Both::now(self.desk, &self.control) => both,
        }
    }

    /// Waits until every thread has said so.
    async fn all(&mut self, knobs: &Knobs, said: impl Fn(&Event) -> bool) -> Result<(), Cut> {
        let of = if knobs.load.connects() { 0 } else { u64::from(knobs.connections) };
        let mut threads = 0;
        while threads < knobs.threads {
            if self.next(TICK).await?.as_ref().is_some_and(&said) {
                threads += 1;
            }
            let made = self.control.sum(|meter| &meter.connections);
            (self.news)(News::Connecting { made, of });
        }
        Ok(())
    }

    /// Lets the load run for so long, and takes samples of memory meanwhile.
    async fn measure(&mut self, duration: Duration) -> Result<(), Cut> {
        let (desk, mut memory) = (self.desk, Vec::new());
        let passed = tokio::select! {
            biased;
            passed = self.pass(duration, true) => passed,
            never = sample(desk, duration, &mut memory) => match never {},
        };
        self.memory = memory;
        passed
    }

    /// Lets the load run for so long.
    async fn pass(&mut self, time: Duration, measured: bool) -> Result<(), Cut> {
        let begin = Instant::now();
        let (mut calls, mut since) = (self.control.sum(|meter| &meter.calls), begin);
        loop {
            let passed = begin.elapsed();
            let Some(left) = time.checked_sub(passed).filter(|left| !left.is_zero()) else { return Ok(()) };
            self.next(left.min(TICK)).await?;
            let (now, count) = (Instant::now(), self.control.sum(|meter| &meter.calls));
            let per_s = (count - calls) as f64 / (now - since).as_secs_f64().max(1e-6);
            (calls, since) = (count, now);
            (self.news)(News::Running {
                seconds: begin.elapsed().as_secs_f64(),
                of: time.as_secs_f64(),
                measured,
                per_s,
                failed: self.control.sum(|meter| &meter.failed),
            });
        }
    }

    /// What a thread says within that time; an error is the end of the load.
    async fn next(&mut self, within: Duration) -> Result<Option<Event>, Cut> {
        tokio::select! {
            biased;
            () = self.stop.as_mut() => Err(Cut::Told),
            event = self.events.recv() => match event {
                Some(Event::Broken(why)) => Err(Cut::Broken(why)),
                other => Ok(other),
            },
            ended = self.desk.connection.closed() => Err(lost(&ended)),
            () = tokio::time::sleep(within) => Ok(None),
        }
    }
}

fn lost(ended: &Ended) -> Cut {
    Cut::Broken(format!("the connection was lost: {ended}"))
}

/// Takes samples of memory from time to time: a call to the server each, and never two at once.
async fn sample(desk: &Desk, duration: Duration, memory: &mut Vec<Sample>) -> Infallible {
    let begin = Instant::now();
    let mut due = tokio::time::interval(Sample::apart(duration));
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first one is due at once: the begin of the measured time has been looked at.
    due.tick().await;
    loop {
        due.tick().await;
        let server = desk.usage().await.unwrap_or_default();
        memory.push(Sample::new(since(begin), &Usage::now(), &server));
    }
}

fn point(
    value: Option<f64>,
    knobs: Knobs,
    marks: &Marks,
    begin: Both,
    end: Both,
    seen: &[Seen],
    complete: bool,
) -> Point {
    let parts: Vec<Tally> = (0..knobs.load.works().len())
        .map(|part| Tally::merged(seen.iter().filter_map(move |thread| thread.tallies.get(part))))
        .collect();
    let all = Tally::merged(&parts);
    let seconds = end.at.duration_since(begin.at).as_secs_f64().max(1e-9);
    let more = if knobs.load.connects() { 0 } else { knobs.connections.saturating_sub(knobs.threads) };
    let grown = marks.empty.as_ref().zip(marks.full.as_ref());
    let used = |of: fn(&Both) -> &Usage| {
        let grown = grown.map(|(empty, full)| (of(empty), of(full), more));
        EndUse::between(of(&begin), of(&end), all.calls, grown)
    };
    let (client, server) = (used(|both| &both.client), used(|both| &both.server));
    let kinds = knobs.load.works().iter().zip(&parts);
    Point {
        value,
        percent: None,
        complete,
        seconds,
        calls: all.calls,
        per_s: all.calls as f64 / seconds,
        bytes: all.bytes,
        bytes_per_s: all.bytes as f64 / seconds,
        failed: all.failed.values().sum(),
        failures: all
            .failed
            .iter()
            .map(|(text, count)| Failure { text: text.clone(), count: *count })
            .collect(),
        unanswered: all.unanswered,
        held_back: seen.iter().map(|thread| thread.held_back).sum(),
        latency: Latency::of(&all.latency),
        service: all.service.as_ref().and_then(Latency::of),
        client,
        server,
        parts: match parts.len() {
            1 => Vec::new(),
            _ => kinds
                .map(|(&(work, weight), tally)| Part {
                    work,
                    weight,
                    calls: tally.calls,
                    per_s: tally.calls as f64 / seconds,
                    failed: tally.failed.values().sum(),
                    latency: Latency::of(&tally.latency),
                })
                .collect(),
        },
        left: None,
        memory: Vec::new(),
        knobs,
    }
}

//! How a load is made: how much of it, by whom, for how long. What makes no sense is refused here, with the reason.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::axis::Axis;
use crate::difference::Difference;
use crate::load::Load;
use crate::units::{about_size, plural, seconds};

/// What objects share on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Lanes {
    /// So many lanes for all objects of a connection, which are dealt to them.
    Shared(u8),
    /// A lane for each object.
    Own,
}

/// All settings of a load. `check` says whether they make sense together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Knobs {
    /// What is done.
    pub load: Load,
    /// Connections, made before anything is measured. Default: 1.
    pub connections: u32,
    /// Closed loop: calls under way on each connection at any time; of the work `connect`, handshakes under way. Default: 64
    /// (streams: 4, bulk: 1, connect: 16).
    pub in_flight: u32,
    /// Open loop: the most that are under way, times connections (of the work `connect`: in all); never more than 4,000,000, or
    /// 4 GiB of payload. What is due beyond it waits, and its wait counts. Default: 1,024.
    pub in_flight_max: u32,
    /// Objects on each connection, used in turn. Default: 1.
    pub objects: u32,
    /// What they share on the way. Default: one lane.
    pub lanes: Lanes,
    /// Threads of the client, each a node with its share of the connections and their callers. Default: 1.
    pub threads: u32,
    /// Calls a second, over all connections: an open loop. Without it the loop is closed: a call begins where another ends.
    pub rate: Option<f64>,
    /// How long is measured. A closed loop goes on until at least one call has ended, for 30 s more at most. Default: 10 s.
    pub duration: Duration,
    /// How long the load runs before that. Default: 2 s.
    pub warm_up: Duration,
    /// Handshakes under way at once while the connections are made. Default: 64.
    pub connecting: u32,
    /// How long the server may be silent until it counts as dead. Default: 10 s.
    pub idle_timeout: Duration,
    /// How long the client's threads stay awake after each frame that arrives. Default: zero, which is never.
    #[serde(default)]
    pub busy_poll: Duration,
}

/// A setting makes no sense; nothing was started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--{knob}: {reason}")]
pub struct KnobError {
    /// Its name on the command line.
    pub knob: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

const CONNECTIONS_MAX: u32 = 100_000;
const IN_FLIGHT_MAX: u32 = 65_536;
/// Each call under way is a task here and there.
const CALLS_MAX: u64 = 4_000_000;
const OBJECTS_MAX: u64 = 1_000_000;
/// A connection has 16,384 streams, and needs some for itself.
const OWN_LANES_MAX: u32 = 16_000;
const THREADS_MAX: u32 = 256;
const RATE_MAX: f64 = 1e8;
const DURATION_MIN: Duration = Duration::from_millis(10);
const DAY: Duration = Duration::from_secs(86_400);
/// Longer than that a thread waits for nobody.
const BUSY_POLL_MAX: Duration = Duration::from_secs(1);
/// What may be under way in payloads.
pub(crate) const HELD_MAX: u64 = 4 << 30;

impl Knobs {
    /// A load with the usual settings.
    pub fn new(load: Load) -> Knobs {
        Knobs {
            in_flight: load.usual_in_flight(),
            load,
            in_flight_max: 1_024,
            connections: 1,
            objects: 1,
            lanes: Lanes::Shared(1),
            threads: 1,
            rate: None,
            duration: Duration::from_secs(10),
            warm_up: Duration::from_secs(2),
            connecting: 64,
            idle_timeout: Duration::from_secs(10),
            busy_poll: Duration::ZERO,
        }
    }

    /// Refuses what makes no sense.
    pub fn check(&self) -> Result<(), KnobError> {
        within("connections", self.connections, 1, CONNECTIONS_MAX)?;
        within("in-flight", self.in_flight, 1, IN_FLIGHT_MAX)?;
        within("in-flight", self.in_flight_max, 1, IN_FLIGHT_MAX)?;
        within("objects", u64::from(self.objects), 1, OBJECTS_MAX)?;
        within("threads", self.threads, 1, THREADS_MAX)?;
        within("connecting", self.connecting, 1, 4_096)?;
        if let Some(rate) = self.rate
            && !(rate > 0.0 && rate <= RATE_MAX)
        {
            return refuse("rate", format!("must be above 0 and at most {RATE_MAX} calls a second"));
        }
        if !(DURATION_MIN..=DAY).contains(&self.duration) {
            return refuse("duration", "must be between 10ms and 24h".to_owned());
        }
        if let Some(rate) = self.rate
            && rate * self.duration.as_secs_f64() < 1.0
        {
            let measured = seconds(self.duration);
            return refuse(
                "rate",
                format!("{rate} calls a second are not one in the {measured} that are measured"),
            );
        }
        if self.warm_up > DAY {
            return refuse("warm-up", "must be at most 24h".to_owned());
        }
        if !(Duration::from_millis(500)..=Duration::from_secs(600)).contains(&self.idle_timeout) {
            return refuse("idle-timeout", "must be between 500ms and 10m".to_owned());
        }
        if self.busy_poll > BUSY_POLL_MAX {
            return refuse("busy-poll", "must be at most 1s".to_owned());
        }
        if let Lanes::Shared(lanes) = self.lanes {
            within("lanes", lanes, 1, Lanes::SHARED_MAX)?;
            // An object stays on one lane.
            if u32::from(lanes) > self.objects && !self.load.connects() {
                return refuse("lanes", format!("{lanes} lanes need as many objects, with --objects"));
            }
        }
        if self.lanes == Lanes::Own && self.objects > OWN_LANES_MAX {
            let most =
                format!("at most {OWN_LANES_MAX} with lanes of their own: a connection has 16384 streams");
            return refuse("objects", most);
        }
        self.check_sums()?;
        if self.load.connects() { self.check_connect() } else { self.check_threads() }
    }

    fn check_sums(&self) -> Result<(), KnobError> {
        let calls = u64::from(self.connections) * u64::from(self.in_flight);
        if calls > CALLS_MAX && self.rate.is_none() {
            let reason = format!("{calls} calls under way on all connections, at most {CALLS_MAX} are");
            return refuse("in-flight", reason);
        }
        let held = calls.saturating_mul(self.load.held());
        if held > HELD_MAX && self.rate.is_none() {
            let (held, most) = (about_size(held as f64), about_size(HELD_MAX as f64));
            return refuse("in-flight", format!("{held} of payload under way, at most {most} may be"));
        }
        let objects = u64::from(self.connections) * u64::from(self.objects);
        if objects > 4 * OBJECTS_MAX {
            let reason = format!("{objects} on all connections, at most {} are", 4 * OBJECTS_MAX);
            return refuse("objects", reason);
        }
        Ok(())
    }

    /// Calls of an open loop that may be under way on so many connections.
    pub(crate) fn under_way_max(&self, connections: u32) -> u64 {
        let part = |all: u64| (all * u64::from(connections) / u64::from(self.connections)).max(1);
        let payload = HELD_MAX / self.load.held().max(1);
        (u64::from(self.in_flight_max) * u64::from(connections)).min(part(CALLS_MAX)).min(part(payload))
    }

    /// The same for people: how many calls of an open loop may be under way at once.
    pub(crate) fn most_in_words(&self) -> String {
        if self.load.connects() {
            return format!("{} under way", plural(self.in_flight_max.into(), "handshake"));
        }
        let most = self.under_way_max(self.connections);
        match most < u64::from(self.in_flight_max) * u64::from(self.connections) {
            true => format!("{} under way on all connections", plural(most, "call")),
            false => format!("{} under way on each connection", plural(self.in_flight_max.into(), "call")),
        }
    }

    fn check_threads(&self) -> Result<(), KnobError> {
        if self.threads > self.connections {
            let reason = format!(
                "{} for {}: a connection lives on one thread, the others would stand idle",
                self.threads,
                plural(self.connections.into(), "connection")
            );
            return refuse("threads", reason);
        }
        Ok(())
    }

    fn check_connect(&self) -> Result<(), KnobError> {
        if self.connections != 1 {
            let reason = "connect makes its own: --in-flight says how many handshakes are under way";
            return refuse("connections", reason.to_owned());
        }
        if self.objects != 1 {
            return refuse("objects", "connect uses none".to_owned());
        }
        if self.lanes != Lanes::Shared(1) {
            return refuse("lanes", "connect uses none".to_owned());
        }
        let at_once = self.in_flight.min(self.in_flight_max);
        if self.threads > at_once {
            let reason = format!("{} for {at_once} handshakes at once", self.threads);
            return refuse("threads", reason);
        }
        Ok(())
    }
}

fn within<T: PartialOrd + fmt::Display>(
    knob: &'static str,
    value: T,
    least: T,
    most: T,
) -> Result<(), KnobError> {
    if value < least || value > most {
        return refuse(knob, format!("must be between {least} and {most}"));
    }
    Ok(())
}

fn refuse(knob: &'static str, reason: String) -> Result<(), KnobError> {
    Err(KnobError { knob, reason })
}

impl Knobs {
    /// In words, for the head of a report of a curve over `axis`.
    pub(crate) fn in_words(&self, axis: Option<Axis>) -> String {
        let varied = |over: Axis| axis == Some(over);
        let open = self.rate.is_some() || varied(Axis::Rate);
        let in_flight = match (open, varied(Axis::InFlight)) {
            (true, _) => format!("at most {}", self.in_flight_max),
            (false, true) => "varied numbers".to_owned(),
            (false, false) => self.in_flight.to_string(),
        };
        let mut words = Vec::new();
        if self.load.connects() {
            words.push(format!("{in_flight} handshakes at once"));
        } else {
            let connections = match varied(Axis::Connections) {
                true => "varied numbers of connections".to_owned(),
                false => plural(self.connections.into(), "connection"),
            };
            words.push(format!("{connections} × {in_flight} in flight"));
            let objects = match varied(Axis::Objects) {
                true => "varied numbers of objects".to_owned(),
                false => plural(self.objects.into(), "object"),
            };
            let lanes = match varied(Axis::Lanes) {
                true => "varied lanes".to_owned(),
                false => self.lanes.in_words(),
            };
            words.push(format!("{objects} each on {lanes}"));
        }
        words.push(match self.rate {
            Some(rate) => format!("open loop of {rate} calls/s"),
            None if open => "open loop at varied rates".to_owned(),
            None => "closed loop".to_owned(),
        });
        words.push(format!("{} after {} of warm-up", seconds(self.duration), seconds(self.warm_up)));
        words.push(format!("{} of the client", plural(self.threads.into(), "thread")));
        if !self.busy_poll.is_zero() {
            words.push(format!("awake for {} after each frame", seconds(self.busy_poll)));
        }
        words.join(", ")
    }
}

impl Lanes {
    /// The most that may be shared.
    pub(crate) const SHARED_MAX: u8 = 64;

    fn in_words(self) -> String {
        match self {
            Lanes::Own => "lanes of their own".to_owned(),
            Lanes::Shared(1) => "one lane".to_owned(),
            Lanes::Shared(n) => format!("{n} shared lanes"),
        }
    }
}

impl Knobs {
    /// In what another load differs from this one, but for what it does and the knob of `axis`: the names of the knobs and
    /// their values there and here.
    pub(crate) fn differences(&self, other: &Knobs, axis: Option<Axis>) -> Vec<Difference> {
        let open = self.rate.is_some() || axis == Some(Axis::Rate);
        let in_flight = |k: &Knobs| if open { k.in_flight_max } else { k.in_flight }.to_string();
        type Of<'a> = &'a dyn Fn(&Knobs) -> String;
        let all: [(&'static str, Option<Axis>, Of<'_>); 9] = [
            ("connections", Some(Axis::Connections), &|k| k.connections.to_string()),
            ("in-flight", Some(Axis::InFlight), &in_flight),
            ("objects", Some(Axis::Objects), &|k| k.objects.to_string()),
            ("lanes", Some(Axis::Lanes), &|k| k.lanes.to_string()),
            ("threads", None, &|k| k.threads.to_string()),
            ("rate", Some(Axis::Rate), &|k| k.rate.map_or("none".to_owned(), |rate| rate.to_string())),
            ("duration", None, &|k| seconds(k.duration)),
            ("warm-up", None, &|k| seconds(k.warm_up)),
            ("client's busy-poll", None, &|k| seconds(k.busy_poll)),
        ];
        let differing = all.into_iter().filter(|(_, of_axis, _)| of_axis.is_none() || *of_axis != axis);
        let both = differing.map(|(what, _, of)| Difference::new(what, of(other), of(self)));
        both.flatten().collect()
    }
}

impl fmt::Display for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lanes::Own => f.write_str("own"),
            Lanes::Shared(1) => f.write_str("shared"),
            Lanes::Shared(n) => write!(f, "{n}"),
        }
    }
}

impl FromStr for Lanes {
    type Err = String;

    fn from_str(text: &str) -> Result<Lanes, String> {
        match text {
            "own" => Ok(Lanes::Own),
            "shared" => Ok(Lanes::Shared(1)),
            number => match number.parse() {
                Ok(n @ 1..=Lanes::SHARED_MAX) => Ok(Lanes::Shared(n)),
                _ => Err(format!(
                    "expected shared, own, or a number of shared lanes up to {}",
                    Lanes::SHARED_MAX
                )),
            },
        }
    }
}

impl TryFrom<String> for Lanes {
    type Error = String;

    fn try_from(text: String) -> Result<Lanes, String> {
        text.parse()
    }
}

impl From<Lanes> for String {
    fn from(lanes: Lanes) -> String {
        lanes.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knobs(work: &str) -> Knobs {
        Knobs::new(Load::parse(work, None).unwrap())
    }

    #[test]
    fn the_usual_settings_make_sense_for_every_work() {
        for work in ["add", "echo", "callback", "stream", "bulk", "handles", "connect"] {
            assert_eq!(knobs(work).check(), Ok(()), "{work}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_reason() {
        type Spoil = fn(&mut Knobs);
        let cases: [(&str, Spoil, &str); 20] = [
            ("add", |k| k.busy_poll = Duration::from_secs(2), "--busy-poll: must be at most 1s"),
            ("add", |k| k.in_flight = 0, "--in-flight: must be between 1 and 65536"),
            ("add", |k| k.in_flight = 65_537, "--in-flight: must be between 1 and 65536"),
            ("add", |k| k.connections = 0, "--connections: must be between 1 and 100000"),
            ("add", |k| k.objects = 0, "--objects: must be between 1 and 1000000"),
            ("add", |k| k.threads = 0, "--threads: must be between 1 and 256"),
            ("add", |k| k.rate = Some(0.0), "--rate: must be above 0 and at most 100000000 calls a second"),
            (
                "add",
                |k| k.rate = Some(f64::NAN),
                "--rate: must be above 0 and at most 100000000 calls a second",
            ),
            (
                "add",
                |k| (k.rate, k.duration) = (Some(0.5), Duration::from_secs(1)),
                "--rate: 0.5 calls a second are not one in the 1 s that are measured",
            ),
            ("add", |k| k.duration = Duration::ZERO, "--duration: must be between 10ms and 24h"),
            ("add", |k| k.warm_up = DAY * 2, "--warm-up: must be at most 24h"),
            ("add", |k| k.idle_timeout = DAY, "--idle-timeout: must be between 500ms and 10m"),
            ("add", |k| k.lanes = Lanes::Shared(65), "--lanes: must be between 1 and 64"),
            (
                "add",
                |k| (k.lanes, k.objects) = (Lanes::Shared(4), 3),
                "--lanes: 4 lanes need as many objects, with --objects",
            ),
            (
                "add",
                |k| (k.lanes, k.objects) = (Lanes::Own, 16_001),
                "--objects: at most 16000 with lanes of their own: a connection has 16384 streams",
            ),
            (
                "add",
                |k| (k.connections, k.in_flight) = (1_000, 65_536),
                "--in-flight: 65536000 calls under way on all connections, at most 4000000 are",
            ),
            (
                "echo:16MiB",
                |k| k.in_flight = 257,
                "--in-flight: 4.02 GiB of payload under way, at most 4 GiB may be",
            ),
            (
                "add",
                |k| k.threads = 2,
                "--threads: 2 for 1 connection: a connection lives on one thread, the others would stand idle",
            ),
            (
                "connect",
                |k| k.connections = 2,
                "--connections: connect makes its own: --in-flight says how many handshakes are under way",
            ),
            ("connect", |k| k.threads = 17, "--threads: 17 for 16 handshakes at once"),
        ];
        for (work, spoil, reason) in cases {
            let mut knobs = knobs(work);
            spoil(&mut knobs);
            assert_eq!(knobs.check().unwrap_err().to_string(), reason);
        }
    }

    #[test]
    fn in_words_it_says_what_is_varied() {
        let knobs = knobs("add");
        let rest =
            "1 object each on one lane, closed loop, 10 s after 2 s of warm-up, 1 thread of the client";
        assert_eq!(knobs.in_words(None), format!("1 connection × 64 in flight, {rest}"));
        assert_eq!(
            knobs.in_words(Some(Axis::InFlight)),
            format!("1 connection × varied numbers in flight, {rest}")
        );
        assert_eq!(
            knobs.in_words(Some(Axis::Connections)),
            format!("varied numbers of connections × 64 in flight, {rest}")
        );
        let objects = knobs.in_words(Some(Axis::Objects));
        assert!(
            objects.starts_with("1 connection × 64 in flight, varied numbers of objects each on one lane, "),
            "{objects}"
        );
        let lanes = knobs.in_words(Some(Axis::Lanes));
        assert!(lanes.starts_with("1 connection × 64 in flight, 1 object each on varied lanes, "), "{lanes}");
        let rates = knobs.in_words(Some(Axis::Rate));
        assert!(rates.starts_with("1 connection × at most 1024 in flight, "), "{rates}");
        assert!(rates.contains(", open loop at varied rates, "), "{rates}");
    }

    #[test]
    fn an_open_loop_has_no_more_under_way_than_there_is_room_for() {
        let mut knobs = knobs("add");
        knobs.connections = 10_000;
        assert_eq!((knobs.under_way_max(2), knobs.under_way_max(10_000)), (800, 4_000_000));
        assert_eq!(knobs.most_in_words(), "4000000 calls under way on all connections");
        knobs.connections = 10;
        assert_eq!(knobs.under_way_max(10), 10_240);
        assert_eq!(knobs.most_in_words(), "1024 calls under way on each connection");
        knobs.load = Load::parse("echo:1MiB", None).unwrap();
        assert_eq!(knobs.under_way_max(5), 2_048);
    }

    #[test]
    fn lanes_are_read_as_they_are_shown() {
        for text in ["shared", "own", "4"] {
            assert_eq!(text.parse::<Lanes>().unwrap().to_string(), text);
        }
        for text in ["0", "65", "none", "-1"] {
            assert!(text.parse::<Lanes>().is_err(), "{text}");
        }
    }
}

//! The works that are compared, as the design numbers them, and which figures each of them gives.

use std::fmt;
use std::str::FromStr;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// One row of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// The sum of two numbers.
    Add { connections: u32, in_flight: u32 },
    /// Bytes there and back, in datagrams of at most so many bytes if that is said.
    Echo { size: usize, in_flight: u32, mtu: Option<u16> },
    /// The server calls the client.
    Callbacks { in_flight: u32 },
    /// Connections that have made one call and keep still.
    Idle { connections: u32 },
    /// Bytes from the server to the client, in datagrams of at most so many bytes.
    Bulk { mtu: u16 },
    /// A lone call beside a flooded object and a transfer on the same connection.
    Neighbour,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Calls of the client.
    Call,
    /// Calls of the server.
    Callback,
    /// Mebibytes received.
    Mebibyte,
    /// Connections held.
    Connection,
}

impl Work {
    /// All rows.
    pub(crate) const ALL: [(&'static str, Work); 12] = [
        ("w1", Work::Add { connections: 1, in_flight: 1 }),
        ("w2", Work::Add { connections: 1, in_flight: 256 }),
        ("w2b", Work::Add { connections: 1, in_flight: 4_096 }),
        ("w3", Work::Add { connections: 64, in_flight: 64 }),
        ("w4a", Work::Echo { size: KIB, in_flight: 64, mtu: None }),
        ("w4b", Work::Echo { size: MIB, in_flight: 4, mtu: None }),
        ("w4c", Work::Echo { size: MIB, in_flight: 4, mtu: Some(6_500) }),
        ("w5", Work::Callbacks { in_flight: 64 }),
        ("w6", Work::Idle { connections: 1_000 }),
        ("w7a", Work::Bulk { mtu: 1_452 }),
        ("w7b", Work::Bulk { mtu: 6_500 }),
        ("w8", Work::Neighbour),
    ];

    /// What a line of the table's head says.
    pub(crate) fn title(self) -> String {
        let of = |connections: u32| match connections {
            1 => String::new(),
            n => format!(" on each of {} connections", grouped(n)),
        };
        match self {
            Self::Add { connections, in_flight } => {
                format!("`add`, {} in flight{}", grouped(in_flight), of(connections))
            }
            Self::Echo { size, in_flight, mtu } => {
                let mtu = mtu.map_or(String::new(), |mtu| format!(", QUIC's MTU {}", grouped(mtu.into())));
                let size = if size % MIB == 0 {
                    format!("{} MiB", size / MIB)
                } else {
                    format!("{} KiB", size / KIB)
                };
                format!("echo of {size}, {in_flight} in flight{mtu}")
            }
            Self::Callbacks { in_flight } => format!("callbacks made by the server, {in_flight} in flight"),
            Self::Idle { connections } => {
                format!("the server's memory for each of {} idle connections", grouped(connections))
            }
            Self::Bulk { mtu } => format!("bytes from the server, QUIC's MTU {}", grouped(mtu.into())),
            Self::Neighbour => "a lone call beside a flooded object and a transfer".to_owned(),
        }
    }

    pub(crate) fn unit(self) -> Unit {
        match self {
            Self::Add { .. } | Self::Echo { .. } | Self::Neighbour => Unit::Call,
            Self::Callbacks { .. } => Unit::Callback,
            Self::Idle { .. } => Unit::Connection,
            Self::Bulk { .. } => Unit::Mebibyte,
        }
    }

    /// The datagrams that QUIC starts with; `None` leaves the library's default.
    pub(crate) fn mtu(self) -> Option<u16> {
        match self {
            Self::Bulk { mtu } => Some(mtu),
            Self::Echo { mtu, .. } => mtu,
            _ => None,
        }
    }

    /// Calls under way on a connection.
    pub(crate) fn in_flight(self) -> u32 {
        match self {
            Self::Add { in_flight, .. } | Self::Echo { in_flight, .. } | Self::Callbacks { in_flight } => {
                in_flight
            }
            _ => 1,
        }
    }

    /// What `--works` may say: a row, `w7` for both of them, or `add:N` for `add` with N in flight.
    pub(crate) fn some(text: &str) -> Result<Vec<Work>, String> {
        match text {
            "w7" => Ok(vec!["w7a".parse()?, "w7b".parse()?]),
            text => Ok(vec![text.parse()?]),
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::ALL.iter().find(|(_, work)| work == self) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "add:{}", self.in_flight()),
        }
    }
}

impl FromStr for Work {
    type Err = String;

    fn from_str(text: &str) -> Result<Work, String> {
        if let Some((_, work)) = Self::ALL.iter().find(|(name, _)| *name == text) {
            return Ok(*work);
        }
        let in_flight = text.strip_prefix("add:").and_then(|n| n.parse().ok());
        match in_flight.filter(|n| (1..=65_536).contains(n)) {
            Some(in_flight) => Ok(Work::Add { connections: 1, in_flight }),
            None => Err(format!(
                "{text} is none of w1, w2, w2b, w3, w4a, w4b, w4c, w5, w6, w7a, w7b, w8 and add:N"
            )),
        }
    }
}

/// A number below a million with its thousands set apart.
fn grouped(n: u32) -> String {
    if n < 1_000 { n.to_string() } else { format!("{},{:03}", n / 1_000, n % 1_000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_have_readable_numbers() {
        let title = |name: &str| name.parse::<Work>().unwrap().title();
        assert_eq!(title("w2b"), "`add`, 4,096 in flight");
        assert_eq!(title("w4a"), "echo of 1 KiB, 64 in flight");
        assert_eq!(title("w4c"), "echo of 1 MiB, 4 in flight, QUIC's MTU 6,500");
        assert_eq!(title("w6"), "the server's memory for each of 1,000 idle connections");
    }

    #[test]
    fn every_work_is_read_as_it_is_shown() {
        for (name, work) in Work::ALL {
            assert_eq!(work.to_string(), name);
            assert_eq!(name.parse(), Ok(work));
        }
        assert_eq!("add:64".parse::<Work>().unwrap().to_string(), "add:64");
        assert_eq!("add:256".parse::<Work>().unwrap().to_string(), "w2");
    }

    #[test]
    fn what_is_no_work_is_refused() {
        for text in ["w9", "add", "add:0", "add:65537", "echo:1"] {
            assert!(text.parse::<Work>().unwrap_err().starts_with(text));
        }
        assert_eq!(Work::some("w7").unwrap().len(), 2);
    }
}

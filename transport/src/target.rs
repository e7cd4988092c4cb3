//! [`Target`]: what a user dials, `host:port`, and its addresses in the order they are tried. It sends nothing.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::{fmt, io, str::FromStr};

/// A name may have many addresses; further ones are not tried.
const ADDRESSES_MAX: usize = 16;

/// A host and a port, normalized: equal targets have equal texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Address(SocketAddr),
    Name { host: String, port: u16 },
}

impl Target {
    /// All addresses, first the one to be tried first.
    pub(crate) async fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        match self {
            Self::Address(address) => Ok(vec![*address]),
            Self::Name { host, port } => {
                Ok(interleaved(tokio::net::lookup_host((host.as_str(), *port)).await?))
            }
        }
    }
}

impl FromStr for Target {
    /// What is wrong with the text.
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return match address.port() {
                0 => Err("port 0 is nobody's"),
                _ => Ok(Self::Address(address)),
            };
        }
        let (host, port) = text.rsplit_once(':').ok_or("it has no port: write host:port")?;
        if host.contains([':', '[', ']']) {
            return Err("it is no IPv6 address in brackets: write [::1]:port");
        }
        let name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        if host.is_empty() || host.len() > 253 || !host.chars().all(name) {
            return Err("its host is neither a name nor an address");
        }
        let port = port.parse::<u16>().map_err(|_| "its port is no number up to 65535")?;
        if port == 0 {
            return Err("port 0 is nobody's");
        }
        Ok(Self::Name { host: host.to_lowercase(), port })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

/// Families alternate, beginning with the resolver's favourite (RFC 8305 §4).
fn interleaved(addresses: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut first = VecDeque::new();
    let mut other = VecDeque::new();
    for address in addresses {
        let same = first.front().is_none_or(|a: &SocketAddr| a.is_ipv6() == address.is_ipv6());
        let family = if same { &mut first } else { &mut other };
        if !family.contains(&address) {
            family.push_back(address);
        }
    }
    let mut order = Vec::with_capacity(first.len() + other.len());
    while order.len() < ADDRESSES_MAX && !(first.is_empty() && other.is_empty()) {
        order.extend(first.pop_front());
        order.extend(other.pop_front());
    }
    order
}

/// The address without the disguise of IPv4 in IPv6.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => SocketAddr::new(ip.into(), address.port()),
            None => address,
        },
        IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_normalized() {
        for (text, shown) in [
            ("Example.ORG:18861", "example.org:18861"),
            ("[0:0::1]:7", "[::1]:7"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("my_host-2:1", "my_host-2:1"),
        ] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_target_is_refused() {
        for text in [
            "",
            "host",
            "host:",
            ":1",
            "host:0",
            "127.0.0.1:0",
            "host:65536",
            "::1:1",
            "[::1",
            "a b:1",
            "a/b:1",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }

    #[test]
    fn families_alternate_and_doubles_go() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let resolved = ["[::1]:1", "[::2]:1", "[::1]:1", "1.1.1.1:1", "[::3]:1"].map(address);
        let order = ["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"].map(address);
        assert_eq!(interleaved(resolved), order);
    }
}

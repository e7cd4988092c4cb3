//! Tests of the limits.

use super::*;

fn config(handshakes: u32, connections: u32, per_address: u32) -> Config {
    Config {
        handshakes_max: handshakes,
        connections_max: connections,
        connections_per_address_max: per_address,
        ..Config::default()
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn admitted(verdict: Verdict) -> Seat {
    match verdict {
        Verdict::Admit(seat) => seat,
        other => panic!("{other:?}"),
    }
}

fn limit(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Refuse(refused) => refused.limit,
        other => panic!("{other:?}"),
    }
}

#[test]
fn addresses_are_to_be_proved_beyond_a_quarter_of_the_handshakes() {
    let admission = Admission::new(&config(8, 100, 100));
    let now = Instant::now();
    let mut seats: Vec<_> = (0..2).map(|_| admitted(admission.judge(ip("1.1.1.1"), false, now))).collect();
    assert!(matches!(admission.judge(ip("1.1.1.1"), false, now), Verdict::Retry));
    seats.extend((0..6).map(|_| admitted(admission.judge(ip("1.1.1.1"), true, now))));
    assert_eq!(limit(admission.judge(ip("1.1.1.1"), true, now)), "handshakes_max");
    for seat in &mut seats {
        seat.established();
        seat.established();
    }
    admitted(admission.judge(ip("1.1.1.1"), false, now));
}

#[test]
fn connections_are_limited_in_all_and_per_address() {
    let admission = Admission::new(&config(100, 4, 2));
    let now = Instant::now();
    let mut seats = vec![
        admitted(admission.judge(ip("1.1.1.1"), true, now)),
        admitted(admission.judge(ip("::ffff:1.1.1.1"), true, now)),
    ];
    assert_eq!(limit(admission.judge(ip("1.1.1.1"), true, now)), "connections_per_address_max");
    seats.push(admitted(admission.judge(ip("2001:db8:0:1::1"), true, now)));
    seats.push(admitted(admission.judge(ip("2001:db8:0:1:f::1"), true, now)));
    assert_eq!(limit(admission.judge(ip("2001:db8:0:1:f::2"), true, now)), "connections_max");
    seats.pop();
    assert!(matches!(admission.judge(ip("2001:db8:0:1:f::2"), true, now), Verdict::Admit(_)));
    drop(seats);
    let counts = admission.counts.lock();
    assert_eq!((counts.handshakes, counts.connections, counts.per_address.len()), (0, 0, 0));
}

#[test]
fn loopback_is_exempt_from_the_limit_per_address() {
    let admission = Admission::new(&config(100, 100, 1));
    let seats: Vec<_> = ["127.0.0.1", "127.0.0.1", "::1", "::1", "::ffff:127.0.0.1"]
        .map(|loopback| admitted(admission.judge(ip(loopback), true, Instant::now())))
        .into();
    assert_eq!(seats.len(), 5);
}

#[test]
fn refusals_are_reported_once_a_second() {
    let admission = Admission::new(&config(100, 1, 1));
    let start = Instant::now();
    let _seat = admitted(admission.judge(ip("1.1.1.1"), true, start));
    let report = |after: u64| match admission.judge(ip("2.2.2.2"), true, start + Duration::from_millis(after))
    {
        Verdict::Refuse(refused) => refused.report,
        other => panic!("{other:?}"),
    };
    assert_eq!([0, 1, 999, 1_000, 1_001].map(report), [Some(1), None, None, Some(3), None]);
}

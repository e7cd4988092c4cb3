//! Tests of the fates of datagrams.

use super::*;

const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 1));
const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn rules(seed: u64, conditions: Conditions) -> Rules {
    let mut rules = Rules::new(seed);
    rules.set(conditions);
    rules
}

fn rough() -> Conditions {
    Conditions::default().delay(ms(30)).jitter(ms(10)).loss(0.2).duplication(0.1)
}

/// The fates of `count` datagrams, sent at once.
fn fates(rules: &mut Rules, way: Way, count: usize, now: Instant) -> Vec<Fate> {
    (0..count).map(|_| rules.send(way, 1_200, now)).collect()
}

fn arrives(at: Instant) -> Fate {
    Fate::Arrives { at, again: None }
}

#[test]
fn on_a_perfect_path_everything_arrives_at_once() {
    let now = Instant::now();
    let mut rules = Rules::new(1);
    assert_eq!(fates(&mut rules, (A, B), 1_000, now), vec![arrives(now); 1_000]);
    let counters = rules.counters((A, B));
    assert_eq!(counters, Counters { sent: 1_000, sent_bytes: 1_200_000, ..Counters::default() });
}

#[test]
fn the_delay_is_exact_without_jitter_and_within_it_otherwise() {
    let now = Instant::now();
    let mut rules = rules(1, Conditions::default().delay(ms(30)));
    assert_eq!(rules.send((A, B), 100, now), arrives(now + ms(30)));
    rules.set(Conditions::default().delay(ms(30)).jitter(ms(10)));
    let mut sum = Duration::ZERO;
    for fate in fates(&mut rules, (A, B), 10_000, now) {
        let Fate::Arrives { at, again: None } = fate else { panic!("{fate:?}") };
        let took = at - now;
        assert!((ms(20)..ms(40)).contains(&took), "{took:?}");
        sum += took;
    }
    let mean = sum / 10_000;
    assert!((Duration::from_micros(29_800)..Duration::from_micros(30_200)).contains(&mean), "{mean:?}");
}

#[test]
fn jitter_above_the_delay_does_not_go_back_in_time() {
    let now = Instant::now();
    let mut rules = rules(1, Conditions::default().delay(ms(1)).jitter(ms(10)));
    for fate in fates(&mut rules, (A, B), 1_000, now) {
        assert!(matches!(fate, Fate::Arrives { at, .. } if at >= now && at < now + ms(11)), "{fate:?}");
    }
}

#[test]
fn the_share_that_is_lost_or_doubled_is_as_said() {
    let now = Instant::now();
    let mut rules = rules(7, rough());
    let fates = fates(&mut rules, (A, B), 100_000, now);
    let lost = fates.iter().filter(|fate| **fate == Fate::Lost).count();
    let doubled = fates.iter().filter(|fate| matches!(fate, Fate::Arrives { again: Some(_), .. })).count();
    assert!((19_500..20_500).contains(&lost), "{lost}");
    assert!((7_700..8_300).contains(&doubled), "a tenth of what is not lost: {doubled}");
    let counters = rules.counters((A, B));
    assert_eq!((counters.lost, counters.duplicated), (lost as u64, doubled as u64));
}

#[test]
fn the_same_seed_gives_the_same_fates_and_another_one_others() {
    let now = Instant::now();
    let of = |seed| fates(&mut rules(seed, rough()), (A, B), 1_000, now);
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}

#[test]
fn the_fates_of_one_direction_do_not_depend_on_the_other() {
    let now = Instant::now();
    let alone = fates(&mut rules(1, rough()), (A, B), 100, now);
    let mut both = rules(1, rough());
    let mixed: Vec<_> = (0..100)
        .map(|_| {
            both.send((B, A), 50, now);
            both.send((A, B), 1_200, now)
        })
        .collect();
    assert_eq!(mixed, alone);
    assert_ne!(fates(&mut rules(1, rough()), (B, A), 100, now), alone);
}

#[test]
fn the_fates_do_not_depend_on_the_conditions_before() {
    let now = Instant::now();
    let all = fates(&mut rules(1, rough()), (A, B), 150, now);
    let mut changing = Rules::new(1);
    changing.cut((A, B));
    fates(&mut changing, (A, B), 50, now);
    changing.heal((A, B));
    fates(&mut changing, (A, B), 50, now);
    changing.set_way((A, B), rough());
    assert_eq!(fates(&mut changing, (A, B), 50, now), all[100..]);
}

#[test]
fn bandwidth_spaces_datagrams_out() {
    let now = Instant::now();
    // 1,000 bytes a millisecond.
    let mut rules = rules(1, Conditions::default().bandwidth(8_000_000).delay(ms(5)));
    let times: Vec<_> = [0, 0, 10, 10]
        .map(|sent| match rules.send((A, B), 1_000, now + ms(sent)) {
            Fate::Arrives { at, again: None } => at - now,
            other => panic!("{other:?}"),
        })
        .into();
    assert_eq!(times, [ms(6), ms(7), ms(16), ms(17)], "the line was free again at 2 ms");
    // The other direction is another line.
    assert_eq!(rules.send((B, A), 1_000, now), arrives(now + ms(6)));
}

#[test]
fn what_does_not_fit_into_the_queue_is_dropped() {
    let now = Instant::now();
    let mut rules = rules(1, Conditions::default().bandwidth(8_000_000).queue(3_000));
    let fates: Vec<_> = (0..4).map(|_| rules.send((A, B), 1_000, now)).collect();
    assert_eq!(fates, [arrives(now + ms(1)), arrives(now + ms(2)), arrives(now + ms(3)), Fate::Lost]);
    assert_eq!(rules.send((A, B), 1_000, now + ms(1)), arrives(now + ms(4)), "there is room again");
    assert_eq!(rules.counters((A, B)).overflowed, 1);
}

#[test]
fn what_exceeds_the_mtu_vanishes() {
    let now = Instant::now();
    let mut rules = rules(1, Conditions::default().mtu(1_300));
    assert_eq!(rules.send((A, B), 1_300, now), arrives(now));
    assert_eq!(rules.send((A, B), 1_301, now), Fate::Lost);
    assert_eq!(rules.counters((A, B)).oversized, 1);
}

#[test]
fn conditions_of_a_direction_stand_above_those_of_all_until_all_are_set() {
    let now = Instant::now();
    let mut rules = rules(1, Conditions::default().delay(ms(1)));
    rules.set_way((A, B), Conditions::default().delay(ms(2)));
    assert_eq!(rules.send((A, B), 1, now), arrives(now + ms(2)));
    assert_eq!(rules.send((B, A), 1, now), arrives(now + ms(1)));
    rules.set(Conditions::default().delay(ms(3)));
    assert_eq!(rules.send((A, B), 1, now), arrives(now + ms(3)));
}

#[test]
fn a_cut_direction_delivers_nothing_until_it_is_healed() {
    let now = Instant::now();
    let mut rules = Rules::new(1);
    rules.cut((A, B));
    assert_eq!(rules.send((A, B), 1, now), Fate::Lost);
    assert_eq!(rules.send((B, A), 1, now), arrives(now));
    rules.heal((A, B));
    assert_eq!(rules.send((A, B), 1, now), arrives(now));
    assert_eq!(rules.counters((A, B)).cut, 1);
}

#[test]
fn the_counters_of_all_directions_are_summed() {
    let now = Instant::now();
    let mut rules = Rules::new(1);
    rules.send((A, B), 10, now);
    rules.send((B, A), 20, now);
    rules.delivered((B, A), 20);
    rules.unreachable((A, B));
    let expected = Counters {
        sent: 2,
        sent_bytes: 30,
        delivered: 1,
        delivered_bytes: 20,
        unreachable: 1,
        ..Counters::default()
    };
    assert_eq!(rules.all_counters(), expected);
    assert_eq!(rules.counters((A, A)), Counters::default());
}

#[test]
fn the_dice_are_the_same_on_every_machine() {
    let mut dice = Dice::of(1, A, B);
    let rolls: [u32; 4] = std::array::from_fn(|_| (dice.roll() * 1e6) as u32);
    assert_eq!(rolls, [906_467, 728_458, 711_658, 659_286]);
}

//! A farm without links: workers that render here, fail, vanish and come back with nonsense.

use std::ops::ControlFlow;

use super::*;
use crate::fractal;
use crate::palette::{Palette, Rgb};
use crate::scene::Kind;
use crate::schedule::ATTEMPTS_MAX;

fn scene() -> Scene {
    Scene {
        kind: Kind::Mandelbrot,
        center: [-0.5, 0.0],
        scale: 3.0,
        size: [200, 150],
        iterations: 60,
        palette: Palette::named("ocean").unwrap(),
        cycle: 20.0,
        inside: Rgb::BLACK,
        samples: 1,
    }
}

fn who(name: &str, pid: u32) -> Who {
    Who { name: name.to_owned(), pid }
}

fn pixels(tile: Tile) -> Vec<u8> {
    fractal::render(&scene(), tile, &mut |_| ControlFlow::Continue(())).unwrap()
}

fn lines(job: &mut Job) -> Vec<String> {
    job.take_news().iter().map(ToString::to_string).collect()
}

fn indices(orders: &[Order]) -> Vec<(u32, u32)> {
    orders.iter().map(|o| (o.worker.0, o.tile.index.0)).collect()
}

/// Renders to the end, with the last order first; every `dies`th answer its worker dies instead.
fn render(workers: u32, dies: Option<usize>) -> Job {
    let mut job = Job::new(&scene(), workers);
    let join = |job: &mut Job, n: u32| job.join(who(&n.to_string(), 100 + n), 64).unwrap();
    for n in 1..=workers {
        join(&mut job, n);
    }
    let mut under_way = job.orders();
    for turn in 1.. {
        let Some(order) = under_way.pop() else { break };
        if dies.is_some_and(|n| turn % n == 0) {
            job.lost(order.worker, "killed");
            join(&mut job, workers + turn as u32);
        } else {
            job.rendered(order.worker, order.tile, &pixels(order.tile)).unwrap();
        }
        under_way.extend(job.orders());
    }
    assert!(job.is_finished());
    job
}

#[test]
fn the_picture_does_not_depend_on_who_renders_or_dies() {
    let alone = render(1, None);
    assert!(alone.picture() == render(3, None).picture());
    let restless = render(4, Some(3));
    assert!(alone.picture() == restless.picture());
    assert!(!restless.summary().again.is_empty());
    assert_eq!(restless.summary().rows.iter().map(|(_, tiles)| tiles).sum::<u32>(), alone.count());
}

#[test]
fn nothing_is_handed_out_before_the_awaited_are_there_or_will_not_come() {
    let mut job = Job::new(&scene(), 3);
    job.join(who("1", 11), 64).unwrap();
    assert_eq!(job.orders(), []);
    assert_eq!(job.check_workers(), Ok(()));
    job.join(who("2", 12), 64).unwrap();
    assert_eq!(job.orders(), []);
    job.will_not_come();
    assert_eq!(indices(&job.orders()), [(1, 0), (2, 1), (1, 2), (2, 3)]);
    // One more than awaited is welcome.
    job.join(who("3", 13), 64).unwrap();
    assert_eq!(indices(&job.orders()), [(3, 4), (3, 5)]);
}

#[test]
fn names_are_unique_among_the_living_and_places_are_limited() {
    let mut job = Job::new(&scene(), 1);
    let first = job.join(who("a", 1), 2).unwrap();
    assert_eq!(job.join(who("a", 2), 2), Err(JoinRefused::NameTaken("a".to_owned())));
    job.lost(first, "gone");
    job.join(who("a", 3), 2).unwrap();
    job.join(who("b", 4), 2).unwrap();
    assert_eq!(job.join(who("c", 5), 2), Err(JoinRefused::Full(2)));
    assert_eq!((job.worker_of(1), job.worker_of(4)), (None, Some(WorkerId(3))));
}

#[test]
fn the_log_says_who_rendered_and_what_is_rendered_again() {
    let mut job = Job::new(&scene(), 2);
    let (a, b) = (job.join(who("1", 11), 64).unwrap(), job.join(who("2", 12), 64).unwrap());
    let orders = job.orders();
    job.progress(a, orders[0].tile, 99);
    job.rendered(a, orders[0].tile, &pixels(orders[0].tile)).unwrap();
    job.lost(b, "the link is closed");
    job.lost(b, "its process ended");
    job.failed(a, orders[2].tile.index, "no memory").unwrap();
    // Came before the link went down, and counts.
    job.rendered(b, orders[1].tile, &pixels(orders[1].tile)).unwrap();
    job.lost(a, "the link is closed");
    let expected = [
        "worker 1 (pid 11) joined",
        "worker 2 (pid 12) joined",
        "tile 0: 48 of 48 rows",
        "worker 1 (pid 11) rendered tile 0",
        "worker 2 (pid 12) lost: tiles 1, 3 will be rendered again: the link is closed",
        "worker 1 (pid 11) failed: tile 2 will be rendered again: no memory",
        "worker 2 (pid 12) rendered tile 1",
        "worker 1 (pid 11) lost: it held no tile: the link is closed",
    ];
    assert_eq!(lines(&mut job), expected);
    assert_eq!(lines(&mut job), [""; 0]);
    let summary = "\
worker       pid   tiles  share
1             11       1   50 %
2             12       1   50 %
rendered again: tiles 1, 2, 3";
    assert_eq!(job.summary().to_string(), summary);
    assert_eq!(job.check_workers(), Err(GivenUp::NoWorkers { left: 18, count: 20 }));
}

#[test]
fn pixels_that_do_not_fit_are_a_failed_tile_and_at_last_the_end() {
    let mut job = Job::new(&scene(), 1);
    let worker = job.join(who("1", 11), 64).unwrap();
    let tile = job.orders()[0].tile;
    for _ in 1..ATTEMPTS_MAX {
        job.rendered(worker, tile, &[1, 2, 3]).unwrap();
        assert_eq!(indices(&job.orders()), [(1, 0)]);
    }
    let end = job.rendered(worker, tile, &[1, 2, 3]).unwrap_err().to_string();
    assert_eq!(end, "tile 0 failed too often, at last with: expected 6912 bytes of pixels, found 3");
}

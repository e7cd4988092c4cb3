//! A foreman with workers that are tasks of this process.

use std::ops::ControlFlow;

use super::*;
use crate::report::Screen;
use crate::scene::Scene;
use crate::schedule::TILES_PER_WORKER;
use crate::{fractal, scene};

fn small() -> Scene {
    let mut scene = Scene::embedded().unwrap();
    (scene.size, scene.iterations, scene.samples) = ([200, 150], 50, 1);
    scene
}

fn foreman(awaited: u32) -> (Foreman, mpsc::Sender<Event>) {
    let (events, heard) = mpsc::channel(EVENTS_MAX);
    let job = Job::new(&small(), awaited);
    let report = Report::new(Screen::lines_only(), job.count());
    (Foreman::new(job, report, heard), events)
}

/// Joins and renders; after `tiles` of them it vanishes without a word.
async fn work(events: mpsc::Sender<Event>, name: &str, tiles: usize) -> Result<WorkerId, JoinRefused> {
    let (orders, mut ordered) = mpsc::channel(TILES_PER_WORKER);
    let (reply, number) = oneshot::channel();
    let who = Who { name: name.to_owned(), pid: 0 };
    events.send(Event::Joined { who, orders, reply }).await.unwrap();
    let worker = number.await.unwrap()?;
    for _ in 0..tiles {
        let Some(tile) = ordered.recv().await else { break };
        let tell = &mut |rows| match events.try_send(Event::Progress { worker, tile, rows }) {
            Ok(()) | Err(_) => ControlFlow::Continue(()),
        };
        let pixels = fractal::render(&small(), tile, tell).unwrap();
        if events.send(Event::Rendered { worker, tile, pixels }).await.is_err() {
            break;
        }
    }
    Ok(worker)
}

#[tokio::test]
async fn three_workers_render_what_one_renders() {
    let mut stop = StopSignal::new().unwrap();
    let (alone, events) = foreman(1);
    tokio::spawn(async move { work(events, "1", usize::MAX).await });
    let alone = alone.run(None, &mut stop).await.unwrap();
    let (three, events) = foreman(3);
    for name in ["1", "2", "3"] {
        let events = events.clone();
        tokio::spawn(async move { work(events, name, usize::MAX).await });
    }
    let three = three.run(None, &mut stop).await.unwrap();
    assert!(alone.picture() == three.picture());
    assert!(three.summary().rows.iter().all(|(_, tiles)| *tiles > 0));
}

#[tokio::test]
async fn what_a_vanished_worker_held_is_rendered_by_the_others() {
    let mut stop = StopSignal::new().unwrap();
    let (foreman, events) = foreman(2);
    for (name, tiles) in [("short", 3), ("long", usize::MAX)] {
        let events = events.clone();
        tokio::spawn(async move {
            let worker = work(events.clone(), name, tiles).await.unwrap();
            let _ = events.send(Event::Lost { worker, reason: "vanished".to_owned() }).await;
        });
    }
    let job = foreman.run(None, &mut stop).await.unwrap();
    let summary = job.summary();
    assert!(job.is_finished());
    assert_eq!(summary.rows.iter().map(|(_, tiles)| tiles).sum::<u32>(), job.count());
    assert!(!summary.again.is_empty());
}

#[tokio::test]
async fn a_name_that_is_taken_is_refused_and_the_work_goes_on() {
    let mut stop = StopSignal::new().unwrap();
    let (foreman, events) = foreman(2);
    let again = events.clone();
    let checks = tokio::spawn(async move {
        let refused = tokio::join!(work(again.clone(), "a", usize::MAX), async {
            let refused = work(again.clone(), "a", 0).await;
            tokio::spawn(work(again.clone(), "b", usize::MAX));
            refused
        });
        assert_eq!(refused.1, Err(JoinRefused::NameTaken("a".to_owned())));
    });
    assert_eq!(foreman.run(None, &mut stop).await.unwrap().summary().rows.len(), 2);
    checks.await.unwrap();
}

#[test]
fn the_largest_tile_fits_into_one_reply() {
    let tiles = crate::tile::Grid::new([scene::SIDE_MAX; 2]);
    assert!(tiles.tile(crate::tile::TileIndex(0)).unwrap().bytes() < 8_192);
}

//! A closed loop: so many calls under way on each connection, a new one where another ends.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinSet;

use super::control::Event;
use super::orders::{Hands, Orders, panicked, share, within_grace};
use super::recorder::{Recorder, Took};
use crate::mix::Draw;
use crate::work::Work;

/// Keeps the callers of a thread calling until the load is over.
pub(super) async fn drive(number: u32, orders: &Arc<Orders>, hands: Vec<Hands>, recorder: &Rc<Recorder>) {
    let knobs = &orders.knobs;
    let each = match knobs.load.connects() {
        // There are no connections to be in flight on: the handshakes are dealt to the threads.
        true => share(knobs.in_flight, knobs.threads, number),
        false => knobs.in_flight,
    };
    let mut callers = JoinSet::new();
    for (which, hands) in hands.into_iter().enumerate() {
        for slot in 0..each {
            let seed = (u64::from(number) << 48) ^ ((which as u64) << 24) ^ u64::from(slot);
            let draw = Draw::new(knobs.load.works(), seed);
            callers.spawn_local(caller(orders.clone(), hands.clone(), slot, each, draw, recorder.clone()));
        }
    }
    {
        let all = async {
            while let Some(ended) = callers.join_next().await {
                if let Some(why) = panicked(ended) {
                    orders.control.tell(Event::Broken(why));
                }
            }
        };
        tokio::pin!(all);
        tokio::select! {
            () = &mut all => {}
            _ = orders.control.over() => within_grace(all).await,
        }
    }
    // Whoever still waits is sent away, and has left before anybody looks what is held.
    callers.shutdown().await;
}

/// One call after another. The clock is read once for each: where one ends, the next begins.
async fn caller(
    orders: Arc<Orders>,
    hands: Hands,
    slot: u32,
    slots: u32,
    mut draw: Draw,
    recorder: Rc<Recorder>,
) {
    let works: Vec<Work> = orders.knobs.load.works().iter().map(|(work, _)| *work).collect();
    // All objects in turn: this caller has every `slots`th turn.
    let mut turn = slot as usize % hands.len();
    let step = slots as usize % hands.len();
    let mut n = u64::from(slot);
    let mut begin = Instant::now();
    loop {
        let part = draw.next();
        let outcome = hands[turn].perform(works[part], part, n, &recorder).await;
        let now = Instant::now();
        let more = recorder.ended(part, &outcome, Took::Closed(now - begin));
        begin = now;
        match outcome {
            Ok(None) => {}
            Ok(Some(connection)) => {
                connection.close().await;
                begin = Instant::now();
            }
            // What fails at once must not keep the thread from everything else.
            Err(_) => tokio::task::yield_now().await,
        }
        if !more {
            return;
        }
        turn = (turn + step) % hands.len();
        n += 1;
    }
}

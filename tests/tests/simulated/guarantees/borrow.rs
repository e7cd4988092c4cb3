//! 2. The borrow rule spans the network.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use duologue::prelude::*;
use duologue::testing;
use duologue_tests::events::{Gate, Tell, events};
use duologue_tests::nodes::{begin_all, settles};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::{Instant, sleep};

use super::{ONE_WAY, at_rest, each, rough, steady};

#[service]
trait Ward {
    /// Holds the door until the test opens it.
    async fn hold(&mut self);
    async fn read(&self, name: u32, ms: u64);
    async fn write(&mut self, name: u32, ms: u64);
    /// Reads, and asks the caller's side for something meanwhile.
    async fn read_around(&self, name: u32, back: Callback<fn()>) -> Result<(), CallError>;
    fn visits(&self) -> u32;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Visit {
    name: u32,
    came: Instant,
    left: Instant,
}

/// Its state is neither `Send` nor behind a lock.
struct Room {
    door: Gate,
    left: Tell<Visit>,
    visits: Rc<RefCell<u32>>,
}

impl Room {
    async fn visit(&self, name: u32, ms: u64) {
        let came = Instant::now();
        sleep(Duration::from_millis(ms)).await;
        *self.visits.borrow_mut() += 1;
        self.left.tell(Visit { name, came, left: Instant::now() });
    }
}

#[service]
impl Ward for Room {
    async fn hold(&mut self) {
        self.door.pass().await;
    }

    async fn read(&self, name: u32, ms: u64) {
        self.visit(name, ms).await;
    }

    async fn write(&mut self, name: u32, ms: u64) {
        let before = *self.visits.borrow();
        self.visit(name, ms).await;
        assert_eq!(*self.visits.borrow(), before + 1, "nobody else was here");
    }

    async fn read_around(&self, name: u32, back: Callback<fn()>) -> Result<(), CallError> {
        let came = Instant::now();
        back.call().await?;
        self.left.tell(Visit { name, came, left: Instant::now() });
        Ok(())
    }

    fn visits(&self) -> u32 {
        *self.visits.borrow()
    }
}

/// When each may come if readers run together, a writer alone, and nobody passes anybody: as soon as those have left whom it must
/// wait for.
fn rule(start: Instant, writes: &[bool], visits: &[Visit]) -> Vec<Instant> {
    let waits_for = |name: usize| match writes[name] {
        true => name,
        false => writes[..name].iter().rposition(|writes| *writes).map_or(0, |writer| writer + 1),
    };
    let left = |count| visits[..count].iter().map(|visit| visit.left).max().unwrap_or(start);
    (0..visits.len()).map(|name| left(waits_for(name))).collect()
}

#[test]
fn guarantee_02_the_borrow_rule_spans_the_network() {
    each(async |world| {
        let ((left, mut heard), door) = (events(), Gate::new());
        let held = door.clone();
        let room = move || Room { door: held.clone(), left: left.clone(), visits: Rc::default() };
        let pair = world.pair().conditions(rough()).serve(room).await.unwrap();
        let ward: WardProxy = pair.root().await.unwrap();

        // While the first has the object alone, sixty more arrive.
        let first = begin_all([ward.hold()]).await;
        settles(&pair.far.node, |stats| stats.total.calls_running == 1).await;
        let mut dice = StdRng::seed_from_u64(world.seed());
        let writes: Vec<bool> = (0..60).map(|_| dice.random_bool(0.3)).collect();
        let under_way = begin_all((0..60).map(|name| {
            let ms = dice.random_range(1..20);
            if writes[name as usize] { ward.write(name, ms) } else { ward.read(name, ms) }
        }));
        let under_way = under_way.await;
        settles(&pair.far.node, |stats| stats.total.calls_running == 61).await;
        assert_eq!(heard.so_far(), []);
        let start = Instant::now();
        door.open();

        for call in first.into_iter().chain(under_way) {
            assert_eq!(call.await, Ok(()));
        }
        let mut visits = heard.take(60).await;
        visits.sort_by_key(|visit| visit.name);
        assert_eq!(visits.iter().map(|visit| visit.came).collect::<Vec<_>>(), rule(start, &writes, &visits));
        assert!(writes.windows(2).any(|two| two == [false; 2]), "some readers ran together");
        assert_eq!(ward.visits().await, Ok(60), "no update was lost");
        drop(ward);
        at_rest(&pair).await;
    });
}

#[test]
fn guarantee_02_a_reader_of_the_chain_that_reads_starts_at_once_though_a_writer_waits() {
    testing::run(1, async |world| {
        let ((left, mut heard), door) = (events(), Gate::new());
        let room = move || Room { door: door.clone(), left: left.clone(), visits: Rc::default() };
        let pair = world.pair().conditions(steady()).serve(room).await.unwrap();
        let ward: WardProxy = pair.root().await.unwrap();
        let (again, start) = (ward.clone(), Instant::now());
        let back = Callback::new_async(async move || {
            // The writer is there by now, and waits for the reader that called this.
            sleep(ONE_WAY).await;
            again.read(2, 0).await.unwrap();
        });
        let calls = begin_all([ward.read_around(1, back), ward.write(3, 0), ward.read(4, 0)]).await;
        for call in calls {
            assert_eq!(call.await, Ok(()));
        }
        let order: Vec<(u32, u128)> =
            heard.so_far().iter().map(|visit| (visit.name, (visit.came - start).as_millis())).collect();
        // There, back, a pause as long, there again: the nested reader. Back and there: the first is done, then comes the queue.
        assert_eq!(order, [(2, 200), (1, 50), (3, 300), (4, 300)]);
        drop(ward);
        at_rest(&pair).await;
    });
}

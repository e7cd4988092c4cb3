//! The borrow rule spans the network: `&self` calls together, a `&mut self` call alone, both in the order of arrival.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use duologue::prelude::*;
use duologue_tests::events::{Gate, Tell, events};
use duologue_tests::nodes::{begin_all, pair, run, small};

#[service]
trait Ward {
    async fn read(&self, name: u32);
    async fn write(&mut self, name: u32);
    async fn tally(&mut self);
    fn tallied(&self) -> u64;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    In(u32),
    Out(u32),
}
use Step::{In, Out};

/// Its state is neither `Send` nor behind a lock.
struct Room {
    tell: Tell<Step>,
    gate: Gate,
    count: Rc<Cell<u64>>,
    visitors: RefCell<Vec<u32>>,
}

impl Room {
    fn new(tell: Tell<Step>, gate: Gate) -> Room {
        Room { tell, gate, count: Rc::default(), visitors: RefCell::default() }
    }

    async fn visit(&self, name: u32) {
        self.visitors.borrow_mut().push(name);
        self.tell.tell(In(name));
        self.gate.pass().await;
        self.tell.tell(Out(name));
    }
}

#[service]
impl Ward for Room {
    async fn read(&self, name: u32) {
        self.visit(name).await;
    }

    async fn write(&mut self, name: u32) {
        self.visit(name).await;
    }

    async fn tally(&mut self) {
        let before = self.count.get();
        tokio::task::yield_now().await;
        self.count.set(before + 1);
    }

    fn tallied(&self) -> u64 {
        self.count.get()
    }
}

#[test]
fn readers_run_together() {
    run(async {
        let ((tell, mut heard), gate) = (events(), Gate::new());
        let (tell, held) = (tell, gate.clone());
        let pair = pair(move || Room::new(tell.clone(), held.clone())).await;
        let ward: WardProxy = pair.root().await;
        let calls = begin_all((1..=3).map(|n| ward.read(n))).await;
        assert_eq!(heard.take(3).await, [In(1), In(2), In(3)]);
        gate.open();
        for call in calls {
            call.await.unwrap();
        }
        let mut out = heard.take(3).await;
        out.sort_unstable_by_key(|step| format!("{step:?}"));
        assert_eq!(out, [Out(1), Out(2), Out(3)]);
    });
}

#[test]
fn a_writer_runs_alone_and_nobody_passes_anybody() {
    run(async {
        let ((tell, mut heard), gate) = (events(), Gate::new());
        let held = gate.clone();
        let pair = pair(move || Room::new(tell.clone(), held.clone())).await;
        let ward: WardProxy = pair.root().await;
        let first = begin_all([ward.read(1), ward.read(2), ward.write(3), ward.write(4), ward.read(5)]).await;
        let second = begin_all([ward.read(6), ward.write(7), ward.read(8)]).await;
        pair.running(8).await;
        assert_eq!(heard.take(2).await, [In(1), In(2)]);
        assert_eq!(
            heard.so_far(),
            [],
            "a writer waits for the readers, and a reader behind it for the writer"
        );
        let then = [
            (vec![Out(1)], "one reader is left"),
            (vec![Out(2), In(3)], "the writer is alone"),
            (vec![Out(3), In(4)], "the next writer is alone"),
            (vec![Out(4), In(5), In(6)], "the readers behind it start together"),
            (vec![Out(5)], "the writer waits for both"),
            (vec![Out(6), In(7)], "the last writer is alone"),
            (vec![Out(7), In(8)], "the last reader comes after it"),
        ];
        for (steps, why) in then {
            gate.let_one_pass();
            assert_eq!(heard.take(steps.len()).await, steps, "{why}");
            pair.connection.ping().await.unwrap();
            assert_eq!(heard.so_far(), [], "{why}");
        }
        gate.let_one_pass();
        for call in first.into_iter().chain(second) {
            call.await.unwrap();
        }
    });
}

#[test]
fn the_rule_holds_for_local_proxies_too() {
    run(async {
        let ((tell, mut heard), gate) = (events(), Gate::new());
        let held = gate.clone();
        let node = small().start().await.unwrap();
        let ward: WardProxy = node.host(move || Room::new(tell, held));
        let calls = begin_all([ward.read(1), ward.read(2), ward.write(3), ward.read(4)]).await;
        assert_eq!(heard.take(2).await, [In(1), In(2)]);
        gate.let_one_pass();
        assert_eq!(heard.take(1).await, [Out(1)]);
        gate.let_one_pass();
        assert_eq!(heard.take(2).await, [Out(2), In(3)]);
        gate.let_one_pass();
        assert_eq!(heard.take(2).await, [Out(3), In(4)]);
        gate.open();
        for call in calls {
            call.await.unwrap();
        }
    });
}

#[test]
fn state_without_locks_loses_no_update() {
    run(async {
        let (tell, _heard) = events();
        let pair = pair(move || Room::new(tell.clone(), Gate::new())).await;
        let ward: WardProxy = pair.root().await;
        let tasks: Vec<_> = (0..500).map(|_| tokio::spawn(ward.tally())).collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        assert_eq!(ward.tallied().await, Ok(500));
    });
}

#[test]
fn different_objects_do_not_wait_for_each_other() {
    run(async {
        let ((tell, mut heard), gate) = (events(), Gate::new());
        let (held, other) = (gate.clone(), tell.clone());
        let open = Gate::new();
        open.open();
        let server = small()
            .serve(move || Room::new(tell.clone(), held.clone()))
            .service("Free", move || Room::new(other.clone(), open.clone()));
        let pair = duologue_tests::nodes::pair_of(server, small()).await;
        let (slow, free): (WardProxy, WardProxy) =
            (pair.root().await, pair.connection.service("Free").await.unwrap());
        let mut held = begin_all([slow.write(1)]).await;
        assert_eq!(heard.next().await, In(1));
        free.write(2).await.unwrap();
        assert_eq!(heard.so_far(), [In(2), Out(2)]);
        gate.open();
        held.remove(0).await.unwrap();
    });
}

//! The threads of a load: each has a node of its own, its share of the connections, and their callers beside them.

use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use duologue::{Config, Connection, Node, NodeId};
use futures_util::StreamExt as _;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::LocalSet;

use super::control::{Control, Event, Meter, Over};
use super::fault::Fault;
use super::hand::Hand;
use super::orders::{Hands, Orders, share};
use super::recorder::{Recorder, Seen};
use super::{closed, open};
use crate::access::{Target, client_config};
use crate::held::Held;
use crate::knobs::{Knobs, Lanes};
use crate::service::{BenchProxy, desk_name};
use crate::work::Work;

/// How long a node may take to say goodbye, and how much longer for each of its connections.
const GOODBYE: Duration = Duration::from_secs(5);
const GOODBYE_EACH: Duration = Duration::from_millis(2);
/// How often the coordinator looks whether a thread has ended without a word.
const LOOK: Duration = Duration::from_millis(50);

/// Threads under way.
#[derive(Debug)]
pub(super) struct Crew {
    threads: Vec<JoinHandle<Seen>>,
}

impl Crew {
    pub(super) fn start(orders: &Arc<Orders>) -> Result<Crew, String> {
        let mut threads = Vec::new();
        for number in 0..orders.knobs.threads {
            let own = orders.clone();
            let name = format!("bench-{number}");
            match std::thread::Builder::new().name(name).spawn(move || work(number, &own)) {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    orders.control.end(Over { at: Instant::now(), cut: true });
                    orders.control.dismiss();
                    return Err(format!("cannot start a thread: {error}"));
                }
            }
        }
        Ok(Crew { threads })
    }

    /// Waits until each thread has let go of its objects; their nodes, and what these still hold.
    pub(super) async fn idle(&self, events: &mut UnboundedReceiver<Event>) -> (Vec<NodeId>, Held) {
        let (mut nodes, mut held) = (Vec::new(), Held::default());
        // One that waits to be dismissed has not ended, and one that has ended says nothing.
        let ended = || self.threads.iter().filter(|thread| thread.is_finished()).count();
        while nodes.len() + ended() < self.threads.len() {
            if let Ok(Some(Event::Idle(node, of_thread))) = tokio::time::timeout(LOOK, events.recv()).await {
                nodes.push(node);
                held = held.and(&of_thread);
            }
        }
        (nodes, held)
    }

    /// Waits for the threads, which end when they are dismissed; what each has seen.
    pub(super) async fn join(self) -> Vec<Seen> {
        let mut seen = Vec::new();
        for thread in self.threads {
            // One that panicked has seen nothing, and has said so where it stood.
            if let Ok(Ok(of_thread)) = tokio::task::spawn_blocking(move || thread.join()).await {
                seen.push(of_thread);
            }
        }
        seen
    }
}

fn work(number: u32, orders: &Arc<Orders>) -> Seen {
    let _on_panic = Guard(orders.control.clone());
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            orders.control.tell(Event::Broken(format!("cannot start a thread: {error}")));
            return Seen::default();
        }
    };
    LocalSet::new().block_on(&runtime, Box::pin(member(number, orders)))
}

/// Tells of a thread that panics: nobody would wait for its end otherwise.
struct Guard(Arc<Control>);

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.tell(Event::Broken("a thread of the load panicked".to_owned()));
        }
    }
}

async fn member(number: u32, orders: &Arc<Orders>) -> Seen {
    let Orders { knobs, target, control } = &**orders;
    let config: Config = client_config(knobs);
    let node = match target.access.node(config).on_this_thread().start().await {
        Ok(node) => node,
        Err(error) => {
            control.tell(Event::Broken(error.to_string()));
            return Seen::default();
        }
    };
    let hands = tokio::select! {
        hands = equip(number, orders, &node) => hands,
        _ = control.over() => Ok(Vec::new()),
    };
    let recorder = Rc::new(Recorder::new(control.clone(), number, &knobs.load, knobs.rate.is_some()));
    match hands {
        Ok(hands) => {
            control.tell(Event::Ready);
            if let Some(begin) = control.begun().await {
                match knobs.rate {
                    None => closed::drive(number, orders, hands, &recorder).await,
                    Some(rate) => open::drive(number, orders, rate, begin, hands, &recorder).await,
                }
            }
        }
        Err(why) => control.tell(Event::Broken(why)),
    }
    // For the work `connect` connections are what is used up: those that are left are counted.
    let of_load = if knobs.load.connects() { Held::open(&node, |_| true).await } else { 0 };
    let held = Held { connections: of_load, ..Held::at(&node, |_| true).await };
    control.tell(Event::Idle(node.id(), held));
    control.dismissed().await;
    // A peer that is gone says no goodbye.
    let goodbye = GOODBYE + GOODBYE_EACH * share(knobs.connections, knobs.threads, number);
    let _ = tokio::time::timeout(goodbye, node.shutdown()).await;
    recorder.take()
}

/// Makes this thread's share of the connections, and opens their objects.
async fn equip(number: u32, orders: &Arc<Orders>, node: &Node) -> Result<Vec<Hands>, String> {
    let Orders { knobs, target, control } = &**orders;
    // To connect is the load itself.
    let connections = if knobs.load.connects() { 0 } else { knobs.connections };
    let own = share(connections, knobs.threads, number);
    let at_once = share(knobs.connecting, knobs.threads, number).max(1) as usize;
    let mut hands = Vec::with_capacity(own as usize);
    // The first one comes with what is made but once: its memory is not that of a connection.
    if own > 0 {
        hands.push(connect(knobs, target, node).await?);
        Meter::count(&control.meter(number).connections);
    }
    control.tell(Event::Started);
    control.may_connect().await;
    if knobs.load.connects() {
        let dialer = Hand::Dialer { node: node.clone(), address: target.address.clone() };
        return Ok(vec![Rc::new([dialer])]);
    }
    let rest = (hands.len()..own as usize).map(|_| connect(knobs, target, node));
    let mut made = futures_util::stream::iter(rest).buffer_unordered(at_once);
    while let Some(connected) = made.next().await {
        hands.push(connected?);
        Meter::count(&control.meter(number).connections);
    }
    Ok(hands)
}

/// One on each shared lane that is to be loaded.
async fn desks(knobs: &Knobs, connection: &Connection) -> Result<Vec<BenchProxy>, Fault> {
    let Lanes::Shared(lanes @ 2..) = knobs.lanes else {
        return Ok(vec![connection.root().await?]);
    };
    let mut desks = Vec::with_capacity(lanes.into());
    for number in 0..lanes {
        desks.push(connection.service(&desk_name(number)).await?);
    }
    Ok(desks)
}

async fn connect(knobs: &Knobs, target: &Target, node: &Node) -> Result<Hands, String> {
    let connection = node.connect(target.address.as_str()).await.map_err(|e| e.to_string())?;
    let equipped: Result<Vec<Hand>, Fault> = async {
        let desks = desks(knobs, &connection).await?;
        let hands = Hand::open(&desks, knobs.objects, knobs.lanes == Lanes::Own).await?;
        if knobs.load.works().iter().any(|(work, _)| *work == Work::Callback) {
            for hand in &hands {
                hand.give_callback().await?;
            }
        }
        Ok(hands)
    }
    .await;
    match equipped {
        Ok(hands) => Ok(hands.into()),
        Err(Fault::Lost(why)) => Err(format!("the connection was lost: {why}")),
        Err(Fault::Failed(why) | Fault::Wrong(why)) => Err(why),
    }
}

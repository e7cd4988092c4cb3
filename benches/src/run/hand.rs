//! One call of each kind of work, on one object.

use duologue::prelude::*;
use duologue::{CallError, Node};

use super::fault::Fault;
use super::orders::share;
use super::recorder::Recorder;
use crate::service::{BenchProxy, ItemProxy, OBJECTS_AT_ONCE, OwnTargetProxy, SharedTargetProxy, Thing};
use crate::work::{ITEMS, Work};

/// What a caller has in its hand: an object to call, or a way to connect.
#[derive(Debug)]
pub(super) enum Hand {
    Shared(SharedTargetProxy),
    Own(OwnTargetProxy),
    Dialer { node: Node, address: String },
}

/// The same call on either kind of object.
macro_rules! on {
    ($hand:expr, $target:ident => $call:expr) => {
        match $hand {
            Hand::Shared($target) => $call,
            Hand::Own($target) => $call,
            Hand::Dialer { .. } => return Err(Fault::Wrong("this is no object".to_owned())),
        }
    };
}

impl Hand {
    /// Fresh objects of a server, by turns of each of its desks.
    pub(super) async fn open(desks: &[BenchProxy], objects: u32, own: bool) -> Result<Vec<Hand>, CallError> {
        let mut of_each = Vec::with_capacity(desks.len());
        for (number, desk) in desks.iter().enumerate() {
            let count = share(objects, desks.len() as u32, number as u32);
            of_each.push(Hand::of(desk, count, own).await?.into_iter());
        }
        let mut hands = Vec::with_capacity(objects as usize);
        while hands.len() < objects as usize {
            hands.extend(of_each.iter_mut().filter_map(Iterator::next));
        }
        Ok(hands)
    }

    /// Fresh objects of one desk.
    async fn of(desk: &BenchProxy, objects: u32, own: bool) -> Result<Vec<Hand>, CallError> {
        let mut hands = Vec::with_capacity(objects as usize);
        while hands.len() < objects as usize {
            let count = (objects - hands.len() as u32).min(OBJECTS_AT_ONCE);
            let before = hands.len();
            match own {
                true => hands.extend(desk.own(count).await?.into_iter().map(Hand::Own)),
                false => hands.extend(desk.shared(count).await?.into_iter().map(Hand::Shared)),
            }
            if hands.len() == before {
                return Err(CallError::Nested("the server gave no objects".to_owned()));
            }
        }
        Ok(hands)
    }

    /// Gives the object a closure to call.
    pub(super) async fn give_callback(&self) -> Result<(), Fault> {
        Ok(on!(self, target => target.keep(|n: u64| n.wrapping_add(1)).await)?)
    }

    /// Does it once. A connection that was made is given back to be closed.
    pub(super) async fn perform(
        &self,
        work: Work,
        part: usize,
        n: u64,
        recorder: &Recorder,
    ) -> Result<Option<Connection>, Fault> {
        match work {
            Work::Add => {
                let (a, b) = (1_000 + (n % 30_000) as i64, 2_000);
                let sum = on!(self, target => target.add(a, b).await)?;
                right(sum == a + b, || format!("{a} + {b} came back as {sum}"))?;
            }
            Work::Spin { time } => on!(self, target => target.spin(time.as_nanos() as u64).await)?,
            Work::Echo { size } => {
                let data = recorder.payload(part);
                let back = on!(self, target => target.echo(data).await)?;
                right(back.len() as u64 == size, || format!("{size} bytes came back as {}", back.len()))?;
                recorder.moved(part, 2 * size);
            }
            Work::Callback => {
                let back = on!(self, target => target.back(n).await)?;
                right(back == n.wrapping_add(1), || format!("the callback with {n} gave {back}"))?;
            }
            Work::Stream { size } => {
                let mut items = on!(self, target => target.items(size).await)?;
                let mut taken = 0;
                while let Some(item) = items.next().await {
                    let item = item?;
                    right(item.len() as u64 == size, || {
                        format!("an item of {size} bytes has {}", item.len())
                    })?;
                    taken += 1;
                    recorder.moved(part, size);
                }
                right(taken == ITEMS, || format!("a stream of {ITEMS} items gave {taken}"))?;
            }
            Work::Bulk { size } => {
                let mut bytes = on!(self, target => target.bulk(size).await)?;
                let mut taken = 0;
                while let Some(chunk) = bytes.next_chunk().await {
                    let chunk = chunk?.len() as u64;
                    taken += chunk;
                    recorder.moved(part, chunk);
                }
                right(taken == size, || format!("{size} bytes came as {taken}"))?;
            }
            Work::Handles => {
                let mine = ItemProxy::local(Thing);
                drop(on!(self, target => target.trade(mine).await)?);
            }
            Work::Connect => match self {
                Hand::Dialer { node, address } => {
                    let connected = node.connect(address.as_str()).await;
                    return connected.map(Some).map_err(|e| Fault::Failed(e.to_string()));
                }
                _ => return Err(Fault::Wrong("this is no way to connect".to_owned())),
            },
        }
        Ok(None)
    }
}

fn right(right: bool, why: impl FnOnce() -> String) -> Result<(), Fault> {
    if right { Ok(()) } else { Err(Fault::Wrong(why())) }
}

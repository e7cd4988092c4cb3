//! The deadlines of one connection's calls: a hashed wheel whose lists are threaded through the entries.
//!
//! Nearly every call is answered long before its deadline, so setting one and taking it back must cost next to
//! nothing, and nothing stale may stay behind: both are a few stores into a list, whatever the number of calls.
//!
//! A bucket holds the deadlines of one tick of 128 ms, and 256 of them make a round of 32.8 s. A round covers the
//! default deadline of 30 s, so that an ordinary entry is looked at once, when it is due; later ones are looked at
//! once per round. The tick is coarse because it costs no accuracy: each entry keeps its exact deadline, and each
//! bucket the earliest it may hold, so that buckets with nothing due are passed by one comparison. All buckets
//! together are 3 KiB, which matters with ten thousand connections: they are allocated with the first entry and given
//! back when [`Wheel::expire`] finds no entry left.
//!
//! What this deliberately does not do: it reads no clock and sets no timer; milliseconds are counted from whatever
//! start the caller likes.

#[cfg(test)]
mod tests;

/// No entry: the end of a list.
const NIL: u32 = u32::MAX;

/// Not in any bucket.
const OUT: u32 = u32::MAX;

/// log2 of the milliseconds of one tick.
const TICK_SHIFT: u32 = 7;

const BUCKETS: usize = 256;

/// A bucket without entries, or a wheel without any.
const NEVER: u64 = u64::MAX;

/// Which keys are due when. Keys are dense: the indices of a slab.
#[derive(Debug)]
pub(crate) struct Wheel {
    /// By key.
    entries: Vec<Entry>,
    /// First entry of each bucket; empty before the first entry.
    heads: Vec<u32>,
    /// No entry of the bucket is due before this. Exact unless the earliest was removed.
    earliest: Vec<u64>,
    /// No entry at all is due before this. Exact unless the earliest was removed.
    soonest: u64,
    /// Everything due in a tick before this one has been handed out.
    tick: u64,
    len: usize,
}

impl Default for Wheel {
    fn default() -> Self {
        Self::new()
    }
}

impl Wheel {
    /// A wheel without entries. Allocates nothing before the first one.
    pub(crate) fn new() -> Self {
        Self { entries: Vec::new(), heads: Vec::new(), earliest: Vec::new(), soonest: NEVER, tick: 0, len: 0 }
    }

    /// Sets the deadline of a key, in place of the one it had if any. One that lies in the past is due at once.
    pub(crate) fn insert(&mut self, key: u32, deadline_ms: u64) {
        self.remove(key);
        if self.heads.is_empty() {
            self.heads = vec![NIL; BUCKETS];
            self.earliest = vec![NEVER; BUCKETS];
        }
        if self.entries.len() <= key as usize {
            self.entries.resize(key as usize + 1, Entry::NONE);
        }
        let bucket = bucket_of((deadline_ms >> TICK_SHIFT).max(self.tick));
        self.push(bucket, key, deadline_ms);
        self.soonest = self.soonest.min(deadline_ms);
        self.len += 1;
    }

    /// Takes a key's deadline back; `false` if it had none.
    pub(crate) fn remove(&mut self, key: u32) -> bool {
        let Some(&entry) = self.entries.get(key as usize).filter(|entry| entry.bucket != OUT) else {
            return false;
        };
        self.unlink(key, entry);
        self.len -= 1;
        if self.len == 0 {
            self.soonest = NEVER;
        }
        true
    }

    /// When to call [`Wheel::expire`] next: never later than the earliest deadline, and right after such a call always
    /// later than its `now_ms`. It is earlier than any deadline when the earliest was removed: keeping it exact would
    /// cost every answered call what now costs one idle wake-up per default deadline.
    pub(crate) fn next_wake(&self) -> Option<u64> {
        (self.len > 0).then_some(self.soonest)
    }

    /// Removes the keys whose deadline is not after `now_ms` and appends them to `out`, in no particular order.
    pub(crate) fn expire(&mut self, now_ms: u64, out: &mut Vec<u32>) {
        let last = now_ms >> TICK_SHIFT;
        if self.soonest <= now_ms {
            let ticks = last.saturating_sub(self.tick).min(BUCKETS as u64 - 1);
            for tick in self.tick..=self.tick + ticks {
                self.expire_bucket(bucket_of(tick), now_ms, out);
            }
            self.soonest = self.earliest.iter().copied().min().unwrap_or(NEVER);
        }
        self.tick = self.tick.max(last);
        if self.len == 0 && !self.heads.is_empty() {
            *self = Self { tick: self.tick, ..Self::new() };
        }
    }

    /// How many keys have a deadline.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    fn expire_bucket(&mut self, bucket: usize, now_ms: u64, out: &mut Vec<u32>) {
        if self.earliest[bucket] > now_ms {
            return;
        }
        let mut earliest = NEVER;
        let mut key = self.heads[bucket];
        while key != NIL {
            let entry = self.entries[key as usize];
            if entry.deadline_ms <= now_ms {
                self.unlink(key, entry);
                self.len -= 1;
                out.push(key);
            } else {
                earliest = earliest.min(entry.deadline_ms);
            }
            key = entry.next;
        }
        self.earliest[bucket] = earliest;
    }

    fn push(&mut self, bucket: usize, key: u32, deadline_ms: u64) {
        let next = std::mem::replace(&mut self.heads[bucket], key);
        if next != NIL {
            self.entries[next as usize].previous = key;
        }
        self.entries[key as usize] = Entry { deadline_ms, previous: NIL, next, bucket: bucket as u32 };
        self.earliest[bucket] = self.earliest[bucket].min(deadline_ms);
    }

    fn unlink(&mut self, key: u32, entry: Entry) {
        let bucket = entry.bucket as usize;
        if entry.next != NIL {
            self.entries[entry.next as usize].previous = entry.previous;
        }
        if entry.previous != NIL {
            self.entries[entry.previous as usize].next = entry.next;
        } else {
            self.heads[bucket] = entry.next;
            if entry.next == NIL {
                self.earliest[bucket] = NEVER;
            }
        }
        self.entries[key as usize].bucket = OUT;
    }
}

fn bucket_of(tick: u64) -> usize {
    (tick % BUCKETS as u64) as usize
}

/// A key's deadline and its neighbours in the bucket.
#[derive(Clone, Copy, Debug)]
struct Entry {
    deadline_ms: u64,
    previous: u32,
    next: u32,
    bucket: u32,
}

impl Entry {
    const NONE: Self = Self { deadline_ms: NEVER, previous: NIL, next: NIL, bucket: OUT };
}

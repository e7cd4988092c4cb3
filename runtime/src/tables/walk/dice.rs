//! Chance, and the count of what it has led to.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Everything that may happen in a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Call,
    Notice,
    Queue,
    ForeignNames,
    Export,
    Home,
    OwnLane,
    OwnLaneEnds,
    Promise,
    OnAnswer,
    BrokenPromise,
    AnswerIsCallers,
    DropPromise,
    Cancel,
    Begin,
    Undecoded,
    Reply,
    Fault,
    AnswerOfStopped,
    AnswerOfDead,
    DropOwn,
    DropHolder,
    Watch,
    Die,
    PassTime,
    Deliver,
    DeliverPart,
    NameStream,
    Give,
    GiveWaits,
    GiveStopped,
    GiveEnd,
    Unnamed,
    Take,
    DropTaking,
    Park,
    Squeeze,
    Overload,
    TooManyExports,
    LargeCall,
    LargeNotice,
    LargeOnAnswer,
    LargeReply,
    Pulled,
    BodyWhole,
    BodyWithdrawn,
    BodyRefused,
    HeldBack,
    Drain,
    Close,
    End,
}

impl Act {
    /// What happens in walks of every kind; all but the refusal of a body and the last three.
    pub(super) const COMMON: &[Act] = &[
        Act::Call,
        Act::Notice,
        Act::Queue,
        Act::ForeignNames,
        Act::Export,
        Act::Home,
        Act::OwnLane,
        Act::OwnLaneEnds,
        Act::Promise,
        Act::OnAnswer,
        Act::BrokenPromise,
        Act::AnswerIsCallers,
        Act::DropPromise,
        Act::Cancel,
        Act::Begin,
        Act::Undecoded,
        Act::Reply,
        Act::Fault,
        Act::AnswerOfStopped,
        Act::AnswerOfDead,
        Act::DropOwn,
        Act::DropHolder,
        Act::Watch,
        Act::Die,
        Act::PassTime,
        Act::Deliver,
        Act::DeliverPart,
        Act::NameStream,
        Act::Give,
        Act::GiveWaits,
        Act::GiveStopped,
        Act::GiveEnd,
        Act::Unnamed,
        Act::Take,
        Act::DropTaking,
        Act::Park,
        Act::Squeeze,
        Act::Overload,
        Act::TooManyExports,
        Act::LargeCall,
        Act::LargeNotice,
        Act::LargeOnAnswer,
        Act::LargeReply,
        Act::Pulled,
        Act::BodyWhole,
        Act::BodyWithdrawn,
        Act::HeldBack,
    ];
}

/// How often each thing happened.
#[derive(Clone, Debug)]
pub(super) struct Tally([u64; Act::End as usize + 1]);

impl Default for Tally {
    fn default() -> Tally {
        Tally([0; Act::End as usize + 1])
    }
}

impl Tally {
    pub(super) fn of(&self, act: Act) -> u64 {
        self.0[act as usize]
    }

    pub(super) fn add(&mut self, other: &Tally) {
        self.0.iter_mut().zip(&other.0).for_each(|(sum, n)| *sum += n);
    }
}

/// A walk's source of chance.
#[derive(Debug)]
pub(super) struct Dice {
    rng: StdRng,
    pub(super) tally: Tally,
}

impl Dice {
    pub(super) fn new(seed: u64) -> Dice {
        Dice { rng: StdRng::seed_from_u64(seed), tally: Tally::default() }
    }

    pub(super) fn count(&mut self, act: Act) {
        self.tally.0[act as usize] += 1;
    }

    /// A number below `n`, which is not 0.
    pub(super) fn below(&mut self, n: usize) -> usize {
        self.rng.random_range(0..n)
    }

    pub(super) fn one_in(&mut self, n: u32) -> bool {
        self.rng.random_ratio(1, n)
    }

    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.rng.random()
    }
}

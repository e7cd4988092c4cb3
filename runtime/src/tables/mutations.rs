//! Deliberate breaks of the rules, by which the walk shows that each rule is looked after. Outside the crate's own tests there are none.

/// Deliberate breaks of the rules, so that the walk can show that each is caught.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutation {
    ReuseIds,
    GoneOnce,
    KeepSurplus,
    HomeForFree,
    ForgetUnknownGone,
    AnswerGoneBeforeQuiet,
    ReleaseBeforeQuiet,
    SlotFreedOnCancel,
    UndecodedRefsLeak,
    NoAnswerToDead,
    PermitKeptOnFault,
    ReleaseWhileQueued,
    ParkedOvertaken,
    NamesNotSent,
    UnwantedRefsUnsettled,
    NoTombstone,
    SentIsNeverRan,
    DoneCountedOnce,
    WriterNotWoken,
    WatchersUntold,
    OwnLaneNotRetired,
    OwnLaneForgotten,
    OwnLaneUntouched,
    BoundToOwnLane,
    WindowNotReturned,
    ItemRefsUnsettled,
    GiverNotWoken,
    EndNotAnswered,
    DependentsReversed,
    FinishBeforeQuiet,
    NeverFinished,
    DependentsForgotten,
    SentBeforeParent,
    PullWithoutRoom,
    BudgetKept,
    LineOvertaken,
    DependentsOvertaken,
    BodyKept,
    DependentBodyKept,
    CrossedPullIgnored,
    NumberingForgotten,
    StandInLeaks,
}

#[cfg(test)]
impl Mutation {
    pub(crate) const ALL: [Mutation; 42] = [
        Mutation::ReuseIds,
        Mutation::GoneOnce,
        Mutation::KeepSurplus,
        Mutation::HomeForFree,
        Mutation::ForgetUnknownGone,
        Mutation::AnswerGoneBeforeQuiet,
        Mutation::ReleaseBeforeQuiet,
        Mutation::SlotFreedOnCancel,
        Mutation::UndecodedRefsLeak,
        Mutation::NoAnswerToDead,
        Mutation::PermitKeptOnFault,
        Mutation::ReleaseWhileQueued,
        Mutation::ParkedOvertaken,
        Mutation::NamesNotSent,
        Mutation::UnwantedRefsUnsettled,
        Mutation::NoTombstone,
        Mutation::SentIsNeverRan,
        Mutation::DoneCountedOnce,
        Mutation::WriterNotWoken,
        Mutation::WatchersUntold,
        Mutation::OwnLaneNotRetired,
        Mutation::OwnLaneForgotten,
        Mutation::OwnLaneUntouched,
        Mutation::BoundToOwnLane,
        Mutation::WindowNotReturned,
        Mutation::ItemRefsUnsettled,
        Mutation::GiverNotWoken,
        Mutation::EndNotAnswered,
        Mutation::DependentsReversed,
        Mutation::FinishBeforeQuiet,
        Mutation::NeverFinished,
        Mutation::DependentsForgotten,
        Mutation::SentBeforeParent,
        Mutation::PullWithoutRoom,
        Mutation::BudgetKept,
        Mutation::LineOvertaken,
        Mutation::DependentsOvertaken,
        Mutation::BodyKept,
        Mutation::DependentBodyKept,
        Mutation::CrossedPullIgnored,
        Mutation::NumberingForgotten,
        Mutation::StandInLeaks,
    ];
}

#[cfg(test)]
thread_local! {
    pub(crate) static MUTATION: std::cell::Cell<Option<Mutation>> = const { std::cell::Cell::new(None) };
}

/// Whether a deliberate break is in force: never, outside the crate's own tests.
macro_rules! mutation {
    ($name:ident) => {{
        #[cfg(test)]
        {
            crate::tables::MUTATION.get() == Some(crate::tables::Mutation::$name)
        }
        #[cfg(not(test))]
        {
            false
        }
    }};
}
pub(super) use mutation;

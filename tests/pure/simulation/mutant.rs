//! Bugs on purpose: a simulation that finds none of these finds nothing.

/// What the worker, the broker's client or the store does wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mutant {
    /// Commits are not flushed before their entries are sent.
    SkipFlush,
    /// Entries are sent first, and the commit is flushed once they are visible.
    DeliverBeforeStore,
    /// The offset is committed in a transaction of its own, before the entries.
    OffsetsWithoutEntries,
    /// What a commit answered is believed, and the committed offset is not asked.
    TrustReturnCode,
    /// The producer is used again after an error or a late answer.
    KeepProducer,
    /// The group's generation is asked for again when offsets are sent.
    StaleGeneration,
    /// Ids never reach the store.
    ForgetIds,
    /// A delivery in doubt that did commit is sent again.
    ResendCommitted,
    /// A delivery in doubt that did not commit is not sent again.
    BelieveCommitted,
    /// After a restart everything in the outbox is sent, delivered or not.
    ResendAll,
}

impl Mutant {
    /// Every one.
    pub const ALL: [Mutant; 10] = [
        Mutant::SkipFlush,
        Mutant::DeliverBeforeStore,
        Mutant::OffsetsWithoutEntries,
        Mutant::TrustReturnCode,
        Mutant::KeepProducer,
        Mutant::StaleGeneration,
        Mutant::ForgetIds,
        Mutant::ResendCommitted,
        Mutant::BelieveCommitted,
        Mutant::ResendAll,
    ];
}

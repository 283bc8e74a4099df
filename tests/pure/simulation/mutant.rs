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
    /// After a restart nothing of what the outbox still has is sent.
    SkipCatchUp,
    /// Entries are forgotten once they are sent, before it is known that they are visible.
    TrimSent,
    /// Two effects change places: entries are forgotten, then delivered.
    TrimBeforeDeliver,
    /// Commits are forgotten when the next one is stored, before the offset names that one.
    TrimChain,
    /// The entries of some commits are not stored with them.
    LoseOutbox,
    /// The metadata names the last entry of the commit before all of its transactions went out.
    SequenceAhead,
    /// The metadata says nothing of the watermark.
    WatermarkUnsaid,
    /// After a restart the watermark is that of the offset's metadata, and not the state's.
    WatermarkOfOffset,
    /// The offset is committed one too far.
    OffsetAhead,
    /// After a restart reading goes on from the committed offset, and not from the state's cursor.
    CursorOfOffset,
    /// After a restart reading goes on one record too far.
    CursorAhead,
    /// Names of commits are made of partition and number: two states have the same ones.
    ReuseCommitId,
    /// Customers never reach the store.
    ForgetCustomers,
    /// Ids are forgotten too early.
    ExpireEarly,
    /// A state is used though its chain lacks the committed commit.
    SkipChainCheck,
    /// Where the state is elsewhere a fresh one is begun, though there is an offset.
    BeginAnyway,
    /// Where the group has no offset any more a fresh state is begun, though there is one.
    BeginWithoutOffset,
    /// What was revoked is served on, with a generation that is asked for again.
    KeepRevoked,
    /// A process delivers by the place that its client has in the group by now, whatever member that is.
    DeliverUnderAnotherName,
    /// A process goes on with what it kept, though the group took it for gone meanwhile.
    KeepUnderAnotherName,
    /// A write that failed is taken for done.
    PatchOn,
    /// What failed to become durable is taken for durable.
    IgnoreFailedFlush,
    /// A state that knows newer definitions is served by older ones.
    NewerState,
    /// A task that takes a plan while it works is not told what is stored.
    PlanWithoutIndex,
    /// Metrics that went are served on.
    KeepDeleted,
    /// Metrics that went are carried past the instant at which they did.
    CarryDeleted,
    /// Where the log lost records that were not read, reading goes on at its start.
    ReadPastRetention,
    /// What is to be published is delivered before its checkpoint is in the store.
    PublishUncopied,
    /// The offset names the newest local commit, and not the one that was copied.
    DeliverNewest,
    /// Commits are forgotten up to the last one stored, and not up to the one that is visible.
    TrimStored,
    /// A checkpoint of which nothing is known is taken for durable.
    TrustPut,
    /// A checkpoint's manifest is put before its files.
    ManifestFirst,
    /// A manifest is put over the one that is there.
    OverwriteManifest,
    /// Old checkpoints are collected before the own commit is visible.
    CollectEarly,
    /// Files are collected that only a younger manifest names, once they are old by the store's clock as of now.
    CollectNamed,
    /// What a manifest named that is gone since it was listed is taken for named by none.
    CollectUnread,
    /// Files are called by their content alone, whoever put them.
    NamesWithoutSession,
    /// A file is put again under the name that was deleted.
    NamesKept,
    /// A commit is published that was found at the start, and that another process may publish too.
    PublishShared,
    /// The newest checkpoint is brought back and used, whatever its chain has.
    RestoreAnyChain,
    /// What is brought back of a checkpoint is there before it is whole.
    RestoreInPlace,
    /// A damaged state is used.
    UseDamaged,
    /// A state that is to be set aside for a checkpoint is used.
    UseSetAside,
    /// Of a state that was brought back everything in the outbox is sent, delivered or not.
    ForgetSequence,
}

impl Mutant {
    /// Whether it is looked for where the store of checkpoints is played alone.
    pub fn is_of_the_store(self) -> bool {
        matches!(
            self,
            Mutant::OverwriteManifest
                | Mutant::CollectNamed
                | Mutant::CollectUnread
                | Mutant::NamesWithoutSession
                | Mutant::NamesKept
                | Mutant::PublishShared
        )
    }

    /// Every one.
    pub const ALL: [Mutant; 54] = [
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
        Mutant::SkipCatchUp,
        Mutant::TrimSent,
        Mutant::TrimBeforeDeliver,
        Mutant::TrimChain,
        Mutant::LoseOutbox,
        Mutant::SequenceAhead,
        Mutant::WatermarkUnsaid,
        Mutant::WatermarkOfOffset,
        Mutant::OffsetAhead,
        Mutant::CursorOfOffset,
        Mutant::CursorAhead,
        Mutant::ReuseCommitId,
        Mutant::ForgetCustomers,
        Mutant::ExpireEarly,
        Mutant::SkipChainCheck,
        Mutant::BeginAnyway,
        Mutant::BeginWithoutOffset,
        Mutant::KeepRevoked,
        Mutant::DeliverUnderAnotherName,
        Mutant::KeepUnderAnotherName,
        Mutant::PatchOn,
        Mutant::IgnoreFailedFlush,
        Mutant::NewerState,
        Mutant::PlanWithoutIndex,
        Mutant::KeepDeleted,
        Mutant::CarryDeleted,
        Mutant::ReadPastRetention,
        Mutant::PublishUncopied,
        Mutant::DeliverNewest,
        Mutant::TrimStored,
        Mutant::TrustPut,
        Mutant::ManifestFirst,
        Mutant::OverwriteManifest,
        Mutant::CollectEarly,
        Mutant::CollectNamed,
        Mutant::CollectUnread,
        Mutant::NamesWithoutSession,
        Mutant::NamesKept,
        Mutant::PublishShared,
        Mutant::RestoreAnyChain,
        Mutant::RestoreInPlace,
        Mutant::UseDamaged,
        Mutant::UseSetAside,
        Mutant::ForgetSequence,
    ];
}

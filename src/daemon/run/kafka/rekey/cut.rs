//! A stage's transactions: what makes copies, marks and offsets visible in one step, and what comes after a doubt.

use std::collections::BTreeSet;

use super::lanes::{Track, tell};
use super::stage::Stage;
use crate::daemon::run::kafka::worker::Error;
use crate::engine::Committed;
use crate::format::encode_metadata;
use crate::format::rekeyed::{Lane, LaneFacts, LaneNote, LaneStart, begin, decode_note};
use crate::kafka::{self, Advance, Disposition};
use crate::telemetry::TransactionOutcome;

impl Stage {
    /// Makes all that was copied visible, with how far each source partition has come.
    pub(super) fn cut(&mut self) -> Result<(), Error> {
        let marks: Vec<_> = self.tracks.values().filter_map(Track::news).collect();
        let advance = |(partition, track): (&i32, &Track)| track.advance(*partition, &self.plan);
        let advances: Vec<Advance> = self.tracks.iter().filter_map(advance).collect();
        if advances.is_empty() && self.rekeyer.begun().is_none() {
            return Ok(());
        }
        // Asked after the last of them was read, and before anything says that they are copied.
        self.outlook.horizon().same_topic()?;
        self.into.same_topic()?;
        let since = self.since;
        let clock = || since.elapsed();
        if !marks.is_empty() {
            tell(&self.plan, marks, &mut self.rekeyer, &clock)?;
        }
        // Taken once, when the transaction is cut: a rebalance in between fences it. None where what was copied is perhaps
        // another's to copy by now, which this stage is told next.
        let Some(member) = self.source.group_metadata(&self.member) else {
            return Ok(());
        };
        if let Err(error) = self.rekeyer.commit(&advances, &member, &clock) {
            self.outside.series.add_transaction(TransactionOutcome::InDoubt);
            return Err(error.into());
        }
        self.outside.series.add_transaction(TransactionOutcome::Committed);
        self.tracks.values_mut().for_each(Track::is_committed);
        Ok(())
    }

    /// Nothing is known of what is under way: all that is in hand begins again where the broker says that it was left.
    pub(super) fn put_off(&mut self, outcome: Result<(), Error>) -> Result<(), Error> {
        let error = match outcome {
            Err(Error::Kafka(error)) if error.disposition() != Disposition::Halt => error,
            other => return other,
        };
        self.rekeyer.abandon();
        let partitions: Vec<i32> = std::mem::take(&mut self.tracks).into_keys().collect();
        self.forget(&partitions);
        self.unstarted.extend(&partitions);
        self.pause.begin();
        let reason = format!("in doubt, and to be asked about: {error}");
        self.obstruct(&reason);
        tracing::warn!(
            %error,
            pause_seconds = self.pause.seconds(),
            "re-keying is in doubt; it is asked about and goes on where it was left"
        );
        if partitions.is_empty() {
            return Ok(());
        }
        match self.source.pause(&partitions) {
            // The group has taken them meanwhile, which it says next.
            Err(error) if error.disposition() != Disposition::Halt => {
                tracing::debug!(%error, "partitions in doubt could not be paused");
                Ok(())
            }
            other => Ok(other?),
        }
    }

    /// Begins with what was given and is not begun, if it is time to.
    pub(super) fn start_waiting(&mut self) -> Result<(), Error> {
        if self.unstarted.is_empty() || !self.pause.is_over() {
            return Ok(());
        }
        // What is under way becomes visible, or is in doubt: a new epoch would end it.
        self.cut()?;
        if self.rekeyer.is_in_doubt() {
            self.rekeyer.renew()?;
        }
        let found = self.find()?;
        let mut anew = Vec::new();
        let mut starts = Vec::new();
        let mut tracks = Vec::new();
        for (partition, start) in found {
            let number = partition.unsigned_abs();
            let (offset, progress, sources) = match start {
                LaneStart::Begin { offset } => (offset, None, self.plan.now.sources),
                LaneStart::GoOn { offset, progress, sources } => (offset, progress, sources),
            };
            let track = Track::new(Lane::new(number, progress), offset, sources);
            if let LaneStart::Begin { .. } = start {
                anew.push(track.advance_now(partition, &self.plan));
            }
            let topic = self.plan.origin.topic.as_str();
            tracing::info!(topic, partition, ?start, "a source partition is re-keyed");
            starts.push((partition, offset));
            tracks.push((partition, track));
        }
        if !anew.is_empty() {
            // Before anything is read: whoever comes next must begin at the same offset.
            let since = self.since;
            let Some(member) = self.source.group_metadata(&self.member) else { return Ok(()) };
            self.rekeyer.commit(&anew, &member, &|| since.elapsed())?;
        }
        self.source.begin(&starts)?;
        self.tracks.extend(tracks);
        self.unstarted.clear();
        self.pause.end();
        self.outside.readiness.clear(&self.name);
        Ok(())
    }

    /// Where each partition that waits goes on, by what the group has committed.
    fn find(&self) -> Result<Vec<(i32, LaneStart)>, Error> {
        // Before what is committed is asked: a sibling commits where it begins before it writes.
        let partitions: Vec<i32> =
            (0..i32::try_from(self.plan.rules.partitions).expect("numbered by i32")).collect();
        let ends = self.into.ends(&partitions)?;
        if ends.len() < partitions.len() {
            let untold = partitions.into_iter().filter(|one| !ends.contains_key(one));
            return Err(kafka::Error::Leaderless(untold.collect()).into());
        }
        let is_internal_new = ends.values().all(|end| *end == 0);
        let wanted: BTreeSet<i32> = self.unstarted.clone();
        let mut asked: Vec<i32> = wanted.iter().copied().collect();
        let mut committed = self.source.committed(&asked)?;
        if committed.iter().any(Option::is_none) {
            let sources = i32::try_from(self.plan.rules.sources).expect("numbered by i32");
            asked = (0..sources).collect();
            committed = self.source.committed(&asked)?;
        }
        let text = |committed: Committed| {
            let text = committed.metadata.map_or_else(|text| text, |task| encode_metadata(&task));
            (committed.offset, text)
        };
        let committed: Vec<Option<(i64, String)>> =
            committed.into_iter().map(|one| one.map(text)).collect();
        let notes: Vec<LaneNote> =
            committed.iter().flatten().filter_map(|(_, text)| decode_note(text)).collect();
        let mut found = Vec::new();
        for (partition, committed) in asked.into_iter().zip(&committed) {
            if !wanted.contains(&partition) {
                continue;
            }
            let (log_start, log_end) = self.source.log_bounds(partition)?;
            let facts = LaneFacts {
                partition: partition.unsigned_abs(),
                committed: committed.as_ref().map(|(offset, text)| (*offset, text.as_str())),
                notes: &notes,
                now: &self.plan.now,
                is_internal_new,
                log_start,
                log_end,
                start_from: self.plan.start_from,
            };
            let start = begin(&facts).map_err(|fault| Error::Rekey(self.task(partition), fault))?;
            found.push((partition, start));
        }
        Ok(found)
    }
}

//! A look at all of a state, entry by entry and without the definitions, while its task may be at work.

use std::collections::BTreeMap;
use std::path::Path;

use rocksdb::{DB, IteratorMode, ReadOptions};

use super::{Error, directory, openings};
use crate::engine::{Cell, CommitRecord};
use crate::format::state::{self, Entry, FollowedFile, Identity};

/// How often a state is tried to be opened of which files go meanwhile.
const TRIES: u32 = 20;
/// What RocksDB says then.
const GONE: &str = "No such file or directory";

/// How many faults are told one by one.
const FAULTS_MAX: usize = 100;

/// What a state holds, and what is wrong with it.
#[derive(Clone, Default, Debug)]
pub struct Survey {
    /// What it belongs to.
    pub identity: Option<Identity>,
    /// The commits that are kept, oldest first: all after the first are not known to be visible.
    pub commits: Vec<CommitRecord>,
    /// Every metric that it ever had, by its number.
    pub metrics: BTreeMap<u32, SurveyedMetric>,
    /// Files that it follows.
    pub followed: Vec<FollowedFile>,
    /// Remembered ids, the forgotten ones that were not removed yet among them.
    pub ids: u64,
    /// The first and the last UTC day that ids are of, from the epoch.
    pub days: Option<(u32, u32)>,
    /// Customers seen.
    pub customers: u64,
    /// The first and the last outbox entry that is not trimmed.
    pub outbox: Option<(u64, u64)>,
    /// Bytes of its files.
    pub disk_bytes: u64,
    /// What is not as it must be, in words; at most 100 of them.
    pub faults: Vec<String>,
}

/// What is kept of a metric.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct SurveyedMetric {
    /// Whose.
    pub tenant: String,
    /// Its code.
    pub code: String,
    /// Periods that are kept of all keys, those of recurring chains too.
    pub cells: u64,
    /// Those of them that are open: never published.
    pub open: u64,
    /// Recurring chains.
    pub chains: u64,
    /// Sub-entries: members of unique counts, values of percentiles, buckets.
    pub parts: u64,
}

/// Opens a state to be read, whether or not its task has it open.
pub(super) fn open(directory: &Path) -> Result<DB, Error> {
    if !directory::exists(directory) {
        if directory::is_beheaded(directory) {
            return Err(Error::Beheaded(directory.into()));
        }
        return Err(Error::Foreign(directory.into(), "it holds no state".to_owned()));
    }
    let mut options = rocksdb::Options::default();
    // All of them, now: its task may remove any of them later.
    options.set_max_open_files(-1);
    super::options::expect_whole(&mut options);
    let mut tries_left = TRIES;
    loop {
        tries_left -= 1;
        match DB::open_for_read_only(&options, directory, false) {
            Ok(db) => return Ok(db),
            // What was listed has been removed by its task before it was opened.
            Err(error) if tries_left > 0 && error.as_ref().contains(GONE) => {}
            Err(error) => return Err(Error::failed(directory, error)),
        }
    }
}

impl Survey {
    /// Reads all of the state in a directory.
    ///
    /// # Errors
    /// A directory without a state, the disk, a database that is damaged. What is wrong with single entries is told in
    /// [`Survey::faults`].
    pub fn of(directory: &Path) -> Result<Self, Error> {
        let db = open(directory)?;
        let failed = |error| Error::failed(directory, error);
        let mut survey = Survey::default();
        let size = db.property_int_value("rocksdb.total-sst-files-size").map_err(failed)?;
        survey.disk_bytes = size.unwrap_or(0);
        let mut options = ReadOptions::default();
        options.set_verify_checksums(true);
        options.fill_cache(false);
        let mut owner: Option<(Vec<u8>, u32)> = None;
        for entry in db.iterator_opt(IteratorMode::Start, options) {
            let (key, value) = entry.map_err(failed)?;
            match state::read_entry(&key, &value) {
                Ok(Entry::Part(of)) => {
                    if owner.as_ref().is_none_or(|(key, _)| *key != of) {
                        let number = survey.owner(&db, &of).map_err(failed)?;
                        owner = Some((of, number));
                    }
                    let number = owner.as_ref().map_or(0, |(_, number)| *number);
                    survey.metric(number).parts += 1;
                }
                Ok(entry) => survey.add(entry),
                Err(corrupt) => survey.fault(corrupt.to_string()),
            }
        }
        if let Err(error) = openings::check(&db, directory) {
            survey.fault(error.damage());
        }
        survey.check();
        Ok(survey)
    }

    /// How many ids, keys and outbox entries there are.
    pub fn entries(&self) -> u64 {
        let keys = self.metrics.values().map(|metric| metric.cells + metric.chains + metric.parts);
        let waiting = self.outbox.map_or(0, |(first, last)| last - first + 1);
        self.ids + waiting + keys.sum::<u64>()
    }

    fn fault(&mut self, text: String) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(text);
        }
    }

    fn metric(&mut self, number: u32) -> &mut SurveyedMetric {
        self.metrics.entry(number).or_default()
    }

    /// The metric of a part's cell or chain, which must be there.
    fn owner(&mut self, db: &DB, key: &[u8]) -> Result<u32, rocksdb::Error> {
        let number = key.get(1..5).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
        let number = number.unwrap_or_default();
        if db.get_pinned(key)?.is_none() {
            self.fault(format!(
                "parts of a key of metric number {number} that has no cell or chain"
            ));
        }
        Ok(number)
    }

    fn add(&mut self, entry: Entry) {
        match entry {
            Entry::Identity(identity) => self.identity = Some(*identity),
            Entry::Commit(commit) => self.commits.push(*commit),
            Entry::Metric { number, tenant, code } => {
                let metric = self.metric(number);
                (metric.tenant, metric.code) = (tenant, code);
            }
            Entry::Followed(file) => self.followed.push(file),
            Entry::Id(day) => {
                self.ids += 1;
                let (first, last) = self.days.unwrap_or((day, day));
                self.days = Some((first.min(day), last.max(day)));
            }
            Entry::Cell(number, cell) => self.add_cell(number, &cell),
            Entry::Chain(number, cells) => {
                self.metric(number).chains += 1;
                for cell in &cells {
                    self.add_cell(number, cell);
                }
            }
            Entry::Outbox(sequence) => self.add_outbox(sequence),
            Entry::Customer => self.customers += 1,
            Entry::Calendars
            | Entry::Forgotten
            | Entry::Opening
            | Entry::Expiry
            | Entry::Record
            | Entry::Written(_)
            | Entry::Source(_)
            | Entry::Claims
            | Entry::Unclaimed
            | Entry::Part(_) => {}
        }
    }

    fn add_cell(&mut self, number: u32, cell: &Cell) {
        let metric = self.metric(number);
        metric.cells += 1;
        metric.open += u64::from(cell.published.is_none());
        let published = cell.published.as_deref();
        if published.is_some_and(|last| last.revision == 0 || last.events > cell.events) {
            let period = cell.slot.period;
            self.fault(format!(
                "a total of metric number {number} from {} to {} that was published with other events than it has",
                period.start, period.end
            ));
        }
    }

    fn add_outbox(&mut self, sequence: u64) {
        let (first, last) = self.outbox.unwrap_or((sequence, sequence.saturating_sub(1)));
        if sequence != last + 1 {
            self.fault(format!("outbox entry {sequence} right after {last}"));
        }
        self.outbox = Some((first, sequence));
    }

    /// What entries must be to each other.
    fn check(&mut self) {
        if self.identity.is_none() {
            self.fault("nothing says what the state is".to_owned());
        }
        let commits = std::mem::take(&mut self.commits);
        for pair in commits.windows(2) {
            let (before, next) = (pair[0], pair[1]);
            let goes_on = next.parent == Some(before.id)
                && next.number == before.number + 1
                && next.cursor >= before.cursor
                && next.watermark >= before.watermark
                && next.outbox_last >= before.outbox_last;
            if !goes_on {
                let (next, before) = (next.number, before.number);
                self.fault(format!("commit {next} does not go on from commit {before}"));
            }
        }
        for commit in &commits {
            let imbalance = commit.counters.imbalance();
            if imbalance != 0 {
                let number = commit.number;
                self.fault(format!(
                    "commit {number}: {imbalance} events read and not accounted for"
                ));
            }
        }
        match (commits.last(), self.outbox) {
            (None, _) => self.fault("it has no commit".to_owned()),
            (Some(last), Some((_, sequence))) if sequence != last.outbox_last => {
                let made = last.outbox_last;
                self.fault(format!("the outbox ends with {sequence}, though {made} were made"));
            }
            (Some(_), _) => {}
        }
        let nameless = self.metrics.iter().filter(|(_, metric)| metric.code.is_empty());
        let nameless: Vec<u32> = nameless.map(|(number, _)| *number).collect();
        for number in nameless {
            self.fault(format!("keys of metric number {number}, which has no name"));
        }
        self.commits = commits;
    }
}

//! A look into a state from outside of its task: as of its last commit, while the task goes on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rocksdb::DB;

use super::entries::Entries;
use super::{Error, Store, survey};
use crate::definition::Plan;
use crate::engine::{Address, ChainAddress, CommitRecord, Loaded};
use crate::format::state::{self, Corrupt, Dictionary, Identity, LeftOut};
use crate::model::EventTime;

/// How many keys one page looks at: what is asked for may stand far apart.
const LOOKS_MAX: usize = 20_000;

/// Reads a task's state beside it. The database stays open as long as it is there.
pub struct View {
    db: Arc<DB>,
    directory: PathBuf,
    plan: Arc<Plan>,
    dictionary: Dictionary,
}

/// What is wanted of a metric.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The metric's place in the plan.
    pub metric: u32,
    /// Of that customer; `None`: of every one.
    pub customer: Option<&'a str>,
    /// Plain cells of periods that end after that.
    pub after: Option<EventTime>,
    /// From that place on: the [`Page::next`] of the page before.
    pub from: Option<&'a [u8]>,
    /// At most so many entries; one at least.
    pub entries_max: usize,
}

/// Entries of a state, as of a commit.
#[derive(Debug)]
pub struct Page {
    /// The commit.
    pub commit: CommitRecord,
    /// Plain cells in order of their end, then chains.
    pub found: Vec<Loaded>,
    /// Where the next page begins; `None`: this was the last.
    pub next: Option<Vec<u8>>,
    /// Whether periods of the metric were forgotten, of whichever customer.
    pub has_forgotten: bool,
}

impl Store {
    /// A look at this state for others.
    pub fn view(&self) -> View {
        View {
            db: Arc::clone(&self.db),
            directory: self.directory.clone(),
            plan: Arc::clone(&self.plan),
            dictionary: self.dictionary.clone(),
        }
    }
}

impl View {
    /// Opens a state to be read, whether or not its task has it open.
    ///
    /// # Errors
    /// A directory without a state, a database that is damaged, metrics of another meaning than the state's.
    pub fn open(directory: &Path, plan: &Arc<Plan>) -> Result<Self, Error> {
        let db = survey::open(directory)?;
        let dictionary = super::replan::read_dictionary(&db, directory, plan)?;
        let (db, directory, plan) = (Arc::new(db), directory.to_owned(), Arc::clone(plan));
        Ok(View { db, directory, plan, dictionary })
    }

    /// What the state is. `None`: nothing is in the database, whose process was killed before it wrote its first commit; a
    /// start takes it for its own.
    ///
    /// # Errors
    /// The disk, or an entry that cannot be read.
    pub fn identity(&self) -> Result<Option<Identity>, Error> {
        super::read_identity(&self.db, &self.directory)
    }

    /// The commit that the state is as of; `None`: it has none yet.
    ///
    /// # Errors
    /// The disk, or an entry that cannot be read.
    pub fn last_commit(&self) -> Result<Option<CommitRecord>, Error> {
        let View { db, directory, plan, dictionary } = self;
        last_commit(Entries { db, snapshot: None, directory, plan, dictionary })
    }

    /// The plan that the state is read by.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Metrics that the state has periods of, and the plan does not have.
    ///
    /// # Errors
    /// The disk.
    pub fn left_out(&self) -> Result<Vec<LeftOut>, Error> {
        let View { db, directory, plan, dictionary } = self;
        let entries = Entries { db, snapshot: None, directory, plan, dictionary };
        let mut found = Vec::new();
        for metric in dictionary.left_out() {
            for prefix in [state::cells_prefix(metric.number), state::chains_prefix(metric.number)]
            {
                if entries.first(&prefix)?.is_some_and(|(key, _)| key.starts_with(&prefix)) {
                    found.push(metric.clone());
                    break;
                }
            }
        }
        Ok(found)
    }

    /// Reads a page. What it costs grows with what it finds and with the periods that are kept, not with events.
    ///
    /// # Errors
    /// The disk, or an entry that cannot be read.
    pub fn page(&self, ask: &Ask<'_>) -> Result<Page, Error> {
        let snapshot = self.db.snapshot();
        let View { db, directory, plan, dictionary } = self;
        let entries = Entries { db, snapshot: Some(&snapshot), directory, plan, dictionary };
        let Some(commit) = last_commit(entries)? else {
            return Err(entries.corrupt(Corrupt("no commit, though it is in use".to_owned())));
        };
        let note = state::forgotten_key(dictionary.number(ask.metric));
        let has_forgotten = entries.first(&note)?.is_some_and(|(key, _)| *key == *note);
        let mut walk = Walk::new(entries, ask);
        while let Some(position) = walk.next.take() {
            let is_full = walk.found.len() >= ask.entries_max.max(1) || walk.looks >= LOOKS_MAX;
            if is_full {
                walk.next = Some(position);
                break;
            }
            walk.step(&position)?;
        }
        Ok(Page { commit, found: walk.found, next: walk.next, has_forgotten })
    }
}

fn last_commit(entries: Entries<'_>) -> Result<Option<CommitRecord>, Error> {
    let Some((_, commit)) = entries.last(&[state::COMMIT])? else { return Ok(None) };
    state::decode_commit(&commit).map(Some).map_err(|corrupt| entries.corrupt(corrupt))
}

/// Goes from key to key, leaping over those of other customers.
struct Walk<'w> {
    entries: Entries<'w>,
    ask: &'w Ask<'w>,
    /// The metric's number in keys.
    number: u32,
    /// Where to look next.
    next: Option<Vec<u8>>,
    looks: usize,
    found: Vec<Loaded>,
}

impl<'w> Walk<'w> {
    fn new(entries: Entries<'w>, ask: &'w Ask<'w>) -> Self {
        let number = entries.dictionary.number(ask.metric);
        let first = match ask.after {
            Some(after) => {
                let next = EventTime::from_micros(after.micros().saturating_add(1));
                state::cells_ending_prefix(number, next)
            }
            None => state::cells_prefix(number),
        };
        let next = Some(ask.from.map_or(first, <[u8]>::to_vec));
        Walk { entries, ask, number, next, looks: 0, found: Vec::new() }
    }

    /// Looks at the first key from a position on, and says where to look then.
    fn step(&mut self, position: &[u8]) -> Result<(), Error> {
        self.looks += 1;
        let cells = state::cells_prefix(self.number);
        let chains = state::chains_prefix(self.number);
        let entry = self.entries.first(position)?;
        let entry = entry.filter(|(key, _)| key.starts_with(&cells) || key.starts_with(&chains));
        let Some((key, value)) = entry else {
            // Behind the cells of the metric come its chains.
            self.next = (position < chains.as_slice()).then_some(chains);
            return Ok(());
        };
        let corrupt = |corrupt| self.entries.corrupt(corrupt);
        let (lineage, chain) = state::read_address(&key).map_err(corrupt)?;
        let end = if key.starts_with(&cells) {
            Some(state::end_of_cell_key(&key).map_err(corrupt)?)
        } else {
            None
        };
        if let Some(customer) = self.ask.customer.filter(|customer| *customer != chain.customer()) {
            self.next = Some(self.next_of(customer, &key, end, lineage));
            return Ok(());
        }
        let chain = ChainAddress { metric: self.ask.metric, lineage, key: chain };
        let address = match end {
            Some(end) => Address::Cell(chain, end),
            None => Address::Chain(chain),
        };
        self.found.push(self.entries.read(address, &value)?);
        self.next = Some(state::past(&key));
        Ok(())
    }

    /// Where a customer's keys may come next, seen from the key of another one.
    fn next_of(&self, customer: &str, key: &[u8], end: Option<EventTime>, lineage: u32) -> Vec<u8> {
        let of = |lineage| match end {
            Some(end) => state::cells_of_customer_prefix(self.number, end, lineage, customer),
            None => state::chains_of_customer_prefix(self.number, lineage, customer),
        };
        let here = of(lineage);
        // Lineages are few: what has no such one leads to the next period by itself.
        if here.as_slice() > key { here } else { of(lineage.saturating_add(1)) }
    }
}

//! What a look from outside costs, counted by RocksDB itself: keys that its iterators pass, deleted and outdated ones too.

mod claims;
mod damage;
mod rebuilt;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use rocksdb::perf::{PerfContext, PerfMetric, PerfStatsLevel, set_perf_stats};

use super::{Ask, Error, Options, Store, View, forgotten};
use crate::definition::Plan;
use crate::engine::{
    self, Binding, CommitId, CommitRecord, Cursor, DigestKey, Effect, Incoming, Input, OutboxEntry,
    Processor, Start,
};
use crate::format::state::{self, Identity, Operation};
use crate::format::{self, EventFormat, definitions};
use crate::model::{Document, SourcePosition};

const METRICS: &str = r#"
[[metrics]]
code = "n"
event_type = "t"
aggregation = "sum"
value = "properties.v"
"#;

fn binding() -> Binding {
    Binding {
        cluster: String::new(),
        group: "test".to_owned(),
        topic: String::new(),
        partition: 0,
        partitions: 1,
    }
}

/// A store without metrics, as a start opens it.
fn empty(directory: &Path) -> Store {
    let identity = || Identity { binding: binding(), digest_key: DigestKey([7; 16]) };
    let options = Options::new(64 << 20);
    Store::open(directory, &options, &Arc::default(), identity).expect("it may be used")
}

/// A task that counts one event of each of ten customers, commits, delivers, and so on.
struct Task {
    store: Store,
    processor: Processor,
    commits: u64,
    /// What the store held after each write, where that is looked at.
    watch: Option<BTreeSet<damage::Content>>,
    /// What went to the outbox, where that is kept.
    made: Option<RefCell<Vec<OutboxEntry>>>,
}

fn plan() -> Arc<Plan> {
    plan_at(METRICS, 0)
}

fn plan_at(metrics: &str, revision: u64) -> Arc<Plan> {
    let definitions = definitions::read(&[("metrics.toml", metrics)]).expect("they are valid");
    Arc::new(Plan::at_revision(definitions, revision))
}

impl Task {
    fn new(directory: &Path) -> Self {
        Self::open(directory, &Options::temporary(64 << 20))
    }

    /// The same of a state that goes on, if there is one.
    fn open(directory: &Path, options: &Options) -> Self {
        Self::open_by(directory, options, plan())
    }

    fn open_by(directory: &Path, options: &Options, plan: Arc<Plan>) -> Self {
        let identity = Identity { binding: binding(), digest_key: DigestKey([7; 16]) };
        let mut store = Store::open(directory, options, &plan, || identity).expect("it may be");
        let last = store.commits().expect("they are read").last().copied();
        let last = last.unwrap_or_else(|| {
            let genesis = CommitRecord::genesis(CommitId([0; 16]), Cursor::at_offset(0));
            store.begin(&genesis).expect("it is written");
            genesis
        });
        let start = Start {
            digest_key: DigestKey([7; 16]),
            last,
            delivered: last.outbox_last,
            is_offset_behind: false,
            stored: Some(store.index().expect("it is read")),
        };
        let mut processor = Processor::new(plan, engine::Options::default(), start);
        processor.attach_store();
        Task { store, processor, commits: last.number, watch: None, made: None }
    }

    fn work_until(&mut self, commits: u64) {
        while self.commits < commits {
            self.commits += 1;
            for customer in 0..10 {
                self.count(customer);
            }
            // Within a run too, at any place between commits.
            if self.watch.is_some() && self.commits.is_multiple_of(5) {
                self.store.db.flush().expect("written");
            }
            let id = CommitId(u128::from(self.commits).to_be_bytes());
            self.tell(Input::Cut { id });
        }
    }

    fn note(&mut self) {
        if let Some(watch) = &mut self.watch {
            watch.insert(damage::content(&self.store).expect("it may be read"));
        }
    }

    fn count(&mut self, customer: u64) {
        self.count_at(customer, 1_767_225_600, 2);
    }

    /// Counts an event at that second.
    fn count_at(&mut self, customer: u64, second: u64, value: u64) {
        let text = format!(
            r#"{{"id":"{}-{customer}","type":"t","customer":"c{customer}","time":{second},"properties":{{"v":{value}}}}}"#,
            self.commits
        );
        let mut document = Document::default();
        let format = EventFormat::native();
        let event = format::decode(text.as_bytes(), &mut document, &format, "default");
        let offset = i64::try_from(self.commits * 10 + customer).expect("few");
        let events = [Incoming {
            position: SourcePosition::Offset(offset),
            timestamp: None,
            read_at: None,
            original: text.as_bytes(),
            upstream: None,
            event: Ok(event.expect("it is whole")),
        }];
        self.tell(Input::Events { events: &events, cursor: Cursor::at_offset(offset + 1) });
    }

    fn tell(&mut self, input: Input<'_, '_>) {
        let mut effects = Vec::new();
        self.processor.handle(input, &mut effects);
        let mut waiting = std::collections::VecDeque::from(effects);
        while let Some(effect) = waiting.pop_front() {
            let answer = match effect {
                Effect::Load(addresses) => {
                    Input::Loaded(self.store.load(&addresses).expect("read"))
                }
                Effect::Scan(scan) => {
                    let (found, is_end) = self.store.scan(&scan).expect("read");
                    Input::Scanned { found, is_end }
                }
                Effect::Store(record) => {
                    let encode = |entry: &OutboxEntry| {
                        if let Some(made) = &self.made {
                            made.borrow_mut().push(entry.clone());
                        }
                        Vec::new()
                    };
                    let stored = self.store.commit(&record, &mut self.processor, &encode);
                    stored.expect("written");
                    self.note();
                    Input::Stored
                }
                Effect::Deliver { through, .. } => Input::Delivered { sequence: through },
                Effect::Trim { through, commit } => {
                    self.store.trim(through, commit).expect("written");
                    self.note();
                    continue;
                }
                Effect::Checkpoint { .. } => unreachable!("no checkpoints are kept here"),
                Effect::Expire { .. } => continue,
            };
            let mut more = Vec::new();
            self.processor.handle(answer, &mut more);
            waiting.extend(more);
        }
    }

    /// Keys that are passed to show the usage of one customer.
    fn keys_passed(&self) -> u64 {
        let view = self.store.view();
        set_perf_stats(PerfStatsLevel::EnableCount);
        let mut passed = PerfContext::default();
        passed.reset();
        let ask =
            Ask { metric: 0, customer: Some("c7"), after: None, from: None, entries_max: 100 };
        let page = view.page(&ask).expect("it is read");
        assert_eq!(page.found.len(), 1);
        assert_eq!(page.commit.counters.counted, self.commits * 10);
        [
            PerfMetric::SeekOnMemtableCount,
            PerfMetric::NextOnMemtableCount,
            PerfMetric::PrevOnMemtableCount,
            PerfMetric::InternalKeySkippedCount,
            PerfMetric::InternalDeleteSkippedCount,
            PerfMetric::BlockReadCount,
        ]
        .map(|metric| passed.metric(metric))
        .iter()
        .sum()
    }
}

#[test]
fn a_look_costs_the_same_after_a_hundred_times_the_events_and_commits() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut task = Task::new(&folder.path().join("state"));
    task.work_until(20);
    let few = task.keys_passed();
    assert_ne!(few, 0, "RocksDB counts");
    task.work_until(2_000);
    let many = task.keys_passed();
    assert!(many <= 2 * few + 20, "{few} keys are passed after 200 events, {many} after 20,000");
}

#[test]
fn what_is_delivered_is_forgotten_key_by_key_unless_it_is_much() {
    let key = state::outbox_key;
    assert_eq!(forgotten(5, 5, key), []);
    let few = [Operation::Delete(key(5)), Operation::Delete(key(6))];
    assert_eq!(forgotten(5, 7, key), few);
    assert_eq!(forgotten(0, 1_000, key).len(), 1_000);
    assert_eq!(forgotten(0, 1_001, key), [Operation::DeleteRange(key(0), key(1_001))]);
}

#[test]
fn database_without_an_entry_may_be_looked_at_and_is_taken_by_a_start() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    drop(empty(folder.path()));
    let look = || View::open(folder.path(), &Arc::default()).expect("it may be read");
    assert_eq!(look().identity().expect("it may be asked"), None);
    assert_eq!(look().last_commit().expect("it may be asked"), None);
    let mut store = empty(folder.path());
    let genesis = CommitRecord::genesis(CommitId([1; 16]), Cursor::at_offset(5));
    store.begin(&genesis).expect("it is written");
    let identity = store.view().identity().expect("it may be asked").expect("it has one");
    assert_eq!(identity.binding, binding());
    assert_eq!(store.view().last_commit().expect("it may be asked"), Some(genesis));
}

#[test]
fn look_at_ids_that_began_on_an_earlier_day_begins_again() {
    for is_restarted in [false, true] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (mut store, ids) = (empty(folder.path()), 10);
        let genesis = CommitRecord::genesis(CommitId([1; 16]), Cursor::at_offset(0));
        store.begin(&genesis).expect("it is written");
        for number in 0..ids {
            let key = [&[state::ID][..], &[number; 16]].concat();
            let day = if number % 2 == 0 { 1_u32 } else { 2 };
            store.db.put(key, day.to_be_bytes()).expect("it is written");
        }
        assert!(!store.expire(1, 4).expect("it may be read"), "there are more");
        if is_restarted {
            drop(store);
            store = empty(folder.path());
        }
        let mut looks = 0;
        while !store.expire(2, 4).expect("it may be read") {
            looks += 1;
            assert!(looks < ids, "it comes to its end");
        }
        assert_eq!(store.now().with_prefix(&[state::ID]).expect("it may be read"), []);
    }
}

/// A state that comes from another machine may know of a version that this one has not heard of yet.
#[test]
fn state_that_is_ahead_of_the_definitions_is_told_from_definitions_that_changed_in_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("state");
    let first = format!("{METRICS}effective_from = \"2026-01-01T00:00:00Z\"\n");
    let later = first.replace("\"sum\"", "\"max\"").replace("2026-01", "2027-01");
    let mut task =
        Task::open_by(&directory, &Options::new(8 << 20), plan_at(&(first.clone() + &later), 2));
    task.work_until(1);
    drop(task);
    let open = |revision| {
        let identity = || Identity { binding: binding(), digest_key: DigestKey([7; 16]) };
        let plan = plan_at(&first, revision);
        Store::open(&directory, &Options::new(8 << 20), &plan, identity).map(|_| ())
    };
    let told = open(1).expect_err("the version comes yet");
    assert!(matches!(told, Error::Ahead { of_state: 2, known: 1, .. }), "{told}");
    let told = open(2).expect_err("the version is gone");
    assert!(matches!(told, Error::Definitions(..)), "{told}");
    assert!(told.to_string().contains("lacks a version that is known already"), "{told}");
}

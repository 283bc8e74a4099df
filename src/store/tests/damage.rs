//! A state of which a file was damaged: it is what some commit left, or it is refused as damaged; never anything else.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Task, binding, plan};
use crate::engine::DigestKey;
use crate::format::state::{self, Identity};
use crate::store::{Disposition, Error, Options, Store};

/// How many places of a file are damaged, one at a time, where records of many kinds stand in it, and elsewhere.
const PLACES: [u64; 2] = [48, 6];
/// How often the state is opened: each time what its log has goes to a table.
const STARTS: u64 = 3;
const COMMITS: u64 = 12;

/// All entries of a state.
pub(super) type Content = Vec<(Box<[u8]>, Box<[u8]>)>;

#[derive(Default)]
struct Found {
    sound: u32,
    refused: u32,
}

pub(super) fn content(store: &Store) -> Result<Content, Error> {
    let entries = store.db.iterator(rocksdb::IteratorMode::Start);
    let entries = entries.map(|entry| entry.map_err(|error| store.failed(error)));
    let opening = state::opening_key(0)[0];
    // Each look notes that it was made.
    entries.filter(|entry| !matches!(entry, Ok((key, _)) if key[0] == opening)).collect()
}

fn opened(directory: &Path) -> Result<Content, Error> {
    let identity = || Identity { binding: binding(), digest_key: DigestKey([9; 16]) };
    let store = Store::open(directory, &Options::new(8 << 20), &plan(), identity)?;
    store.commits()?;
    store.index()?;
    content(&store)
}

/// A state, and what it held after each of its writes.
fn state(directory: &Path) -> BTreeSet<Content> {
    let mut known = BTreeSet::new();
    for start in 1..=STARTS {
        let mut task = Task::open(directory, &Options::new(8 << 20));
        task.watch = Some(BTreeSet::new());
        task.work_until(start * COMMITS);
        known.append(&mut task.watch.take().expect("it was watched"));
        known.insert(content(&task.store).expect("it may be read"));
    }
    known
}

fn copied(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a new folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("it may be copied");
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a folder");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| !path.ends_with("LOCK"));
    files.sort();
    files
}

/// Every harm that is done to a file, in words and as its new content; `None`: it is gone.
fn harms(bytes: &[u8], places: u64) -> Vec<(String, Option<Vec<u8>>)> {
    let length = u64::try_from(bytes.len()).expect("not so long");
    let place = |number: u64| usize::try_from(number * length / places).expect("within the file");
    let mut harms = vec![("gone".to_owned(), None), ("empty".to_owned(), Some(Vec::new()))];
    for at in (0..places).map(place).collect::<BTreeSet<_>>() {
        for mask in [0x01, 0xff] {
            let mut other = bytes.to_vec();
            if let Some(byte) = other.get_mut(at) {
                *byte ^= mask;
            }
            harms.push((format!("byte {at} with {mask:#04x}"), Some(other)));
        }
        harms.push((format!("cut at {at}"), Some(bytes[..at].to_vec())));
        let mut other = bytes.to_vec();
        other[at..].fill(0);
        harms.push((format!("zeros from {at}"), Some(other)));
    }
    harms
}

#[test]
fn damaged_state_is_that_of_a_commit_or_refused_whatever_file_it_is_in() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sound = folder.path().join("state");
    let known = state(&sound);
    assert!(known.len() > 2 * usize::try_from(COMMITS).expect("few"), "{}", known.len());
    let mut kinds = std::collections::BTreeMap::<&str, Found>::new();
    for file in files(&sound) {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let kind = match file.extension().and_then(|ending| ending.to_str()) {
            Some("sst") => "table",
            Some("log") => "log",
            _ if name == "CURRENT" => "CURRENT",
            _ if name.starts_with("MANIFEST") => "MANIFEST",
            _ => "other",
        };
        let bytes = fs::read(&file).expect("it may be read");
        let places = PLACES[usize::from(kind != "MANIFEST" && kind != "log")];
        for (number, (harm, bytes)) in harms(&bytes, places).into_iter().enumerate() {
            let place = folder.path().join(format!("{name}-{number}"));
            copied(&sound, &place);
            match bytes {
                Some(bytes) => fs::write(place.join(&name), bytes).expect("it may be written"),
                None => fs::remove_file(place.join(&name)).expect("it is there"),
            }
            let found = kinds.entry(kind).or_default();
            match opened(&place) {
                Ok(content) => {
                    assert!(known.contains(&content), "{name}, {harm}: what no commit left");
                    found.sound += 1;
                }
                Err(error) => {
                    let disposition = error.disposition();
                    assert_eq!(disposition, Disposition::Damaged, "{name}, {harm}: {error}");
                    found.refused += 1;
                }
            }
            fs::remove_dir_all(&place).expect("it may be removed");
        }
    }
    for kind in ["CURRENT", "MANIFEST", "table", "log"] {
        assert!(kinds[kind].refused > 0, "some damage of {kind} is found");
    }
    assert!(kinds["table"].refused > kinds["table"].sound, "most of a table is looked at");
    assert_eq!(kinds["other"].refused, 0, "nothing rests on the others");
}

#[test]
fn copy_that_the_database_makes_of_itself_at_work_may_be_opened() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (place, copy) = (folder.path().join("state"), folder.path().join("copy"));
    drop(state(&place));
    let mut task = Task::open(&place, &Options::new(8 << 20));
    task.work_until((STARTS + 1) * COMMITS);
    let maker = rocksdb::checkpoint::Checkpoint::new(&task.store.db).expect("it can be made");
    maker.create_checkpoint(&copy).expect("it is written");
    let expected = content(&task.store).expect("it may be read");
    for _ in 0..2 {
        assert_eq!(opened(&copy).map_err(|error| error.to_string()), Ok(expected.clone()));
    }
}

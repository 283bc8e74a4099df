//! Files that grow, move, shrink and go, as a follower sees them.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use tempfile::TempDir;

use super::{Fed, Follower, Notice, Pattern};
use crate::format::state::FollowedFile;

/// A folder with files, and who follows them.
struct Scene {
    folder: TempDir,
    follower: Follower,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let follower = Follower::new(patterns(folder.path()), BTreeMap::new());
        Scene { folder, follower }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn append(&self, name: &str, text: &str) {
        let mut options = OpenOptions::new();
        let mut file = options.append(true).create(true).open(self.path(name)).expect("a file");
        file.write_all(text.as_bytes()).expect("the folder takes files");
    }

    /// Another process on what this one kept.
    fn restart(&mut self, kept: &mut BTreeMap<u32, FollowedFile>) {
        for (number, file) in self.follower.changed() {
            match file {
                Some(file) => drop(kept.insert(number, file)),
                None => drop(kept.remove(&number)),
            }
        }
        self.follower = Follower::new(patterns(self.folder.path()), kept.clone());
    }

    /// Empties a file, and writes it anew.
    fn rewrite(&self, name: &str, text: &str) {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).truncate(true).open(self.path(name)).expect("it");
        file.write_all(text.as_bytes()).expect("the folder takes files");
        // File systems keep times by milliseconds: two writes right after each other may bear the same one.
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1)).expect("the folder is ours");
    }

    /// Scans, and reads all there is, counting whole lines. Returns the lines of each file, by name at the end.
    fn lines(&mut self) -> Vec<(String, Vec<String>)> {
        self.follower.scan();
        self.lines_found()
    }

    /// What the last scan found, as it is now.
    fn lines_found(&mut self) -> Vec<(String, Vec<String>)> {
        let mut texts: BTreeMap<u32, (u64, Vec<u8>)> = BTreeMap::new();
        let mut order = Vec::new();
        let mut chunk = Vec::new();
        loop {
            match self.follower.read(&mut chunk).expect("it can be read") {
                Fed::Nothing => break,
                Fed::Busy => {}
                Fed::Chunk { file, at } => {
                    if !order.contains(&file) {
                        order.push(file);
                    }
                    let (_, text) = texts.entry(file).or_insert((at, Vec::new()));
                    text.extend_from_slice(&chunk);
                }
                Fed::End { file } => {
                    if let Some((_, text)) = texts.get_mut(&file)
                        && text.last() != Some(&b'\n')
                    {
                        text.push(b'\n');
                    }
                    self.follower.finish(file);
                }
            }
        }
        let names = self.follower.names();
        let mut lines = Vec::new();
        for file in order {
            let (from, text) = texts.remove(&file).expect("it was read");
            let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
            let text = String::from_utf8(text[..whole].to_vec()).expect("text");
            let count = u64::try_from(text.lines().count()).expect("few");
            let (_, before) = self.follower.place(file).expect("it is known");
            let offset = from + u64::try_from(whole).expect("short");
            self.follower.advance(file, offset, before + count);
            let name = Path::new(&names[&file]).file_name().expect("a name");
            let name = name.to_str().expect("text").to_owned();
            lines.push((name, text.lines().map(str::to_owned).collect()));
        }
        lines
    }
}

fn patterns(folder: &Path) -> Vec<Pattern> {
    let pattern =
        |name: &str| Pattern::new(folder.join(name).to_str().expect("text")).expect("a pattern");
    vec![pattern("*.ndjson"), pattern("*.gz")]
}

fn read(name: &str, lines: &[&str]) -> (String, Vec<String>) {
    (name.to_owned(), lines.iter().map(|line| (*line).to_owned()).collect())
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn files_are_read_in_order_of_name_and_on_as_they_grow() {
    let mut scene = Scene::new();
    scene.append("b.ndjson", "b1\nb2\n");
    scene.append("a.ndjson", "a1\n");
    scene.append("other.txt", "no\n");
    assert_eq!(scene.lines(), [read("a.ndjson", &["a1"]), read("b.ndjson", &["b1", "b2"])]);
    assert_eq!(scene.lines(), []);
    scene.append("a.ndjson", "a2\n");
    scene.append("c.ndjson", "c1\n");
    // The one in hand was b: what comes after it by name is read first.
    assert_eq!(scene.lines(), [read("c.ndjson", &["c1"]), read("a.ndjson", &["a2"])]);
    assert_eq!(scene.follower.lag_bytes(), 0);
}

#[test]
fn a_restart_goes_on_behind_the_last_whole_line() {
    let mut scene = Scene::new();
    let mut kept = BTreeMap::new();
    scene.append("a.ndjson", "one\ntw");
    assert_eq!(scene.lines(), [read("a.ndjson", &["one"])]);
    scene.restart(&mut kept);
    scene.append("a.ndjson", "o\nthree\n");
    assert_eq!(scene.lines(), [read("a.ndjson", &["two", "three"])]);
    scene.restart(&mut kept);
    assert_eq!(scene.lines(), []);
    assert_eq!(kept.values().map(|file| (file.offset, file.line)).collect::<Vec<_>>(), [(14, 3)]);
}

#[test]
fn a_file_is_known_under_another_name() {
    for is_restarted in [false, true] {
        let mut scene = Scene::new();
        let mut kept = BTreeMap::new();
        scene.append("a.ndjson", "1\n2\n");
        scene.lines();
        scene.append("a.ndjson", "3\n");
        fs::rename(scene.path("a.ndjson"), scene.path("a.ndjson.1")).expect("renamed");
        scene.append("a.ndjson", "4\n");
        if is_restarted {
            scene.restart(&mut kept);
        }
        let mut lines = scene.lines();
        lines.sort();
        assert_eq!(lines, [read("a.ndjson", &["4"]), read("a.ndjson.1", &["3"])], "{is_restarted}");
    }
}

#[test]
fn a_file_with_other_content_is_read_from_its_beginning() {
    // Emptied and written anew; written over with as many bytes; with more bytes and another end.
    for (text, lines) in [
        ("x\n", &["x"][..]),
        ("9\n8\n7\n", &["9", "8", "7"]),
        ("1\n2\n9\n4\n", &["1", "2", "9", "4"]),
    ] {
        for (is_kept, is_restarted) in [(false, false), (true, false), (true, true)] {
            let mut scene = Scene::new();
            let mut kept = BTreeMap::new();
            scene.append("a.ndjson", "1\n2\n3\n");
            scene.lines();
            if is_restarted {
                scene.restart(&mut kept);
            } else if is_kept {
                scene.follower.changed();
            }
            scene.rewrite("a.ndjson", text);
            assert_eq!(scene.lines(), [read("a.ndjson", lines)], "{text:?} {is_kept}");
        }
    }
}

#[test]
fn a_growing_file_stays_the_same_whenever_it_is_looked_at() {
    let mut scene = Scene::new();
    let mut kept = BTreeMap::new();
    let line = "x".repeat(199);
    for number in 0..20 {
        let line = format!("{number}{line}");
        scene.append("a.ndjson", &format!("{line}\n"));
        let notices = scene.follower.scan();
        assert!(number == 0 || notices.is_empty(), "{number}: {notices:?}");
        assert_eq!(scene.lines(), [read("a.ndjson", &[&line])], "{number}");
        match number % 4 {
            // A commit, which comes when it likes; or a new process.
            1 => drop(scene.follower.changed()),
            3 => scene.restart(&mut kept),
            _ => {}
        }
    }
}

#[test]
fn what_is_rewritten_again_and_again_is_read_from_its_beginning_each_time() {
    let mut scene = Scene::new();
    scene.append("a.ndjson", "a\n");
    scene.lines();
    for text in ["b\nb\n", "c\nc\nc\n", "d\nd\nd\nd\n"] {
        scene.rewrite("a.ndjson", text);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(scene.lines(), [read("a.ndjson", &lines)]);
    }
}

#[test]
fn what_is_rewritten_between_a_look_and_reading_is_read_from_its_beginning() {
    let mut scene = Scene::new();
    scene.append("a.ndjson", "1\n2\n");
    scene.lines();
    scene.append("a.ndjson", "3\n");
    scene.follower.scan();
    scene.rewrite("a.ndjson", "5\n6\n7\n8\n");
    assert_eq!(scene.lines_found(), [read("a.ndjson", &["7"])], "it cannot be told yet");
    scene.follower.changed();
    let notices = scene.follower.scan();
    assert!(matches!(notices[..], [Notice::Rewritten(_)]), "{notices:?}");
    assert_eq!(scene.lines(), [read("a.ndjson", &["5", "6", "7", "8"])]);
}

#[test]
fn an_unfinished_line_that_changes_is_read_again_and_nothing_before_it() {
    for text in ["1\nxyz\n", "1\nx\n"] {
        let mut scene = Scene::new();
        scene.append("a.ndjson", "1\nabc");
        assert_eq!(scene.lines(), [read("a.ndjson", &["1"])]);
        scene.rewrite("a.ndjson", text);
        let last = text.lines().last().expect("a line");
        assert_eq!(scene.lines(), [read("a.ndjson", &[last])], "{text:?}");
    }
}

#[test]
fn a_compressed_file_that_is_replaced_is_read_from_its_beginning() {
    for is_kept in [false, true] {
        let mut scene = Scene::new();
        fs::write(scene.path("a.gz"), gzip("1\n2\n")).expect("the folder takes files");
        assert_eq!(scene.lines(), [read("a.gz", &["1", "2"])]);
        if is_kept {
            scene.follower.changed();
        }
        fs::write(scene.path("a.gz"), gzip("3\n4\n5\n")).expect("the folder takes files");
        assert_eq!(scene.lines(), [read("a.gz", &["3", "4", "5"])]);
    }
}

#[test]
fn a_compressed_file_is_read_once_all_of_it_is_there() {
    let mut scene = Scene::new();
    let packed = gzip("1\n2\n3");
    fs::write(scene.path("a.gz"), &packed[..packed.len() - 5]).expect("the folder takes files");
    scene.follower.scan();
    let mut chunk = Vec::new();
    let error = loop {
        match scene.follower.read(&mut chunk) {
            Ok(Fed::Busy) => {}
            Ok(fed) => panic!("{fed:?}"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("a.gz") && error.contains("ends in the middle"), "{error}");
    assert_eq!(scene.lines(), []);
    assert_eq!(scene.follower.troubles().len(), 1);
    fs::write(scene.path("a.gz"), &packed).expect("the folder takes files");
    assert_eq!(scene.lines(), [read("a.gz", &["1", "2", "3"])]);
    assert!(scene.follower.troubles().is_empty());
    assert_eq!(scene.lines(), []);
    let mut kept = BTreeMap::new();
    scene.restart(&mut kept);
    assert_eq!(scene.lines(), []);
}

#[test]
fn what_is_gone_is_told_with_what_was_not_counted() {
    let mut scene = Scene::new();
    scene.append("a.ndjson", "1\n2");
    scene.lines();
    let path = scene.path("a.ndjson");
    fs::remove_file(&path).expect("it is there");
    let gone = Notice::Gone(path.to_str().expect("text").to_owned(), 1);
    assert_eq!(scene.follower.scan(), [gone]);
    assert_eq!(scene.follower.scan(), []);
}

#[test]
fn a_deleted_file_that_is_open_is_read_to_its_end() {
    let mut scene = Scene::new();
    scene.append("a.ndjson", "1\n");
    scene.lines();
    scene.append("a.ndjson", "2\n");
    fs::remove_file(scene.path("a.ndjson")).expect("it is there");
    assert_eq!(scene.lines(), [read("a.ndjson", &["2"])]);
}

#[test]
fn a_folder_that_is_not_there_is_a_trouble_until_it_is() {
    let mut scene = Scene::new();
    let folder = scene.path("later");
    let pattern = Pattern::new(folder.join("*.ndjson").to_str().expect("text")).expect("a pattern");
    scene.follower = Follower::new(vec![pattern], BTreeMap::new());
    assert_eq!(scene.follower.scan(), []);
    assert_eq!(scene.follower.troubles().len(), 1);
    fs::create_dir(&folder).expect("the folder takes folders");
    fs::write(folder.join("a.ndjson"), "1\n").expect("the folder takes files");
    assert_eq!(scene.lines(), [read("a.ndjson", &["1"])]);
    assert!(scene.follower.troubles().is_empty());
}

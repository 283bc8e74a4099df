//! Files that grow, move, shrink and go, as a follower sees them.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use tempfile::TempDir;

use super::{Fed, Follower, Notice, Own, Pattern};
use crate::format::state::FollowedFile;

/// A folder with files, and who follows them.
struct Scene {
    folder: TempDir,
    follower: Follower,
    /// By file: where the line begins that it is in the middle of, and what was read of it.
    halves: BTreeMap<u32, (u64, Vec<u8>)>,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let follower = Follower::new(patterns(folder.path()), BTreeMap::new());
        Scene { folder, follower, halves: BTreeMap::new() }
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
        self.halves.clear();
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
        let mut found: Vec<(u32, Vec<String>)> = Vec::new();
        let mut chunk = Vec::new();
        loop {
            let (file, text) = match self.follower.read(&mut chunk).expect("it can be read") {
                Fed::Nothing => break,
                Fed::Busy => continue,
                Fed::Chunk { file, at } => (file, self.whole_lines(file, at, &chunk)),
                Fed::End { file } => {
                    let (from, text) = self.halves.remove(&file).unwrap_or_default();
                    if !text.is_empty() {
                        self.advance(file, from, &text, 1);
                    }
                    self.follower.finish(file);
                    (file, text)
                }
            };
            if text.is_empty() {
                continue;
            }
            if found.last().is_none_or(|(last, _)| *last != file) {
                found.push((file, Vec::new()));
            }
            let (_, lines) = found.last_mut().expect("it is there");
            let text = String::from_utf8(text).expect("text");
            lines.extend(text.lines().map(str::to_owned));
        }
        let paths = self.follower.names();
        let name = |file| Path::new(&paths[&file]).file_name().and_then(|name| name.to_str());
        found
            .into_iter()
            .map(|(file, lines)| (name(file).expect("text").to_owned(), lines))
            .collect()
    }

    /// The lines that end in a chunk; what follows them waits for the next one.
    fn whole_lines(&mut self, file: u32, at: u64, chunk: &[u8]) -> Vec<u8> {
        let (from, half) = self.halves.entry(file).or_default();
        if *from + u64::try_from(half.len()).expect("short") != at {
            (*from, *half) = (at, Vec::new());
        }
        half.extend_from_slice(chunk);
        let whole = half.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let rest = half.split_off(whole);
        let text = std::mem::replace(half, rest);
        let start = *from;
        *from += u64::try_from(text.len()).expect("short");
        let count = text.split_inclusive(|byte| *byte == b'\n').count();
        self.advance(file, start, &text, count);
        text
    }

    fn advance(&mut self, file: u32, from: u64, text: &[u8], count: usize) {
        let (_, before) = self.follower.place(file).expect("it is known");
        let offset = from + u64::try_from(text.len()).expect("short");
        let count = u64::try_from(count).expect("few");
        self.follower.advance(file, offset, before + count);
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
    // Nothing is packed, so that what begins alike is stored alike.
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
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

#[test]
fn a_name_that_is_no_utf_8_is_told_where_a_pattern_finds_it() {
    use std::os::unix::ffi::OsStrExt;
    let mut scene = Scene::new();
    for name in [&b"\xFF.ndjson"[..], b"\xFE.txt"] {
        let path = scene.folder.path().join(std::ffi::OsStr::from_bytes(name));
        fs::write(path, "1\n").expect("the folder takes files");
    }
    scene.append("a.ndjson", "1\n");
    assert_eq!(scene.lines(), [read("a.ndjson", &["1"])]);
    let troubles = scene.follower.troubles();
    assert_eq!(troubles.len(), 1, "{troubles:?}");
    let (path, reason) = troubles.first_key_value().expect("one");
    assert!(path.ends_with("\u{FFFD}.ndjson"), "{path}");
    assert_eq!(reason, "its name is no UTF-8: rename it");
}

#[test]
fn more_half_lines_than_files_may_be_open_are_read_once() {
    let mut scene = Scene::new();
    let names: Vec<String> =
        (0..super::OPEN_MAX + 72).map(|file| format!("{file}.ndjson")).collect();
    for name in &names {
        scene.append(name, "1\n{");
    }
    assert_eq!(scene.lines().len(), names.len());
    assert!(scene.follower.is_all_read());
    assert_eq!(scene.follower.lag_bytes(), 0);
    assert_eq!(scene.lines(), []);
    for name in &names {
        scene.append(name, "}\n");
    }
    let lines = scene.lines();
    assert_eq!(lines.len(), names.len());
    assert!(lines.iter().all(|(_, lines)| *lines == ["{}"]), "{lines:?}");
    // One that was put away and holds another half line of the same length.
    scene.append("0.ndjson", "x");
    scene.append("1.ndjson", "y\n");
    for name in names.iter().skip(2) {
        scene.append(name, "z");
    }
    scene.lines();
    assert!(scene.follower.is_all_read());
    scene.rewrite("0.ndjson", "1\n{}\n\n");
    assert_eq!(scene.lines(), [read("0.ndjson", &[""])]);
}

#[test]
fn long_half_lines_do_not_all_stay_in_memory() {
    let mut scene = Scene::new();
    let half = "x".repeat(1 << 20);
    for file in 0..40 {
        scene.append(&format!("{file}.ndjson"), &half);
    }
    assert_eq!(scene.lines(), []);
    assert!(scene.follower.is_all_read());
    let in_mind: u64 = scene.follower.files.values().map(super::Followed::half_bytes).sum();
    assert!(in_mind <= super::HALF_BYTES_MAX + (1 << 20), "{in_mind}");
    for file in 0..40 {
        scene.append(&format!("{file}.ndjson"), "\n");
    }
    let lines = scene.lines();
    assert!(lines.iter().all(|(_, lines)| *lines == [half.as_str()]), "they are whole");
    assert_eq!(lines.len(), 40);
}

#[test]
fn lines_written_over_zeros_are_read() {
    for zeros in [8 << 10, 2 << 20] {
        let mut scene = Scene::new();
        scene.append("a.ndjson", &format!("1\n{}", "\0".repeat(zeros)));
        assert_eq!(scene.lines(), [read("a.ndjson", &["1"])]);
        scene.rewrite("a.ndjson", &format!("1\n2\n3\n{}", "\0".repeat(zeros - 4)));
        assert_eq!(scene.lines(), [read("a.ndjson", &["2", "3"])], "{zeros}");
        scene.rewrite("a.ndjson", "1\n2\n3\n4\n");
        assert_eq!(scene.lines(), [read("a.ndjson", &["4"])], "{zeros}");
    }
}

#[test]
fn a_file_that_can_be_read_again_is_though_it_did_not_change() {
    let mut scene = Scene::new();
    // Too many links lead to nothing, whoever reads: a file of no rights would be read by root.
    scene.append("a.ndjson", "1\n2\n");
    scene.follower.scan();
    let (path, aside) = (scene.path("a.ndjson"), scene.path("aside"));
    fs::rename(&path, &aside).expect("it is there");
    std::os::unix::fs::symlink(&path, &path).expect("the folder takes links");
    let error = scene.follower.read(&mut Vec::new()).expect_err("it leads to itself");
    assert!(error.to_string().contains("a.ndjson"), "{error}");
    assert!(matches!(scene.follower.read(&mut Vec::new()), Ok(Fed::Nothing)));
    fs::remove_file(&path).expect("it is there");
    fs::rename(&aside, &path).expect("it is there");
    scene.follower.scan();
    assert!(!scene.follower.is_all_read());
    assert!(!scene.follower.troubles().is_empty(), "nobody has read it yet");
    assert_eq!(scene.lines_found(), [read("a.ndjson", &["1", "2"])]);
    scene.follower.scan();
    assert!(scene.follower.is_all_read(), "{:?}", scene.follower.troubles());
}

/// Writes a file anew in its place, at another time.
fn overwrite(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("it can be written");
    let file = OpenOptions::new().append(true).open(path).expect("it is there");
    file.set_modified(UNIX_EPOCH + Duration::from_secs(1)).expect("the folder is ours");
}

#[test]
fn a_compressed_file_that_only_begins_as_before_is_read_from_its_beginning() {
    let beginning = "0\n".repeat(100_000);
    // Longer, shorter, as long; and longer by what was added.
    for (text, is_other) in [("3\n4\n5\n", true), ("3\n", true), ("3\n4\n", true), ("", false)] {
        for is_restarted in [false, true] {
            let mut scene = Scene::new();
            let mut kept = BTreeMap::new();
            let path = scene.path("a.gz");
            let first = gzip(&format!("{beginning}1\n2\n"));
            fs::write(&path, &first).expect("the folder takes files");
            assert_eq!(scene.lines()[0].1.len(), 100_002);
            if is_restarted {
                scene.restart(&mut kept);
            }
            if is_other {
                overwrite(&path, &gzip(&format!("{beginning}{text}")));
            } else {
                overwrite(&path, &[first, gzip("3\n")].concat());
            }
            let notices = scene.follower.scan();
            let is_told = matches!(notices[..], [Notice::Rewritten(_)]);
            assert_eq!(is_told, is_other, "{text:?} {is_restarted} {notices:?}");
            let lines = scene.lines_found();
            let expect = if is_other { 100_000 + text.lines().count() } else { 1 };
            assert_eq!(lines[0].1.len(), expect, "{text:?} {is_restarted}");
            assert_eq!(scene.lines(), []);
        }
    }
}

#[test]
fn a_compressed_file_stays_that_whatever_it_is_called() {
    for is_restarted in [false, true] {
        let mut scene = Scene::new();
        let mut kept = BTreeMap::new();
        // One that bears no ending for it from the beginning, and one that gets another.
        fs::write(scene.path("a.ndjson"), gzip("1\n")).expect("the folder takes files");
        fs::write(scene.path("b.gz"), gzip("2\n")).expect("the folder takes files");
        assert_eq!(scene.lines(), [read("a.ndjson", &["1"]), read("b.gz", &["2"])]);
        fs::rename(scene.path("b.gz"), scene.path("b.ndjson")).expect("it is there");
        overwrite(&scene.path("b.ndjson"), &gzip("2\n"));
        if is_restarted {
            scene.restart(&mut kept);
        }
        assert_eq!(scene.lines(), []);
        assert!(scene.follower.is_all_read());
        // And a plain one.
        scene.append("c.ndjson", "3\n");
        assert_eq!(scene.lines(), [read("c.ndjson", &["3"])]);
        fs::rename(scene.path("c.ndjson"), scene.path("c.gz")).expect("it is there");
        scene.append("c.gz", "4\n");
        if is_restarted {
            scene.restart(&mut kept);
        }
        assert_eq!(scene.lines(), [read("c.gz", &["4"])]);
    }
}

#[test]
fn a_compressed_file_that_no_pattern_finds_any_more_is_let_go() {
    let mut scene = Scene::new();
    let packed = gzip("1\n");
    fs::write(scene.path("a.gz"), &packed[..packed.len() - 5]).expect("the folder takes files");
    scene.follower.scan();
    let mut chunk = Vec::new();
    while matches!(scene.follower.read(&mut chunk), Ok(Fed::Busy)) {}
    scene.follower.scan();
    assert_eq!(scene.follower.troubles().len(), 1);
    fs::rename(scene.path("a.gz"), scene.path("a.gz.bad")).expect("it is there");
    let notices = scene.follower.scan();
    assert!(matches!(notices[..], [Notice::Gone(_, 1..)]), "{notices:?}");
    assert!(scene.follower.troubles().is_empty() && scene.follower.is_all_read());
    fs::write(scene.path("a.gz.bad"), &packed).expect("it is there");
    assert_eq!(scene.lines(), []);
    fs::rename(scene.path("a.gz.bad"), scene.path("a.gz")).expect("it is there");
    assert_eq!(scene.lines(), [read("a.gz", &["1"])]);
}

#[test]
fn files_of_patterns_that_are_no_longer_given_are_not_read() {
    let mut scene = Scene::new();
    let mut kept = BTreeMap::new();
    scene.append("a.ndjson", "1\n");
    scene.append("b.ndjson", "2\n");
    scene.lines();
    fs::rename(scene.path("a.ndjson"), scene.path("a.old")).expect("it is there");
    scene.follower.scan();
    // One that was rotated away is written to as before.
    scene.restart(&mut kept);
    scene.append("a.old", "3\n");
    assert_eq!(scene.lines(), [read("a.old", &["3"])]);
    scene.restart(&mut kept);
    scene.append("a.old", "4\n");
    scene.append("b.ndjson", "5\n");
    let other = Pattern::new(scene.path("*.csv").to_str().expect("text")).expect("a pattern");
    scene.follower = Follower::new(vec![other], kept.clone());
    assert_eq!(scene.follower.scan(), []);
    assert_eq!(scene.lines(), []);
    assert!(scene.follower.is_all_read());
    scene.restart(&mut kept);
    assert_eq!(scene.lines(), [read("a.old", &["4"]), read("b.ndjson", &["5"])]);
}

#[test]
fn a_pattern_that_names_a_directory_is_a_trouble() {
    let mut scene = Scene::new();
    fs::create_dir(scene.path("in")).expect("the folder takes folders");
    let text = scene.path("in").to_str().expect("text").to_owned();
    scene.follower = Follower::new(vec![Pattern::new(&text).expect("a pattern")], BTreeMap::new());
    assert_eq!(scene.follower.scan(), []);
    let reason = format!("it is a directory: name the files in it, as {text}/*");
    assert_eq!(scene.follower.troubles().get(&text), Some(&reason));
}

#[test]
fn a_packed_file_is_known_once_enough_of_it_is_there() {
    let mut scene = Scene::new();
    let packed = gzip("a\nb\n");
    fs::write(scene.path("p.ndjson"), &packed[..1]).expect("the folder takes files");
    assert_eq!(scene.lines(), []);
    assert_eq!(scene.lines(), []);
    fs::write(scene.path("p.ndjson"), &packed[..2]).expect("the folder takes files");
    assert_eq!(scene.lines(), []);
    fs::write(scene.path("p.ndjson"), &packed).expect("the folder takes files");
    assert_eq!(scene.lines(), [read("p.ndjson", &["a", "b"])]);
    // What begins alike and is none.
    scene.append("q.ndjson", "(");
    assert_eq!(scene.lines(), []);
    scene.append("q.ndjson", "c)\n");
    assert_eq!(scene.lines(), [read("q.ndjson", &["(c)"])]);
    assert_eq!(scene.follower.lag_bytes(), 0);
}

#[test]
fn what_its_own_process_writes_is_not_read_over_links_either() {
    let mut scene = Scene::new();
    for directory in ["real", "state", "in"] {
        fs::create_dir(scene.path(directory)).expect("the folder takes folders");
    }
    for (link, target) in [("in/out", "real"), ("in/kept", "state")] {
        std::os::unix::fs::symlink(scene.path(target), scene.path(link)).expect("it takes links");
    }
    let text = scene.path("in/**/*.ndjson").to_str().expect("text").to_owned();
    let own = Own {
        outputs: vec![scene.path("real/totals.ndjson")],
        directory: Some(scene.path("state")),
    };
    let patterns = vec![Pattern::new(&text).expect("a pattern")];
    scene.follower = Follower::new(patterns, BTreeMap::new()).apart_from(own);
    for name in [
        "real/totals.ndjson",
        "real/totals.000001.ndjson",
        "real/totals.1.ndjson",
        "state/d.ndjson",
        "in/a.ndjson",
    ] {
        scene.append(name, "x\n");
    }
    let found = scene.lines();
    assert_eq!(found, [read("a.ndjson", &["x"]), read("totals.1.ndjson", &["x"])]);
    let troubles: Vec<String> = scene.follower.troubles().values().cloned().collect();
    assert_eq!(troubles.len(), 3, "{troubles:?}");
    assert_eq!(troubles.iter().filter(|why| why.contains("this process writes")).count(), 2);
    assert!(troubles.iter().any(|why| why.contains("state.directory")), "{troubles:?}");
}

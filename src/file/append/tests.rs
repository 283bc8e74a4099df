//! Outputs that are full, killed in between, copied, and in somebody else's hands.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Appender, Rotation, part_path};
use crate::format::state::WrittenFile;

const ROTATION: Rotation = Rotation { bytes_max: Some(8), is_daily: false };

/// A folder with an output, and what was acknowledged of it.
struct Scene {
    folder: TempDir,
    acknowledged: Option<WrittenFile>,
}

impl Scene {
    fn new() -> Self {
        Scene { folder: tempfile::tempdir().expect("a folder"), acknowledged: None }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("totals.ndjson")
    }

    fn part(&self, number: u32) -> PathBuf {
        part_path(&self.path(), number)
    }

    fn open(&self) -> Result<Appender, String> {
        let opened = Appender::open(&self.path(), ROTATION, self.acknowledged.as_ref());
        opened.map_err(|error| error.to_string())
    }

    fn write(&mut self, appender: &mut Appender, text: &str) {
        appender.append(text.as_bytes(), 0).expect("the folder takes files");
        self.acknowledged = Some(appender.written().clone());
    }

    /// A part that is full and acknowledged.
    fn full(&mut self) -> Appender {
        let mut appender = self.open().expect("it is empty");
        self.write(&mut appender, "12345678\n");
        assert!(appender.is_full(0));
        appender
    }
}

#[track_caller]
fn expect(path: &Path, text: &str) {
    assert_eq!(fs::read_to_string(path).expect("readable"), text);
}

fn error(opened: Result<Appender, String>) -> String {
    opened.err().expect("it is refused")
}

#[test]
fn a_kill_between_the_rename_and_its_note_goes_on_with_the_next_part() {
    // As it was left; and copied to another disk since, where files have other inodes.
    for is_copied in [false, true] {
        let mut scene = Scene::new();
        let mut appender = scene.full();
        appender.rotate().expect("nothing is in the way");
        drop(appender);
        if is_copied {
            let copy = scene.folder.path().join("copy");
            fs::copy(scene.part(1), &copy).expect("the folder takes files");
            fs::rename(&copy, scene.part(1)).expect("it is there");
        }
        let mut appender = scene.open().expect("the part is its own");
        assert_eq!((appender.written().part, appender.written().bytes), (2, 0));
        scene.write(&mut appender, "next\n");
        expect(&scene.part(1), "12345678\n");
        expect(&scene.path(), "next\n");
    }
}

#[test]
fn a_foreign_part_is_refused_and_cuts_nothing() {
    for text in ["foreign\n", "87654321\n"] {
        let mut scene = Scene::new();
        let mut appender = scene.full();
        fs::write(scene.part(1), text).expect("the folder takes files");
        let refused = appender.rotate().expect_err("it is in the way").to_string();
        assert!(refused.contains("totals.000001.ndjson is there already"), "{refused}");
        drop(appender);
        for _ in 0..2 {
            let refused = error(scene.open());
            assert!(refused.contains("totals.000001.ndjson is there already"), "{refused}");
            expect(&scene.path(), "12345678\n");
            expect(&scene.part(1), text);
        }
        // Also of a state that an older release left.
        let known = scene.acknowledged.take().expect("it was written");
        scene.acknowledged = Some(WrittenFile { inode: None, ..known });
        let refused = error(scene.open());
        assert!(refused.contains("totals.000001.ndjson is there already"), "{refused}");
        expect(&scene.path(), "12345678\n");
        fs::remove_file(scene.part(1)).expect("it is there");
        let mut appender = scene.open().expect("nothing is in the way");
        appender.rotate().expect("nothing is in the way");
        expect(&scene.part(1), "12345678\n");
    }
}

#[test]
fn a_foreign_part_is_refused_before_anything_is_written() {
    let scene = Scene::new();
    fs::write(scene.part(2), "foreign\n").expect("the folder takes files");
    let refused = error(scene.open());
    assert!(refused.contains("totals.000002.ndjson is there already"), "{refused}");
    let never_full = Appender::open(&scene.path(), Rotation::default(), None);
    assert!(never_full.is_ok(), "no part will ever have that name");
}

#[test]
fn a_file_belongs_to_one_writer_also_after_its_rotation() {
    let mut scene = Scene::new();
    let mut appender = scene.full();
    let refused = error(scene.open());
    assert!(refused.contains("another process writes to it"), "{refused}");
    appender.rotate().expect("nothing is in the way");
    let refused = error(scene.open());
    assert!(refused.contains("another process writes to it"), "{refused}");
    drop(appender);
    assert!(scene.open().is_ok());
}

#[test]
fn a_file_that_was_moved_away_is_followed_by_a_new_one() {
    let mut scene = Scene::new();
    let mut appender = scene.full();
    assert!(!appender.follow_moves().expect("it is there"));
    let moved = scene.folder.path().join("moved");
    fs::rename(scene.path(), &moved).expect("it is there");
    assert!(appender.follow_moves().expect("it can be begun anew"));
    scene.write(&mut appender, "next\n");
    expect(&moved, "12345678\n");
    expect(&scene.path(), "next\n");
    assert_eq!((appender.written().part, appender.written().bytes), (1, 5));
}

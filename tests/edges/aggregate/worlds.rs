//! The golden worlds under `tests/data/worlds` through the program: in memory, spilled to disk, in two runs.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Outcome, aggregate, newest};

/// A folder of `tests/data/worlds`.
struct World {
    folder: PathBuf,
    flags: Vec<String>,
}

impl World {
    fn all() -> Vec<World> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/worlds");
        let entries = fs::read_dir(root).expect("the worlds are part of the repository");
        let mut folders: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
        folders.retain(|path| path.is_dir());
        folders.sort();
        folders.into_iter().map(World::read).collect()
    }

    fn named(name: &str) -> World {
        World::all().into_iter().find(|world| world.name() == name).expect("a world of that name")
    }

    fn read(folder: PathBuf) -> World {
        let options = fs::read_to_string(folder.join("options.json")).unwrap_or("{}".to_owned());
        let options: Value = serde_json::from_str(&options).expect("options are JSON");
        let mut flags = Vec::new();
        for (flag, value) in options.as_object().expect("options are an object") {
            flags.push(format!("--{}", flag.replace('_', "-")));
            flags.push(value.as_str().expect("a text").to_owned());
        }
        World { folder, flags }
    }

    fn name(&self) -> String {
        self.folder.file_name().expect("a name").to_string_lossy().into_owned()
    }

    fn events(&self) -> Vec<u8> {
        fs::read(self.folder.join("events.ndjson")).expect("a world has events")
    }

    /// Runs the program over some input with the world's definitions and flags.
    #[track_caller]
    fn run(&self, outputs: &Path, input: &Path, extra: &[&str]) -> Outcome {
        let [metrics, input] = [&self.folder.join("metrics.json"), input]
            .map(|path| path.to_str().expect("text").to_owned());
        let mut arguments = vec!["--metrics", &metrics, "--input", &input];
        arguments.extend(self.flags.iter().map(String::as_str));
        arguments.extend(extra);
        aggregate(outputs, &arguments)
    }

    /// Holds the newest revisions and the sum of the summaries against what must come out.
    #[track_caller]
    fn expect(&self, how: &str, runs: &[Outcome]) {
        let name = self.name();
        let text = fs::read_to_string(self.folder.join("expected-totals.ndjson")).expect("text");
        let mut expected: Vec<String> =
            super::lines(&text).iter().map(ToString::to_string).collect();
        expected.sort();
        let totals = newest(runs.iter().flat_map(|run| &run.totals));
        assert_eq!(totals, expected, "totals of {name} {how}");
        let text = fs::read_to_string(self.folder.join("expected-summary.json")).expect("text");
        let expected: Value = serde_json::from_str(&text).expect("a summary is JSON");
        for (name_of_count, count) in expected.as_object().expect("an object") {
            if name_of_count == "rejects" {
                for (reason, count) in count.as_object().expect("an object") {
                    let sum = sum_of(runs, |summary| &summary["rejects"][reason.as_str()]);
                    assert_eq!(Some(sum), count.as_u64(), "{reason} of {name} {how}");
                }
            } else {
                let sum = sum_of(runs, |summary| &summary[name_of_count.as_str()]);
                assert_eq!(Some(sum), count.as_u64(), "{name_of_count} of {name} {how}");
            }
        }
        for run in runs {
            let counted: u64 =
                run.summary["rejects"].as_object().expect("an object").values().map(number).sum();
            assert_eq!(run.rejects.len() as u64, counted, "rejects of {name} {how}");
        }
    }
}

fn sum_of(runs: &[Outcome], field: impl Fn(&Value) -> &Value) -> u64 {
    runs.iter().map(|run| number(field(&run.summary))).sum()
}

fn number(count: &Value) -> u64 {
    count.as_u64().unwrap_or_default()
}

#[test]
fn every_world_comes_out_as_it_must() {
    let folder = tempfile::tempdir().expect("a folder");
    for world in World::all() {
        let run = world.run(folder.path(), &world.folder.join("events.ndjson"), &[]);
        world.expect("in memory", &[run]);
    }
}

#[test]
fn every_world_comes_out_the_same_where_nothing_fits_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    for world in World::all() {
        let input = world.folder.join("events.ndjson");
        let run = world.run(folder.path(), &input, &["--memory-limit", "1KiB"]);
        world.expect("spilled", &[run]);
    }
}

/// Of two runs on one state the first one leaves periods open, and both together are one.
#[track_caller]
fn expect_in_two_runs(world: &World, cut: usize, extra: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let events = world.events();
    let lines: Vec<&[u8]> = events.split_inclusive(|byte| *byte == b'\n').collect();
    let (first, second) = lines.split_at(cut.min(lines.len()));
    let state = folder.path().join("state");
    let mut runs = Vec::new();
    for (name, part, is_open) in [("first", first, true), ("second", second, false)] {
        let input = folder.path().join(name);
        fs::write(&input, part.concat()).expect("the folder takes files");
        let mut flags = vec!["--state", state.to_str().expect("text")];
        flags.extend(is_open.then_some("--keep-open"));
        flags.extend(extra);
        runs.push(world.run(folder.path(), &input, &flags));
    }
    world.expect(&format!("cut after line {cut}"), &runs);
}

#[test]
fn every_world_comes_out_the_same_in_two_runs_on_one_state() {
    for world in World::all() {
        #[expect(clippy::naive_bytecount, reason = "worlds are small")]
        let lines = world.events().iter().filter(|byte| **byte == b'\n').count();
        expect_in_two_runs(&world, lines / 2, &[]);
    }
}

#[test]
fn two_runs_on_one_state_are_one_wherever_the_cut_is() {
    for (name, extra) in [
        ("7.4-late-recurring", &[][..]),
        ("7.3-carry", &["--memory-limit", "1KiB"]),
        ("2.4-forgotten-by-day", &["--memory-limit", "1KiB"]),
    ] {
        let world = World::named(name);
        #[expect(clippy::naive_bytecount, reason = "worlds are small")]
        let lines = world.events().iter().filter(|byte| **byte == b'\n').count();
        for cut in 0..=lines {
            expect_in_two_runs(&world, cut, extra);
        }
    }
}

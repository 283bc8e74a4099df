//! More state than memory: the run spills, and its totals are the same.

use super::{aggregate, newest, sum_metrics};
use crate::program::write;

#[test]
fn run_that_spills_has_the_totals_of_one_that_does_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let metrics = sum_metrics(folder);
    // Every tenth event comes again much later: its id is on disk by then.
    let mut text = super::events(100_000);
    for number in (0..100_000).step_by(10) {
        text.push_str(&super::event(number));
    }
    let input = write(folder, "events.ndjson", &text);
    let runs = ["1GiB", "2MiB"].map(|limit| {
        let flags = ["--metrics", &metrics, "--input", &input, "--memory-limit", limit];
        let outcome = aggregate(folder, &flags);
        assert_eq!(outcome.summary["counted"], 100_000, "{limit}");
        assert_eq!(outcome.summary["duplicate"], 10_000, "{limit}");
        newest(&outcome.totals)
    });
    assert_eq!(runs[0], runs[1]);
}

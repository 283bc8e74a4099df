//! CPU time of a process, for the benchmark programs beside this folder.

use std::fs;

/// Linux counts a process's CPU time for readers of `/proc` in hundredths of a second on every machine.
const TICKS_PER_SECOND: f64 = 100.0;

/// User and system seconds that a process has used, over all its threads; `self` is this one.
///
/// Source: proc(5), `/proc/PID/stat`, fields 14 and 15.
pub(crate) fn seconds(process: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("a process on Linux");
    // The second field is the program's name in brackets and may hold blanks.
    let (_, fields) = stat.rsplit_once(')').expect("the name is in brackets");
    let ticks: f64 = (fields.split_whitespace().skip(11).take(2))
        .map(|field| field.parse::<f64>().expect("a number of ticks"))
        .sum();
    ticks / TICKS_PER_SECOND
}

/// Prints one result, as every program here does.
pub(crate) fn report(name: &str, count: u64, unit: &str, seconds: f64) {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let each = seconds * 1e6 / count.max(1) as f64;
    println!("{name}: {count} {unit}, {seconds:.2} CPU seconds, {each:.3} microseconds each");
}

//! Every way a command can end has its status (interfaces, "Command line").

use crate::program::{expect_status, run};

#[test]
fn help_explains_every_command_with_an_example() {
    let commands = commands(&[]);
    assert!(commands.len() >= 8, "{commands:?}");
    for command in commands {
        let (help, _) = expect_status(&run(command.iter().chain([&"--help".to_owned()])), 0);
        assert!(help.contains("Usage: odometer") && help.contains("Example"), "{help}");
        assert!(help.contains("--log-format"), "{help}");
    }
    for command in ["list", "replay"] {
        let (help, _) = expect_status(&run(["rejects", command, "--help"]), 0);
        assert!(help.contains("Usage: odometer rejects") && help.contains("Example"), "{help}");
    }
    let (help, _) = expect_status(&run(["--help"]), 0);
    assert!(help.contains("Exit status: 0 done"), "{help}");
}

/// The commands that do something, as `--help` lists them: `aggregate`, `state inspect`.
pub(crate) fn commands(below: &[String]) -> Vec<Vec<String>> {
    let (help, _) = expect_status(&run(below.iter().chain([&"--help".to_owned()])), 0);
    let Some((_, listed)) = help.split_once("\nCommands:\n") else { return vec![below.to_vec()] };
    let listed = listed.lines().take_while(|line| !line.is_empty());
    // Lines that go on with a long sentence are indented further.
    let listed = listed.filter(|line| !line.starts_with("   "));
    let names = listed.filter_map(|line| line.split_whitespace().next());
    let names = names.filter(|name| *name != "help");
    names.flat_map(|name| commands(&[below, &[name.to_owned()]].concat())).collect()
}

#[test]
fn wrong_usage_is_2_and_says_what_would_be_right() {
    let wrong: [(&[&str], &str); 10] = [
        (&[], "Usage"),
        (&["agregate"], "aggregate"),
        (&["check"], "--metrics"),
        (&["aggregate"], "--metrics"),
        (&["aggregate", "--metrics", "m.toml", "--now", "today"], "RFC 3339"),
        (&["aggregate", "--metrics", "m.toml", "--dedup-window", "35"], "ms, s, m, h, d, w"),
        (&["aggregate", "--metrics", "m.toml", "--memory-limit", "2GB"], "GiB"),
        (&["generate", "--events", "1", "--bad", "2"], "0 to 1"),
        (&["generate", "--events", "1", "--bad", "0.6", "--late", "60%"], "more than 1 together"),
        (&["generate", "--events", "1", "--topic", "usage"], "--broker"),
    ];
    for (arguments, words) in wrong {
        let (_, stderr) = expect_status(&run(arguments), 2);
        assert!(stderr.contains(words), "{arguments:?}: {stderr}");
    }
}

#[test]
fn every_fault_of_wrong_usage_is_listed() {
    let flags = ["--now", "today", "--tenant=", "--output-format", "xml", "--bogus", "yes"];
    let (_, stderr) = expect_status(&run([&["aggregate"], &flags[..]].concat()), 2);
    for words in ["today", "'--tenant <TENANT>'", "xml", "--bogus", "--metrics", ": 5 faults"] {
        assert!(stderr.contains(words), "{words}: {stderr}");
    }
    // That --events is missing is no fault of its own: it was there.
    let flags = ["generate", "--events", "-1", "--bad", "200%"];
    let (_, stderr) = expect_status(&run(flags), 2);
    assert!(stderr.contains("a whole number") && stderr.contains(": 2 faults"), "{stderr}");
}

#[test]
fn a_failure_while_running_is_1_and_names_the_thing() {
    let output = run(["generate", "--events", "1", "--output", "/nowhere/at/all/events.ndjson"]);
    let (_, stderr) = expect_status(&output, 1);
    assert!(stderr.contains("creating /nowhere/at/all/events.ndjson"), "{stderr}");
    assert!(stderr.contains("No such file"), "{stderr}");
}

#[test]
fn a_wrong_log_level_is_wrong_usage() {
    let output = run(["--log-level", "odometer=loud", "generate", "--events", "1"]);
    let (_, stderr) = expect_status(&output, 2);
    assert!(stderr.contains("--log-level"), "{stderr}");
}

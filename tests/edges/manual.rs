//! Completions and manual pages, as a shell and `man` take them.

use std::fs;
use std::process::Command;

use crate::exit_status::commands;
use crate::program::{expect_status, run};

#[test]
fn bash_completes_commands_and_flags() {
    let program = env!("CARGO_BIN_EXE_odometer");
    let completed = |words: &str, last: &str| {
        let script = format!(
            "source <({program} completions bash); COMP_WORDS=(odometer {words}); \
             COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _odometer odometer '{last}' x; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let output = Command::new("bash").args(["-c", &script]).output().expect("bash runs");
        expect_status(&output, 0).0
    };
    assert_eq!(completed("agg", "agg"), "aggregate\n");
    assert_eq!(completed("aggregate --output-f", "--output-f"), "--output-format\n");
    assert_eq!(completed("state ver", "ver"), "verify\n");
}

#[test]
fn other_shells_have_completions_too() {
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        let (script, _) = expect_status(&run(["completions", shell]), 0);
        assert!(script.contains("memory-limit"), "{shell}: {script}");
    }
    let (_, stderr) = expect_status(&run(["completions", "csh"]), 2);
    assert!(stderr.contains("bash"), "{stderr}");
}

#[test]
fn every_command_has_a_manual_page() {
    let (page, _) = expect_status(&run(["man"]), 0);
    assert!(page.contains(".TH odometer 1") && page.contains("Exit status"), "{page}");
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().to_str().expect("text");
    expect_status(&run(["man", "--directory", directory]), 0);
    for command in commands(&[]) {
        let name = format!("odometer-{}.1", command.join("-"));
        let page = fs::read_to_string(folder.path().join(&name));
        let page = page.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(page.contains(".SH SYNOPSIS") && page.contains("Example"), "{name}: {page}");
    }
    let (_, stderr) = expect_status(&run(["man", "--directory", "/nowhere/at/all"]), 1);
    assert!(stderr.contains("/nowhere/at/all"), "{stderr}");
}

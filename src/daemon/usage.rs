//! Wrong usage: every fault of a command line, and not only the first one that clap meets.
//!
//! After each fault the argument at fault is taken out and the rest is read again. What the rest then lacks only because
//! of that is no fault of its own.

use std::ffi::OsString;
use std::io::{self, Write};

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::cli::CommandLine;

/// Exit status of wrong usage (interfaces, "Command line").
pub(super) const STATUS: i32 = 2;

/// Reads a command line; wrong usage ends the process, as `--help` and `--version` do.
pub(super) fn read(words: Vec<OsString>) -> CommandLine {
    let first = match CommandLine::try_parse_from(&words) {
        Ok(line) => return line,
        Err(error) => error,
    };
    let faults = if first.use_stderr() { faults(words) } else { Vec::new() };
    match faults.as_slice() {
        // One alone clap tells best, with its hints and colours.
        [] | [_] => without_secrets(first).exit(),
        faults => {
            let text = faults.join("\n\n");
            let count = faults.len();
            // Where even stderr cannot be written nobody is left to be told.
            drop(writeln!(
                io::stderr(),
                "{text}\n\nodometer: error: {count} faults. For more information, try '--help'."
            ));
            std::process::exit(STATUS)
        }
    }
}

/// The text of each fault.
fn faults(mut words: Vec<OsString>) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    let mut removed: Vec<String> = Vec::new();
    while let Err(error) = CommandLine::try_parse_from(&words) {
        let argument = text_of(&error, ContextKind::InvalidArg).map(flag_of).map(str::to_owned);
        let value = text_of(&error, ContextKind::InvalidValue).map(str::to_owned);
        if !is_consequence(&error, &removed) {
            texts.push(text(&without_secrets(error)));
        }
        let Some(flag) = argument else { break };
        let Some(rest) = without(&words, &flag, value.as_deref()) else { break };
        removed.push(flag);
        words = rest;
    }
    texts
}

/// Whether only an argument is missing that was there and had a fault.
fn is_consequence(error: &clap::Error, removed: &[String]) -> bool {
    let (ErrorKind::MissingRequiredArgument, Some(ContextValue::Strings(missing))) =
        (error.kind(), error.get(ContextKind::InvalidArg))
    else {
        return false;
    };
    missing.iter().all(|one| removed.iter().any(|flag| one.contains(flag.as_str())))
}

/// The same error without what may be a secret: a setting whose `=` is missing is told as such, and not what it was to be.
fn without_secrets(mut error: clap::Error) -> clap::Error {
    let is_setting = |argument: &str| ["--set", "--property"].contains(&flag_of(argument));
    if text_of(&error, ContextKind::InvalidArg).is_some_and(is_setting) {
        error.insert(ContextKind::InvalidValue, ContextValue::String("***".to_owned()));
    }
    error
}

/// What the error says, without the usage and the hint that follow it.
fn text(error: &clap::Error) -> String {
    let rendered = error.render().to_string();
    let end = ["\n\nUsage:", "\n\nFor more information"]
        .into_iter()
        .filter_map(|ending| rendered.find(ending))
        .min();
    rendered.get(..end.unwrap_or(rendered.len())).unwrap_or(&rendered).trim_end().to_owned()
}

fn text_of(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text),
        _ => None,
    }
}

/// `--now` of `--now <TIME>`.
fn flag_of(argument: &str) -> &str {
    argument.split([' ', '=']).next().unwrap_or(argument)
}

/// The words without the argument at fault; `None` where it is not found, so that an end is made.
fn without(words: &[OsString], flag: &str, value: Option<&str>) -> Option<Vec<OsString>> {
    let text = |at: usize| words.get(at).and_then(|word| word.to_str());
    let joined = value.map(|value| format!("{flag}={value}"));
    let is_it = |at: &usize| match (&joined, value) {
        (Some(joined), Some(value)) => {
            text(*at) == Some(joined) || (text(*at) == Some(flag) && text(*at + 1) == Some(value))
        }
        _ => text(*at).is_some_and(|word| flag_of(word) == flag),
    };
    let first = (1..words.len()).find(is_it)?;
    // With the flag goes what was meant as its value.
    let takes_next = text(first) == Some(flag)
        && flag.starts_with('-')
        && text(first + 1)
            .is_some_and(|next| value.map_or(!next.starts_with('-'), |value| next == value));
    let last = if takes_next { first + 1 } else { first };
    let kept = words.iter().enumerate().filter(|(at, _)| !(first..=last).contains(at));
    Some(kept.map(|(_, word)| word.clone()).collect())
}

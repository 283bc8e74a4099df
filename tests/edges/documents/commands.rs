//! Command lines of the documents: those of the program are run where that can be, and always read by its own parser.

use clap::{CommandFactory, Parser};
use odometer::daemon::CommandLine;

use super::shell::{self, Line};
use super::stage::Stage;
use super::{links, read};

/// Programs of others that documents may name: what they do is theirs, what files of ours they name is looked at.
const OTHERS: [&str; 34] = [
    "cargo",
    "cat",
    "cd",
    "chmod",
    "chown",
    "cp",
    "df",
    "docker",
    "echo",
    "export",
    "git",
    "grep",
    "groupadd",
    "head",
    "helm",
    "install",
    "journalctl",
    "jq",
    "kill",
    "kubectl",
    "ls",
    "mkdir",
    "mv",
    "ps",
    "rm",
    "rsync",
    "sleep",
    "sed",
    "systemctl",
    "tail",
    "tar",
    "useradd",
    "watch",
    "wc",
];

/// The port of the admin listener, by which its addresses are known.
const PORT: &str = ":9464";

/// All that is wrong with a script.
pub(super) fn script_faults(stage: &Stage, script: &str) -> Vec<String> {
    match shell::lines(script) {
        Ok(lines) => lines.iter().flat_map(|line| line_faults(stage, line)).collect(),
        Err(fault) => vec![fault],
    }
}

fn line_faults(stage: &Stage, line: &Line) -> Vec<String> {
    let commands = line.commands.iter().map(|words| without_prefix(words));
    let commands: Vec<&[String]> = commands.filter(|words| !words.is_empty()).collect();
    let faults = commands.iter().filter_map(|words| command_fault(stage, words));
    let mut faults: Vec<String> = faults.collect();
    let is_absolute = |word: &String| word.starts_with('/');
    let is_ours = |words: &&[String]| words[0] == "odometer" && !words.iter().any(is_absolute);
    let can_run = !commands.is_empty() && commands.iter().all(is_ours);
    if faults.is_empty() && can_run && !line.files.iter().any(is_absolute) {
        faults.extend(stage.run(&line.text).err());
    }
    faults
}

/// The words of a command without `sudo` and variables before it.
fn without_prefix(words: &[String]) -> &[String] {
    let is_variable = |word: &str| {
        word.split_once('=').is_some_and(|(name, _)| {
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
    };
    let is_prefix = |word: &&String| word.as_str() == "sudo" || is_variable(word);
    &words[words.iter().take_while(is_prefix).count()..]
}

fn command_fault(stage: &Stage, words: &[String]) -> Option<String> {
    let line = words.join(" ");
    let program = words[0].as_str();
    let fault = match program.rsplit('/').next().unwrap_or(program) {
        "odometer" => own_fault(words),
        "make" => make_fault(&words[1..]),
        "curl" => curl_fault(stage, words),
        "cargo" => cargo_fault(words).or_else(|| paths_fault(words)),
        name if OTHERS.contains(&name) || program != name || is_script(name) => {
            paths_fault(words).or_else(|| inner_fault(words))
        }
        other => Some(format!("{other} is no program that is known here: see OTHERS")),
    };
    fault.map(|fault| format!("{line}: {fault}"))
}

/// One that comes with Kafka.
fn is_script(name: &str) -> bool {
    name.strip_suffix(".sh").is_some()
}

/// What is wrong with a command of ours inside another, as in `docker run odometer check`.
fn inner_fault(words: &[String]) -> Option<String> {
    let program = CommandLine::command();
    let is_ours = |pair: &[String]| {
        let name = pair[0].rsplit('/').next();
        name == Some("odometer") && program.find_subcommand(&pair[1]).is_some()
    };
    let at = words.windows(2).position(is_ours)?;
    own_fault(&words[at..])
}

/// What the program's own parser says.
fn own_fault(words: &[String]) -> Option<String> {
    match CommandLine::try_parse_from(words) {
        Ok(_) => None,
        Err(error) if !error.use_stderr() => None,
        Err(error) => Some(error.to_string()),
    }
}

fn make_fault(words: &[String]) -> Option<String> {
    let makefile = read("Makefile");
    let is_target = |word: &str| makefile.lines().any(|line| line.starts_with(&format!("{word}:")));
    let mut named = words.iter().filter(|word| !word.starts_with('-') && !word.contains('='));
    let missing = named.find(|word| !is_target(word));
    missing.map(|word| format!("the Makefile has no target {word}"))
}

/// The listener must serve what is asked of it.
fn curl_fault(stage: &Stage, words: &[String]) -> Option<String> {
    let after = |flag: &str| {
        let at = words.iter().position(|word| word == flag)?;
        words.get(at + 1).map(String::as_str)
    };
    let Some(url) = words.iter().find(|word| word.contains(PORT)) else {
        let is_foreign = words.iter().any(|word| word.contains("://"));
        return (!is_foreign).then(|| format!("no address with {PORT}"));
    };
    let (_, path) = url.split_once(PORT).expect("it was found");
    let body = ["-d", "--data"].into_iter().find_map(after);
    let method = ["-X", "--request"].into_iter().find_map(after);
    let method = method.unwrap_or(if body.is_some() { "POST" } else { "GET" });
    let path = if path.is_empty() { "/" } else { path };
    let status = stage.ask(&format!("{method} {path}"), body.unwrap_or_default());
    // What is not ready is answered all the same.
    let is_right = status == 200 || (path == "/readyz" && status == 503);
    (!is_right).then(|| format!("the listener answers {status}"))
}

fn cargo_fault(words: &[String]) -> Option<String> {
    let manifest = read("Cargo.toml");
    let mut named = words
        .windows(2)
        .filter(|pair| ["--test", "--bench", "--example"].contains(&pair[0].as_str()));
    let missing = named.find(|pair| {
        let is_listed = manifest.contains(&format!("name = \"{}\"", pair[1]));
        !is_listed && !super::root().join(format!("tests/{}.rs", pair[1])).is_file()
    });
    missing.map(|pair| format!("there is no {} {}", pair[0].trim_start_matches('-'), pair[1]))
}

fn paths_fault(words: &[String]) -> Option<String> {
    words.iter().find_map(|word| links::path_fault(word))
}

/// What is wrong with a command that prose names: `odometer aggregate --input`, `make run`.
pub(super) fn inline_fault(code: &str) -> Option<String> {
    let words: Vec<String> = code.split_whitespace().map(str::to_owned).collect();
    match words.first().map(String::as_str) {
        Some("make") => make_fault(&words[1..]),
        Some("odometer") => named_fault(&words[1..]),
        _ => None,
    }
}

/// Prose leaves out what is required: only names of commands and flags are looked at.
fn named_fault(words: &[String]) -> Option<String> {
    let is_placeholder = |word: &str| word.chars().all(|c| c.is_ascii_uppercase());
    let program = CommandLine::command();
    let (mut command, mut is_deep) = (&program, false);
    for word in words.iter().filter(|word| !is_placeholder(word)) {
        if let Some(flag) = word.strip_prefix("--") {
            let flag = flag.split('=').next().unwrap_or(flag);
            let mut known = command.get_arguments().chain(program.get_arguments());
            let is_known = known.any(|argument| argument.get_long() == Some(flag));
            if !is_known && !["help", "version"].contains(&flag) {
                return Some(format!("{} has no flag --{flag}", command.get_name()));
            }
        } else if let Some(inner) = command.find_subcommand(word) {
            (command, is_deep) = (inner, true);
        } else if !is_deep {
            return Some(format!("odometer has no command {word}"));
        }
    }
    None
}

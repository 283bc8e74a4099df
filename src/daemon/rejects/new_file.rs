//! A new file of events, one a line: its name, where the daemon's patterns are to find it, and what is written to it.
//!
//! Never an old one: who else writes there would be in the middle of a line. Whatever fails, the file ends with a whole
//! line.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::daemon::CommandError;
use crate::file::Pattern;
use crate::model::EventTime;

/// Lines are gathered up to so many bytes before they are written.
const GATHERED_BYTES_MAX: usize = 1 << 18;

/// A file that events are written to, or standard output.
pub(super) struct NewFile {
    name: String,
    path: Option<PathBuf>,
    out: Out,
    gathered: Vec<u8>,
    written_bytes: u64,
}

enum Out {
    File(File),
    Stdout,
}

/// A new name that one of the patterns finds; `None`: their directories are no plain names, or the files are compressed.
pub(super) fn derived(patterns: &[Pattern], now: EventTime) -> Option<PathBuf> {
    let stamp: String = now.to_string().chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let stamp = format!("replayed-{stamp}");
    patterns.iter().find_map(|pattern| {
        let (directory, name) = match pattern.text().rsplit_once('/') {
            Some((directory, name)) => (format!("{directory}/"), name),
            None => (String::new(), pattern.text()),
        };
        // Directories of any depth may be none.
        let directory = directory.replace("**/", "");
        if directory.contains(['*', '?', '[']) {
            return None;
        }
        // An ending where the pattern leaves it open.
        let stamp = if name.ends_with('*') { format!("{stamp}.ndjson") } else { stamp.clone() };
        let (before, behind) = name.split_once('*')?;
        let path = PathBuf::from(format!("{directory}{before}{stamp}{}", behind.replace('*', "")));
        (pattern.finds(&path) && !is_compressed(&path)).then_some(path)
    })
}

/// What is wrong with a name that was given, where the daemon is to find it.
pub(super) fn fault(patterns: &[Pattern], path: &Path) -> Option<String> {
    let shown = path.display();
    if is_compressed(path) {
        return Some(format!(
            "--output {shown} is named as compressed, and plain lines are written: name a file that ends otherwise"
        ));
    }
    if is_found(patterns, path) {
        return None;
    }
    let texts: Vec<&str> = patterns.iter().map(Pattern::text).collect();
    Some(format!(
        "--output {shown} is found by no pattern of source.paths ({}): the daemon would not read it; name a file that \
         one of them finds, or - for standard output",
        texts.join(", ")
    ))
}

/// Patterns are held against paths as the daemon sees them: relative ones from the working directory.
fn is_found(patterns: &[Pattern], path: &Path) -> bool {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let here = env::current_dir().unwrap_or_default();
    let relative = absolute.strip_prefix(here).unwrap_or(path);
    patterns
        .iter()
        .any(|pattern| [path, relative, absolute.as_path()].iter().any(|one| pattern.finds(one)))
}

fn is_compressed(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default();
    ending.eq_ignore_ascii_case("gz") || ending.eq_ignore_ascii_case("zst")
}

impl NewFile {
    /// Makes the file; `-` is standard output.
    pub(super) fn create(path: &Path) -> Result<Self, CommandError> {
        let name = path.display().to_string();
        let (name, place, out) = if path == Path::new("-") {
            ("stdout".to_owned(), None, Out::Stdout)
        } else {
            let file = OpenOptions::new().write(true).create_new(true).open(path);
            let file = file.map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => CommandError::failed(format!(
                    "{name} is there already: name a new file, for others may write to that one"
                )),
                _ => CommandError::failed_by(format!("creating {name}"), error),
            })?;
            (name, Some(path.to_owned()), Out::File(file))
        };
        Ok(NewFile { name, path: place, out, gathered: Vec::new(), written_bytes: 0 })
    }

    /// Takes an event, which is one line.
    pub(super) fn put(&mut self, event: &[u8]) -> Result<(), CommandError> {
        self.gathered.extend_from_slice(event);
        self.gathered.push(b'\n');
        if self.gathered.len() >= GATHERED_BYTES_MAX { self.hand_on() } else { Ok(()) }
    }

    /// Writes what was taken so far.
    pub(super) fn hand_on(&mut self) -> Result<(), CommandError> {
        let outcome = match &mut self.out {
            Out::File(file) => file.write_all(&self.gathered),
            Out::Stdout => {
                let mut out = io::stdout();
                out.write_all(&self.gathered).and_then(|()| out.flush())
            }
        };
        if outcome.is_ok() {
            self.written_bytes += u64::try_from(self.gathered.len()).unwrap_or(0);
        } else if let Out::File(file) = &self.out
            && let Err(error) = file.set_len(self.written_bytes)
        {
            tracing::warn!(file = self.name, %error, "the last line may be cut, and cannot be taken back");
        }
        self.gathered.clear();
        outcome.map_err(|error| CommandError::of_output(&self.name, error))
    }

    /// Brings everything to the disk. A file without a line goes again.
    pub(super) fn finish(&mut self) -> Result<(), CommandError> {
        self.hand_on()?;
        let Out::File(file) = &self.out else { return Ok(()) };
        let outcome = match &self.path {
            Some(path) if self.written_bytes == 0 => fs::remove_file(path),
            _ => file.sync_data(),
        };
        outcome.map_err(|error| CommandError::of_output(&self.name, error))
    }

    /// What it is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> Vec<Pattern> {
        texts.iter().map(|text| Pattern::new(text).expect("a pattern")).collect()
    }

    #[test]
    fn name_is_one_that_the_patterns_find() {
        let now = EventTime::parse_rfc3339("2026-03-01T10:20:30.5Z").expect("an instant");
        for (texts, expected) in [
            (&["data/usage/*.ndjson"][..], Some("data/usage/replayed-20260301T102030.5Z.ndjson")),
            (&["in/*"], Some("in/replayed-20260301T102030.5Z.ndjson")),
            (&["*.log"], Some("replayed-20260301T102030.5Z.log")),
            (&["/in/usage-*-*.ndjson"], Some("/in/usage-replayed-20260301T102030.5Z-.ndjson")),
            (&["in/usage.ndjson", "more/*.json"], Some("more/replayed-20260301T102030.5Z.json")),
            (&["in/*.gz", "*/usage.ndjson", "in/usage.ndjson", "in/[ab]?"], None),
            (&["*/x*.ndjson"], None),
        ] {
            let path = derived(&patterns(texts), now);
            assert_eq!(path.as_deref(), expected.map(Path::new), "{texts:?}");
        }
    }

    #[test]
    fn file_that_the_daemon_would_not_read_is_refused() {
        let here = env::current_dir().expect("a directory");
        let patterns = patterns(&["in/*.ndjson", here.join("far/*").to_str().expect("text")]);
        let fault = |path: &str| fault(&patterns, Path::new(path));
        for path in [
            "in/a.ndjson",
            "./in/a.ndjson",
            "far/a",
            here.join("in/a.ndjson").to_str().expect("text"),
        ] {
            assert_eq!(fault(path), None);
        }
        for (path, words) in [
            ("a.ndjson", "found by no pattern of source.paths (in/*.ndjson, "),
            ("in/a.json", "would not read it"),
            ("far/a.gz", "compressed"),
        ] {
            assert!(fault(path).is_some_and(|fault| fault.contains(words)), "{path}");
        }
    }
}

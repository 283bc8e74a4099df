//! A pattern of paths, and the walk that finds what it leads to.
//!
//! ```text
//! data/**/[a-z]*.ndjson  ─►  Name(data)  AnyDepth  Like([a-z]*.ndjson)
//! ```
//! Names are bytes to the system. One that is no UTF-8 is held against the pattern with a mark in place of each wrong byte:
//! whoever looks at what was found tells it.

use std::collections::BTreeMap;
use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::file::output::real_place;

/// A pattern of paths: `*`, `?`, `[...]`, and `**` for any depth of directories.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {
    text: String,
    compiled: glob::Pattern,
    steps: Vec<Step>,
}

/// What one part of a pattern, between two `/`, stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Step {
    /// One name.
    Name(String),
    /// Any name that is like it.
    Like(glob::Pattern),
    /// Any number of directories, none too.
    AnyDepth,
}

/// Why a text is no pattern.
#[derive(Debug, thiserror::Error)]
#[error("{reason} at character {place}")]
pub struct PatternFault {
    reason: &'static str,
    place: usize,
}

const MATCHING: glob::MatchOptions = glob::MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Brackets that do not close, or `**` beside something else; what only a shell would understand; what names directories.
    pub fn new(text: &str) -> Result<Self, PatternFault> {
        check(text)?;
        let compiled = compile(text, 0)?;
        let mut steps = Vec::new();
        let mut place = 0;
        for part in text.split('/') {
            match part {
                "" | "." => {}
                "**" => steps.push(Step::AnyDepth),
                name if !name.contains(['*', '?', '[']) => steps.push(Step::Name(name.to_owned())),
                _ => steps.push(Step::Like(compile(part, place)?)),
            }
            place += part.chars().count() + 1;
        }
        steps.dedup_by(|one, other| (&*one, &*other) == (&Step::AnyDepth, &Step::AnyDepth));
        Ok(Pattern { text: text.to_owned(), compiled, steps })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is one path, written out.
    pub(super) fn is_one_path(&self) -> bool {
        self.steps.iter().all(|step| matches!(step, Step::Name(_)))
    }

    /// Whether it would find what lies at that path, however the two are written: from the working directory or whole, over
    /// links or steps back.
    pub fn leads_to(&self, path: &Path) -> bool {
        self.leads_to_words(path) || self.leads_to_place(path)
    }

    fn leads_to_words(&self, path: &Path) -> bool {
        let (Ok(path), Ok(here)) = (std::path::absolute(path), std::env::current_dir()) else {
            return self.finds(path);
        };
        let whole = if self.text.starts_with('/') {
            self.text.clone()
        } else {
            format!("{}/{}", glob::Pattern::escape(&here.display().to_string()), self.text)
        };
        // Steps that lead nowhere, as `absolute` takes them out of a path.
        let whole = whole.replace("/./", "/");
        glob::Pattern::new(&whole).is_ok_and(|whole| whole.matches_path_with(&path, MATCHING))
    }

    /// Holds the place of its directory against that of the path: both may not be there yet.
    fn leads_to_place(&self, path: &Path) -> bool {
        let Some(base) = real_place(self.base()) else { return false };
        let Some(base) = base.to_str().map(glob::Pattern::escape) else { return false };
        let literal = self.text.find(['*', '?', '[']).unwrap_or(self.text.len());
        let from = self.text[..literal].rfind('/').map_or(0, |end| end + 1);
        let whole =
            format!("{}/{}", base.trim_end_matches('/'), self.text[from..].replace("/./", "/"));
        let Ok(whole) = glob::Pattern::new(&whole) else { return false };
        real_place(path).is_some_and(|place| whole.matches_path_with(&place, MATCHING))
    }

    /// Whether it would find that path.
    pub fn finds(&self, path: &Path) -> bool {
        self.compiled.matches_path_with(path, MATCHING)
    }

    /// The directory that all paths which it can find lie below.
    pub(super) fn base(&self) -> &Path {
        let literal = self.text.find(['*', '?', '[']).unwrap_or(self.text.len());
        let directory = self.text[..literal].rfind('/').map_or(".", |end| &self.text[..end]);
        Path::new(if directory.is_empty() { "/" } else { directory })
    }

    /// Every path that it finds; whether a name that is written out is there, nobody has looked. A directory that cannot be
    /// read stands in `troubles`.
    pub(super) fn paths(&self, troubles: &mut BTreeMap<String, String>) -> Vec<PathBuf> {
        let root = if self.text.starts_with('/') { PathBuf::from("/") } else { PathBuf::new() };
        let mut found = Vec::new();
        Walk { found: &mut found, troubles, above: Vec::new() }.walk(&root, &self.steps);
        found
    }
}

/// Tells what would find nothing, and say nothing.
fn check(text: &str) -> Result<(), PatternFault> {
    let fault = |reason, bytes: usize| {
        let place = text[..bytes].chars().count() + 1;
        Err(PatternFault { reason, place })
    };
    if text == "~" || text.starts_with("~/") {
        return fault("no shell makes a home of ~: write the path out", 0);
    }
    if let Some(place) = text.replace("[{]", "[_]").find('{') {
        return fault(
            "braces are no choice here: give a pattern for each, or write [{] for the sign",
            place,
        );
    }
    if text.ends_with('/') {
        return fault(
            "it ends in / and names no files: write /* for those in the directory",
            text.len() - 1,
        );
    }
    if text == "**" || text.ends_with("/**") {
        return fault(
            "** stands for directories: write **/* for the files in them",
            text.len() - 2,
        );
    }
    Ok(())
}

/// Reads one part of a pattern, which begins behind so many characters of the whole.
fn compile(text: &str, place: usize) -> Result<glob::Pattern, PatternFault> {
    glob::Pattern::new(text)
        .map_err(|error| PatternFault { reason: error.msg, place: place + error.pos + 1 })
}

/// A look at all that a pattern finds.
struct Walk<'w> {
    found: &'w mut Vec<PathBuf>,
    troubles: &'w mut BTreeMap<String, String>,
    /// Device and inode of the directories on the way through any depth: a link back to one of them leads nowhere new.
    above: Vec<(u64, u64)>,
}

impl Walk<'_> {
    /// Goes on in a directory; an empty path is the working directory.
    fn walk(&mut self, directory: &Path, steps: &[Step]) {
        let Some((step, rest)) = steps.split_first() else { return };
        if let Step::Name(name) = step {
            let path = directory.join(name);
            if rest.is_empty() {
                self.found.push(path);
            } else {
                self.walk(&path, rest);
            }
            return;
        }
        if let Step::AnyDepth = step {
            let Ok(metadata) = fs::metadata(named(directory)) else { return };
            let place = (metadata.dev(), metadata.ino());
            if self.above.contains(&place) {
                return;
            }
            self.walk(directory, rest);
            self.above.push(place);
            self.look_in(directory, steps);
            self.above.pop();
            return;
        }
        self.look_in(directory, steps);
    }

    /// Goes on with everything that lies in a directory.
    fn look_in(&mut self, directory: &Path, steps: &[Step]) {
        let Some((step, rest)) = steps.split_first() else { return };
        let entries = match entries(directory) {
            Ok(entries) => entries,
            // It went away meanwhile, or never was there.
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return;
            }
            Err(error) => {
                self.troubles.insert(directory.display().to_string(), error.to_string());
                return;
            }
        };
        for entry in entries {
            let name = entry.file_name();
            let path = directory.join(&name);
            let name = name.to_string_lossy();
            match step {
                Step::AnyDepth if !name.starts_with('.') && is_directory(&entry, &path) => {
                    self.walk(&path, steps);
                }
                Step::Like(pattern) if pattern.matches_with(&name, MATCHING) => {
                    if rest.is_empty() {
                        self.found.push(path);
                    } else if is_directory(&entry, &path) {
                        self.walk(&path, rest);
                    }
                }
                Step::AnyDepth | Step::Like(_) | Step::Name(_) => {}
            }
        }
    }
}

fn entries(directory: &Path) -> io::Result<Vec<DirEntry>> {
    fs::read_dir(named(directory))?.collect()
}

/// An empty path is the working directory.
fn named(directory: &Path) -> &Path {
    if directory.as_os_str().is_empty() { Path::new(".") } else { directory }
}

/// Asks for no more than the directory tells, but of a link, which says nothing of where it leads.
fn is_directory(entry: &DirEntry, path: &Path) -> bool {
    match entry.file_type() {
        Ok(kind) if !kind.is_symlink() => kind.is_dir(),
        _ => fs::metadata(path).is_ok_and(|metadata| metadata.is_dir()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::Pattern;

    #[test]
    fn links_that_lead_back_are_followed_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        for path in ["in/u", "in/d/u", "other/u"] {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is ours");
            fs::write(path, "").expect("the folder is ours");
        }
        let links = [
            ("in/p", "."),
            ("in/q", "."),
            ("in/d/up", ".."),
            ("in/d/root", "../.."),
            ("in/to", "../other"),
        ];
        for (link, target) in links {
            std::os::unix::fs::symlink(target, root.join(link)).expect("a link");
        }
        let whole = format!("{}/in/**/u", root.display());
        let pattern = Pattern::new(&whole).expect("a pattern");
        let mut found = pattern.paths(&mut BTreeMap::new());
        found.retain(|path| path.exists());
        let found: Vec<String> = found.iter().map(|path| path.display().to_string()).collect();
        for path in ["in/u", "in/d/u", "in/to/u"] {
            let path = root.join(path).display().to_string();
            assert!(found.contains(&path), "{path}: {found:?}");
        }
        assert!(found.len() < 10, "{found:?}");
    }

    #[track_caller]
    fn check(text: &str, expect: &[&str]) {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        for path in ["a", "b.gz", ".hidden", "d/a", "d/.e/a", "d/f/a", "d/f/g/a.gz", "[x]/a"] {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is ours");
            fs::write(path, "").expect("the folder is ours");
        }
        std::os::unix::fs::symlink(root.join("d/f"), root.join("link")).expect("a link");
        let whole = format!("{}/{text}", root.display());
        let pattern = Pattern::new(&whole).expect("a pattern");
        let mut troubles = BTreeMap::new();
        let mut found = pattern.paths(&mut troubles);
        found.retain(|path| path.exists());
        assert!(found.iter().all(|path| pattern.finds(path)), "{found:?}");
        let mut found: Vec<&str> = found
            .iter()
            .map(|path| path.strip_prefix(root).expect("below it").to_str().expect("text"))
            .collect();
        found.sort_unstable();
        assert_eq!(found, expect, "{text}");
        assert!(troubles.is_empty(), "{troubles:?}");
    }

    #[test]
    fn a_pattern_finds_what_it_is_like() {
        check("a", &["a"]);
        check("?", &["a", "d"]);
        check("*.gz", &["b.gz"]);
        check(".h*", &[".hidden"]);
        check("d/*", &["d/a", "d/f"]);
        check("*/a", &["[x]/a", "d/a", "link/a"]);
        check("[[]x]/*", &["[x]/a"]);
        check("**/a", &["[x]/a", "a", "d/a", "d/f/a", "link/a"]);
        check("d/**/**/*.gz", &["d/f/g/a.gz"]);
        check("a/*", &[]);
    }

    #[test]
    fn what_finds_no_file_is_a_fault() {
        for (text, words, place) in [
            ("~/in/*", "write the path out", 1),
            ("in/{a,b}", "give a pattern for each", 4),
            ("é/", "write /*", 2),
            ("in/**", "write **/*", 4),
        ] {
            let fault = Pattern::new(text).expect_err(text).to_string();
            assert!(fault.contains(words), "{fault}");
            assert!(fault.ends_with(&format!("at character {place}")), "{fault}");
        }
        for text in ["in/~", "in/[{]a}", "in/**/*"] {
            assert!(Pattern::new(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_stands_between_two_strokes_is_a_pattern_by_itself() {
        let fault = Pattern::new("data/[a/b]*").expect_err("the brackets do not close");
        assert!(fault.to_string().ends_with("at character 6"), "{fault}");
    }
}

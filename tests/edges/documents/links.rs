//! Paths and links of the documents lead somewhere.

use super::markdown::sections;
use super::root;

/// Folders of the repository; a path that begins with one is meant to be there.
const FOLDERS: [&str; 8] =
    [".ci", "benches", "config", "deploy", "docs", "examples", "src", "tests"];

/// What is wrong with a word that may be a path.
pub(super) fn path_fault(word: &str) -> Option<String> {
    let (folder, rest) = word.split_once('/')?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if !FOLDERS.contains(&folder) || rest.is_empty() || !rest.chars().all(is_plain) {
        return None;
    }
    (!root().join(word).exists()).then(|| format!("there is no {word}"))
}

/// What is wrong with the links of a line.
pub(super) fn link_faults(document: &str, line: &str) -> Vec<String> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets.filter_map(|(target, _)| link_fault(document, target)).collect()
}

fn link_fault(document: &str, target: &str) -> Option<String> {
    if target.contains("://") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let own = root().join(document);
    let path = if file.is_empty() { own } else { own.parent().expect("a folder").join(file) };
    if !path.exists() {
        return Some(format!("the link to {target} leads nowhere"));
    }
    if anchor.is_empty() {
        return None;
    }
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let is_there = sections(target, &text).iter().any(|section| slug(&section.title) == anchor);
    (!is_there).then(|| format!("the link to {target} leads to no heading"))
}

/// The name under which a heading can be linked to.
fn slug(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

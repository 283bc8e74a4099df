//! Every rule that a comment cites stands in `docs/semantics.md`, under that number.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::{read, root};

const DOCUMENT: &str = "docs/semantics.md";

/// Where rules are cited, and in what.
const FOLDERS: [&str; 5] = ["src", "tests", "benches", "config", "docs"];
const ENDINGS: [&str; 5] = ["rs", "toml", "md", "json", "py"];

/// The rules of a text: `1`, `1.4`, and `5.6 c` for a lettered part.
fn stated(text: &str) -> BTreeSet<String> {
    let (mut found, mut last) = (BTreeSet::new(), String::new());
    for line in text.lines() {
        let bold = line.strip_prefix("**").or_else(|| line.strip_prefix("## "));
        if let Some(number) = bold.and_then(number) {
            number.clone_into(&mut last);
            found.insert(last.clone());
        } else if let Some((letter, _)) =
            line.strip_prefix("* ").and_then(|rest| rest.split_once(". "))
            && letter.len() == 1
        {
            found.insert(format!("{last} {letter}"));
        }
    }
    found
}

/// The number that a text begins with: digits, and digits behind one point.
fn number(text: &str) -> Option<&str> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(text);
    let part = text[whole..].strip_prefix('.').map_or(0, digits);
    let end = if part == 0 { whole } else { whole + 1 + part };
    (whole > 0).then_some(&text[..end])
}

/// The rules that a text cites: after `rule` one, after `rules` a list.
fn cited(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices("rule") {
        let mut rest = text[at + 4..].trim_start_matches('s');
        let Some(first) = rest.strip_prefix(' ') else { continue };
        rest = first;
        while let Some(one) = number(rest) {
            rest = &rest[one.len()..];
            let mut letters = rest.strip_prefix(' ').unwrap_or_default().chars();
            match (letters.next(), letters.next().is_some_and(char::is_alphanumeric)) {
                (Some(letter @ 'a'..='d'), false) => {
                    found.insert(format!("{one} {letter}"));
                    rest = &rest[2..];
                }
                _ => drop(found.insert(one.to_owned())),
            }
            let next =
                [", ", " and ", " to ", " or "].iter().find_map(|and| rest.strip_prefix(and));
            rest = next.unwrap_or_default();
        }
    }
    found
}

fn files() -> Vec<PathBuf> {
    let mut found = vec![root().join("README.md"), root().join("ARCHITECTURE.md")];
    let mut folders: Vec<PathBuf> = FOLDERS.map(|folder| root().join(folder)).to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is part of the repository") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| ENDINGS.iter().any(|one| end == *one)) {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn every_cited_rule_is_stated() {
    let stated = stated(&read(DOCUMENT));
    let (mut wrong, mut count) = (Vec::new(), 0);
    for path in files() {
        let text = fs::read_to_string(&path).expect("text");
        let cited = cited(&text);
        count += cited.len();
        let missing = cited.difference(&stated);
        wrong.extend(missing.map(|rule| format!("{}: rule {rule}", path.display())));
    }
    assert!(wrong.is_empty(), "{DOCUMENT} does not state\n{}", wrong.join("\n"));
    assert!(count > 100, "citations are found: {count}");
}

#[test]
fn rules_follow_each_other() {
    let stated = stated(&read(DOCUMENT));
    let numbers = stated.iter().filter(|rule| !rule.contains(' '));
    let mut numbers: Vec<(u32, u32)> = numbers
        .map(|rule| {
            let (section, part) = rule.split_once('.').unwrap_or((rule, "0"));
            (section.parse().expect("digits"), part.parse().expect("digits"))
        })
        .collect();
    numbers.sort_unstable();
    for pair in numbers.windows(2) {
        let [(section, part), next] = [pair[0], pair[1]];
        assert!(next == (section, part + 1) || next == (section + 1, 0), "{pair:?}");
    }
    assert_eq!((numbers.first(), numbers.last()), (Some(&(1, 0)), Some(&(7, 6))));
}

#[test]
fn the_rule_check_sees_what_it_should() {
    // A number of no rule would be found in this very file.
    let text = [
        "(rule",
        " 12.3), rule",
        "s 1.1, 1.2 to 1.4 and 5.6 c. Rule",
        " 9, rule",
        " 7.1 asks; rule",
        " 4, x.",
    ];
    let found: Vec<String> = cited(&text.concat()).into_iter().collect();
    assert_eq!(found, ["1.1", "1.2", "1.4", "12.3", "4", "5.6 c", "7.1"]);
    let text =
        "## 5. Which\n**5.6 Versions.** By rule.\n* c. Every\n* Names: x. y\n5.7 is no bold\n";
    let found: Vec<String> = stated(text).into_iter().collect();
    assert_eq!(found, ["5", "5.6", "5.6 c"]);
}

//! The architecture as a test: who may import whom, what every file begins with, how long it may be, and whether the
//! documents name what the code knows.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Layers from the bottom; modules of one layer are blind to each other.
const LAYERS: [&[&str]; 9] = [
    &["model"],
    &["definition"],
    &["engine", "dialect"],
    &["format"],
    &["registry"],
    &["telemetry"],
    &["store", "kafka", "file", "admin", "checkpoint"],
    &["settings"],
    &["daemon"],
];

/// Lines of a source file without tests.
const LINES_MAX: usize = 400;

/// What the head of each pure layer denies: there a sum or an index that could go wrong is looked at one by one.
const PURE_DENIALS: &str = "#![cfg_attr(not(test),deny(clippy::arithmetic_side_effects,\
    clippy::as_conversions,clippy::float_arithmetic,clippy::indexing_slicing))]";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(folder: &str, ending: &str) -> Vec<PathBuf> {
    let found = files_with(folder, ending);
    assert!(!found.is_empty(), "{folder} holds no .{ending}");
    found
}

fn files_with(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is part of the repository") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn name(path: &Path) -> String {
    path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

fn is_test(name: &str) -> bool {
    name.ends_with("tests.rs") || name.contains("/tests/")
}

/// Modules that a text names by `crate::`, one path or a braced list.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = code.collect::<Vec<_>>().join("\n");
    for piece in code.split("crate::").skip(1) {
        let listed = match piece.strip_prefix('{') {
            Some(list) => top_level_names(list),
            None => vec![leading_name(piece)],
        };
        found.extend(listed);
    }
    found
}

fn leading_name(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

fn top_level_names(list: &str) -> Vec<String> {
    let (mut depth, mut names, mut piece) = (1, Vec::new(), String::new());
    for character in list.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(leading_name(&std::mem::take(&mut piece))),
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if character != ',' || depth > 1 {
            piece.push(character);
        }
    }
    names.push(leading_name(&piece));
    names.retain(|name| !name.is_empty());
    names
}

#[test]
fn modules_import_strictly_lower_layers() {
    let mut wrong = Vec::new();
    for path in files_below("src", "rs") {
        let name = name(&path);
        let module = name["src/".len()..].split('/').next().expect("a first step");
        let module = module.trim_end_matches(".rs");
        let Some(own) = layer_of(module) else { continue };
        for import in imports(&read(&path)) {
            let Some(other) = layer_of(&import) else { continue };
            if import != module && other >= own {
                wrong.push(format!(
                    "{name}: {module} (layer {own}) imports {import} (layer {other})"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_has_its_layer() {
    let text = read(&root().join("src/lib.rs"));
    for line in text.lines().filter_map(|line| line.strip_prefix("pub mod ")) {
        let module = line.trim_end_matches(';');
        assert!(layer_of(module).is_some(), "{module} stands in no layer");
    }
}

#[test]
fn pure_layers_deny_unchecked_arithmetic() {
    let pure = LAYERS.iter().take_while(|layer| **layer != ["telemetry"]);
    for module in pure.copied().flatten() {
        let text = read(&root().join("src").join(module).join("mod.rs"));
        let text: String = text.split_whitespace().collect();
        assert!(text.contains(PURE_DENIALS), "src/{module}/mod.rs lacks {PURE_DENIALS}");
    }
}

#[test]
fn the_import_check_sees_what_it_should() {
    let text = "use crate::engine::Effect;\nuse crate::{model::{A, B}, store};\n// crate::daemon";
    assert_eq!(imports(text), ["engine", "model", "store"]);
}

#[test]
fn every_file_opens_with_what_it_is() {
    for folder in ["src", "tests", "benches", "fuzz/src", "fuzz/fuzz_targets"] {
        for path in files_below(folder, "rs") {
            assert!(read(&path).starts_with("//!"), "{} has no //! at its head", name(&path));
        }
    }
}

#[test]
fn files_are_short() {
    for path in files_below("src", "rs") {
        let name = name(&path);
        let lines = read(&path).lines().count();
        let is_short = lines <= LINES_MAX || is_test(&name);
        assert!(is_short, "{name} has {lines} lines: split it by concern");
    }
}

/// Tests that a text names, as `file::function` in quotes of code.
fn tests_in(text: &str) -> Vec<(&str, &str)> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter_map(|word| word.split_once(".rs::")).collect()
}

#[test]
fn every_test_that_threats_and_guarantees_name_is_there() {
    for document in ["SECURITY.md", "docs/guarantees.md"] {
        let text = read(&root().join(document));
        let named = tests_in(&text);
        assert!(named.len() > 20, "{document} says what shows each claim: {}", named.len());
        for (file, function) in named {
            let code = read(&root().join(format!("{file}.rs")));
            let is_there = code.contains(&format!("fn {function}("));
            assert!(is_there, "{document}: {file}.rs has no {function}");
        }
    }
}

#[test]
fn the_check_of_named_tests_sees_what_it_should() {
    let text = "`tests/a.rs::b`, `src/c.rs`, tests/d.rs::e, `f::g`";
    assert_eq!(tests_in(text), [("tests/a", "b")]);
}

/// Every key that a configuration file has, those too that stand in a comment, and every section.
fn keys_of(text: &str) -> BTreeSet<String> {
    let mut section = String::new();
    let mut found = BTreeSet::new();
    for line in text.lines() {
        let line = line.trim_start().strip_prefix('#').unwrap_or(line).trim();
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name.clone_into(&mut section);
            found.insert(section.clone());
        }
        let Some((key, _)) = line.split_once('=') else { continue };
        let key = key.trim().trim_matches('"');
        let is_key = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        // Of prose before an equals sign this is not true.
        if !key.is_empty() && key.bytes().all(is_key) {
            found.insert(format!("{section}.{key}"));
        }
    }
    found
}

#[cfg(feature = "daemon")]
#[test]
fn every_key_is_documented_and_no_other() {
    let text = read(&root().join("config/odometer.toml"));
    let known: BTreeSet<String> = odometer::settings::known_keys().into_iter().collect();
    let documented = keys_of(&text);
    let missing: Vec<_> = known.difference(&documented).collect();
    assert!(missing.is_empty(), "config/odometer.toml does not document {missing:?}");
    let is_section = |key: &str| known.iter().any(|known| known.starts_with(&format!("{key}.")));
    // Properties have names of others: theirs is a key as a whole.
    let is_property = |key: &str| known.iter().any(|known| key.starts_with(&format!("{known}.")));
    let unknown: Vec<_> =
        documented.difference(&known).filter(|key| !is_property(key) && !is_section(key)).collect();
    assert!(unknown.is_empty(), "config/odometer.toml documents {unknown:?}, which nothing reads");
}

#[test]
fn the_key_check_sees_what_it_should() {
    let text =
        "#first = 1\n[a]\n# Prose with x = 1 in it.\nkey = 2\n# other = 3\n#[a.b]\n#\"c.d\" = 4\n";
    let found: Vec<String> = keys_of(text).into_iter().collect();
    assert_eq!(found, [".first", "a", "a.b", "a.b.c.d", "a.key", "a.other"]);
}

/// Every word of a text that names a series.
fn series_in(text: &str) -> BTreeSet<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_word(c)).map(str::to_owned);
    words.filter(|word| word.starts_with("odometer_")).collect()
}

/// Whether a word is one of the names, or what a histogram of one is read by.
fn is_series(word: &str, names: &[&str]) -> bool {
    let of_histogram = ["_bucket", "_sum", "_count"];
    let stems = of_histogram.iter().filter_map(|ending| word.strip_suffix(ending));
    names.contains(&word)
        || stems.into_iter().any(|stem| stem.ends_with("_seconds") && names.contains(&stem))
}

#[cfg(feature = "daemon")]
#[test]
fn every_series_that_a_document_names_is_exported() {
    let names: Vec<&str> = odometer::telemetry::catalogue::names().collect();
    let mut wrong = Vec::new();
    for path in documents() {
        let found = series_in(&read(&path));
        let unknown = found.into_iter().filter(|word| !is_series(word, &names));
        wrong.extend(unknown.map(|word| format!("{}: {word}", name(&path))));
    }
    assert!(wrong.is_empty(), "no such series is exported:\n{}", wrong.join("\n"));
}

/// What people read of the repository, programs that measure among it.
#[cfg(feature = "daemon")]
fn documents() -> Vec<PathBuf> {
    const ENDINGS: [&str; 7] = ["md", "toml", "py", "rs", "yml", "yaml", "json"];
    let folders = ["benches", "config", "deploy", "docs", "examples"];
    let folders = folders.into_iter().filter(|name| root().join(name).is_dir());
    let below = folders.flat_map(|folder| ENDINGS.map(|ending| files_with(folder, ending)));
    let mut found: Vec<PathBuf> = below.flatten().collect();
    found.extend(["README.md", "ARCHITECTURE.md", "SECURITY.md"].map(|name| root().join(name)));
    found
}

#[test]
fn the_series_check_sees_what_it_should() {
    let text = "`odometer_lag_records{topic}`, odometer.totals, odometer_bogus_total_count 1";
    let found: Vec<String> = series_in(text).into_iter().collect();
    assert_eq!(found, ["odometer_bogus_total_count", "odometer_lag_records"]);
    let names = ["odometer_lag_records", "odometer_pause_seconds"];
    for (word, is_one) in [
        ("odometer_lag_records", true),
        ("odometer_lag_records_sum", false),
        ("odometer_pause_seconds_sum", true),
        ("odometer_pause", false),
        ("odometer_bogus_total_count", false),
    ] {
        assert_eq!(is_series(word, &names), is_one, "{word}");
    }
}

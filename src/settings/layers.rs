//! The three layers of settings, each read into a tree and laid over the one before: file, environment, flags.
//!
//! A variable's name is its key's path: `ODOMETER__STATE__COMMIT_INTERVAL` is `state.commit_interval`. Below
//! `kafka.properties` a `_` stands for a dot, as variables may have none: `..__PROPERTIES__SASL_PASSWORD_FILE` is
//! `sasl.password_file`. What keys mean, this file does not know.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::reader::{Faults, Faulty};
use super::tree::{self, Content, Layer, Node, Origin};

/// What every variable that is read begins with.
const PREFIX: &str = "ODOMETER__";

/// The end of a property's name that says that its value is the name of a file; no property ends so by itself.
pub(super) const FILE_ENDING: &str = "_file";

/// The variables of this process that settings are read from.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        // What is no UTF-8 becomes a value with marks in it: a fault, or seen in what `check` prints.
        name.starts_with(PREFIX).then(|| (name, value.to_string_lossy().into_owned()))
    })
}

/// The file with the environment and the flags laid over it.
///
/// # Errors
/// A file that cannot be read or is no TOML: nothing more can be said of the settings.
pub(super) fn merged(
    file: &Path,
    environment: impl Iterator<Item = (String, String)>,
    overrides: &[(String, String)],
    faults: &Faults,
) -> Result<Node, Faulty> {
    let mut root = read_file(file, faults)?;
    let variables: BTreeMap<String, String> =
        environment.filter(|(name, _)| name.starts_with(PREFIX)).collect();
    for (name, value) in &variables {
        let origin = Origin::whole(Layer::Environment, name);
        if let Some(path) = path_of_variable(name) {
            lay(&mut root, &path, value, &origin, faults);
        } else {
            let message = "names no key: expected a name such as ODOMETER__SOURCE__WORKERS";
            faults.add(&origin, "", message);
        }
    }
    for (key, value) in overrides {
        let origin = Origin::whole(Layer::Flags, &format!("--set {key}"));
        if let Some(path) = tree::parse_key(key) {
            lay(&mut root, &joined_property(path), value, &origin, faults);
        } else {
            faults.add(&origin, "", "names no key: expected a path such as source.workers");
        }
    }
    Ok(root)
}

fn read_file(file: &Path, faults: &Faults) -> Result<Node, Faulty> {
    let name = file.display().to_string();
    let whole = Origin::whole(Layer::File, &name);
    let bytes = fs::read(file).map_err(|error| {
        faults.add(&whole, "", format!("cannot be read ({error}): name a configuration file"))
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        faults.add(&whole, "", format!("byte {at} is no UTF-8: write the file in UTF-8"))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let (node, found) = tree::parse_file(&name, text);
    for (origin, message) in found {
        faults.add(&origin, "", format!("is no TOML: {message}"));
    }
    node.ok_or(Faulty)
}

fn lay(root: &mut Node, path: &[String], value: &str, origin: &Origin, faults: &Faults) {
    let node = value_of(value, origin).under(path);
    root.overlay(node, "", &mut |above, path| {
        let expected = match above.content {
            Content::Table(_) => "is a single value in a layer below, and has keys here",
            _ => "is a table in a layer below, and a single value here",
        };
        faults.add(&above.origin, path, format!("{expected}: write the same form in both"));
    });
}

/// Lists, tables and texts in quotes as TOML has them; everything else as it is.
pub(super) fn value_of(text: &str, origin: &Origin) -> Node {
    let is_toml = text.trim_start().starts_with(['[', '{', '"', '\'']);
    let parsed = if is_toml { tree::parse_value(text.trim(), origin) } else { None };
    parsed.unwrap_or_else(|| Node {
        origin: origin.clone(),
        content: Content::Unquoted(text.to_owned()),
    })
}

fn path_of_variable(name: &str) -> Option<Vec<String>> {
    let path = name.strip_prefix(PREFIX)?.to_ascii_lowercase();
    let mut steps: Vec<String> = path.split("__").map(str::to_owned).collect();
    if steps.iter().any(String::is_empty) {
        return None;
    }
    if is_property(&steps) {
        for step in &mut steps[3..] {
            *step = property_of(step);
        }
    }
    Some(joined_property(steps))
}

/// A property's name from that part of a variable's.
fn property_of(text: &str) -> String {
    // The ends of the two properties that name a file by themselves.
    let is_file_itself = text.ends_with("private_key_file") || text.ends_with("template_file");
    match text.strip_suffix(FILE_ENDING) {
        Some(name) if !is_file_itself => name.replace('_', ".") + FILE_ENDING,
        Some(_) | None => text.replace('_', "."),
    }
}

fn is_property(steps: &[String]) -> bool {
    steps.len() > 3 && steps[1] == "kafka" && steps[2] == "properties"
}

/// The same path with the dots of a property's name as part of the name.
fn joined_property(mut steps: Vec<String>) -> Vec<String> {
    if is_property(&steps) {
        let name = steps.split_off(3).join(".");
        steps.push(name);
    }
    steps
}

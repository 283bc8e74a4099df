//! Every recipe of `docs/cookbook.md` is run, and gives what stands there.

use std::path::Path;

use serde_json::Value;

use super::markdown::{Section, sections};
use super::read;
use crate::program::{expect_status, run, write};

const DOCUMENT: &str = "docs/cookbook.md";

/// The fewest recipes that the document promises.
const RECIPES_MIN: usize = 20;

/// Level of the headings that are recipes.
const LEVEL: usize = 3;

/// Ways in which an event may end (rule 1.4), as the summary names them.
const DISPOSITIONS: [&str; 5] = ["counted", "duplicate", "unmatched", "late", "invalid"];

/// What a recipe shows.
struct Recipe {
    title: String,
    definitions: String,
    events: String,
    totals: String,
    /// Beside those that name files and the form of the output.
    flags: Vec<String>,
    /// What becomes of the events, as it is written; `None` where all of them count.
    ends: Option<String>,
}

impl Recipe {
    /// Reads one, or says what it lacks.
    fn read(section: &Section) -> Result<Recipe, String> {
        let title = section.title.clone();
        let block = |language: &str| {
            let mut found = section.blocks.iter().filter(|block| block.language == language);
            match (found.next(), found.next()) {
                (Some(block), None) if !block.text.trim().is_empty() => Ok(block.text.clone()),
                (Some(_), None) => Err(format!("{title:?}: its block of {language} is empty")),
                (None, _) => Err(format!("{title:?} lacks a block of {language}")),
                (Some(_), Some(_)) => Err(format!("{title:?} has two blocks of {language}")),
            }
        };
        let (definitions, events, totals) = (block("toml")?, block("json")?, block("text")?);
        if section.blocks.len() > 3 {
            return Err(format!("{title:?} has more than three blocks"));
        }
        if section.prose.iter().all(|(_, line)| line.trim().is_empty()) {
            return Err(format!("{title:?} does not say what it is used for"));
        }
        let line = |start: &str| {
            section.prose.iter().find_map(|(_, line)| Some(line.strip_prefix(start)?.trim()))
        };
        let flags = line("Flags:").unwrap_or_default().trim_matches('`');
        let flags = flags.split_whitespace().map(str::to_owned).collect();
        let ends = line("Events:").map(str::to_owned);
        Ok(Recipe { title, definitions, events, totals, flags, ends })
    }

    /// Runs it; `Err` says how what comes out differs.
    fn run(&self, folder: &Path) -> Result<(), String> {
        let metrics = write(folder, "metrics.toml", &self.definitions);
        let input = write(folder, "usage.ndjson", &self.events);
        let summary = write(folder, "summary.json", "");
        let mut arguments = vec!["aggregate", "--metrics", &metrics, "--input", &input];
        arguments.extend(["--output-format", "table", "--summary", &summary]);
        arguments.extend(self.flags.iter().map(String::as_str));
        let (found, _) = expect_status(&run(&arguments), 0);
        let title = &self.title;
        if lines(&found) != lines(&self.totals) {
            return Err(format!("{title:?} shows\n{}but gives\n{found}", self.totals));
        }
        let summary = std::fs::read_to_string(summary).expect("the run wrote it");
        let ends = ends(&serde_json::from_str(&summary).expect("a summary is JSON"));
        if ends != self.ends {
            return Err(format!("{title:?} says {:?} of its events: {ends:?}", self.ends));
        }
        Ok(())
    }
}

/// Lines but for the blanks at their ends, which no editor keeps.
fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim_end).collect()
}

/// What a recipe must say of its events.
fn ends(summary: &Value) -> Option<String> {
    if summary["counted"] == summary["read"] {
        return None;
    }
    let ends = DISPOSITIONS.map(|name| (name, summary[name].as_u64().expect("a count")));
    let ends = ends.into_iter().filter(|(_, count)| *count > 0);
    let ends: Vec<String> = ends.map(|(name, count)| format!("{count} {name}")).collect();
    Some(format!("{} read, {}.", summary["read"], ends.join(", ")))
}

fn recipes(text: &str) -> Result<Vec<Recipe>, String> {
    let found = sections(DOCUMENT, text);
    found.iter().filter(|section| section.level == LEVEL).map(Recipe::read).collect()
}

/// All that is wrong with a cookbook.
fn faults(text: &str) -> Vec<String> {
    let recipes = match recipes(text) {
        Ok(recipes) => recipes,
        Err(fault) => return vec![fault],
    };
    let folder = tempfile::tempdir().expect("a folder");
    recipes.iter().filter_map(|recipe| recipe.run(folder.path()).err()).collect()
}

#[test]
fn every_recipe_gives_the_totals_that_it_shows() {
    let text = read(DOCUMENT);
    let faults = faults(&text);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let count = recipes(&text).expect("they were read").len();
    assert!(count >= RECIPES_MIN, "{count} recipes");
}

#[test]
fn recipes_have_titles_of_their_own() {
    let recipes = recipes(&read(DOCUMENT)).expect("recipes");
    let mut titles: Vec<&str> = recipes.iter().map(|recipe| recipe.title.as_str()).collect();
    titles.sort_unstable();
    let count = titles.len();
    titles.dedup();
    assert_eq!(titles.len(), count);
}

const SOUND: &str = r#"### Calls
Counts.
```toml
[[metrics]]
code = "n"
aggregation = "count"
period = "day"
```
```json
{"id":"1","type":"n","customer":"c","time":"2026-03-02T10:00:00Z"}
```
```text
 METRIC  CUSTOMER  START                 END                   KIND   REVISION  VALUE  EVENTS
 n       c         2026-03-02T00:00:00Z  2026-03-03T00:00:00Z  final         1      1       1
```
"#;

#[test]
fn the_recipe_check_sees_what_it_should() {
    assert_eq!(faults(SOUND), Vec::<String>::new());
    for (from, to, words) in [
        ("     1       1", "     2       1", "but gives"),
        ("\"n\",\"cust", "\"m\",\"cust", "but gives"),
        ("10:00:00Z\"}", "10:00:00Z\"}\n{}", "1 counted, 1 invalid"),
        ("Counts.\n", "Events: 1 read, 1 late.\n", "1 late"),
        ("Counts.\n", "", "what it is used for"),
        ("```json", "```yaml", "lacks a block of json"),
        ("Counts.\n", "```toml\nx = 1\n```\nCounts.\n", "two blocks of toml"),
        ("Counts.\n", "Counts.\nFlags: `--keep-open`\n", "but gives"),
    ] {
        assert!(SOUND.contains(from), "{from}");
        let faults = faults(&SOUND.replace(from, to));
        assert!(faults.len() == 1 && faults[0].contains(words), "{to}: {faults:?}");
    }
}

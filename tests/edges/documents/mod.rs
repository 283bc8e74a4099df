//! What the documents show is run: recipes, snippets, command lines, and the rules that the code cites.
//!
//! README.md, SECURITY.md and every Markdown file in `docs` are walked. Each block is read by what its language says: data and command
//! lines by the program itself, on a stage with a daemon at work.

mod commands;
mod cookbook;
mod data;
mod links;
mod markdown;
mod rules;
mod shell;
mod stage;

use std::fs;
use std::path::Path;

use markdown::{Block, Section, sections};
use stage::Stage;

/// What a block may be: what is checked stands in `block_faults`; `text` is for outputs and pictures.
const LANGUAGES: [&str; 5] = ["json", "sh", "text", "toml", "yaml"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A text of the repository.
#[track_caller]
fn read(name: &str) -> String {
    let path = root().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every document, by its path in the repository.
fn documents() -> Vec<String> {
    let folder =
        fs::read_dir(root().join("docs")).expect("the documents are part of the repository");
    let names =
        folder.map(|entry| entry.expect("readable").file_name().into_string().expect("text"));
    let mut found: Vec<String> = names
        .filter(|name| Path::new(name).extension().is_some_and(|ending| ending == "md"))
        .map(|name| format!("docs/{name}"))
        .collect();
    found.sort();
    found.splice(0..0, ["README.md", "SECURITY.md"].map(str::to_owned));
    found
}

/// All that is wrong with the blocks and command lines of a document.
fn faults(stage: &Stage, document: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for section in sections(document, text) {
        for block in &section.blocks {
            stage.set_up(block);
            faults.extend(block_faults(stage, block));
        }
        faults.extend(prose_faults(document, &section));
    }
    faults
}

fn block_faults(stage: &Stage, block: &Block) -> Vec<String> {
    let found = match block.language.as_str() {
        "json" => data::json_faults(stage, &block.text),
        "sh" => commands::script_faults(stage, &block.text),
        "toml" => data::toml_faults(stage, &block.text),
        "yaml" => data::yaml_faults(&block.text),
        "text" => Vec::new(),
        other => {
            vec![format!("{other:?} is no language of a block: there are {}", LANGUAGES.join(", "))]
        }
    };
    found.into_iter().map(|fault| format!("{}: {fault}", block.place)).collect()
}

fn prose_faults(document: &str, section: &Section) -> Vec<String> {
    let paragraphs = markdown::paragraphs(&section.prose);
    let faults = paragraphs.iter().flat_map(|(number, text)| {
        let codes = markdown::inline_code(text).flat_map(|code| {
            let faults = [commands::inline_fault(code), links::path_fault(code)];
            faults.into_iter().flatten()
        });
        let faults = codes.chain(links::link_faults(document, text));
        faults.map(move |fault| format!("{document}:{number}: {fault}"))
    });
    faults.collect()
}

#[test]
fn every_snippet_of_the_documents_holds() {
    let mut wrong = Vec::new();
    for document in documents() {
        wrong.extend(faults(&Stage::new(), &document, &read(&document)));
    }
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_snippet_check_sees_what_it_should() {
    let stage = Stage::new();
    for (text, words) in [
        ("```toml\n[[metrics]]\ncode = \"a\"\naggregation = \"summ\"\n```", "summ"),
        ("```toml\n[state]\ncommit_intervall = \"1s\"\n```", "commit_intervall"),
        ("```toml\nx =\n```", "is no TOML"),
        (
            "```json\n{\"id\":\"1\",\"type\":\"t\",\"customer\":\"c\",\"time\":\"yesterday\"}\n```",
            "bad_field",
        ),
        (
            "```json\n{\"transaction_id\":\"1\",\"code\":\"t\",\"external_subscription_id\":\"c\",\"timestamp\":\"yesterday\"}\n```",
            "bad_field",
        ),
        (
            "```json\n{\"dialect\":\"lago\",\"metrics\":[{\"name\":\"N\",\"code\":\"c\",\"aggregation_type\":\"sum\",\"field_name\":\"v\"}]}\n```",
            "aggregation_type",
        ),
        ("```json\n{\"colour\":\"red\"}\n```", "is nothing that the program reads or writes"),
        ("```json\n{\"id\":\n```", "is no JSON"),
        ("```yaml\na: [\n```", "is no YAML"),
        ("```sh\nodometer aggregate --metric m.toml\n```", "--metric"),
        ("```sh\nodometer check --metrics nowhere.toml\n```", "nowhere.toml"),
        (
            "```sh\nodometer check --config config/odometer.toml --set state.colour=red\n```",
            "colour",
        ),
        ("```sh\nodometer run --config config/odometer.toml --set state.colour=red\n```", "colour"),
        ("```sh\nodometer generate --follow --topic t --brokers b\n```", "--brokers"),
        ("```sh\nodometer usage --metric colour\n```", "colour"),
        ("```sh\nodometer usage | odometer count\n```", "count"),
        ("```sh\nmake everything\n```", "everything"),
        ("```sh\ncurl 127.0.0.1:9464/v1/totals\n```", "404"),
        ("```sh\ncurl -X DELETE 127.0.0.1:9464/v1/log-level\n```", "405"),
        ("```sh\ncurl '127.0.0.1:9464/v1/usage?metric=llm_tokens&colour=red'\n```", "422"),
        ("```sh\ncargo test --test no_such\n```", "no_such"),
        ("```sh\ncat deploy/nowhere.yaml\n```", "deploy/nowhere.yaml"),
        ("```sh\nodometre run\n```", "odometre"),
        ("```sh\nodometer 'usage\n```", "quote"),
        ("```python\nx\n```", "is no language"),
        ("```\nx\n```", "is no language"),
        ("```sh\ndocker run -v /x:/x odometer check --metric m.toml\n```", "--metric"),
        ("```sh\n/opt/odometer state inspekt /x\n```", "inspekt"),
        ("```sh\n.ci/nowhere x\n```", ".ci/nowhere"),
        ("a `odometer aggregate\n--fast` b", "--fast"),
        ("`odometer conjure`", "conjure"),
        ("`make everything`", "everything"),
        ("`src/nowhere.rs`", "src/nowhere.rs"),
        ("[x](nowhere.md)", "nowhere.md"),
        ("[x](semantics.md#8-nothing)", "8-nothing"),
    ] {
        let found = faults(&stage, "docs/x.md", text);
        assert!(found.len() == 1 && found[0].contains(words), "{text}: {found:?}");
    }
    for text in [
        "```toml\n[state]\ncommit_interval = \"1s\"\n```",
        "```toml\n[source]\nkind = \"file\"\npaths = [\"in/*\"]\n```",
        "`m.toml`:\n```toml\n[[metrics]]\ncode = \"a\"\naggregation = \"count\"\n```\n```sh\nodometer check --metrics m.toml\n```",
        "```sh\n# A comment.\nodometer generate --events 10 \\\n    | odometer aggregate --metrics config/metrics.toml > out.csv\n```",
        "```sh\nsudo cat > x <<'END'\nodometer conjure\nEND\n```",
        "```sh\ndocker build -t odometer .\n/opt/odometer run --config /x\n.ci/run\n```",
        "`odometer aggregate --input`, `odometer COMMAND --help`, `odometer state verify`, `src/lib.rs`",
        "[x](semantics.md#1-events), [y](../README.md)",
    ] {
        let found = faults(&stage, "docs/x.md", text);
        assert!(found.is_empty(), "{text}: {found:?}");
    }
}

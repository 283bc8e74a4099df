//! A real stream of LLM usage, where it is present: the project does not carry it.

use std::path::Path;

use serde_json::Value;

use super::{aggregate, lines, newest};

#[test]
fn azure_llm_usage_comes_out_as_expected() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/azure-llm-2023");
    if !data.is_dir() {
        println!("skipped: {} is not here", data.display());
        return;
    }
    let path = |name: &str| data.join(name).to_str().expect("text").to_owned();
    let folder = tempfile::tempdir().expect("a folder");
    let (metrics, input) = (path("metrics.json"), path("events.ndjson.gz"));
    let outcome = aggregate(folder.path(), &["--metrics", &metrics, "--input", &input]);
    let text = |name: &str| std::fs::read_to_string(data.join(name)).expect("it is there");
    let mut expected: Vec<String> =
        lines(&text("expected-totals.ndjson")).iter().map(Value::to_string).collect();
    expected.sort();
    assert_eq!(newest(&outcome.totals), expected);
    let expected: Value = serde_json::from_str(&text("expected-summary.json")).expect("JSON");
    for (name, count) in expected.as_object().expect("an object") {
        assert_eq!(outcome.summary[name.as_str()], *count, "{name}");
    }
}

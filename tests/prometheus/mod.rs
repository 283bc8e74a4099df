//! Prometheus in tests: what a daemon served, the alerts that follow from it by promtool, and a server that scrapes.
//!
//! ```text
//! /metrics ─► Scrape ─► History (held, or growing as between two scrapes) ─► promtool test rules: which alerts fire
//! ```
//! The rule file and the configuration are those of `deploy/prometheus`; no rule and no figure is written here.

pub(crate) mod server;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use serde_json::json;

/// What Prometheus adds to every series that it scrapes, and what the rules know the process by.
const TARGET: &str = r#"job="odometer",instance="odometer:9464""#;
/// Longer than any rule looks back and waits.
const MINUTES: u32 = 180;

/// A file or folder of the deployment.
pub(crate) fn deployed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)
}

/// What `/metrics` said at some time.
#[derive(Clone, Debug)]
pub(crate) struct Scrape {
    /// Seconds from the epoch.
    at: f64,
    /// Series with all their labels.
    values: BTreeMap<String, f64>,
}

impl Scrape {
    /// Of what is served now.
    #[expect(clippy::disallowed_methods, reason = "a scrape bears the time at which it was made")]
    pub(crate) fn now(text: &str) -> Self {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let values = lines.map(|line| {
            let (series, value) = line.rsplit_once(' ').expect("a series and a value");
            (series.to_owned(), value.parse().expect("a number"))
        });
        Scrape { at: since_epoch.expect("after 1970").as_secs_f64(), values: values.collect() }
    }

    /// The value of a series without labels, or of one with those.
    pub(crate) fn value(&self, series: &str) -> f64 {
        *self.values.get(series).unwrap_or_else(|| panic!("no {series} in {:?}", self.values))
    }

    /// How many seconds before the scrape the instant lies that a series tells; `None` where it is not served.
    pub(crate) fn age(&self, series: &str) -> Option<f64> {
        self.values.get(series).map(|instant| self.at - instant)
    }

    /// The same with another value of a series, which must be there.
    pub(crate) fn with(mut self, series: &str, value: f64) -> Self {
        *self.values.get_mut(series).expect("the series is there") = value;
        self
    }
}

/// What Prometheus has of one process, a value a minute.
#[derive(Debug)]
pub(crate) struct History {
    minutes: u32,
    series: Vec<(String, String)>,
}

impl History {
    /// Nothing at all.
    pub(crate) fn none() -> Self {
        History { minutes: MINUTES, series: Vec::new() }
    }

    /// Nothing but what Prometheus says of the scrape itself.
    pub(crate) fn up(value: f64) -> Self {
        let series = vec![(with_target("up"), format!("{value}+0x{MINUTES}"))];
        History { minutes: MINUTES, series }
    }

    /// All stays as it is.
    pub(crate) fn held(scrape: &Scrape) -> Self {
        History::growing(scrape, scrape)
    }

    /// All goes on as it went from the first to the second.
    pub(crate) fn growing(first: &Scrape, second: &Scrape) -> Self {
        let minutes = (second.at - first.at) / 60.0;
        let mut history = History::up(1.0);
        for (series, value) in &second.values {
            let step = match first.values.get(series) {
                Some(before) if minutes > 0.0 => (value - before) / minutes,
                _ => 0.0,
            };
            let value = relative(series, *value, second.at);
            let sign = if step < 0.0 { "" } else { "+" };
            history.series.push((with_target(series), format!("{value}{sign}{step}x{MINUTES}")));
        }
        history
    }

    /// Five minutes of each.
    pub(crate) fn steps(scrapes: &[Scrape]) -> Self {
        let origin = scrapes.first().expect("some").at;
        let mut values: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for scrape in scrapes {
            for (series, value) in &scrape.values {
                let value = relative(series, *value, origin);
                values.entry(series).or_default().push(format!("{value}x4"));
            }
        }
        let minutes = u32::try_from(scrapes.len()).expect("few") * 5 - 1;
        let up = (with_target("up"), format!("1x{minutes}"));
        let rest = values.into_iter().map(|(name, values)| (with_target(name), values.join(" ")));
        History { minutes, series: [up].into_iter().chain(rest).collect() }
    }

    /// These alerts fire in the end, and no other.
    #[track_caller]
    pub(crate) fn assert_fires(&self, alerts: &[&str]) {
        self.assert_firing(r#"alertstate="firing""#, alerts);
    }

    /// These alerts fire in the end, whatever others do.
    #[track_caller]
    pub(crate) fn assert_fires_at_least(&self, alerts: &[&str]) {
        let among = format!(r#"alertstate="firing",alertname=~"{}""#, alerts.join("|"));
        self.assert_firing(&among, alerts);
    }

    #[track_caller]
    fn assert_firing(&self, selector: &str, alerts: &[&str]) {
        let sample =
            |alert: &&str| json!({"labels": format!("{{alertname={alert:?}}}"), "value": 1});
        let input: Vec<_> = (self.series.iter())
            .map(|(series, values)| json!({"series": series, "values": values}))
            .collect();
        let expected: Vec<_> = alerts.iter().map(sample).collect();
        let test = json!({
            "rule_files": [deployed("prometheus/alerts.yaml")],
            "evaluation_interval": "1m",
            "tests": [{"interval": "1m", "input_series": input, "promql_expr_test": [{
                "expr": format!("max by (alertname) (ALERTS{{{selector}}})"),
                "eval_time": format!("{}m", self.minutes),
                "exp_samples": expected,
            }]}],
        });
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("test.yaml");
        fs::write(&path, test.to_string()).expect("the folder takes files");
        let (is_well, said) = promtool(&["test", "rules"], &path);
        assert!(is_well, "{said}\nof {:#?}", self.series);
    }
}

/// Instants count from the scrape: promtool's time begins at 0.
fn relative(series: &str, value: f64, at: f64) -> f64 {
    let name = series.split('{').next().expect("a first part");
    if name.ends_with("_timestamp_seconds") { value - at } else { value }
}

fn with_target(series: &str) -> String {
    match series.split_once('{') {
        Some((name, labels)) => format!("{name}{{{TARGET},{labels}"),
        None => format!("{series}{{{TARGET}}}"),
    }
}

/// Runs promtool on a file: whether it was content, and what it said.
pub(crate) fn promtool(command: &[&str], path: &Path) -> (bool, String) {
    let output = Command::new("promtool").args(command).arg(path).output();
    let output =
        output.unwrap_or_else(|error| panic!("promtool: {error}; make setup-test installs it"));
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

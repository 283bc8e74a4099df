//! Settings by example: what is read, and what every fault says.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::{
    Admin, Flow, KafkaFlow, Settings, SettingsFault, Size, WatermarkClock, check_topics,
    format_of_argument, known_keys, written_to,
};
use crate::admin::{LagoErrors, Origins};
use crate::engine::StartFrom;
use crate::format::{EventFormat, FieldPath, Layout, TimeForm, TimeUnit, definitions};
use crate::model::Span;
use crate::telemetry::LogFormat;

const LEAST: &str = r#"
[source]
topics = ["usage"]
kafka.properties = { "bootstrap.servers" = "localhost:9092" }
[metrics]
files = ["metrics.toml"]
"#;

/// A configuration file of its own.
struct File {
    directory: TempDir,
}

impl File {
    fn of(text: &str) -> Self {
        let directory = TempDir::with_prefix("odometer-settings-").expect("a temporary folder");
        let file = File { directory };
        fs::write(file.path(), text).expect("a temporary folder can be written");
        file
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("odometer.toml")
    }

    fn load(
        &self,
        environment: &[(&str, &str)],
        overrides: &[(&str, &str)],
    ) -> Result<Settings, Vec<SettingsFault>> {
        let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
            pairs.iter().map(owned).collect()
        };
        Settings::load(&self.path(), owned(environment).into_iter(), &owned(overrides))
    }

    /// Faults one a line, without the folder's name.
    fn faults(&self, environment: &[(&str, &str)], overrides: &[(&str, &str)]) -> String {
        let Err(faults) = self.load(environment, overrides) else { return String::new() };
        let folder = format!("{}/", self.directory.path().display());
        let lines: Vec<String> =
            faults.iter().map(|fault| fault.to_string().replace(&folder, "")).collect();
        lines.join("\n")
    }
}

fn load(text: &str) -> Settings {
    File::of(text).load(&[], &[]).expect("valid settings")
}

fn kafka(settings: &Settings) -> &KafkaFlow {
    match &settings.flow {
        Flow::Kafka(flow) => flow,
        Flow::Files(files) => panic!("files: {files:?}"),
    }
}

/// The faults of [`LEAST`] with more lines after it.
fn check(more: &str, faults: &str) {
    assert_eq!(File::of(&format!("{LEAST}{more}")).faults(&[], &[]), faults.trim_start(), "{more}");
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn unset_keys_have_their_defaults() {
    let settings = load(LEAST);
    assert_eq!(kafka(&settings).source.topics[0].name, "usage");
    assert_eq!(kafka(&settings).source.topics[0].tenant, "default");
    assert_eq!(kafka(&settings).source.group_id, "odometer");
    assert_eq!(kafka(&settings).source.start_from, None);
    assert_eq!(kafka(&settings).source.instance_id, None);
    assert_eq!(kafka(&settings).sink.topic, "odometer.totals");
    assert_eq!(kafka(&settings).sink.message_bytes_max(), 1_000_000);
    assert!(!kafka(&settings).sink.shows_offsets);
    assert_eq!(kafka(&settings).rejects_topic, "odometer.rejects");
    assert!(!settings.rejects.includes_duplicates && !settings.rejects.includes_unmatched);
    assert_eq!(settings.state.directory, Path::new("data/state"));
    assert_eq!(settings.state.commit_interval, Duration::from_secs(5));
    assert_eq!(settings.state.memory_limit.bytes(), 2 << 30);
    assert_eq!(settings.dedup.window, Span::from_seconds(35 * 86_400));
    assert_eq!(settings.watermark.delay, Span::ZERO);
    assert_eq!(settings.watermark.idle_timeout, Span::from_seconds(60));
    assert_eq!(settings.watermark.clock, WatermarkClock::Event);
    assert_eq!(settings.watermark.future_skew_max, Span::from_seconds(300));
    assert_eq!(settings.metrics.files, [Path::new("metrics.toml")]);
    assert_eq!(settings.admin.address.map(|address| address.port()), Some(9464));
    assert_eq!(settings.telemetry.log_format, LogFormat::Text);
}

#[test]
fn every_layer_overrides_those_before_it() {
    let file = File::of(&format!("{LEAST}[state]\ncommit_interval = \"1s\"\ndirectory = \"a\""));
    let environment = [
        ("ODOMETER__STATE__COMMIT_INTERVAL", "2s"),
        ("ODOMETER__STATE__MEMORY_LIMIT", "64MiB"),
        ("ODOMETER__SOURCE__WORKERS", "3"),
        ("ODOMETER__SOURCE__GROUP_ID", "42"),
        ("ODOMETER__SOURCE__TOPICS", "usage, events"),
        ("ODOMETER__METRICS__FILES", "[\"a,b.toml\"]"),
        ("ODOMETER__SOURCE__KAFKA__PROPERTIES__BOOTSTRAP_SERVERS", "kafka:9092"),
        ("ODOMETER__SINK__KAFKA__PROPERTIES__LINGER.MS", "7"),
        ("ODOMETER_BROKER", "not ours"),
        ("PATH", "/bin"),
    ];
    let overrides = [
        ("state.commit_interval", "3s"),
        ("source.start_from", "\"latest\""),
        ("source.kafka.properties.\"client.rack\"", "one"),
        ("source.kafka.properties.fetch.min.bytes", "10"),
        ("watermark.clock", "record"),
    ];
    let settings = file.load(&environment, &overrides).expect("valid settings");
    assert_eq!(settings.state.commit_interval, Duration::from_secs(3));
    assert_eq!(settings.state.directory, Path::new("a"));
    assert_eq!(settings.state.memory_limit, Size::of_mebibytes(64));
    assert_eq!(kafka(&settings).source.workers.get(), 3);
    assert_eq!(kafka(&settings).source.group_id, "42");
    let names: Vec<&str> =
        kafka(&settings).source.topics.iter().map(|topic| topic.name.as_str()).collect();
    assert_eq!(names, ["usage", "events"]);
    assert_eq!(settings.metrics.files, [Path::new("a,b.toml")]);
    assert_eq!(kafka(&settings).source.start_from, Some(StartFrom::Latest));
    assert_eq!(settings.watermark.clock, WatermarkClock::Record);
    let source = kafka(&settings).source.properties.expose();
    let expected =
        [("bootstrap.servers", "kafka:9092"), ("client.rack", "one"), ("fetch.min.bytes", "10")];
    assert_eq!(source, expected.map(|(name, text)| (name.to_owned(), text.to_owned())).into());
    let mut sink = kafka(&settings).sink.properties.expose();
    assert_eq!(sink.remove("linger.ms").as_deref(), Some("7"));
    assert_eq!(sink, source);
}

#[test]
fn totals_are_audited_where_that_is_asked_for() {
    let is_audited = |sink: &str| kafka(&load(&format!("{LEAST}{sink}"))).sink.is_audited;
    assert!(!is_audited(""));
    assert!(is_audited("[sink]\naudit = true"));
    let settings = load(&format!("{LEAST}[sink]\naudit = true"));
    assert!(settings.to_string().contains("\nsink.audit = true\n"));
}

#[test]
fn totals_say_their_offsets_where_provenance_is_set() {
    let of = |text: &str| {
        kafka(&load(&format!("{LEAST}[sink]\nprovenance = {text}"))).sink.shows_offsets
    };
    assert!(of("true") && !of("false"));
    let settings = File::of(LEAST).load(&[("ODOMETER__SINK__PROVENANCE", "true")], &[]);
    let settings = settings.expect("valid settings");
    assert!(kafka(&settings).sink.shows_offsets);
    assert!(settings.to_string().contains("\nsink.provenance = true\n"));
    check(
        "[sink]\nprovenance = 1",
        "odometer.toml:8:1: sink.provenance: expected true or false, found number 1",
    );
}

#[test]
fn ten_faults_are_ten_lines() {
    let text = r#"
sorce = 1
[source]
topics = []
start_from = "begin"
workers = 0
kafka.properties = { "bootstrap.servers" = "localhost:9092", "acks" = "1" }
[state]
commit_intervall = "5s"
memory_limit = "2 GB"
[watermark]
delay = 5
[metrics]
definition_lead = "0s"
[admin]
address = "localhost"
"#;
    let expected = r#"
odometer.toml:2:1: unknown key "sorce": did you mean "source"?
odometer.toml:4:1: source.topics: is empty: expected at least one topic, such as ["usage"]
odometer.toml:5:1: source.start_from: expected "earliest" or "latest", found text "begin"
odometer.toml:6:1: source.workers: expected a whole number from 1 to 256, found number 0
odometer.toml:7:62: source.kafka.properties.acks: may not be set: every total is written exactly once, by an idempotent producer that waits for all replicas
odometer.toml:9:1: state: unknown key "commit_intervall": did you mean "commit_interval"?
odometer.toml:10:1: state.memory_limit: expected a size from "16MiB" to "16384GiB" (a whole number and one of KiB, MiB, GiB), found text "2 GB"
odometer.toml:12:1: watermark.delay: expected a duration from "0s" to "366d" (a whole number and one of ms, s, m, h, d, w), found number 5
odometer.toml:14:1: metrics.definition_lead: expected a duration from "1s" to "366d" (a whole number and one of ms, s, m, h, d, w), found text "0s"
odometer.toml:16:1: admin.address: expected an IP address and a port such as "127.0.0.1:9464" or "[::]:9464", or "" for none, found text "localhost"
"#;
    assert_eq!(File::of(text).faults(&[], &[]), expected.trim());
}

#[test]
fn certificate_and_origins_of_the_listener_are_read() {
    let text = format!(
        "{LEAST}[admin]\ncors_origins = [\"https://console.example\", \"http://[::1]:3000\"]\n\
         tls = {{ certificate = \"a.crt\", key = \"a.key\" }}\n"
    );
    let settings = load(&text);
    let files = settings.admin.tls.clone().expect("it is given");
    assert_eq!((files.certificate, files.key), ("a.crt".into(), "a.key".into()));
    let shown = settings.to_string();
    for line in [
        r#"admin.tls.certificate = "a.crt""#,
        r#"admin.tls.key = "a.key""#,
        r#"admin.cors_origins = ["https://console.example", "http://[::1]:3000"]"#,
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
    }
    let shown = load(LEAST).to_string();
    for line in ["admin.tls = unset: plain HTTP", "admin.cors_origins = []"] {
        assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
    }
    let hash = "0".repeat(64);
    let any = format!(
        "{LEAST}[admin]\ncors_origins = [\"*\"]\n\
         keys = [{{ name = \"a\", tenant = \"*\", role = \"read\", hash = \"sha256:{hash}\" }}]\n"
    );
    assert_eq!(load(&any).admin.origins, Origins::Any);
}

#[test]
fn faults_of_certificate_and_origins_are_told() {
    for (lines, part) in [
        (
            "tls = { certificate = \"a\" }",
            "admin.tls.key: is missing: expected a path of a PEM file",
        ),
        (
            "tls = { key = \"a\" }",
            "admin.tls.certificate: is missing: expected a path of a PEM file",
        ),
        ("tls = { certificate = \"a\", key = \"b\", ca = \"c\" }", "admin.tls: unknown key \"ca\""),
        ("tls = \"a.pem\"", "admin.tls: is no table"),
        (
            "cors_origins = [\"https://a.example/\"]",
            "is never sent by a browser: write \"https://a.example\"",
        ),
        (
            "cors_origins = [\"a.example\"]",
            "admin.cors_origins[0]: text \"a.example\" is no origin",
        ),
        ("cors_origins = [\"*\", \"https://a.example\"]", "admin.cors_origins[0]: is every origin"),
        ("cors_origins = [\"*\"]", "there are no admin.keys"),
        ("cors_origins = \"https://a.example\"", "a list of origins"),
        ("peers = [\"10.0.0.2:9464\"]", "admin.peers[0]: expected an admin address"),
        ("peers = [\"app://10.0.0.2\"]", "admin.peers[0]: expected an admin address"),
        ("peers = [\"http://10.0.0.2:9464/v1\"]", "admin.peers[0]: expected an admin address"),
        ("peers = [\"http://a:1\", \"http://a:1\"]", "admin.peers[1]: \"http://a:1\" stands twice"),
    ] {
        let found = File::of(&format!("{LEAST}[admin]\n{lines}\n")).faults(&[], &[]);
        assert!(found.contains(part), "{lines}: {found}");
    }
}

#[test]
fn other_systems_names_and_defaults_are_read() {
    let text = format!(
        r#"{LEAST}
[admin]
tenants = [{{ tenant = "acme", lago_organization = "o-1", maple_company = "cmp_1" }}, {{ tenant = "b" }}]
[admin.dialects.lago]
period = "month"
anchor = 1
topic = "usage"
errors = "server"
[admin.dialects.zenskar]
datasources = {{ production = "usage" }}
"#
    );
    let settings = load(&text);
    let Admin { tenants, dialects, .. } = &settings.admin;
    assert_eq!(tenants.of_company("cmp_1"), "acme");
    assert_eq!(tenants.of_company("acme"), "acme");
    assert_eq!((tenants.company("acme"), tenants.company("b")), ("cmp_1".into(), "b".into()));
    assert_eq!(tenants.organisation("acme"), "acme");
    assert_eq!(tenants.organizations(), [("o-1".to_owned(), "acme".to_owned())].into());
    assert_eq!(dialects.lago.period.as_deref(), Some("month"));
    assert_eq!((dialects.lago.anchor, dialects.lago_errors), (Some(1), LagoErrors::Server));
    assert_eq!(dialects.zenskar_datasources["production"], "usage");
    assert_eq!(dialects.maple, crate::dialect::Defaults::default());
    let shown = settings.to_string();
    for line in [
        r#"admin.tenants = [{ tenant = "acme", lago_organization = "o-1", maple_company = "cmp_1" }, { tenant = "b" }]"#,
        "admin.dialects.lago.period = \"month\"",
        "admin.dialects.lago.grace = unset",
        "admin.dialects.zenskar.datasources = { \"production\" = \"usage\" }",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
    }
}

#[test]
fn faults_of_other_systems_names_and_defaults_are_told() {
    let text = r#"
[admin]
tenants = [{ tenant = "a", maple_company = "x", zenskar_organisation = "y" }, { tenant = "b", lago_organization = "o" }, { tenant = "c", lago_organization = "o" }]
[admin.dialects.lago]
period = "fortnight"
late = "never"
errors = "both"
[admin.dialects.maple]
anchor = 32
errors = "server"
"#;
    let found = File::of(&format!("{LEAST}{text}")).faults(&[], &[]);
    for part in [
        "admin.tenants[0].maple_company: expected a company's id, which begins with cmp_, found text \"x\"",
        "admin.tenants[0].zenskar_organisation: expected a UUID",
        "admin.tenants[2]: has the lago_organization of another entry",
        "admin.dialects.lago.period: ",
        "admin.dialects.lago.late: ",
        "admin.dialects.lago.errors: expected \"documented\" or \"server\"",
        "admin.dialects.maple.anchor: expected a whole number from 1 to 31",
        "admin.dialects.maple: unknown key \"errors\"",
    ] {
        assert!(found.contains(part), "{part}: {found}");
    }
    let text = "[admin.dialects.zenskar]\ntopic = \"other\"\ndatasources = { d = \"usage\", e = \"none\" }\n";
    let found = File::of(&format!("{LEAST}{text}")).faults(&[], &[]);
    for part in [
        "zenskar.topic = \"other\" is not read: source.topics has usage",
        "datasources.e = \"none\" is",
    ] {
        assert!(found.contains(part), "{part}: {found}");
    }
}

#[test]
fn what_is_not_built_yet_says_so() {
    check(
        "[dedup]\nidentity = \"source+id\"",
        r#"
odometer.toml:8:1: dedup.identity: "source+id" needs formats with the path of a source, and one that is read has none: give "id", or a format such as { source = "source", id = "id", ... }"#,
    );
    check(
        "[rejects]\npath = \"r\"",
        "odometer.toml:8:1: rejects.path: has no effect where source.kind is \"kafka\": leave it out",
    );
    let other = "is not the kind of the source: totals and the place in the source are committed in one step, so both are \
                 of one kind; leave it out";
    check("[sink]\nkind = \"file\"", &format!("odometer.toml:8:1: sink.kind: {other}"));
}

#[test]
fn topics_that_are_not_keyed_by_customer_have_internal_ones() {
    let any = ("source.partitioning", "any");
    let file = File::of(LEAST);
    let internal = |more: &[(&str, &str)]| {
        let settings = file.load(&[], &[&[any], more].concat()).expect("valid settings");
        kafka(&settings).source.internal_topic("usage")
    };
    assert_eq!(kafka(&load(LEAST)).source.internal_topic("usage"), None);
    assert_eq!(internal(&[]).as_deref(), Some("odometer-usage-by-customer"));
    assert_eq!(internal(&[("source.group_id", "eu")]).as_deref(), Some("eu-usage-by-customer"));
    assert_eq!(written_to("eu", "eu-usage-by-customer"), Some("usage"));
    assert_eq!(written_to("us", "eu-usage-by-customer"), None);
    assert_eq!(written_to("eu", "usage"), None);
    for (sets, words) in [
        (vec![any, ("source.group_id", "a b")], "which no topic can have"),
        (vec![any, ("sink.topic", "odometer-usage-by-customer")], "an internal topic are both"),
        (vec![any, ("sink.provenance", "true")], "stand in several: leave one of them out"),
        (vec![any, ("source.rekeyed_partitions", "0")], "from 1 to"),
        (vec![any, ("source.rekeyed_retention", "5s")], "a duration from \"1h\""),
        (vec![("source.rekeyed_retention", "1d")], "has no effect where source.partitioning"),
    ] {
        let told = file.faults(&[], &sets);
        assert!(told.contains(words), "no {words} in: {told}");
    }
}

#[test]
fn processes_tell_each_other_of_customers_where_there_may_be_several() {
    let store = ("state.checkpoint.store", "file:///tmp/checkpoints");
    let file = File::of(LEAST);
    let customers = |sets: &[(&str, &str)]| {
        kafka(&file.load(&[], sets).expect("valid settings")).source.customers_topic.clone()
    };
    assert_eq!(customers(&[]), None);
    assert_eq!(customers(&[store]).as_deref(), Some("odometer-customers"));
    assert_eq!(customers(&[store, ("source.group_id", "eu")]).as_deref(), Some("eu-customers"));
    assert_eq!(customers(&[store, ("source.partitioning", "any")]), None);
    assert_eq!(customers(&[store, ("source.customers_topic", "")]), None);
    assert_eq!(customers(&[("source.customers_topic", "who")]).as_deref(), Some("who"));
    let any = ("source.partitioning", "any");
    for (sets, words) in [
        (vec![store, ("source.group_id", "a b")], "which no topic can have; name one"),
        (
            vec![store, ("sink.topic", "odometer-customers")],
            "source.customers_topic and sink.topic",
        ),
        (vec![("source.customers_topic", "usage")], "and one of source.topics are both"),
        (vec![("source.customers_topic", "odometer.definitions")], "and metrics.topic are both"),
        (vec![("source.customers_topic", "a b")], "a topic's name"),
        (vec![any, ("source.customers_topic", "who")], "this program's own to choose"),
    ] {
        let told = file.faults(&[], &sets);
        assert!(told.contains(words), "no {words} in: {told}");
    }
}

/// The least configuration over files.
const FILES: &str =
    "[source]\nkind = \"file\"\npaths = [\"in/*.ndjson\"]\n[metrics]\nfiles = [\"metrics.toml\"]\n";

#[test]
fn files_have_their_defaults() {
    let settings = load(FILES);
    let Flow::Files(files) = &settings.flow else { panic!("no files: {:?}", settings.flow) };
    assert_eq!(files.pattern(), "in/*.ndjson");
    assert_eq!(files.tenant, "default");
    assert_eq!(files.scan_interval, Duration::from_secs(1));
    assert_eq!(files.totals.as_deref(), Some(Path::new("data/totals.ndjson")));
    assert_eq!(files.rejects.as_deref(), Some(Path::new("data/rejects.ndjson")));
    assert_eq!((files.rotation.bytes_max, files.rotation.is_daily), (None, false));
}

#[test]
fn files_that_cannot_be_are_faults() {
    let faults = |more: &[(&str, &str)]| File::of(FILES).faults(&[], more);
    assert_eq!(
        faults(&[("source.group_id", "g"), ("sink.topic", "t")]),
        "--set sink.topic: sink.topic: has no effect where source.kind is \"file\": leave it out\n\
         --set source.group_id: source.group_id: has no effect where source.kind is \"file\": leave it out"
    );
    assert_eq!(
        faults(&[("watermark.clock", "record")]),
        "--set watermark.clock: watermark.clock: \"record\" has no effect where source.kind is \"file\", whose lines \
         have no timestamps: leave it out"
    );
    assert_eq!(faults(&[("watermark.clock", "event")]), "");
    assert_eq!(
        faults(&[("admin.peers", "http://10.0.0.2:9464")]),
        "--set admin.peers: admin.peers: has no effect where source.kind is \"file\", for files are read by one \
         process: leave it out"
    );
    let read = faults(&[("sink.path", "in/totals.ndjson")]);
    assert!(read.contains("sink.path") && read.contains("would be read as events"), "{read}");
    let here = std::env::current_dir().expect("a working directory");
    let whole = format!("[\"{}/*.nd*\"]", glob::Pattern::escape(here.to_str().expect("text")));
    for (paths, path) in [
        ("[\"./*.ndjson\"]", "totals.ndjson"),
        ("[\"*.ndjson\"]", "./totals.ndjson"),
        (whole.as_str(), "totals.ndjson"),
        ("[\"totals.000*.ndjson\"]", "totals.ndjson"),
    ] {
        let read = faults(&[("source.paths", paths), ("sink.path", path)]);
        assert!(read.contains("would be read as events"), "{paths} {path}: {read}");
    }
    assert_eq!(
        faults(&[("source.paths", "[\"./in/*.ndjson\"]"), ("sink.path", "totals.ndjson")]),
        ""
    );
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().to_str().expect("text");
    for name in ["in", "out"] {
        std::fs::create_dir(folder.path().join(name)).expect("the folder takes folders");
    }
    for (link, leads_to) in [("link", "in"), ("totals", "in/totals"), ("back", "in")] {
        std::os::unix::fs::symlink(format!("{root}/{leads_to}"), format!("{root}/{link}"))
            .expect("the folder takes links");
    }
    for (paths, path, is_read) in [
        ("in/*", "out/../in/totals", true),
        ("in/*", "not/there/../../in/totals", true),
        ("in/*", "link/totals", true),
        ("in/*", "totals", true),
        ("back/*", "in/totals", true),
        ("link/../in/*", "in/totals", true),
        ("in/*", "in/../out/totals", false),
        ("in/*", "link/below/totals", false),
    ] {
        let paths = format!("[\"{root}/{paths}\"]");
        let path = format!("{root}/{path}");
        let read = faults(&[("source.paths", &paths), ("sink.path", &path)]);
        assert_eq!(read.contains("would be read as events"), is_read, "{paths} {path}: {read}");
    }
    let twice = [("sink.path", format!("{root}/in/x")), ("rejects.path", format!("{root}/link/x"))];
    let twice: Vec<(&str, &str)> = twice.iter().map(|(key, path)| (*key, path.as_str())).collect();
    assert!(faults(&twice).contains("rejects.path and sink.path are the same"));
    let same = faults(&[("sink.path", "-"), ("rejects.path", "-")]);
    assert!(same.contains("rejects.path and sink.path are the same"), "{same}");
    let pattern = faults(&[("source.paths", "[\"in/[*\", \"a***\"]")]);
    assert!(
        pattern.contains("\"in/[*\" is no pattern") && pattern.contains("\"a***\""),
        "{pattern}"
    );
    assert!(faults(&[("source.paths", "[]")]).contains("source.paths: is empty"));
}

#[test]
fn properties_that_exactly_once_rests_on_are_refused_with_the_reason() {
    let reserved = [
        "auto.offset.reset",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "isolation.level",
        "group.id",
        "group.instance.id",
        "partition.assignment.strategy",
        "transactional.id",
        "transaction.timeout.ms",
        "enable.idempotence",
        "acks",
        "request.required.acks",
        "topic.auto.offset.reset",
        "topic.request.required.acks",
        "topic.topic.acks",
        "check.crcs",
    ];
    for name in reserved {
        for section in ["source", "sink"] {
            let key = format!("{section}.kafka.properties.{name}");
            let found = File::of(LEAST).faults(&[], &[(&key, "1")]);
            assert!(found.contains(": may not be set: "), "{key}: {found}");
            assert_eq!(found.lines().count(), 1, "{key}: {found}");
        }
    }
}

#[test]
fn properties_whose_names_begin_with_topic_are_handed_through() {
    for (name, value) in [
        ("topic.metadata.refresh.interval.ms", "60000"),
        ("topic.metadata.refresh.fast.interval.ms", "100"),
        ("topic.metadata.refresh.sparse", "true"),
        ("topic.metadata.propagation.max.ms", "30000"),
        ("topic.blacklist", "hidden.*"),
    ] {
        let key = format!("source.kafka.properties.{name}");
        assert_eq!(File::of(LEAST).faults(&[], &[(&key, value)]), "", "{key}");
    }
}

#[test]
fn properties_that_librdkafka_does_not_take_are_refused() {
    check(
        "[sink.kafka.properties]\n\"linger.ms\" = \"soon\"\ncompression.typ = 'lz4'",
        r#"
odometer.toml:8:1: sink.kafka.properties."linger.ms": librdkafka does not take it: Invalid value for configuration property "queue.buffering.max.ms"
odometer.toml:9:13: sink.kafka.properties.compression.typ: librdkafka does not take it: No such configuration property: "compression.typ""#,
    );
    check(
        "[sink.kafka.properties]\n\"bootstrap.servers\" = \"other:9092\"",
        r#"
odometer.toml:7:13: sink.kafka.properties: "bootstrap.servers" differs from the source's: totals and offsets are committed in one transaction, so source and sink are one cluster; leave it out"#,
    );
    let none = LEAST.replace("bootstrap.servers", "client.rack");
    assert_eq!(
        File::of(&none).faults(&[], &[]),
        r#"odometer.toml:4:7: source.kafka.properties: "bootstrap.servers" is missing: expected addresses of brokers, such as "127.0.0.1:9092""#
    );
}

#[test]
fn names_of_one_property_are_one() {
    let file = File::of(&LEAST.replace("bootstrap.servers", "metadata.broker.list"));
    let overrides = [
        ("source.kafka.properties.compression.codec", "zstd"),
        ("sink.kafka.properties.compression.type", "lz4"),
    ];
    let settings = file.load(&[], &overrides).expect("valid settings");
    let sink = kafka(&settings).sink.properties.expose();
    let names: Vec<&str> = sink.keys().map(String::as_str).collect();
    assert_eq!(names, ["bootstrap.servers", "compression.type"]);
    assert_eq!(sink["compression.type"], "lz4");
    let template = [(
        "ODOMETER__SOURCE__KAFKA__PROPERTIES__SASL_OAUTHBEARER_ASSERTION_JWT_TEMPLATE_FILE",
        "/nowhere/template.json",
    )];
    let settings = file.load(&template, &[]).expect("valid settings");
    let source = kafka(&settings).source.properties.expose();
    assert_eq!(source["sasl.oauthbearer.assertion.jwt.template.file"], "/nowhere/template.json");
}

#[test]
fn secrets_are_read_from_files_and_never_printed() {
    let file = File::of(LEAST);
    let secret = file.directory.path().join("password");
    fs::write(&secret, "hunter2\n").expect("a temporary folder can be written");
    let secret = secret.display().to_string();
    let environment = [
        ("ODOMETER__SOURCE__KAFKA__PROPERTIES__SASL_PASSWORD_FILE", secret.as_str()),
        ("ODOMETER__SINK__KAFKA__PROPERTIES__SSL_KEY_PASSWORD", "\"hunter3\""),
    ];
    let settings = file.load(&environment, &[]).expect("valid settings");
    let properties = kafka(&settings).sink.properties.expose();
    assert_eq!(properties["sasl.password"], "hunter2");
    assert_eq!(properties["ssl.key.password"], "hunter3");
    let printed = format!("{settings}{settings:?}");
    assert!(printed.contains("sink.kafka.properties.\"sasl.password\" = \"***\""), "{printed}");
    assert!(!printed.contains("hunter"), "{printed}");

    let both = ("ODOMETER__SOURCE__KAFKA__PROPERTIES__SASL_PASSWORD", "hunter4");
    assert_eq!(
        file.faults(&[environment[0], both], &[]),
        "ODOMETER__SOURCE__KAFKA__PROPERTIES__SASL_PASSWORD_FILE: source.kafka.properties.\"sasl.password_file\": \
         \"sasl.password\" is set under another name too: keep one"
    );
    let absent = ("ODOMETER__SOURCE__KAFKA__PROPERTIES__SASL_PASSWORD_FILE", "/nowhere/password");
    assert!(file.faults(&[absent], &[]).contains("names a file that cannot be read (No such file"));
}

#[test]
fn every_place_that_is_no_toml_is_named() {
    let text = "[source]\ntopics = [\"usage\"\n[sink]\ntopic = totals\n";
    let found = File::of(text).faults(&[], &[]);
    assert!(found.lines().count() >= 2, "{found}");
    assert!(found.lines().all(|line| line.contains(": is no TOML: ")), "{found}");
    let deep = format!("a = {}", "[".repeat(10_000));
    assert!(File::of(&deep).faults(&[], &[]).contains(": is no TOML: "));
}

#[test]
fn a_table_that_stands_twice_hides_no_other_fault() {
    let text = "[source]\nkind = \"file\"\n[source]\nkiwi = 1\n[sink]\nkind = 5\n";
    let found = File::of(text).faults(&[], &[]);
    for part in [":3:2: is no TOML: duplicate key", "kiwi", "sink.kind"] {
        assert!(found.contains(part), "{part}: {found}");
    }
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let file = File::of(LEAST);
    fs::write(file.path(), b"[source]\n# \xFF").expect("a temporary folder can be written");
    assert_eq!(
        file.faults(&[], &[]),
        "odometer.toml: byte 11 is no UTF-8: write the file in UTF-8"
    );
    fs::remove_file(file.path()).expect("the file is there");
    assert_eq!(
        file.faults(&[], &[]),
        "odometer.toml: cannot be read (No such file or directory (os error 2)): name a configuration file"
    );
}

#[test]
fn layers_that_do_not_fit_are_named() {
    let environment = [
        ("ODOMETER__", "1"),
        ("ODOMETER__SOURCE__TOPICS__NAME", "usage"),
        ("ODOMETER__SOURCE__WORKRES", "2"),
        ("ODOMETER__STATE__", "x"),
        ("ODOMETER__WATERMARK", "5s"),
    ];
    let overrides = [("a b", "1"), ("source.kafka", "x")];
    let expected = r#"
ODOMETER__: names no key: expected a name such as ODOMETER__SOURCE__WORKERS
ODOMETER__SOURCE__TOPICS__NAME: source.topics: is a single value in a layer below, and has keys here: write the same form in both
ODOMETER__SOURCE__TOPICS__NAME: source.topics: expected a list of topics, found a table
ODOMETER__SOURCE__WORKRES: source: unknown key "workres": did you mean "workers"?
ODOMETER__STATE__: names no key: expected a name such as ODOMETER__SOURCE__WORKERS
ODOMETER__WATERMARK: watermark: is no table: expected one
--set a b: names no key: expected a path such as source.workers
--set source.kafka: source.kafka: is a table in a layer below, and a single value here: write the same form in both
--set source.kafka: source.kafka: is no table: expected one"#;
    assert_eq!(File::of(LEAST).faults(&environment, &overrides), expected.trim_start());
}

#[test]
fn topics_are_kept_apart() {
    check(
        "[sink]\ntopic = \"usage\"\n[rejects]\ntopic = \"usage\"",
        r#"
odometer.toml: sink.topic and rejects.topic are both "usage": give each a topic of its own
odometer.toml: sink.topic and one of source.topics are both "usage": give each a topic of its own
odometer.toml: rejects.topic and one of source.topics are both "usage": give each a topic of its own"#,
    );
    let topics = r#"[{ name = "usage", tenant = "acme" }, "usage", { nam = "x" }, "a/b"]"#;
    let text = LEAST.replace("[\"usage\"]", topics);
    let expected = r#"
odometer.toml:3:48: source.topics[1]: "usage" stands twice: name each topic once
odometer.toml:3:57: source.topics[2].name: is missing: expected the topic's name
odometer.toml:3:59: source.topics[2]: unknown key "nam": did you mean "name"?
odometer.toml:3:72: source.topics[3]: expected a topic's name: 1 to 249 of the characters A-Z a-z 0-9 . _ -, found text "a/b""#;
    assert_eq!(File::of(&text).faults(&[], &[]), expected.trim_start());
}

#[test]
fn formats_are_presets_or_paths() {
    let formats = |topics: &str| {
        let settings = load(&LEAST.replace("[\"usage\"]", topics));
        let topics = &kafka(&settings).source.topics;
        topics.iter().map(|topic| topic.format.clone()).collect::<Vec<_>>()
    };
    let given = r#"["a", { name = "b", format = "lago", tenant_from = "organization_id" }, { name = "c", format = "zenskar" }]"#;
    let organization = FieldPath::key("organization_id");
    let lago = EventFormat::lago().with_tenant_from(organization);
    assert_eq!(formats(given), [EventFormat::native(), lago, EventFormat::zenskar()]);
    let custom = r#"[{ name = "a", format = { id = "uid", customer = "account.\"x.y\"", time = "ts", time_unit = "milliseconds" } }]"#;
    let account = FieldPath::key("account").inside("x.y");
    let expected = EventFormat::custom(Layout {
        id: vec![FieldPath::key("uid")],
        customer: vec![account],
        time: vec![FieldPath::key("ts")],
        time_form: TimeForm { unit: TimeUnit::Milliseconds, takes_zoneless: false },
        ..Layout::empty()
    });
    assert_eq!(formats(custom), [expected.expect("nothing is missing")]);
    let settings = load(&LEAST.replace("[\"usage\"]", given)).to_string();
    assert!(settings.contains(r#"format = "lago" with tenant = "organization_id""#), "{settings}");
}

#[test]
fn faults_of_formats_are_told() {
    let topics = r#"[{ name = "a", format = "lagoon" }, { name = "b", format = "custom" }, { name = "c", format = { idd = "x", time = "a..b" } }, { name = "d", format = { time = "t", time_unit = "days" } }, { name = "e", format = { time = "t" } }]"#;
    let found = File::of(&LEAST.replace("[\"usage\"]", topics)).faults(&[], &[]);
    for part in [
        "topics[0].format: expected \"native\", \"lago\", \"maple\" or \"zenskar\", found text \"lagoon\"",
        "topics[1].format: \"custom\" is a table with a path for each field",
        "topics[2].format: unknown key \"idd\"",
        "topics[2].format.time: path `a..b`",
        "topics[3].format.time_unit: expected \"seconds\", \"milliseconds\"",
        "topics[4].format: has no path of customer: every event has one",
    ] {
        assert!(found.contains(part), "{part}: {found}");
    }
    assert_eq!(format_of_argument("zenskar"), Ok(EventFormat::zenskar()));
    let fault = format_of_argument("{ time = 't', id = }").expect_err("no TOML");
    assert!(fault.starts_with("is no table of TOML: ") && fault.contains("(column 20)"), "{fault}");
    let fault = format_of_argument("{ time = \"t\" }").expect_err("no customer");
    assert_eq!(fault, "has no path of customer: every event has one");
    let named = "{ idd = \"uid\", customer = \"a\", time = \"ts\", colour = \"red\" }";
    let faults = format_of_argument(named).expect_err("keys that no format has");
    let [first, second] = faults.lines().collect::<Vec<_>>()[..] else { panic!("{faults}") };
    assert!(first.starts_with("unknown key \"colour\": the keys here are id, type"), "{faults}");
    assert_eq!(second, "unknown key \"idd\": did you mean \"id\"?");
}

#[test]
fn ids_of_a_source_need_its_path() {
    let format = r#"{ id = "i", customer = "c", time = "t", source = "from" }"#;
    let text = LEAST.replace("[\"usage\"]", &format!("[{{ name = \"a\", format = {format} }}]"));
    let layout = |more: &str| {
        let settings = load(&format!("{text}{more}"));
        kafka(&settings).source.topics[0].format.layout()
    };
    assert_eq!(layout("").scope, []);
    let scope = layout("[dedup]\nidentity = \"source+id\"").scope;
    assert_eq!(scope, [FieldPath::key("from")]);
}

#[test]
fn metrics_name_their_topic_where_several_are_read() {
    let definitions = |more: &str| {
        let text = format!("[[metrics]]\ncode = 'm'\naggregation = 'count'\n{more}");
        definitions::read(&[("m.toml", &text)]).expect("valid definitions")
    };
    let one = load(LEAST);
    let two = load(&LEAST.replace("[\"usage\"]", "[\"usage\", \"events\"]"));
    let fault = |settings: &Settings, more: &str| match check_topics(
        &settings.flow.topics(),
        &definitions(more),
    ) {
        Ok(()) => String::new(),
        Err(faults) => faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    };
    assert_eq!(fault(&one, ""), "");
    assert_eq!(fault(&one, "topic = 'usage'"), "");
    assert_eq!(fault(&two, "topic = 'events'"), "");
    assert_eq!(
        fault(&two, ""),
        "m.toml:1:1: metrics[0] (code \"m\"): topic: is missing: several are read, name the one that feeds it: \
         usage, events"
    );
    assert_eq!(
        fault(&one, "topic = 'events'"),
        "m.toml:1:1: metrics[0] (code \"m\"): topic: \"events\" is not read: source.topics has usage"
    );
}

#[test]
fn every_key_that_is_known_is_read() {
    for key in known_keys() {
        let found = File::of(LEAST).faults(&[], &[(&key, "[[true]]")]);
        assert!(found.contains(&format!("--set {key}: {key}")), "{key}: {found}");
    }
}

/// The configuration with every key that it shows as a comment (`#key = ...`) made part of it.
fn documented() -> String {
    let text = fs::read_to_string(repository("config/odometer.toml")).expect("it is there");
    let shown = |line: &str| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| !c.is_whitespace()) => rest.to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(|line| shown(line) + "\n").collect()
}

fn paths(table: &toml::Table, above: &str, found: &mut BTreeSet<String>) {
    for (key, value) in table {
        let path = format!("{above}{key}");
        match value.as_table() {
            // Names below these are the operator's.
            Some(inner) if !path.ends_with(".properties") && !path.ends_with(".datasources") => {
                paths(inner, &format!("{path}."), found);
            }
            _ => {
                found.insert(path);
            }
        }
    }
}

#[test]
fn documented_configuration_holds_every_key() {
    let mut found = BTreeSet::new();
    paths(&documented().parse().expect("it is TOML"), "", &mut found);
    assert_eq!(found, known_keys().into_iter().collect());
}

#[test]
fn documented_configuration_says_what_each_key_does_by_default() {
    let text = documented();
    let is_comment = |line: &str| line.starts_with('#');
    let mut comment = String::new();
    for line in text.lines() {
        if is_comment(line) {
            comment.push_str(line);
            continue;
        }
        let is_key = line.contains(" = ") && !line.starts_with('"');
        if is_key || line.ends_with(".properties]") {
            let has_default = comment.contains("Default") || comment.contains("No default");
            assert!(has_default, "{line}: the comment above says no default: {comment:?}");
        }
        comment.clear();
    }
}

#[test]
fn documented_configuration_is_valid_and_holds_the_defaults() {
    let documented = Settings::load(&repository("config/odometer.toml"), [].into_iter(), &[]);
    let documented = documented.expect("a valid configuration").to_string();
    let least =
        load(&LEAST.replace("localhost", "127.0.0.1").replace("metrics.t", "config/metrics.t"));
    let expected = least.to_string().replace("unset: refuse to guess", "\"earliest\"");
    assert_eq!(documented, expected);
}

//! The files of `deploy/`: each can be read, they agree with each other and with the program, and what they configure is
//! what `odometer check` accepts.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use odometer::engine::{CommitId, Halt, Replaced};
use serde_json::Value;

use crate::program::{expect_status, run, write};
use crate::prometheus::{deployed, promtool};
use crate::yaml;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Where the program listens in a container.
const PORT: u64 = 9464;

fn text(name: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// All files of the deployment with that ending.
fn files(ending: &str) -> Vec<PathBuf> {
    files_below(deployed(""), ending)
}

fn files_below(folder: PathBuf, ending: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
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

fn kubernetes(name: &str) -> Value {
    yaml::read(&deployed("kubernetes").join(name))
}

/// Every value under that key, wherever it stands.
fn all<'v>(value: &'v Value, key: &str) -> Vec<&'v Value> {
    let mut found = Vec::new();
    match value {
        Value::Object(table) => {
            found.extend(table.get(key));
            found.extend(table.values().flat_map(|value| all(value, key)));
        }
        Value::Array(list) => found.extend(list.iter().flat_map(|value| all(value, key))),
        _ => {}
    }
    found
}

#[test]
fn every_yaml_and_json_file_can_be_read() {
    let yaml = files("yaml");
    assert!(yaml.len() >= 10 && files("yml").is_empty(), "{yaml:?}");
    for path in yaml {
        yaml::read(&path);
    }
    for path in files("json") {
        let text = fs::read_to_string(&path).expect("text");
        let _: Value = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

#[test]
fn every_image_has_a_version() {
    let mut images: Vec<String> = Vec::new();
    for path in files("yaml") {
        let value = yaml::read(&path);
        images
            .extend(all(&value, "image").into_iter().filter_map(Value::as_str).map(str::to_owned));
    }
    let dockerfile = text("deploy/Dockerfile");
    let from = dockerfile.lines().filter_map(|line| line.strip_prefix("FROM "));
    images.extend(from.map(|image| image.split(' ').next().expect("an image").to_owned()));
    assert!(images.len() >= 8, "{images:?}");
    for image in &images {
        let version = image.rsplit_once(':').map_or("", |(_, version)| version);
        assert!(version.contains('.') && version != "latest", "{image} has no version");
    }
    let own = format!("odometer:{}", env!("CARGO_PKG_VERSION"));
    assert!(
        images.iter().all(|image| !image.starts_with("odometer") || *image == own),
        "{images:?}"
    );
    // The broker of the tests and that of compose.yaml are of one version.
    let pom = text("tests/live/kafka/pom.xml");
    let (_, version) = pom.split_once("<kafka.version>").expect("a version");
    let kafka = format!("apache/kafka:{}", version.split('<').next().expect("a version"));
    assert!(images.contains(&kafka), "{kafka}: {images:?}");
}

#[test]
fn dockerfile_installs_what_the_build_needs() {
    let (dockerfile, setup) = (text("deploy/Dockerfile"), text(".ci/setup"));
    let (_, missing) = setup.split_once("missing() {").expect("a function");
    let (build, _) = missing.split_once("= test").expect("what tests need comes last");
    let needed: Vec<&str> =
        build.lines().filter_map(|line| Some(line.split_once("|| echo ")?.1)).collect();
    assert!(needed.len() > 5, "{needed:?}");
    let lacking: Vec<_> = needed.iter().filter(|package| !dockerfile.contains(**package)).collect();
    assert!(lacking.is_empty(), "deploy/Dockerfile does not install {lacking:?}");
    let wanted = text("Cargo.toml");
    let (_, wanted) = wanted.split_once("rust-version = \"").expect("a version");
    let wanted = wanted.split('"').next().expect("a version");
    assert!(dockerfile.contains(&format!("FROM rust:{wanted}.")), "built with Rust {wanted}");
    for line in ["USER 10001:10001", "STOPSIGNAL SIGTERM", "VOLUME /var/lib/odometer"] {
        assert!(dockerfile.lines().any(|found| found == line), "{line}");
    }
    assert!(dockerfile.contains(&format!("EXPOSE {PORT}")));
}

/// Checks a configuration whose metrics lie elsewhere on the machine that it is for.
#[track_caller]
fn check(configuration: &str, metrics: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = write(folder.path(), "metrics.toml", metrics);
    assert!(configuration.contains("\"/etc/odometer/metrics.toml\""), "{configuration}");
    let configuration = configuration.replace("/etc/odometer/metrics.toml", &metrics);
    let path = write(folder.path(), "odometer.toml", &configuration);
    expect_status(&run(["check", "--config", &path]), 0).0
}

#[test]
fn configuration_of_compose_is_accepted() {
    let configuration = text("deploy/compose/odometer.toml");
    check(&configuration, &text("config/metrics.toml"));
    let compose = yaml::read(&deployed("compose.yaml"));
    let services = &compose["services"];
    let kafka = &services["kafka"]["environment"];
    let advertised = kafka["KAFKA_ADVERTISED_LISTENERS"].as_str().expect("listeners");
    let address = "kafka:19092";
    assert!(advertised.contains(&format!("INSIDE://{address},")), "{advertised}");
    assert!(configuration.contains(&format!("\"bootstrap.servers\" = \"{address}\"")));
    let created = services["topics"]["command"][0].as_str().expect("a script");
    for topic in ["usage", "odometer.totals", "odometer.rejects"] {
        assert!(created.contains(&format!("topic {topic} --partitions ")), "{created}");
        assert!(configuration.contains(&format!("\"{topic}\"")), "{configuration}");
    }
    let port = format!("127.0.0.1:{PORT}:{PORT}");
    assert_eq!(services["odometer"]["ports"][0], port);
    assert_eq!(services["odometer"]["stop_grace_period"], "60s");
    // Every file that is mounted is there.
    for (name, service) in services.as_object().expect("services") {
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let source = volume.as_str().and_then(|text| text.split(':').next()).expect("a volume");
            let is_named = compose["volumes"].get(source).is_some();
            assert!(is_named || deployed(source).exists(), "{name}: {volume}");
        }
    }
    // The generator's line is one that the program takes.
    let line = services["generator"]["command"][0].as_str().expect("a line");
    let line =
        line.strip_prefix("exec odometer ").expect("the program").replace("\"$$(date +%s)\"", "1");
    let arguments: Vec<&str> = line.split_whitespace().chain(["--help"]).collect();
    expect_status(&run(arguments), 0);
}

#[test]
fn kubernetes_manifests_agree_with_each_other_and_with_the_program() {
    let map = kubernetes("configmap.yaml");
    let configuration = map["data"]["odometer.toml"].as_str().expect("a configuration");
    let understood = check(configuration, map["data"]["metrics.toml"].as_str().expect("metrics"));
    assert!(understood.contains("llm_tokens"), "{understood}");
    assert!(configuration.contains(&format!("address = \"0.0.0.0:{PORT}\"")));

    let set = kubernetes("statefulset.yaml");
    assert_eq!((&set["apiVersion"], &set["kind"]), (&"apps/v1".into(), &"StatefulSet".into()));
    assert_eq!(set["spec"]["replicas"], 1, "one process a group");
    let pod = &set["spec"]["template"]["spec"];
    assert!(
        pod["terminationGracePeriodSeconds"].as_u64().expect("seconds") > 45,
        "a drain takes 30"
    );
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    let container = &pod["containers"][0];
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
    assert_eq!(container["ports"][0]["containerPort"], PORT);
    for (probe, path) in [("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")] {
        assert_eq!(container[probe]["httpGet"]["path"], path);
        assert_eq!(container[probe]["httpGet"]["port"], container["ports"][0]["name"]);
    }
    let annotations = &set["spec"]["template"]["metadata"]["annotations"];
    assert_eq!(annotations["prometheus.io/port"], PORT.to_string());
    assert_eq!(annotations["prometheus.io/path"], "/metrics");
    let mounts = container["volumeMounts"].as_array().expect("mounts");
    let names = |list: &Value| -> BTreeSet<String> {
        list.as_array().expect("a list").iter().map(|one| one["name"].to_string()).collect()
    };
    let mut volumes = names(&pod["volumes"]);
    volumes.insert(set["spec"]["volumeClaimTemplates"][0]["metadata"]["name"].to_string());
    assert_eq!(names(&container["volumeMounts"]), volumes);
    let state = mounts.iter().find(|mount| mount["name"] == "state").expect("a volume for state");
    let state = state["mountPath"].as_str().expect("a path");
    assert!(configuration.contains(&format!("directory = \"{state}/")), "{configuration}");

    let labels = &set["spec"]["selector"]["matchLabels"];
    assert_eq!(&set["spec"]["template"]["metadata"]["labels"], labels);
    let service = kubernetes("service.yaml");
    assert_eq!(service["spec"]["clusterIP"], "None");
    assert_eq!(service["metadata"]["name"], set["spec"]["serviceName"]);
    assert_eq!(&service["spec"]["selector"], labels);
    assert_eq!(service["spec"]["ports"][0]["port"], PORT);
    assert_eq!(service["spec"]["ports"][0]["targetPort"], container["ports"][0]["name"]);
    let budget = kubernetes("poddisruptionbudget.yaml");
    assert_eq!(budget["kind"], "PodDisruptionBudget");
    assert_eq!(&budget["spec"]["selector"]["matchLabels"], labels);
    let monitor = kubernetes("servicemonitor.yaml");
    assert_eq!(&monitor["spec"]["selector"]["matchLabels"], &service["metadata"]["labels"]);
    assert_eq!(monitor["spec"]["endpoints"][0]["port"], service["spec"]["ports"][0]["name"]);
    let listed = kubernetes("kustomization.yaml");
    for name in listed["resources"].as_array().expect("resources") {
        assert_eq!(kubernetes(name.as_str().expect("a file"))["metadata"]["name"], "odometer");
    }
    assert_eq!(listed["images"][0]["newTag"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn unit_of_systemd_is_understood_and_sandboxed() {
    let unit = text("deploy/systemd/odometer.service");
    for line in [
        "Type=notify",
        "DynamicUser=yes",
        "ProtectSystem=strict",
        "NoNewPrivileges=yes",
        "StateDirectory=odometer",
        "RestartPreventExitStatus=2",
    ] {
        assert!(unit.lines().any(|found| found == line), "{line}");
    }
    let program = env!("CARGO_BIN_EXE_odometer");
    assert!(unit.contains("ExecStart=/usr/local/bin/odometer run "));
    let folder = tempfile::tempdir().expect("a folder");
    let unit = unit.replace("/usr/local/bin/odometer", program);
    let path = write(folder.path(), "odometer.service", &unit);
    // Where there is a systemd to ask.
    for arguments in [
        &["verify", "--man=no"][..],
        &["security", "--offline=true", "--threshold=20", "--no-pager"],
    ] {
        let asked = Command::new("systemd-analyze").args(arguments).arg(&path).output();
        let Ok(output) = asked else { return };
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        // Other units of the machine are no matter of this one.
        let is_of_it = said.lines().any(|line| line.contains("odometer.service:"));
        let is_verify = arguments[0] == "verify";
        assert!(output.status.success() || (is_verify && !is_of_it), "{arguments:?}: {said}");
        assert!(!is_verify || !is_of_it, "{said}");
    }
}

#[test]
fn prometheus_understands_rules_and_configuration() {
    for (command, name) in [("rules", "alerts.yaml"), ("config", "prometheus.yaml")] {
        let (is_well, said) = promtool(&["check", command], &deployed("prometheus").join(name));
        assert!(is_well, "{said}");
    }
    let datasource = yaml::read(&deployed("grafana/provisioning/datasources/prometheus.yaml"));
    assert_eq!(datasource["datasources"][0]["url"], "http://prometheus:9090");
    let dashboards = yaml::read(&deployed("grafana/provisioning/dashboards/odometer.yaml"));
    let path = &dashboards["providers"][0]["options"]["path"];
    let compose = yaml::read(&deployed("compose.yaml"));
    let mounted = format!("./grafana/dashboards:{}:ro", path.as_str().expect("a path"));
    let volumes = compose["services"]["grafana"]["volumes"].as_array().expect("volumes");
    assert!(volumes.contains(&mounted.into()), "{volumes:?}");
}
/// The alerts, each with its labels and annotations.
fn alerts() -> Vec<Value> {
    let rules = yaml::read(&deployed("prometheus/alerts.yaml"));
    let groups = rules["groups"].as_array().expect("groups").iter();
    groups.flat_map(|group| group["rules"].as_array().expect("rules").clone()).collect()
}

#[test]
fn every_alert_says_what_to_do_and_is_provoked_by_a_test() {
    let runbook = text("docs/operating.md");
    let tests = text("tests/edges/alerts.rs")
        + &text("tests/live/alerts.rs")
        + &text("tests/live/full_disk.rs");
    for alert in alerts() {
        let name = alert["alert"].as_str().expect("a name");
        let severity = alert["labels"]["severity"].as_str().expect("a severity");
        assert!(["critical", "warning"].contains(&severity), "{name}: {severity}");
        for annotation in ["summary", "description"] {
            let words = alert["annotations"][annotation].as_str().unwrap_or_default();
            assert!(words.len() > 20, "{name} has no {annotation}");
        }
        let place = format!("docs/operating.md#{}", name.to_lowercase());
        assert_eq!(alert["annotations"]["runbook"], place);
        assert!(runbook.contains(&format!("\n### {name}\n")), "no section for {name}");
        assert!(tests.contains(&format!("\"{name}\"")), "no test provokes {name}");
    }
}

#[test]
fn every_series_is_in_the_operators_table_and_on_the_dashboard() {
    let document = text("docs/operating.md");
    let dashboard = text("deploy/grafana/dashboards/odometer.json");
    for (name, meaning) in odometer::telemetry::catalogue::catalogue() {
        let row = format!("| `{name}");
        let row = document.lines().find(|line| line.starts_with(&row));
        let row = row.unwrap_or_else(|| panic!("docs/operating.md has no row for {name}"));
        assert!(row.contains(meaning), "{row}\nshould say: {meaning}");
        assert!(dashboard.contains(name), "no panel shows {name}");
    }
}

/// What the operators' table calls a halt. A new one breaks the build here.
fn heading(halt: &Halt) -> &'static str {
    match halt {
        Halt::NothingToStartFrom => "nothing to start from",
        Halt::ForeignState { .. } => "foreign state",
        Halt::PartitionsChanged { .. } => "partitions changed",
        Halt::OffsetGone => "offset gone",
        Halt::ForeignOffset { .. } => "foreign offset",
        Halt::StateElsewhere { .. } => "the state is elsewhere",
        Halt::HistoryGone { .. } => "history gone",
        Halt::TopicRecreated { .. } => "topic recreated",
        Halt::RecordReplaced { .. } => "record replaced",
        Halt::RecordGone { .. } => "record gone",
        Halt::RecordDamaged { .. } => "record damaged",
        Halt::StateDamaged { .. } => "state damaged",
        Halt::StateOfOtherForm { .. } => "state of other form",
        Halt::TopicReplaced { .. } => "topic replaced",
        Halt::TotalsReplaced(_) => "totals topic replaced",
        Halt::RejectsReplaced(_) => "rejects topic replaced",
        Halt::TotalsPartitionsChanged { .. } => "totals partitions changed",
        Halt::CustomerInTwoTasks { .. } | Halt::FormerCustomerInTwoTasks { .. } => {
            "customer in two tasks"
        }
        Halt::CustomerOfAnotherTask { .. } => "customer of another task",
    }
}

#[test]
fn every_halt_is_in_the_operators_table() {
    let word = || "x".to_owned();
    let halts = [
        Halt::NothingToStartFrom,
        Halt::ForeignState { field: "group", found: word(), wanted: word() },
        Halt::PartitionsChanged { before: 2, now: 3 },
        Halt::OffsetGone,
        Halt::ForeignOffset { offset: 5, metadata: word() },
        Halt::StateElsewhere { commit: CommitId([7; 16]) },
        Halt::HistoryGone { offset: 5, log_start: 9 },
        Halt::TopicRecreated { offset: 5, log_end: 3 },
        Halt::RecordReplaced { offset: 5 },
        Halt::RecordGone { offset: 5, policy: Ok(word()) },
        Halt::RecordDamaged { offset: 5, reason: word() },
        Halt::StateDamaged { directory: word(), reason: word() },
        Halt::StateOfOtherForm { directory: word(), reason: word() },
        Halt::TopicReplaced { before: word(), now: word() },
        Halt::TotalsReplaced(Replaced { before: word(), now: word(), memory: word() }),
        Halt::RejectsReplaced(Replaced { before: word(), now: word(), memory: word() }),
        Halt::TotalsPartitionsChanged { before: 3, now: 6, memory: word() },
        Halt::CustomerInTwoTasks { tenant: word(), customer: word(), other: word() },
        Halt::FormerCustomerInTwoTasks { digest: 7, other: word() },
        Halt::CustomerOfAnotherTask { tenant: word(), customer: word(), other: word() },
    ];
    let document = text("docs/operating.md");
    for halt in halts {
        let row = format!("| {} |", heading(&halt));
        let row = document.lines().find(|line| line.starts_with(&row));
        let row = row.unwrap_or_else(|| panic!("docs/operating.md has no row for {halt:?}"));
        // Whoever is sent to a new group here is sent there in the program's own words.
        let is_anew = halt.to_string().contains("a new source.group_id");
        assert_eq!(row.contains("anew"), is_anew, "{row}\n{halt}");
        for command in ["adopt", "restore", "rebuild", "discard"] {
            let named = format!("odometer state {command}");
            assert_eq!(row.contains(&named), halt.to_string().contains(&named), "{command}: {row}");
        }
        let stops = if halt.is_for_all() { "the process" } else { "its task" };
        assert_eq!(row.split(" | ").nth(1), Some(stops), "{row}");
    }
}

#[test]
fn every_line_of_the_log_that_the_document_names_is_written() {
    let sources = files_below(Path::new(ROOT).join("src"), "rs");
    let sources: String =
        sources.iter().map(|path| fs::read_to_string(path).expect("text")).collect();
    let document = text("docs/operating.md");
    let (_, log) = document.split_once("\n### Log\n").expect("a section");
    let (log, _) = log.split_once("\n## ").expect("one after it");
    let rows: Vec<&str> = log.lines().filter(|line| line.starts_with("| \"")).collect();
    assert!(rows.len() > 5, "{log}");
    for row in rows {
        let message = row.split('"').nth(1).expect("a message");
        let level = row.split('|').nth(2).expect("a level").trim().to_lowercase();
        let said = sources.split_once(&format!("\"{message}\""));
        let (before, _) = said.unwrap_or_else(|| panic!("nothing says {message:?}"));
        let (_, call) = before.rsplit_once("tracing::").expect("a call");
        assert!(call.starts_with(&format!("{level}!(")), "{message:?} is no {level}: {call}");
        for field in row.rsplit_once(" | ").expect("fields").1.split('`').skip(1).step_by(2) {
            assert!(
                call.contains(field) || message.starts_with("odometer "),
                "{message:?}: {field}"
            );
        }
    }
}

//! What the program says while it is given secrets, and while things go wrong with them: it never repeats one.
//!
//! Every secret here bears [`MARK`], or is a digest of one, so that any part of any output that holds one is found.

use std::process::Command;

use sha2::{Digest, Sha256};

use crate::daemon::{Scene, answer_with, started, wait_until};
use crate::program::odometer;

/// What every secret bears.
const MARK: &str = "s3cr3t";

const METRICS: &str = r#"{"metrics": [{"code": "n", "event_type": "t", "aggregation": "count"}]}"#;

/// Properties of librdkafka whose values are secrets.
const SECRET_PROPERTIES: [&str; 6] = [
    "sasl.password",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
];

fn key(name: &str) -> String {
    format!("odo_{MARK}_{name}")
}

fn digest(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// The entry that lets a key in.
fn entry(name: &str, role: &str) -> String {
    let hash = digest(&key(name));
    format!(r#"{{ name = "{name}", tenant = "*", role = "{role}", hash = "sha256:{hash}" }}"#)
}

#[track_caller]
fn expect_none(what: &str, said: &str) {
    let digests = ["reader", "operator"].map(|name| digest(&key(name)));
    let found = digests.iter().map(String::as_str).chain([MARK]).find(|one| said.contains(one));
    assert_eq!(found, None, "{what} tells a secret:\n{said}");
}

/// Runs it to its end, which says something, and no secret.
#[track_caller]
fn expect_quiet(what: &str, mut command: Command, status: i32) -> String {
    let output = command.output().expect("the program starts");
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let said = said.concat();
    assert_eq!(output.status.code(), Some(status), "{what}: {said}");
    assert!(!said.is_empty(), "{what}: nothing was said");
    expect_none(what, &said);
    said
}

/// A configuration over Kafka that holds for itself, and more lines of its two sections that take secrets.
fn configuration(properties: &str, admin: &str) -> String {
    format!(
        r#"
[source]
topics = ["usage"]
start_from = "earliest"
request_timeout = "1s"
[admin]
address = "127.0.0.1:0"
{admin}
[telemetry]
log_level = "trace"
[source.kafka.properties]
"bootstrap.servers" = "127.0.0.1:1"
{properties}
"#
    )
}

/// The section of a store of checkpoints.
fn checkpoints(store: &str, properties: &str) -> String {
    format!(
        "[state.checkpoint]\nstore = \"{store}\"\n[state.checkpoint.properties]\n{properties}\n"
    )
}

/// Each has a fault, in what takes a secret.
fn faulty_configurations() -> Vec<String> {
    let mut all = Vec::new();
    for name in SECRET_PROPERTIES {
        for value in [
            format!("[\"{MARK}\"]"),
            format!("{{ value = [\"{MARK}\"] }}"),
            // No TOML: without quotes, without their end, with a wrong escape.
            MARK.to_owned(),
            format!("\"{MARK}"),
            format!("\"{MARK}\\q\""),
            format!("\"{MARK}\" \"{MARK}\""),
        ] {
            all.push(configuration(&format!("\"{name}\" = {value}"), ""));
        }
        // The secret where the name of its file belongs, twice, of a name that there is not, and elsewhere.
        for line in [
            format!("\"{name}_file\" = \"{MARK}\""),
            format!("\"{name}\" = \"{MARK}\"\n\"{name}\" = \"{MARK}\""),
            format!("\"x.{name}\" = \"{MARK}\""),
            format!("\"{name}\" = \"{MARK}\"\n[source.kafka]\n\"{name}\" = \"{MARK}\""),
            format!("\"{name}\" = \"{MARK}\"\n[sink]\n\"{name}\" = \"{MARK}\""),
        ] {
            all.push(configuration(&line, ""));
        }
    }
    all.push(configuration(&format!("\"sasl.pasword\" = \"{MARK}\""), ""));
    let raw = key("reader");
    let keyed = |hash: &str| format!(r#"[{{ name = "a", tenant = "*", role = "read", {hash} }}]"#);
    for keys in [
        format!("\"{raw}\""),
        format!("[\"{raw}\"]"),
        format!("{{ reader = \"{raw}\" }}"),
        keyed(&format!("hash = \"{raw}\"")),
        keyed(&format!("hash = \"sha256:{raw}\"")),
        keyed(&format!("hash = \"$argon2id${raw}\"")),
        keyed(&format!("hash = [\"{raw}\"]")),
        keyed(&format!("key = \"{raw}\"")),
        keyed(&format!("hash = {raw}")),
        format!("[{}, {}]", entry("reader", "read"), entry("reader", "read")),
        format!("[{}, {}]", entry("reader", "read"), entry("operator", "everything")),
    ] {
        all.push(configuration("", &format!("keys = {keys}")));
    }
    for (store, line) in [
        ("s3://bucket", format!("aws_secret_access_kee = \"{MARK}\"")),
        ("s3://bucket", format!("aws_secret_access_key = [\"{MARK}\"]")),
        ("s3://bucket", format!("aws_secret_access_key_file = \"{MARK}\"")),
        ("s3://bucket", format!("aws_secret_access_key = {MARK}")),
        ("s3://bucket", format!("\"{MARK}\" = {MARK}")),
        ("s3://bucket", format!("aws_endpoint = \"http://user:{MARK}@127.0.0.1:1\"")),
        ("gs://bucket", format!("google_service_account_key = \"{{ {MARK}\"")),
        ("gs://bucket", format!("aws_secret_access_key = \"{MARK}\"")),
        ("az://container", format!("azure_storage_account_key = \"{MARK} is no Base64\"")),
        ("file:///tmp", format!("aws_secret_access_key = \"{MARK}\"")),
    ] {
        all.push(configuration("", "") + &checkpoints(store, &line));
    }
    for store in [format!("s3://{MARK}:{MARK}@bucket"), format!("s3://id:{MARK}@bucket/prefix")] {
        all.push(configuration("", "") + &checkpoints(&store, ""));
    }
    let pem = format!("-----BEGIN PRIVATE KEY-----\\n{MARK}\\n-----END PRIVATE KEY-----\\n");
    all.push(configuration("", &format!("tls = {{ certificate = \"tls.crt\", key = \"{pem}\" }}")));
    for origins in ["peers", "cors_origins"] {
        let list = format!("{origins} = [\"http://user:{MARK}@127.0.0.1:9464\"]");
        all.push(configuration("", &list));
    }
    all
}

#[test]
fn faults_of_a_configuration_repeat_no_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("odometer.toml");
    for text in faulty_configurations() {
        std::fs::write(&path, &text).expect("the folder takes files");
        for arguments in [["check", "--config"], ["run", "--config"]] {
            let mut command = odometer(arguments);
            command.arg(&path).current_dir(folder.path());
            expect_quiet(&text, command, 2);
        }
    }
}

#[test]
fn faults_of_variables_and_flags_repeat_no_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("odometer.toml");
    std::fs::write(&path, configuration("", "")).expect("the folder takes files");
    let command = || {
        let mut command = odometer(["check", "--config"]);
        command.arg(&path).current_dir(folder.path());
        command
    };
    let raw = key("reader");
    let hash = format!("[{{ name = \"a\", tenant = \"*\", role = \"read\", hash = \"{raw}\" }}]");
    for (name, value) in [
        ("SOURCE__KAFKA__PROPERTIES_SASL_PASSWORD", MARK),
        ("SOURCE__KAFKA__PROPERTIES__SASL_PASWORD", MARK),
        ("SOURCE__KAFKA__PROPERTIES__SASL_PASSWORD_FILE", MARK),
        ("SOURCE__KAFKA__PROPERTIES__SASL_PASSWORD", "[\"s3cr3t\"]"),
        ("SOURCE__KAFKA__PROPERTIES", MARK),
        ("SOURCE__KAFKA", MARK),
        ("ADMIN__KEYS", &raw),
        ("ADMIN__KEYS", &hash),
        ("ADMIN__KEYS__HASH", &raw),
        ("ADMIN", &raw),
        ("ADMIN__", &raw),
    ] {
        let mut by_variable = command();
        by_variable.env(format!("ODOMETER__{name}"), value);
        expect_quiet(&format!("{name}={value}"), by_variable, 2);
        let key = name.to_lowercase().replace("__", ".");
        let mut by_flag = command();
        by_flag.args(["--set", &format!("{key}={value}")]);
        expect_quiet(&format!("--set {key}={value}"), by_flag, 2);
    }
    // Without the sign between the two, alone and beside another fault.
    for others in [&[][..], &["--liev"]] {
        let mut by_flag = command();
        by_flag
            .args(["--set", &format!("source.kafka.properties.sasl.password:{MARK}")])
            .args(others);
        let said = expect_quiet("--set without =", by_flag, 2);
        assert!(said.contains("'***' for '--set <KEY=VALUE>': expected KEY=VALUE"), "{said}");
    }
}

/// All secret properties at once; they hold for themselves.
fn secret_properties() -> String {
    // One that is PEM must be it.
    let taken = SECRET_PROPERTIES.iter().filter(|name| **name != "ssl.key.pem");
    let mut lines: Vec<String> =
        taken.map(|name| format!("\"{name}\" = \"{MARK} of {name}\"")).collect();
    lines.push("\"security.protocol\" = \"SASL_PLAINTEXT\"".to_owned());
    lines.push("\"sasl.mechanism\" = \"SCRAM-SHA-256\"".to_owned());
    lines.push("\"sasl.username\" = \"odometer\"".to_owned());
    // Its clients tell all that they do.
    lines.push("\"debug\" = \"all\"".to_owned());
    lines.join("\n")
}

#[test]
fn broker_that_is_away_brings_no_secret_to_light() {
    let scene = Scene::new(METRICS);
    let keys = format!("keys = [{}, {}]", entry("reader", "read"), entry("operator", "operate"));
    let store =
        "aws_endpoint = \"http://127.0.0.1:1\"\naws_region = \"eu-west-1\"\naws_allow_http = true";
    let store =
        format!("{store}\naws_access_key_id = \"{MARK}\"\naws_secret_access_key = \"{MARK}\"");
    let store = checkpoints("s3://bucket/prefix", &store);
    scene.write("odometer.toml", &(configuration(&secret_properties(), &keys) + &store));
    let check = |flags: &[&str]| {
        let mut command = odometer(["check", "--config", "odometer.toml"]);
        command.args(flags).current_dir(scene.path(""));
        command
    };
    let printed = expect_quiet("check", check(&[]), 0);
    for name in SECRET_PROPERTIES.into_iter().filter(|name| *name != "ssl.key.pem") {
        assert!(printed.contains(&format!("\"{name}\" = \"***\"")), "{name}: {printed}");
    }
    expect_quiet("check --live", check(&["--live", "--log-level", "trace"]), 1);
    let daemon = scene.start();
    wait_until(&scene, "it listens", || scene.log().contains("admin listener answers"));
    let address = crate::daemon::address_in(&scene.log()).expect("it listens");
    wait_until(&scene, "the broker is away", || scene.log().contains("127.0.0.1:1"));
    ask_for_everything(&address);
    daemon.terminate(&scene);
    expect_none("the log", &scene.log());
}

/// Calls with keys that are right, wrong and in wrong places; what is answered tells none.
fn ask_for_everything(address: &str) {
    let (reader, operator, wrong) = (key("reader"), key("operator"), key("wrong"));
    let headers = [
        String::new(),
        format!("authorization: Bearer {reader}\r\n"),
        format!("authorization: Bearer {operator}\r\n"),
        format!("authorization: Bearer {wrong}\r\n"),
        format!("authorization: Basic {operator}\r\n"),
        format!("authorization: {operator}\r\n"),
        format!("x-api-key: {operator}\r\n"),
        format!("x-api-key: {wrong}\r\n"),
        format!("cookie: key={operator}\r\n"),
        format!("authorization: Bearer {operator}\r\nx-api-key: {wrong}\r\n"),
    ];
    for header in &headers {
        for line in [
            "GET /healthz",
            "GET /readyz",
            "GET /metrics",
            "GET /openapi.json",
            "GET /v1/metrics",
            "GET /v1/usage?metric=n",
            "GET /v1/nothing",
            "GET /v1/log-level",
            "PUT /v1/log-level",
            "POST /v1/metrics",
            "POST /v1/metrics/validate",
            "GET /api/v1/billable_metrics",
            "POST /api/v1/billable_metrics",
            "DELETE /readyz",
        ] {
            let body = if line.starts_with('P') { "{}" } else { "" };
            let (_, said) = answer_with(address, line, header, body);
            expect_none(&format!("{line} with {header}"), &said);
        }
        let query = format!("GET /v1/usage?metric=n&key={operator}");
        expect_none(&query, &answer_with(address, &query, header, "").1);
    }
}

#[test]
fn calls_bring_no_secret_to_light() {
    let scene = Scene::new(METRICS);
    let keys = format!("keys = [{}, {}]", entry("reader", "read"), entry("operator", "operate"));
    let admin = format!("127.0.0.1:0\"\n{keys}\n[telemetry]\nlog_level = \"trace");
    scene.configure_with("", &admin);
    let (daemon, address) = started(&scene);
    scene.append("in/a.ndjson", "{\"id\":\"1\",\"type\":\"t\",\"customer\":\"c\",\"time\":1}\nx\n");
    wait_until(&scene, "it is read", || scene.log().contains("a file is followed"));
    ask_for_everything(&address);
    // Our own client, with a key that is taken, one that is not, one that is no header, and nobody who answers.
    for (name, address, status) in [
        (key("reader"), address.as_str(), 0),
        (key("wrong"), &address, 1),
        (format!("{MARK}\n{MARK}"), &address, 1),
        (key("reader"), "127.0.0.1:1", 1),
        (key("reader"), &format!("https://{address}"), 1),
        (key("reader"), &format!("http://user:{MARK}@{address}"), 2),
    ] {
        scene.write("key", &name);
        let mut command = odometer(["usage", "--metric", "n", "--key-file", "key"]);
        command.args(["--address", address, "--log-level", "trace"]).current_dir(scene.path(""));
        expect_quiet(&format!("usage at {address}"), command, status);
    }
    daemon.terminate(&scene);
    expect_none("the log", &scene.log());
}

#[test]
fn broken_key_of_the_listener_is_told_without_its_text() {
    let scene = Scene::new(METRICS);
    let admin = "127.0.0.1:0\"\n[admin.tls]\ncertificate = \"tls.crt\"\nkey = \"tls.key";
    scene.configure_with("", admin);
    for text in [
        MARK.to_owned(),
        format!("-----BEGIN PRIVATE KEY-----\n{MARK}\n-----END PRIVATE KEY-----\n"),
        format!("-----BEGIN PRIVATE KEY-----\n{MARK}"),
        format!("-----BEGIN {MARK}-----\nAAAA\n-----END {MARK}-----\n"),
    ] {
        scene.write("tls.key", &text);
        scene.write("tls.crt", &text);
        for command in ["check", "run"] {
            let mut command = odometer([command, "--config", "odometer.toml"]);
            command.current_dir(scene.path(""));
            expect_quiet(&text, command, 2);
        }
    }
}

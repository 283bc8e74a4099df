//! SASL and TLS by librdkafka's own settings: what they are set to reaches every client of the program, secrets stay
//! out of what it says, and a connection that cannot be had is named.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rcgen::{CertificateParams, KeyPair};

use crate::broker::Broker;
use crate::daemon::{Daemon, http_body};
use crate::load::{DEFINITIONS, Load};
use crate::scene::{Scene, WORK_LIMIT};
use crate::wait;

/// The one broker with listeners of every protocol.
pub(crate) fn broker() -> &'static Broker {
    static BROKER: OnceLock<Broker> = OnceLock::new();
    BROKER.get_or_init(Broker::start_secure)
}

pub(crate) fn kept(name: &str) -> String {
    let text = fs::read_to_string(broker().secure(name)).expect("the broker keeps it");
    text.trim_end().to_owned()
}

/// Settings of a connection over that listener.
pub(crate) fn connection(listener: &str, more: &str) -> String {
    format!(
        "\"bootstrap.servers\" = \"{}\"\n\"security.protocol\" = \"{listener}\"\n{more}",
        kept(listener)
    )
}

pub(crate) fn sasl(mechanism: &str, password: &str) -> String {
    format!(
        "\"sasl.mechanism\" = \"{mechanism}\"\n\"sasl.username\" = \"odometer\"\n\"sasl.password\" = \"{password}\"\n"
    )
}

fn authority() -> String {
    format!("\"ssl.ca.location\" = \"{}\"\n", broker().secure("ca.pem").display())
}

/// A scene with some records, and its program with that connection in place of the plain one.
fn connected(seed: u64, connection: &str) -> (Scene<'static>, Daemon) {
    let scene = Scene::new(broker(), 2);
    let mut load = Load::new(seed, 2);
    scene.produce(load.by_ref().take(500));
    scene.produce(load.end());
    let daemon = Daemon::new(&configured(&scene, connection), DEFINITIONS);
    (scene, daemon)
}

pub(crate) fn configured(scene: &Scene<'_>, connection: &str) -> String {
    let plain = format!("\"bootstrap.servers\" = \"{}\"", scene.broker.address());
    let configuration = scene.configuration(Some("earliest"), "1h");
    assert!(configuration.contains(&plain));
    configuration
        .replace(&plain, connection)
        .replace("[source]", "[source]\nrequest_timeout = \"2s\"")
}

/// The same configuration with that property of the sink's own.
fn with_sink(configuration: &str, property: &str) -> String {
    configuration.replace("[sink]", &format!("[sink.kafka.properties]\n{property}\n[sink]"))
}

/// Runs the program until it is done, and compares with the oracle.
fn expect_work(scene: &Scene<'_>, daemon: &mut Daemon) {
    daemon.start();
    scene.await_done(daemon);
    assert!(daemon.terminate().success());
    scene.assert_exact(DEFINITIONS);
    expect_no_secret(daemon);
}

fn expect_no_secret(daemon: &Daemon) {
    let said = daemon.said();
    for secret in [kept("password"), "wrong-password".to_owned()] {
        assert!(!said.contains(&secret), "it told a secret:\n{said}");
    }
}

#[test]
fn totals_come_over_sasl() {
    for (seed, mechanism) in [(30, "PLAIN"), (31, "SCRAM-SHA-256"), (39, "SCRAM-SHA-512")] {
        let settings = connection("SASL_PLAINTEXT", &sasl(mechanism, &kept("password")));
        let (scene, mut daemon) = connected(seed, &settings);
        expect_work(&scene, &mut daemon);
    }
}

#[test]
fn totals_come_over_tls() {
    let (scene, mut daemon) = connected(32, &connection("SSL", &authority()));
    expect_work(&scene, &mut daemon);
}

#[test]
fn totals_come_over_sasl_and_tls_with_the_password_in_a_file() {
    let sasl = sasl("SCRAM-SHA-512", "").replace("sasl.password", "sasl.password_file");
    let sasl = sasl.replace("\"\"", &format!("{:?}", broker().secure("password")));
    let settings = connection("SASL_SSL", &format!("{sasl}{}", authority()));
    let (scene, mut daemon) = connected(33, &settings);
    // The sink sets something of its own; the rest is as the source has it.
    daemon.write("odometer.toml", &with_sink(&configured(&scene, &settings), "\"linger.ms\" = 1"));
    expect_work(&scene, &mut daemon);
}

#[test]
fn wrong_password_is_named_until_it_is_right() {
    let wrong = connection("SASL_PLAINTEXT", &sasl("SCRAM-SHA-256", "wrong-password"));
    let (scene, mut daemon) = connected(34, &wrong);
    expect_trouble(&scene, &mut daemon, &["uthentication failed", &kept("SASL_PLAINTEXT")]);
    assert_eq!((scene.done(), scene.revisions()), (0, 0));
    let right = connection("SASL_PLAINTEXT", &sasl("SCRAM-SHA-256", &kept("password")));
    daemon.write("odometer.toml", &configured(&scene, &right));
    expect_work(&scene, &mut daemon);
}

#[test]
fn wrong_password_of_the_sink_is_named_until_it_is_right() {
    let right = connection("SASL_PLAINTEXT", &sasl("PLAIN", &kept("password")));
    let (scene, mut daemon) = connected(35, &right);
    let sound = configured(&scene, &right);
    let wrong = "\"sasl.password\" = \"wrong-password\"";
    daemon.write("odometer.toml", &with_sink(&sound, wrong));
    daemon.start();
    await_said(&mut daemon, &["uthentication failed", &kept("SASL_PLAINTEXT")]);
    daemon.kill();
    assert_eq!((scene.done(), scene.revisions()), (0, 0));
    daemon.write("odometer.toml", &sound);
    expect_work(&scene, &mut daemon);
}

#[test]
fn unknown_authority_is_named() {
    let (scene, mut daemon) = connected(36, &connection("SSL", ""));
    expect_trouble(&scene, &mut daemon, &["certificate verify failed", &kept("SSL")]);
}

#[test]
fn plain_connection_to_a_listener_with_tls_is_named() {
    let plain = format!("\"bootstrap.servers\" = \"{}\"\n", kept("SSL"));
    let (scene, mut daemon) = connected(37, &plain);
    expect_trouble(&scene, &mut daemon, &["security.protocol", &kept("SSL")]);
}

#[test]
fn plain_connection_to_a_listener_with_sasl_is_named() {
    let plain = format!("\"bootstrap.servers\" = \"{}\"\n", kept("SASL_PLAINTEXT"));
    let (scene, mut daemon) = connected(38, &plain);
    expect_trouble(&scene, &mut daemon, &["security.protocol", &kept("SASL_PLAINTEXT")]);
}

/// The listener that asks for a certificate, and one with its key for who connects.
fn certified(certificate: &Path, key: &Path, password: &str) -> String {
    let (certificate, key) = (certificate.display(), key.display());
    let own = format!(
        "\"ssl.certificate.location\" = \"{certificate}\"\n\"ssl.key.location\" = \"{key}\"\n{password}"
    );
    format!("{}{own}", mutual(&authority()))
}

fn mutual(more: &str) -> String {
    connection("MTLS", more).replace("= \"MTLS\"", "= \"SSL\"")
}

fn own_certificate(password: &str) -> String {
    certified(&broker().secure("client.pem"), &broker().secure("client.key"), password)
}

fn password_of_key() -> String {
    format!("\"ssl.key.password_file\" = \"{}\"\n", broker().secure("password").display())
}

/// The broker knows the program by the name in its certificate, and by nothing else.
#[test]
fn totals_come_by_a_certificate_of_the_client() {
    let (scene, mut daemon) = connected(40, &own_certificate(&password_of_key()));
    daemon.start();
    assert_eq!(daemon.await_end().code(), Some(1));
    let said = daemon.said().replace('\\', "");
    let named = format!("topic \"{}\" is not authorised", scene.usage);
    assert!(said.contains(&named), "a name that nothing is granted to: {said}");
    let ids = "--transactional-id";
    for resource in [
        ["--topic", &scene.usage],
        ["--topic", &scene.totals],
        ["--topic", &scene.rejects],
        ["--group", &scene.group],
        [ids, &scene.group],
        [ids, &scene.totals],
    ] {
        let all = ["--add", "--allow-principal", "User:CN=client", "--operation", "All"];
        let begins = ["--resource-pattern-type", "prefixed"];
        let arguments = [&all[..], &resource, &begins].concat();
        scene.broker.tool("org.apache.kafka.tools.AclCommand", &arguments);
    }
    expect_work(&scene, &mut daemon);
}

#[test]
fn lack_of_a_certificate_of_the_client_is_named() {
    let (scene, mut daemon) = connected(41, &mutual(&authority()));
    expect_trouble(&scene, &mut daemon, &["ssl.certificate.location", &kept("MTLS")]);
}

/// A certificate that signs itself, and its key, in PEM.
fn stranger(folder: &Path) -> [PathBuf; 2] {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["client".to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("it signs itself");
    let texts = [("stranger.pem", certificate.pem()), ("stranger.key", key.serialize_pem())];
    texts.map(|(name, text)| {
        fs::write(folder.join(name), text).expect("the folder can be written");
        folder.join(name)
    })
}

#[test]
fn certificate_of_a_client_that_the_broker_does_not_know_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let [certificate, key] = stranger(folder.path());
    let (scene, mut daemon) = connected(42, &certified(&certificate, &key, ""));
    expect_trouble(&scene, &mut daemon, &["ssl.certificate.location", &kept("MTLS")]);
}

#[test]
fn wrong_authority_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let [other, _] = stranger(folder.path());
    let other = format!("\"ssl.ca.location\" = \"{}\"\n", other.display());
    let (scene, mut daemon) = connected(43, &connection("SSL", &other));
    expect_trouble(&scene, &mut daemon, &["certificate verify failed", &kept("SSL")]);
}

#[test]
fn wrong_password_of_the_clients_key_is_named() {
    for password in ["\"ssl.key.password\" = \"wrong-password\"\n", ""] {
        let (_, mut daemon) = connected(44, &own_certificate(password));
        daemon.start();
        assert_eq!(daemon.await_end().code(), Some(1));
        assert!(daemon.said().contains("ssl.key"), "{}", daemon.said());
        expect_no_secret(&daemon);
    }
}

/// Everything that the program and its clients can be made to say, while passwords are right and wrong.
#[test]
fn no_secret_is_told_at_any_level() {
    for (seed, mechanism) in [(45, "PLAIN"), (46, "SCRAM-SHA-256"), (47, "SCRAM-SHA-512")] {
        let loud = |scene: &Scene<'_>, password: &str| {
            let debug = "\"debug\" = \"all\"\n";
            let settings = [&sasl(mechanism, password), &authority(), debug].concat();
            let text = configured(scene, &connection("SASL_SSL", &settings));
            format!("{text}[telemetry]\nlog_level = \"trace\"\n")
        };
        let (scene, mut daemon) = connected(seed, "");
        daemon.write("odometer.toml", &loud(&scene, "wrong-password"));
        expect_trouble(&scene, &mut daemon, &["uthentication failed", &kept("SASL_SSL")]);
        let (trials, status) = daemon.check();
        let trials = trials.join("\n");
        assert_eq!(status, Some(1), "{trials}");
        assert!(!trials.contains("wrong-password"), "{trials}");
        daemon.write("odometer.toml", &loud(&scene, &kept("password")));
        daemon.start();
        scene.await_done(&mut daemon);
        for path in ["/readyz", "/metrics", "/openapi.json", "/v1/metrics", "/v1/usage"] {
            let told = http_body(&scene.admin, path).expect("the admin listener answers");
            assert!(!told.contains(&kept("password")), "{path}: {told}");
        }
        assert!(daemon.terminate().success());
        scene.assert_exact(DEFINITIONS);
        expect_no_secret(&daemon);
    }
}

/// Starts the program: its log and `/readyz` name the trouble while it goes on trying, and it ends in order when asked.
fn expect_trouble(scene: &Scene<'_>, daemon: &mut Daemon, words: &[&str]) {
    daemon.start();
    await_said(daemon, words);
    let told = http_body(&scene.admin, "/readyz").expect("the admin listener answers");
    assert!(words.iter().all(|word| told.contains(word)), "no {words:?} in {told}");
    assert!(daemon.terminate().success());
    expect_no_secret(daemon);
}

fn await_said(daemon: &mut Daemon, words: &[&str]) {
    wait::until(&format!("it names {words:?}"), WORK_LIMIT, || {
        daemon.assert_running();
        let said = daemon.said();
        said.lines().any(|line| words.iter().all(|word| line.contains(word))).then_some(())
    });
}

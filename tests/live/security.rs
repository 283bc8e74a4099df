//! SASL and TLS by librdkafka's own settings: what they are set to reaches every client of the program, secrets stay
//! out of what it says, and a connection that cannot be had is named.

use std::fs;
use std::sync::OnceLock;

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
    for (seed, mechanism) in [(30, "PLAIN"), (31, "SCRAM-SHA-256")] {
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
    let sasl = sasl("PLAIN", "").replace("sasl.password", "sasl.password_file");
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

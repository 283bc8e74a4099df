//! A single-node Apache Kafka broker as a child process, by `tests/live/kafka/broker.sh`, or the broker named in
//! `ODOMETER_BROKER`.
//!
//! The child holds the read end of a pipe: however this process ends, the broker ends with it and its folder
//! is removed.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tempfile::TempDir;

use crate::adopt::copy_folder;
use crate::wait;

/// Limit for a broker to answer after its port is open.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// A broker that answers, unless it was stopped by the test.
pub(crate) struct Broker {
    address: String,
    own: Option<Own>,
}

/// A broker that this process started.
struct Own {
    directory: PathBuf,
    process: Mutex<Option<Child>>,
}

impl Broker {
    /// The one broker that the tests of this process share.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Broker> = OnceLock::new();
        SHARED.get_or_init(|| Self::named_in_environment().unwrap_or_else(Self::start))
    }

    /// A new broker of this process, fetched first where its jars are absent; for tests that stop it.
    pub(crate) fn start() -> Self {
        Self::start_in(new_directory())
    }

    /// The same with listeners of every protocol; tests write and read over the plain one.
    pub(crate) fn start_secure() -> Self {
        Self::start_prepared("secure")
    }

    /// The same with a listener for a proxy; tests write and read over the plain one.
    pub(crate) fn start_proxied() -> Self {
        Self::start_prepared("proxied")
    }

    fn start_prepared(order: &str) -> Self {
        let directory = new_directory();
        let status = Command::new(script()).arg(order).arg(&directory).status();
        assert!(status.expect("broker.sh can be run").success(), "what it says is above");
        Self::start_in(directory)
    }

    fn start_in(directory: PathBuf) -> Self {
        let (process, address) = serve(&directory);
        let broker =
            Self { address, own: Some(Own { directory, process: Mutex::new(Some(process)) }) };
        broker.await_answer();
        broker
    }

    #[expect(clippy::disallowed_methods, reason = "the operator of the tests may name a broker")]
    fn named_in_environment() -> Option<Self> {
        let address = std::env::var("ODOMETER_BROKER").ok().filter(|text| !text.is_empty())?;
        let broker = Self { address, own: None };
        broker.await_answer();
        Some(broker)
    }

    /// `host:port`, the same after a restart.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What a broker of [`Broker::start_secure`] keeps under that name: an address, a password, a certificate.
    pub(crate) fn secure(&self, name: &str) -> PathBuf {
        self.own().directory.join("secure").join(name)
    }

    /// An address of a broker of [`Broker::start_proxied`]: that of its `listener`, or the one `advertised` for it.
    pub(crate) fn proxied(&self, name: &str) -> String {
        let file = self.own().directory.join("proxied").join(name);
        std::fs::read_to_string(file).expect("the broker keeps it").trim_end().to_owned()
    }

    /// Runs one of Kafka's tools over the plain listener; what it prints.
    pub(crate) fn tool(&self, class: &str, arguments: &[&str]) -> String {
        let output = Command::new(script())
            .args(["tool", class, "--bootstrap-server", &self.address])
            .args(arguments)
            .output()
            .expect("broker.sh can be run");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Client settings that reach this broker and no more.
    pub(crate) fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.address);
        client.set("reconnect.backoff.max.ms", "500");
        client
    }

    /// Stops the broker in order; its data stays.
    pub(crate) fn stop(&self) {
        self.order("stop");
    }

    /// Kills the broker; its data stays.
    pub(crate) fn kill(&self) {
        self.order("kill");
    }

    /// Starts a stopped broker on the same data and port, and waits until it answers.
    pub(crate) fn restart(&self) {
        let own = self.own();
        let mut process = own.process.lock().expect("no panic while starting");
        assert!(process.is_none(), "the broker is running");
        let (child, address) = serve(&own.directory);
        assert_eq!(address, self.address, "a broker keeps its address");
        *process = Some(child);
        drop(process);
        self.await_answer();
    }

    /// Where a stopped broker has a text in the log of a partition, written over its first byte: as a disk may do.
    pub(crate) fn damage(&self, topic: &str, partition: i32, text: &str) {
        let path = self.log(topic, partition);
        let mut log = std::fs::read(&path).expect("the log of a partition");
        let mut places = log.windows(text.len());
        let place = places.position(|window| window == text.as_bytes()).expect("it is in the log");
        log[place] ^= 1;
        std::fs::write(&path, log).expect("the log can be written");
    }

    /// How many bytes the log of a partition has.
    pub(crate) fn log_bytes(&self, topic: &str, partition: i32) -> u64 {
        std::fs::metadata(self.log(topic, partition)).expect("the log of a partition").len()
    }

    /// Has the log of a partition end where it had so many bytes, while the broker is dead: as a disk may that did not write
    /// what it said, or as a leader does that lacks records.
    pub(crate) fn truncate(&self, topic: &str, partition: i32, bytes: u64) {
        let log = std::fs::File::options().write(true).open(self.log(topic, partition));
        log.and_then(|log| log.set_len(bytes)).expect("the log can be written");
    }

    fn log(&self, topic: &str, partition: i32) -> PathBuf {
        let folder = self.own().directory.join(format!("data/{topic}-{partition}"));
        folder.join("00000000000000000000.log")
    }

    /// Copies all that a stopped broker kept, and what it said.
    pub(crate) fn copy_to(&self, folder: &Path) {
        copy_folder(&self.own().directory, folder);
    }

    fn order(&self, order: &str) {
        let mut child = (self.own().process.lock().expect("no panic while starting").take())
            .expect("the broker is running");
        let mut pipe = child.stdin.take().expect("standard input is a pipe");
        writeln!(pipe, "{order}").expect("broker.sh reads its orders");
        let status = child.wait().expect("broker.sh ends");
        assert!(status.success(), "broker.sh failed at {order}: {status}");
    }

    fn own(&self) -> &Own {
        self.own.as_ref().expect("a test stops only a broker that it started")
    }

    /// An open port is not enough: the broker must know itself as alive.
    fn await_answer(&self) {
        let client: BaseConsumer = self.client().create().expect("a client");
        wait::until("the broker answers", ANSWER_LIMIT, || {
            let metadata = client.fetch_metadata(None, Duration::from_secs(1)).ok()?;
            (!metadata.brokers().is_empty()).then_some(())
        });
    }
}

impl Drop for Broker {
    /// Closes the pipe and waits, so that a panicking test leaves neither process nor folder.
    fn drop(&mut self) {
        let Some(own) = &mut self.own else { return };
        match own.process.get_mut().ok().and_then(Option::take) {
            Some(mut child) => {
                drop(child.stdin.take());
                drop(child.wait());
            }
            None => drop(std::fs::remove_dir_all(&own.directory)),
        }
    }
}

fn new_directory() -> PathBuf {
    TempDir::with_prefix("odometer-broker-").expect("a temporary folder").keep()
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live/kafka/broker.sh")
}

/// Runs the broker of that folder until the pipe to it says otherwise; gives its address once its port is open.
fn serve(directory: &Path) -> (Child, String) {
    let mut child = Command::new(script())
        .arg("serve")
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("broker.sh can be run");
    let mut address = String::new();
    BufReader::new(child.stdout.take().expect("standard output is a pipe"))
        .read_line(&mut address)
        .expect("broker.sh prints text");
    assert!(!address.is_empty(), "broker.sh failed; what it says is above");
    (child, address.trim_end().to_owned())
}

//! The program `odometer run` as a child process in a temporary folder: started, killed, stopped in order, started
//! again on the same state; what it says is kept in a file.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::wait;

/// Limit for the program to end by itself: after SIGTERM, or where it refuses to run.
const END_LIMIT: Duration = Duration::from_secs(60);

/// The program with its folder, running or not.
pub(crate) struct Daemon {
    directory: TempDir,
    process: Option<Child>,
}

impl Daemon {
    /// A folder with that configuration, which names the metrics as `metrics.json`; the program not started.
    pub(crate) fn new(configuration: &str, metrics: &str) -> Self {
        let directory = TempDir::with_prefix("odometer-daemon-").expect("a temporary folder");
        let daemon = Self { directory, process: None };
        daemon.write("odometer.toml", configuration);
        daemon.write("metrics.json", metrics);
        daemon
    }

    /// The folder, which is the program's working directory.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file of that folder.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("the folder can be written");
    }

    /// Starts `odometer run` on what the folder holds.
    pub(crate) fn start(&mut self) {
        self.start_by(&[]);
    }

    /// The same by a command that is given the program and its arguments as its last ones.
    pub(crate) fn start_by(&mut self, command: &[&str]) {
        assert!(self.process.is_none(), "the program is running");
        let program = [env!("CARGO_BIN_EXE_odometer"), "run", "--config", "odometer.toml"];
        let words = [command, &program].concat();
        let (first, rest) = words.split_first().expect("the program is one");
        let log = File::options().create(true).append(true).open(self.path("stderr.log"));
        self.process = Some(
            Command::new(first)
                .args(rest)
                .current_dir(self.directory())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log.expect("the folder can be written"))
                .spawn()
                .expect("the program can be run"),
        );
    }

    /// The trials of `check --live`, line by line, and its exit status.
    pub(crate) fn check(&self) -> (Vec<String>, Option<i32>) {
        let output = self.command(&["check"], &["--live"]).output();
        let output = output.expect("the program can be run");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let is_trial = |line: &&str| line.starts_with("ok  ") || line.starts_with("FAILED");
        (text.lines().filter(is_trial).map(str::to_owned).collect(), output.status.code())
    }

    /// Another command of the program, by its configuration.
    pub(crate) fn command(&self, command: &[&str], arguments: &[&str]) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_odometer"));
        program.args(command).args(["--config", "odometer.toml"]).args(arguments);
        program.current_dir(self.directory()).stdin(Stdio::null());
        program
    }

    /// What such a command says, and its exit status.
    pub(crate) fn told(&self, command: &[&str], arguments: &[&str]) -> (String, Option<i32>) {
        let output = self.command(command, arguments).output().expect("the program can be run");
        let text = [output.stdout, output.stderr].concat();
        (String::from_utf8_lossy(&text).into_owned(), output.status.code())
    }

    /// Kills it as a power cut would (SIGKILL).
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().expect("the program was started");
        process.kill().expect("a child can be killed");
        process.wait().expect("a killed child ends");
    }

    /// Asks it to drain and end (SIGTERM), and waits for it.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.await_end()
    }

    /// Sends a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let process = self.process.as_ref().expect("the program was started");
        let status =
            Command::new("kill").arg(format!("-{name}")).arg(process.id().to_string()).status();
        assert!(status.expect("kill can be run").success(), "kill -{name} failed");
    }

    /// Waits until it has ended by itself.
    pub(crate) fn await_end(&mut self) -> ExitStatus {
        let process = self.process.as_mut().expect("the program was started");
        let ended = wait::within(END_LIMIT, || process.try_wait().expect("a child can be asked"));
        let Some(status) = ended else {
            panic!("no end in {END_LIMIT:?}; it said:\n{}", self.said());
        };
        self.process = None;
        status
    }

    /// Whether it runs; where it has ended, [`Self::await_end`] tells how.
    pub(crate) fn is_running(&mut self) -> bool {
        let process = self.process.as_mut().expect("the program was started");
        process.try_wait().expect("a child can be asked").is_none()
    }

    /// Panics with what it said where it has ended; for loops that wait for its work.
    pub(crate) fn assert_running(&mut self) {
        let process = self.process.as_mut().expect("the program was started");
        if let Some(status) = process.try_wait().expect("a child can be asked") {
            panic!("ended by itself ({status}); it said:\n{}", self.said());
        }
    }

    /// All that it wrote to standard error, over all its starts.
    pub(crate) fn said(&self) -> String {
        let bytes = fs::read(self.path("stderr.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The whole lines that it wrote to standard error behind that many bytes, and how many bytes these end at.
    pub(crate) fn said_since(&self, place: u64) -> (String, u64) {
        let read = || {
            let mut log = File::open(self.path("stderr.log")).ok()?;
            log.seek(SeekFrom::Start(place)).ok()?;
            let mut bytes = Vec::new();
            log.read_to_end(&mut bytes).ok()?;
            let whole = bytes.iter().rposition(|byte| *byte == b'\n')? + 1;
            bytes.truncate(whole);
            Some(bytes)
        };
        let bytes = read().unwrap_or_default();
        let end = place + u64::try_from(bytes.len()).expect("a length");
        (String::from_utf8_lossy(&bytes).into_owned(), end)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory().join(name)
    }
}

impl Drop for Daemon {
    /// Leaves no process behind, and shows what it said where the test fails.
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.kill());
            drop(process.wait());
        }
        if std::thread::panicking() {
            eprintln!("--- the program's standard error ---\n{}", self.said());
        }
    }
}

/// An address for an admin listener that nobody uses now.
pub(crate) fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound port").to_string()
}

/// The body of `GET path` at an admin listener, where it answers.
pub(crate) fn http_body(address: &str, path: &str) -> Option<String> {
    http(address, path).map(|(_, body)| body)
}

/// The same with the status of the answer.
pub(crate) fn http(address: &str, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

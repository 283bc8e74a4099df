//! A server that speaks S3 as a child process, by `tests/live/s3/server.sh`: however this process ends, it ends with it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::daemon::free_address;

/// A server with the bucket `checkpoints`.
pub(crate) struct Server {
    port: String,
    directory: TempDir,
    process: Option<Child>,
}

impl Server {
    /// Starts one, fetched first where it is absent.
    pub(crate) fn start() -> Self {
        let address = free_address();
        let port = address.rsplit(':').next().expect("an address has a port").to_owned();
        let directory = tempfile::tempdir().expect("a temporary folder");
        let mut server = Server { port, directory, process: None };
        server.restart();
        server
    }

    /// Starts it again on its port, with the objects that it has.
    pub(crate) fn restart(&mut self) {
        assert!(self.process.is_none(), "it runs");
        let mut process = Command::new(script())
            .args(["serve", &self.port])
            .arg(self.directory.path().join("objects"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("server.sh can be run");
        let mut line = String::new();
        let stdout = process.stdout.as_mut().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("it is read");
        assert_eq!(line, "ready\n", "what it says is above");
        self.process = Some(process);
    }

    /// Stops it; its objects stay.
    pub(crate) fn stop(&mut self) {
        let mut process = self.process.take().expect("it runs");
        drop(process.stdin.take());
        process.wait().expect("a child can be waited for");
    }

    /// The section `state.checkpoint` for it, with that prefix in the bucket.
    pub(crate) fn section(&self, prefix: &str) -> String {
        format!(
            r#"[state.checkpoint]
store = "s3://checkpoints/{prefix}"
interval = "500ms"
[state.checkpoint.properties]
aws_endpoint = "http://127.0.0.1:{}"
aws_region = "us-east-1"
aws_allow_http = true
aws_access_key_id = "id-of-the-key"
aws_secret_access_key = "secret-of-the-key"
"#,
            self.port
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.stop();
        }
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live/s3/server.sh")
}

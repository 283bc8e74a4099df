//! A running daemon, asked over its admin listener.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{CommandError, trust};

/// Longest wait for an answer: a page is read from disk, beside a daemon at work.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Totals or metrics of one request.
pub(super) const PAGE: usize = 1_000;

const PLAIN: &str = "http://";
const SECURE: &str = "https://";

/// Longest answer.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

#[derive(Deserialize)]
struct MetricsAnswer {
    metrics: Vec<MetricName>,
    next: Option<String>,
}

/// A metric by its name.
#[derive(Clone, Deserialize)]
pub(super) struct MetricName {
    /// `None`: the key's own, or the default one.
    pub(super) tenant: Option<String>,
    pub(super) code: String,
}

#[derive(Deserialize)]
struct ErrorAnswer {
    error: ErrorBody,
}

#[derive(Deserialize)]
struct ErrorBody {
    message: String,
    faults: Vec<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    path: String,
    message: String,
}

/// Where a daemon answers, and who asks.
#[derive(Clone, Debug, Args)]
pub struct DaemonArguments {
    /// Where the daemon's admin listener answers; https://HOST:PORT where it has admin.tls
    #[arg(long, default_value = "127.0.0.1:9464", value_name = "HOST:PORT")]
    pub address: String,
    /// A file that holds the key which the daemon's admin.keys lets in [default: none]
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// PEM of the authority that the daemon's certificate is of [default: those that this machine knows]
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
}

/// Asks one daemon.
pub(super) struct Client<'a> {
    address: &'a str,
    /// Scheme, host and port.
    base: String,
    agent: ureq::Agent,
    key: Option<String>,
}

/// What is asked beside the path.
pub(super) type Question = [(String, String)];

impl<'a> Client<'a> {
    /// With the key in a file, without what stands around it.
    pub(super) fn new(daemon: &'a DaemonArguments) -> Result<Self, CommandError> {
        let DaemonArguments { address, key_file, ca_file } = daemon;
        let read = |path: &PathBuf| {
            let text = std::fs::read_to_string(path);
            let failed = |error| CommandError::failed_by(path.display().to_string(), error);
            text.map(|text| text.trim().to_owned()).map_err(failed)
        };
        let key = key_file.as_ref().map(read).transpose()?;
        let base = base(address, ca_file.as_deref())?;
        let mut config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            // The daemon is near: what the environment says of proxies is meant for others.
            .proxy(None);
        if base.starts_with(SECURE) {
            let trusted = trust::config(ca_file.as_deref())
                .map_err(|fault| CommandError::failed(format!("--ca-file: {fault}")))?;
            config = config.tls_config(trusted);
        }
        Ok(Client { address, base, agent: config.build().new_agent(), key })
    }

    /// Every metric.
    pub(super) fn metrics(&self, tenant: Option<&str>) -> Result<Vec<MetricName>, CommandError> {
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let mut question = vec![("limit".to_owned(), PAGE.to_string())];
            let texts = [("tenant", tenant.map(str::to_owned)), ("cursor", cursor.take())];
            for (name, value) in texts {
                question.extend(value.map(|value| (name.to_owned(), value)));
            }
            let page: MetricsAnswer = self.get("/v1/metrics", &question)?;
            found.extend(page.metrics);
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(found),
            }
        }
    }

    /// What a path answers.
    pub(super) fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        question: &Question,
    ) -> Result<T, CommandError> {
        let answer = self.call(("GET", path), question, None)?;
        self.read(path, answer)
    }

    /// The same; `None` where there is no such thing.
    pub(super) fn find<T: DeserializeOwned>(
        &self,
        path: &str,
        question: &Question,
    ) -> Result<Option<T>, CommandError> {
        match self.call(("GET", path), question, None)? {
            (404, _) => Ok(None),
            answer => self.read(path, answer).map(Some),
        }
    }

    /// Sends a body, by POST or PATCH. What the daemon refuses of it are faults.
    pub(super) fn send(
        &self,
        line: (&str, &str),
        question: &Question,
        body: &Value,
    ) -> Result<Value, CommandError> {
        let answer = self.call(line, question, Some(&body.to_string()))?;
        self.read(line.1, answer)
    }

    fn call(
        &self,
        (method, path): (&str, &str),
        question: &Question,
        body: Option<&str>,
    ) -> Result<(u16, String), CommandError> {
        let address = self.address;
        let mut uri = format!("{}{path}", self.base);
        let mut between = '?';
        for (name, value) in question {
            uri.extend([between.to_string(), encoded(name), "=".to_owned(), encoded(value)]);
            between = '&';
        }
        let mut request = ureq::http::Request::builder().method(method).uri(uri);
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let asked = match body {
            None => {
                request.body(()).map_err(Into::into).and_then(|request| self.agent.run(request))
            }
            Some(body) => request
                .header("content-type", "application/json")
                .body(body.to_owned())
                .map_err(Into::into)
                .and_then(|request| self.agent.run(request)),
        };
        let mut answer = asked.map_err(|error| self.unanswered(error))?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        let body = body.map_err(|error| {
            CommandError::failed_by(format!("reading {path} from {address}"), error)
        })?;
        Ok((status, body))
    }

    fn unanswered(&self, error: ureq::Error) -> CommandError {
        let address = self.address;
        let what = match (trust::told(&error), &error) {
            (Some(fault), _) => format!(
                "{address} is not believed, for {fault}: --ca-file names a file of its authority, and http:// \
                 leaves TLS out"
            ),
            (None, ureq::Error::Protocol(_)) => format!(
                "{address} does not answer as HTTP does: give https://HOST:PORT where the daemon has admin.tls"
            ),
            (None, _) => format!(
                "no daemon answers on {address}: start one with `odometer run`, or give its admin.address as --address"
            ),
        };
        CommandError::failed_by(what, error)
    }

    fn read<T: DeserializeOwned>(
        &self,
        path: &str,
        (status, body): (u16, String),
    ) -> Result<T, CommandError> {
        let address = self.address;
        if !matches!(status, 200 | 201) {
            return Err(refusal(address, path, status, &body));
        }
        serde_json::from_str(&body).map_err(|error| {
            let what = format!("{address} answers {path} in a way that no odometer does");
            CommandError::failed_by(what, error)
        })
    }
}

/// What every address of a daemon begins with.
fn base(address: &str, ca_file: Option<&Path>) -> Result<String, CommandError> {
    let text =
        if address.contains("://") { address.to_owned() } else { format!("{PLAIN}{address}") };
    let host = [PLAIN, SECURE].iter().find_map(|scheme| text.strip_prefix(scheme));
    let Some(host) = host.map(|host| host.trim_end_matches('/')).filter(|host| is_host(host))
    else {
        // A user may have a password.
        let shown = if address.contains('@') { "with a user" } else { address };
        let fault = format!("--address {shown}: expected HOST:PORT, or https://HOST:PORT");
        return Err(CommandError::Faults(vec![fault]));
    };
    if ca_file.is_some() && text.starts_with(PLAIN) {
        let fault = format!(
            "--ca-file is given, and {address} is asked without TLS: expected --address https://{host}"
        );
        return Err(CommandError::Faults(vec![fault]));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn is_host(text: &str) -> bool {
    text.parse::<ureq::http::uri::Authority>().is_ok() && !text.contains('@')
}

/// A text as a part of a path or of a query (RFC 3986, 2.1).
pub(super) fn encoded(text: &str) -> String {
    let mut written = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                written.push(char::from(byte));
            }
            other => written.extend(["%".to_owned(), format!("{other:02X}")]),
        }
    }
    written
}

fn refusal(address: &str, path: &str, status: u16, body: &str) -> CommandError {
    let Ok(ErrorAnswer { error }) = serde_json::from_str(body) else {
        return CommandError::failed(format!("{address} answers {path} with status {status}"));
    };
    match status {
        404 | 409 => CommandError::Faults(vec![error.message]),
        422 => {
            let faults = error.faults.iter();
            CommandError::Faults(
                faults.map(|fault| format!("{}: {}", fault.path, fault.message)).collect(),
            )
        }
        401 | 403 => CommandError::failed(format!(
            "{address} answers {path}: {} (--key-file names a file that holds one)",
            error.message
        )),
        _ => CommandError::failed(format!("{address} answers {path}: {}", error.message)),
    }
}

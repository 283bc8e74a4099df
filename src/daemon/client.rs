//! A running daemon, asked over its admin listener.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::CommandError;

/// Longest wait for an answer: a page is read from disk, beside a daemon at work.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Totals or metrics of one request.
pub(super) const PAGE: usize = 1_000;

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

/// Asks one daemon.
pub(super) struct Client<'a> {
    address: &'a str,
    agent: ureq::Agent,
    key: Option<String>,
}

/// What is asked beside the path.
pub(super) type Question = [(String, String)];

impl<'a> Client<'a> {
    /// With the key in a file, without what stands around it.
    pub(super) fn new(address: &'a str, key_file: Option<&Path>) -> Result<Self, CommandError> {
        let read = |path: &Path| {
            let text = std::fs::read_to_string(path);
            let failed = |error| CommandError::failed_by(path.display().to_string(), error);
            text.map(|text| text.trim().to_owned()).map_err(failed)
        };
        let key = key_file.map(read).transpose()?;
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            // The daemon is near: what the environment says of proxies is meant for others.
            .proxy(None)
            .build();
        Ok(Client { address, agent: config.new_agent(), key })
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

    /// Sends a body, by POST or PATCH.
    pub(super) fn send(&self, line: (&str, &str), body: &Value) -> Result<(), CommandError> {
        let answer = self.call(line, &[], Some(&body.to_string()))?;
        let _: Value = self.read(line.1, answer)?;
        Ok(())
    }

    fn call(
        &self,
        (method, path): (&str, &str),
        question: &Question,
        body: Option<&str>,
    ) -> Result<(u16, String), CommandError> {
        let address = self.address;
        let mut uri = format!("http://{address}{path}");
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
        let mut answer = asked.map_err(|error| {
            let what = format!(
                "no daemon answers on {address}: start one with `odometer run`, or give its admin.address as --address"
            );
            CommandError::failed_by(what, error)
        })?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        let body = body.map_err(|error| {
            CommandError::failed_by(format!("reading {path} from {address}"), error)
        })?;
        Ok((status, body))
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
        404 => CommandError::Faults(vec![error.message]),
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

//! The listener by what it answers, over a real socket.

mod cors;
mod files;
mod gather;
mod keys;
mod lago;
mod maple;
mod native;
mod refusals;
mod zenskar;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::openapi::tests::expect_told;
use serde_json::json;
use tokio::runtime;
use tokio::sync::oneshot;

use super::{
    Catalogue, Dialects, Error, Key, Listener, Live, NotDone, Options, Origins, Peers, Readiness,
    Refusal, Shown, Tenants, Tried, UsageAsk, serve,
};
use crate::definition::Metric;
use crate::format::{Unanswered, UsagePage, definitions};
use crate::model::{Disposition, EventTime, Span};
use crate::registry::{self, Author, Change, Draft, Horizon, Origin, Patch, Registry};
use crate::telemetry::Series;

const FREE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Knows one total of each metric but one.
struct Known;

impl Live for Known {
    fn usage(&self, ask: &UsageAsk) -> Result<UsagePage, Refusal> {
        match ask.metric.as_str() {
            "none" => Err(Refusal::NotFound("there is no metric".to_owned())),
            "broken" => Err(Refusal::Failed("the disk".to_owned())),
            metric => {
                let body = json!({
                    "totals": [{"metric": metric, "source": {"topic": "usage", "partition": 1}}],
                    "next": ask.customer.as_ref().map(|customer| format!("usage:1:{customer}")),
                    "missing": [{"topic": "usage", "partitions": [0, 2]}],
                    "forgotten": false,
                    "as_of": [{"topic": "usage", "partition": 1, "read": 7}],
                });
                UsagePage::read(&body.to_string()).map_err(Refusal::Failed)
            }
        }
    }
}

/// No other process.
struct Alone;

impl Peers for Alone {
    fn is_empty(&self) -> bool {
        true
    }

    fn is_this(&self, name: &str) -> bool {
        name == "this"
    }

    fn usage(&self, _: &UsageAsk, _: Option<&str>) -> Vec<Result<UsagePage, Unanswered>> {
        Vec::new()
    }
}

/// Keeps definitions in memory.
struct Memory(Mutex<Registry>);

impl Memory {
    fn make(
        &self,
        work_out: impl FnOnce(&Registry) -> Result<Change, registry::Refusal>,
    ) -> Result<Change, NotDone> {
        let mut registry = self.0.lock().expect("no panic");
        let change = work_out(&registry).map_err(NotDone::Refused)?;
        registry.put(change.record.clone()).expect("it compiles");
        Ok(change)
    }
}

fn author(who: &str) -> Author {
    Author { who: who.to_owned(), at: now() }
}

fn now() -> EventTime {
    EventTime::parse_rfc3339("2026-03-10T12:00:00Z").expect("an instant")
}

const HORIZON: Horizon = Horizon { lead: Span::from_seconds(600), reached: None };

impl Catalogue for Memory {
    fn registry(&self) -> Arc<Registry> {
        Arc::new(self.0.lock().expect("no panic").clone())
    }

    fn is_known(&self) -> bool {
        true
    }

    fn check_fed(&self, metric: &Metric, _: Origin) -> Result<(), registry::Refusal> {
        if metric.topic.as_deref() != Some("nowhere") {
            return Ok(());
        }
        let message = "\"nowhere\" is no topic of source.topics: name one of usage".to_owned();
        let fault = definitions::BodyFault { path: "topic".to_owned(), message };
        Err(registry::Refusal::Faults(vec![fault]))
    }

    fn create(&self, draft: Draft, who: &str) -> Result<Change, NotDone> {
        let topic = draft.definition.get("topic").and_then(serde_json::Value::as_str);
        if topic == Some("nowhere") {
            let text = serde_json::Value::Object(draft.definition.clone()).to_string();
            let metric = definitions::read_body(&text).expect("it is sound but for that");
            self.check_fed(&metric, draft.origin).map_err(NotDone::Refused)?;
        }
        if ["code", "name"].iter().any(|key| draft.definition.get(*key) == Some(&"away".into())) {
            return Err(NotDone::Unavailable("the broker is away".to_owned()));
        }
        self.make(|registry| registry.create(draft, author(who)))
    }

    fn try_create(&self, draft: Draft, who: &str) -> Result<Tried, NotDone> {
        let change = self.registry().create(draft, author(who)).map_err(NotDone::Refused)?;
        Ok(Tried { change, earliest: HORIZON.earliest(now()) })
    }

    fn try_change(
        &self,
        tenant: &str,
        code: &str,
        patch: Patch,
        who: &str,
    ) -> Result<Tried, NotDone> {
        let change = self.registry().change(tenant, code, patch, HORIZON, author(who));
        Ok(Tried { change: change.map_err(NotDone::Refused)?, earliest: HORIZON.earliest(now()) })
    }

    fn change(&self, tenant: &str, code: &str, patch: Patch, who: &str) -> Result<Change, NotDone> {
        self.make(|registry| registry.change(tenant, code, patch, HORIZON, author(who)))
    }

    fn delete(
        &self,
        tenant: &str,
        code: &str,
        seen: Option<u64>,
        who: &str,
    ) -> Result<Change, NotDone> {
        let horizon = Horizon { lead: Span::from_seconds(600), reached: None };
        self.make(|registry| registry.delete(tenant, code, seen, horizon, author(who)))
    }
}

/// A listener that is served while `act` runs, and stopped after it.
pub(in crate::admin) fn served(series: Series, readiness: Readiness, act: impl FnOnce(SocketAddr)) {
    served_with(Given::default(), series, readiness, act);
}

/// What configuration says.
#[derive(Default)]
struct Given {
    keys: Vec<Key>,
    tenants: Tenants,
    dialects: Dialects,
    origins: Origins,
    /// Definition files: name and text.
    files: Vec<(&'static str, &'static str)>,
    peers: Option<Arc<dyn Peers>>,
}

fn served_with(given: Given, series: Series, readiness: Readiness, act: impl FnOnce(SocketAddr)) {
    let listener = Listener::bind(&Options { address: FREE }).expect("a free port");
    let address = listener.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let (series, readiness) = (Arc::new(series), Arc::new(readiness));
    let defined = definitions::read(&given.files).expect("they are valid");
    let registry =
        Registry::default().with_files(defined, now(), None).expect("nothing else is defined");
    let shown = Shown {
        series,
        readiness,
        live: Arc::new(Known),
        peers: given.peers.unwrap_or_else(|| Arc::new(Alone)),
        catalogue: Arc::new(Memory(Mutex::new(registry))),
        keys: given.keys.into(),
        tenants: Arc::new(given.tenants),
        dialects: Arc::new(given.dialects),
        origins: given.origins,
        now,
    };
    let serving = serve(listener, shown, async {
        drop(stopped.await);
    });
    thread::scope(|scope| {
        let server = scope.spawn(|| {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(serving)
        });
        act(address);
        drop(stop);
        server.join().expect("no panic").expect("it ends in order");
    });
}

fn connected(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket takes a limit");
    stream
}

/// Status and body of an answer.
fn asked(address: SocketAddr, request: &str) -> (u16, String) {
    sent(address, request, "", "")
}

/// The same with headers, each with its end, and a body.
pub(in crate::admin) fn sent(
    address: SocketAddr,
    request: &str,
    headers: &str,
    body: impl AsRef<[u8]>,
) -> (u16, String) {
    let mut stream = connected(address);
    let (body, length) = (body.as_ref(), body.as_ref().len());
    let head = format!(
        "{request} HTTP/1.1\r\nhost: odometer\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n"
    );
    stream.write_all(&[head.as_bytes(), body].concat()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.expect("a status");
    expect_told(request, status, head, body);
    (status, body.to_owned())
}

pub(in crate::admin) fn ready() -> Readiness {
    let readiness = Readiness::new("process", "is starting", EventTime::EARLIEST);
    readiness.clear("process");
    readiness
}

#[test]
fn a_ready_process_says_so() {
    served(Series::new(EventTime::EARLIEST), ready(), |address| {
        assert_eq!(asked(address, "GET /healthz"), (200, r#"{"alive":true}"#.to_owned()));
        let body = r#"{"ready":true,"obstacles":[],"warnings":[]}"#.to_owned();
        assert_eq!(asked(address, "GET /readyz"), (200, body));
    });
}

#[test]
fn what_is_not_ready_is_named_with_since_when() {
    let readiness = Readiness::new("process", "is starting", EventTime::EARLIEST);
    readiness.obstruct("usage partition 3", "lag grows", EventTime::from_micros(1_000_000));
    readiness.obstruct("usage partition 3", "halted", EventTime::from_micros(9_000_000));
    readiness.clear("process");
    assert!(!readiness.is_ready());
    served(Series::new(EventTime::EARLIEST), readiness, |address| {
        assert_eq!(asked(address, "GET /healthz").0, 200);
        let body = r#"{"ready":false,"obstacles":[{"what":"usage partition 3","reason":"halted","since":"1970-01-01T00:00:01Z"}],"warnings":[]}"#;
        assert_eq!(asked(address, "GET /readyz"), (503, body.to_owned()));
    });
}

#[test]
fn series_are_served_as_prometheus_reads_them() {
    let series = Series::new(EventTime::EARLIEST);
    series.add_records(Disposition::Counted, 7);
    served(series, ready(), |address| {
        let (status, body) = asked(address, "GET /metrics");
        assert_eq!(status, 200);
        assert!(body.contains("odometer_records_total{disposition=\"counted\"} 7\n"), "{body}");
    });
}

#[test]
fn usage_is_what_the_tasks_know() {
    served(Series::new(EventTime::EARLIEST), ready(), |address| {
        let (status, body) = asked(address, "GET /v1/usage?metric=a%2Fb&customer=ac");
        assert_eq!(status, 200);
        let source = r#"{"topic":"usage","partition":1}"#;
        let expected = [
            &format!(r#"{{"totals":[{{"metric":"a/b","source":{source}}}],"next":"usage:1:ac","#),
            r#""complete":false,"missing":[{"topic":"usage","partitions":[0,2]}],"forgotten":false,"#,
            r#""unanswered":[],"as_of":[{"topic":"usage","partition":1,"read":7}]}"#,
        ];
        assert_eq!(body, expected.concat());
        for (query, expected, words) in [
            (
                "metric=none",
                404,
                r#""code":"not_found","message":"there is no metric","faults":[]"#,
            ),
            ("metric=broken", 500, r#""message":"the disk""#),
            (
                "metric=m&limit=x",
                422,
                r#""faults":[{"path":"limit","message":"\"x\" is no whole number"#,
            ),
            ("", 422, r#""path":"metric""#),
        ] {
            let (status, body) = asked(address, &format!("GET /v1/usage?{query}"));
            assert_eq!(status, expected, "{query}: {body}");
            assert!(body.contains(words), "{query}: {body}");
        }
    });
}

#[test]
fn other_paths_and_methods_are_faults() {
    served(Series::new(EventTime::EARLIEST), ready(), |address| {
        let (status, body) = asked(address, "GET /metric");
        assert_eq!(status, 404);
        assert!(body.contains("there is no /metric: try /healthz"), "{body}");
        let (status, body) = asked(address, "POST /metrics");
        assert_eq!(status, 405);
        assert!(body.contains("/metrics takes GET, not POST"), "{body}");
        let (status, body) = asked(address, "PUT /v1/metrics/a%2Fb");
        assert_eq!(status, 405);
        assert!(body.contains("/v1/metrics/a%2Fb takes GET and PATCH and DELETE"), "{body}");
    });
}

#[test]
fn an_address_in_use_is_a_clear_error() {
    let first = Listener::bind(&Options { address: FREE }).expect("a free port");
    let address = first.address();
    let error = Listener::bind(&Options { address }).expect_err("the port is taken");
    assert!(matches!(error, Error::InUse(taken) if taken == address), "{error:?}");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[test]
fn connections_that_wait_do_not_keep_it_from_stopping() {
    let mut idle = None;
    served(Series::new(EventTime::EARLIEST), ready(), |address| {
        let mut stream = connected(address);
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: odometer\r\n\r\n").expect("it reads");
        let mut first = [0; 12];
        stream.read_exact(&mut first).expect("it answers");
        assert_eq!(&first, b"HTTP/1.1 200");
        // Kept open: its next request never comes.
        idle = Some(stream);
    });
    assert!(idle.is_some());
}

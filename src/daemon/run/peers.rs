//! The other processes of the group, asked for their totals: all at once, each for some seconds at most.

use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::state::random;
use crate::admin::{self, FORWARDED, UsageAsk};
use crate::daemon::client::encoded;
use crate::daemon::{CommandError, trust};
use crate::format::{Unanswered, UsagePage};
use crate::settings::Admin;

/// How long an answer may take, and how long a connection to be there.
const ANSWER_MAX: Duration = Duration::from_secs(5);
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// Longest answer.
const ANSWER_BYTES_MAX: u64 = 64 << 20;
/// What a process answers that is asked by itself.
const IS_THIS: u16 = 421;

/// Their addresses, and how to ask them.
pub(super) struct Peers {
    addresses: Vec<String>,
    agent: ureq::Agent,
    /// What this process is called in what it asks: one of the addresses may be its own.
    name: String,
}

impl Peers {
    /// Those of the configuration.
    ///
    /// # Errors
    /// Authorities that cannot be read.
    pub(super) fn new(settings: &Admin) -> Result<Self, CommandError> {
        let addresses = settings.peers.clone();
        let mut config = ureq::Agent::config_builder()
            .timeout_global(Some(ANSWER_MAX))
            .timeout_connect(Some(CONNECT_MAX))
            .http_status_as_error(false)
            .max_redirects(0)
            // One that was restarted would be taken for silent by its old connection.
            .max_idle_connections(0)
            // The others are near: what the environment says of proxies is meant for others.
            .proxy(None);
        if addresses.iter().any(|address| address.starts_with("https://")) {
            let trusted = trust::config(settings.peers_ca.as_deref());
            let trusted = trusted
                .map_err(|fault| CommandError::Faults(vec![format!("admin.peers_ca {fault}")]))?;
            config = config.tls_config(trusted);
        }
        let name = random().iter().fold(String::new(), |name, byte| name + &format!("{byte:02x}"));
        Ok(Peers { addresses, agent: config.build().new_agent(), name })
    }

    /// What a process says; `None`: it is this one.
    fn ask(
        &self,
        address: &str,
        ask: &UsageAsk,
        key: Option<&str>,
    ) -> Result<Option<UsagePage>, String> {
        let question = ask.question();
        let pairs =
            question.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        let uri = format!("{address}/v1/usage?{}", pairs.collect::<Vec<_>>().join("&"));
        let mut request = self.agent.get(uri).header(FORWARDED.as_str(), &self.name);
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let mut answer = request.call().map_err(|error| match (trust::told(&error), &error) {
            (Some(fault), _) => format!("it is not believed, for {fault}"),
            (None, ureq::Error::Timeout(_)) => {
                format!("no answer came within {} seconds", ANSWER_MAX.as_secs())
            }
            (None, _) => error.to_string(),
        })?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        let body = body.map_err(|error| format!("its answer could not be read: {error}"))?;
        match status {
            200 => UsagePage::read(&body).map(Some),
            IS_THIS => Ok(None),
            status => Err(format!("status {status}{}", message(&body))),
        }
    }
}

/// Why a request was refused.
fn message(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let message = body["error"]["message"].as_str();
    message.map_or_else(String::new, |message| format!(": {message}"))
}

impl admin::Peers for Peers {
    fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }

    fn is_this(&self, name: &str) -> bool {
        name == self.name
    }

    fn usage(&self, ask: &UsageAsk, key: Option<&str>) -> Vec<Result<UsagePage, Unanswered>> {
        thread::scope(|scope| {
            let asked = self
                .addresses
                .iter()
                .map(|address| (address, scope.spawn(move || self.ask(address, ask, key))));
            let asked: Vec<_> = asked.collect();
            let answers = asked.into_iter().filter_map(|(address, thread)| {
                let answer = thread.join().expect("a panic was reported by itself").transpose()?;
                Some(answer.map_err(|reason| Unanswered { peer: address.clone(), reason }))
            });
            answers.collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::path::PathBuf;
    use std::sync::Arc;

    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
    use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

    use super::*;
    use crate::admin::{Dialects, Origins, Peers as _, Tenants};

    const PAGE: &str = r#"{"totals":[{"source":{"topic":"t","partition":1}}],"next":null,"complete":true,
        "missing":[],"forgotten":false,"unanswered":[],"as_of":[{"topic":"t","partition":1,"read":7}]}"#;

    fn settings(peers: &[&str], peers_ca: Option<PathBuf>) -> Admin {
        Admin {
            address: None,
            tls: None,
            origins: Origins::None,
            peers: peers.iter().map(|peer| (*peer).to_owned()).collect(),
            peers_ca,
            keys: Vec::new(),
            tenants: Tenants::default(),
            dialects: Dialects::default(),
        }
    }

    fn ask() -> UsageAsk {
        UsageAsk {
            tenant: "a tenant".to_owned(),
            metric: "m".to_owned(),
            generation: None,
            customer: None,
            from: None,
            to: None,
            group: vec![("region".to_owned(), Some("eu&us".to_owned()))],
            limit: 10_000,
            cursor: Some("t:0:0a".to_owned()),
        }
    }

    /// Reads one request, answers it, and gives it back.
    fn answer(mut stream: impl Read + Write, status: &str, body: &str) -> String {
        let (mut request, mut byte) = (Vec::new(), [0]);
        while !request.ends_with(b"\r\n\r\n") {
            if stream.read(&mut byte).expect("it asks") == 0 {
                break;
            }
            request.push(byte[0]);
        }
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(format!("{head}{body}").as_bytes()).expect("it reads");
        stream.flush().expect("it reads");
        String::from_utf8(request).expect("text")
    }

    /// What comes of one process that treats a connection so; its address is told.
    fn asked(
        scheme: &str,
        ca: Option<PathBuf>,
        act: impl FnOnce(TcpStream) + Send,
    ) -> (String, Vec<Result<UsagePage, Unanswered>>) {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = format!("{scheme}://{}", socket.local_addr().expect("bound"));
        let peers = Peers::new(&settings(&[&address], ca)).expect("they are sound");
        thread::scope(|scope| {
            scope.spawn(move || act(socket.accept().expect("it comes").0));
            (address, peers.usage(&ask(), Some("a key")))
        })
    }

    #[test]
    fn question_and_key_are_passed_on() {
        let mut request = String::new();
        let (_, answers) = asked("http", None, |stream| request = answer(stream, "200 OK", PAGE));
        let [Ok(page)] = &answers[..] else { panic!("{answers:?}") };
        assert_eq!(page.totals().count(), 1);
        let line = "GET /v1/usage?tenant=a%20tenant&metric=m&limit=1000&cursor=t%3A0%3A0a&group.region=eu%26us HTTP/1.1";
        assert_eq!(request.lines().next(), Some(line));
        let headers = request.to_ascii_lowercase();
        assert!(headers.contains("authorization: bearer a key\r\n"), "{headers}");
        assert!(headers.contains("x-odometer-forwarded: "), "{headers}");
    }

    #[test]
    fn who_does_not_answer_as_one_of_the_group_is_named_with_the_reason() {
        let refused = r#"{"error":{"code":"forbidden","message":"not with that key","faults":[]}}"#;
        for (status, body, words) in [
            ("403 Forbidden", refused, "status 403: not with that key"),
            ("302 Found", "", "status 302"),
            ("200 OK", "<html>", "no page of totals"),
        ] {
            let (address, answers) =
                asked("http", None, |stream| drop(answer(stream, status, body)));
            let [Err(unanswered)] = &answers[..] else { panic!("{answers:?}") };
            assert_eq!(unanswered.peer, address);
            assert!(unanswered.reason.contains(words), "{unanswered:?}");
        }
        // One that says nothing, until it is asked no more.
        let (_, answers) = asked("http", None, |mut stream| {
            drop(stream.read_to_end(&mut Vec::new()));
        });
        let [Err(unanswered)] = &answers[..] else { panic!("{answers:?}") };
        assert_eq!(unanswered.reason, "no answer came within 5 seconds");
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let gone = format!("http://{}", free.local_addr().expect("bound"));
        drop(free);
        let peers = Peers::new(&settings(&[&gone], None)).expect("they are sound");
        assert!(matches!(&peers.usage(&ask(), None)[..], [Err(_)]));
    }

    #[test]
    fn this_process_is_none_of_the_others() {
        let mut name = String::new();
        let (_, answers) = asked("http", None, |stream| {
            let request = answer(stream, "421 Misdirected Request", "{}").to_ascii_lowercase();
            let line = request.lines().find_map(|line| line.strip_prefix("x-odometer-forwarded: "));
            line.expect("it says who asks").clone_into(&mut name);
        });
        assert!(answers.is_empty(), "{answers:?}");
        let peers =
            Peers { name: name.clone(), ..Peers::new(&settings(&[], None)).expect("sound") };
        assert!(peers.is_this(&name) && !peers.is_this("1") && peers.is_empty());
    }

    #[test]
    fn certificate_of_the_authority_that_is_named_is_believed() {
        let names = ["127.0.0.1".to_owned()];
        let own = rcgen::generate_simple_self_signed(names.clone()).expect("a certificate");
        let other = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("the folder takes files");
            path
        };
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has suites");
        let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
        let config = config
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key.into())
            .expect("they belong together");
        let config = Arc::new(config);
        let secured = |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("it begins");
            StreamOwned::new(connection, stream)
        };
        let ca = write("own.pem", own.cert.pem());
        let (_, answers) =
            asked("https", Some(ca), |stream| drop(answer(secured(stream), "200 OK", PAGE)));
        assert!(matches!(&answers[..], [Ok(_)]), "{answers:?}");
        let ca = write("other.pem", other.cert.pem());
        let (_, answers) = asked("https", Some(ca), |stream| {
            // It gives up in its handshake.
            assert!(secured(stream).read(&mut [0]).is_err());
        });
        let [Err(unanswered)] = &answers[..] else { panic!("{answers:?}") };
        assert!(unanswered.reason.contains("it is not believed"), "{unanswered:?}");
        let absent = Peers::new(&settings(&["https://a:1"], Some(folder.path().join("absent"))));
        assert!(
            matches!(absent, Err(CommandError::Faults(faults)) if faults[0].contains("admin.peers_ca "))
        );
    }
}

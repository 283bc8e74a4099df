//! The listener by TLS: whom it answers, with which certificate, and what becomes of a broken one.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use odometer::daemon::clock;
use pem::Pem;
use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256, date_time_ymd,
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use crate::daemon::{Daemon, Scene, address_in, listening, wait_until};
use crate::program::{expect_status, odometer};

const METRICS: &str = r#"{"metrics":[{"code":"calls","event_type":"t","aggregation":"count"}]}"#;
/// A key by PKCS#1.
const RSA: &str = include_str!("../data/tls/rsa.pem");

/// An authority that nobody knows.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key, as PEM.
struct Pair {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).expect("it signs itself").pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    /// Of this machine, and valid.
    fn pair(&self) -> Pair {
        self.pair_of(&KeyPair::generate().expect("a key"), |_| {})
    }

    fn pair_of(&self, key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).expect("names");
        change(&mut params);
        let certificate = params.signed_by(key, &self.issuer).expect("it is signed").pem();
        Pair { certificate, key: key.serialize_pem() }
    }

    /// A client that knows this authority alone.
    fn client(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(der(&self.pem)).expect("it is one");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .expect("they are known");
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(config)
    }
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("it is PEM")
}

fn lay(scene: &Scene, pair: &Pair) {
    scene.write("tls.crt", &pair.certificate);
    scene.write("tls.key", &pair.key);
}

/// A configuration whose listener speaks TLS, and more lines of its section.
fn configure(scene: &Scene, more: &str) {
    let admin =
        format!("127.0.0.1:0\"\n{more}\n[admin.tls]\ncertificate = \"tls.crt\"\nkey = \"tls.key");
    // Inside the quotes that the address has there.
    scene.configure_with("", &admin);
}

fn started(scene: &Scene) -> (Daemon, String) {
    let daemon = scene.start();
    wait_until(scene, "it runs", || scene.log().contains("odometer runs"));
    (daemon, address_in(&scene.log()).expect("it listens"))
}

fn secure(
    address: &str,
    client: Arc<ClientConfig>,
) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let name = "localhost".try_into().expect("a name");
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut connection = ClientConnection::new(client, name).expect("it begins");
    while connection.is_handshaking() {
        connection.complete_io(&mut socket)?;
    }
    Ok(StreamOwned::new(connection, socket))
}

/// Status and body of an answer.
fn asked(address: &str, client: &Arc<ClientConfig>, path: &str, headers: &str) -> (u16, Value) {
    let mut stream = secure(address, Arc::clone(client)).expect("the handshake is made");
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: odometer\r\n{headers}connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers, and closes as TLS does");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

/// The certificate that is shown.
fn shown(address: &str, client: &Arc<ClientConfig>) -> CertificateDer<'static> {
    let stream = secure(address, Arc::clone(client)).expect("the handshake is made");
    let chain = stream.conn.peer_certificates().expect("it shows one");
    chain[0].clone().into_owned()
}

/// What `/readyz` warns of.
fn warning(address: &str, client: &Arc<ClientConfig>) -> String {
    let (status, body) = asked(address, client, "/readyz", "");
    assert_eq!(status, 200, "{body}");
    let warnings = body["warnings"].as_array().expect("a list");
    let of_tls = warnings.iter().find(|warning| warning["what"] == "admin.tls");
    of_tls.map(|warning| warning["reason"].as_str().expect("a text").to_owned()).unwrap_or_default()
}

#[test]
fn listener_speaks_tls_and_nothing_else() {
    let (scene, authority) = (Scene::new(METRICS), Authority::new());
    lay(&scene, &authority.pair());
    configure(&scene, "");
    let (daemon, address) = started(&scene);
    for version in [&TLS12, &TLS13] {
        let client = authority.client(&[version]);
        let stream = secure(&address, Arc::clone(&client)).expect("the handshake is made");
        assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        assert_eq!(stream.conn.protocol_version(), Some(version.version));
        let (status, body) = asked(&address, &client, "/healthz", "");
        assert_eq!((status, &body["alive"]), (200, &true.into()));
    }
    // Who asks is known behind TLS too: without keys it is this machine.
    let client = authority.client(&[&TLS13]);
    assert_eq!(asked(&address, &client, "/v1/usage?metric=calls", "").0, 200);

    let mut plain = TcpStream::connect(&address).expect("it listens");
    plain.write_all(b"GET /healthz HTTP/1.1\r\nhost: odometer\r\n\r\n").expect("it reads");
    let mut answer = Vec::new();
    // Closed in order, or reset: what was sent is left unread.
    drop(plain.read_to_end(&mut answer));
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    let stranger = secure(&address, Authority::new().client(&[&TLS13]));
    assert!(stranger.is_err(), "its authority is another");
    assert_eq!(asked(&address, &client, "/healthz", "").0, 200, "the others go on");
    assert!(!scene.log().contains("handshake"), "nobody is told: {}", scene.log());
    daemon.terminate(&scene);
}

#[test]
fn failed_logins_are_counted_by_address_behind_tls() {
    let (scene, authority) = (Scene::new(METRICS), Authority::new());
    lay(&scene, &authority.pair());
    configure(&scene, &format!("keys = [{}]", entry_of("right")));
    let (daemon, address) = started(&scene);
    let client = authority.client(&[&TLS13]);
    let ask = |key: &str| {
        let header = format!("authorization: Bearer {key}\r\n");
        asked(&address, &client, "/v1/usage?metric=calls", &header).0
    };
    assert_eq!(ask("right"), 200);
    for _ in 0..10 {
        assert_eq!(ask("wrong"), 401);
    }
    assert_eq!(ask("wrong"), 429);
    assert_eq!(ask("right"), 200, "one that was let in before is known");
    daemon.terminate(&scene);
}

/// The entry that lets a key in.
fn entry_of(key: &str) -> String {
    let digest = Sha256::digest(key);
    let hash = digest.iter().fold(String::new(), |hash, byte| hash + &format!("{byte:02x}"));
    format!(r#"{{ name = "reader", tenant = "default", role = "read", hash = "sha256:{hash}" }}"#)
}

#[test]
fn connections_that_hang_in_their_handshake_keep_nobody_waiting() {
    let (scene, authority) = (Scene::new(METRICS), Authority::new());
    lay(&scene, &authority.pair());
    configure(&scene, "");
    let (daemon, address) = started(&scene);
    let client = authority.client(&[&TLS13]);
    let hang = || {
        let mut socket = TcpStream::connect(&address).expect("it listens");
        // The head of a record of 512 bytes, of which no more comes.
        socket.write_all(&[22, 3, 1, 2, 0]).expect("it reads");
        socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket takes a limit");
        socket
    };
    let hanging: Vec<TcpStream> = (0..50).map(|_| hang()).collect();
    for _ in 0..3 {
        assert_eq!(asked(&address, &client, "/healthz", "").0, 200);
    }
    for mut socket in hanging {
        // Nothing, or that it was reset: it is given up.
        let read = socket.read(&mut [0; 64]).map_err(|error| error.kind());
        assert!(matches!(read, Ok(0) | Err(io::ErrorKind::ConnectionReset)), "{read:?}");
    }
    let _late = (hang(), hang());
    assert_eq!(asked(&address, &client, "/healthz", "").0, 200);
    daemon.terminate(&scene);
}

#[test]
fn renewed_files_are_shown_and_broken_ones_are_not() {
    let (scene, authority) = (Scene::new(METRICS), Authority::new());
    let (first, second, third) = (authority.pair(), authority.pair(), authority.pair());
    lay(&scene, &first);
    configure(&scene, "");
    let (daemon, address) = started(&scene);
    let client = authority.client(&[&TLS13]);
    assert_eq!(shown(&address, &client), der(&first.certificate));
    let mut kept = secure(&address, Arc::clone(&client)).expect("the handshake is made");

    lay(&scene, &second);
    wait_until(&scene, "the second is shown", || {
        shown(&address, &client) == der(&second.certificate)
    });
    assert_eq!(warning(&address, &client), "");

    // A key without its certificate: neither is taken.
    scene.write("tls.key", &third.key);
    wait_until(&scene, "it is told", || !warning(&address, &client).is_empty());
    let told = warning(&address, &client);
    let words = "admin.tls.key tls.key: does not belong to the first certificate in tls.crt";
    assert!(told.contains(words), "{told}");
    assert!(scene.log().contains("was not taken; the one before is shown on"), "{}", scene.log());
    assert_eq!(shown(&address, &client), der(&second.certificate));
    std::fs::remove_file(scene.path("tls.crt")).expect("it was there");
    wait_until(&scene, "it is told", || warning(&address, &client).contains("cannot be read"));

    scene.write("tls.crt", &third.certificate);
    wait_until(&scene, "the third is shown", || {
        shown(&address, &client) == der(&third.certificate)
    });
    assert_eq!(warning(&address, &client), "");

    // On demand too, where nothing changed.
    let read =
        || scene.log().matches("the certificate of the admin listener was read again").count();
    let before = read();
    daemon.hang_up();
    wait_until(&scene, "it is read again", || read() > before);

    // Who was there before all of that is answered on.
    kept.write_all(b"GET /healthz HTTP/1.1\r\nhost: odometer\r\n\r\n").expect("it reads");
    let mut start = [0; 12];
    kept.read_exact(&mut start).expect("it answers");
    assert_eq!(&start, b"HTTP/1.1 200");
    daemon.terminate(&scene);
}

#[test]
fn certificate_that_ends_while_it_is_shown_is_told_of() {
    let (scene, authority) = (Scene::new(METRICS), Authority::new());
    let key = KeyPair::generate().expect("a key");
    let end = Duration::from_micros(clock::now().micros().unsigned_abs()) + Duration::from_secs(8);
    let short = authority.pair_of(&key, |params| {
        params.not_after = date_time_ymd(1970, 1, 1) + end;
    });
    lay(&scene, &short);
    configure(&scene, "");
    let (daemon, _) = started(&scene);
    wait_until(&scene, "it is told", || {
        scene.log().contains("clients take the admin listener's certificate no more")
    });
    assert!(scene.log().contains("is over since"), "{}", scene.log());
    daemon.terminate(&scene);
}

#[test]
fn keys_of_every_form_are_taken() {
    let authority = Authority::new();
    let elliptic = KeyPair::generate().expect("a key");
    let pkcs1 = PrivatePkcs1KeyDer::from_pem_slice(RSA.as_bytes()).expect("it is one");
    let pkcs8 = PrivatePkcs8KeyDer::from(pkcs8_of(pkcs1.secret_pkcs1_der()));
    let rsa = KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, &PKCS_RSA_SHA256).expect("a key");
    let sec1 = pem::encode(&Pem::new("EC PRIVATE KEY", sec1_of(&elliptic.serialize_der())));
    for (form, key, text) in [
        ("PKCS#8 of ECDSA", &elliptic, elliptic.serialize_pem()),
        ("SEC1", &elliptic, sec1),
        ("PKCS#8 of RSA", &rsa, rsa.serialize_pem()),
        ("PKCS#1", &rsa, RSA.to_owned()),
    ] {
        let scene = Scene::new(METRICS);
        let pair = authority.pair_of(key, |_| {});
        lay(&scene, &Pair { key: text, ..pair });
        configure(&scene, "");
        let (daemon, address) = started(&scene);
        for version in [&TLS12, &TLS13] {
            let (status, _) = asked(&address, &authority.client(&[version]), "/healthz", "");
            assert_eq!(status, 200, "{form}");
        }
        daemon.terminate(&scene);
    }
}

/// A key of 2,048 bits by PKCS#8 (RFC 5208, 5), whose lengths take two bytes each.
fn pkcs8_of(pkcs1: &[u8]) -> Vec<u8> {
    let length = |inner: usize| u16::try_from(inner).expect("it is short").to_be_bytes();
    let head =
        [2, 1, 0, 0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0, 4, 0x82];
    let inner = [&head[..], &length(pkcs1.len()), pkcs1].concat();
    [&[0x30, 0x82][..], &length(inner.len()), &inner].concat()
}

/// The key inside PKCS#8 of the curve P-256: an octet string behind the version and two identifiers.
fn sec1_of(pkcs8: &[u8]) -> &[u8] {
    assert_eq!((pkcs8[27], usize::from(pkcs8[28])), (4, pkcs8.len() - 29), "an octet string");
    &pkcs8[29..]
}

#[test]
fn broken_files_are_faults_that_name_key_and_file() {
    let (scene, authority) = (Scene::new(METRICS), Authority::new());
    let (good, other) = (authority.pair(), authority.pair());
    let ended = authority.pair_of(&KeyPair::generate().expect("a key"), |params| {
        params.not_after = date_time_ymd(2020, 2, 29);
    });
    let early = authority.pair_of(&KeyPair::generate().expect("a key"), |params| {
        params.not_before = date_time_ymd(3000, 1, 1);
    });
    let encrypted = good.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let cut = &good.certificate[..good.certificate.len() / 2];
    let noise = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    configure(&scene, "");
    for (certificate, key, words) in [
        (
            good.certificate.as_str(),
            other.key.as_str(),
            "admin.tls.key tls.key: does not belong to the first certificate in tls.crt",
        ),
        ("", &good.key, "admin.tls.certificate tls.crt: holds no certificate"),
        (&good.key, &good.key, "admin.tls.certificate tls.crt: holds no certificate"),
        (cut, &good.key, "admin.tls.certificate tls.crt: is no PEM"),
        (
            noise,
            &good.key,
            "admin.tls.certificate tls.crt: its first certificate is none that TLS takes",
        ),
        (
            &good.certificate,
            "",
            "admin.tls.key tls.key: holds no private key: expected PEM of PKCS#8, PKCS#1 or SEC1",
        ),
        (&good.certificate, &good.certificate, "admin.tls.key tls.key: holds no private key"),
        (&good.certificate, &encrypted, "not encrypted"),
        (
            &ended.certificate,
            &ended.key,
            "admin.tls.certificate tls.crt: is over since 2020-02-29T00:00:00Z",
        ),
        (
            &early.certificate,
            &early.key,
            "admin.tls.certificate tls.crt: is not valid before 3000-01-01T00:00:00Z",
        ),
    ] {
        scene.write("tls.crt", certificate);
        scene.write("tls.key", key);
        for command in ["check", "run"] {
            let (_, stderr) =
                expect_status(&in_scene(&scene, &[command, "--config", "odometer.toml"]), 2);
            assert!(stderr.contains(words), "{command}: {words}: {stderr}");
            assert!(!stderr.contains(good.key.lines().nth(1).expect("a line")), "{stderr}");
        }
    }
    for name in ["tls.crt", "tls.key"] {
        std::fs::remove_file(scene.path(name)).expect("it was there");
    }
    // Both at once, beside the faults of the definitions.
    scene.write("metrics.json", r#"{"metrics":[{"code":"calls"}]}"#);
    let (_, stderr) = expect_status(&in_scene(&scene, &["check", "--config", "odometer.toml"]), 2);
    for words in [
        "admin.tls.certificate tls.crt: cannot be read",
        "admin.tls.key tls.key: cannot be read",
        "aggregation",
    ] {
        assert!(stderr.contains(words), "{words}: {stderr}");
    }
}

/// The program in the scene's folder.
fn in_scene(scene: &Scene, arguments: &[&str]) -> Output {
    odometer(arguments).current_dir(scene.path("")).output().expect("the program starts")
}

#[test]
fn own_commands_ask_by_https() {
    let (scene, authority) = (Scene::new(METRICS), Authority::new());
    lay(&scene, &authority.pair());
    configure(&scene, "");
    let (daemon, address) = started(&scene);
    scene.write("ca.pem", &authority.pem);
    scene.write("other.pem", &Authority::new().pem);
    scene.write("none.pem", "nothing\n");
    scene.write(
        "more.json",
        r#"{"metrics":[{"code":"more","event_type":"t","aggregation":"count"}]}"#,
    );
    let https = format!("https://{address}");
    let ask = |words: &[&str], address: &str, ca: Option<&str>| {
        let mut command = odometer(words);
        command.args(["--address", address]).args(ca.map(|file| format!("--ca-file={file}")));
        trusting(&mut command, &scene.path("none.pem"));
        command.current_dir(scene.path("")).output().expect("the program starts")
    };
    let usage = ["usage", "--metric", "calls"];
    expect_status(&ask(&usage, &https, Some("ca.pem")), 0);
    expect_status(&ask(&usage, &format!("{https}/"), Some("ca.pem")), 0);
    let by_name = https.replace("127.0.0.1", "localhost");
    expect_status(&ask(&usage, &by_name, Some("ca.pem")), 0);
    let (made, _) =
        expect_status(&ask(&["definitions", "import", "more.json"], &https, Some("ca.pem")), 0);
    assert!(made.contains("created"), "{made}");
    let (exported, _) = expect_status(&ask(&["definitions", "export"], &https, Some("ca.pem")), 0);
    assert!(exported.contains("\"more\""), "{exported}");
    // What this machine knows, where nothing else is said.
    let mut command = odometer(usage);
    trusting(command.args(["--address", &https]), &scene.path("ca.pem"));
    expect_status(&command.output().expect("the program starts"), 0);

    for (address, ca, status, words) in [
        (
            https.as_str(),
            Some("other.pem"),
            1,
            "its certificate is of an authority that is not known here",
        ),
        (&https, None, 1, "this machine knows no authority"),
        (&https, Some("absent.pem"), 1, "absent.pem: "),
        (&https, Some("none.pem"), 1, "none.pem: holds no certificate"),
        (&https.replace("127.0.0.1", "127.0.0.2"), Some("ca.pem"), 1, "127.0.0.2"),
        (&address, Some("ca.pem"), 2, "expected --address https://"),
        (&address, None, 1, "give https://HOST:PORT where the daemon has admin.tls"),
        ("ftp://127.0.0.1:1", None, 2, "expected HOST:PORT, or https://HOST:PORT"),
        ("https://", None, 2, "expected HOST:PORT, or https://HOST:PORT"),
        ("127.0.0.1:1/v1", None, 2, "expected HOST:PORT, or https://HOST:PORT"),
    ] {
        let (_, stderr) = expect_status(&ask(&usage, address, ca), status);
        assert!(stderr.contains(words), "{address} {ca:?}: {stderr}");
    }
    daemon.terminate(&scene);

    // One that speaks no TLS.
    let other = Scene::new(METRICS);
    let (plain, address) = listening(&other);
    let https = format!("https://{address}");
    let (_, stderr) = expect_status(&ask(&usage, &https, Some("ca.pem")), 1);
    assert!(stderr.contains("it does not speak TLS"), "{stderr}");
    plain.terminate(&other);
}

/// What the machine is said to know.
fn trusting<'c>(command: &'c mut Command, file: &Path) -> &'c mut Command {
    command.env("SSL_CERT_FILE", file).env_remove("SSL_CERT_DIR")
}

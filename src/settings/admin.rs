//! Where operators look in, and who may: section `admin`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::dialects;
use super::reader::{Faulty, Field, Table};
use super::state::path;
use super::tree::Content;
use crate::admin::{Dialects, Hash, IdentityFiles, Key, Origin, Origins, Role, Tenants};
use crate::model::EventTime;

pub(super) const KEYS: [&str; 8] =
    ["address", "tls", "cors_origins", "peers", "peers_ca", "keys", "tenants", "dialects"];
pub(super) const TLS_KEYS: [&str; 2] = ["certificate", "key"];
const KEY_KEYS: [&str; 5] = ["name", "tenant", "role", "hash", "expires"];
/// In place of every origin.
const EVERY_ORIGIN: &str = "*";
/// What addresses of other processes begin with.
const SCHEMES: [&str; 2] = ["http://", "https://"];
/// How many other processes are asked at most.
const PEERS_MAX: usize = 64;
/// In place of a tenant.
const EVERY_TENANT: &str = "*";

/// Where operators look in, and who may.
#[derive(Clone, PartialEq, Eq)]
pub struct Admin {
    /// Address and port of the listener. `None`: there is none. Default `127.0.0.1:9464`.
    pub address: Option<SocketAddr>,
    /// Where certificate and key of the listener lie. Default `None`: it speaks plain HTTP.
    pub tls: Option<IdentityFiles>,
    /// Pages of which other origins browsers let call. Default none.
    pub origins: Origins,
    /// Where the other processes of the group listen, each as scheme, host and port. Default none.
    pub peers: Vec<String>,
    /// PEM of the authority that their certificates are of. Default `None`: those that the machine knows.
    pub peers_ca: Option<PathBuf>,
    /// Keys that are let in. Default none: then this machine alone is answered.
    pub keys: Vec<Key>,
    /// How tenants are called elsewhere. Default as here.
    pub tenants: Tenants,
    /// What other systems' APIs leave unsaid. Default what a native definition begins with.
    pub dialects: Dialects,
}

/// Without the hashes.
impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.keys.iter().map(|key| key.name.as_str()).collect();
        f.debug_struct("Admin")
            .field("address", &self.address)
            .field("tls", &self.tls)
            .field("origins", &self.origins)
            .field("peers", &self.peers)
            .field("peers_ca", &self.peers_ca)
            .field("keys", &names)
            .field("tenants", &self.tenants)
            .field("dialects", &self.dialects)
            .finish()
    }
}

/// Reads the section.
pub(super) fn read(table: &Table<'_>) -> Result<Admin, Faulty> {
    let default = SocketAddr::from(([127, 0, 0, 1], 9464));
    let address = table.value_or("address", Some(default), address);
    let tls = table.section("tls", &TLS_KEYS).and_then(|table| tls(&table));
    let origins = table.value_or("cors_origins", Origins::None, origins);
    let peers = table.value_or("peers", Vec::new(), peers);
    let peers_ca = table.optional("peers_ca", path);
    let keys = table.value_or("keys", Vec::new(), keys);
    let tenants = table.value_or("tenants", Tenants::default(), dialects::tenants);
    let dialects =
        table.section("dialects", &dialects::KEYS).and_then(|table| dialects::dialects(&table));
    let (origins, keys) = (origins?, keys?);
    if let (Origins::Any, [], Some(field)) = (&origins, &keys[..], table.field("cors_origins")) {
        return Err(field.fault(
            "lets every page call that a browser on this machine shows, for there are no admin.keys: name \
             the origins, or give keys",
        ));
    }
    Ok(Admin {
        address: address?,
        tls: tls?,
        origins,
        peers: peers?,
        peers_ca: peers_ca?,
        keys,
        tenants: tenants?,
        dialects: dialects?,
    })
}

/// Over files there is one process: who names others believes that it has an effect.
pub(super) fn check_of_files(table: &Table<'_>) -> Result<(), Faulty> {
    match table.field("peers") {
        Some(field) => Err(field.fault(
            "has no effect where source.kind is \"file\", for files are read by one process: leave it out",
        )),
        None => Ok(()),
    }
}

/// Both files, or none.
fn tls(table: &Table<'_>) -> Result<Option<IdentityFiles>, Faulty> {
    let wanted = "a path of a PEM file, for a certificate and its key go together";
    if TLS_KEYS.iter().all(|key| table.field(key).is_none()) {
        return Ok(None);
    }
    let file = |key| table.required(key, wanted, path);
    let (certificate, key) = (file("certificate"), file("key"));
    Ok(Some(IdentityFiles { certificate: certificate?, key: key? }))
}

fn origins(field: &Field<'_>) -> Result<Origins, Faulty> {
    let fields = field.list("origins, such as \"https://console.example\", or \"*\" alone")?;
    let mut read = Vec::with_capacity(fields.len());
    for field in &fields {
        let text = field.text();
        if matches!(&text, Ok(text) if text == EVERY_ORIGIN) {
            if fields.len() == 1 {
                return Ok(Origins::Any);
            }
            read.push(Err(field.fault("is every origin: leave it out, or the others")));
            continue;
        }
        read.push(text.and_then(|text| {
            Origin::read(&text).map_err(|fault| field.fault(format!("{} {fault}", field.content())))
        }));
    }
    let read = read.into_iter().collect::<Result<Vec<_>, Faulty>>()?;
    Ok(if read.is_empty() { Origins::None } else { Origins::Listed(read) })
}

fn peers(field: &Field<'_>) -> Result<Vec<String>, Faulty> {
    let wanted = "an admin address of a process of the group, such as \"http://10.0.0.2:9464\"";
    let fields = field.list("admin addresses, such as \"http://10.0.0.2:9464\"")?;
    if fields.len() > PEERS_MAX {
        let count = fields.len();
        return Err(field.fault(format!("has {count} addresses: expected at most {PEERS_MAX}")));
    }
    let mut read: Vec<Result<String, Faulty>> = Vec::with_capacity(fields.len());
    for field in &fields {
        let one = field.text().and_then(|text| match Origin::read(&text) {
            Ok(_) if !SCHEMES.iter().any(|scheme| text.starts_with(scheme)) => {
                Err(field.unexpected(wanted))
            }
            Ok(_) if read.contains(&Ok(text.clone())) => {
                Err(field.fault(format!("{text:?} stands twice")))
            }
            Ok(_) => Ok(text),
            Err(_) => Err(field.unexpected(wanted)),
        });
        read.push(one);
    }
    read.into_iter().collect()
}

fn address(field: &Field<'_>) -> Result<Option<SocketAddr>, Faulty> {
    let text = field.text()?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        field.unexpected(
            "an IP address and a port such as \"127.0.0.1:9464\" or \"[::]:9464\", or \"\" for none",
        )
    })
}

fn keys(field: &Field<'_>) -> Result<Vec<Key>, Faulty> {
    // What is there instead is not repeated: it may be a key.
    let (Content::List(_) | Content::Unquoted(_)) = field.content() else {
        return Err(field.fault("is no list: expected tables, as `odometer key new` prints them"));
    };
    let fields = field.list("tables, as `odometer key new` prints them")?;
    let read: Vec<Result<Key, Faulty>> = fields.iter().map(key).collect();
    let mut names = BTreeSet::new();
    let mut outcome = Ok(());
    for (field, key) in fields.iter().zip(&read) {
        if let Ok(key) = key
            && !names.insert(key.name.clone())
        {
            let text = format!("the name {:?} stands twice: the audit tells keys by it", key.name);
            outcome = Err(field.fault(text));
        }
    }
    let keys: Result<Vec<Key>, Faulty> = read.into_iter().collect();
    outcome?;
    keys
}

fn key(field: &Field<'_>) -> Result<Key, Faulty> {
    let table = field.table(&KEY_KEYS)?;
    let name = table.required("name", "a name for the audit", |field| field.name(1..=100));
    let wanted = "the tenant that the key is of, or \"*\" for all";
    let tenant = table.required("tenant", wanted, |field| field.name(1..=512));
    let roles = Role::ALL.map(|role| (role.name(), role));
    let wanted = "what it may do: \"read\", \"define\" or \"operate\"";
    let role = table.required("role", wanted, |field| field.choice(&roles));
    let hash = table.required("hash", "as `odometer key new` prints it", hash);
    let expires_at = table.optional("expires", instant);
    Ok(Key {
        name: name?,
        tenant: Some(tenant?).filter(|tenant| tenant != EVERY_TENANT),
        role: role?,
        hash: hash?,
        expires_at: expires_at?,
    })
}

/// `sha256:` and 64 hex digits, or a PHC string of argon2.
fn hash(field: &Field<'_>) -> Result<Hash, Faulty> {
    let text = field.text()?;
    let sha256 = text.strip_prefix("sha256:").and_then(digest);
    let argon2 = || text.starts_with("$argon2").then(|| Hash::Argon2(text.clone()));
    let read = sha256.map(Hash::Sha256).or_else(argon2);
    read.filter(Hash::is_valid).ok_or_else(|| {
        field.fault(
            "is no hash of a key: expected sha256: and 64 hex digits, or a PHC string that begins with $argon2, as \
             `odometer key new` prints them",
        )
    })
}

fn digest(hex: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    if hex.len() != 64 {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(hex.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}

fn instant(field: &Field<'_>) -> Result<EventTime, Faulty> {
    let text = match field.content() {
        Content::Text(text) | Content::Unquoted(text) => EventTime::parse_rfc3339(text),
        _ => None,
    };
    text.ok_or_else(|| {
        field.unexpected("an instant of RFC 3339 in quotes, such as \"2027-01-01T00:00:00Z\"")
    })
}

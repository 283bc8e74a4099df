//! librdkafka's properties, handed through as they are, but for the few that exactly-once rests on.
//!
//! A name that ends in `_file` names the file that holds the value. Values that are secrets print as `***`, and no
//! fault repeats one.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;

use super::layers::FILE_ENDING;
use super::reader::{Faulty, Field};
use super::tree::{Content, is_confidential};
use crate::kafka;

const BY_OFFSET: &str = "reading begins at the committed offset, and without one where source.start_from says; \
a reset by itself would skip or repeat events";
const BY_TRANSACTION: &str =
    "offsets are committed in the transaction that makes the totals visible, and nowhere else";
const BY_IDEMPOTENCE: &str =
    "every total is written exactly once, by an idempotent producer that waits for all replicas";
const BY_MEMBERSHIP: &str =
    "tasks move from process to process by the classic protocol, cooperatively, a few at a time";
const BY_WORKER: &str = "each worker has one of its own, made of group, instance and number, by which the broker fences it";

/// Properties that are set already, and why they stay so.
const RESERVED: [(&str, &str); 20] = [
    ("auto.offset.reset", BY_OFFSET),
    ("enable.auto.commit", BY_TRANSACTION),
    ("auto.commit.interval.ms", BY_TRANSACTION),
    ("enable.auto.offset.store", BY_TRANSACTION),
    ("offset.store.method", BY_TRANSACTION),
    ("isolation.level", "only events of committed transactions may count"),
    ("check.crcs", "a damaged record must not count"),
    ("enable.partition.eof", "an idle partition is known by the end of it being read"),
    ("group.id", "give source.group_id: the state is bound to it"),
    ("group.instance.id", "give source.instance_id: each worker makes its own of it"),
    ("group.protocol", BY_MEMBERSHIP),
    ("group.remote.assignor", BY_MEMBERSHIP),
    ("partition.assignment.strategy", BY_MEMBERSHIP),
    ("transactional.id", BY_WORKER),
    ("transaction.timeout.ms", "give sink.transaction_timeout"),
    ("enable.idempotence", BY_IDEMPOTENCE),
    ("enable.gapless.guarantee", BY_IDEMPOTENCE),
    ("acks", BY_IDEMPOTENCE),
    ("max.in.flight.requests.per.connection", BY_IDEMPOTENCE),
    ("retries", BY_IDEMPOTENCE),
];

/// Parts of the names of properties whose values are secrets.
const SECRET_PARTS: [&str; 7] =
    ["password", "passphrase", "secret", "key.pem", "ssl_key", "oauthbearer.config", "kinit.cmd"];

/// How the names of properties of object stores end whose values are no secrets.
const OPEN_ENDINGS: [&str; 7] = [
    "region",
    "endpoint",
    "bucket",
    "allow_http",
    "account_name",
    "container_name",
    "virtual_hosted_style_request",
];

/// Where a client finds its cluster.
pub(super) const BOOTSTRAP: &str = "bootstrap.servers";

/// Two names of one property: kept under the second, so that one set laid over another replaces it.
/// `_RK_C_ALIAS` in `src/rdkafka_conf.c` of librdkafka.
const ALIASES: [(&str, &str); 12] = [
    ("metadata.broker.list", BOOTSTRAP),
    ("max.in.flight", "max.in.flight.requests.per.connection"),
    ("sasl.mechanisms", "sasl.mechanism"),
    ("sasl.oauthbearer.client.credentials.client.id", "sasl.oauthbearer.client.id"),
    ("sasl.oauthbearer.client.credentials.client.secret", "sasl.oauthbearer.client.secret"),
    ("max.partition.fetch.bytes", "fetch.message.max.bytes"),
    ("queue.buffering.max.ms", "linger.ms"),
    ("message.send.max.retries", "retries"),
    ("compression.codec", "compression.type"),
    ("request.required.acks", "acks"),
    ("message.timeout.ms", "delivery.timeout.ms"),
    ("auto.commit.enable", "enable.auto.commit"),
];

/// A property's value.
#[derive(Clone, PartialEq, Eq)]
struct Value {
    text: String,
    is_secret: bool,
}

/// `***` where it is a secret.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_secret { f.write_str("***") } else { write!(f, "{:?}", self.text) }
    }
}

/// librdkafka's properties, each by one of its names; secrets print as `***`.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Properties(BTreeMap<String, Value>);

impl Properties {
    /// All of them, secrets in the open: for the client alone.
    pub fn expose(&self) -> BTreeMap<String, String> {
        self.0.iter().map(|(name, value)| (name.clone(), value.text.clone())).collect()
    }

    /// Those of another set laid over these.
    pub(super) fn overlaid(&self, above: &Properties) -> Properties {
        let mut all = self.clone();
        all.0.extend(above.0.clone());
        all
    }

    /// The value of one.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.text.as_str())
    }

    /// Each with its value as it may be printed.
    pub(super) fn printable(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| {
            (name.as_str(), if value.is_secret { "***" } else { value.text.as_str() })
        })
    }
}

/// Reads a table of properties.
pub(super) fn read(table: &Field<'_>) -> Result<Properties, Faulty> {
    let mut properties = BTreeMap::new();
    let mut is_whole = true;
    for (written, field) in leaves(table)? {
        let (name, is_file) = match written.strip_suffix(FILE_ENDING) {
            Some(name) => (name, true),
            None => (written.as_str(), false),
        };
        let name = plain_name(name);
        match property(name, is_file, &field) {
            Ok(value) => {
                if properties.insert(name.to_owned(), value).is_some() {
                    field.fault(format!("{name:?} is set under another name too: keep one"));
                    is_whole = false;
                }
            }
            Err(Faulty) => is_whole = false,
        }
    }
    if is_whole { Ok(Properties(properties)) } else { Err(Faulty) }
}

/// Reads a table of properties of a client of an object store, such as `aws_region`: a name that ends in `_file` names the
/// file that holds the value. All but those whose names say that they are none are secrets.
pub(super) fn read_of_store(table: &Field<'_>) -> Result<Properties, Faulty> {
    let mut properties = BTreeMap::new();
    for (written, field) in table.entries()? {
        let (name, is_file) = match written.strip_suffix(FILE_ENDING) {
            Some(name) => (name, true),
            None => (written.as_str(), false),
        };
        let text = match field.content() {
            Content::Text(text) | Content::Unquoted(text) | Content::Other(text) => text.clone(),
            Content::Integer(number) => number.to_string(),
            Content::Boolean(value) => value.to_string(),
            Content::List(_) | Content::Table(_) => {
                return Err(field.fault("is a list: expected a text, number, true or false"));
            }
        };
        let text = if is_file { text_of(&text, &field)? } else { text };
        let is_open = OPEN_ENDINGS.iter().any(|ending| name.ends_with(ending));
        if is_open && is_confidential(&text) {
            return Err(field.fault(
                "has a user or a password in it, which is not taken from there: give them as properties of their own",
            ));
        }
        let value = Value { text, is_secret: is_file || !is_open };
        if properties.insert(name.to_ascii_lowercase(), value).is_some() {
            return Err(field.fault(format!("{name:?} is set under another name too: keep one")));
        }
    }
    Ok(Properties(properties))
}

/// The one name that a property is kept under.
fn plain_name(written: &str) -> &str {
    // librdkafka takes properties of topics under this prefix too; some others have it in their names.
    let of_topic = unaliased(written.trim_start_matches("topic."));
    let is_reserved = RESERVED.iter().any(|(reserved, _)| *reserved == of_topic);
    if is_reserved { of_topic } else { unaliased(written) }
}

fn unaliased(name: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, name)| name)
}

/// Every property with its whole name: a name without quotes is a table to TOML at each dot.
fn leaves<'f>(table: &Field<'f>) -> Result<Vec<(String, Field<'f>)>, Faulty> {
    let mut found = Vec::new();
    for (name, field) in table.entries()? {
        match field.content() {
            Content::Table(_) => {
                let inner = leaves(&field)?;
                found
                    .extend(inner.into_iter().map(|(rest, leaf)| (format!("{name}.{rest}"), leaf)));
            }
            _ => found.push((name, field)),
        }
    }
    Ok(found)
}

fn property(name: &str, is_file: bool, field: &Field<'_>) -> Result<Value, Faulty> {
    if let Some((_, reason)) = RESERVED.iter().find(|(reserved, _)| *reserved == name) {
        return Err(field.fault(format!("may not be set: {reason}")));
    }
    let written = match field.content() {
        Content::Text(text) | Content::Unquoted(text) | Content::Other(text) => text.clone(),
        Content::Integer(number) => number.to_string(),
        Content::Boolean(value) => value.to_string(),
        Content::List(_) | Content::Table(_) => {
            return Err(field.fault("is a list: expected a text, number, true or false"));
        }
    };
    let text = if is_file { text_of(&written, field)? } else { written };
    let is_secret =
        is_file || SECRET_PARTS.iter().any(|part| name.contains(part)) || is_confidential(&text);
    match kafka::refused_property(name, &text) {
        None => Ok(Value { text, is_secret }),
        Some(_) if is_secret => Err(field.fault("has a value that librdkafka does not take")),
        Some(reason) => Err(field.fault(format!("librdkafka does not take it: {reason}"))),
    }
}

/// What a file holds, without the end of its last line.
fn text_of(file: &str, field: &Field<'_>) -> Result<String, Faulty> {
    // The name is not repeated: by mistake it is the value itself.
    let text = fs::read_to_string(file).map_err(|error| {
        field.fault(format!(
            "names a file that cannot be read ({error}): expected one that holds the value and nothing else"
        ))
    })?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

//! `odometer key new`: a key of the admin listener, and the entry that lets it in.

use clap::{Args, Subcommand, ValueEnum};
use sha2::{Digest, Sha256};

use super::CommandError;
use super::cli::{instant, name};
use super::outcome::print;
use crate::admin::{KEY_BEGINNING, Role};
use crate::model::EventTime;

/// What `--help` says below the flags.
pub(super) const KEY_HELP: &str = "\
The key is shown once: give it to whoever is to use it, as Authorization: Bearer KEY. The entry goes to
admin.keys of the configuration, and says of the key only its hash.

Example:
  odometer key new --name billing --tenant default --role define";

/// What can be done with keys.
#[derive(Clone, Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key, and print the entry of the configuration that lets it in
    #[command(after_help = KEY_HELP)]
    New(NewKeyArguments),
}

/// The flags of `odometer key new`.
#[derive(Clone, Debug, Args)]
pub struct NewKeyArguments {
    /// What the audit is to call it
    #[arg(long, value_parser = name, value_name = "NAME")]
    pub name: String,
    /// Whose definitions and totals it may see; * is every tenant
    #[arg(long, value_parser = name, value_name = "TENANT")]
    pub tenant: String,
    /// What it may do: read, also define, or also operate
    #[arg(long, value_enum)]
    pub role: KeyRole,
    /// From when on it is let in no more (RFC 3339) [default: never]
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub expires: Option<EventTime>,
    /// How the entry knows it: sha256 is enough for a key of 256 random bits
    #[arg(long, value_enum, default_value = "sha256")]
    pub hash: HashKind,
}

/// The roles by the names that configuration has for them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum KeyRole {
    /// Look at definitions and totals
    Read,
    /// Change definitions too
    Define,
    /// Change how the process works too
    Operate,
}

/// How an entry knows its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum HashKind {
    /// SHA-256
    Sha256,
    /// Argon2id, which takes its time at each first use
    Argon2,
}

/// Prints a new key.
///
/// # Errors
/// Where the system gives no random bytes, or standard output takes nothing.
pub(super) fn key(command: &KeyCommand) -> Result<(), CommandError> {
    let KeyCommand::New(arguments) = command;
    let secret = random::<32>()?;
    let key = format!("{KEY_BEGINNING}{}", hex(&secret));
    let hash = match arguments.hash {
        HashKind::Sha256 => format!("sha256:{}", hex(&Sha256::digest(key.as_bytes()))),
        HashKind::Argon2 => argon2_of(&key)?,
    };
    let NewKeyArguments { name, tenant, expires, .. } = arguments;
    let expires = expires.map_or(String::new(), |end| format!(", expires = \"{end}\""));
    let role = arguments.role.role().name();
    let (name, tenant) = (quoted(name), quoted(tenant));
    let text = format!(
        "# The key, shown once:\n{key}\n# Its entry in section [admin]:\nkeys = [\n  {{ name = {name}, tenant = {tenant}, role = \
         \"{role}\", hash = \"{hash}\"{expires} }},\n]\n"
    );
    print(&text)
}

impl KeyRole {
    fn role(self) -> Role {
        match self {
            KeyRole::Read => Role::Read,
            KeyRole::Define => Role::Define,
            KeyRole::Operate => Role::Operate,
        }
    }
}

fn argon2_of(key: &str) -> Result<String, CommandError> {
    use argon2::password_hash::PasswordHasher;
    let salt = random::<16>()?;
    let hashed = argon2::Argon2::default().hash_password_with_salt(key.as_bytes(), &salt);
    let failed = |error: argon2::password_hash::Error| CommandError::failed(error.to_string());
    hashed.map(|hash| hash.to_string()).map_err(failed)
}

fn random<const N: usize>() -> Result<[u8; N], CommandError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| CommandError::failed(format!("random bytes: {error}")))?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// As TOML has it: what JSON writes is one of its basic strings.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

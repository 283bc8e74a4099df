//! Who may ask what: keys with a tenant and a role, or, where there are none, this machine alone.
//!
//! ```text
//! request ─► its route's Need ─► key in Authorization or x-api-key ─► Caller │ denied
//! ```
//! A key is 256 random bits, and known here by a hash: SHA-256, or argon2 where whoever keeps the file wants that. Hashes
//! are compared in constant time. An address that fails too often waits, but for keys that are known at little cost: others
//! may have failed behind the same proxy, and a random key is not found by trying.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use argon2::Argon2;
use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use axum::http::HeaderMap;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::cors;
use super::{Origins, Refusal};
use crate::model::{EventTime, Span};

/// How often an address may fail within [`FAILURES_WITHIN`] before it waits.
const FAILURES_MAX: u32 = 10;
const FAILURES_WITHIN: Span = Span::from_seconds(60);
/// How many addresses are remembered to have failed: the oldest go first.
const ADDRESSES_MAX: usize = 10_000;
/// How many keys that an expensive hash was found for are remembered by a cheap one.
const KNOWN_MAX: usize = 1_000;

/// What every key that `odometer key new` makes begins with, so that one can be told wherever it stands.
pub const KEY_BEGINNING: &str = "odo_";

/// The header that bears a key where `Authorization` does not.
pub(super) const API_KEY: &str = "x-api-key";

/// What a key may do; each may do all that the ones before it may.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Role {
    /// Look at definitions and totals.
    Read,
    /// Change definitions.
    Define,
    /// Change how the process works: its log.
    Operate,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 3] = [Role::Read, Role::Define, Role::Operate];

    /// The name that configuration uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Role::Read => "read",
            Role::Define => "define",
            Role::Operate => "operate",
        }
    }
}

/// How a key is known.
#[derive(Clone, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256 of its text.
    Sha256([u8; 32]),
    /// In the form of PHC strings: `$argon2id$v=19$...`.
    Argon2(String),
}

impl Hash {
    /// Whether it has the form that keys can be held against.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        match self {
            Hash::Sha256(_) => true,
            Hash::Argon2(text) => PasswordHash::new(text).is_ok(),
        }
    }
}

/// A key that is let in.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// What the audit names it by.
    pub name: String,
    /// Whose definitions and totals it may see; `None`: every tenant's.
    pub tenant: Option<String>,
    /// What it may do.
    pub role: Role,
    /// From when on it is let in no more.
    pub expires_at: Option<EventTime>,
    /// How it is known.
    pub hash: Hash,
}

/// Who asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Caller {
    name: String,
    tenant: Option<String>,
    role: Role,
}

/// Why a request is not answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Denied {
    /// It bears no key, or an unknown one, or one that is over.
    Unauthorized,
    /// There are no keys, and it comes from another machine.
    NotLocal,
    /// There are no keys, and it was sent by a page of another site.
    OtherSite,
    /// Its key may not do that.
    Forbidden(Role),
    /// Its address failed too often: for so many seconds from now on it waits.
    TooMany(u64),
    /// The process starts, and does not know yet what is defined.
    Starting,
}

/// Who may ask.
pub(super) struct Access {
    keys: Vec<Key>,
    /// Pages that may call.
    origins: Origins,
    failures: Mutex<BTreeMap<IpAddr, (u32, EventTime)>>,
    /// SHA-256 of texts that an expensive hash was found for, with the key's place.
    known: Mutex<BTreeMap<[u8; 32], usize>>,
}

impl Access {
    pub(super) fn new(keys: Vec<Key>, origins: Origins) -> Self {
        Access { keys, origins, failures: Mutex::default(), known: Mutex::default() }
    }

    /// Who asks, if that one may do what `role` may.
    pub(super) fn admit(
        &self,
        headers: &HeaderMap,
        address: IpAddr,
        role: Role,
        now: EventTime,
    ) -> Result<Caller, Denied> {
        if self.keys.is_empty() {
            // An address of IPv4 may come in the form of IPv6.
            if !address.to_canonical().is_loopback() {
                return Err(Denied::NotLocal);
            }
            if cors::is_of_other_site(headers, &self.origins) {
                return Err(Denied::OtherSite);
            }
            return Ok(Caller { name: "local".to_owned(), tenant: None, role: Role::Operate });
        }
        let wait = self.wait(address, now);
        let Some(text) = presented(headers) else {
            return Err(wait.map_or(Denied::Unauthorized, Denied::TooMany));
        };
        let Some(key) = self.find(text, now, wait.is_none()) else {
            if wait.is_none() {
                self.note_failure(address, now);
            }
            return Err(wait.map_or(Denied::Unauthorized, Denied::TooMany));
        };
        let caller = Caller { name: key.name.clone(), tenant: key.tenant.clone(), role: key.role };
        if caller.role < role {
            return Err(Denied::Forbidden(role));
        }
        Ok(caller)
    }

    /// The key of that text. Unless `is_thorough`, only where no expensive hash is to be worked out for it.
    fn find(&self, text: &str, now: EventTime, is_thorough: bool) -> Option<&Key> {
        let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).copied();
        let mut found = known;
        for (place, key) in self.keys.iter().enumerate() {
            // All of them are looked at, so that time does not tell which one it was.
            let is_it = match &key.hash {
                Hash::Sha256(hash) => bool::from(hash.ct_eq(&digest)),
                Hash::Argon2(hash) => is_thorough && known.is_none() && is_argon2_of(hash, text),
            };
            if is_it && found.is_none() {
                found = Some(place);
            }
        }
        let place = found?;
        let key = &self.keys[place];
        if let Hash::Argon2(_) = key.hash {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= KNOWN_MAX {
                known.clear();
            }
            known.insert(digest, place);
        }
        key.expires_at.is_none_or(|end| now < end).then_some(key)
    }

    /// For how many seconds an address has to wait that failed too often.
    fn wait(&self, address: IpAddr, now: EventTime) -> Option<u64> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.retain(|_, (_, since)| now < since.saturating_add(FAILURES_WITHIN));
        let (_, since) = failures.get(&address).filter(|(count, _)| *count >= FAILURES_MAX)?;
        let left = since.saturating_add(FAILURES_WITHIN).since(now).micros();
        Some(left.unsigned_abs().div_ceil(1_000_000))
    }

    fn note_failure(&self, address: IpAddr, now: EventTime) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= ADDRESSES_MAX
            && let Some(oldest) =
                failures.iter().min_by_key(|(_, (_, since))| *since).map(|(address, _)| *address)
        {
            failures.remove(&oldest);
        }
        failures.entry(address).or_insert((0, now)).0 += 1;
    }
}

/// The text that a request bears as its key.
pub(super) fn presented(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text("authorization").and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
    });
    bearer.or_else(|| text(API_KEY)).filter(|key| !key.is_empty())
}

fn is_argon2_of(hash: &str, text: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    Argon2::default().verify_password(text.as_bytes(), &hash).is_ok()
}

impl Caller {
    /// What the audit names it by.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn sees_every_tenant(&self) -> bool {
        self.tenant.is_none()
    }

    pub(super) fn may_see(&self, tenant: &str) -> bool {
        self.tenant.as_deref().is_none_or(|own| own == tenant)
    }

    /// The tenant that a request speaks of: the one that it names, else the key's own, else the default.
    ///
    /// # Errors
    /// Another tenant than the key's: it is answered as if there were none.
    pub(super) fn tenant(&self, named: Option<String>) -> Result<String, Refusal> {
        match (named, &self.tenant) {
            (Some(named), Some(own)) if named != *own => {
                Err(Refusal::NotFound(format!("there is no tenant {named:?}")))
            }
            (Some(named), _) => Ok(named),
            (None, Some(own)) => Ok(own.clone()),
            (None, None) => Ok("default".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use argon2::password_hash::PasswordHasher as _;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
    const NOW: EventTime = EventTime::from_micros(1_000_000_000);

    fn key(name: &str, tenant: Option<&str>, role: Role) -> Key {
        let hash = Hash::Sha256(Sha256::digest(name.as_bytes()).into());
        let tenant = tenant.map(str::to_owned);
        Key { name: name.to_owned(), tenant, role, expires_at: None, hash }
    }

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        [(name.parse().expect("a name"), value.parse().expect("a value"))].into_iter().collect()
    }

    fn bearer(key: &str) -> HeaderMap {
        headers("authorization", &format!("Bearer {key}"))
    }

    #[test]
    fn without_keys_this_machine_alone_is_answered() {
        let access = Access::new(Vec::new(), Origins::None);
        let admit = |address| access.admit(&HeaderMap::new(), address, Role::Operate, NOW);
        assert!(admit(HERE).is_ok() && admit("::1".parse().expect("an address")).is_ok());
        assert!(admit("::ffff:127.0.0.1".parse().expect("an address")).is_ok());
        assert_eq!(admit(THERE), Err(Denied::NotLocal));
    }

    #[test]
    fn key_is_known_by_its_hash_and_may_do_what_its_role_may() {
        let slow = Key { name: "slow".to_owned(), ..slow("secret") };
        let Hash::Argon2(hash) = &slow.hash else { panic!("it is expensive") };
        assert!(hash.starts_with("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$"), "{hash}");
        let over = Key { expires_at: Some(NOW), ..key("over", None, Role::Read) };
        let keys = vec![key("a", Some("t1"), Role::Define), slow, over];
        let access = Access::new(keys, Origins::None);
        let admit = |headers: &HeaderMap, role| access.admit(headers, THERE, role, NOW);
        let caller = admit(&bearer("a"), Role::Define).expect("it is known");
        assert!(caller.may_see("t1") && !caller.may_see("t2"));
        assert!(admit(&headers("x-api-key", "a"), Role::Read).is_ok());
        assert_eq!(admit(&bearer("a"), Role::Operate), Err(Denied::Forbidden(Role::Operate)));
        for _ in 0..2 {
            assert_eq!(admit(&bearer("secret"), Role::Read).expect("it is known").name(), "slow");
        }
        for unknown in [bearer("over"), bearer("b"), headers("authorization", "Basic a")] {
            assert_eq!(admit(&unknown, Role::Read), Err(Denied::Unauthorized));
        }
    }

    /// A key that is known by an expensive hash, with parameters that take no time.
    fn slow(name: &str) -> Key {
        let parameters = argon2::Params::new(8, 1, 1, None).expect("they are valid");
        let hasher = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, parameters);
        let hash = hasher.hash_password_with_salt(name.as_bytes(), b"somesalt");
        let hash = Hash::Argon2(hash.expect("it is hashed").to_string());
        Key { hash, ..key(name, None, Role::Read) }
    }

    #[test]
    fn address_that_fails_too_often_waits() {
        let over = Key { expires_at: Some(NOW), ..key("over", None, Role::Read) };
        let access = Access::new(
            vec![key("a", None, Role::Read), over, slow("seen"), slow("new")],
            Origins::None,
        );
        let admit =
            |text: &str, address, now| access.admit(&bearer(text), address, Role::Read, now);
        assert!(admit("seen", HERE, NOW).is_ok());
        for _ in 0..FAILURES_MAX {
            assert_eq!(admit("b", THERE, NOW), Err(Denied::Unauthorized));
        }
        let later = NOW.saturating_add(Span::from_micros(500_000));
        for unknown in ["b", "over", "new"] {
            assert_eq!(admit(unknown, THERE, NOW), Err(Denied::TooMany(60)), "{unknown}");
            assert_eq!(admit(unknown, THERE, later), Err(Denied::TooMany(60)), "{unknown}");
        }
        let without = access.admit(&HeaderMap::new(), THERE, Role::Read, NOW);
        assert_eq!(without, Err(Denied::TooMany(60)));
        for known in ["a", "seen"] {
            assert!(admit(known, THERE, NOW).is_ok(), "{known} is locked out by others");
        }
        assert!(admit("new", HERE, NOW).is_ok(), "other addresses do not wait");
        let end = NOW.saturating_add(FAILURES_WITHIN);
        assert_eq!(admit("b", THERE, end), Err(Denied::Unauthorized));
    }

    #[test]
    fn tenant_of_another_key_is_as_if_it_were_not() {
        let caller = Caller { name: "k".into(), tenant: Some("t1".into()), role: Role::Read };
        assert_eq!(caller.tenant(None), Ok("t1".to_owned()));
        assert!(matches!(caller.tenant(Some("t2".into())), Err(Refusal::NotFound(_))));
        let caller = Caller { tenant: None, ..caller };
        assert_eq!(caller.tenant(Some("t2".into())), Ok("t2".to_owned()));
        assert_eq!(caller.tenant(None), Ok("default".to_owned()));
    }
}

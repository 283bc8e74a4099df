//! The key of a total, which is the same for all its revisions, and the id made of both.

use sha2::{Digest, Sha256};

use super::{MetricNames, dimensions};
use crate::format::json::push;
use crate::model::PeriodTotal;

/// What a key is made of.
pub(in crate::format) struct KeyParts<'a> {
    pub(in crate::format) tenant: &'a str,
    pub(in crate::format) code: &'a str,
    pub(in crate::format) generation: u64,
    pub(in crate::format) customer: &'a str,
    /// As a body has it.
    pub(in crate::format) start: &'a str,
}

impl KeyParts<'_> {
    /// `tenant/metric/customer/group/period start`, where a metric of a later generation is `code~2`.
    pub(in crate::format) fn key<'d>(
        &self,
        group: impl Iterator<Item = (&'d str, Option<&'d str>)>,
    ) -> String {
        let mut out = String::with_capacity(128);
        push_encoded(&mut out, self.tenant);
        out.push('/');
        push_encoded(&mut out, self.code);
        if self.generation > 1 {
            push(&mut out, format_args!("~{}", self.generation));
        }
        out.push('/');
        push_encoded(&mut out, self.customer);
        out.push('/');
        // Made of encoded pieces: its own `=` and `&` stay as they are.
        for (at, (name, value)) in group.enumerate() {
            if at > 0 {
                out.push('&');
            }
            push_encoded(&mut out, name);
            if let Some(value) = value {
                out.push('=');
                push_encoded(&mut out, value);
            }
        }
        out.push('/');
        push_encoded(&mut out, self.start);
        out
    }
}

/// The key of a total that is being written.
pub(super) fn key_of(names: &MetricNames<'_>, total: &PeriodTotal) -> String {
    let parts = KeyParts {
        tenant: names.tenant,
        code: names.code,
        generation: names.generation,
        customer: &total.customer,
        start: &total.period.start.to_string(),
    };
    parts.key(dimensions(names, total).map(|(name, value)| (name, value.as_deref())))
}

/// Percent-encodes the UTF-8 of all but `A-Za-z0-9-._~` (RFC 3986, section 2).
fn push_encoded(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let halves = [byte >> 4, byte & 0xF].map(|half| char::from_digit(u32::from(half), 16));
            out.push('%');
            out.extend(halves.into_iter().flatten().map(|digit| digit.to_ascii_uppercase()));
        }
    }
}

/// Lower-case hex of the first 16 bytes of SHA-256 over `KEY#REVISION`.
pub(in crate::format) fn id_of(key: &str, revision: u64) -> String {
    let digest = Sha256::digest(format!("{key}#{revision}"));
    let mut out = String::with_capacity(32);
    for byte in digest.iter().take(16) {
        out.extend(
            [byte >> 4, byte & 0xF]
                .map(|half| char::from_digit(u32::from(half), 16))
                .into_iter()
                .flatten(),
        );
    }
    out
}

//! Members of a unique count, each once (rule 4, `unique_count` without an operation).

use hashbrown::HashSet;
use sha2::{Digest, Sha256};

use super::carry::Carry;
use super::parts::{Changes, Part, PartKey, PartValue};
use crate::model::{Amount, Ratio};

/// Longest text that a member is kept as; longer ones are kept as their SHA-256.
const TEXT_BYTES_MAX: usize = 48;

/// A distinct text: itself where it is short (first byte 0), else its SHA-256 (first byte 1), so that one
/// member costs at most 49 bytes. Two long texts of one SHA-256 are unknown to mankind.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Member(Box<[u8]>);

impl Member {
    /// The member of a text.
    pub fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let kept = if bytes.len() <= TEXT_BYTES_MAX {
            [&[0], bytes].concat()
        } else {
            [&[1], Sha256::digest(bytes).as_slice()].concat()
        };
        Member(kept.into())
    }

    /// As it is stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Inverse of [`Member::as_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Member(bytes.into())
    }

    #[expect(clippy::arithmetic_side_effects, reason = "lengths within memory")]
    pub(super) fn bytes(&self) -> usize {
        self.0.len() + 32
    }
}

/// Distinct members. Costs about 32 bytes and its text for each.
#[derive(Clone, Default, PartialEq, Debug)]
#[expect(
    clippy::struct_field_names,
    reason = "the members themselves, beside what is noted of them"
)]
pub struct Members {
    members: HashSet<Member>,
    changes: Changes<Member>,
    bytes: usize,
}

impl Members {
    /// Takes a member in.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths within memory")]
    pub fn insert(&mut self, member: &Member) {
        if self.members.contains(member) {
            return;
        }
        self.members.insert(member.clone());
        self.bytes += member.bytes();
        self.changes.note(self.members.len(), || member.clone());
    }

    /// Whether it is one.
    pub fn contains(&self, member: &Member) -> bool {
        self.members.contains(member)
    }

    /// Members in ascending order.
    pub fn sorted(&self) -> Vec<&Member> {
        let mut sorted: Vec<&Member> = self.members.iter().collect();
        sorted.sort_unstable();
        sorted
    }

    #[expect(clippy::arithmetic_side_effects, reason = "a count of things in memory")]
    pub(super) fn finish(&self, carry: Option<&Carry>) -> Ratio {
        let count = match carry {
            None => self.members.len(),
            Some(carry) => {
                let active = carry.members();
                let new = self.sorted().into_iter().filter(|member| !active.is_active(member));
                active.active_count() + new.count()
            }
        };
        let count = u64::try_from(count).expect("a count of things in memory");
        Ratio { numerator: Amount::from_integer(count), denominator: 1 }
    }

    pub(super) fn merge(&mut self, other: &Members) {
        for member in other.sorted() {
            self.insert(member);
        }
    }

    pub(super) fn take_changes(&mut self, sink: &mut Vec<(Part, PartValue)>) {
        match self.changes.take() {
            None => self.parts(sink),
            Some(members) => sink.extend(members.into_iter().map(present)),
        }
    }

    pub(super) fn parts(&self, sink: &mut Vec<(Part, PartValue)>) {
        sink.extend(self.sorted().into_iter().cloned().map(present));
    }

    #[expect(clippy::arithmetic_side_effects, reason = "lengths within memory")]
    pub(super) fn restore(&mut self, part: Part) {
        match part.key {
            PartKey::Member(member) => {
                self.bytes += member.bytes();
                self.members.insert(member);
            }
            other => panic!("no part of a unique count: {other:?}"),
        }
    }

    #[expect(clippy::arithmetic_side_effects, reason = "lengths within memory")]
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.changes.bytes()
    }
}

fn present(member: Member) -> (Part, PartValue) {
    (Part::plain(PartKey::Member(member)), PartValue::Present)
}

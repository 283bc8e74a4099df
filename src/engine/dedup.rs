//! Which ids were counted, exactly (section 2 of the rules).
//!
//! An id is kept as a keyed 128-bit digest with the UTC day of its event: 20 bytes. Recent ones are resident in
//! two generations; when memory is short the older generation is let go, and from then on an id that is not
//! resident must be looked up in the store. Knows nothing of how it is stored.

use hashbrown::HashTable;
use siphasher::sip128::{Hasher128, SipHasher24};
use std::borrow::Cow;
use std::hash::Hasher;

use crate::model::EventTime;

/// About how many ids one commit brings.
const COMMIT_IDS: usize = 65_536;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Key of the digest: random, made once for a state and kept in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DigestKey(pub [u8; 16]);

/// Digest of an identity (rule 2.1): SipHash-2-4 with 128 bits, under the state's key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct IdDigest(pub [u32; 4]);

impl IdDigest {
    /// The digest of tenant, id, and what joins the id. Lengths go first, so that no two identities share their bytes;
    /// a length that no text has begins each part of the scope.
    ///
    /// ```text
    /// tenant's length: u16 │ tenant │ (0xFFFF │ part's length: u16 │ part) for each of the scope │ id
    /// ```
    pub fn of(key: &DigestKey, tenant: &str, scope: &[Cow<'_, str>], id: &str) -> Self {
        let length = |text: &str| {
            let length = u16::try_from(text.len()).expect("a name has at most 512 bytes");
            length.to_le_bytes()
        };
        let mut hasher = SipHasher24::new_with_key(&key.0);
        hasher.write(&length(tenant));
        hasher.write(tenant.as_bytes());
        for part in scope {
            hasher.write(&u16::MAX.to_le_bytes());
            hasher.write(&length(part));
            hasher.write(part.as_bytes());
        }
        hasher.write(id.as_bytes());
        let digest = hasher.finish128();
        let (low, high) = (digest.h1, digest.h2);
        IdDigest([low_half(low), high_half(low), low_half(high), high_half(high)])
    }

    /// 16 bytes whose order is that of the digest.
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        for (chunk, word) in bytes.chunks_exact_mut(4).zip(self.0) {
            chunk.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }

    /// Inverse of [`IdDigest::to_bytes`].
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let mut words = [0; 4];
        for (word, chunk) in words.iter_mut().zip(bytes.as_chunks().0) {
            *word = u32::from_be_bytes(*chunk);
        }
        IdDigest(words)
    }

    fn hash(self) -> u64 {
        u64::from(self.0[0]) << 32 | u64::from(self.0[1])
    }
}

fn low_half(word: u64) -> u32 {
    u32::try_from(word & 0xFFFF_FFFF).expect("masked to 32 bits")
}

fn high_half(word: u64) -> u32 {
    u32::try_from(word >> 32).expect("shifted to 32 bits")
}

/// A remembered id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Remembered {
    /// Which.
    pub digest: IdDigest,
    /// UTC day of the counted event's time, from the epoch.
    pub day: u32,
}

/// What is known of an id without asking the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Known {
    /// It is remembered.
    Yes,
    /// It is not.
    No,
    /// Only the store can tell.
    Ask,
}

/// The remembered ids.
pub(super) struct Dedup {
    young: HashTable<Remembered>,
    old: HashTable<Remembered>,
    fresh: Vec<Remembered>,
    keeps_fresh: bool,
    is_cold: bool,
    swept_day: i64,
}

impl Dedup {
    /// Nothing remembered. `is_cold`: the store may hold ids.
    pub(super) fn new(is_cold: bool) -> Self {
        Dedup {
            young: HashTable::new(),
            old: HashTable::new(),
            fresh: Vec::new(),
            keeps_fresh: false,
            is_cold,
            swept_day: i64::MIN,
        }
    }

    /// What is known of an id where events before `oldest` are too old.
    pub(super) fn look(&self, digest: IdDigest, oldest: Option<EventTime>) -> Known {
        let same = |other: &Remembered| other.digest == digest;
        let hash = digest.hash();
        let found = self.young.find(hash, same).or_else(|| self.old.find(hash, same));
        match found {
            Some(id) if is_remembered(id.day, oldest) => Known::Yes,
            None if self.is_cold => Known::Ask,
            Some(_) | None => Known::No,
        }
    }

    /// Remembers an id from now on; one that was forgotten takes its new day.
    pub(super) fn remember(&mut self, digest: IdDigest, day: u32) {
        if let Ok(entry) = self.old.find_entry(digest.hash(), |other| other.digest == digest) {
            entry.remove();
        }
        self.insert(Remembered { digest, day });
        if self.keeps_fresh {
            self.fresh.push(Remembered { digest, day });
        }
    }

    /// Makes an id resident that the store remembers.
    pub(super) fn restore(&mut self, id: Remembered) {
        if self.look(id.digest, None) == Known::Ask {
            self.insert(id);
        }
    }

    fn insert(&mut self, id: Remembered) {
        let hash = id.digest.hash();
        match self.young.find_mut(hash, |other| other.digest == id.digest) {
            Some(found) => found.day = id.day,
            None => {
                self.young.insert_unique(hash, id, |other| other.digest.hash());
            }
        }
    }

    /// From now on new ids are collected for the store. Returns those that were remembered before.
    pub(super) fn keep_fresh(&mut self) {
        if !self.keeps_fresh {
            self.keeps_fresh = true;
            self.fresh = self.old.iter().chain(self.young.iter()).copied().collect();
        }
    }

    /// How many were remembered since they were last taken to be stored.
    pub(super) fn fresh_count(&self) -> usize {
        self.fresh.len()
    }

    /// The ids that were remembered since the last call, in order of digest.
    pub(super) fn take_fresh(&mut self) -> Vec<Remembered> {
        let mut fresh = std::mem::take(&mut self.fresh);
        // Of one that was forgotten and came again the later entry must win: the sort is stable.
        fresh.sort_by_key(|id| id.digest);
        fresh
    }

    /// Lets the older generation go, and begins a new one, where both would take more than `bytes_max` by the
    /// next commit. Only right after a commit: what is let go must be in the store.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths within memory")]
    pub(super) fn let_go(&mut self, bytes_max: usize) {
        assert!(self.fresh.is_empty(), "ids may leave memory only once they are stored");
        let grown =
            if self.is_growing() { 2 * bytes_of(&self.young) } else { bytes_of(&self.young) };
        if grown <= bytes_max / 2 && bytes_of(&self.old) <= bytes_max / 2 {
            return;
        }
        let mut next = std::mem::take(&mut self.old);
        if bytes_of(&next) <= bytes_max / 2 {
            // A table of the right size is used again, so that memory does not come and go.
            next.clear();
        } else {
            next = HashTable::new();
        }
        self.old = std::mem::replace(&mut self.young, next);
        self.is_cold = true;
    }

    /// Whether the ids until the next commit may be more than the younger generation has room for.
    #[expect(clippy::arithmetic_side_effects, reason = "a table's length is at most its capacity")]
    fn is_growing(&self) -> bool {
        self.young.capacity() - self.young.len() < COMMIT_IDS
    }

    /// Drops from memory what is no longer remembered, once for each day.
    pub(super) fn forget(&mut self, oldest: EventTime) {
        let day = forgotten_through(oldest);
        if day <= self.swept_day {
            return;
        }
        self.swept_day = day;
        self.young.retain(|id| i64::from(id.day) > day);
        self.old.retain(|id| i64::from(id.day) > day);
    }

    /// How many are resident.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths within memory")]
    pub(super) fn resident(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Bytes of memory.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths within memory")]
    pub(super) fn bytes(&self) -> usize {
        let fresh = self.fresh.capacity() * size_of::<Remembered>();
        bytes_of(&self.young) + bytes_of(&self.old) + fresh
    }

    /// Bytes of memory that it may take until the next commit: a table that grows is there twice, once in double size.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths within memory")]
    pub(super) fn bytes_ahead(&self) -> usize {
        let growth = if self.is_growing() { 2 * bytes_of(&self.young) } else { 0 };
        self.bytes() + growth
    }
}

/// Whether an id of that day still counts as remembered where events before `oldest` are too old (rule 2.4).
#[expect(clippy::arithmetic_side_effects, reason = "days of 32 bits in microseconds")]
fn is_remembered(day: u32, oldest: Option<EventTime>) -> bool {
    let day_end = (i64::from(day) + 1) * MICROS_PER_DAY;
    oldest.is_none_or(|oldest| oldest.micros() < day_end)
}

/// The last UTC day whose ids are forgotten where events before `oldest` are too old.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "days of instants in microseconds are far from the limits of 64 bits"
)]
pub(super) fn forgotten_through(oldest: EventTime) -> i64 {
    oldest.utc_day() - 1
}

#[expect(clippy::arithmetic_side_effects, reason = "lengths within memory")]
fn bytes_of(table: &HashTable<Remembered>) -> usize {
    let buckets = table.capacity() / 7 * 8;
    buckets * (size_of::<Remembered>() + 1)
}

//! Which customers of a state are claimed for its task, where other processes can see it.
//!
//! ```text
//! seen ─► (commit) stored, to be claimed: `N digest` ─► claimed ─► (next commit) `N digest` goes
//! ```
//! Nothing is said to be claimed before it is, so after a crash a claim may be made again, and none is left out. Where the
//! state has no note that holds for its last commit, all of its customers are to be claimed.

use std::collections::BTreeSet;

use rocksdb::WriteBatch;

use super::{Error, Store};
use crate::format::state::{self, ClaimsNote};

/// The book of one state.
pub(super) struct Claims {
    note: ClaimsNote,
    /// Seen since the last commit.
    seen: Vec<u64>,
    /// Stored and not known to be claimed, in the order in which they are claimed.
    unclaimed: Vec<u64>,
    /// How many of them, the first ones, no entry tells of: until they are claimed there is no note.
    untold: usize,
    /// Claimed since the last commit.
    claimed: Vec<u64>,
}

impl Claims {
    /// Adds what is known now to the commit of that number.
    pub(super) fn write(&self, batch: &mut WriteBatch, commit: u64) {
        for digest in &self.claimed {
            batch.delete(state::unclaimed_key(*digest));
        }
        for digest in &self.seen {
            batch.put(state::unclaimed_key(*digest), []);
        }
        if self.untold == 0 {
            let note = ClaimsNote { commit, ..self.note.clone() };
            batch.put([state::CLAIMS], state::encode_claims(&note));
        }
    }

    /// The commit is stored.
    pub(super) fn is_stored(&mut self) {
        self.claimed.clear();
        self.unclaimed.append(&mut self.seen);
    }
}

impl Store {
    /// From now on keeps book of which customers are claimed. `place` says where: its offset and commit have no meaning.
    /// Returns the offset up to which claims were looked at as of the last commit.
    ///
    /// # Errors
    /// The disk, or a note that cannot be read.
    pub fn keep_claims(&mut self, place: ClaimsNote) -> Result<i64, Error> {
        let last = self.commits()?.last().map(|last| last.number);
        let stored = self.db.get([state::CLAIMS]).map_err(|error| self.failed(error))?;
        let stored = stored.map(|bytes| state::decode_claims(&bytes)).transpose();
        let stored = stored.map_err(|corrupt| self.corrupt(corrupt))?;
        let known = stored.filter(|note| note.is_of_same(&place) && Some(note.commit) == last);
        let told = self.told_unclaimed()?;
        let claims = if let Some(note) = known {
            let (seen, claimed) = (Vec::new(), Vec::new());
            Claims { note, seen, unclaimed: told, untold: 0, claimed }
        } else {
            let unclaimed = self.customers()?;
            let (note, untold) = (ClaimsNote { looked: 0, ..place }, unclaimed.len());
            // They are among those that are claimed now.
            Claims { note, seen: Vec::new(), unclaimed, untold, claimed: told }
        };
        let looked = claims.note.looked;
        self.claims = Some(claims);
        Ok(looked)
    }

    fn told_unclaimed(&self) -> Result<Vec<u64>, Error> {
        let mut told = BTreeSet::new();
        for (key, _) in self.now().with_prefix(&[state::CLAIMS])? {
            if key.len() > 1 {
                let digest =
                    state::customer_of_unclaimed(&key).map_err(|corrupt| self.corrupt(corrupt))?;
                told.insert(digest);
            }
        }
        Ok(told.into_iter().collect())
    }

    /// A customer was seen for the first time: to be claimed once the next commit is stored.
    pub fn note_customer(&mut self, digest: u64) {
        if let Some(claims) = &mut self.claims {
            claims.seen.push(digest);
        }
    }

    /// Stored customers that are not known to be claimed.
    pub fn unclaimed(&self) -> &[u64] {
        self.claims.as_ref().map_or(&[], |claims| &claims.unclaimed)
    }

    /// The first so many of [`Store::unclaimed`] are claimed, to be stored with the next commit.
    pub fn claimed(&mut self, count: usize) {
        let Some(claims) = &mut self.claims else { return };
        let made: Vec<u64> = claims.unclaimed.drain(..count).collect();
        let untold = claims.untold.min(count);
        claims.untold -= untold;
        claims.claimed.extend(&made[untold..]);
    }

    /// Up to that offset claims were looked at, to be stored with the next commit.
    pub fn note_looked(&mut self, offset: i64) {
        if let Some(claims) = &mut self.claims {
            claims.note.looked = claims.note.looked.max(offset);
        }
    }
}

//! A body of PATCH: every field may be absent or null, which leave it as it is; but null clears the builder.

use super::aggregate::{BUILDER, FIELDS, check, unknown};
use super::field::{self, Kind, Members};
use crate::dialect::Fault;

/// What a body of PATCH changes.
#[derive(Clone, Debug)]
pub struct Patch {
    changes: Members,
    /// For people: fields that are not known.
    pub warnings: Vec<String>,
}

impl Patch {
    /// Reads a body.
    ///
    /// # Errors
    /// Every field of the wrong kind.
    pub fn read(body: &str) -> Result<Self, Vec<Fault>> {
        let members = field::body(body)?;
        let warnings = unknown(&members).collect();
        let mut changes = Members::new();
        let mut faults = Vec::new();
        for (name, raw) in members {
            let is_null = field::kind(&raw) == Kind::Null;
            if !FIELDS.contains(&name.as_str()) || (is_null && name != BUILDER) {
                continue;
            }
            let fault = if is_null { None } else { check(&name, &raw) };
            faults.extend(fault);
            changes.insert(name, raw);
        }
        // In the order of the fields, as a POST has them.
        faults.sort_by_key(|fault| FIELDS.iter().position(|name| fault.path_text() == **name));
        if faults.is_empty() { Ok(Self { changes, warnings }) } else { Err(faults) }
    }

    /// Whether it changes no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub(super) fn changes(&self) -> &Members {
        &self.changes
    }
}

//! What can be wrong with a total that is read back.

use std::fmt;

/// A kind of fault.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum AuditKind {
    /// It is no total.
    Unreadable,
    /// Its key, its id or its kind are not those of what it says.
    Misnamed,
    /// Revisions before it are not there.
    Lost,
    /// The revision was there before.
    Doubled,
    /// It comes behind a later revision, and is not known to have been there before.
    Disordered,
    /// `previous` is not the value of the revision before.
    Previous,
    /// `delta` is not `value` less `previous`.
    Delta,
}

impl AuditKind {
    /// Every kind.
    pub const ALL: [AuditKind; 7] = [
        AuditKind::Unreadable,
        AuditKind::Misnamed,
        AuditKind::Lost,
        AuditKind::Doubled,
        AuditKind::Disordered,
        AuditKind::Previous,
        AuditKind::Delta,
    ];

    /// The name that outsiders rely on.
    pub const fn name(self) -> &'static str {
        match self {
            AuditKind::Unreadable => "unreadable",
            AuditKind::Misnamed => "misnamed",
            AuditKind::Lost => "lost",
            AuditKind::Doubled => "doubled",
            AuditKind::Disordered => "disordered",
            AuditKind::Previous => "previous",
            AuditKind::Delta => "delta",
        }
    }
}

/// What is wrong with one revision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditFault<P> {
    /// In which way.
    pub kind: AuditKind,
    /// What would be right, for people.
    pub expected: String,
    /// What is there instead.
    pub found: String,
    /// The revision that it was held against, and its place.
    pub before: Option<(u64, P)>,
}

impl<P> fmt::Display for AuditFault<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AuditFault { kind, expected, found, .. } = self;
        write!(f, "{}: expected {expected}, found {found}", kind.name())
    }
}

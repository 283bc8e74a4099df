//! What becomes of an event (rule 1.4), and why one was refused (rules 1.6 to 1.8, 5.3 to 5.7).

/// The one way in which every event read ends (rule 1.4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Disposition {
    /// At least one metric folded it.
    Counted,
    /// Its id is remembered.
    Duplicate,
    /// No metric wanted it, or all that did passed it over.
    Unmatched,
    /// Refused for lateness alone.
    Late,
    /// Faulty, or refused for another reason.
    Invalid,
}

/// Why an event stands on the rejects output.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RejectReason {
    /// Over 1 MiB.
    TooLarge,
    /// Not one whole JSON object in UTF-8.
    Malformed,
    /// A required field is absent, null or `""`.
    MissingField,
    /// A field is of the wrong kind, too long, or no instant.
    BadField,
    /// Rule 1.6.
    InFuture,
    /// Rule 1.7.
    TooOld,
    /// Rule 5.3.
    BadFilter,
    /// Rule 5.4.
    BadGroup,
    /// Rules 3.1 and 5.3.
    BadValue,
    /// Rules 3.2 and 3.3.
    OutOfRange,
    /// Rule 7.3.
    Late,
    /// Rule 2.3; an entry only where configured.
    Duplicate,
    /// Rule 1.4; an entry only where configured.
    Unmatched,
}

impl RejectReason {
    /// Every reason, in the order of the documents.
    pub const ALL: [RejectReason; 13] = [
        RejectReason::Malformed,
        RejectReason::MissingField,
        RejectReason::BadField,
        RejectReason::TooLarge,
        RejectReason::InFuture,
        RejectReason::TooOld,
        RejectReason::BadValue,
        RejectReason::OutOfRange,
        RejectReason::BadFilter,
        RejectReason::BadGroup,
        RejectReason::Late,
        RejectReason::Duplicate,
        RejectReason::Unmatched,
    ];

    /// The reason of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// The name that outsiders rely on.
    pub const fn name(self) -> &'static str {
        match self {
            RejectReason::TooLarge => "too_large",
            RejectReason::Malformed => "malformed",
            RejectReason::MissingField => "missing_field",
            RejectReason::BadField => "bad_field",
            RejectReason::InFuture => "in_future",
            RejectReason::TooOld => "too_old",
            RejectReason::BadFilter => "bad_filter",
            RejectReason::BadGroup => "bad_group",
            RejectReason::BadValue => "bad_value",
            RejectReason::OutOfRange => "out_of_range",
            RejectReason::Late => "late",
            RejectReason::Duplicate => "duplicate",
            RejectReason::Unmatched => "unmatched",
        }
    }
}

/// One refusal: the event's record is named by its place in the batch, so that its text need not be copied here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reject {
    /// Why.
    pub reason: RejectReason,
    /// The event's tenant, where it could be read.
    pub tenant: Option<String>,
    /// Code of the metric that refused it, where one did.
    pub metric: Option<String>,
    /// A text for people: names the field or value, and what would be right.
    pub detail: String,
}

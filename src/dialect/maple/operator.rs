//! The names of comparators, and what each stands for.

/// What a comparator does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operator {
    /// Joins or turns other comparators.
    Logic(Logic),
    /// `=`, `<>`
    Equality {
        /// Whether it is true where they differ.
        is_negated: bool,
    },
    /// Compares numbers, by the sign that expressions have for it.
    Order(&'static str),
    /// One of a list.
    In {
        /// Whether it is true where none is the one.
        is_negated: bool,
    },
    /// Looks for a text in a text.
    Search {
        /// Whether it is true where it is not found.
        is_negated: bool,
        /// Where it may stand.
        place: Place,
    },
    /// Whether there is a value at all.
    Existence {
        /// Whether it is true where there is none.
        is_negated: bool,
    },
}

/// How conditions are joined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Logic {
    /// All of them.
    And,
    /// At least one.
    Or,
    /// None of them.
    Not,
}

/// Where in a text another one is looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// Anywhere.
    Anywhere,
    /// At its beginning.
    Start,
    /// At its end.
    End,
}

impl Operator {
    /// The operator of that name; case, blanks, `_` and `-` make no difference.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match plain(name).as_str() {
            "AND" | "ALL" => Operator::Logic(Logic::And),
            "OR" | "ANY" => Operator::Logic(Logic::Or),
            "NOT" | "NONE" => Operator::Logic(Logic::Not),
            "EQUALS" | "EQUAL" | "EQ" | "=" | "==" => Operator::Equality { is_negated: false },
            "NOTEQUALS" | "NOTEQUAL" | "NEQ" | "NE" | "!=" | "<>" => {
                Operator::Equality { is_negated: true }
            }
            "GREATERTHAN" | "GT" | ">" => Operator::Order(">"),
            "GREATERTHANOREQUAL" | "GREATERTHANOREQUALS" | "GTE" | ">=" => Operator::Order(">="),
            "LESSTHAN" | "LT" | "<" => Operator::Order("<"),
            "LESSTHANOREQUAL" | "LESSTHANOREQUALS" | "LTE" | "<=" => Operator::Order("<="),
            "IN" => Operator::In { is_negated: false },
            "NOTIN" => Operator::In { is_negated: true },
            "CONTAINS" => Operator::Search { is_negated: false, place: Place::Anywhere },
            "NOTCONTAINS" => Operator::Search { is_negated: true, place: Place::Anywhere },
            "STARTSWITH" => Operator::Search { is_negated: false, place: Place::Start },
            "ENDSWITH" => Operator::Search { is_negated: false, place: Place::End },
            "EXISTS" | "ISSET" => Operator::Existence { is_negated: false },
            "NOTEXISTS" | "ISNOTSET" => Operator::Existence { is_negated: true },
            _ => return None,
        })
    }
}

/// A name in capitals, without blanks, `_` and `-`.
pub(super) fn plain(name: &str) -> String {
    let letters = name.chars().filter(|letter| !matches!(letter, ' ' | '_' | '-'));
    letters.map(|letter| letter.to_ascii_uppercase()).collect()
}

//! Which truths an expression may have where it stands as a condition, for all that an event may hold.
//!
//! A filter that is refused whenever it is not passed over would refuse events one by one (rule 5.3): it is found when
//! it is read. It is told by kinds alone: a property may be anything, each other name is a text or a number, which is no
//! condition, and what may fail as it is worked out, such as a division, is left to the events.

use super::function::{CastTarget, Function};
use super::name::Name;
use super::tree::{Case, Node};

/// What may come out, over all events.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "a set of four outcomes")]
struct Truths {
    yes: bool,
    no: bool,
    null: bool,
    /// A number or a text, whatever the event holds: it is refused.
    refused: bool,
}

impl Truths {
    const NONE: Truths = Truths { yes: false, no: false, null: false, refused: false };
    const YES: Truths = Truths { yes: true, ..Truths::NONE };
    const NO: Truths = Truths { no: true, ..Truths::NONE };
    const NULL: Truths = Truths { null: true, ..Truths::NONE };
    const REFUSED: Truths = Truths { refused: true, ..Truths::NONE };
    const ANY: Truths = Truths { yes: true, no: true, null: true, refused: false };

    fn or(self, other: Truths) -> Truths {
        Truths {
            yes: self.yes || other.yes,
            no: self.no || other.no,
            null: self.null || other.null,
            refused: self.refused || other.refused,
        }
    }

    fn negated(self) -> Truths {
        Truths { yes: self.no, no: self.yes, ..self }
    }

    /// `self AND part`, where the part is looked at unless what stands before is false.
    fn and(self, part: Truths) -> Truths {
        let is_reached = self.yes || self.null;
        Truths {
            yes: self.yes && part.yes,
            no: self.no || (is_reached && part.no),
            null: (self.null && (part.yes || part.null)) || (self.yes && part.null),
            refused: self.refused || (is_reached && part.refused),
        }
    }
}

impl<N: Name> Node<N> {
    /// Whether an event may fulfil it where it stands as a condition, or none is refused by it.
    pub(super) fn can_hold(&self) -> bool {
        let truths = self.truths();
        truths.yes || !truths.refused
    }

    fn truths(&self) -> Truths {
        match self {
            Node::Null => Truths::NULL,
            Node::Boolean(true) => Truths::YES,
            Node::Boolean(false) => Truths::NO,
            Node::Name(name) if name.can_be_boolean() => Truths::ANY,
            Node::Comparison(..)
            | Node::In { .. }
            | Node::Between { .. }
            | Node::Like { .. }
            | Node::IsNull { .. }
            | Node::Cast(_, CastTarget::Boolean) => Truths::ANY,
            Node::Not(operand) => operand.truths().negated(),
            Node::And(parts) => parts.iter().map(Node::truths).fold(Truths::YES, Truths::and),
            Node::Or(parts) => parts
                .iter()
                .map(|part| part.truths().negated())
                .fold(Truths::YES, Truths::and)
                .negated(),
            Node::Case(case) => case.truths(),
            Node::Call(Function::Coalesce, arguments) => first_known(arguments),
            Node::Call(Function::NullIf, arguments) => {
                arguments.first().map_or(Truths::NULL, Node::truths).or(Truths::NULL)
            }
            Node::Call(Function::Contains | Function::StartsWith | Function::EndsWith, _) => {
                Truths::ANY
            }
            Node::Name(_) | Node::Number(_) | Node::OversizedNumber(_) | Node::Text(_) => {
                Truths::REFUSED
            }
            Node::Sign(..)
            | Node::Arithmetic(..)
            | Node::Concatenation(_)
            | Node::Numeric(_)
            | Node::Cast(..)
            | Node::Call(..) => Truths { null: true, ..Truths::REFUSED },
        }
    }
}

/// `COALESCE`: each argument where those before it are NULL.
fn first_known<N: Name>(arguments: &[Node<N>]) -> Truths {
    let mut all = Truths::NULL;
    for argument in arguments.iter().map(Node::truths) {
        if all.null {
            all = Truths { null: false, ..all }.or(argument);
        }
    }
    all
}

impl<N: Name> Case<N> {
    fn truths(&self) -> Truths {
        let mut all = Truths::NONE;
        for (condition, result) in &self.arms {
            let chosen = if self.operand.is_some() { Truths::ANY } else { condition.truths() };
            if chosen.yes {
                all = all.or(result.truths());
            }
            all.refused |= chosen.refused;
            if !(chosen.no || chosen.null) {
                return all;
            }
        }
        all.or(self.otherwise.as_ref().map_or(Truths::NULL, Node::truths))
    }
}

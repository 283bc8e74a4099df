//! The one spelling of a tree: for people, and to tell whether two definitions mean the same.
//!
//! Keywords and functions in capitals, one blank around operators, parentheses only where binding
//! asks for them, numbers in plain decimal. Reading it gives the same tree again.

use std::fmt::Write as _;

use super::function::CastTarget;
use super::name::Name;
use super::tree::{ArithmeticOperator, Binding, Case, ComparisonOperator, Node, Sign};

impl<N: Name> Node<N> {
    /// The normal form.
    pub(super) fn normal_form(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    /// As an operand that has to bind at least as tightly as `least`.
    fn write_operand(&self, least: Binding, text: &mut String) {
        if self.binding() >= least {
            self.write(text);
        } else {
            text.push('(');
            self.write(text);
            text.push(')');
        }
    }

    fn write(&self, text: &mut String) {
        let operand_binding = self.binding().of_operand();
        match self {
            Node::Null => text.push_str("NULL"),
            Node::Boolean(true) => text.push_str("TRUE"),
            Node::Boolean(false) => text.push_str("FALSE"),
            Node::Number(number) => write_displayed(number, text),
            Node::OversizedNumber(digits) => text.push_str(digits),
            Node::Text(content) => {
                text.push('\'');
                text.push_str(&content.replace('\'', "''"));
                text.push('\'');
            }
            Node::Name(name) => name.write(text),
            Node::Sign(sign, operand) => write_sign(*sign, operand, text),
            Node::Arithmetic(first, steps) => {
                first.write_operand(operand_binding, text);
                for (operator, operand) in steps {
                    text.push_str(operator.spelling());
                    operand.write_operand(operand_binding, text);
                }
            }
            Node::Concatenation(parts) => write_joined(parts, " || ", operand_binding, text),
            Node::Comparison(operator, parts) => {
                write_joined(parts.as_ref(), operator.spelling(), operand_binding, text);
            }
            Node::In { is_negated, operand, list } => {
                operand.write_operand(operand_binding, text);
                text.push_str(if *is_negated { " NOT IN (" } else { " IN (" });
                write_joined(list, ", ", Binding::Or, text);
                text.push(')');
            }
            Node::Between { is_negated, parts } => {
                let [operand, low, high] = parts.as_ref();
                operand.write_operand(operand_binding, text);
                text.push_str(if *is_negated { " NOT BETWEEN " } else { " BETWEEN " });
                low.write_operand(operand_binding, text);
                text.push_str(" AND ");
                high.write_operand(operand_binding, text);
            }
            Node::Like { is_negated, is_case_blind, parts } => {
                let keyword = match (is_negated, is_case_blind) {
                    (false, false) => " LIKE ",
                    (false, true) => " ILIKE ",
                    (true, false) => " NOT LIKE ",
                    (true, true) => " NOT ILIKE ",
                };
                write_joined(parts.as_ref(), keyword, operand_binding, text);
            }
            Node::IsNull { is_negated, operand } => {
                operand.write_operand(operand_binding, text);
                text.push_str(if *is_negated { " IS NOT NULL" } else { " IS NULL" });
            }
            Node::Not(operand) => {
                text.push_str("NOT ");
                operand.write_operand(operand_binding, text);
            }
            Node::And(parts) => write_joined(parts, " AND ", operand_binding, text),
            Node::Or(parts) => write_joined(parts, " OR ", operand_binding, text),
            Node::Case(case) => write_case(case, text),
            Node::Cast(operand, target) => {
                text.push_str("CAST(");
                operand.write(text);
                text.push_str(" AS ");
                write_target(*target, text);
                text.push(')');
            }
            Node::Call(function, arguments) => {
                text.push_str(function.name());
                text.push('(');
                write_joined(arguments, ", ", Binding::Or, text);
                text.push(')');
            }
        }
    }
}

fn write_joined<N: Name>(parts: &[Node<N>], between: &str, least: Binding, text: &mut String) {
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            text.push_str(between);
        }
        part.write_operand(least, text);
    }
}

fn write_sign<N: Name>(sign: Sign, operand: &Node<N>, text: &mut String) {
    text.push(match sign {
        Sign::Plus => '+',
        Sign::Minus => '-',
    });
    // Two signs without a blank would begin a comment.
    if matches!(operand, Node::Sign(..)) {
        text.push(' ');
    }
    operand.write_operand(Binding::Sign, text);
}

fn write_case<N: Name>(case: &Case<N>, text: &mut String) {
    text.push_str("CASE");
    if let Some(operand) = &case.operand {
        text.push(' ');
        operand.write(text);
    }
    for (condition, result) in &case.arms {
        text.push_str(" WHEN ");
        condition.write(text);
        text.push_str(" THEN ");
        result.write(text);
    }
    if let Some(otherwise) = &case.otherwise {
        text.push_str(" ELSE ");
        otherwise.write(text);
    }
    text.push_str(" END");
}

fn write_target(target: CastTarget, text: &mut String) {
    match target {
        CastTarget::Number => text.push_str("DECIMAL"),
        CastTarget::Decimal { precision, scale } => {
            write_displayed(&format_args!("DECIMAL({precision},{scale})"), text);
        }
        CastTarget::Integer => text.push_str("INTEGER"),
        CastTarget::Text => text.push_str("TEXT"),
        CastTarget::Boolean => text.push_str("BOOLEAN"),
    }
}

fn write_displayed(value: &impl std::fmt::Display, text: &mut String) {
    write!(text, "{value}").expect("a string takes all that is written");
}

impl ArithmeticOperator {
    fn spelling(self) -> &'static str {
        match self {
            ArithmeticOperator::Add => " + ",
            ArithmeticOperator::Subtract => " - ",
            ArithmeticOperator::Multiply => " * ",
            ArithmeticOperator::Divide => " / ",
            ArithmeticOperator::Remainder => " % ",
        }
    }
}

impl ComparisonOperator {
    fn spelling(self) -> &'static str {
        match self {
            ComparisonOperator::Equal => " = ",
            ComparisonOperator::NotEqual => " <> ",
            ComparisonOperator::Less => " < ",
            ComparisonOperator::LessOrEqual => " <= ",
            ComparisonOperator::Greater => " > ",
            ComparisonOperator::GreaterOrEqual => " >= ",
        }
    }
}

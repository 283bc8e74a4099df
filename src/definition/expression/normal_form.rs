//! The one spelling of a tree: for people, and to tell whether two definitions mean the same.
//!
//! Keywords and functions in capitals, one blank around operators, parentheses only where binding
//! asks for them, numbers in plain decimal. Reading it gives the same tree again.

use std::fmt::Write as _;

use super::function::CastTarget;
use super::grammar::Grammar;
use super::name::Name;
use super::tree::{ArithmeticOperator, Binding, Case, ComparisonOperator, Node, Sign};

/// What is written so far, and by which grammar.
struct Pen {
    text: String,
    grammar: Grammar,
}

impl<N: Name> Node<N> {
    /// The normal form.
    pub(super) fn normal_form(&self, grammar: Grammar) -> String {
        let mut pen = Pen { text: String::new(), grammar };
        self.write(&mut pen);
        pen.text
    }

    /// As an operand that has to bind at least as tightly as `least`.
    fn write_operand(&self, least: Binding, pen: &mut Pen) {
        if self.binding() >= least {
            self.write(pen);
        } else {
            pen.text.push('(');
            self.write(pen);
            pen.text.push(')');
        }
    }

    fn write(&self, pen: &mut Pen) {
        let operand_binding = self.binding().of_operand();
        match self {
            Node::Null => pen.text.push_str("NULL"),
            Node::Boolean(true) => pen.text.push_str("TRUE"),
            Node::Boolean(false) => pen.text.push_str("FALSE"),
            Node::Number(number) => write_displayed(number, pen),
            Node::OversizedNumber(digits) => pen.text.push_str(digits),
            Node::Text(content) => {
                pen.text.push('\'');
                pen.text.push_str(&content.replace('\'', "''"));
                pen.text.push('\'');
            }
            Node::Name(name) => name.write(&mut pen.text, pen.grammar),
            Node::Numeric(operand) => operand.write(pen),
            Node::Sign(sign, operand) => write_sign(*sign, operand, pen),
            Node::Arithmetic(first, steps) => {
                first.write_operand(operand_binding, pen);
                for (operator, operand) in steps {
                    pen.text.push_str(operator.spelling());
                    operand.write_operand(operand_binding, pen);
                }
            }
            Node::Concatenation(parts) => write_joined(parts, " || ", operand_binding, pen),
            Node::Comparison(operator, parts) => {
                write_joined(parts.as_ref(), operator.spelling(), operand_binding, pen);
            }
            Node::In { is_negated, operand, list } => {
                operand.write_operand(operand_binding, pen);
                pen.text.push_str(if *is_negated { " NOT IN (" } else { " IN (" });
                write_joined(list, ", ", Binding::Or, pen);
                pen.text.push(')');
            }
            Node::Between { is_negated, parts } => {
                let [operand, low, high] = parts.as_ref();
                operand.write_operand(operand_binding, pen);
                pen.text.push_str(if *is_negated { " NOT BETWEEN " } else { " BETWEEN " });
                low.write_operand(operand_binding, pen);
                pen.text.push_str(" AND ");
                high.write_operand(operand_binding, pen);
            }
            Node::Like { is_negated, is_case_blind, parts } => {
                let keyword = match (is_negated, is_case_blind) {
                    (false, false) => " LIKE ",
                    (false, true) => " ILIKE ",
                    (true, false) => " NOT LIKE ",
                    (true, true) => " NOT ILIKE ",
                };
                write_joined(parts.as_ref(), keyword, operand_binding, pen);
            }
            Node::IsNull { is_negated, operand } => {
                operand.write_operand(operand_binding, pen);
                pen.text.push_str(if *is_negated { " IS NOT NULL" } else { " IS NULL" });
            }
            Node::Not(operand) => {
                pen.text.push_str("NOT ");
                operand.write_operand(operand_binding, pen);
            }
            Node::And(parts) => write_joined(parts, " AND ", operand_binding, pen),
            Node::Or(parts) => write_joined(parts, " OR ", operand_binding, pen),
            Node::Case(case) => write_case(case, pen),
            Node::Cast(operand, target) => {
                pen.text.push_str("CAST(");
                operand.write(pen);
                pen.text.push_str(" AS ");
                write_target(*target, pen);
                pen.text.push(')');
            }
            Node::Call(function, arguments) => {
                match pen.grammar {
                    Grammar::Native | Grammar::Maple => pen.text.push_str(function.name()),
                    Grammar::Lago => pen.text.push_str(&function.name().to_ascii_lowercase()),
                }
                pen.text.push('(');
                write_joined(arguments, ", ", Binding::Or, pen);
                pen.text.push(')');
            }
        }
    }
}

fn write_joined<N: Name>(parts: &[Node<N>], between: &str, least: Binding, pen: &mut Pen) {
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            pen.text.push_str(between);
        }
        part.write_operand(least, pen);
    }
}

fn write_sign<N: Name>(sign: Sign, operand: &Node<N>, pen: &mut Pen) {
    pen.text.push(match sign {
        Sign::Plus => '+',
        Sign::Minus => '-',
    });
    match (operand, pen.grammar) {
        // Lago knows one sign.
        (Node::Sign(..), Grammar::Lago) => {
            pen.text.push('(');
            operand.write(pen);
            pen.text.push(')');
        }
        (Node::Sign(..), _) => {
            // Two signs without a blank would begin a comment.
            pen.text.push(' ');
            operand.write(pen);
        }
        _ => operand.write_operand(Binding::Sign, pen),
    }
}

fn write_case<N: Name>(case: &Case<N>, pen: &mut Pen) {
    pen.text.push_str("CASE");
    if let Some(operand) = &case.operand {
        pen.text.push(' ');
        operand.write(pen);
    }
    for (condition, result) in &case.arms {
        pen.text.push_str(" WHEN ");
        condition.write(pen);
        pen.text.push_str(" THEN ");
        result.write(pen);
    }
    if let Some(otherwise) = &case.otherwise {
        pen.text.push_str(" ELSE ");
        otherwise.write(pen);
    }
    pen.text.push_str(" END");
}

fn write_target(target: CastTarget, pen: &mut Pen) {
    match target {
        CastTarget::Number => pen.text.push_str("DECIMAL"),
        CastTarget::Decimal { precision, scale } => {
            write_displayed(&format_args!("DECIMAL({precision},{scale})"), pen);
        }
        CastTarget::Integer => pen.text.push_str("INTEGER"),
        CastTarget::Text => pen.text.push_str("TEXT"),
        CastTarget::Boolean => pen.text.push_str("BOOLEAN"),
    }
}

fn write_displayed(value: &impl std::fmt::Display, pen: &mut Pen) {
    write!(pen.text, "{value}").expect("a string takes all that is written");
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

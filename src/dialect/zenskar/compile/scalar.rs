//! Expressions as native text. Every operator's operands stand in parentheses: the normal form leaves out what it does not need.

use super::function;
use super::measure::is_aggregate;
use crate::definition;
use crate::dialect::spelling::literal;
use crate::dialect::zenskar::sql::Refusal;
use crate::dialect::zenskar::sql::tree::{Case, Comparison, Expression, Node, Operator};
use crate::model::Number;

/// Longest text that is written, which native expressions also have as their limit.
const TEXT_BYTES_MAX: usize = 16 * 1024;

/// What the names of an expression stand for.
pub(super) trait Names {
    /// The native text of a name, or of a call that is one; `None` for anything else.
    fn resolve(&mut self, expression: &Expression) -> Result<Option<String>, Refusal>;
}

/// The expression as native text, which may stand as an operand.
pub(super) fn text(expression: &Expression, names: &mut dyn Names) -> Result<String, Refusal> {
    let text = match names.resolve(expression)? {
        Some(text) => text,
        None => written(expression, names)?,
    };
    // What is written twice doubles at every level: it is not let grow beyond what can be read.
    if text.len() > TEXT_BYTES_MAX {
        return Err(Refusal::new(expression.place, "too long where it is written out: split it"));
    }
    Ok(text)
}

/// The expression as native text where a condition stands. A literal number is its truth there, as databases have it: 0 is
/// false, any other one true. What else is no boolean would refuse every event.
pub(super) fn condition(expression: &Expression, names: &mut dyn Names) -> Result<String, Refusal> {
    let number = match &expression.node {
        Node::Negative(operand) => &operand.node,
        node => node,
    };
    if let Node::Number(digits) = number {
        let is_zero = Number::parse_json(digits) == Ok(Number::ZERO);
        return Ok(if is_zero { "FALSE" } else { "TRUE" }.to_owned());
    }
    let text = text(expression, names)?;
    if definition::Expression::parse(&text).is_ok_and(|read| !read.can_hold()) {
        return Err(Refusal::new(
            expression.place,
            "no condition, whatever the event holds: it is true or false when compared, as in \
             data.key > 0",
        ));
    }
    Ok(text)
}

fn conditions(
    parts: &[Expression],
    between: &str,
    names: &mut dyn Names,
) -> Result<String, Refusal> {
    let parts: Result<Vec<String>, Refusal> =
        parts.iter().map(|part| condition(part, names)).collect();
    Ok(parts?.join(between))
}

fn written(expression: &Expression, names: &mut dyn Names) -> Result<String, Refusal> {
    let place = expression.place;
    Ok(match &expression.node {
        Node::Null => "NULL".to_owned(),
        Node::Boolean(true) => "TRUE".to_owned(),
        Node::Boolean(false) => "FALSE".to_owned(),
        Node::Number(digits) => digits.clone(),
        Node::Text(content) => literal(content),
        Node::Template(_) => return Err(Refusal::new(place, STRAY_TEMPLATE)),
        Node::Interval(..) => {
            return Err(Refusal::new(place, "INTERVAL stands only in toStartOfInterval"));
        }
        Node::Star => return Err(Refusal::new(place, "`*` stands only in COUNT(*)")),
        Node::Name(_) | Node::Key(..) => {
            return Err(Refusal::new(place, "a column has no value here"));
        }
        Node::Negative(operand) => format!("(- {})", text(operand, names)?),
        Node::Arithmetic(first, steps) => {
            let mut written = format!("({}", text(first, names)?);
            for (operator, operand) in steps {
                written.push_str(spelling(*operator));
                written.push_str(&text(operand, names)?);
            }
            written + ")"
        }
        Node::Comparison(comparison, parts) => {
            let [left, right] = parts.as_ref();
            compared(*comparison, [left, right], names)?
        }
        Node::In { is_negated, operand, list } => {
            let operand = text(operand, names)?;
            let list = listed(list, names)?;
            let negation = if *is_negated { "NOT " } else { "" };
            format!("({operand} {negation}IN ({list}))")
        }
        Node::Between { is_negated, parts } => {
            let [operand, low, high] = parts.as_ref();
            let negation = if *is_negated { "NOT " } else { "" };
            let (operand, low) = (text(operand, names)?, text(low, names)?);
            format!("({operand} {negation}BETWEEN {low} AND {})", text(high, names)?)
        }
        Node::Like { is_negated, is_case_blind, operand, pattern } => {
            let negation = if *is_negated { "NOT " } else { "" };
            let keyword = if *is_case_blind { "ILIKE" } else { "LIKE" };
            format!("({} {negation}{keyword} {})", text(operand, names)?, literal(pattern))
        }
        Node::IsNull { is_negated, operand } => {
            let negation = if *is_negated { "NOT " } else { "" };
            format!("({} IS {negation}NULL)", text(operand, names)?)
        }
        Node::Not(operand) => format!("(NOT {})", condition(operand, names)?),
        Node::And(parts) => format!("({})", conditions(parts, " AND ", names)?),
        Node::Or(parts) => format!("({})", conditions(parts, " OR ", names)?),
        Node::Case(case) => case_text(case, names)?,
        Node::Cast(operand, target) => function::cast(operand, target, names)?,
        Node::Call(_) if is_aggregate(expression) => {
            return Err(Refusal::new(place, "an aggregate stands only in what is selected"));
        }
        Node::Call(call) => function::call(call, place, names)?,
    })
}

pub(super) const STRAY_TEMPLATE: &str = "a template stands only where customer_id or timestamp is compared with \
     it, and is joined to the rest of WHERE by AND";

/// Expressions with something between.
pub(super) fn joined(
    parts: &[Expression],
    between: &str,
    names: &mut dyn Names,
) -> Result<String, Refusal> {
    let parts: Result<Vec<String>, Refusal> = parts.iter().map(|part| text(part, names)).collect();
    Ok(parts?.join(between))
}

/// A text that databases read as a boolean where they compare it with one.
fn as_boolean(expression: &Expression) -> Option<&'static str> {
    match &expression.node {
        Node::Text(content) if content == "true" => Some("TRUE"),
        Node::Text(content) if content == "false" => Some("FALSE"),
        _ => None,
    }
}

/// `data.ok = 'true'` holds for the boolean too, which as text is the same and in rule 5.2 is not.
fn compared(
    comparison: Comparison,
    [left, right]: [&Expression; 2],
    names: &mut dyn Names,
) -> Result<String, Refusal> {
    let boolean = as_boolean(right).map(|boolean| (left, right, boolean));
    let boolean = boolean.or_else(|| as_boolean(left).map(|boolean| (right, left, boolean)));
    let equality = match comparison {
        Comparison::Equal => Some(""),
        Comparison::NotEqual => Some("NOT "),
        Comparison::Less
        | Comparison::LessOrEqual
        | Comparison::Greater
        | Comparison::GreaterOrEqual => None,
    };
    if let (Some(negation), Some((operand, literal, boolean))) = (equality, boolean) {
        let (operand, literal) = (text(operand, names)?, text(literal, names)?);
        return Ok(format!("({operand} {negation}IN ({literal}, {boolean}))"));
    }
    let operator = match comparison {
        Comparison::Equal => "=",
        Comparison::NotEqual => "<>",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    };
    let left = text(left, names)?;
    Ok(format!("({left} {operator} {})", text(right, names)?))
}

fn listed(list: &[Expression], names: &mut dyn Names) -> Result<String, Refusal> {
    let mut texts = Vec::new();
    for element in list {
        texts.push(text(element, names)?);
        texts.extend(as_boolean(element).map(str::to_owned));
    }
    Ok(texts.join(", "))
}

fn case_text(case: &Case, names: &mut dyn Names) -> Result<String, Refusal> {
    let mut written = "CASE".to_owned();
    // An arm that is a boolean too is compared as elsewhere, which CASE itself would not do.
    let is_searched = case.arms.iter().any(|(condition, _)| as_boolean(condition).is_some());
    let operand = case.operand.as_ref();
    let compared_with = operand.filter(|_| is_searched);
    if let Some(operand) = operand.filter(|_| !is_searched) {
        written.push(' ');
        written.push_str(&text(operand, names)?);
    }
    for (condition, result) in &case.arms {
        written.push_str(" WHEN ");
        written.push_str(&match compared_with {
            Some(operand) => compared(Comparison::Equal, [operand, condition], names)?,
            None if operand.is_some() => text(condition, names)?,
            None => self::condition(condition, names)?,
        });
        written.push_str(" THEN ");
        written.push_str(&text(result, names)?);
    }
    if let Some(otherwise) = &case.otherwise {
        written.push_str(" ELSE ");
        written.push_str(&text(otherwise, names)?);
    }
    Ok(written + " END")
}

fn spelling(operator: Operator) -> &'static str {
    match operator {
        Operator::Add => " + ",
        Operator::Subtract => " - ",
        Operator::Multiply => " * ",
        Operator::Divide => " / ",
        Operator::Remainder => " % ",
        Operator::Concatenate => " || ",
    }
}

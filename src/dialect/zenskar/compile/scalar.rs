//! Expressions as native text, each with its kind. Every operator's operands stand in parentheses: the normal form leaves out what
//! it does not need.

use super::function;
use super::kind::{Kind, NO_CONDITION, Typed, Wanted};
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
    /// A name, or a call that is one; `None` for anything else.
    fn resolve(&mut self, expression: &Expression) -> Result<Option<Typed>, Refusal>;
}

/// The expression as native text, which may stand as an operand.
pub(super) fn text(expression: &Expression, names: &mut dyn Names) -> Result<String, Refusal> {
    Ok(read(expression, Wanted::Anything, names)?.text)
}

/// The expression as native text where a number is wanted: what is true or false is 1 or 0 there.
pub(super) fn number(expression: &Expression, names: &mut dyn Names) -> Result<String, Refusal> {
    Ok(read(expression, Wanted::Number, names)?.text)
}

/// The expression as native text where a condition stands. A literal number is its truth there, as databases have it: 0 is
/// false, any other one true.
pub(super) fn condition(expression: &Expression, names: &mut dyn Names) -> Result<String, Refusal> {
    Ok(read(expression, Wanted::Condition, names)?.text)
}

/// The expression as what its place wants.
pub(super) fn read(
    expression: &Expression,
    wanted: Wanted,
    names: &mut dyn Names,
) -> Result<Typed, Refusal> {
    let place = expression.place;
    let found = match names.resolve(expression)? {
        Some(found) => found,
        None => written(expression, wanted, names)?,
    };
    let found = found.fitted(wanted, place)?;
    // What is written twice doubles at every level: it is not let grow beyond what can be read.
    if found.text.len() > TEXT_BYTES_MAX {
        return Err(Refusal::new(place, "too long where it is written out: split it"));
    }
    // Of what is known without an event, more than the kind is told.
    if wanted == Wanted::Condition
        && definition::Expression::parse(&found.text).is_ok_and(|read| !read.can_hold())
    {
        return Err(Refusal::new(place, NO_CONDITION));
    }
    Ok(found)
}

/// Expressions that all stand where the same is wanted, with something between.
pub(super) fn joined(
    parts: &[Expression],
    between: &str,
    wanted: Wanted,
    names: &mut dyn Names,
) -> Result<String, Refusal> {
    let parts: Result<Vec<String>, Refusal> =
        parts.iter().map(|part| Ok(read(part, wanted, names)?.text)).collect();
    Ok(parts?.join(between))
}

/// Expressions that are compared with one another, or of which one is chosen, and their kind: beside a number true and false are
/// 1 and 0.
pub(super) fn alike<'e>(
    parts: impl IntoIterator<Item = &'e Expression>,
    wanted: Wanted,
    names: &mut dyn Names,
) -> Result<(Vec<String>, Kind), Refusal> {
    let parts: Vec<&Expression> = parts.into_iter().collect();
    let mut found = Vec::new();
    for part in &parts {
        found.push(read(part, wanted, names)?);
    }
    let has = |kind: Kind| found.iter().any(|one| one.kind == kind);
    if has(Kind::Boolean) {
        let is_text = |(_, one): &(&&Expression, &Typed)| one.kind == Kind::Text;
        if let Some((part, _)) = parts.iter().zip(&found).find(is_text) {
            let message = "a text beside what is true or false: compare with TRUE or FALSE";
            return Err(Refusal::new(part.place, message));
        }
        if has(Kind::Number) {
            found = found.into_iter().map(Typed::into_number).collect();
        }
    }
    let known = parts.iter().zip(&found).filter(|(part, _)| !matches!(part.node, Node::Null));
    let kinds: Vec<Kind> = known.map(|(_, one)| one.kind).collect();
    Ok((found.into_iter().map(|one| one.text).collect(), Kind::common(&kinds)))
}

/// What a literal number is where a condition stands.
fn truth(expression: &Expression) -> Option<&'static str> {
    let digits = match &expression.node {
        Node::Number(digits) => digits,
        Node::Negative(operand) => match &operand.node {
            Node::Number(digits) => digits,
            _ => return None,
        },
        _ => return None,
    };
    let is_zero = Number::parse_json(digits) == Ok(Number::ZERO);
    Some(if is_zero { "FALSE" } else { "TRUE" })
}

fn written(
    expression: &Expression,
    wanted: Wanted,
    names: &mut dyn Names,
) -> Result<Typed, Refusal> {
    let place = expression.place;
    if let Some(truth) = truth(expression).filter(|_| wanted == Wanted::Condition) {
        return Ok(Kind::Boolean.of(truth));
    }
    let negated = |is_negated: bool| if is_negated { "NOT " } else { "" };
    Ok(match &expression.node {
        Node::Null => Kind::Unknown.of("NULL"),
        Node::Boolean(true) => Kind::Boolean.of("TRUE"),
        Node::Boolean(false) => Kind::Boolean.of("FALSE"),
        Node::Number(digits) => Kind::Number.of(digits),
        Node::Text(content) => Kind::Text.of(literal(content)),
        Node::Template(_) => return Err(Refusal::new(place, STRAY_TEMPLATE)),
        Node::Interval(..) => {
            return Err(Refusal::new(place, "INTERVAL stands only in toStartOfInterval"));
        }
        Node::Star => return Err(Refusal::new(place, "`*` stands only in COUNT(*)")),
        Node::Name(_) | Node::Key(..) => {
            return Err(Refusal::new(place, "a column has no value here"));
        }
        Node::Negative(operand) => Kind::Number.of(format!("(- {})", number(operand, names)?)),
        Node::Arithmetic(first, steps) => arithmetic(first, steps, names)?,
        Node::Comparison(comparison, parts) => {
            let [left, right] = parts.as_ref();
            Kind::Boolean.of(compared(*comparison, [left, right], names)?)
        }
        Node::In { is_negated, operand, list } => {
            Kind::Boolean.of(among(operand, negated(*is_negated), list, names)?)
        }
        Node::Between { is_negated, parts } => {
            let (mut texts, _) = alike(parts.iter(), Wanted::Anything, names)?;
            let bounds = texts.split_off(1).join(" AND ");
            Kind::Boolean.of(format!(
                "({} {}BETWEEN {bounds})",
                texts.concat(),
                negated(*is_negated)
            ))
        }
        Node::Like { is_negated, is_case_blind, operand, pattern } => {
            let negation = negated(*is_negated);
            let keyword = if *is_case_blind { "ILIKE" } else { "LIKE" };
            let operand = read(operand, Wanted::Text, names)?.text;
            Kind::Boolean.of(format!("({operand} {negation}{keyword} {})", literal(pattern)))
        }
        Node::IsNull { is_negated, operand } => {
            let negation = negated(*is_negated);
            Kind::Boolean.of(format!("({} IS {negation}NULL)", text(operand, names)?))
        }
        Node::Not(operand) => Kind::Boolean.of(format!("(NOT {})", condition(operand, names)?)),
        Node::And(parts) => {
            Kind::Boolean.of(format!("({})", joined(parts, " AND ", Wanted::Condition, names)?))
        }
        Node::Or(parts) => {
            Kind::Boolean.of(format!("({})", joined(parts, " OR ", Wanted::Condition, names)?))
        }
        Node::Case(case) => case_of(case, wanted, names)?,
        Node::Cast(operand, target) => function::cast(operand, target, names)?,
        Node::Call(_) if is_aggregate(expression) => {
            return Err(Refusal::new(place, "an aggregate stands only in what is selected"));
        }
        Node::Call(call) => function::call(call, place, wanted, names)?,
    })
}

fn arithmetic(
    first: &Expression,
    steps: &[(Operator, Expression)],
    names: &mut dyn Names,
) -> Result<Typed, Refusal> {
    // Concatenation has a rank of its own.
    let is_text = steps.iter().any(|(operator, _)| *operator == Operator::Concatenate);
    let (wanted, kind) =
        if is_text { (Wanted::Text, Kind::Text) } else { (Wanted::Number, Kind::Number) };
    let mut written = format!("({}", read(first, wanted, names)?.text);
    for (operator, operand) in steps {
        written.push_str(spelling(*operator));
        written.push_str(&read(operand, wanted, names)?.text);
    }
    Ok(kind.of(written + ")"))
}

pub(super) const STRAY_TEMPLATE: &str = "a template stands only where customer_id or timestamp is compared with \
     it, and is joined to the rest of WHERE by AND";

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
        Comparison::Equal => " = ",
        Comparison::NotEqual => " <> ",
        Comparison::Less => " < ",
        Comparison::LessOrEqual => " <= ",
        Comparison::Greater => " > ",
        Comparison::GreaterOrEqual => " >= ",
    };
    let (texts, _) = alike([left, right], Wanted::Anything, names)?;
    Ok(format!("({})", texts.join(operator)))
}

fn among(
    operand: &Expression,
    negation: &str,
    list: &[Expression],
    names: &mut dyn Names,
) -> Result<String, Refusal> {
    // A text that is a boolean too is found by one, and is no text beside it.
    let others = list.iter().filter(|element| as_boolean(element).is_none());
    let (mut texts, _) = alike(std::iter::once(operand).chain(others), Wanted::Anything, names)?;
    let mut others = texts.split_off(1).into_iter();
    let mut written = Vec::new();
    for element in list {
        match as_boolean(element) {
            Some(boolean) => written.extend([text(element, names)?, boolean.to_owned()]),
            None => written.extend(others.next()),
        }
    }
    Ok(format!("({} {negation}IN ({}))", texts.concat(), written.join(", ")))
}

fn case_of(case: &Case, wanted: Wanted, names: &mut dyn Names) -> Result<Typed, Refusal> {
    let conditions = || case.arms.iter().map(|(condition, _)| condition);
    let mut written = "CASE".to_owned();
    // An arm that is a boolean too is compared as elsewhere, which CASE itself would not do.
    let is_searched = conditions().any(|condition| as_boolean(condition).is_some());
    let mut whens = Vec::new();
    match &case.operand {
        Some(operand) if is_searched => {
            for condition in conditions() {
                whens.push(compared(Comparison::Equal, [operand, condition], names)?);
            }
        }
        Some(operand) => {
            let parts = std::iter::once(operand).chain(conditions());
            let (mut texts, _) = alike(parts, Wanted::Anything, names)?;
            whens = texts.split_off(1);
            written.extend(texts.iter().flat_map(|operand| [" ", operand]));
        }
        None => {
            for condition in conditions() {
                whens.push(self::condition(condition, names)?);
            }
        }
    }
    let results = case.arms.iter().map(|(_, result)| result).chain(&case.otherwise);
    let (results, kind) = alike(results, wanted, names)?;
    let mut results = results.into_iter();
    for (when, then) in whens.into_iter().zip(&mut results) {
        written.extend([" WHEN ", &when, " THEN ", &then]);
    }
    for otherwise in results {
        written.extend([" ELSE ", &otherwise]);
    }
    Ok(kind.of(written + " END"))
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

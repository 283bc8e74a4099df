//! What becomes of queries.

use std::borrow::Borrow;

use serde_json::{Value, json};

use super::query;

mod accepted;
mod hostile;
mod refused;

#[track_caller]
fn check(sql: &str, native: impl Borrow<Value>) {
    check_warned(sql, native, &[]);
}

/// Each warning holds its piece of text, in that order.
#[track_caller]
fn check_warned(sql: &str, native: impl Borrow<Value>, pieces: &[&str]) {
    let compiled = query(sql).unwrap_or_else(|refusal| panic!("{sql}: {}", refusal.text()));
    assert_eq!(&Value::Object(compiled.native), native.borrow(), "{sql}");
    let warnings = compiled.warnings;
    assert_eq!(warnings.len(), pieces.len(), "{sql}: {warnings:?}");
    for (warning, piece) in warnings.iter().zip(pieces) {
        assert!(warning.contains(piece), "{sql}: {warning}");
    }
}

#[track_caller]
fn refuse(sql: &str, message: &str) {
    match query(sql) {
        Ok(compiled) => panic!("{sql}: {:?}", compiled.native),
        Err(refusal) => assert_eq!(refusal.text(), message, "{sql}"),
    }
}

/// What a scalar over events becomes, of any kind.
#[track_caller]
fn value(scalar: &str, native: &str) {
    let sql = format!("SELECT COUNT(DISTINCT {scalar}) FROM t");
    value_of(&sql, native);
}

/// What it becomes where a number is wanted.
#[track_caller]
fn number(scalar: &str, native: &str) {
    for aggregate in
        ["SUM(?)", "AVG(?)", "MIN(?)", "MAX(?)", "argMax(?, timestamp)", "quantile(0.5)(?)"]
    {
        value_of(&format!("SELECT {} FROM t", aggregate.replace('?', scalar)), native);
    }
}

#[track_caller]
fn value_of(sql: &str, native: &str) {
    let compiled = query(sql).unwrap_or_else(|refusal| panic!("{sql}: {}", refusal.text()));
    assert_eq!(compiled.native.get("value"), Some(&json!(native)), "{sql}");
}

/// What a condition becomes.
#[track_caller]
fn filter(condition: &str, native: &str) {
    let sql = format!("SELECT COUNT(*) FROM t WHERE {condition}");
    let compiled = query(&sql).unwrap_or_else(|refusal| panic!("{sql}: {}", refusal.text()));
    assert_eq!(compiled.native.get("filter"), Some(&json!(native)), "{sql}");
}

/// What a selected item becomes: the definition without its type.
#[track_caller]
fn item(item: &str, mut native: Value) {
    native["event_type"] = json!("t");
    let sql = format!("SELECT {item} FROM t");
    let compiled = query(&sql).unwrap_or_else(|refusal| panic!("{sql}: {}", refusal.text()));
    assert_eq!(Value::Object(compiled.native), native, "{sql}");
}

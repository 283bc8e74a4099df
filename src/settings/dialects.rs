//! What other systems' APIs cannot say: keys `admin.tenants` and `admin.dialects`.

use std::collections::BTreeMap;

use super::reader::{Faulty, Field, Table};
use crate::admin::{Dialects, LagoErrors, TenantNames, Tenants};
use crate::dialect::{Defaults, Native};
use crate::format::definitions::read_body;

pub(super) const KEYS: [&str; 3] = ["lago", "maple", "zenskar"];
const TENANT_KEYS: [&str; 4] =
    ["tenant", "lago_organization", "maple_company", "zenskar_organisation"];

/// What every system's API lacks.
pub(super) const MAPLE_KEYS: [&str; 6] = Defaults::KEYS;
pub(super) const LAGO_KEYS: [&str; 7] =
    ["period", "timezone", "anchor", "grace", "late", "topic", "errors"];
pub(super) const ZENSKAR_KEYS: [&str; 7] =
    ["period", "timezone", "anchor", "grace", "late", "topic", "datasources"];

/// Reads `admin.tenants`.
pub(super) fn tenants(field: &Field<'_>) -> Result<Tenants, Faulty> {
    let fields = field.list("tables, one for each tenant")?;
    let mut all = Vec::with_capacity(fields.len());
    let mut outcome = Ok(());
    for field in &fields {
        match names(field) {
            Ok(names) => all.push((field, names)),
            Err(faulty) => outcome = Err(faulty),
        }
    }
    for (at, (field, names)) in all.iter().enumerate() {
        let mut before = all.iter().take(at).map(|(_, before)| before);
        if let Some(key) = before.find_map(|before| shared(before, names)) {
            outcome = Err(field.fault(format!(
                "has the {key} of another entry: a tenant has one entry, and each of its names is its own"
            )));
        }
    }
    outcome?;
    Ok(Tenants(all.into_iter().map(|(_, names)| names).collect()))
}

fn names(field: &Field<'_>) -> Result<TenantNames, Faulty> {
    let table = field.table(&TENANT_KEYS)?;
    let tenant = table.required("tenant", "a tenant's name", |field| field.name(1..=512));
    let lago = table.optional("lago_organization", |field| field.name(1..=512));
    let maple = table.optional("maple_company", |field| {
        let name = field.name(1..=512)?;
        let wanted = "a company's id, which begins with cmp_";
        if name.starts_with("cmp_") { Ok(name) } else { Err(field.unexpected(wanted)) }
    });
    let zenskar = table.optional("zenskar_organisation", |field| {
        let name = field.name(1..=512)?;
        // Calls may write it in capitals too.
        if is_uuid(&name) { Ok(name.to_ascii_lowercase()) } else { Err(field.unexpected("a UUID")) }
    });
    Ok(TenantNames {
        tenant: tenant?,
        lago_organization: lago?,
        maple_company: maple?,
        zenskar_organisation: zenskar?,
    })
}

/// The key that has one value in both.
fn shared(one: &TenantNames, other: &TenantNames) -> Option<&'static str> {
    let same = |of: fn(&TenantNames) -> Option<&str>| of(one).is_some() && of(one) == of(other);
    let [tenant, lago, maple, zenskar] = TENANT_KEYS;
    [
        (tenant, same(|names| Some(&names.tenant))),
        (lago, same(|names| names.lago_organization.as_deref())),
        (maple, same(|names| names.maple_company.as_deref())),
        (zenskar, same(|names| names.zenskar_organisation.as_deref())),
    ]
    .into_iter()
    .find_map(|(key, is_same)| is_same.then_some(key))
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let is_hex = |group: &&str| group.bytes().all(|byte| byte.is_ascii_hexdigit());
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]) && groups.iter().all(is_hex)
}

/// Reads `admin.dialects`.
pub(super) fn dialects(table: &Table<'_>) -> Result<Dialects, Faulty> {
    let lago = table.section("lago", &LAGO_KEYS);
    let errors = [("documented", LagoErrors::Documented), ("server", LagoErrors::Server)];
    let errors = lago.as_ref().map_err(|faulty| *faulty).and_then(|lago| {
        lago.value_or("errors", LagoErrors::Documented, |field| field.choice(&errors))
    });
    let lago = lago.and_then(|lago| defaults(&lago));
    let maple = table.section("maple", &MAPLE_KEYS).and_then(|maple| defaults(&maple));
    let zenskar = table.section("zenskar", &ZENSKAR_KEYS);
    let datasources = zenskar.as_ref().map_err(|faulty| *faulty).and_then(|zenskar| {
        zenskar.value_or("datasources", BTreeMap::new(), |field| {
            let entries = field.entries()?.into_iter();
            entries.map(|(name, field)| Ok((name, field.topic_name()?))).collect()
        })
    });
    let zenskar = zenskar.and_then(|zenskar| defaults(&zenskar));
    Ok(Dialects {
        lago: lago?,
        lago_errors: errors?,
        maple: maple?,
        zenskar: zenskar?,
        zenskar_datasources: datasources?,
    })
}

/// Reads what definitions begin with; values are those of a native definition.
fn defaults(table: &Table<'_>) -> Result<Defaults, Faulty> {
    let text = |key: &str| table.optional(key, Field::text);
    let anchor = table.optional("anchor", |field| field.whole_number(1..=31));
    let read = Defaults {
        period: text("period")?,
        timezone: text("timezone")?,
        anchor: anchor?.map(|day| u8::try_from(day).expect("at most 31")),
        grace: text("grace")?,
        late: text("late")?,
        topic: table.optional("topic", Field::topic_name)?,
    };
    let mut native = Native::new();
    read.fill(&mut native);
    for key in ["code", "event_type"] {
        native.insert(key.to_owned(), "x".into());
    }
    native.insert("aggregation".to_owned(), "count".into());
    let Err(faults) = read_body(&serde_json::Value::Object(native).to_string()) else {
        return Ok(read);
    };
    let mut outcome = Faulty;
    for fault in faults {
        let key = Defaults::KEYS.into_iter().find(|key| *key == fault.path);
        outcome = match key.and_then(|key| table.field(key)) {
            Some(field) => field.fault(fault.message),
            None => table.fault(format!("{}: {}", fault.path, fault.message)),
        };
    }
    Err(outcome)
}

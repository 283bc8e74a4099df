//! How the records of a source are read: a preset's name, or a table with a path for each field.

use super::layers;
use super::reader::{Faults, Faulty, Field, Table};
use super::tree::{self, Content, Layer, Origin};
use crate::format::{EventFormat, FieldPath, Layout, TimeForm, TimeUnit};

const KEYS: [&str; 10] = [
    "id",
    "type",
    "customer",
    "time",
    "time_unit",
    "time_zone",
    "properties",
    "tenant",
    "source",
    "events",
];

const UNITS: [(&str, TimeUnit); 4] = [
    ("seconds", TimeUnit::Seconds),
    ("milliseconds", TimeUnit::Milliseconds),
    ("microseconds", TimeUnit::Microseconds),
    ("nanoseconds", TimeUnit::Nanoseconds),
];

/// Reads a format.
pub(super) fn read(field: &Field<'_>) -> Result<EventFormat, Faulty> {
    if matches!(field.content(), Content::Table(_)) {
        let layout = layout(&field.table(&KEYS)?)?;
        return EventFormat::custom(layout).map_err(|fault| field.fault(fault));
    }
    if let Content::Text(name) | Content::Unquoted(name) = field.content()
        && name == EventFormat::CUSTOM
    {
        return Err(field.fault(
            "\"custom\" is a table with a path for each field, such as { id = \"uid\", type = \"meter\", customer = \
             \"account.id\", time = \"ts\" }",
        ));
    }
    if let Content::Unquoted(text) = field.content()
        && text.starts_with('{')
        && let Some(fault) = tree::fault_of_value(text)
    {
        return Err(field.fault(format!(
            "is no table of TOML: {fault}: write it as in {{ id = \"uid\", type = \"meter\" }}"
        )));
    }
    field.choice(&EventFormat::PRESETS).map(|preset| preset())
}

fn layout(table: &Table<'_>) -> Result<Layout, Faulty> {
    let path = |key: &str| {
        let read = |field: &Field<'_>| {
            FieldPath::parse(&field.text()?).map_err(|fault| field.fault(fault))
        };
        table.optional(key, read).map(|path| path.into_iter().collect::<Vec<_>>())
    };
    let (id, event_type, customer) = (path("id"), path("type"), path("customer"));
    let (time, properties, tenant) = (path("time"), path("properties"), path("tenant"));
    let (source, wrappings) = (path("source"), path("events"));
    let unit = table.value_or("time_unit", TimeUnit::Seconds, |field| field.choice(&UNITS));
    let zones = [("required", false), ("utc", true)];
    let takes_zoneless = table.value_or("time_zone", false, |field| field.choice(&zones));
    Ok(Layout {
        id: id?,
        event_type: event_type?,
        customer: customer?,
        time: time?,
        properties: properties?,
        tenant: tenant?,
        source: source?,
        wrappings: wrappings?,
        time_form: TimeForm { unit: unit?, takes_zoneless: takes_zoneless? },
        ..Layout::empty()
    })
}

/// Reads the path of the tenant, where a table names one, into the format.
pub(super) fn with_tenant_from(
    table: &Table<'_>,
    format: Result<EventFormat, Faulty>,
) -> Result<EventFormat, Faulty> {
    let path = table.optional("tenant_from", |field| {
        FieldPath::parse(&field.text()?).map_err(|fault| field.fault(fault))
    });
    let format = format?;
    Ok(match path? {
        Some(path) => format.with_tenant_from(path),
        None => format,
    })
}

/// A format as it is read: the name of a preset, or the paths of its fields.
pub(super) fn text(format: &EventFormat) -> String {
    let layout = format.layout();
    let named = |key: &str, paths: &[FieldPath]| {
        let texts: Vec<String> =
            paths.iter().map(|path| format!("{:?}", path.to_string())).collect();
        (!texts.is_empty()).then(|| format!("{key} = {}", texts.join(" or ")))
    };
    let tenant = named("tenant", &layout.tenant);
    let preset = EventFormat::PRESETS.iter().find(|(name, _)| *name == format.name());
    if let Some((name, preset)) = preset {
        let own = tenant.filter(|_| preset().layout().tenant != layout.tenant);
        return own.map_or_else(|| format!("{name:?}"), |tenant| format!("{name:?} with {tenant}"));
    }
    let fields = [
        named("id", &layout.id),
        named("type", &layout.event_type),
        named("customer", &layout.customer),
        named("time", &layout.time),
        named("properties", &layout.properties),
        tenant,
        named("source", &layout.source),
        named("events", &layout.wrappings),
    ];
    let mut fields: Vec<String> = fields.into_iter().flatten().collect();
    fields.push(format!("time_unit = \"{}\"", layout.time_form.unit));
    format!("{{ {} }}", fields.join(", "))
}

/// Reads a format as flags write it: as the value of the key `format`.
///
/// # Errors
/// Every fault, a line each.
pub fn format_of_argument(text: &str) -> Result<EventFormat, String> {
    let faults = Faults::default();
    let origin = Origin::whole(Layer::Flags, "--format");
    let read = read(&Field::root(layers::value_of(text, &origin), &faults));
    // What can be read may have faults beside it: a key that no format has.
    let faults = faults.into_list();
    match read {
        Ok(format) if faults.is_empty() => Ok(format),
        Ok(_) | Err(Faulty) => {
            let lines: Vec<String> = faults.into_iter().map(|fault| fault.message).collect();
            Err(lines.join("\n"))
        }
    }
}

//! Files as source and sink: the keys of sections `source`, `sink` and `rejects` where `source.kind` is `file`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::format;
use super::reader::{Faulty, Field, Table};
use super::size::Size;
use super::state::path;
use crate::file::{Pattern, Rotation, part_path, real_place};
use crate::format::EventFormat;
use crate::model::Span;

pub(super) const SOURCE_KEYS: [&str; 7] =
    ["kind", "paths", "format", "tenant", "tenant_from", "event_type", "scan_interval"];
pub(super) const SINK_KEYS: [&str; 4] = ["kind", "path", "rotate_size", "rotate_daily"];
pub(super) const REJECTS_KEYS: [&str; 1] = ["path"];

/// The path that stands for standard output.
const STDOUT: &str = "-";

/// From files to files.
#[derive(Clone, Debug)]
pub struct Files {
    /// Which files are followed; at least one.
    pub patterns: Vec<Pattern>,
    /// Where their lines keep the fields of an event.
    pub format: EventFormat,
    /// Tenant of events that name none. Default `default`.
    pub tenant: String,
    /// Type of events that name none, where the format takes one. Default none.
    pub event_type: Option<String>,
    /// Time from one look for new files and new lines to the next. Default 1 s.
    pub scan_interval: Duration,
    /// Where totals go; `None`: to standard output. Default `data/totals.ndjson`.
    pub totals: Option<PathBuf>,
    /// Where refused events go; `None`: to standard output. Default `data/rejects.ndjson`.
    pub rejects: Option<PathBuf>,
    /// When a file of either is full. Default never.
    pub rotation: Rotation,
}

impl Files {
    /// The patterns as one text.
    pub fn pattern(&self) -> String {
        let texts: Vec<&str> = self.patterns.iter().map(Pattern::text).collect();
        texts.join(",")
    }
}

/// Reads the three sections.
pub(super) fn read(
    source: &Table<'_>,
    sink: &Table<'_>,
    rejects: &Table<'_>,
) -> Result<Files, Faulty> {
    let wanted = "the files that events are read from, such as [\"data/usage/*.ndjson\"]";
    let patterns = source.required("paths", wanted, patterns);
    let format = source.value_or("format", EventFormat::native(), format::read);
    let format = format::with_tenant_from(source, format);
    let tenant = source.value_or("tenant", "default".to_owned(), |field| field.name(1..=512));
    let event_type = source.optional("event_type", |field| field.name(1..=512));
    let intervals = Span::from_micros(10_000)..=Span::from_seconds(600);
    let scan_interval =
        source.value_or("scan_interval", Duration::from_secs(1), |field| field.duration(intervals));
    let known = patterns.as_deref().unwrap_or_default();
    let totals = output(sink, "data/totals.ndjson", known);
    let refused = output(rejects, "data/rejects.ndjson", known);
    let sizes = Size::of_bytes(1 << 10)..=Size::of_mebibytes(1 << 20);
    let size = sink.optional("rotate_size", |field| field.size(sizes));
    let is_daily = sink.value_or("rotate_daily", false, Field::boolean);
    let (totals, refused) = (totals?, refused?);
    let place = |path: &Option<PathBuf>| path.as_deref().map(real_place);
    if place(&totals) == place(&refused) {
        return Err(rejects.fault(
            "rejects.path and sink.path are the same: give each a file of its own (standard output is one, too)",
        ));
    }
    let bytes_max = size?.map(|size| u64::try_from(size.bytes_in_memory()).unwrap_or(u64::MAX));
    Ok(Files {
        patterns: patterns?,
        format: format?,
        tenant: tenant?,
        event_type: event_type?,
        scan_interval: scan_interval?,
        totals,
        rejects: refused,
        rotation: Rotation { bytes_max, is_daily: is_daily? },
    })
}

fn patterns(field: &Field<'_>) -> Result<Vec<Pattern>, Faulty> {
    let fields = field.list("patterns of paths")?;
    if fields.is_empty() {
        return Err(
            field.fault("is empty: expected at least one path, such as [\"usage/*.ndjson\"]")
        );
    }
    let read: Vec<_> = fields
        .iter()
        .map(|field| {
            let text = field.name(1..=4096)?;
            Pattern::new(&text).map_err(|fault| {
                field.fault(format!(
                    "{text:?} is no pattern: {fault}; right would be \"data/*.ndjson\""
                ))
            })
        })
        .collect();
    read.into_iter().collect()
}

/// Names of what lies in a state directory, and in those of its tasks.
const STATE_FILES: [&str; 6] = [
    "lock",
    "definitions.ndjson",
    "definition-files.ndjson",
    "files/CURRENT",
    "files/000001.log",
    "files/MANIFEST-000001",
];

/// What is kept is never read as events.
pub(super) fn check_state(root: &Table<'_>, files: &Files, directory: &Path) -> Result<(), Faulty> {
    let finds =
        |pattern: &&Pattern| STATE_FILES.iter().any(|name| pattern.leads_to(&directory.join(name)));
    let Some(pattern) = files.patterns.iter().find(finds) else { return Ok(()) };
    Err(root.fault(format!(
        "state.directory {:?} lies where source.paths reads ({:?}): its files would be read as events; keep state \
         elsewhere, or read less",
        directory.display().to_string(),
        pattern.text()
    )))
}

/// What is written is never read as events.
fn output(
    table: &Table<'_>,
    default: &str,
    patterns: &[Pattern],
) -> Result<Option<PathBuf>, Faulty> {
    let place = table.value_or("path", PathBuf::from(default), path)?;
    if place == Path::new(STDOUT) {
        return Ok(None);
    }
    // With the name of a part that is full, which it gets where files rotate.
    let places = [place.clone(), part_path(&place, 1)];
    let reads = |pattern: &&Pattern| places.iter().any(|place| pattern.leads_to(place));
    let Some(reader) = patterns.iter().find(reads) else {
        return Ok(Some(place));
    };
    let shown = place.display();
    let message = format!(
        "path {shown:?} is one of the files that source.paths reads ({:?}): it would be read as events; write to \
         another directory",
        reader.text()
    );
    Err(match table.field("path") {
        Some(field) => field.fault(message),
        None => table.fault(message),
    })
}

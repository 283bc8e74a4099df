//! Totals as an aligned table for people.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::file::{Error, Rewind, Spool};
use crate::format::{TOTAL_COLUMNS, total_row};

/// Up to how many totals are aligned, and sorted, as one; more of them come in pages.
const PAGE_ROWS: usize = 10_000;

const TENANT: usize = 0;
const GROUP: usize = 3;
const REVISION: usize = 7;

type Row = [String; TOTAL_COLUMNS.len()];

/// Draws the totals whose bodies `rows` gives. Columns in which nothing is said are left out.
pub(super) fn draw(rows: &mut Rewind<'_>, out: &mut Spool) -> Result<(), Error> {
    let mut page: Vec<Row> = Vec::new();
    let mut line = Vec::new();
    let mut is_empty = true;
    loop {
        let has_more = rows.read_line(&mut line)?;
        if has_more {
            let body = std::str::from_utf8(&line).expect("bodies are text");
            page.push(total_row(body).expect("a total's body has its fields"));
        }
        if page.len() == PAGE_ROWS || (!has_more && !page.is_empty()) {
            is_empty = false;
            out.write(text(&mut page).as_bytes())?;
            page.clear();
        }
        if !has_more {
            break;
        }
    }
    if is_empty { out.write(b"no totals\n") } else { Ok(()) }
}

/// One table, in order of key and revision.
pub(super) fn text(page: &mut [Row]) -> String {
    page.sort_by_cached_key(|row| {
        let revision: u64 = row[REVISION].parse().unwrap_or_default();
        let [tenant, metric, customer, group, start, ..] = row.clone();
        (tenant, metric, customer, group, start, revision)
    });
    let has_tenants = page.iter().any(|row| row[TENANT] != "default");
    let has_groups = page.iter().any(|row| !row[GROUP].is_empty());
    let is_shown = |column: &usize| match *column {
        TENANT => has_tenants,
        GROUP => has_groups,
        _ => true,
    };
    let columns: Vec<usize> = (0..TOTAL_COLUMNS.len()).filter(is_shown).collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|column| TOTAL_COLUMNS[*column].to_uppercase()));
    for row in page.iter() {
        table.add_row(columns.iter().map(|column| shown(&row[*column])));
    }
    for (place, column) in columns.iter().enumerate() {
        if *column >= REVISION
            && let Some(column) = table.column_mut(place)
        {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}

/// A text of any customer's choosing must not be able to move the terminal's cursor.
pub(super) fn shown(field: &str) -> String {
    field.chars().map(|one| if one.is_control() { '\u{FFFD}' } else { one }).collect()
}

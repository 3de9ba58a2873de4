//! What commands print: words and tables for people, JSON for machines.

use std::fmt::Display;
use std::io::Write as _;

use comfy_table::{Table, presets};
use serde::Serialize;

/// Prints to standard output. That nobody reads is no failure of ours.
pub(super) fn say(text: impl Display) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints to standard error.
pub(super) fn complain(text: impl Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prints rows: as a table, or with `json` as what they were made of.
pub(super) fn list<T: Serialize>(
    json: bool,
    items: &[T],
    head: &[&str],
    row: impl Fn(&T) -> Vec<String>,
) -> Result<(), serde_json::Error> {
    if json {
        say(serde_json::to_string_pretty(items)?);
    } else {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_header(head);
        table.add_rows(items.iter().map(row));
        say(table);
    }
    Ok(())
}

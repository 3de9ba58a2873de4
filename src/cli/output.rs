//! What commands print: words and tables for people, JSON for machines.

use std::fmt::Display;
use std::io::Write as _;

use comfy_table::{Table, presets};
use serde::Serialize;
use serde_json::Value;

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

/// Prints one thing: a line for each fact, or with `json` as it is.
pub(super) fn facts(json: bool, thing: &Value) -> Result<(), serde_json::Error> {
    if json {
        say(serde_json::to_string_pretty(thing)?);
        return Ok(());
    }
    let facts = thing.as_object().into_iter().flatten();
    let width = facts.clone().map(|(name, _)| name.len()).max().unwrap_or_default();
    for (name, value) in facts {
        say(format!("{name:width$}  {}", words(value)));
    }
    Ok(())
}

/// A value for people: lists without brackets, one entry of several facts as those in a row, a dash for nothing.
fn words(value: &Value) -> String {
    let joined = |texts: Vec<String>, separator: &str| match texts.len() {
        0 => "-".to_owned(),
        _ => texts.join(separator),
    };
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Array(values) => joined(values.iter().map(words).collect(), ", "),
        Value::Object(facts) => joined(facts.values().map(words).collect(), " "),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::words;

    #[test]
    fn people_read_no_json() {
        let departments = json!([{"id": 10, "path": "重庆分公司"}, {"id": 100, "path": "重庆分公司 › 技术中心"}]);
        assert_eq!(words(&departments), "10 重庆分公司, 100 重庆分公司 › 技术中心");
        assert_eq!(words(&json!(["openid", "profile"])), "openid, profile");
        for nothing in [json!(null), json!(""), json!([])] {
            assert_eq!(words(&nothing), "-");
        }
        assert_eq!(words(&json!(false)), "no");
    }
}

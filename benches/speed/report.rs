//! What was measured, beside what was aimed at: a table for people, JSON for programs.

use std::io::Write as _;

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

/// In what something is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    /// Hundredths of what the bare handler answers in the same time.
    PercentOfBare,
    /// Hundredths of another figure of the same run.
    Percent,
    /// So many times another figure of the same run.
    Times,
    /// Thousandths of a second.
    Milliseconds,
    /// 10^6 bytes.
    Megabytes,
    /// How many.
    Count,
}

/// What is aimed at.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    /// So much or more.
    AtLeast(f64),
    /// So much or less.
    AtMost(f64),
}

/// One line of the report.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    what: String,
    value: f64,
    unit: Unit,
    target: Option<Target>,
    met: Option<bool>,
    /// The numbers behind it, by name.
    behind: Vec<(&'static str, f64)>,
}

/// Everything that was measured.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    figures: Vec<Figure>,
}

impl Report {
    /// Adds a line.
    pub(crate) fn add(
        &mut self,
        what: impl Into<String>,
        (value, unit): (f64, Unit),
        target: Option<Target>,
        behind: Vec<(&'static str, f64)>,
    ) {
        let met = target.map(|target| match target {
            Target::AtLeast(least) => value >= least,
            Target::AtMost(most) => value <= most,
        });
        self.figures.push(Figure {
            what: what.into(),
            value,
            unit,
            target,
            met,
            behind,
        });
    }

    /// Prints it.
    pub(crate) fn print(&self, json: bool) -> anyhow::Result<()> {
        let text = if json {
            serde_json::to_string_pretty(self)?
        } else {
            self.table().to_string()
        };
        writeln!(std::io::stdout(), "{text}")?;
        Ok(())
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table
            .load_preset(presets::NOTHING)
            .set_header(["", "measured", "target", "", "behind it"]);
        for figure in &self.figures {
            let unit = figure.unit;
            let target = figure.target.map_or_else(String::new, |target| match target {
                Target::AtLeast(least) => format!("≥ {}", written(least, unit)),
                Target::AtMost(most) => format!("≤ {}", written(most, unit)),
            });
            let met = match figure.met {
                Some(true) => "met",
                Some(false) => "missed",
                None => "",
            };
            let behind: Vec<String> = figure
                .behind
                .iter()
                .map(|(name, value)| format!("{name} {}", plain(*value)))
                .collect();
            table.add_row([
                &figure.what,
                &written(figure.value, unit),
                &target,
                met,
                &behind.join(", "),
            ]);
        }
        for column in [1, 2] {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table
    }
}

fn written(value: f64, unit: Unit) -> String {
    match unit {
        Unit::PercentOfBare | Unit::Percent => format!("{} %", plain(value)),
        Unit::Times => format!("{} times", plain(value)),
        Unit::Milliseconds => format!("{} ms", plain(value)),
        Unit::Megabytes => format!("{} MB", plain(value)),
        Unit::Count => plain(value),
    }
}

/// As many digits as mean something: none behind the point of large and of whole numbers.
fn plain(value: f64) -> String {
    if value.abs() >= 100.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

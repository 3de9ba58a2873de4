//! `migrate`: the schema.

use std::path::Path;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::output::{list, say};
use super::{Failure, settings};
use crate::config::Purpose;
use crate::database::Database;

/// Options of `migrate`.
#[derive(Debug, Args)]
pub(super) struct Migrate {
    #[command(subcommand)]
    step: Option<Step>,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Which steps are applied.
    Status {
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Applies every step that is pending.
    Up,
    /// Takes the last step back.
    Down {
        /// How many.
        #[arg(long, default_value_t = 1)]
        steps: u32,
    },
}

#[derive(Serialize)]
struct Row {
    name: String,
    applied: bool,
}

impl Migrate {
    pub(super) async fn run(self, config: Option<&Path>) -> Result<(), Failure> {
        let settings = settings(config, Purpose::Maintain)?;
        let database = Database::open(&settings.database).await?;
        match self.step.unwrap_or(Step::Status { json: false }) {
            Step::Status { json } => {
                let rows: Vec<Row> = database
                    .migrations()
                    .await?
                    .into_iter()
                    .map(|(name, applied)| Row { name, applied })
                    .collect();
                list(json, &rows, &["MIGRATION", "STATE"], |row| {
                    vec![
                        row.name.clone(),
                        if row.applied { "applied" } else { "pending" }.to_owned(),
                    ]
                })?;
            }
            Step::Up => {
                database.migrate_up(None).await?;
                say("The schema is up to date.");
            }
            Step::Down { steps } => {
                let taken = database.migrate_down(steps).await?;
                say(format!("{taken} taken back."));
            }
        }
        database.close().await;
        Ok(())
    }
}

//! `role`: what roles allow, and who holds them.

use std::path::Path;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::employee::{directory, or_unknown};
use super::output::{list, say};
use super::{Failure, settings};
use crate::config::Purpose;

/// Options of `role`.
#[derive(Debug, Args)]
pub(super) struct Role {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Every role with what it allows.
    List {
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Says what a role allows, new or not.
    Set {
        /// The role.
        name: String,
        /// What it allows, as `report:read`.
        power: Vec<String>,
    },
    /// Gives a role to an employee; their next token has it.
    Grant {
        /// DingTalk's userid.
        userid: String,
        /// The role.
        name: String,
    },
    /// Takes it back.
    Revoke {
        /// DingTalk's userid.
        userid: String,
        /// The role.
        name: String,
    },
}

#[derive(Serialize)]
struct Row {
    name: String,
    power: Vec<String>,
}

impl Role {
    pub(super) async fn run(self, config: Option<&Path>) -> Result<(), Failure> {
        let directory = directory(&settings(config, Purpose::Maintain)?).await?;
        match self.act {
            Act::List { json } => {
                let rows: Vec<Row> = directory
                    .roles
                    .all()
                    .await?
                    .into_iter()
                    .map(|role| Row {
                        name: role.name,
                        power: role.power,
                    })
                    .collect();
                list(json, &rows, &["ROLE", "POWER"], |row| {
                    vec![row.name.clone(), row.power.join(" ")]
                })?;
            }
            Act::Set { name, power } => {
                directory.roles.set(&name, &power).await?;
                say(format!("{name} allows: {}", power.join(" ")));
            }
            Act::Grant { userid, name } => {
                if !directory.roles.exists(&name).await? {
                    return Err(
                        anyhow!("there is no role {name}; `role list` shows them, `role set` makes one").into(),
                    );
                }
                let changed = directory.roles.grant(&userid, &name, true).await;
                let changed = changed.map_err(|cause| or_unknown(cause, &userid))?;
                say(if changed { "Granted." } else { "Granted already." });
            }
            Act::Revoke { userid, name } => {
                let changed = directory
                    .roles
                    .grant(&userid, &name, false)
                    .await
                    .map_err(|cause| or_unknown(cause, &userid))?;
                say(if changed { "Taken back." } else { "Was not granted." });
            }
        }
        Ok(())
    }
}

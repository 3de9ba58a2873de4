//! `role`: what roles allow, and who holds them.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::employee::{directory, or_unknown};
use super::output::{list, say};
use super::{Failure, settings};
use crate::config::Purpose;
use crate::directory::role::{self, ADMIN};

/// The most holders of a role in a table.
const SHOWN: usize = 8;

/// Options of `role`.
#[derive(Debug, Args)]
pub(super) struct Role {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Every role with what it allows and who holds it.
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
    holders: BTreeSet<String>,
}

impl Role {
    pub(super) async fn run(self, config: Option<&Path>) -> Result<(), Failure> {
        let directory = directory(&settings(config, Purpose::Maintain)?).await?;
        match self.act {
            Act::List { json } => {
                let mut holders = directory.roles.holders().await?;
                let mut roles = directory.roles.all().await?;
                // It is in no table; without a holder it is no news.
                if holders.contains_key(ADMIN) {
                    roles.insert(0, role::Role::admin());
                }
                let mut row = |role: role::Role| Row {
                    holders: holders.remove(&role.name).unwrap_or_default(),
                    name: role.name,
                    power: role.power,
                };
                let mut rows: Vec<Row> = roles.into_iter().map(&mut row).collect();
                // What DingTalk brings to people may allow nothing here yet.
                rows.extend(holders.into_iter().map(|(name, holders)| Row {
                    name,
                    power: Vec::new(),
                    holders,
                }));
                list(json, &rows, &["ROLE", "POWER", "HOLDERS"], |row| {
                    vec![row.name.clone(), row.power.join(" "), some_of(&row.holders)]
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

/// The first few, and how many more there are.
fn some_of(holders: &BTreeSet<String>) -> String {
    let shown: Vec<&str> = holders.iter().take(SHOWN).map(String::as_str).collect();
    match holders.len().saturating_sub(SHOWN) {
        0 => shown.join(" "),
        more => format!("{} … and {more} more; --json shows all", shown.join(" ")),
    }
}

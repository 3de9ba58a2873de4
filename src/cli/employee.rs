//! `employee`: show, disable, enable, sign out.

use std::path::Path;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use serde_json::json;

use super::output::{facts, say};
use super::{Failure, database, settings};
use crate::clock::Clock;
use crate::config::{Purpose, Settings};
use crate::dingtalk::DingTalk;
use crate::directory::Directory;
use crate::error::Error;

/// Options of `employee`.
#[derive(Debug, Args)]
pub(super) struct Employee {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Who it is, where they stand, and what they may do.
    Show {
        /// DingTalk's userid.
        userid: String,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Locks them out; their tokens end everywhere within two seconds.
    Disable {
        /// DingTalk's userid.
        userid: String,
    },
    /// Lets them in again.
    Enable {
        /// DingTalk's userid.
        userid: String,
    },
    /// Ends every session of theirs.
    SignOut {
        /// DingTalk's userid.
        userid: String,
    },
}

impl Employee {
    pub(super) async fn run(self, config: Option<&Path>) -> Result<(), Failure> {
        let directory = directory(&settings(config, Purpose::Maintain)?).await?;
        match self.act {
            Act::Show { userid, json } => {
                let employee = directory
                    .employee(&userid)
                    .await
                    .and_then(|found| found.ok_or(Error::NotFound));
                let employee = employee.map_err(|cause| or_unknown(cause, &userid))?;
                let departments: Vec<_> = employee
                    .memberships
                    .iter()
                    .map(|membership| {
                        let place = directory.departments.place(membership.department_id);
                        let path: Vec<String> = place.path.into_iter().map(|up| up.name).chain(place.name).collect();
                        json!({"id": membership.department_id, "path": path.join(" › ")})
                    })
                    .collect();
                let shown = json!({
                    "id": employee.id, "userId": employee.userid, "name": employee.name,
                    "position": employee.position, "disabled": employee.disabled, "leftAt": employee.left_at,
                    "departments": departments, "roles": employee.roles, "power": employee.power,
                });
                facts(json, &shown)?;
            }
            Act::Disable { userid } => {
                let ended = directory
                    .standing
                    .set_disabled(&userid, true)
                    .await
                    .map_err(|cause| or_unknown(cause, &userid))?;
                say(format!(
                    "{userid} is disabled; {ended} session(s) end within two seconds."
                ));
            }
            Act::Enable { userid } => {
                directory
                    .standing
                    .set_disabled(&userid, false)
                    .await
                    .map_err(|cause| or_unknown(cause, &userid))?;
                say(format!("{userid} may sign in again."));
            }
            Act::SignOut { userid } => {
                let ended = directory
                    .standing
                    .sign_out(&userid)
                    .await
                    .map_err(|cause| or_unknown(cause, &userid))?;
                say(format!("{ended} session(s) of {userid} end within two seconds."));
            }
        }
        Ok(())
    }
}

/// The directory for a command.
pub(super) async fn directory(settings: &Settings) -> anyhow::Result<Directory> {
    let clock = Clock::default();
    let database = database(settings).await?;
    let dingtalk = DingTalk::new(&settings.dingtalk, &settings.apps, None, clock.clone())?;
    Directory::open(settings, database, dingtalk, clock).await
}

/// Says of whom nothing is known.
pub(super) fn or_unknown(cause: Error, userid: &str) -> anyhow::Error {
    match cause {
        Error::NotFound => anyhow!("there is no employee {userid} here: known is whoever was synced or has signed in"),
        cause => cause.into(),
    }
}

//! `key`: the keys that sign our tokens.

use std::path::Path;
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::output::{list, say};
use super::{Failure, database, settings};
use crate::clock::Clock;
use crate::config::Purpose;
use crate::config::tokens::Algorithm;
use crate::error::Error;
use crate::tokens::keys::{self, KeyState, Rotation};
use crate::tokens::seal::Sealer;

/// Options of `key`.
#[derive(Debug, Args)]
pub(super) struct Key {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Every key that is published or will sign.
    List {
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Publishes the next key, which signs ten minutes later; the present one stays until its tokens have ended.
    Rotate {
        /// Of this algorithm alone: ES256, EdDSA or RS256. Else: of all that are in use.
        #[arg(long)]
        algorithm: Option<String>,
    },
}

impl Key {
    pub(super) async fn run(self, config: Option<&Path>) -> Result<(), Failure> {
        let settings = settings(config, Purpose::Keys)?;
        let database = database(&settings).await?;
        let now = Clock::default().now();
        match self.act {
            Act::List { json } => {
                let rows = keys::list(&database, now).await?;
                let head = ["KID", "ALGORITHM", "STATE", "SIGNS FROM", "PUBLISHED UNTIL"];
                list(json, &rows, &head, |key: &KeyState| {
                    let moment = |moment: chrono::DateTime<chrono::Utc>| moment.format("%Y-%m-%d %H:%M").to_string();
                    vec![
                        key.kid.clone(),
                        key.algorithm.clone(),
                        key.state.to_owned(),
                        moment(key.signs_from),
                        key.published_until.map_or_else(|| "-".to_owned(), moment),
                    ]
                })?;
            }
            Act::Rotate { algorithm } => {
                let sealer = Arc::new(Sealer::open(&settings.secrets, &settings.database)?);
                let wanted = match &algorithm {
                    None => keys::algorithms_in_use(&database).await?,
                    Some(name) => vec![Algorithm::named(name).ok_or_else(|| {
                        Error::InvalidRequest(format!("{name} is no algorithm of ours: ES256, EdDSA and RS256 are"))
                    })?],
                };
                if wanted.is_empty() {
                    return Err(anyhow::anyhow!("there is no key yet: `serve` makes the first").into());
                }
                let life = chrono::TimeDelta::from_std(settings.tokens.access_ttl)?;
                let from = |moment: chrono::DateTime<chrono::Utc>| moment.format("%Y-%m-%d %H:%M:%S UTC");
                let mut pending = Vec::new();
                for algorithm in wanted {
                    match keys::rotate(&database, &sealer, algorithm, life, now).await? {
                        Rotation::Published(key) => say(format!(
                            "{}: {} is published from now on and signs from {}",
                            algorithm.name(),
                            key.kid,
                            from(key.signs_from)
                        )),
                        Rotation::Pending(signs_from) => pending.push(format!(
                            "the next key of {} is published already and signs from {}",
                            algorithm.name(),
                            from(signs_from)
                        )),
                    }
                }
                if !pending.is_empty() {
                    return Err(anyhow::anyhow!(pending.join("; ")).into());
                }
            }
        }
        database.close().await;
        Ok(())
    }
}

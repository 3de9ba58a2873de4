//! Learns of departments that are not known yet from DingTalk: one login at a time, and never for long.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::department_change::Told;
use super::departments::Departments;
use super::tree::Tree;
use crate::error::Error;

/// The longest that a login waits for departments that are not known yet.
const LEARN_FOR: Duration = Duration::from_secs(5);

/// Whoever comes from a department that is not known yet has it learned here. Clones share everything.
#[derive(Clone)]
pub struct Learning(Arc<House>);

struct House {
    departments: Departments,
    turn: Mutex<Turn>,
    /// Whether the one login that is learning has come to the database.
    storing: AtomicBool,
}

/// The turn of one login, which knows of the last attempt that did not succeed.
#[derive(Default)]
struct Turn {
    lacking: Option<(Instant, Lacking)>,
}

/// What was lacking.
#[derive(Clone, Copy)]
enum Lacking {
    /// The platform gave none.
    Departments,
    /// The database was away.
    Database,
}

impl Learning {
    pub(super) fn new(departments: Departments) -> Self {
        Self(Arc::new(House {
            departments,
            turn: Mutex::default(),
            storing: AtomicBool::new(false),
        }))
    }

    /// Fetches departments that are not known yet, with their ancestors, and keeps them: one login at a time, for
    /// most wait for the same ones. What the platform does not give in time is left out with a warning: no login
    /// fails for it, and the next one asks again.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn learn(&self, app: &str, ids: impl IntoIterator<Item = i64>) -> Result<(), Error> {
        const SLOW: &str = "DingTalk gives departments too slowly: a login goes on without some of them";
        let house = &*self.0;
        let tree = house.departments.tree();
        let mut incomplete: BTreeSet<i64> = ids.into_iter().filter(|id| tree.missing(*id).is_some()).collect();
        if incomplete.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        let Ok(mut turn) = timeout_at(began + LEARN_FOR, house.turn.lock()).await else {
            if house.storing.load(Ordering::Relaxed) {
                return Err(Error::Unavailable(anyhow::anyhow!(
                    "the database does not store departments in time"
                )));
            }
            tracing::warn!(SLOW);
            return Ok(());
        };
        // What went wrong while this login waited would go wrong again.
        match turn.lacking {
            Some((since, Lacking::Departments)) if since > began => return Ok(()),
            Some((since, Lacking::Database)) if since > began => {
                return Err(Error::Unavailable(anyhow::anyhow!("as for the login before this one")));
            }
            _ => {}
        }
        let mut tree = (*house.departments.tree()).clone();
        incomplete.retain(|id| tree.missing(*id).is_some());
        let mut told = BTreeMap::new();
        let ask = self.ask(app, &incomplete, &mut tree, &mut told);
        let whole = timeout_at(began + LEARN_FOR, ask).await.unwrap_or_else(|_elapsed| {
            tracing::warn!(SLOW);
            false
        });
        if !whole {
            turn.lacking = Some((Instant::now(), Lacking::Departments));
        }
        if told.is_empty() {
            return Ok(());
        }
        house.storing.store(true, Ordering::Relaxed);
        let written = house.departments.write(&told, &[]).await;
        house.storing.store(false, Ordering::Relaxed);
        match written {
            Err(cause @ Error::Unavailable(_)) => {
                turn.lacking = Some((Instant::now(), Lacking::Database));
                Err(cause)
            }
            Err(cause) => {
                tracing::warn!(%cause, "departments cannot be stored; they are read again at the next login");
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }

    /// Asks for whatever is missing above `ids`; false where the platform gives no departments at all.
    async fn ask(&self, app: &str, ids: &BTreeSet<i64>, tree: &mut Tree, told: &mut BTreeMap<i64, Told>) -> bool {
        for id in ids {
            if !self.0.departments.ask_upwards(app, *id, tree, told).await {
                return false;
            }
        }
        true
    }
}

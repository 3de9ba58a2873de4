//! Learns of departments that are not known yet from DingTalk: one login at a time, and never for long.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
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
    /// Held by the one login that is learning.
    turn: Mutex<()>,
    /// Whether that one has come to the database.
    storing: AtomicBool,
    /// The last attempt that did not succeed.
    failure: std::sync::Mutex<Option<(Instant, Lacking)>>,
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
            failure: std::sync::Mutex::default(),
        }))
    }

    /// Fetches departments that are not known yet, with those of their ancestors that the app may see, and keeps them: one
    /// login at a time, for most wait for the same ones. What the platform does not give in time is left out with a warning:
    /// no login fails for it, and the next one asks again.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn learn(&self, app: &str, ids: impl IntoIterator<Item = i64>) -> Result<(), Error> {
        const SLOW: &str = "DingTalk gives departments too slowly: a login goes on without some of them";
        let house = &*self.0;
        let tree = house.departments.tree();
        let mut incomplete: BTreeSet<i64> = ids
            .into_iter()
            .filter(|id| house.departments.lacking(app, &tree, *id).is_some())
            .collect();
        if incomplete.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        let turn = timeout_at(began + LEARN_FOR, house.turn.lock()).await;
        // Looked at before what was lacking, which is noted before this is over.
        let storing = house.storing.load(Ordering::SeqCst);
        // What went wrong while this login waited would go wrong again.
        match (house.lacking_since(began), &turn) {
            (Some(Lacking::Departments), _) => return Ok(()),
            (Some(Lacking::Database), _) => {
                return Err(Error::Unavailable(anyhow::anyhow!("as for the login before this one")));
            }
            (None, Err(_elapsed)) if storing => {
                return Err(Error::Unavailable(anyhow::anyhow!(
                    "the database does not store departments in time"
                )));
            }
            (None, Err(_elapsed)) => {
                tracing::warn!(SLOW);
                return Ok(());
            }
            (None, Ok(_)) => {}
        }
        let mut tree = (*house.departments.tree()).clone();
        incomplete.retain(|id| house.departments.lacking(app, &tree, *id).is_some());
        let mut told = BTreeMap::new();
        let ask = self.ask(app, &incomplete, &mut tree, &mut told);
        let whole = timeout_at(began + LEARN_FOR, ask).await.unwrap_or_else(|_elapsed| {
            tracing::warn!(SLOW);
            false
        });
        if !whole {
            house.note(Lacking::Departments);
        }
        if told.is_empty() {
            return Ok(());
        }
        house.storing.store(true, Ordering::SeqCst);
        let written = house.departments.write(&told, &[]).await;
        // Noted first: who ceases to wait in between must not take it for a slow platform.
        if let Err(Error::Unavailable(_)) = written {
            house.note(Lacking::Database);
        }
        house.storing.store(false, Ordering::SeqCst);
        match written {
            Err(cause @ Error::Unavailable(_)) => Err(cause),
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

impl House {
    /// What was lacking in an attempt that has ended since.
    fn lacking_since(&self, began: Instant) -> Option<Lacking> {
        let failure = *self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.filter(|(at, _)| *at > began).map(|(_, lacking)| lacking)
    }

    fn note(&self, lacking: Lacking) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        *failure = Some((Instant::now(), lacking));
    }
}

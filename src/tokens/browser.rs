//! Browser sessions as they are known in the process.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache as Known;
use uuid::Uuid;

use super::session::{self, Kind};
use super::verifier::Verifier;
use crate::clock::Clock;
use crate::database::{self, Database};
use crate::error::Error;

/// How long a browser session is answered for without looking again: less than ended sessions are remembered, so
/// that one which ends meanwhile is known to have.
const KNOWN_FOR: Duration = Duration::from_secs(50);

/// How many are remembered.
const KNOWN: u64 = 20_000;

/// The browser sessions.
pub(super) struct Browsers {
    database: Database,
    verifier: Arc<Verifier>,
    clock: Clock,
    known: Known<Uuid, Arc<session::Model>>,
}

impl Browsers {
    pub(super) fn new(database: Database, verifier: Arc<Verifier>, clock: Clock) -> Self {
        Self {
            database,
            verifier,
            clock,
            known: Known::builder().max_capacity(KNOWN).time_to_live(KNOWN_FOR).build(),
        }
    }

    /// The living session of an id.
    pub(super) async fn find(&self, id: Uuid) -> Result<Option<Arc<session::Model>>, Error> {
        let session = if let Some(session) = self.known.get(&id) {
            session
        } else {
            let found = database::within_limit(session::find(self.database.reader(), id)).await?;
            let Some(session) = found.filter(|session| session.kind == Kind::Browser) else {
                return Ok(None);
            };
            let session = Arc::new(session);
            self.known.insert(id, Arc::clone(&session));
            session
        };
        self.verifier.check_sight()?;
        let lives = session.lives(self.clock.now()) && !self.verifier.revocations.contains(id);
        Ok(lives.then_some(session))
    }
}

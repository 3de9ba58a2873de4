//! Which sessions were ended: known in the process, so that validation asks nobody.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// Instances' clocks may differ, and a transaction commits a while after it looked at the clock.
const OVERLAP: TimeDelta = TimeDelta::seconds(30);

/// The sessions whose access tokens may outlive them.
pub(super) struct Revocations {
    ended: RwLock<HashMap<Uuid, DateTime<Utc>>>,
    token_life: TimeDelta,
}

impl Revocations {
    pub(super) fn new(token_life: TimeDelta) -> Self {
        Self {
            ended: RwLock::default(),
            token_life,
        }
    }

    /// For how long after its issue a token may count, in seconds: beyond that the end of its session may be forgotten.
    pub(super) fn token_life_s(&self) -> i64 {
        self.token_life.num_seconds()
    }

    /// From when on the table must be read so that nothing which matters at `now` is missed; `last` is when it was
    /// last read with success.
    pub(super) fn read_from(&self, now: DateTime<Utc>, last: Option<DateTime<Utc>>) -> DateTime<Utc> {
        last.unwrap_or(now - self.token_life) - OVERLAP
    }

    /// Whether the session was ended.
    pub(super) fn contains(&self, session: Uuid) -> bool {
        self.ended
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains_key(&session)
    }

    /// Learns of ended sessions, and forgets those whose tokens have all expired.
    pub(super) fn learn(&self, sessions: impl IntoIterator<Item = (Uuid, DateTime<Utc>)>, now: DateTime<Utc>) {
        let mut ended = self.ended.write().unwrap_or_else(PoisonError::into_inner);
        ended.extend(sessions);
        let keep = now - self.token_life - OVERLAP;
        ended.retain(|_, at| *at > keep);
    }
}

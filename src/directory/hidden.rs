//! Departments that DingTalk does not show us: outside the app's visible range.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::Clock;

/// How long a department is not asked for again: an administrator who widens the range sees it soon.
const HIDDEN_FOR: TimeDelta = TimeDelta::minutes(1);

/// What was asked for in vain a short while ago. Where the app sees a part of the company, everybody's way up ends at such
/// a department, and no login shall wait for the same refusal.
pub(super) struct Hidden {
    clock: Clock,
    asked_at: Mutex<HashMap<i64, DateTime<Utc>>>,
}

impl Hidden {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            asked_at: Mutex::default(),
        }
    }

    /// A department was asked for in vain.
    pub(super) fn note(&self, id: i64) {
        let now = self.clock.now();
        let mut asked_at = self.asked_at.lock().unwrap_or_else(PoisonError::into_inner);
        asked_at.retain(|_, at| is_recent(*at, now));
        asked_at.insert(id, now);
    }

    /// Whether it is in vain to ask for a department.
    pub(super) fn is_hidden(&self, id: i64) -> bool {
        let asked_at = self.asked_at.lock().unwrap_or_else(PoisonError::into_inner);
        asked_at.get(&id).is_some_and(|at| is_recent(*at, self.clock.now()))
    }
}

/// A clock that was put back hides nothing for longer.
fn is_recent(at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    (now - at).abs() < HIDDEN_FOR
}

//! Departments that DingTalk does not show us: outside the app's visible range.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::Clock;

/// How long a department is not asked for again: an administrator who widens the range sees it soon.
const HIDDEN_FOR: TimeDelta = TimeDelta::minutes(1);

/// What each app has asked for in vain a short while ago. Where it sees a part of the company, everybody's way up ends at
/// such a department, and no login shall wait for the same refusal.
pub(super) struct Hidden {
    clock: Clock,
    /// By the app's name, since another one may see more.
    asked_at: Mutex<HashMap<String, HashMap<i64, DateTime<Utc>>>>,
}

impl Hidden {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            asked_at: Mutex::default(),
        }
    }

    /// A department was asked for in vain by an app.
    pub(super) fn note(&self, app: &str, id: i64) {
        let now = self.clock.now();
        let mut asked_at = self.asked_at.lock().unwrap_or_else(PoisonError::into_inner);
        let asked_at = asked_at.entry(app.to_owned()).or_default();
        asked_at.retain(|_, at| is_recent(*at, now));
        asked_at.insert(id, now);
    }

    /// Whether it is in vain for an app to ask for a department.
    pub(super) fn is_hidden(&self, app: &str, id: i64) -> bool {
        let asked_at = self.asked_at.lock().unwrap_or_else(PoisonError::into_inner);
        let at = asked_at.get(app).and_then(|asked_at| asked_at.get(&id));
        at.is_some_and(|at| is_recent(*at, self.clock.now()))
    }
}

/// A clock that was put back hides nothing for longer.
fn is_recent(at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    (now - at).abs() < HIDDEN_FOR
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::Hidden;
    use crate::clock::Clock;

    #[test]
    fn what_one_app_does_not_see_another_may_ask_for_and_the_first_one_soon_again() {
        let clock = Clock::default();
        let hidden = Hidden::new(clock.clone());
        hidden.note("default", 10);
        assert!(hidden.is_hidden("default", 10));
        assert!(!hidden.is_hidden("default", 1) && !hidden.is_hidden("reports", 10));
        clock.advance(TimeDelta::minutes(1));
        assert!(!hidden.is_hidden("default", 10));
    }
}

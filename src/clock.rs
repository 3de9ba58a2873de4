//! The time: the one place that asks the machine for it, and that a test can move.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, TimeDelta, Utc};

/// The wall clock in whole milliseconds, the precision that all three databases keep.
///
/// Clones share one offset, so that a test which moves the clock moves it for the whole house.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    offset_ms: Arc<AtomicI64>,
}

impl Clock {
    /// The present moment, UTC, in whole milliseconds.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.unix_millis()).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// Seconds since 1970, the unit of `iat` and `exp` (RFC 7519, `NumericDate`).
    #[must_use]
    pub fn unix_seconds(&self) -> i64 {
        self.unix_millis().div_euclid(1000)
    }

    /// Milliseconds since 1970, the unit of most of DingTalk's time stamps.
    #[must_use]
    pub fn unix_millis(&self) -> i64 {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the machine")]
        let machine = SystemTime::now();
        // A machine whose clock stands before 1970 has none.
        let since = machine.duration_since(UNIX_EPOCH).unwrap_or_default();
        let since = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        since.saturating_add(self.offset_ms.load(Ordering::Relaxed))
    }

    /// Moves this clock and all its clones.
    pub fn advance(&self, by: TimeDelta) {
        self.offset_ms.fetch_add(by.num_milliseconds(), Ordering::Relaxed);
    }
}

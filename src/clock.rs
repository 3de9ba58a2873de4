//! The time: the one place that asks the machine for it, and that a test can move.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// The wall clock in whole milliseconds, the precision that all three databases keep.
///
/// Clones share one offset, so that a test which moves the clock moves it for the whole house.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    offset_ms: Arc<AtomicI64>,
}

impl Clock {
    /// The present moment, UTC, cut to milliseconds.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the machine")]
        let machine = Utc::now();
        let offset = TimeDelta::milliseconds(self.offset_ms.load(Ordering::Relaxed));
        (machine + offset).trunc_subsecs(3)
    }

    /// Seconds since 1970, the unit of `iat` and `exp` (RFC 7519, `NumericDate`).
    #[must_use]
    pub fn unix_seconds(&self) -> i64 {
        self.now().timestamp()
    }

    /// Milliseconds since 1970, the unit of most of DingTalk's time stamps.
    #[must_use]
    pub fn unix_millis(&self) -> i64 {
        self.now().timestamp_millis()
    }

    /// Moves this clock and all its clones.
    pub fn advance(&self, by: TimeDelta) {
        self.offset_ms.fetch_add(by.num_milliseconds(), Ordering::Relaxed);
    }
}

//! When the next call may go out: evenly within the budget, and slower for a while after the platform throttled us.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The slowest that a sync becomes.
const SLOWEST: Duration = Duration::from_secs(1);
/// How long nothing goes out after a call was throttled: the platform counts by the second.
const PAUSE: Duration = Duration::from_secs(1);
/// A timer is no finer. Who is due sooner goes at once: the budget counts their turn all the same.
const FINEST: Duration = Duration::from_millis(1);
/// After so many good calls it goes a little faster again.
const RECOVERY: u32 = 40;

/// The pace of all calls of one sync.
pub(super) struct Pace {
    /// Between two calls at full speed.
    least: Duration,
    state: Mutex<State>,
}

struct State {
    interval: Duration,
    next: Instant,
    /// Until then nothing goes out, for a call was throttled.
    paused_until: Instant,
    good: u32,
}

impl Pace {
    pub(super) fn new(calls_per_second: u32) -> Self {
        let least = Duration::from_secs(1) / calls_per_second.max(1);
        let now = Instant::now();
        Self {
            least,
            state: Mutex::new(State {
                interval: least,
                next: now,
                paused_until: now,
                good: 0,
            }),
        }
    }

    /// Waits for the caller's turn.
    pub(super) async fn turn(&self) {
        let now = Instant::now();
        let at = {
            let mut state = self.state();
            let at = state.next.max(now);
            state.next = at + state.interval;
            at
        };
        if at >= now + FINEST {
            sleep_until(at).await;
        }
    }

    /// A call was throttled: everybody pauses, and goes at half the speed from then on.
    pub(super) fn slow_down(&self) {
        let now = Instant::now();
        let mut state = self.state();
        // Calls that were under way together are turned away together: that is once.
        if state.paused_until <= now {
            state.interval = (state.interval * 2).clamp(self.least, SLOWEST);
        }
        state.paused_until = now + PAUSE;
        state.next = state.next.max(state.paused_until);
        state.good = 0;
    }

    /// A call went well.
    pub(super) fn went_well(&self) {
        let mut state = self.state();
        state.good += 1;
        if state.good >= RECOVERY {
            state.good = 0;
            state.interval = (state.interval * 4 / 5).max(self.least);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_go_out_evenly_within_the_budget() {
        let pace = Pace::new(18);
        let begin = Instant::now();
        for _ in 0..18 {
            pace.turn().await;
        }
        assert!(begin.elapsed() > Duration::from_millis(900), "{:?}", begin.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_sync_pauses_slows_down_and_recovers() {
        let pace = Pace::new(18);
        for _ in 0..16 {
            pace.slow_down();
        }
        assert_eq!(pace.state().interval, pace.least * 2);
        let begin = Instant::now();
        pace.turn().await;
        assert!(begin.elapsed() >= Duration::from_secs(1));
        pace.turn().await;
        assert!(begin.elapsed() >= Duration::from_millis(1100));
        for _ in 0..400 {
            pace.went_well();
        }
        assert_eq!(pace.state().interval, pace.least);
    }
}

//! Decides whether a call may go out again, and when.

use std::time::Duration;

use tokio::time::Instant;

use super::refusal::{Fault, Meaning};

/// After this long no call is begun again.
const OVERALL_LIMIT: Duration = Duration::from_secs(8);
/// The pause that the platform asks for when it throttles.
const THROTTLE_PAUSE: Duration = Duration::from_secs(1);
/// How often a read is repeated after a fault.
const MOST_REPEATS: u32 = 2;
/// Base of the growing pause between repetitions.
const PAUSE: Duration = Duration::from_millis(100);

/// What a call does, as far as repetitions go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    /// Redeems a code: never sent again unless it was certainly turned away unread.
    RedeemCode,
    /// Reads: may be sent again.
    Read,
}

/// What has been tried so far.
pub(super) struct Attempts {
    does: Does,
    began: Instant,
    faults: u32,
    throttled: bool,
    renewed: bool,
}

impl Attempts {
    pub(super) fn new(does: Does) -> Self {
        Self {
            does,
            began: Instant::now(),
            faults: 0,
            throttled: false,
            renewed: false,
        }
    }

    /// How long to wait before the same call goes out again; none if it must not.
    pub(super) fn pause_after(&mut self, fault: &Fault) -> Option<Duration> {
        let may_repeat = match fault {
            Fault::Unsent(_) => true,
            Fault::Broken(_) => self.does == Does::Read,
            // Who waited for so long does not wait again; who is banned does not knock again.
            Fault::TimedOut | Fault::Unreadable(_) => false,
            Fault::Refused(refusal) => match refusal.meaning {
                Meaning::TokenRejected if !self.renewed => {
                    self.renewed = true;
                    return Some(Duration::ZERO);
                }
                Meaning::Throttled => {
                    let unread = refusal.at_the_gate || self.does == Does::Read;
                    let first = !std::mem::replace(&mut self.throttled, true);
                    return Some(THROTTLE_PAUSE).filter(|pause| unread && first && self.in_time(*pause));
                }
                Meaning::Busy => self.does == Does::Read,
                _ => false,
            },
        };
        let pause = PAUSE * 2_u32.pow(self.faults) + rand::random_range(Duration::ZERO..PAUSE);
        self.faults += 1;
        Some(pause).filter(|pause| may_repeat && self.faults <= MOST_REPEATS && self.in_time(*pause))
    }

    fn in_time(&self, pause: Duration) -> bool {
        self.began.elapsed() + pause < OVERALL_LIMIT
    }
}

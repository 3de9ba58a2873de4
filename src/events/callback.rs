//! Takes callbacks in: opens the envelope, keeps what it says, and seals the answer.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::inbox::{Inbox, Way};
use super::notice::Notice;
use crate::clock::Clock;
use crate::dingtalk::envelope::{Envelopes, Sealed};
use crate::error::Error;

/// The word that the platform wants to read, sealed.
const SUCCESS: &str = "success";
/// An older or newer envelope is a replay; the platform repeats itself within a minute.
const FRESH_FOR: TimeDelta = TimeDelta::hours(1);
/// The platform waits for 1.5 s; whoever has not stored by then says so, and is asked again.
const LIMIT: Duration = Duration::from_millis(1200);
/// Below it, a time is in seconds and not in milliseconds.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// The callbacks of one subscription.
pub struct Callbacks {
    pub(super) envelopes: Envelopes,
    pub(super) inbox: Inbox,
    pub(super) clock: Clock,
}

impl Callbacks {
    /// What everybody is told who sends anything but a fresh envelope of ours.
    #[must_use]
    pub fn refusal() -> Error {
        Error::InvalidRequest("this is no event that DingTalk has sealed for this service".to_owned())
    }

    /// Takes a callback in; the answer is due only after what it says was stored.
    ///
    /// # Errors
    /// [`Self::refusal`], whatever is wrong with it; [`Error::Unavailable`] when it could not be stored in time.
    pub async fn receive(&self, sealed: &Sealed) -> Result<Sealed, Error> {
        let now = self.clock.now();
        let refused = |reason: String| {
            metrics::counter!("callbacks_refused_total").increment(1);
            tracing::warn!(reason, "a callback was refused");
            Self::refusal()
        };
        let opened = self
            .envelopes
            .open(sealed)
            .map_err(|reason| refused(reason.to_string()))?;
        if !is_fresh(&sealed.timestamp, now) {
            return Err(refused(
                "it is older or newer than an hour: replayed, or a clock is wrong".to_owned(),
            ));
        }
        let notice = Notice::from_callback(&opened.text, &sealed.signature)
            .ok_or_else(|| refused("there is no event in it".to_owned()))?;
        let word = match notice.event_type.as_str() {
            "check_create_suite_url" | "check_update_suite_url" => random(&opened.text),
            _ => None,
        };
        timeout(LIMIT, self.inbox.store(&[notice], Way::Callback))
            .await
            .map_err(|elapsed| {
                Error::Unavailable(anyhow::Error::new(elapsed).context("an event could not be stored in time"))
            })??;
        let word = word.as_deref().unwrap_or(SUCCESS);
        Ok(self
            .envelopes
            .seal(word, &opened.owner, now.timestamp_millis().to_string()))
    }
}

fn is_fresh(timestamp: &str, now: DateTime<Utc>) -> bool {
    let Ok(time) = timestamp.parse::<i64>() else {
        return false;
    };
    let millis = if time < MILLISECONDS_FROM {
        time.saturating_mul(1000)
    } else {
        time
    };
    DateTime::from_timestamp_millis(millis).is_some_and(|sealed_at| (now - sealed_at).abs() <= FRESH_FOR)
}

/// What the check of a suite's address wants to read.
fn random(text: &str) -> Option<String> {
    let fields: Map<String, Value> = serde_json::from_str(text).ok()?;
    fields.get("Random")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::is_fresh;

    #[test]
    fn times_come_in_seconds_and_in_milliseconds() {
        let now = DateTime::from_timestamp_millis(1_623_060_875_680).unwrap();
        for fresh in ["1623060875680", "1623060875", "1623064475680", "1623057275680"] {
            assert!(is_fresh(fresh, now), "{fresh}");
        }
        for stale in [
            "1623064475681",
            "1623057275679",
            "1623057274",
            "0",
            "-1",
            "",
            "x",
            "9223372036854775807",
        ] {
            assert!(!is_fresh(stale, now), "{stale}");
        }
    }
}

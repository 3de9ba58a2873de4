//! A secret that the platform lends us for a time, and the moments at which we deal with it.

use std::fmt;
use std::marker::PhantomData;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

/// How long before its end a secret is no longer used.
const MARGIN: TimeDelta = TimeDelta::minutes(5);
/// The longest life that is believed.
const LONGEST_LIFE: TimeDelta = TimeDelta::hours(24);
/// Below this a remaining life is not worth keeping.
const SHORTEST_LIFE: TimeDelta = TimeDelta::seconds(10);
/// The longest secret; those seen have 32 to 64 characters.
const LONGEST_SECRET: usize = 4096;

/// Marks the app access token: what lets us call the platform.
#[derive(Debug)]
pub enum AppAccessTokenKind {}

/// Marks the jsapi ticket: what pages are signed with.
#[derive(Debug)]
pub enum JsapiTicketKind {}

/// The platform's token for one of our apps.
pub type AppAccessToken = Kept<AppAccessTokenKind>;
/// The platform's ticket to sign pages of one of our apps with.
pub type JsapiTicket = Kept<JsapiTicketKind>;

/// A secret on loan, which knows its own end.
pub struct Kept<Kind> {
    secret: SecretString,
    /// When the platform was first seen to give this very secret.
    born_at: DateTime<Utc>,
    over_at: DateTime<Utc>,
    renew_at: DateTime<Utc>,
    ahead_at: DateTime<Utc>,
    kind: PhantomData<fn() -> Kind>,
}

impl<Kind> fmt::Debug for Kept<Kind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("over_at", &self.over_at)
            .finish_non_exhaustive()
    }
}

/// What lies in the shared cache; times in milliseconds since 1970.
#[derive(Serialize, Deserialize)]
struct Stored {
    secret: String,
    born_at: i64,
    over_at: i64,
    renew_at: i64,
    ahead_at: i64,
}

/// A secret as the platform gives it.
#[derive(Debug)]
pub(super) struct Lent {
    pub(super) secret: String,
    /// Seconds, counted from before the request.
    pub(super) life_s: i64,
}

impl<Kind> Kept<Kind> {
    /// The secret itself: for the platform or a signature, never for a client or a log.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.secret.expose_secret()
    }

    /// When the platform stops to accept it, as far as it has told.
    #[must_use]
    pub const fn over_at(&self) -> DateTime<Utc> {
        self.over_at
    }

    /// What was `lent` at `now`. `former` is what was kept before it: a secret that the platform merely prolongs
    /// stays as old as it is, and with `absolute` it ends at that age whatever the platform promises.
    ///
    /// None for what cannot be a secret, or has no life.
    pub(super) fn new(
        lent: Lent,
        now: DateTime<Utc>,
        former: Option<&Self>,
        absolute: Option<TimeDelta>,
    ) -> Option<Self> {
        let presentable = (1..=LONGEST_SECRET).contains(&lent.secret.len())
            && lent.secret.bytes().all(|byte| byte.is_ascii_graphic());
        if !presentable || lent.life_s <= 0 {
            return None;
        }
        let mut over_at = now
            + TimeDelta::try_seconds(lent.life_s)
                .unwrap_or(LONGEST_LIFE)
                .min(LONGEST_LIFE);
        let mut born_at = former
            .filter(|former| former.reveal() == lent.secret)
            .map_or(now, |former| former.born_at);
        if let Some(absolute) = absolute {
            if born_at + absolute - now < SHORTEST_LIFE {
                // It has outlived itself: the platform does not count as the documentation says.
                born_at = now;
            }
            over_at = over_at.min(born_at + absolute);
        }
        let life = over_at - now;
        let margin = MARGIN.min(life / 2);
        let renew_at = over_at - margin;
        let ahead_at = renew_at - MARGIN.min((life - margin) / 2);
        Some(Self {
            secret: SecretString::from(lent.secret),
            born_at,
            over_at,
            renew_at,
            ahead_at,
            kind: PhantomData,
        })
    }

    /// Whether it may still be used.
    pub(super) fn is_fresh(&self, now: DateTime<Utc>) -> bool {
        now < self.renew_at
    }

    /// Whether another should be fetched before this one runs out.
    pub(super) fn is_ageing(&self, now: DateTime<Utc>) -> bool {
        now >= self.ahead_at
    }

    /// For the shared cache.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let stored = Stored {
            secret: self.reveal().to_owned(),
            born_at: self.born_at.timestamp_millis(),
            over_at: self.over_at.timestamp_millis(),
            renew_at: self.renew_at.timestamp_millis(),
            ahead_at: self.ahead_at.timestamp_millis(),
        };
        serde_json::to_vec(&stored).unwrap_or_default()
    }

    /// Out of the shared cache; none for what is not ours.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let stored: Stored = serde_json::from_slice(bytes).ok()?;
        Some(Self {
            secret: SecretString::from(stored.secret),
            born_at: DateTime::from_timestamp_millis(stored.born_at)?,
            over_at: DateTime::from_timestamp_millis(stored.over_at)?,
            renew_at: DateTime::from_timestamp_millis(stored.renew_at)?,
            ahead_at: DateTime::from_timestamp_millis(stored.ahead_at)?,
            kind: PhantomData,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
    }

    fn lent(secret: &str, life_s: i64) -> Lent {
        Lent {
            secret: secret.to_owned(),
            life_s,
        }
    }

    #[test]
    fn a_secret_is_used_until_five_minutes_before_its_end_and_renewed_ahead() {
        let kept = AppAccessToken::new(lent("a", 7200), at(0), None, None).unwrap();
        assert_eq!(
            (kept.over_at, kept.renew_at, kept.ahead_at),
            (at(7200), at(6900), at(6600))
        );
        assert!(kept.is_fresh(at(6899)) && !kept.is_fresh(at(6900)));
        let again = AppAccessToken::from_bytes(&kept.to_bytes()).unwrap();
        assert_eq!(
            (again.reveal(), again.over_at, again.ahead_at),
            ("a", at(7200), at(6600))
        );
        assert!(!format!("{kept:?}").contains("secret"));
    }

    #[test]
    fn a_short_life_is_used_for_half_of_it() {
        let kept = AppAccessToken::new(lent("a", 10), at(0), None, None).unwrap();
        assert!(kept.is_fresh(at(4)) && !kept.is_fresh(at(5)) && kept.is_ageing(at(3)));
    }

    #[test]
    fn a_prolonged_ticket_still_ends_a_day_after_it_was_first_seen() {
        let day = Some(TimeDelta::hours(24));
        let first = JsapiTicket::new(lent("t", 7200), at(0), None, day).unwrap();
        let late = JsapiTicket::new(lent("t", 7200), at(85_000), Some(&first), day).unwrap();
        assert_eq!(late.over_at, at(86_400));
        let other = JsapiTicket::new(lent("u", 7200), at(85_000), Some(&first), day).unwrap();
        assert_eq!(other.over_at, at(85_000 + 7200));
        let undying = JsapiTicket::new(lent("t", 7200), at(86_399), Some(&late), day).unwrap();
        assert_eq!(undying.over_at, at(86_399 + 7200));
    }

    #[test]
    fn what_cannot_be_a_secret_is_not_kept() {
        for (secret, life_s) in [
            ("", 7200),
            ("a\nb", 7200),
            ("a", 0),
            ("a", -1),
            (&*"x".repeat(5000), 7200),
        ] {
            assert!(AppAccessToken::new(lent(secret, life_s), at(0), None, None).is_none());
        }
        assert_eq!(
            AppAccessToken::new(lent("a", i64::MAX), at(0), None, None)
                .unwrap()
                .over_at,
            at(86_400)
        );
    }
}

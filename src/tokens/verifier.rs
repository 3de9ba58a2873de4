//! Verifies our tokens without asking anybody: what was verified once is remembered, what was ended is known.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jsonwebtoken::Validation;
use moka::sync::Cache as Known;

use super::claims::{AccessClaims, IdTokenHint};
use super::issuer::{ACCESS_TOKEN_TYPE, ID_TOKEN_TYPE, MAX_TOKEN_BYTES};
use super::key_pair::{self, KeyPair};
use super::keys::Keys;
use super::revocations::Revocations;
use crate::clock::Clock;
use crate::error::Error;

/// How many verified tokens are remembered, about a kilobyte each.
const KNOWN_TOKENS: u64 = 20_000;

/// How long tokens are taken for good while nobody can say which sessions were ended: the longest that a revocation
/// can go unnoticed, whatever is away.
const BLIND_FOR: Duration = Duration::from_mins(10);

/// Verifies with the keys of the deployment.
pub(super) struct Verifier {
    keys: Arc<Keys>,
    pub(super) revocations: Revocations,
    known: Known<Box<str>, Arc<AccessClaims>, foldhash::fast::RandomState>,
    issuer: String,
    clock: Clock,
    sight: Sight,
}

/// When the ended sessions were last read with success.
struct Sight {
    began: Instant,
    last_ms: AtomicU64,
}

impl Sight {
    fn ms_at(&self, moment: Instant) -> u64 {
        u64::try_from(moment.duration_since(self.began).as_millis()).unwrap_or(u64::MAX)
    }

    fn is_lost_at(&self, moment: Instant) -> bool {
        let blind_ms = self.ms_at(moment).saturating_sub(self.last_ms.load(Ordering::Relaxed));
        u128::from(blind_ms) > BLIND_FOR.as_millis()
    }
}

impl Verifier {
    pub(super) fn new(keys: Arc<Keys>, revocations: Revocations, issuer: String, clock: Clock) -> Self {
        Self {
            keys,
            revocations,
            known: Known::builder()
                .max_capacity(KNOWN_TOKENS)
                .build_with_hasher(foldhash::fast::RandomState::default()),
            issuer,
            clock,
            sight: Sight {
                began: Instant::now(),
                last_ms: AtomicU64::new(0),
            },
        }
    }

    /// The ended sessions were read just now.
    pub(super) fn sees(&self) {
        let now = self.sight.ms_at(Instant::now());
        self.sight.last_ms.store(now, Ordering::Relaxed);
    }

    /// Whether it is known which sessions were ended.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when that could not be read for ten minutes.
    pub(super) fn check_sight(&self) -> Result<(), Error> {
        if self.sight.is_lost_at(Instant::now()) {
            return Err(Error::Unavailable(anyhow::anyhow!(
                "which sessions have ended could not be read for {} minutes",
                BLIND_FOR.as_secs() / 60
            )));
        }
        Ok(())
    }

    /// Verifies an access token: signature, type, issuer, end, and that its session lives.
    pub(super) fn verify(&self, token: &str) -> Result<Arc<AccessClaims>, Error> {
        const INVALID: Error = Error::InvalidToken("the access token is not one of ours, or was altered");
        let claims = match self.known.get(token) {
            Some(claims) => claims,
            None if token.len() > MAX_TOKEN_BYTES => return Err(INVALID),
            None => {
                let now = self.clock.now();
                let claims = self.read(token, ACCESS_TOKEN_TYPE, |key| key.is_published(now));
                let mut claims: AccessClaims = claims.ok_or(INVALID)?;
                // Whoever shortens the life of tokens means those that are about as well.
                let latest = claims.iat.saturating_add(self.revocations.token_life_s());
                claims.exp = claims.exp.min(latest);
                let claims = Arc::new(claims);
                self.known.insert(token.into(), Arc::clone(&claims));
                claims
            }
        };
        if claims.exp <= self.clock.unix_seconds() {
            self.known.invalidate(token);
            return Err(Error::InvalidToken("the access token has expired"));
        }
        if self.revocations.contains(claims.sid) {
            return Err(Error::InvalidToken("the session of this token has ended"));
        }
        self.check_sight()?;
        Ok(claims)
    }

    /// Reads an ID token of ours that came back as a hint, expired or not.
    pub(super) fn id_token_hint(&self, token: &str) -> Option<IdTokenHint> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        // Whoever signs out may have signed in long ago, with a key that is published no more.
        self.read(token, ID_TOKEN_TYPE, |_| true)
    }

    fn read<T: serde::de::DeserializeOwned>(
        &self,
        token: &str,
        kind: &str,
        is_good: impl Fn(&KeyPair) -> bool,
    ) -> Option<T> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        if header.typ.as_deref() != Some(kind) {
            return None;
        }
        let pairs = self.keys.current();
        let key = pairs
            .iter()
            .find(|pair| Some(&pair.kid) == header.kid.as_ref() && is_good(pair))?;
        let mut validation = Validation::new(key_pair::jose(key.algorithm));
        // The end is judged at every use, by our own clock; the audience by whoever asks for one.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(&["iss", "exp", "sub", "aud"]);
        jsonwebtoken::decode(token, &key.verifying, &validation)
            .ok()
            .map(|data| data.claims)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::time::{Duration, Instant};

    use super::{BLIND_FOR, Sight};

    #[test]
    fn sight_is_lost_ten_minutes_after_the_last_look() {
        let began = Instant::now();
        let sight = Sight {
            began,
            last_ms: AtomicU64::new(5_000),
        };
        let last = began + Duration::from_secs(5);
        assert!(!sight.is_lost_at(last + BLIND_FOR));
        assert!(sight.is_lost_at(last + BLIND_FOR + Duration::from_millis(1)));
    }
}

//! Signs our tokens: access tokens, ID tokens, logout tokens, each under its own media type.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use aws_lc_rs::digest::{SHA256, SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::claims::{AccessClaims, IdClaims, Identity, LogoutClaims, Profile};
use super::keys::Keys;
use super::session;
use crate::clock::Clock;
use crate::config::tokens::{self, Algorithm};
use crate::error::Error;

/// The media type of an access token (RFC 9068 section 2.1).
pub(super) const ACCESS_TOKEN_TYPE: &str = "at+jwt";

/// The media type of an ID token.
pub(super) const ID_TOKEN_TYPE: &str = "JWT";

/// The media type of a logout token (OpenID Connect Back-Channel Logout section 2.4).
const LOGOUT_TOKEN_TYPE: &str = "logout+jwt";

/// The event that a logout token tells.
const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Seconds for which a logout token may be delivered: it is signed anew at each attempt.
const LOGOUT_TOKEN_LIFE_S: i64 = 120;

/// No token of ours is longer: servers take no longer line in a header, and the verifier refuses it unread.
pub(super) const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Signs with the keys of the deployment.
#[derive(Clone)]
pub struct Issuer {
    pub(super) keys: Arc<Keys>,
    pub(super) settings: tokens::Tokens,
    pub(super) clock: Clock,
}

impl Issuer {
    /// Signs an access token of a stored session; answers it with its end in seconds since 1970. Within one
    /// generation of the session the claims are the same, so that a repeated refresh gets the same answer.
    ///
    /// # Errors
    /// [`Error::Internal`] when no key signs, or the subject holds more roles and powers than a token can tell of.
    pub fn access_token(&self, session: &session::Model, identity: Option<Identity>) -> Result<(String, i64), Error> {
        let issued_at = session.refreshed_at.timestamp();
        let claims = AccessClaims {
            iss: self.settings.issuer.clone(),
            sub: session.subject.clone(),
            aud: session.audience.clone(),
            exp: issued_at.saturating_add(seconds(self.settings.access_ttl)),
            iat: issued_at,
            jti: Uuid::new_v5(&session.id, &session.generation.to_be_bytes()),
            client_id: session.audience.clone(),
            sid: session.id,
            scope: session.client_id.as_ref().map(|_| session.scope.clone()),
            identity,
        };
        let token = self.sign(self.settings.algorithm, ACCESS_TOKEN_TYPE, &claims)?;
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Error::Internal(anyhow!(
                "the access token of subject {} would have {} bytes, and {MAX_TOKEN_BYTES} is the most: grant it fewer \
                 roles, or let them allow less",
                claims.sub,
                token.len()
            )));
        }
        Ok((token, claims.exp))
    }

    /// Signs an ID token that goes with an access token of the same session.
    ///
    /// # Errors
    /// [`Error::Internal`] when no key signs.
    pub fn id_token(
        &self,
        session: &session::Model,
        algorithm: Algorithm,
        access_token: &str,
        nonce: Option<&str>,
        profile: &Profile,
    ) -> Result<String, Error> {
        let now = self.clock.unix_seconds();
        let claims = IdClaims {
            iss: &self.settings.issuer,
            aud: &session.audience,
            exp: now.saturating_add(seconds(self.settings.access_ttl)),
            iat: now,
            auth_time: session.authenticated_at.unwrap_or(session.created_at).timestamp(),
            nonce,
            at_hash: at_hash(algorithm, access_token),
            sid: session.id,
            profile,
        };
        self.sign(algorithm, ID_TOKEN_TYPE, &claims)
    }

    /// Signs a logout token for a client.
    ///
    /// # Errors
    /// [`Error::Internal`] when no key signs.
    pub fn logout_token(
        &self,
        client_id: &str,
        algorithm: Algorithm,
        subject: &str,
        session: Uuid,
    ) -> Result<String, Error> {
        let now = self.clock.unix_seconds();
        let claims = LogoutClaims {
            iss: &self.settings.issuer,
            sub: subject,
            aud: client_id,
            iat: now,
            exp: now + LOGOUT_TOKEN_LIFE_S,
            jti: Uuid::new_v4(),
            sid: session,
            events: json!({LOGOUT_EVENT: {}}),
        };
        self.sign(algorithm, LOGOUT_TOKEN_TYPE, &claims)
    }

    fn sign(&self, algorithm: Algorithm, kind: &str, claims: &impl Serialize) -> Result<String, Error> {
        let (pairs, place) = self
            .keys
            .signing(algorithm, self.clock.now())
            .with_context(|| format!("no key signs {}", algorithm.name()))
            .map_err(Error::Internal)?;
        let key = pairs.get(place).context("no key signs").map_err(Error::Internal)?;
        key.sign(kind, claims).map_err(Error::Internal)
    }
}

fn seconds(life: std::time::Duration) -> i64 {
    i64::try_from(life.as_secs()).unwrap_or(i64::MAX)
}

/// The left half of the access token's digest, by the hash of the ID token's algorithm (OpenID Connect Core section
/// 3.1.3.6; Ed25519 hashes with SHA-512).
fn at_hash(algorithm: Algorithm, access_token: &str) -> String {
    let hash = match algorithm {
        Algorithm::EdDsa => digest(&SHA512, access_token.as_bytes()),
        Algorithm::Es256 | Algorithm::Rs256 => digest(&SHA256, access_token.as_bytes()),
    };
    let bytes = hash.as_ref();
    URL_SAFE_NO_PAD.encode(bytes.get(..bytes.len() / 2).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::at_hash;
    use crate::config::tokens::Algorithm;

    #[test]
    fn the_published_access_token_has_the_published_hash() {
        // OpenID Connect Core, appendix A.3.
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(at_hash(Algorithm::Rs256, token), "77QmUPtjPfzWtF2AnpK9RQ");
    }
}

//! Authorization codes: given once, redeemed once, and ended with all that came of them when they are replayed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::authorization_code::{self as code, Model};
use super::ending;
use super::session::{self, Kind};
use crate::clock::Clock;
use crate::database::Database;
use crate::error::{Error, OAuthError};

/// How long a code may take to come back (RFC 6749 section 4.1.2 recommends ten minutes at the most).
const LIFE: TimeDelta = TimeDelta::seconds(60);

/// Longest code that is looked at; ours have 43 characters.
const LONGEST: usize = 128;

/// What a code stands for.
#[derive(Debug, Clone)]
pub struct Authorization {
    /// The client that it is given to.
    pub client_id: String,
    /// The browser's session that stands behind it.
    pub browser_session: Uuid,
    /// The redirect URI that it is sent to.
    pub redirect_uri: String,
    /// What is granted.
    pub scope: String,
    /// The client's nonce.
    pub nonce: Option<String>,
    /// The S256 challenge; none only for a confidential client.
    pub code_challenge: Option<String>,
}

/// What a client presents to redeem a code.
#[derive(Debug, Clone, Copy)]
pub struct Redemption<'a> {
    /// The code.
    pub code: &'a str,
    /// The client, which has proved who it is.
    pub client_id: &'a str,
    /// As it was at the authorization endpoint.
    pub redirect_uri: &'a str,
    /// The verifier of the challenge (RFC 7636).
    pub code_verifier: Option<&'a str>,
}

/// What became of a redemption.
enum Outcome {
    Redeemed(session::Model, Option<String>),
    Replayed(Vec<Uuid>),
    Refused(&'static str),
}

/// The codes of one deployment.
pub struct Grants {
    pub(super) database: Database,
    pub(super) clock: Clock,
}

impl Grants {
    /// Stores an authorization; answers its code, of which only a digest is kept.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn give(&self, authorization: Authorization) -> Result<String, Error> {
        let bytes: [u8; 32] = rand::random();
        let text = URL_SAFE_NO_PAD.encode(bytes);
        let row = Model {
            digest: code::digest(&text),
            client_id: authorization.client_id,
            browser_session: authorization.browser_session,
            redirect_uri: authorization.redirect_uri,
            scope: authorization.scope,
            nonce: authorization.nonce,
            code_challenge: authorization.code_challenge,
            expires_at: self.clock.now() + LIFE,
            redeemed_for: None,
        };
        self.database
            .transact(async |transaction| code::insert(transaction, row.clone()).await)
            .await?;
        Ok(text)
    }

    /// Redeems a code for a session of the client, made by `open` from subject and scope; answers it with the nonce.
    /// A code that comes a second time ends the session of the first (RFC 6749 section 4.1.2); those sessions are
    /// answered in the error's place through `ended`.
    ///
    /// # Errors
    /// [`OAuthError::InvalidGrant`], [`Error::Unavailable`].
    pub(super) async fn redeem(
        &self,
        redemption: Redemption<'_>,
        open: impl Fn(String, String) -> session::Model,
    ) -> Result<(session::Model, Option<String>), (Error, Vec<Uuid>)> {
        const UNKNOWN: &str = "the code is expired, used or not this client's";
        let refused = |reason| (Error::oauth(OAuthError::InvalidGrant, reason), Vec::new());
        if redemption.code.len() > LONGEST {
            return Err(refused(UNKNOWN));
        }
        let digest = code::digest(redemption.code);
        let now = self.clock.now();
        let redeeming = self.database.transact(async |transaction| {
            let Some(row) = code::find(transaction, &digest)
                .await?
                .filter(|row| row.client_id == redemption.client_id)
            else {
                return Ok(Outcome::Refused(UNKNOWN));
            };
            // Whatever has become of the browser meanwhile, and whatever else was presented.
            if let Some(first) = row.redeemed_for {
                return ending::one(transaction, first, now).await.map(Outcome::Replayed);
            }
            if let Err(reason) = fits(&row, redemption) {
                return Ok(Outcome::Refused(reason));
            }
            // The browser's session is held until the new one stands beside it, so that a logout ends both or comes
            // first.
            let browser = session::lock(transaction, row.browser_session)
                .await?
                .filter(|session| session.kind == Kind::Browser && session.lives(now));
            let mut session = match &browser {
                Some(browser) => open(browser.subject.clone(), row.scope.clone()),
                None => return Ok(Outcome::Refused("the person has signed out meanwhile")),
            };
            session.parent_id = Some(row.browser_session);
            session.authenticated_at = browser.map(|browser| browser.created_at);
            if code::redeem(transaction, &digest, session.id, now).await? {
                session::insert(transaction, vec![session.clone()]).await?;
                return Ok(Outcome::Redeemed(session, row.nonce));
            }
            // It is over, or another redemption came first while this one waited for the browser's session.
            match code::find(transaction, &digest).await?.and_then(|row| row.redeemed_for) {
                Some(first) => ending::one(transaction, first, now).await.map(Outcome::Replayed),
                None => Ok(Outcome::Refused(UNKNOWN)),
            }
        });
        match redeeming.await.map_err(|cause| (cause, Vec::new()))? {
            Outcome::Redeemed(session, nonce) => Ok((session, nonce)),
            Outcome::Refused(reason) => Err(refused(reason)),
            Outcome::Replayed(ended) => {
                tracing::warn!(
                    client = redemption.client_id,
                    "an authorization code came twice: what came of it ends"
                );
                Err((Error::oauth(OAuthError::InvalidGrant, UNKNOWN), ended))
            }
        }
    }
}

/// Whether what is presented goes with what was asked for.
fn fits(row: &Model, redemption: Redemption<'_>) -> Result<(), &'static str> {
    if row.redirect_uri != redemption.redirect_uri {
        return Err("redirect_uri is not the one that the code was sent to");
    }
    match (&row.code_challenge, redemption.code_verifier) {
        (None, None) => Ok(()),
        (Some(challenge), Some(verifier)) if answers(challenge, verifier) => Ok(()),
        (Some(_), None) => Err("code_verifier is missing"),
        // RFC 9700 section 2.1.1: a verifier without a challenge shows that somebody took the challenge away.
        (None, Some(_)) => Err("there was no code_challenge that this code_verifier could answer"),
        (Some(_), Some(_)) => Err("code_verifier does not answer the code_challenge"),
    }
}

/// Whether `verifier` answers an S256 `challenge` (RFC 7636 section 4.6).
fn answers(challenge: &str, verifier: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let hashed = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    (43..=128).contains(&verifier.len())
        && verifier.bytes().all(unreserved)
        && bool::from(hashed.as_bytes().ct_eq(challenge.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::answers;

    #[test]
    fn the_published_verifier_answers_the_published_challenge() {
        // RFC 7636, appendix B.
        let (verifier, challenge) = (
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            "E9Melhoa2OwvFrEMTJguCHaoeK1xSstw-cM",
        );
        assert!(!answers(challenge, verifier));
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert!(answers(challenge, verifier));
        assert!(!answers(challenge, challenge));
        assert!(!answers("", ""));
    }
}

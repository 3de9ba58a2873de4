//! Issues, verifies, rotates and revokes the tokens of this service; knows a subject, not an employee.

pub mod bearer;
pub mod claims;
pub mod http;
mod key_pair;
mod keys;
mod refresh_token;
mod revocations;
pub mod seal;
pub mod session;
pub mod signing_key;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Header, Validation};
use moka::sync::Cache as Known;
use sea_orm::{ConnectionTrait, DbErr};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::clock::Clock;
use crate::config;
use crate::database::{self, Database};
use crate::error::Error;
use claims::{AccessClaims, Identity};
use key_pair::KeyPair;
use keys::Keys;
use refresh_token::RefreshToken;
use revocations::Revocations;
use seal::Sealer;
use session::Rotation;

/// The media type of an access token (RFC 9068 section 2.1).
const ACCESS_TOKEN_TYPE: &str = "at+jwt";

/// Longer than any token of ours: what is longer is refused unread.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// How many verified tokens are remembered, about a kilobyte each.
const KNOWN_TOKENS: u64 = 20_000;

/// How often the ended sessions are read again: half of the two seconds within which they must be known.
const FOLLOW_EVERY: Duration = Duration::from_millis(900);

/// Tokens of one deployment. Clones share everything.
#[derive(Clone)]
pub struct Tokens(Arc<House>);

struct House {
    database: Database,
    sealer: Sealer,
    keys: Keys,
    revocations: Revocations,
    known: Known<Box<str>, Arc<AccessClaims>, foldhash::fast::RandomState>,
    settings: config::tokens::Tokens,
    clock: Clock,
}

/// An access token with its refresh token.
#[derive(Debug, Clone)]
pub struct TokenPair {
    /// The signed access token.
    pub access_token: String,
    /// When it ends, in seconds since 1970.
    pub access_over_at: i64,
    /// The refresh token, good once.
    pub refresh_token: String,
    /// When that ends, in seconds since 1970.
    pub refresh_over_at: i64,
}

/// Makes sure that every signing key opens under the master key, where there is one; answers how many there are.
///
/// # Errors
/// When the database does not answer, or a key does not open.
pub async fn try_signing_keys(database: &Database, sealer: Option<&Sealer>) -> anyhow::Result<usize> {
    let rows = signing_key::all(database.reader()).await?;
    for row in &rows {
        KeyPair::open(
            row,
            sealer.context("there is no master key to open the signing keys with")?,
        )?;
    }
    Ok(rows.len())
}

impl Tokens {
    /// Opens the keys, and learns which sessions were ended lately.
    ///
    /// # Errors
    /// When the database does not answer, or a key does not open under the master key.
    pub async fn open(settings: &config::Settings, database: Database, clock: Clock) -> anyhow::Result<Self> {
        let sealer = Sealer::open(&settings.secrets, &settings.database)?;
        let keys = Keys::open(&database, &sealer, settings.tokens.algorithm, clock.now()).await?;
        let life = TimeDelta::from_std(settings.tokens.access_ttl).context("tokens.access_ttl_s")?;
        let tokens = Self(Arc::new(House {
            database,
            sealer,
            keys,
            revocations: Revocations::new(life),
            known: Known::builder()
                .max_capacity(KNOWN_TOKENS)
                .build_with_hasher(foldhash::fast::RandomState::default()),
            settings: settings.tokens.clone(),
            clock,
        }));
        tokens.learn(None).await?;
        Ok(tokens)
    }

    /// `iss` of every token.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.settings.issuer
    }

    /// A session to be stored with [`Self::insert_sessions`].
    #[must_use]
    pub fn new_session(&self, subject: String, audience: &str) -> session::Model {
        let now = self.0.clock.now();
        session::Model {
            id: Uuid::now_v7(),
            subject,
            audience: audience.to_owned(),
            generation: 0,
            created_at: now,
            refreshed_at: now,
            expires_at: now + self.refresh_life(),
            ended_at: None,
        }
    }

    /// Stores new sessions within the caller's transaction.
    ///
    /// # Errors
    /// The database's.
    pub async fn insert_sessions(
        &self,
        transaction: &impl ConnectionTrait,
        sessions: Vec<session::Model>,
    ) -> Result<(), DbErr> {
        session::insert(transaction, sessions).await
    }

    /// Signs an access token of a stored session and writes its refresh token.
    ///
    /// # Errors
    /// [`Error::Internal`] when there is no key or it does not sign.
    pub fn issue(&self, session: &session::Model, identity: Identity) -> Result<TokenPair, Error> {
        let house = &self.0;
        let now = house.clock.now();
        let life = i64::try_from(house.settings.access_ttl.as_secs()).unwrap_or(i64::MAX);
        let (pairs, place) = house
            .keys
            .signing(house.settings.algorithm, now)
            .context("no key signs")
            .map_err(Error::Internal)?;
        let key = pairs.get(place).context("no key signs").map_err(Error::Internal)?;
        let claims = AccessClaims {
            iss: house.settings.issuer.clone(),
            sub: session.subject.clone(),
            aud: session.audience.clone(),
            exp: now.timestamp().saturating_add(life),
            iat: now.timestamp(),
            jti: Uuid::new_v4(),
            client_id: session.audience.clone(),
            sid: session.id,
            identity,
        };
        let header = Header {
            typ: Some(ACCESS_TOKEN_TYPE.to_owned()),
            kid: Some(key.kid.clone()),
            ..Header::new(key_pair::jose(key.algorithm))
        };
        let access_token =
            jsonwebtoken::encode(&header, &claims, &key.signing).map_err(|cause| Error::Internal(cause.into()))?;
        let refresh = RefreshToken {
            session: session.id,
            generation: session.generation,
        };
        Ok(TokenPair {
            access_token,
            access_over_at: claims.exp,
            refresh_token: refresh.write(&house.sealer),
            refresh_over_at: session.expires_at.timestamp(),
        })
    }

    /// Verifies an access token of ours: signature, type, issuer, end, and that its session lives. Asks nobody.
    ///
    /// # Errors
    /// [`Error::InvalidToken`], whatever is wrong with it.
    pub fn verify(&self, token: &str) -> Result<Arc<AccessClaims>, Error> {
        const INVALID: Error = Error::InvalidToken("the access token is not one of ours, or was altered");
        let house = &self.0;
        let claims = match house.known.get(token) {
            Some(claims) => claims,
            None if token.len() > MAX_TOKEN_BYTES => return Err(INVALID),
            None => {
                let claims = Arc::new(self.read(token).ok_or(INVALID)?);
                house.known.insert(token.into(), Arc::clone(&claims));
                claims
            }
        };
        if claims.exp <= house.clock.unix_seconds() {
            house.known.invalidate(token);
            return Err(Error::InvalidToken("the access token has expired"));
        }
        if house.revocations.contains(claims.sid) {
            return Err(Error::InvalidToken("the session of this token has ended"));
        }
        Ok(claims)
    }

    /// Uses a refresh token. The answered session is to be issued for anew; a repetition within ten seconds gets
    /// the same refresh token again.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] for a token that is not ours, used, expired or of an ended session; a used one ends
    /// its session. [`Error::Unavailable`] when the database is away: then nothing was used.
    pub async fn rotate(&self, refresh_token: &str) -> Result<session::Model, Error> {
        const OVER: Error = Error::InvalidToken("the refresh token is expired, used or not ours; sign in again");
        let house = &self.0;
        let token = RefreshToken::read(refresh_token, &house.sealer).ok_or(OVER)?;
        let now = house.clock.now();
        let life = self.refresh_life();
        let rotation = database::within_limit(async {
            let transaction = house.database.begin().await?;
            let rotation = session::rotate(&transaction, token.session, token.generation, now, life).await?;
            if let Rotation::Replayed(session) = &rotation {
                session::end(&transaction, session.id, now).await?;
            }
            transaction.commit().await?;
            Ok(rotation)
        })
        .await?;
        match rotation {
            Rotation::Rotated(session) | Rotation::Repeated(session) => Ok(session),
            Rotation::Replayed(session) => {
                tracing::warn!(session = %session.id, subject = session.subject, "a used refresh token was presented: its session ends");
                house.revocations.learn([(session.id, now)], now);
                Err(OVER)
            }
            Rotation::Gone => Err(OVER),
        }
    }

    /// Ends one session.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn end_session(&self, id: Uuid) -> Result<(), Error> {
        let now = self.0.clock.now();
        database::within_limit(async {
            let transaction = self.0.database.begin().await?;
            session::end(&transaction, id, now).await?;
            transaction.commit().await
        })
        .await?;
        self.0.revocations.learn([(id, now)], now);
        Ok(())
    }

    /// The published key set (RFC 7517).
    #[must_use]
    pub fn jwks(&self) -> serde_json::Value {
        self.0.keys.jwks()
    }

    /// Learns of ended sessions and new keys until told to stop.
    pub async fn follow(self, stop: CancellationToken) {
        let mut last = Some(self.0.clock.now());
        let mut rounds = 0_u32;
        while stop
            .run_until_cancelled(tokio::time::sleep(FOLLOW_EVERY))
            .await
            .is_some()
        {
            let now = self.0.clock.now();
            match self.learn(last).await {
                Ok(()) => last = Some(now),
                Err(cause) => {
                    tracing::warn!(%cause, "ended sessions cannot be read; known tokens stay in force until they expire");
                }
            }
            rounds = rounds.wrapping_add(1);
            if rounds.is_multiple_of(30)
                && let Err(cause) = self.0.keys.reload(&self.0.database, &self.0.sealer).await
            {
                tracing::warn!(%cause, "the signing keys cannot be read again");
            }
        }
    }

    async fn learn(&self, last: Option<DateTime<Utc>>) -> anyhow::Result<()> {
        let now = self.0.clock.now();
        let since = self.0.revocations.read_from(now, last);
        let work = session::ended_since(self.0.database.reader(), since);
        let ended = tokio::time::timeout(database::WORK_TIMEOUT, work).await??;
        self.0.revocations.learn(ended, now);
        Ok(())
    }

    fn read(&self, token: &str) -> Option<AccessClaims> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        if header.typ.as_deref() != Some(ACCESS_TOKEN_TYPE) {
            return None;
        }
        let pairs = self.0.keys.current();
        let key = pairs.iter().find(|pair| Some(&pair.kid) == header.kid.as_ref())?;
        let mut validation = Validation::new(key_pair::jose(key.algorithm));
        // The end is judged at every use, by our own clock; the audience by whoever asks for one.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.set_issuer(&[self.issuer()]);
        validation.set_required_spec_claims(&["iss", "exp", "sub", "aud"]);
        jsonwebtoken::decode::<AccessClaims>(token, &key.verifying, &validation)
            .ok()
            .map(|data| data.claims)
    }

    fn refresh_life(&self) -> TimeDelta {
        TimeDelta::from_std(self.0.settings.refresh_ttl).unwrap_or(TimeDelta::days(30))
    }
}

/// Ends every session of a subject within the caller's transaction; instances learn of it within two seconds.
///
/// # Errors
/// The database's.
pub async fn end_subject(transaction: &impl ConnectionTrait, subject: &str, now: DateTime<Utc>) -> Result<u64, DbErr> {
    session::end_of_subject(transaction, subject, now).await
}

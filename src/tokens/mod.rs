//! Issues, verifies, rotates and revokes the tokens of this service; knows a subject, not an employee.

pub mod authorization_code;
pub mod bearer;
mod browser;
pub mod claims;
pub mod cookie;
pub mod delivery;
mod ending;
pub mod grant;
mod handle;
pub mod http;
pub mod issuer;
mod key_file;
mod key_pair;
pub mod keys;
pub mod logout_delivery;
mod opening;
mod revocations;
pub mod seal;
pub mod session;
pub mod sessions;
pub mod signing_key;
mod upkeep;
mod verifier;

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, DbErr};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::cache::Cache;
use crate::clients::Clients;
use crate::clock::Clock;
use crate::config;
use crate::config::tokens::Algorithm;
use crate::database::Database;
use crate::error::Error;
use browser::Browsers;
use claims::{AccessClaims, IdTokenHint, Identity, Profile};
use delivery::Deliveries;
use grant::{Grants, Redemption};
use handle::Handle;
use issuer::Issuer;
use key_pair::KeyPair;
use keys::Keys;
use opening::Opening;
use revocations::Revocations;
use seal::{Mark, Sealer};
use sessions::Sessions;
use upkeep::Upkeep;
use verifier::Verifier;

/// Tokens of one deployment. Clones share everything.
#[derive(Clone)]
pub struct Tokens(Arc<House>);

struct House {
    sealer: Arc<Sealer>,
    issuer: Issuer,
    verifier: Arc<Verifier>,
    browsers: Browsers,
    grants: Grants,
    deliveries: Deliveries,
    opening: Opening,
    sessions: Sessions,
    upkeep: Arc<Upkeep>,
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
    pub async fn open(
        settings: &config::Settings,
        sealer: Arc<Sealer>,
        database: Database,
        cache: Cache,
        clients: Clients,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let keys = Keys::open(&database, &sealer, settings.tokens.algorithm, clock.now()).await?;
        let keys = Arc::new(keys);
        let life = TimeDelta::from_std(settings.tokens.access_ttl).context("tokens.access_ttl_s")?;
        let verifier = Arc::new(Verifier::new(
            Arc::clone(&keys),
            Revocations::new(life),
            settings.tokens.issuer.clone(),
            clock.clone(),
        ));
        let issuer = Issuer {
            keys: Arc::clone(&keys),
            settings: settings.tokens.clone(),
            clock: clock.clone(),
        };
        let upkeep = Arc::new(Upkeep {
            database: database.clone(),
            sealer: Arc::clone(&sealer),
            cache,
            clients: clients.clone(),
            keys,
            verifier: Arc::clone(&verifier),
            settings: settings.tokens.clone(),
            clock: clock.clone(),
        });
        upkeep.learn(None).await?;
        Ok(Self(Arc::new(House {
            browsers: Browsers::new(database.clone(), Arc::clone(&verifier), clock.clone()),
            grants: Grants {
                database: database.clone(),
                clock: clock.clone(),
            },
            deliveries: Deliveries {
                database: database.clone(),
                issuer: issuer.clone(),
                clients,
                clock: clock.clone(),
            },
            opening: Opening {
                database: database.clone(),
                settings: settings.tokens.clone(),
                clock: clock.clone(),
            },
            sessions: Sessions {
                database,
                sealer: Arc::clone(&sealer),
                verifier: Arc::clone(&verifier),
                upkeep: Arc::clone(&upkeep),
                settings: settings.tokens.clone(),
                clock: clock.clone(),
            },
            sealer,
            issuer,
            verifier,
            upkeep,
            clock,
        })))
    }

    /// `iss` of every token.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer.settings.issuer
    }

    /// Authorization codes, and what they are redeemed for.
    #[must_use]
    pub fn grants(&self) -> &Grants {
        &self.0.grants
    }

    /// The logout tokens that clients are still to be sent.
    #[must_use]
    pub fn deliveries(&self) -> &Deliveries {
        &self.0.deliveries
    }

    /// The stored sessions, which rotate and end.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// A session of a micro-app's page, to be stored with [`Self::insert_sessions`].
    #[must_use]
    pub fn new_session(&self, subject: String, app: &str) -> session::Model {
        self.0.opening.micro_app(subject, app)
    }

    /// A browser's session, likewise.
    #[must_use]
    pub fn new_browser_session(&self, subject: String) -> session::Model {
        self.0.opening.browser(subject)
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
    pub fn issue(&self, session: &session::Model, identity: Option<Identity>) -> Result<TokenPair, Error> {
        let (access_token, access_over_at) = self.0.issuer.access_token(session, identity)?;
        let refresh = Handle {
            session: session.id,
            generation: session.generation,
        };
        Ok(TokenPair {
            access_token,
            access_over_at,
            refresh_token: refresh.write(Mark::RefreshToken, &self.0.sealer),
            refresh_over_at: session.expires_at.timestamp(),
        })
    }

    /// Signs an ID token that goes with an access token of the same session; makes the algorithm's first key where
    /// there is none yet.
    ///
    /// # Errors
    /// [`Error::Internal`] when there is no key and none can be made.
    pub async fn id_token(
        &self,
        session: &session::Model,
        algorithm: Algorithm,
        access_token: &str,
        nonce: Option<&str>,
        profile: &Profile,
    ) -> Result<String, Error> {
        self.0
            .upkeep
            .make_keys(BTreeSet::from([algorithm]))
            .await
            .map_err(Error::Internal)?;
        self.0.issuer.id_token(session, algorithm, access_token, nonce, profile)
    }

    /// Verifies an access token of ours: signature, type, issuer, end, and that its session lives. Asks nobody.
    ///
    /// # Errors
    /// [`Error::InvalidToken`], whatever is wrong with it; [`Error::Unavailable`] when nobody could say for ten
    /// minutes which sessions have ended.
    pub fn verify(&self, token: &str) -> Result<Arc<AccessClaims>, Error> {
        self.0.verifier.verify(token)
    }

    /// Reads an ID token of ours that comes back as a hint (OpenID Connect RP-Initiated Logout section 2).
    #[must_use]
    pub fn id_token_hint(&self, token: &str) -> Option<IdTokenHint> {
        self.0.verifier.id_token_hint(token)
    }

    /// Redeems an authorization code for a stored session of the client, answered with the nonce.
    ///
    /// # Errors
    /// [`crate::error::OAuthError::InvalidGrant`]; where the code came before, all that came of it has ended.
    /// [`Error::Unavailable`] when the database is away: then nothing was used.
    pub async fn redeem(&self, redemption: Redemption<'_>) -> Result<(session::Model, Option<String>), Error> {
        let house = &self.0;
        let open = |subject, scope| house.opening.client(subject, redemption.client_id, scope);
        match house.grants.redeem(redemption, open).await {
            Ok(redeemed) => Ok(redeemed),
            Err((error, ended)) => {
                if !ended.is_empty() {
                    house.sessions.tell(&ended, house.clock.now()).await;
                }
                Err(error)
            }
        }
    }

    /// Stores the session of a client that acts for itself, good for one access token.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn open_own_session(&self, client_id: &str, scope: String) -> Result<session::Model, Error> {
        self.0.opening.store_own(client_id, scope).await
    }

    /// The cookie of a stored browser session.
    #[must_use]
    pub fn cookie(&self, session: Uuid) -> String {
        let handle = Handle { session, generation: 0 };
        handle.write(Mark::BrowserCookie, &self.0.sealer)
    }

    /// The living browser session of a cookie. One that was seen in the last minutes is answered without asking
    /// anybody.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it is not known here and the database is away.
    pub async fn browser_session(&self, cookie: &str) -> Result<Option<Arc<session::Model>>, Error> {
        match Handle::read(cookie, Mark::BrowserCookie, &self.0.sealer) {
            Some(handle) => self.0.browsers.find(handle.session).await,
            None => Ok(None),
        }
    }

    /// The published key set (RFC 7517).
    #[must_use]
    pub fn jwks(&self) -> serde_json::Value {
        self.0.issuer.keys.jwks(self.0.clock.now())
    }

    /// Learns of ended sessions and new keys, lets keys follow one another and forgets what is over, until told to
    /// stop.
    pub async fn follow(self, stop: CancellationToken) {
        self.0.upkeep.run(stop).await;
    }
}

/// Ends every session of a subject within the caller's transaction; instances learn of it within two seconds.
/// Answers how many.
///
/// # Errors
/// The database's.
pub async fn end_subject(
    transaction: &impl ConnectionTrait,
    subject: &str,
    now: DateTime<Utc>,
) -> Result<usize, DbErr> {
    ending::of_subject(transaction, subject, now)
        .await
        .map(|ended| ended.len())
}

/// Ends every session of a client within the caller's transaction, likewise.
///
/// # Errors
/// The database's.
pub async fn end_client(
    transaction: &impl ConnectionTrait,
    client_id: &str,
    now: DateTime<Utc>,
) -> Result<usize, DbErr> {
    ending::of_client(transaction, client_id, now)
        .await
        .map(|ended| ended.len())
}

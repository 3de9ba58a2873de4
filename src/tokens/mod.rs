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
mod key_pair;
pub mod keys;
pub mod logout_delivery;
mod revocations;
pub mod seal;
pub mod session;
pub mod signing_key;
mod upkeep;
mod verifier;

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::cache::Cache;
use crate::clients::Clients;
use crate::clock::Clock;
use crate::config;
use crate::config::tokens::Algorithm;
use crate::database::{self, Database};
use crate::error::Error;
use browser::Browsers;
use claims::{AccessClaims, IdTokenHint, Identity, Profile};
use delivery::Deliveries;
use grant::{Grants, Redemption};
use handle::Handle;
use issuer::Issuer;
use key_pair::KeyPair;
use keys::Keys;
use revocations::Revocations;
use seal::{Mark, Sealer};
use session::{Holder, Kind, Rotation};
use upkeep::Upkeep;
use verifier::Verifier;

/// Tokens of one deployment. Clones share everything.
#[derive(Clone)]
pub struct Tokens(Arc<House>);

struct House {
    database: Database,
    sealer: Arc<Sealer>,
    issuer: Issuer,
    verifier: Arc<Verifier>,
    browsers: Browsers,
    grants: Grants,
    deliveries: Deliveries,
    upkeep: Upkeep,
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
        let upkeep = Upkeep {
            database: database.clone(),
            sealer: Arc::clone(&sealer),
            cache,
            clients: clients.clone(),
            keys,
            verifier: Arc::clone(&verifier),
            settings: settings.tokens.clone(),
            clock: clock.clone(),
        };
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
            database,
            sealer,
            issuer,
            verifier,
            upkeep,
            settings: settings.tokens.clone(),
            clock,
        })))
    }

    /// `iss` of every token.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.settings.issuer
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

    /// A session of a micro-app's page, to be stored with [`Self::insert_sessions`].
    #[must_use]
    pub fn new_session(&self, subject: String, app: &str) -> session::Model {
        let life = self.0.settings.refresh_ttl;
        self.session(Kind::MicroApp, subject, app.to_owned(), None, life)
    }

    /// A browser's session, likewise.
    #[must_use]
    pub fn new_browser_session(&self, subject: String) -> session::Model {
        let life = self.0.settings.browser_ttl;
        self.session(Kind::Browser, subject, String::new(), None, life)
    }

    /// A client's session, likewise: of a person, or of the client itself with its own id for a subject.
    #[must_use]
    pub fn new_client_session(&self, subject: String, client_id: &str, scope: String) -> session::Model {
        let life = self.0.settings.refresh_ttl;
        let id = client_id.to_owned();
        session::Model {
            scope,
            ..self.session(Kind::Client, subject, id.clone(), Some(id), life)
        }
    }

    fn session(
        &self,
        kind: Kind,
        subject: String,
        audience: String,
        client_id: Option<String>,
        life: std::time::Duration,
    ) -> session::Model {
        let now = self.0.clock.now();
        session::Model {
            id: Uuid::now_v7(),
            kind,
            subject,
            audience,
            client_id,
            parent_id: None,
            scope: String::new(),
            generation: 0,
            created_at: now,
            authenticated_at: None,
            refreshed_at: now,
            expires_at: now + TimeDelta::from_std(life).unwrap_or(TimeDelta::days(30)),
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

    /// Uses a refresh token. The answered session is to be issued for anew; a repetition within ten seconds gets
    /// the same refresh token again.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] for a token that is not ours, another holder's, used, expired or of an ended session;
    /// a used one ends its session. [`Error::Unavailable`] when the database is away: then nothing was used.
    pub async fn rotate(&self, refresh_token: &str, holder: Holder<'_>) -> Result<session::Model, Error> {
        const OVER: Error = Error::InvalidToken("the refresh token is expired, used or not ours; sign in again");
        let house = &self.0;
        let token = Handle::read(refresh_token, Mark::RefreshToken, &house.sealer).ok_or(OVER)?;
        let now = house.clock.now();
        let life = TimeDelta::from_std(house.settings.refresh_ttl).unwrap_or(TimeDelta::days(30));
        let rotating = house.database.transact(async |transaction| {
            let rotation = session::rotate(transaction, token.session, token.generation, holder, now, life).await?;
            let ended = match &rotation {
                Rotation::Replayed(session) => ending::one(transaction, session.id, now).await?,
                _ => Vec::new(),
            };
            Ok((rotation, ended))
        });
        let (rotation, ended) = rotating.await?;
        match rotation {
            Rotation::Rotated(session) | Rotation::Repeated(session) => Ok(session),
            Rotation::Replayed(session) => {
                tracing::warn!(session = %session.id, subject = session.subject, "a used refresh token was presented: its session ends");
                self.tell(&ended, now).await;
                Err(OVER)
            }
            Rotation::Gone => Err(OVER),
        }
    }

    /// The living session of a refresh token that has not been used yet.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn session_of(&self, refresh_token: &str) -> Result<Option<session::Model>, Error> {
        let found = self.family_of(refresh_token).await?;
        Ok(found
            .filter(|(session, generation)| session.generation == *generation)
            .map(|(session, _)| session))
    }

    /// The living session of a refresh token, used or not, with the generation that the token is of.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn family_of(&self, refresh_token: &str) -> Result<Option<(session::Model, i32)>, Error> {
        let Some(token) = Handle::read(refresh_token, Mark::RefreshToken, &self.0.sealer) else {
            return Ok(None);
        };
        let found = database::within_limit(session::find(self.0.database.reader(), token.session)).await?;
        Ok(found
            .filter(|session| session.lives(self.0.clock.now()))
            .map(|session| (session, token.generation)))
    }

    /// Redeems an authorization code for a stored session of the client, answered with the nonce.
    ///
    /// # Errors
    /// [`crate::error::OAuthError::InvalidGrant`]; where the code came before, all that came of it has ended.
    /// [`Error::Unavailable`] when the database is away: then nothing was used.
    pub async fn redeem(&self, redemption: Redemption<'_>) -> Result<(session::Model, Option<String>), Error> {
        let open = |subject, scope| self.new_client_session(subject, redemption.client_id, scope);
        match self.0.grants.redeem(redemption, open).await {
            Ok(redeemed) => Ok(redeemed),
            Err((error, ended)) => {
                if !ended.is_empty() {
                    self.tell(&ended, self.0.clock.now()).await;
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
        let session = session::Model {
            expires_at: self.0.clock.now() + TimeDelta::from_std(self.0.settings.access_ttl).unwrap_or_default(),
            ..self.new_client_session(client_id.to_owned(), client_id, scope)
        };
        self.0
            .database
            .transact(async |transaction| session::insert(transaction, vec![session.clone()]).await)
            .await?;
        Ok(session)
    }

    /// A browser has signed in again: the session of before ends. If it was the same person's, clients keep theirs.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn supersede(&self, former: &session::Model, present: &session::Model) -> Result<(), Error> {
        let (from, to) = (former.id, present.id);
        let same = former.subject == present.subject;
        self.end(async |transaction, now| {
            // Held first: a code that is being redeemed brings its session before this, or finds the browser gone.
            session::lock(transaction, from).await?;
            if same {
                session::adopt(transaction, from, to).await?;
            }
            ending::one(transaction, from, now).await
        })
        .await
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

    /// The browser's session from which a client's came, where there is one.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn browser_behind(&self, id: Uuid) -> Result<Option<Uuid>, Error> {
        let found = database::within_limit(session::find(self.0.database.reader(), id)).await?;
        Ok(found.and_then(|session| session.parent_id))
    }

    /// Ends one session, and with a browser's those that clients got from it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn end_session(&self, id: Uuid) -> Result<(), Error> {
        self.end(async |transaction, now| ending::one(transaction, id, now).await)
            .await
    }

    /// Ends every session of a subject.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn end_subject(&self, subject: &str) -> Result<(), Error> {
        self.end(async |transaction, now| ending::of_subject(transaction, subject, now).await)
            .await
    }

    async fn end(
        &self,
        which: impl AsyncFn(&DatabaseTransaction, DateTime<Utc>) -> Result<Vec<Uuid>, DbErr>,
    ) -> Result<(), Error> {
        let now = self.0.clock.now();
        let ended = self
            .0
            .database
            .transact(async |transaction| which(transaction, now).await)
            .await?;
        self.tell(&ended, now).await;
        Ok(())
    }

    /// Takes ended sessions to heart here, and has the other instances look.
    async fn tell(&self, ended: &[Uuid], now: DateTime<Utc>) {
        self.0
            .verifier
            .revocations
            .learn(ended.iter().map(|id| (*id, now)), now);
        self.0.upkeep.call_to_look().await;
    }

    /// Sessions were ended by a transaction of somebody else's: looks at once, here and on the other instances.
    pub async fn look_for_ended_sessions(&self) {
        self.0.upkeep.call_to_look().await;
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

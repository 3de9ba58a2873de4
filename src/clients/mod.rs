//! The business applications that trust our tokens: who they are, and how each proves it.

pub mod application;
pub mod client;
pub mod credentials;
pub mod registered_uri;
mod secret;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::TimeDelta;
use moka::sync::Cache as Known;
use sea_orm::{ConnectionTrait, DbErr};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::database::failure::is_duplicate;
use crate::database::{self, Database};
use crate::error::{Error, OAuthError};
use application::{Application, Registration};
use credentials::Credentials;

/// How often the clients are read again: a new, changed or removed one is known everywhere within two seconds.
const FOLLOW_EVERY: Duration = Duration::from_millis(1500);

/// How long an id that nobody has is remembered as such, so that guessing ids asks the database little.
const UNKNOWN_FOR: Duration = Duration::from_secs(1);

/// How long the secret before stays good after a rotation, unless it is said otherwise.
pub const OVERLAP: TimeDelta = TimeDelta::hours(24);

/// The clients of one deployment, all in memory. Clones share everything.
#[derive(Clone)]
pub struct Clients(Arc<House>);

struct House {
    database: Database,
    corp_id: String,
    clock: Clock,
    known: RwLock<Arc<HashMap<String, Arc<Application>>>>,
    unknown: Known<String, ()>,
}

impl Clients {
    /// Reads the clients.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open(database: Database, corp_id: String, clock: Clock) -> Result<Self, DbErr> {
        let clients = Self(Arc::new(House {
            database,
            corp_id,
            clock,
            known: RwLock::default(),
            unknown: Known::builder().max_capacity(1000).time_to_live(UNKNOWN_FOR).build(),
        }));
        clients.reload().await?;
        Ok(clients)
    }

    /// Keeps up with the table until told to stop. While the database is away the last known clients stay in force.
    pub async fn follow(self, stop: CancellationToken) {
        while stop
            .run_until_cancelled(tokio::time::sleep(FOLLOW_EVERY))
            .await
            .is_some()
        {
            match tokio::time::timeout(database::WORK_TIMEOUT, self.reload()).await {
                Ok(Ok(())) => {}
                Ok(Err(cause)) => tracing::warn!(%cause, "the clients cannot be read again"),
                Err(cause) => tracing::warn!(%cause, "the clients cannot be read again in time"),
            }
        }
    }

    /// All of them by id, as they are known now.
    #[must_use]
    pub fn known(&self) -> Arc<HashMap<String, Arc<Application>>> {
        Arc::clone(&self.0.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Finds a client; one that was just added is looked up in the database.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it is not known here and the database is away.
    pub async fn find(&self, id: &str) -> Result<Option<Arc<Application>>, Error> {
        if let Some(client) = self.known().get(id) {
            return Ok(Some(Arc::clone(client)));
        }
        let house = &*self.0;
        if !application::is_id(id) || house.unknown.contains_key(id) {
            return Ok(None);
        }
        let row = database::within_limit(client::find(house.database.reader(), &house.corp_id, id)).await?;
        if row.is_none() {
            house.unknown.insert(id.to_owned(), ());
        }
        Ok(row.map(|row| Arc::new(Application::from_row(&row))))
    }

    /// The client that proves who it is. Asks nobody for a client that is known.
    ///
    /// # Errors
    /// [`OAuthError::InvalidClient`] whatever is wrong, [`Error::Unavailable`].
    pub async fn authenticate(&self, credentials: &Credentials) -> Result<Arc<Application>, Error> {
        const REFUSED: Error = Error::oauth(
            OAuthError::InvalidClient,
            "there is no such client, or its secret is another",
        );
        let client = self.find(&credentials.id).await?.ok_or(REFUSED)?;
        let good = match (&credentials.secret, client.is_public()) {
            (None, true) => true,
            (Some(secret), false) => client.proves(secret, self.0.clock.now()),
            _ => false,
        };
        if good { Ok(client) } else { Err(REFUSED) }
    }

    /// Whether a client is in the database this very moment, whatever is known of it here.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn exists(&self, id: &str) -> Result<bool, Error> {
        let found = client::find(self.0.database.reader(), &self.0.corp_id, id);
        Ok(database::within_limit(found).await?.is_some())
    }

    /// Adds a client; answers its secret, which is kept nowhere, unless it is public.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for what cannot be registered or is there already, [`Error::Unavailable`].
    pub async fn add(&self, registration: Registration) -> Result<Option<SecretString>, Error> {
        let secret = (!registration.public).then(secret::new);
        let now = self.0.clock.now();
        let row = registration
            .into_row(&self.0.corp_id, secret.as_ref().map(secret::digest), now)
            .map_err(Error::InvalidRequest)?;
        let id = row.id.clone();
        if self.find(&id).await?.is_some() {
            return Err(taken(&id));
        }
        let added = self.write(async |transaction| client::insert(transaction, row).await);
        match added.await {
            Ok(()) => Ok(secret),
            // By somebody else since the look above.
            Err(Error::Internal(cause)) if cause.downcast_ref().is_some_and(is_duplicate) => Err(taken(&id)),
            Err(cause) => Err(cause),
        }
    }

    /// Gives a client another secret; the one before stays good for `overlap`.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InvalidRequest`] for a public client or when two rotate at once,
    /// [`Error::Unavailable`].
    pub async fn rotate_secret(&self, id: &str, overlap: TimeDelta) -> Result<SecretString, Error> {
        let house = &*self.0;
        let row = database::within_limit(client::find(house.database.reader(), &house.corp_id, id))
            .await?
            .ok_or(Error::NotFound)?;
        if row.secret_digest.is_none() {
            return Err(Error::InvalidRequest(format!("{id} is public: it has no secret")));
        }
        let secret = secret::new();
        let (digest, now) = (secret::digest(&secret), house.clock.now());
        let replaced = self
            .write(async |transaction| client::replace_secret(transaction, &row, digest, now + overlap, now).await)
            .await?;
        if replaced {
            Ok(secret)
        } else {
            Err(Error::InvalidRequest(
                "somebody else rotates this secret right now; nothing was changed".to_owned(),
            ))
        }
    }

    /// Removes a client within the caller's transaction, which also ends its sessions; false if there was none.
    ///
    /// # Errors
    /// The database's.
    pub async fn remove(&self, transaction: &impl ConnectionTrait, id: &str) -> Result<bool, DbErr> {
        client::delete(transaction, &self.0.corp_id, id).await
    }

    /// Reads every client.
    ///
    /// # Errors
    /// The database's.
    pub async fn reload(&self) -> Result<(), DbErr> {
        let rows = client::all(self.0.database.reader(), &self.0.corp_id).await?;
        let clients = rows
            .iter()
            .map(|row| (row.id.clone(), Arc::new(Application::from_row(row))))
            .collect();
        *self.0.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(clients);
        Ok(())
    }

    async fn write<T>(
        &self,
        work: impl AsyncFnOnce(&sea_orm::DatabaseTransaction) -> Result<T, DbErr>,
    ) -> Result<T, Error> {
        let done = database::within_limit(async {
            let transaction = self.0.database.begin().await?;
            let done = work(&transaction).await?;
            transaction.commit().await?;
            Ok(done)
        })
        .await?;
        // It is done, and a secret that came of it is told this once, whether or not all clients can be read now.
        if let Err(cause) = database::within_limit(self.reload()).await {
            tracing::warn!(%cause, "the clients cannot be read again");
        }
        Ok(done)
    }
}

fn taken(id: &str) -> Error {
    Error::InvalidRequest(format!("there is a client {id} already"))
}

/// Those of `ids` that want to hear of logouts.
///
/// # Errors
/// The database's.
pub async fn hearing_logouts(db: &impl ConnectionTrait, ids: &[String]) -> Result<Vec<String>, DbErr> {
    client::hearing_logouts(db, ids).await
}

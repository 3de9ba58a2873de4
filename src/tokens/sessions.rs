//! What becomes of open sessions: refresh tokens rotate, a new sign-in supersedes, whoever may ends them.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{DatabaseTransaction, DbErr};
use uuid::Uuid;

use super::ending;
use super::handle::Handle;
use super::seal::{Mark, Sealer};
use super::session::{self, Holder, Model, Rotation};
use super::upkeep::Upkeep;
use super::verifier::Verifier;
use crate::clock::Clock;
use crate::config;
use crate::database::{self, Database};
use crate::error::Error;

/// The answer to a refresh token that is not good.
pub const NOT_GOOD: Error = Error::InvalidToken("the refresh token is expired, used or not ours; sign in again");

/// The stored sessions of one deployment.
pub struct Sessions {
    pub(super) database: Database,
    pub(super) sealer: Arc<Sealer>,
    pub(super) verifier: Arc<Verifier>,
    pub(super) upkeep: Arc<Upkeep>,
    pub(super) settings: config::tokens::Tokens,
    pub(super) clock: Clock,
}

impl Sessions {
    /// Uses a refresh token. The answered session is to be issued for anew; a repetition within ten seconds gets
    /// the same refresh token again.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] for a token that is not ours, another holder's, used, expired or of an ended session;
    /// a used one ends its session. [`Error::Unavailable`] when the database is away: then nothing was used.
    pub async fn rotate(&self, refresh_token: &str, holder: Holder<'_>) -> Result<Model, Error> {
        let token = Handle::read(refresh_token, Mark::RefreshToken, &self.sealer).ok_or(NOT_GOOD)?;
        let now = self.clock.now();
        let life = TimeDelta::from_std(self.settings.refresh_ttl).unwrap_or(TimeDelta::days(30));
        let rotating = self.database.transact(async |transaction| {
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
                Err(NOT_GOOD)
            }
            Rotation::Gone => Err(NOT_GOOD),
        }
    }

    /// The living session of a refresh token that has not been used yet.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn of_token(&self, refresh_token: &str) -> Result<Option<Model>, Error> {
        let found = self.family_of_token(refresh_token).await?;
        Ok(found
            .filter(|(session, generation)| session.generation == *generation)
            .map(|(session, _)| session))
    }

    /// The living session of a refresh token, used or not, with the generation that the token is of.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn family_of_token(&self, refresh_token: &str) -> Result<Option<(Model, i32)>, Error> {
        let Some(token) = Handle::read(refresh_token, Mark::RefreshToken, &self.sealer) else {
            return Ok(None);
        };
        let found = database::within_limit(session::find(self.database.reader(), token.session)).await?;
        Ok(found
            .filter(|session| session.lives(self.clock.now()))
            .map(|session| (session, token.generation)))
    }

    /// The browser's session from which a client's came, where there is one.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn browser_behind(&self, id: Uuid) -> Result<Option<Uuid>, Error> {
        let found = database::within_limit(session::find(self.database.reader(), id)).await?;
        Ok(found.and_then(|session| session.parent_id))
    }

    /// A browser has signed in again: the session of before ends. If it was the same person's, clients keep theirs.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn supersede(&self, former: &Model, present: &Model) -> Result<(), Error> {
        let (from, to) = (former.id, present.id);
        let same = former.subject == present.subject;
        self.end_those(async |transaction, now| {
            // Held first: a code that is being redeemed brings its session before this, or finds the browser gone.
            session::lock(transaction, from).await?;
            if same {
                session::adopt(transaction, from, to).await?;
            }
            ending::one(transaction, from, now).await
        })
        .await
    }

    /// Ends one session, and with a browser's those that clients got from it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn end(&self, id: Uuid) -> Result<(), Error> {
        self.end_those(async |transaction, now| ending::one(transaction, id, now).await)
            .await
    }

    /// Sessions were ended by a transaction of somebody else's: looks at once, here and on the other instances.
    pub async fn look_for_ended(&self) {
        self.upkeep.call_to_look().await;
    }

    async fn end_those(
        &self,
        which: impl AsyncFn(&DatabaseTransaction, DateTime<Utc>) -> Result<Vec<Uuid>, DbErr>,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let ended = self
            .database
            .transact(async |transaction| which(transaction, now).await)
            .await?;
        self.tell(&ended, now).await;
        Ok(())
    }

    /// Takes ended sessions to heart here, and has the other instances look.
    pub(super) async fn tell(&self, ended: &[Uuid], now: DateTime<Utc>) {
        self.verifier.revocations.learn(ended.iter().map(|id| (*id, now)), now);
        self.upkeep.call_to_look().await;
    }
}

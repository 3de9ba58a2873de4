//! Delivers logout tokens to clients until each has answered (OpenID Connect Back-Channel Logout section 2.5).

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::Client;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::issuer::Issuer;
use super::logout_delivery::{self as row, Model};
use crate::clients::Clients;
use crate::clock::Clock;
use crate::database::{self, Database};
use crate::error::Error;
use crate::outbound;

/// How often is looked for deliveries: an application hears of a leaver within two seconds.
const LOOK_EVERY: Duration = Duration::from_millis(700);

/// How long a client may take to answer.
const LIMIT: Duration = Duration::from_secs(5);

/// For so long an attempt is this instance's: longer than it takes, so that no other makes it meanwhile.
const LEASE: TimeDelta = TimeDelta::seconds(10);

/// Deliveries under way at once.
const AT_ONCE: u64 = 16;

/// The longest pause between two attempts.
const LONGEST_PAUSE: TimeDelta = TimeDelta::minutes(10);

/// How long it is tried: a client's sessions of this person have ended by themselves then, or nobody is there.
const PATIENCE: TimeDelta = TimeDelta::hours(24);

/// The deliveries of one deployment; instances share the work.
#[derive(Clone)]
pub struct Deliveries {
    pub(super) database: Database,
    pub(super) issuer: Issuer,
    pub(super) clients: Clients,
    pub(super) clock: Clock,
}

impl Deliveries {
    /// Delivers until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        // Made for the first delivery: where no client wants to hear of logouts, the CA certificates would lie in memory once
        // more for nothing.
        let mut client = None;
        while stop.run_until_cancelled(sleep(LOOK_EVERY)).await.is_some() {
            if let Err(cause) = self.round(&mut client).await {
                tracing::warn!(cause = cause.to_string(), "logout tokens cannot be delivered for now");
            }
        }
    }

    async fn round(&self, client: &mut Option<Client>) -> Result<(), Error> {
        loop {
            let now = self.clock.now();
            let due = database::within_limit(row::due(self.database.reader(), now, AT_ONCE)).await?;
            if due.is_empty() {
                return Ok(());
            }
            let client: &Client = match client {
                Some(client) => client,
                None => client.insert(outbound::client(LIMIT).map_err(|cause| Error::Internal(cause.into()))?),
            };
            let full = due.len() as u64 == AT_ONCE;
            for outcome in join_all(due.into_iter().map(|delivery| self.attempt(client, delivery))).await {
                outcome?;
            }
            if !full {
                return Ok(());
            }
        }
    }

    /// One attempt. It is claimed before it is made: whoever dies in the middle has it repeated, never lost.
    async fn attempt(&self, client: &Client, delivery: Model) -> Result<(), Error> {
        let now = self.clock.now();
        let mine = self
            .database
            .transact(async |transaction| row::claim(transaction, &delivery, now + LEASE).await)
            .await?;
        if !mine {
            return Ok(());
        }
        match self.deliver(client, &delivery).await {
            Ok(()) => {}
            Err(reason) if now - delivery.created_at >= PATIENCE => {
                tracing::warn!(client = delivery.client_id, session = %delivery.session, reason, "a logout token is given up");
            }
            Err(reason) => {
                tracing::info!(client = delivery.client_id, session = %delivery.session, reason, "a logout token was not taken yet");
                let pause = TimeDelta::seconds(1_i64 << delivery.attempts.clamp(1, 10)).min(LONGEST_PAUSE);
                return self
                    .database
                    .transact(async |transaction| row::put_off(transaction, delivery.id, now + pause).await)
                    .await;
            }
        }
        self.database
            .transact(async |transaction| row::delete(transaction, delivery.id).await)
            .await
    }

    async fn deliver(&self, client: &Client, delivery: &Model) -> Result<(), String> {
        // One that was added a moment ago may not be known here yet.
        let found = self.clients.find(&delivery.client_id).await;
        let found = found.map_err(|fault| fault.to_string())?;
        let Some((application, uri)) = found
            .as_ref()
            .and_then(|found| Some((found, found.backchannel_logout_uri.as_ref()?)))
        else {
            // The client is gone, or does not want to hear any more.
            return Ok(());
        };
        let token = self
            .issuer
            .logout_token(
                &delivery.client_id,
                application.id_token_algorithm(),
                &delivery.subject,
                delivery.session,
            )
            .map_err(|fault| fault.to_string())?;
        let sent = client.post(uri).form(&[("logout_token", token)]).send().await;
        match sent {
            // A client that says 400 has understood, and will say so again (section 2.8).
            Ok(answer) if answer.status().is_success() || answer.status().as_u16() == 400 => Ok(()),
            Ok(answer) => Err(format!("HTTP {}", answer.status().as_u16())),
            Err(fault) => Err(fault.without_url().to_string()),
        }
    }
}

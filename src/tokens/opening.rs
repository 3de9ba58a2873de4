//! Opens sessions: of a micro-app's page, of a browser, of a client.

use std::time::Duration;

use chrono::TimeDelta;
use uuid::Uuid;

use super::session::{self, Kind, Model};
use crate::clock::Clock;
use crate::config;
use crate::database::Database;
use crate::error::Error;

/// Makes sessions of the deployment's lives.
pub(super) struct Opening {
    pub(super) database: Database,
    pub(super) settings: config::tokens::Tokens,
    pub(super) clock: Clock,
}

impl Opening {
    /// A session of a micro-app's page, not stored yet.
    pub(super) fn micro_app(&self, subject: String, app: &str) -> Model {
        self.session(Kind::MicroApp, subject, app.to_owned(), None, self.settings.refresh_ttl)
    }

    /// A browser's session, likewise.
    pub(super) fn browser(&self, subject: String) -> Model {
        self.session(Kind::Browser, subject, String::new(), None, self.settings.browser_ttl)
    }

    /// A client's session, likewise: of a person, or of the client itself with its own id for a subject.
    pub(super) fn client(&self, subject: String, client_id: &str, scope: String) -> Model {
        let id = client_id.to_owned();
        Model {
            scope,
            ..self.session(Kind::Client, subject, id.clone(), Some(id), self.settings.refresh_ttl)
        }
    }

    /// Stores the session of a client that acts for itself, good for one access token.
    pub(super) async fn store_own(&self, client_id: &str, scope: String) -> Result<Model, Error> {
        let session = Model {
            expires_at: self.clock.now() + TimeDelta::from_std(self.settings.access_ttl).unwrap_or_default(),
            ..self.client(client_id.to_owned(), client_id, scope)
        };
        self.database
            .transact(async |transaction| session::insert(transaction, vec![session.clone()]).await)
            .await?;
        Ok(session)
    }

    fn session(
        &self,
        kind: Kind,
        subject: String,
        audience: String,
        client_id: Option<String>,
        life: Duration,
    ) -> Model {
        let now = self.clock.now();
        Model {
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
}

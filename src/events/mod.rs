//! What DingTalk tells us of: joiners, leavers and moves, by callback or by stream, worked off in order and once.

pub mod callback;
mod claims;
pub mod event;
pub mod event_object;
pub mod failed_list;
mod handler;
pub mod http;
pub mod inbox;
mod listener;
pub mod notice;
mod worker;

use std::sync::Arc;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cache::Cache;
use crate::clock::Clock;
use crate::config::Settings;
use crate::config::app::DEFAULT_APP;
use crate::config::events::EventsMode;
use crate::database::Database;
use crate::dingtalk::DingTalk;
use crate::dingtalk::envelope::Envelopes;
use crate::directory::Directory;
use crate::health::Note;
use crate::tokens::Tokens;
use callback::Callbacks;
use claims::Claims;
use handler::Handler;
use inbox::Inbox;
use listener::Listener;
use worker::Worker;

/// What events lean on.
pub struct Foundations {
    /// Where they are kept.
    pub database: Database,
    /// Where instances agree on who holds the stream.
    pub cache: Cache,
    /// Where the stream comes from.
    pub dingtalk: DingTalk,
    /// What they change.
    pub directory: Directory,
    /// What ends when somebody leaves.
    pub tokens: Tokens,
    /// The time.
    pub clock: Clock,
}

/// The events of one company, on one instance.
pub struct Events {
    worker: Worker,
    callbacks: Option<Arc<Callbacks>>,
    listener: Option<Listener>,
}

impl Events {
    /// Makes ready what the settings ask for; nothing happens yet.
    ///
    /// # Errors
    /// When the AES key of the settings is none.
    pub fn new(settings: &Settings, leans_on: Foundations) -> anyhow::Result<Self> {
        let Foundations {
            database,
            cache,
            dingtalk,
            directory,
            tokens,
            clock,
        } = leans_on;
        let corp_id = settings.dingtalk.corp_id.clone();
        let inbox = Inbox::new(database.clone(), corp_id.clone(), clock.clone());
        let callbacks = match settings.events.mode {
            EventsMode::Http => Some(Arc::new(Callbacks {
                envelopes: envelopes(settings)?,
                inbox: inbox.clone(),
                clock: clock.clone(),
            })),
            EventsMode::Off | EventsMode::Stream => None,
        };
        let listener = match settings.events.mode {
            EventsMode::Stream => Some(Listener::new(
                dingtalk,
                inbox.clone(),
                cache,
                clock.clone(),
                &deployment(settings),
            )),
            EventsMode::Off | EventsMode::Http => None,
        };
        Ok(Self {
            worker: Worker {
                claims: Claims {
                    database,
                    corp_id,
                    clock: clock.clone(),
                },
                inbox,
                handler: Handler { directory, tokens },
                clock,
            },
            callbacks,
            listener,
        })
    }

    /// Callbacks, where they are how events come.
    #[must_use]
    pub fn callbacks(&self) -> Option<Arc<Callbacks>> {
        self.callbacks.clone()
    }

    /// What there is to say of the stream, where that is how events come.
    #[must_use]
    pub fn notes(&self) -> Arc<[Note]> {
        let state = self.listener.as_ref().map(Listener::state);
        let note = state.map(|state| -> Note { ("stream", Box::new(move || state.borrow().name())) });
        note.into_iter().collect()
    }

    /// Listens and works events off until told to stop. What was left of a former mode is worked off in any.
    pub async fn run(self, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        if let Some(listener) = self.listener {
            tasks.spawn(listener.run(stop.clone()));
        }
        tasks.spawn(self.worker.run(stop));
        tasks.close();
        tasks.wait().await;
    }
}

/// A short text that is the same for all instances of this deployment, and for no other: company, app, its secret, and
/// host of the platform.
fn deployment(settings: &Settings) -> String {
    let mut digest = Sha256::new();
    let (app_key, app_secret) = credentials(settings);
    for part in [
        settings.dingtalk.corp_id.as_str(),
        settings.dingtalk.api_url.as_str(),
        app_key,
        app_secret,
    ] {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    URL_SAFE_NO_PAD.encode(digest.finalize().get(..12).unwrap_or_default())
}

/// App key and secret of the app to which events come; nothing where there is none.
fn credentials(settings: &Settings) -> (&str, &str) {
    let app = settings.apps.get(DEFAULT_APP);
    app.map_or(("", ""), |app| (&app.app_key, app.app_secret.expose_secret()))
}

/// The envelopes of the subscription that the settings name.
fn envelopes(settings: &Settings) -> anyhow::Result<Envelopes> {
    let events = &settings.events;
    let token = events.token.clone().context("events.token is missing")?;
    let aes_key = events.aes_key.as_ref().context("events.aes_key is missing")?;
    let owners = match &events.owner_key {
        Some(owner) => vec![owner.clone()],
        None => vec![credentials(settings).0.to_owned(), settings.dingtalk.corp_id.clone()],
    };
    Ok(Envelopes::new(token, aes_key, owners)?)
}

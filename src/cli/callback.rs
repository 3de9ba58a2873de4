//! `callback`: where DingTalk posts events to, by its old registration API, and what it could not deliver.

use std::path::Path;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::json;
use url::Url;

use super::output::{list, say};
use super::{Failure, database, settings};
use crate::clock::Clock;
use crate::config::app::DEFAULT_APP;
use crate::config::{Purpose, Settings};
use crate::dingtalk::DingTalk;
use crate::dingtalk::callback::Registration;
use crate::events::event::{self, State};
use crate::events::failed_list::feed_in;
use crate::events::inbox::Inbox;
use crate::events::notice::subscribed_types;

/// Events that are listed at the most.
const MOST_LISTED: u64 = 1000;

/// Options of `callback`.
#[derive(Debug, Args)]
pub(super) struct Callback {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Registers this service, which has to be running, with the token and AES key of the settings.
    Register(Address),
    /// What is registered.
    Show {
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Puts this service in the place of what is registered.
    Update(Address),
    /// Takes the registration back: DingTalk posts nothing any more.
    Remove,
    /// Feeds in what DingTalk could not deliver, and lists the events that could not be worked off.
    Failed {
        /// Have those that were given up tried again.
        #[arg(long)]
        retry: bool,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
struct Address {
    /// Where events are to be posted to; without it `/dingtalk/events` of `http.public_url`.
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
    /// A type of event, as in `user_leave_org`; may be given several times. Without it all that concern the directory.
    #[arg(long = "event", value_name = "TYPE")]
    types: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    received_at: String,
    event: String,
    object: String,
    state: &'static str,
    attempts: i32,
    fault: String,
}

impl Callback {
    pub(super) async fn run(self, config: Option<&Path>) -> Result<(), Failure> {
        let settings = settings(config, Purpose::Serve)?;
        let clock = Clock::default();
        let dingtalk = DingTalk::new(&settings.dingtalk, &settings.apps, None, clock.clone())?;
        match self.act {
            Act::Register(address) => {
                let registration = address.registration(&settings)?;
                dingtalk
                    .register_callback(DEFAULT_APP, &registration)
                    .await
                    .with_context(|| hint(&registration))?;
                say(format!(
                    "DingTalk posts its events to {} from now on.",
                    registration.url
                ));
            }
            Act::Update(address) => {
                let registration = address.registration(&settings)?;
                dingtalk
                    .update_callback(DEFAULT_APP, &registration)
                    .await
                    .with_context(|| hint(&registration))?;
                say(format!(
                    "DingTalk posts its events to {} from now on.",
                    registration.url
                ));
            }
            Act::Show { json } => show(&settings, dingtalk.callback(DEFAULT_APP).await?, json)?,
            Act::Remove => {
                dingtalk.remove_callback(DEFAULT_APP).await?;
                say("Nothing is registered any more.");
            }
            Act::Failed { retry, json } => {
                let database = database(&settings).await?;
                let inbox = Inbox::new(database.clone(), settings.dingtalk.corp_id.clone(), clock);
                let fed_in = feed_in(&dingtalk, &inbox).await?;
                let retried = if retry { inbox.retry_failed().await? } else { 0 };
                let rows: Vec<Row> = inbox.troubled(MOST_LISTED).await?.into_iter().map(Row::from).collect();
                if json {
                    let all = json!({"fedIn": fed_in, "retried": retried, "events": rows});
                    say(serde_json::to_string_pretty(&all)?);
                } else {
                    say(format!(
                        "{} event(s) were on DingTalk's list; {} of the people and departments in them are read again.",
                        fed_in.listed, fed_in.new
                    ));
                    if retry {
                        say(format!("{retried} that were given up are tried again."));
                    }
                    print(&rows)?;
                }
                database.close().await;
            }
        }
        Ok(())
    }
}

impl Address {
    fn registration(self, settings: &Settings) -> anyhow::Result<Registration> {
        let needed = |secret: &Option<SecretString>, key: &str| {
            let secret = secret.clone();
            secret.with_context(|| format!("{key} is missing: it is what DingTalk is to sign or seal with"))
        };
        let default = || {
            format!(
                "{}/dingtalk/events",
                settings.http.public_url.as_str().trim_end_matches('/')
            )
        };
        let types = if self.types.is_empty() {
            subscribed_types().into_iter().map(str::to_owned).collect()
        } else {
            self.types
        };
        Ok(Registration {
            types,
            token: needed(&settings.events.token, "events.token")?,
            aes_key: needed(&settings.events.aes_key, "events.aes_key")?,
            url: self.url.map_or_else(default, String::from),
        })
    }
}

/// What to look at where the platform does not take a registration.
fn hint(registration: &Registration) -> String {
    format!(
        "DingTalk does not take {}: it must reach a running service there, with events.mode = \"http\" and this token and \
         AES key (71006: something is registered, see `callback show` and `callback update`)",
        registration.url
    )
}

fn show(settings: &Settings, registered: Option<Registration>, as_json: bool) -> anyhow::Result<()> {
    let shown = registered.map(|registered| {
        let [token, aes_key] = registered.has_keys(settings.events.token.as_ref(), settings.events.aes_key.as_ref());
        json!({
            "url": registered.url,
            "events": registered.types,
            "tokenAsInSettings": token,
            "aesKeyAsInSettings": aes_key,
        })
    });
    if as_json {
        say(serde_json::to_string_pretty(&shown)?);
        return Ok(());
    }
    let Some(shown) = shown else {
        say("Nothing is registered.");
        return Ok(());
    };
    for (name, value) in shown.as_object().into_iter().flatten() {
        let text = match value {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Array(items) => {
                let items: Vec<&str> = items.iter().filter_map(serde_json::Value::as_str).collect();
                items.join(" ")
            }
            other => other.to_string(),
        };
        say(format!("{name:20} {text}"));
    }
    Ok(())
}

impl From<event::Model> for Row {
    fn from(event: event::Model) -> Self {
        Self {
            received_at: event.received_at.to_rfc3339(),
            event: event.event_type,
            object: event.object,
            state: match event.state {
                State::Waiting => "waiting",
                State::Handled => "handled",
                State::Failed => "given up",
            },
            attempts: event.attempts,
            fault: event.fault,
        }
    }
}

fn print(rows: &[Row]) -> Result<(), serde_json::Error> {
    if rows.is_empty() {
        say("No event waits after an attempt without success, and none was given up.");
        return Ok(());
    }
    let head = ["RECEIVED", "EVENT", "OBJECT", "STATE", "ATTEMPTS", "FAULT"];
    list(false, rows, &head, |row| {
        vec![
            row.received_at.clone(),
            row.event.clone(),
            row.object.clone(),
            row.state.to_owned(),
            row.attempts.to_string(),
            row.fault.clone(),
        ]
    })
}

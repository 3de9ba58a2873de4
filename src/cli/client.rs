//! `client`: the business applications that trust our tokens.

use std::path::Path;

use anyhow::Context as _;
use chrono::TimeDelta;
use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde_json::json;

use super::output::{complain, facts, list, say};
use super::{Failure, database, settings};
use crate::clients::application::{Application, Registration};
use crate::clients::{Clients, OVERLAP};
use crate::clock::Clock;
use crate::config::{Purpose, Settings};
use crate::error::Error;
use crate::tokens;

/// Options of `client`.
#[derive(Debug, Args)]
pub(super) struct Client {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Adds an application, and prints its secret: once, it is kept nowhere.
    Add(Box<Add>),
    /// Every application.
    List {
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// One application whole.
    Show {
        /// The application.
        id: String,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Gives it another secret, printed once; the one before stays good for a day.
    RotateSecret {
        /// The application.
        id: String,
        /// Seconds for which the secret before stays good.
        #[arg(long, value_name = "SECONDS", default_value_t = OVERLAP.num_seconds(),
            value_parser = clap::value_parser!(i64).range(0..=31_536_000))]
        keep_former_s: i64,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Removes it; its tokens end everywhere within two seconds.
    Remove {
        /// The application.
        id: String,
    },
}

/// Options of `client add`.
#[derive(Debug, Args)]
struct Add {
    /// Its `client_id`: 1 to 64 of the characters a-z A-Z 0-9 . _ - and not a number.
    id: String,
    /// What people call it.
    #[arg(long)]
    name: Option<String>,
    /// Without a secret: a page or an app. It has to use PKCE.
    #[arg(long)]
    public: bool,
    /// Where browsers are sent back to; compared character by character.
    #[arg(long, value_name = "URI")]
    redirect_uri: Vec<String>,
    /// `authorization_code`, `refresh_token` or `client_credentials`.
    #[arg(long)]
    grant: Vec<String>,
    /// A scope that it may have: openid, profile, roles, directory:read, …
    #[arg(long)]
    scope: Vec<String>,
    /// Where browsers may go after a logout.
    #[arg(long, value_name = "URI")]
    post_logout_redirect_uri: Vec<String>,
    /// Where it is told that somebody was signed out.
    #[arg(long, value_name = "URI")]
    backchannel_logout_uri: Option<String>,
    /// What signs its ID tokens: RS256, ES256 or EdDSA.
    #[arg(long, value_name = "ALGORITHM")]
    id_token_alg: Option<String>,
    /// Only employees with one of these roles may use it.
    #[arg(long, value_name = "ROLE")]
    require_role: Vec<String>,
    /// Only employees in or below one of these departments may use it.
    #[arg(long, value_name = "ID")]
    require_department: Vec<i64>,
    /// For machines.
    #[arg(long)]
    json: bool,
}

impl Client {
    pub(super) async fn run(self, config: Option<&Path>) -> Result<(), Failure> {
        let settings = settings(config, Purpose::Maintain)?;
        let database = database(&settings).await?;
        let corp_id = settings.dingtalk.corp_id.clone();
        let clients = Clients::open(database.clone(), corp_id, Clock::default()).await?;
        match self.act {
            Act::Add(add) => add.run(&settings, &clients).await?,
            Act::List { json } => {
                let known = clients.known();
                let mut all: Vec<&Application> = known.values().map(|client| &**client).collect();
                all.sort_by(|one, other| one.client_id.cmp(&other.client_id));
                let head = ["CLIENT", "NAME", "KIND", "GRANTS", "SCOPES", "ADDED"];
                list(json, &all, &head, |client| {
                    vec![
                        client.client_id.clone(),
                        client.name.clone(),
                        if client.public { "public" } else { "confidential" }.to_owned(),
                        client.grants.join(" "),
                        client.scopes.join(" "),
                        client.created_at.format("%Y-%m-%d %H:%M").to_string(),
                    ]
                })?;
            }
            Act::Show { id, json } => {
                let client = known(&clients, &id)?;
                facts(json, &serde_json::to_value(&*client)?)?;
            }
            Act::RotateSecret {
                id,
                keep_former_s,
                json,
            } => {
                known(&clients, &id)?;
                let secret = clients.rotate_secret(&id, TimeDelta::seconds(keep_former_s)).await?;
                if json {
                    say(serde_json::to_string_pretty(
                        &json!({"clientId": id, "clientSecret": secret.expose_secret()}),
                    )?);
                } else {
                    say(format!(
                        "client_id      {id}\nclient_secret  {}",
                        secret.expose_secret()
                    ));
                    complain(format!("The secret before stays good for {keep_former_s} s."));
                }
            }
            Act::Remove { id } => {
                let transaction = database.begin().await?;
                if !clients.remove(&transaction, &id).await? {
                    return Err(anyhow::anyhow!("there is no client {id}; `client list` shows them").into());
                }
                let now = Clock::default().now();
                let mut ended = tokens::end_client(&transaction, &id, now).await?;
                transaction.commit().await?;
                // Once more: sessions that began meanwhile. Whoever begins one later finds the client gone.
                let transaction = database.begin().await?;
                ended += tokens::end_client(&transaction, &id, now).await?;
                transaction.commit().await?;
                say(format!("{id} is removed; {ended} session(s) end within two seconds."));
            }
        }
        database.close().await;
        Ok(())
    }
}

impl Add {
    async fn run(self, settings: &Settings, clients: &Clients) -> anyhow::Result<()> {
        if settings.apps.contains_key(&self.id) || self.id == crate::config::app::DEFAULT_APP {
            let reason = format!(
                "{} is a micro-app's name: its tokens would be taken for the application's",
                self.id
            );
            return Err(Error::InvalidRequest(reason).into());
        }
        for uri in self.redirect_uri.iter().filter(|uri| uri.starts_with("http://")) {
            let local = ["http://localhost", "http://127.", "http://[::1]"];
            if !local.iter().any(|host| uri.starts_with(host)) {
                complain(format!(
                    "warning: whoever listens on the way to {uri} can read its codes; use https"
                ));
            }
        }
        let registration = Registration {
            id: self.id.clone(),
            name: self.name.unwrap_or_default(),
            public: self.public,
            redirect_uris: self.redirect_uri,
            post_logout_redirect_uris: self.post_logout_redirect_uri,
            backchannel_logout_uri: self.backchannel_logout_uri,
            grants: self.grant,
            scopes: self.scope,
            id_token_alg: self.id_token_alg,
            required_roles: self.require_role,
            required_departments: self.require_department,
        };
        let secret = clients.add(registration).await?;
        let client = known(clients, &self.id)?;
        let secret = secret.as_ref().map(ExposeSecret::expose_secret);
        if self.json {
            let mut shown = serde_json::to_value(&*client)?;
            if let (Some(members), Some(secret)) = (shown.as_object_mut(), secret) {
                members.insert("clientSecret".to_owned(), json!(secret));
            }
            say(serde_json::to_string_pretty(&shown)?);
            return Ok(());
        }
        say(format!("client_id      {}", client.client_id));
        match secret {
            Some(secret) => {
                say(format!("client_secret  {secret}"));
                complain("The secret is shown this once; keep it where the application reads it.");
            }
            None => complain("A public client has no secret; it has to use PKCE (S256)."),
        }
        say(format!("issuer         {}", settings.tokens.issuer));
        say(format!("grants         {}", client.grants.join(" ")));
        say(format!("scopes         {}", client.scopes.join(" ")));
        Ok(())
    }
}

fn known(clients: &Clients, id: &str) -> anyhow::Result<std::sync::Arc<Application>> {
    let known = clients.known();
    known
        .get(id)
        .cloned()
        .with_context(|| format!("there is no client {id}; `client list` shows them"))
}

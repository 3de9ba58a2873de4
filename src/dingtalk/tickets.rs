//! The two secrets that the platform lends to each app: the app access token and the jsapi ticket.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use futures_util::FutureExt as _;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::time::sleep;

use crate::clock::Clock;
use crate::config;

use super::attempts::{Attempts, Does};
use super::caller::Caller;
use super::error::{DingTalkError, NoAppToken};
use super::keeper::{Fetch, Keeper, Plan};
use super::kept::{AppAccessTokenKind, JsapiTicketKind, Lent};
use super::transport::{Endpoint, Load, Transport};
use super::vault::Vault;

/// The age at which a ticket ends, however often it was prolonged (dingtalk-api, section 2.2).
const TICKET_ENDS_AFTER: TimeDelta = TimeDelta::hours(24);

/// Where the secrets come from.
pub(super) struct Source<'a> {
    pub(super) settings: &'a config::dingtalk::DingTalk,
    pub(super) app: &'a config::app::App,
    pub(super) transport: &'a Transport,
    pub(super) vault: Option<&'a Vault>,
    pub(super) clock: &'a Clock,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenRequest<'a> {
    app_key: &'a str,
    app_secret: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenAnswer {
    access_token: String,
    expire_in: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TicketAnswer {
    jsapi_ticket: String,
    expire_in: i64,
}

impl Source<'_> {
    /// The keeper of the app access token.
    pub(super) fn app_access_token(&self) -> anyhow::Result<Keeper<AppAccessTokenKind>> {
        let endpoint = Endpoint::new_family(&self.settings.api_url, "/v1.0/oauth2/accessToken")?;
        let (transport, app) = (self.transport.clone(), self.app.clone());
        let fetch = move || {
            let (transport, endpoint, app) = (transport.clone(), endpoint.clone(), app.clone());
            async move {
                let secret = app.app_secret.expose_secret();
                let body = serde_json::to_vec(&TokenRequest {
                    app_key: &app.app_key,
                    app_secret: secret,
                })
                .map_err(|error| DingTalkError::AppToken {
                    why: NoAppToken::Other,
                    reason: error.to_string(),
                })?;
                let load = Load {
                    token: None,
                    body: Some(&body),
                    secret,
                };
                let mut attempts = Attempts::new(Does::Read);
                let answer: TokenAnswer = loop {
                    match transport.exchange(&endpoint, load).await {
                        Ok(answer) => break answer,
                        Err(fault) => match attempts.pause_after(&fault) {
                            Some(pause) => sleep(pause).await,
                            None => return Err(fault.into()),
                        },
                    }
                };
                Ok(Lent {
                    secret: answer.access_token,
                    life_s: answer.expire_in,
                })
            }
            .boxed()
        };
        Ok(self.keeper("token", self.settings.timeout, None, Box::new(fetch)))
    }

    /// The keeper of the jsapi ticket, fetched by `caller`.
    pub(super) fn jsapi_ticket(&self, caller: &Caller) -> anyhow::Result<Keeper<JsapiTicketKind>> {
        let endpoint = Endpoint::new_family(&self.settings.api_url, "/v1.0/oauth2/jsapiTickets")?;
        let caller = caller.clone();
        let fetch = move || {
            let (caller, endpoint) = (caller.clone(), endpoint.clone());
            async move {
                let answer: TicketAnswer = caller.call(&endpoint, Some(b"{}"), "", Does::Read).await?;
                Ok(Lent {
                    secret: answer.jsapi_ticket,
                    life_s: answer.expire_in,
                })
            }
            .boxed()
        };
        // It may have to wait for a token first.
        Ok(self.keeper(
            "ticket",
            self.settings.timeout * 2,
            Some(TICKET_ENDS_AFTER),
            Box::new(fetch),
        ))
    }

    fn keeper<Kind: 'static>(
        &self,
        kind: &str,
        patience: Duration,
        absolute: Option<TimeDelta>,
        fetch: Fetch,
    ) -> Keeper<Kind> {
        let plan = Plan {
            key: self.key(kind),
            patience,
            absolute,
            fetch,
        };
        Keeper::new(plan, self.vault.cloned(), self.clock.clone())
    }

    /// A changed secret or host is another key: nobody is served what the former one got.
    fn key(&self, kind: &str) -> String {
        let mut digest = Sha256::new();
        let parts = [
            self.app.app_key.as_str(),
            self.app.app_secret.expose_secret(),
            self.settings.oapi_url.as_str(),
            self.settings.api_url.as_str(),
        ];
        for part in parts {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        let short = URL_SAFE_NO_PAD.encode(digest.finalize().get(..12).unwrap_or_default());
        // As long as a key may be, whatever the settings say.
        let app_key: String = self.app.app_key.chars().take(64).collect();
        format!("dingtalk:{kind}:{app_key}:{short}")
    }
}

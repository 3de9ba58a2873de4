//! Calls the platform for one app: with its access token, and again where that can do no harm.

use serde::de::DeserializeOwned;
use tokio::time::sleep;

use super::attempts::{Attempts, Does};
use super::error::{CodeSpent, DingTalkError, NoAppToken};
use super::keeper::Keeper;
use super::kept::AppAccessTokenKind;
use super::refusal::{Fault, Meaning};
use super::transport::{Endpoint, Load, Transport};

/// The caller of one app. Clones share everything.
#[derive(Clone)]
pub(super) struct Caller {
    transport: Transport,
    app_access_token: Keeper<AppAccessTokenKind>,
}

impl Caller {
    pub(super) fn new(transport: Transport, app_access_token: Keeper<AppAccessTokenKind>) -> Self {
        Self {
            transport,
            app_access_token,
        }
    }

    /// Makes sure that there is an app access token.
    pub(super) async fn prepare(&self) -> Result<(), DingTalkError> {
        self.app_access_token.get().await.map(|_| ())
    }

    /// Posts `body` (or gets, without one) and reads a `T`. `secret` is what the body hides.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        to: &Endpoint,
        body: Option<&[u8]>,
        secret: &str,
        does: Does,
    ) -> Result<T, DingTalkError> {
        let mut attempts = Attempts::new(does);
        loop {
            let token = self.app_access_token.get().await.map_err(before_sending)?;
            let load = Load {
                token: Some(token.reveal()),
                body,
                secret,
            };
            let fault = match self.transport.exchange(to, load).await {
                Ok(answer) => return Ok(answer),
                Err(fault) => fault,
            };
            if matches!(&fault, Fault::Refused(refusal) if refusal.meaning == Meaning::TokenRejected) {
                self.app_access_token.reject(&token);
            }
            match attempts.pause_after(&fault) {
                Some(pause) => sleep(pause).await,
                None => return Err(fault.into()),
            }
        }
    }
}

/// Without a token nothing has gone out yet, however the fetch of it ended.
fn before_sending(error: DingTalkError) -> DingTalkError {
    match error {
        DingTalkError::Unavailable { detail, .. } => DingTalkError::Unavailable {
            code_spent: CodeSpent::No,
            detail: format!("fetching the app access token: {detail}"),
        },
        DingTalkError::UnknownApp | DingTalkError::AppToken { .. } | DingTalkError::Throttled { .. } => error,
        other => DingTalkError::AppToken {
            why: NoAppToken::Other,
            reason: other.to_string(),
        },
    }
}

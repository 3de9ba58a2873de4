//! Whoever comes by DingTalk's own sign-in page: their code for a token of theirs, that for who they are.

use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use url::Url;

use super::attempts::{Attempts, Does};
use super::caller::Caller;
use super::error::DingTalkError;
use super::ids::{AuthCode, UnionId, UserId};
use super::refusal::Wrapped;
use super::transport::{Endpoint, Load, Transport};
use crate::config::app::App;
use secrecy::ExposeSecret as _;

/// The calls of the sign-in page's flow, their addresses made once.
pub(super) struct OAuth {
    user_access_token: Endpoint,
    me: Endpoint,
    user_by_unionid: Endpoint,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ByCode<'a> {
    client_id: &'a str,
    client_secret: &'a str,
    code: &'a str,
    grant_type: &'static str,
}

/// A token of one person, used at once and never kept: kept per app, the next person would be taken for them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserAccessToken {
    access_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Me {
    union_id: UnionId,
}

#[derive(Serialize)]
struct ByUnionId<'a> {
    unionid: &'a UnionId,
}

#[derive(Deserialize)]
struct ContactType {
    userid: UserId,
    /// 0: a member of the company; 1: an outside contact.
    #[serde(default, deserialize_with = "super::lenient::number")]
    contact_type: Option<i64>,
}

impl OAuth {
    pub(super) fn new(oapi: &Url, api: &Url) -> Result<Self, url::ParseError> {
        Ok(Self {
            user_access_token: Endpoint::new_family(api, "/v1.0/oauth2/userAccessToken")?,
            me: Endpoint::new_family(api, "/v1.0/contact/users/me")?,
            user_by_unionid: Endpoint::old(oapi, "/topapi/user/getbyunionid")?,
        })
    }

    /// Redeems the page's code (`v1.0/oauth2/userAccessToken`), once, and asks whose it was (`v1.0/contact/users/me`).
    pub(super) async fn person(
        &self,
        transport: &Transport,
        app: &App,
        code: &AuthCode,
    ) -> Result<UnionId, DingTalkError> {
        let secret = app.app_secret.expose_secret();
        let body = serde_json::to_vec(&ByCode {
            client_id: &app.app_key,
            client_secret: secret,
            code: code.reveal(),
            grant_type: "authorization_code",
        })
        .map_err(|error| DingTalkError::Other {
            code: "unwritable".to_owned(),
            text: error.to_string(),
        })?;
        let redeem = Load {
            token: None,
            body: Some(&body),
            secret,
        };
        let token: UserAccessToken = exchange(transport, &self.user_access_token, redeem, Does::RedeemCode).await?;
        let ask = Load {
            token: Some(&token.access_token),
            body: None,
            secret: "",
        };
        let me: Me = exchange(transport, &self.me, ask, Does::Read).await?;
        Ok(me.union_id)
    }

    /// The member of the company that a person is (`topapi/user/getbyunionid`).
    pub(super) async fn userid(&self, by: &Caller, unionid: &UnionId) -> Result<UserId, DingTalkError> {
        let body = serde_json::to_vec(&ByUnionId { unionid }).map_err(|error| DingTalkError::Other {
            code: "unwritable".to_owned(),
            text: error.to_string(),
        })?;
        let answer: Wrapped<ContactType> = by.call(&self.user_by_unionid, Some(&body), "", Does::Read).await?;
        if answer.result.contact_type.unwrap_or(0) == 0 {
            Ok(answer.result.userid)
        } else {
            Err(DingTalkError::NotFound {
                code: "contact_type".to_owned(),
                text: "an outside contact, not a member of the company".to_owned(),
            })
        }
    }
}

/// One exchange without the app access token, repeated where that can do no harm.
async fn exchange<T: serde::de::DeserializeOwned>(
    transport: &Transport,
    to: &Endpoint,
    load: Load<'_>,
    does: Does,
) -> Result<T, DingTalkError> {
    let mut attempts = Attempts::new(does);
    loop {
        match transport.exchange(to, load).await {
            Ok(answer) => return Ok(answer),
            Err(fault) => match attempts.pause_after(&fault) {
                Some(pause) => sleep(pause).await,
                None => return Err(fault.into()),
            },
        }
    }
}

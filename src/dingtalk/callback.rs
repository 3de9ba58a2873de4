//! The old registration of callbacks, for the whole company (dingtalk-api, section 9.1).

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use subtle::ConstantTimeEq as _;
use url::Url;

use super::attempts::Does;
use super::caller::Caller;
use super::contacts::json;
use super::error::DingTalkError;
use super::lenient;
use super::refusal::Zero;
use super::transport::Endpoint;

/// The platform has no registration: by the name of either of its codes.
const NOT_REGISTERED: [&str; 2] = ["71007", "400040"];

/// Where and how the platform posts events to us.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Names of the events that are wanted.
    pub types: Vec<String>,
    /// What envelopes are signed with.
    pub token: SecretString,
    /// What they are sealed with: 43 characters.
    pub aes_key: SecretString,
    /// Where they are posted to.
    pub url: String,
}

impl Registration {
    /// Whether envelopes are signed and sealed with these; none are nobody's.
    #[must_use]
    pub fn has_keys(&self, token: Option<&SecretString>, aes_key: Option<&SecretString>) -> [bool; 2] {
        let same = |theirs: &SecretString, ours: Option<&SecretString>| {
            let theirs = theirs.expose_secret().as_bytes();
            ours.is_some_and(|ours| ours.expose_secret().as_bytes().ct_eq(theirs).into())
        };
        [same(&self.token, token), same(&self.aes_key, aes_key)]
    }
}

/// A page of the platform's list of callbacks that nobody took. It is gone from the list when it was read.
#[derive(Debug, Clone, Deserialize)]
pub struct FailedCallbacks {
    #[serde(rename = "errcode")]
    _success: Zero,
    /// Whether there are more.
    #[serde(default)]
    pub has_more: bool,
    /// The events, each in the form of its type.
    #[serde(default, deserialize_with = "lenient::list")]
    pub failed_list: Vec<Value>,
}

#[derive(Serialize)]
struct Request<'a> {
    call_back_tag: &'a [String],
    token: &'a str,
    aes_key: &'a str,
    url: &'a str,
}

#[derive(Deserialize)]
struct Registered {
    #[serde(rename = "errcode")]
    _success: Zero,
    #[serde(default, deserialize_with = "lenient::list")]
    call_back_tag: Vec<String>,
    #[serde(default, deserialize_with = "lenient::words")]
    token: String,
    #[serde(default, deserialize_with = "lenient::words")]
    aes_key: String,
    #[serde(default, deserialize_with = "lenient::words")]
    url: String,
}

#[derive(Deserialize)]
struct Done {
    #[serde(rename = "errcode")]
    _success: Zero,
}

/// The calls of the registration, their addresses made once.
pub(super) struct Callbacks {
    register: Endpoint,
    update: Endpoint,
    show: Endpoint,
    remove: Endpoint,
    failed: Endpoint,
}

impl Callbacks {
    pub(super) fn new(oapi: &Url) -> Result<Self, url::ParseError> {
        Ok(Self {
            register: Endpoint::old(oapi, "/call_back/register_call_back")?,
            update: Endpoint::old(oapi, "/call_back/update_call_back")?,
            show: Endpoint::old(oapi, "/call_back/get_call_back")?,
            remove: Endpoint::old(oapi, "/call_back/delete_call_back")?,
            failed: Endpoint::old(oapi, "/call_back/get_call_back_failed_result")?,
        })
    }

    pub(super) async fn register(&self, by: &Caller, registration: &Registration) -> Result<(), DingTalkError> {
        send(by, &self.register, registration).await
    }

    pub(super) async fn update(&self, by: &Caller, registration: &Registration) -> Result<(), DingTalkError> {
        send(by, &self.update, registration).await
    }

    pub(super) async fn show(&self, by: &Caller) -> Result<Option<Registration>, DingTalkError> {
        match by.call::<Registered>(&self.show, None, "", Does::Read).await {
            Ok(registered) => Ok(Some(Registration {
                types: registered.call_back_tag,
                token: registered.token.into(),
                aes_key: registered.aes_key.into(),
                url: registered.url,
            })),
            Err(DingTalkError::Other { code, .. }) if NOT_REGISTERED.contains(&code.as_str()) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn remove(&self, by: &Caller) -> Result<(), DingTalkError> {
        by.call::<Done>(&self.remove, None, "", Does::Read)
            .await
            .map(|_done| ())
    }

    pub(super) async fn failed(&self, by: &Caller) -> Result<FailedCallbacks, DingTalkError> {
        by.call(&self.failed, None, "", Does::Read).await
    }
}

async fn send(by: &Caller, to: &Endpoint, registration: &Registration) -> Result<(), DingTalkError> {
    let aes_key = registration.aes_key.expose_secret();
    let body = json(&Request {
        call_back_tag: &registration.types,
        token: registration.token.expose_secret(),
        aes_key,
        url: &registration.url,
    })?;
    by.call::<Done>(to, Some(&body), aes_key, Does::Read)
        .await
        .map(|_done| ())
}

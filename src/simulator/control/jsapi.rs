//! What DingTalk's client does for a page: gives it a `dd`, and checks the `dd.config` that it calls.

use actix_web::HttpResponse;
use actix_web::web::Json;
use data_encoding::HEXLOWER;
use serde::Deserialize;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use crate::simulator::grants::AppIndex;
use crate::simulator::state::{Shared, State, lock};

/// `window.dd` of a page that is played to be open inside DingTalk.
const CLIENT: &str = include_str!("../client.js");

/// A `dd.config` call; `url` is what the web view shows.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Signed {
    url: Option<String>,
    nonce_str: Option<String>,
    time_stamp: Option<Value>,
    signature: Option<String>,
    corp_id: Option<String>,
    agent_id: Option<Value>,
    /// Whose ticket signed it; else the app of `agentId`, else the default one.
    app_key: Option<String>,
}

pub(super) async fn client() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/javascript; charset=utf-8")
        .insert_header(("cache-control", "no-store"))
        .body(CLIENT)
}

/// Checks a `dd.config` as the client does: the URL as the web view shows it, its query decoded once. Written
/// apart from the signer, so that the two can disagree.
pub(super) async fn verify(state: Shared, signed: Json<Signed>) -> HttpResponse {
    HttpResponse::Ok().json(match verdict(&lock(&state), &signed) {
        Ok(digest) => json!({"ok": true, "digest": digest}),
        Err((code, text)) => json!({
            "ok": false, "errorCode": 3, "errorMessage": format!("权限校验失败 Code:{code} - Message: {text}"),
        }),
    })
}

/// The digest that matched, or one of the client's codes (dingtalk-api, section 2.5).
fn verdict(state: &State, signed: &Signed) -> Result<&'static str, (u32, String)> {
    let missing = |code: u32, what: &str| (code, format!("{what}不能为空"));
    if signed.corp_id.as_ref().is_some_and(|corp_id| *corp_id != state.corp_id) {
        return Err((52010, "无效的corpId".to_owned()));
    }
    let url = signed.url.as_deref().ok_or_else(|| missing(52014, "url"))?;
    let nonce = signed.nonce_str.as_deref().ok_or_else(|| missing(52015, "nonceStr"))?;
    let signature = signed.signature.as_deref().ok_or_else(|| missing(52016, "signature"))?;
    let time = text(signed.time_stamp.as_ref()).ok_or_else(|| missing(52018, "timeStamp"))?;
    let app = app(state, signed).ok_or_else(|| (52019, "无效的agentId".to_owned()))?;
    let ticket = state
        .grants
        .living_ticket(app, state.now())
        .ok_or_else(|| (52011, "jsapi ticket读取失败".to_owned()))?;
    let shown = as_signed(url);
    let to_sign = format!("jsapi_ticket={ticket}&noncestr={nonce}&timestamp={time}&url={shown}");
    if HEXLOWER.encode(&Sha1::digest(&to_sign)) == signature {
        Ok("sha1")
    } else if HEXLOWER.encode(&Sha256::digest(&to_sign)) == signature {
        Ok("sha256")
    } else {
        let said = format!("签名校验失败,nonce:[{nonce}],timestamp:[{time}],url:[{shown}],ticketList:[{ticket}]");
        Err((52013, said))
    }
}

fn app(state: &State, signed: &Signed) -> Option<AppIndex> {
    if signed.app_key.is_none()
        && let Some(agent_id) = text(signed.agent_id.as_ref())
    {
        return state.apps.iter().position(|app| app.credentials.agent_id == agent_id);
    }
    state.app_index(signed.app_key.as_deref())
}

/// A text, or a number as text: both occur for `timeStamp` and `agentId`.
fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn as_signed(url: &str) -> String {
    let page = url.split('#').next().unwrap_or_default();
    let Some((page, query)) = page.split_once('?') else {
        return page.to_owned();
    };
    let decoded = |pair: &str| {
        let parts: Vec<String> = url::form_urlencoded::parse(pair.as_bytes())
            .map(|(key, value)| {
                if pair.contains('=') {
                    format!("{key}={value}")
                } else {
                    key.into_owned()
                }
            })
            .collect();
        parts.concat()
    };
    let pairs: Vec<String> = query.split('&').map(decoded).collect();
    format!("{page}?{}", pairs.join("&"))
}

//! Codes as DingTalk's client and its sign-in page give them, and tokens that end before their time.

use actix_web::HttpResponse;
use actix_web::web::Json;
use serde::Deserialize;
use serde_json::json;

use crate::simulator::grants::Consent;
use crate::simulator::state::{Shared, lock};

/// Whoever opens a page inside DingTalk (dingtalk-api, section 2.6).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SignIn {
    userid: String,
    /// The company that the page named, if it named one.
    corp_id: Option<String>,
    /// The app that the page is of; the default one if it named none.
    client_id: Option<String>,
}

/// Whoever consents on the sign-in page.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SignInByBrowser {
    userid: String,
    #[serde(default)]
    scope: String,
    client_id: Option<String>,
}

/// Which app; all if it is not said.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OfApp {
    app_key: Option<String>,
}

pub(super) async fn auth_code(state: Shared, sign_in: Json<SignIn>) -> HttpResponse {
    let mut state = lock(&state);
    if sign_in
        .corp_id
        .as_ref()
        .is_some_and(|corp_id| *corp_id != state.corp_id)
    {
        let refused = json!({"errorCode": 3, "errorMessage": "1002,corpId不合法"});
        return HttpResponse::BadRequest().json(refused);
    }
    let Some(app) = state.app_index(sign_in.client_id.as_deref()) else {
        let refused = json!({"errorCode": 3, "errorMessage": "1003,clientId不合法"});
        return HttpResponse::BadRequest().json(refused);
    };
    if state.company.person(&sign_in.userid).is_none() {
        return HttpResponse::NotFound().json(json!({"error": "no such employee"}));
    }
    let now = state.now();
    let code = state.grants.auth_code(app, &sign_in.userid, now);
    HttpResponse::Ok().json(json!({"code": code}))
}

pub(super) async fn oauth_code(state: Shared, sign_in: Json<SignInByBrowser>) -> HttpResponse {
    let mut state = lock(&state);
    let app = state.app_index(sign_in.client_id.as_deref());
    let person = state.company.anybody(&sign_in.userid);
    let unionid = person.and_then(|person| person.unionid.clone());
    let (Some(app), Some(unionid)) = (app, unionid) else {
        return HttpResponse::NotFound().json(json!({"error": "no such person or app"}));
    };
    let corpid = sign_in.scope.split(' ').any(|scope| scope == "corpid");
    let now = state.now();
    let code = state.grants.oauth_code(Consent { app, unionid, corpid }, now);
    HttpResponse::Ok().json(json!({"code": code}))
}

pub(super) async fn invalidate_tokens(state: Shared, of: Option<Json<OfApp>>) -> HttpResponse {
    let mut state = lock(&state);
    let app_key = of.and_then(|of| of.into_inner().app_key);
    let app = match app_key.as_deref().map(|app_key| state.app_index(Some(app_key))) {
        Some(None) => return HttpResponse::NotFound().json(json!({"error": "no such app"})),
        Some(app) => app,
        None => None,
    };
    state.grants.invalidate(app);
    HttpResponse::NoContent().finish()
}

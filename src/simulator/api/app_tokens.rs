//! App access tokens and jsapi tickets, in all their spellings (dingtalk-api, sections 1 and 2).

use serde_json::json;

use crate::simulator::call::Call;
use crate::simulator::grants::{AppIndex, LIFE_S};
use crate::simulator::state::State;
use crate::simulator::wire::Said;

/// `GET /gettoken`: by AppKey, or by the company's own credentials as before 2018.
pub(in crate::simulator) fn old(state: &mut State, call: &Call<'_>) -> Said {
    if call.method != actix_web::http::Method::GET {
        return Said::Refused(43001, "需要GET请求");
    }
    let app = if let (Some(key), Some(secret)) = (call.text("appkey"), call.text("appsecret")) {
        state
            .authenticated(key, secret)
            .ok_or(Said::Refused(40096, "不合法的appKey或appSecret"))
    } else if let (Some(corp_id), Some(secret)) = (call.text("corpid"), call.text("corpsecret")) {
        state
            .apps
            .iter()
            .position(|app| corp_id == state.corp_id && app.credentials.app_secret == secret)
            .ok_or(Said::Refused(40089, "不合法的corpid或corpsecret"))
    } else {
        Err(Said::Refused(40035, "缺少参数 corpid or appkey"))
    };
    match app {
        Ok(app) => Said::Flat(json!({"access_token": token(state, app), "expires_in": LIFE_S})),
        Err(refused) => refused,
    }
}

/// `POST /v1.0/oauth2/accessToken`.
pub(in crate::simulator) fn new(state: &mut State, call: &Call<'_>) -> Said {
    let (key, secret) = match (mandatory(call, "appKey"), mandatory(call, "appSecret")) {
        (Ok(key), Ok(secret)) => (key, secret),
        (Err(refused), _) | (_, Err(refused)) => return refused,
    };
    match state.authenticated(key, secret) {
        Some(app) => Said::Flat(json!({"accessToken": token(state, app), "expireIn": LIFE_S})),
        None => bad_client(),
    }
}

/// `POST /v1.0/oauth2/{corpId}/token`, the one with underscores.
pub(in crate::simulator) fn newest(state: &mut State, corp_id: &str, call: &Call<'_>) -> Said {
    let (key, secret) = match (mandatory(call, "client_id"), mandatory(call, "client_secret")) {
        (Ok(key), Ok(secret)) => (key, secret),
        (Err(refused), _) | (_, Err(refused)) => return refused,
    };
    if call.text("grant_type") != Some("client_credentials") {
        return Said::new(400, "unsupported.grant.type", "不支持的grant_type");
    }
    if corp_id != state.corp_id {
        return Said::new(500, "unknownError", "未知错误");
    }
    match state.authenticated(key, secret) {
        Some(app) => Said::Flat(json!({"access_token": token(state, app), "expires_in": LIFE_S})),
        None => Said::new(400, "invalid.client", "无效的client_id或者client_secret"),
    }
}

/// `GET /get_jsapi_ticket`.
pub(in crate::simulator) fn old_ticket(state: &mut State, app: AppIndex, _: &Call<'_>) -> Said {
    let now = state.now();
    let (ticket, life) = state.grants.ticket(app, now);
    Said::Flat(json!({"ticket": ticket, "expires_in": life}))
}

/// `POST /v1.0/oauth2/jsapiTickets`, with any body or none.
pub(in crate::simulator) fn new_ticket(state: &mut State, app: AppIndex, _: &Call<'_>) -> Said {
    let now = state.now();
    let (ticket, life) = state.grants.ticket(app, now);
    Said::Flat(json!({"jsapiTicket": ticket, "expireIn": life}))
}

/// The new family's answer to wrong credentials.
pub(in crate::simulator) fn bad_client() -> Said {
    Said::new(400, "invalidClientIdOrSecret", "无效的clientId或者clientSecret")
}

/// The new family's answer to a token that is none.
pub(in crate::simulator) fn bad_token() -> Said {
    Said::new(400, "InvalidAuthentication", "不合法的access_token")
}

/// The new family's answer where no token is in the header.
pub(in crate::simulator) fn header_missing() -> Said {
    Said::new(
        400,
        "AuthenticationFailed.MissingParameter",
        "缺少参数：x-acs-dingtalk-access-token",
    )
}

/// A text of a JSON body, or the new family's complaint about what is missing.
pub(in crate::simulator) fn mandatory<'a>(call: &'a Call<'_>, name: &str) -> Result<&'a str, Said> {
    let missing = |name: &str| {
        Said::New(
            400,
            format!("Missing{name}"),
            format!("{name} is mandatory for this action."),
        )
    };
    if !call.has_json() {
        return Err(missing("body"));
    }
    call.text(name).ok_or_else(|| missing(name))
}

fn token(state: &mut State, app: AppIndex) -> String {
    let now = state.now();
    state.grants.app_access_token(app, now)
}

//! User tokens of the browser login, and who they are of (dingtalk-api, sections 6.2 and 6.3).

use serde_json::{Value, json};

use super::app_tokens::{bad_client, bad_token, header_missing, mandatory};
use crate::simulator::call::Call;
use crate::simulator::grants::{Consent, LIFE_S, UserTokens};
use crate::simulator::person::Person;
use crate::simulator::scope;
use crate::simulator::state::State;
use crate::simulator::wire::Said;

/// `POST /v1.0/oauth2/userAccessToken`.
pub(in crate::simulator) fn redeem(state: &mut State, call: &Call<'_>) -> Said {
    redeemed(state, call).unwrap_or_else(|refused| refused)
}

fn redeemed(state: &mut State, call: &Call<'_>) -> Result<Said, Said> {
    let app = state
        .authenticated(mandatory(call, "clientId")?, mandatory(call, "clientSecret")?)
        .ok_or_else(bad_client)?;
    let now = state.now();
    let UserTokens {
        access_token,
        refresh_token,
        consent,
    } = match mandatory(call, "grantType")? {
        "authorization_code" => {
            let tokens = state.grants.redeem_code(app, mandatory(call, "code")?, now);
            tokens.ok_or_else(|| Said::new(400, "invalidParameter.authCode.notFound", "不合法的临时授权码"))?
        }
        "refresh_token" => {
            let tokens = state.grants.refresh(app, mandatory(call, "refreshToken")?, now);
            tokens.ok_or_else(|| Said::new(400, "invalidParameter.refreshToken.notFound", "不合法的refreshToken"))?
        }
        _ => return Err(Said::new(400, "invalidParameter.grantType", "不合法的grantType")),
    };
    let mut said = json!({"accessToken": access_token, "refreshToken": refresh_token, "expireIn": LIFE_S});
    if let (true, Some(fields)) = (consent.corpid, said.as_object_mut()) {
        fields.insert("corpId".to_owned(), json!(state.corp_id));
    }
    Ok(Said::Flat(said))
}

/// `GET /v1.0/contact/users/{me or a unionId}`, with a user token.
pub(in crate::simulator) fn contact_user(state: &mut State, who: &str, call: &Call<'_>) -> Said {
    let Some(token) = call.header_token else {
        return header_missing();
    };
    let Some(Consent { app, unionid, .. }) = state.grants.user(token, state.now()) else {
        return bad_token();
    };
    if !state.may(*app, scope::CONTACT_USER) {
        return Said::Forbidden(state.app_key(*app).to_owned(), scope::CONTACT_USER);
    }
    let unionid = if who == "me" { unionid } else { who };
    match state.company.anybody_by_unionid(unionid) {
        Some(person) => Said::Flat(shown(person, &state.base, state.may(*app, scope::CONTACT_MOBILE))),
        None => Said::new(404, "invalidParameter.user.notFound", "用户不存在"),
    }
}

/// The person, not the member: no userid, and nothing that is not set.
fn shown(person: &Person, base: &str, with_mobile: bool) -> Value {
    let mut shown = json!({
        "nick": person.name, "unionId": person.unionid, "openId": format!("{}open", person.userid), "visitor": false,
    });
    let mobile = person.mobile.as_deref().filter(|_| with_mobile);
    let optional = [
        ("avatarUrl", person.avatar_at(base)),
        ("mobile", mobile.map(str::to_owned)),
        ("stateCode", mobile.map(|_| "86".to_owned())),
        ("email", person.email.clone()),
    ];
    if let Some(fields) = shown.as_object_mut() {
        for (name, value) in optional {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                fields.insert(name.to_owned(), json!(value));
            }
        }
    }
    shown
}

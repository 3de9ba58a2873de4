//! The two API families on one port: who may call what, and what answers.

use actix_web::http::Method;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};

use super::api::{app_tokens, departments, legacy, search, user_tokens, users};
use super::call::{Call, Family};
use super::events::{registration, stream};
use super::grants::AppIndex;
use super::misbehaviour;
use super::scope;
use super::state::{Shared, State, lock};
use super::wire::{self, Said};

/// What answers a call of an app.
type Answers = fn(&mut State, AppIndex, &Call<'_>) -> Said;

/// An API that wants an app access token.
struct Api {
    method: Method,
    /// The permission that the app must have.
    scope: Option<&'static str>,
    answers: Answers,
}

fn get(scope: Option<&'static str>, answers: Answers) -> Api {
    Api {
        method: Method::GET,
        scope,
        answers,
    }
}

fn post(scope: Option<&'static str>, answers: Answers) -> Api {
    Api {
        method: Method::POST,
        scope,
        answers,
    }
}

/// Answers every call of the platform.
pub(super) async fn answer(request: HttpRequest, body: Bytes, state: Shared) -> HttpResponse {
    let work = async || {
        let (mut state, call) = (lock(&state), Call::new(&request, &body));
        match call.family {
            Family::New => new_family(&mut state, &call),
            Family::Topapi | Family::Old => old_family(&mut state, &call),
        }
    };
    misbehaviour::answered(&request, &state, work).await
}

fn old_api(path: &str) -> Option<Api> {
    Some(match path {
        "/get_jsapi_ticket" => get(None, app_tokens::old_ticket),
        "/topapi/v2/user/getuserinfo" => post(None, users::by_auth_code),
        "/topapi/v2/user/get" => post(Some(scope::MEMBER), users::details),
        "/topapi/v2/user/getbymobile" => post(Some(scope::MEMBER_BY_MOBILE), users::by_mobile),
        "/topapi/user/getbyunionid" => post(Some(scope::MEMBER), users::by_unionid),
        "/topapi/v2/user/list" => post(Some(scope::DEPARTMENT_MEMBERS), users::list),
        "/topapi/user/listsimple" => post(Some(scope::DEPARTMENT_MEMBERS), users::list_simple),
        "/topapi/user/listid" => post(Some(scope::DEPARTMENT_MEMBERS), users::list_ids),
        "/topapi/user/count" => post(Some(scope::MEMBER), users::count),
        "/topapi/user/listadmin" => post(Some(scope::MEMBER), users::admins),
        "/topapi/v2/department/get" => post(Some(scope::DEPARTMENTS), departments::details),
        "/topapi/v2/department/listsub" => post(Some(scope::DEPARTMENTS), departments::list_sub),
        "/topapi/v2/department/listsubid" => post(Some(scope::DEPARTMENTS), departments::list_sub_ids),
        "/topapi/v2/department/listparentbydept" => post(Some(scope::DEPARTMENTS), departments::parents),
        "/topapi/v2/department/listparentbyuser" => post(Some(scope::DEPARTMENTS), departments::parents_of_user),
        "/call_back/get_call_back" => get(None, registration::show),
        "/call_back/delete_call_back" => get(None, registration::remove),
        "/call_back/get_call_back_failed_result" => get(None, registration::failed),
        "/auth/scopes" => get(None, users::scopes),
        "/user/getuserinfo" => get(None, legacy::by_auth_code),
        "/user/get" => get(Some(scope::MEMBER), legacy::user),
        "/user/get_by_mobile" => get(Some(scope::MEMBER_BY_MOBILE), legacy::by_mobile),
        "/user/getUseridByUnionid" => get(Some(scope::MEMBER), legacy::by_unionid),
        "/user/simplelist" => get(Some(scope::DEPARTMENT_MEMBERS), legacy::simple_list),
        "/user/list" | "/user/listbypage" => get(Some(scope::DEPARTMENT_MEMBERS), legacy::list),
        "/user/getDeptMember" => get(Some(scope::DEPARTMENT_MEMBERS), legacy::members),
        "/user/get_org_user_count" => get(Some(scope::MEMBER), legacy::count),
        "/user/get_admin" => get(Some(scope::MEMBER), legacy::admins),
        "/department/get" => get(Some(scope::DEPARTMENTS), legacy::department),
        "/department/list" => get(Some(scope::DEPARTMENTS), legacy::departments),
        "/department/list_ids" => get(Some(scope::DEPARTMENTS), legacy::department_ids),
        "/department/list_parent_depts_by_dept" => get(Some(scope::DEPARTMENTS), legacy::parents),
        "/department/list_parent_depts" => get(Some(scope::DEPARTMENTS), legacy::parents_of_user),
        _ => return None,
    })
}

fn old_family(state: &mut State, call: &Call<'_>) -> Said {
    if call.path == "/gettoken" {
        return app_tokens::old(state, call);
    }
    let Some(api) = old_api(call.path) else {
        return Said::Unknown;
    };
    if *call.method != api.method {
        return match api.method {
            Method::GET => Said::Refused(43001, "需要GET请求"),
            _ => Said::Refused(43002, "需要POST请求"),
        };
    }
    let token = call.old_token().unwrap_or_default();
    if token.is_empty() {
        return match call.family {
            Family::Topapi => Said::Gate(40000, "access_token is blank".to_owned()),
            Family::Old | Family::New => Said::Refused(41001, "缺少access_token参数"),
        };
    }
    let Some(app) = state.grants.app(token, state.now()) else {
        return Said::Gate(40014, "不合法的access_token".to_owned());
    };
    if let Some(scope) = api.scope.filter(|scope| !state.may(app, scope)) {
        return Said::Gate(60011, wire::permission_text(state.app_key(app), scope));
    }
    if call.is_unreadable() {
        return Said::Refused(400_002, "无效的参数");
    }
    (api.answers)(state, app, call)
}

fn new_family(state: &mut State, call: &Call<'_>) -> Said {
    let inner = call.path.strip_prefix("/v1.0/").unwrap_or_default();
    let api = match (call.method.as_str(), inner) {
        ("POST", "oauth2/accessToken") => return app_tokens::new(state, call),
        ("POST", "oauth2/userAccessToken") => return user_tokens::redeem(state, call),
        ("POST", "gateway/connections/open") => return stream::open(state, call),
        ("POST", "oauth2/jsapiTickets") => post(None, app_tokens::new_ticket),
        ("POST", "contact/users/search") => post(Some(scope::SEARCH), search::users),
        ("POST", inner) => {
            let corp_id = inner
                .strip_prefix("oauth2/")
                .and_then(|rest| rest.strip_suffix("/token"));
            return match corp_id {
                Some(corp_id) => app_tokens::newest(state, corp_id, call),
                None => Said::Unknown,
            };
        }
        ("GET", inner) => {
            return match inner.strip_prefix("contact/users/") {
                Some(who) if !who.is_empty() => user_tokens::contact_user(state, who, call),
                _ => Said::Unknown,
            };
        }
        _ => return Said::Unknown,
    };
    let Some(token) = call.header_token else {
        return app_tokens::header_missing();
    };
    let Some(app) = state.grants.app(token, state.now()) else {
        return app_tokens::bad_token();
    };
    if let Some(scope) = api.scope.filter(|scope| !state.may(app, scope)) {
        return Said::Forbidden(state.app_key(app).to_owned(), scope);
    }
    (api.answers)(state, app, call)
}

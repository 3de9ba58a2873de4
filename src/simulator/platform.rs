//! The two API families on one port, with their three error shapes (dingtalk-api, section 0).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use super::state::{Fault, Kind, LIFE_S, State};

/// An answer before it takes the form of its family.
enum Said {
    /// Payload at top level.
    Flat(Value),
    /// Payload in `result` (`/topapi`).
    Result(Value),
    /// A refusal by the API itself.
    Refused(i64, &'static str),
    /// A refusal at the gate: wrapped in 88 on `/topapi`.
    Gate(i64, String),
    /// A refusal of the new family.
    New(u16, &'static str, &'static str),
    /// No such path.
    Unknown,
}

#[derive(Default, Deserialize)]
struct Asked {
    access_token: Option<String>,
    appkey: Option<String>,
    appsecret: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credentials {
    app_key: String,
    app_secret: String,
}

#[derive(Deserialize)]
struct ByCode {
    code: Option<String>,
}

#[derive(Deserialize)]
struct ByUser {
    userid: Option<String>,
}

#[derive(Deserialize)]
struct ByDepartment {
    dept_id: Option<i64>,
}

/// Answers every call of the platform.
pub(super) async fn answer(
    request: HttpRequest,
    query: Query<Vec<(String, String)>>,
    body: Bytes,
    state: Data<Mutex<State>>,
) -> HttpResponse {
    let path = request.path();
    let new = path.starts_with("/v1.0/");
    let fault = state.lock().unwrap_or_else(PoisonError::into_inner).call(path);
    let kind = fault.as_ref().map(|fault| fault.kind);
    if let Some(Fault {
        kind: Kind::Delay,
        delay_ms,
        ..
    }) = fault
    {
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
    }
    let said = match kind {
        Some(Kind::Html) => return HttpResponse::Ok().content_type("text/html").body("<html>punish</html>"),
        Some(Kind::Http500) => return HttpResponse::InternalServerError().body("error"),
        Some(Kind::SystemBusy) if new => Said::New(503, "serviceBusy", "系统繁忙"),
        Some(Kind::SystemBusy) => Said::Refused(-1, "系统繁忙"),
        Some(Kind::AppQps) if new => Said::New(403, "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi", "请求被限流"),
        Some(Kind::AppQps) => Said::Gate(90018, "应用的调用次数超过该接口的qps最大值".to_owned()),
        Some(Kind::IpNotAllowed) if new => Said::New(403, "Forbidden.AccessDenied.IpNotInWhiteList", "ip 203.0.113.9"),
        Some(Kind::IpNotAllowed) => Said::Gate(60020, "访问ip不在白名单之中,request ip=203.0.113.9".to_owned()),
        Some(Kind::BadToken) if new => Said::New(400, "InvalidAuthentication", "不合法的access_token"),
        Some(Kind::BadToken) => Said::Gate(40014, "不合法的access_token".to_owned()),
        _ => {
            let asked = asked(&query);
            let header = request
                .headers()
                .get("x-acs-dingtalk-access-token")
                .and_then(|value| value.to_str().ok());
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            if new {
                new_family(&mut state, path, header, &body)
            } else {
                old_family(&mut state, path, &asked, &body)
            }
        }
    };
    if kind == Some(Kind::ResetAfter) {
        let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        return HttpResponse::Ok().streaming(futures_util::stream::once(async { Err::<Bytes, _>(broken) }));
    }
    wire(path, said)
}

fn asked(query: &[(String, String)]) -> Asked {
    let value = |name: &str| {
        query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
    };
    Asked {
        access_token: value("access_token"),
        appkey: value("appkey"),
        appsecret: value("appsecret"),
    }
}

fn new_family(state: &mut State, path: &str, token: Option<&str>, body: &[u8]) -> Said {
    match path {
        "/v1.0/oauth2/accessToken" => {
            let Some(Credentials { app_key, app_secret }) = read(body) else {
                return Said::New(400, "Missingbody", "body is mandatory for this action");
            };
            if app_key != state.options.app_key || app_secret != state.options.app_secret {
                return Said::New(400, "invalidClientIdOrSecret", "无效的clientId或者clientSecret");
            }
            Said::Flat(json!({"accessToken": state.app_access_token(), "expireIn": LIFE_S}))
        }
        "/v1.0/oauth2/jsapiTickets" => match token {
            None => Said::New(
                400,
                "AuthenticationFailed.MissingParameter",
                "缺少参数：x-acs-dingtalk-access-token",
            ),
            Some(token) if !state.accepts(token) => Said::New(400, "InvalidAuthentication", "不合法的access_token"),
            Some(_) => {
                let (ticket, life) = state.ticket();
                Said::Flat(json!({"jsapiTicket": ticket, "expireIn": life}))
            }
        },
        _ => Said::Unknown,
    }
}

fn old_family(state: &mut State, path: &str, asked: &Asked, body: &[u8]) -> Said {
    if path == "/gettoken" {
        let right = asked.appkey.as_ref() == Some(&state.options.app_key)
            && asked.appsecret.as_ref() == Some(&state.options.app_secret);
        if !right {
            return Said::Refused(40096, "不合法的appKey或appSecret");
        }
        return Said::Flat(json!({"access_token": state.app_access_token(), "expires_in": LIFE_S}));
    }
    match asked.access_token.as_deref() {
        None | Some("") => return Said::Gate(40000, "access_token is blank".to_owned()),
        Some(token) if !state.accepts(token) => return Said::Gate(40014, "不合法的access_token".to_owned()),
        Some(_) => {}
    }
    match path {
        "/get_jsapi_ticket" => {
            let (ticket, life) = state.ticket();
            Said::Flat(json!({"ticket": ticket, "expires_in": life}))
        }
        "/topapi/v2/user/getuserinfo" => match read::<ByCode>(body).and_then(|asked| asked.code) {
            None => Said::Refused(41026, "missing tmp_auth_code"),
            Some(code) => match state.spend(&code) {
                None => Said::Refused(40078, "不存在的临时授权码"),
                // Whoever left since the code was given is found out at user/get.
                Some(userid) => {
                    let person = state.company.people.get(&userid);
                    Said::Result(json!({
                        "userid": userid, "unionid": person.map(|person| &person.unionid),
                        "name": person.map(|person| &person.name), "device_id": "sim", "sys": false, "sys_level": 0,
                    }))
                }
            },
        },
        "/topapi/v2/user/get" => match read::<ByUser>(body).and_then(|asked| asked.userid) {
            None => Said::Refused(400_002, "参数错误"),
            Some(userid) => match state.company.people.get(&userid) {
                None => Said::Refused(60121, "找不到该用户"),
                Some(person) => Said::Result(person.shown()),
            },
        },
        "/topapi/v2/department/get" => {
            let id = read::<ByDepartment>(body).and_then(|asked| asked.dept_id);
            match id.and_then(|id| state.company.departments.get(&id)) {
                None => Said::Refused(60003, "部门不存在"),
                Some(department) => {
                    let mut shown = json!({"dept_id": department.dept_id, "name": department.name, "order": 0});
                    if let (Some(parent), Some(fields)) = (department.parent_id, shown.as_object_mut()) {
                        fields.insert("parent_id".to_owned(), json!(parent));
                    }
                    Said::Result(shown)
                }
            }
        }
        "/topapi/v2/department/listsub" => {
            let id = read::<ByDepartment>(body).and_then(|asked| asked.dept_id).unwrap_or(1);
            let below = state
                .company
                .departments
                .values()
                .filter(|department| department.parent_id == Some(id));
            Said::Result(
                below
                    .map(|department| {
                        json!({
                            "dept_id": department.dept_id, "name": department.name, "parent_id": id,
                        })
                    })
                    .collect(),
            )
        }
        _ => Said::Unknown,
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

/// Gives an answer the form of its family.
fn wire(path: &str, said: Said) -> HttpResponse {
    let request_id = || Uuid::new_v4().simple().to_string();
    let topapi = path.starts_with("/topapi/");
    let new = path.starts_with("/v1.0/");
    let (status, mut body) = match said {
        Said::Flat(payload) if new => return HttpResponse::Ok().json(payload),
        Said::Flat(mut payload) => {
            if let Some(fields) = payload.as_object_mut() {
                fields.insert("errcode".to_owned(), json!(0));
                fields.insert("errmsg".to_owned(), json!("ok"));
            }
            (200, payload)
        }
        Said::Result(result) => (200, json!({"errcode": 0, "errmsg": "ok", "result": result})),
        Said::Refused(code, text) => (200, json!({"errcode": code, "errmsg": text})),
        Said::Gate(code, text) if topapi => (
            200,
            json!({
                "errcode": 88, "sub_code": code.to_string(), "sub_msg": text,
                "errmsg": format!("ding talk error[subcode={code},submsg={text}]"),
            }),
        ),
        Said::Gate(code, text) => (200, json!({"errcode": code, "errmsg": text})),
        Said::New(status, code, text) => (
            status,
            json!({"code": code, "message": text, "requestid": request_id()}),
        ),
        Said::Unknown if topapi => (
            200,
            json!({"errcode": 22, "errmsg": "Invalid method", "sub_msg": "不合法ApiName"}),
        ),
        Said::Unknown => (200, json!({"errcode": 404, "errmsg": "请求的URI地址不存在"})),
    };
    if topapi && let Some(fields) = body.as_object_mut() {
        fields.insert("request_id".to_owned(), json!(request_id()));
    }
    // The platform escapes slashes.
    let text = body.to_string().replace('/', "\\/");
    HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::OK))
        .content_type("application/json")
        .body(text)
}

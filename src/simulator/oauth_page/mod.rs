//! DingTalk's sign-in page for browsers: a QR picture, and the simulated people who may scan it (section 6.1).

mod page;

use std::collections::HashMap;

use actix_web::http::header::LOCATION;
use actix_web::web::{self, Form, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::grants::Consent;
use super::person::Person;
use super::scans::Asked;
use super::state::{Shared, State, lock};

/// People shown without a scroll that nobody ends.
const SHOWN: usize = 40;

/// Mounts the page.
pub(super) fn routes(service: &mut ServiceConfig) {
    service
        .route("/oauth2/auth", web::get().to(begin))
        .route("/oauth2/confirm", web::get().to(choose))
        .route("/oauth2/confirm", web::post().to(decide))
        .route("/oauth2/scan", web::get().to(outcome));
}

/// Which picture, and what the list below it shows.
#[derive(Deserialize)]
struct Choosing {
    id: String,
    #[serde(default)]
    query: String,
    /// `phone` where the picture was scanned; the page then goes on in the browser that shows it.
    #[serde(default)]
    device: String,
}

/// The button that was pressed: somebody's, or the refusal.
#[derive(Deserialize)]
struct Decision {
    id: String,
    userid: Option<String>,
    #[serde(default)]
    device: String,
}

#[derive(Deserialize)]
struct OfScan {
    id: String,
}

async fn begin(request: HttpRequest, query: Query<HashMap<String, String>>, state: Shared) -> HttpResponse {
    let mut state = lock(&state);
    let now = state.now();
    // The page meets no fault; it is counted like every call.
    let _ = state.traffic.call(request.path(), now);
    match asked(&state, &query) {
        Ok(asked) => {
            let id = state.scans.open(asked, now);
            let choosing = Choosing {
                id,
                query: String::new(),
                device: String::new(),
            };
            shown(&state, &request, &choosing)
        }
        Err(text) => notice(400, "无法登录", text),
    }
}

async fn choose(request: HttpRequest, choosing: Query<Choosing>, state: Shared) -> HttpResponse {
    shown(&lock(&state), &request, &choosing)
}

async fn decide(decision: Form<Decision>, state: Shared) -> HttpResponse {
    let mut state = lock(&state);
    let now = state.now();
    let Some(asked) = state.scans.asked(&decision.id, now).cloned() else {
        return gone();
    };
    let mut target = asked.redirect_uri.clone();
    match &decision.userid {
        Some(userid) => {
            let person = state.company.anybody(userid);
            let Some(unionid) = person.and_then(|person| person.unionid.clone()) else {
                return notice(404, "无法登录", "没有这个人");
            };
            let consent = Consent {
                app: asked.app,
                unionid,
                corpid: asked.corpid,
            };
            let code = state.grants.oauth_code(consent, now);
            // Both names are in use, with one value.
            target
                .query_pairs_mut()
                .append_pair("code", &code)
                .append_pair("authCode", &code);
        }
        None => {
            target.query_pairs_mut().append_pair("error", "access_denied");
        }
    }
    if let Some(echoed) = &asked.state {
        target.query_pairs_mut().append_pair("state", echoed);
    }
    let address = target.to_string();
    state.scans.decide(&decision.id, target);
    if decision.device == "phone" {
        return notice(200, "已完成", "请回到电脑上继续");
    }
    HttpResponse::SeeOther().insert_header((LOCATION, address)).finish()
}

/// Asked for by the page that shows the picture, again and again.
async fn outcome(of: Query<OfScan>, state: Shared) -> HttpResponse {
    let state = lock(&state);
    HttpResponse::Ok()
        .insert_header(("cache-control", "no-store"))
        .json(json!({"url": state.scans.outcome(&of.id).map(Url::as_str)}))
}

/// What the address of the page asks for; a fault is told on the page, since nowhere is safe to be sent.
fn asked(state: &State, query: &HashMap<String, String>) -> Result<Asked, &'static str> {
    let given = |name: &str| query.get(name).map(String::as_str);
    let client_id = given("client_id").ok_or("缺少参数：client_id")?;
    let app = state.app_index(Some(client_id)).ok_or("无效的client_id")?;
    if given("response_type") != Some("code") {
        return Err("response_type必须为code");
    }
    let corpid = match given("scope") {
        Some("openid") => false,
        Some("openid corpid") => true,
        _ => return Err("scope必须为openid或者openid corpid"),
    };
    if given("prompt") != Some("consent") {
        return Err("prompt必须为consent");
    }
    let redirect_uri = given("redirect_uri").ok_or("缺少参数：redirect_uri")?;
    let url = registered(&state.redirect_uris, redirect_uri).ok_or("redirect_uri与应用配置的回调域名不一致")?;
    Ok(Asked {
        app,
        redirect_uri: url,
        state: given("state").map(str::to_owned),
        corpid,
    })
}

/// The address, if it is registered as it stands, or its origin is; any where none is registered.
fn registered(redirect_uris: &[String], redirect_uri: &str) -> Option<Url> {
    let url = Url::parse(redirect_uri).ok()?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        && url.has_host();
    let known = |registered: &String| {
        registered == redirect_uri
            || Url::parse(registered).is_ok_and(|registered| {
                registered.path() == "/" && registered.query().is_none() && registered.origin() == url.origin()
            })
    };
    let allowed = plain && (redirect_uris.is_empty() || redirect_uris.iter().any(known));
    allowed.then_some(url)
}

fn shown(state: &State, request: &HttpRequest, choosing: &Choosing) -> HttpResponse {
    let Some(asked) = state.scans.asked(&choosing.id, state.now()) else {
        return gone();
    };
    let query = choosing.query.trim();
    let found = |person: &&Person| person.answers_to(query);
    let colleagues = state.company.people().filter(found).take(SHOWN);
    // People of other companies can try as well.
    let people: Vec<&Person> = colleagues.chain(state.company.outsiders().filter(found)).collect();
    let here = request.connection_info();
    let confirm = format!(
        "{}://{}/oauth2/confirm?id={}&device=phone",
        here.scheme(),
        here.host(),
        choosing.id
    );
    let host = asked.redirect_uri.host_str().unwrap_or_default();
    let html = page::sign_in(&page::SignIn {
        company: &state.company,
        asks: host,
        id: &choosing.id,
        query,
        on_phone: choosing.device == "phone",
        confirm: &confirm,
        people: &people,
    });
    html_answer(200, html)
}

fn gone() -> HttpResponse {
    notice(410, "二维码已失效", "请返回原页面，重新登录")
}

fn notice(status: u16, title: &str, text: &str) -> HttpResponse {
    html_answer(status, page::notice(title, text))
}

fn html_answer(status: u16, html: String) -> HttpResponse {
    let status = actix_web::http::StatusCode::from_u16(status).unwrap_or_default();
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header(("cache-control", "no-store"))
        .body(html)
}

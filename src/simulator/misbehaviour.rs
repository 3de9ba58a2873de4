//! What becomes of a call that meets a fault, which may speak in the place of the API: in its family's words, or in nobody's.

use std::io;
use std::time::Duration;

use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use futures_util::{StreamExt as _, stream};
use serde_json::Value;

use super::call::Family;
use super::fault::Kind;
use super::state::{Shared, lock};
use super::wire::{self, Said, permission_text};

/// What the firewall answers to an address that it has banned.
const PUNISHED: &str = r#"{"status":1111,"wait":5,"source":"x5","punish":"deny","uuid":"xxx"}"#;
/// Where the firewall sends a browser.
const PAGE: &str = "<!DOCTYPE html><html><head><title>punish</title></head><body>访问过于频繁</body></html>";
/// A piece of the answer that does not end, and how many come.
const PIECE: usize = 65_536;
const PIECES: usize = 1024;

/// Counts a call and answers it: by `work`, unless it meets a fault that lets nothing be done.
pub(super) async fn answered(request: &HttpRequest, state: &Shared, work: impl AsyncFnOnce() -> Said) -> HttpResponse {
    let (path, family) = (request.path(), Family::of(request.path()));
    let (fault, app_key) = {
        let mut state = lock(state);
        let now = state.now();
        (state.traffic.call(path, now), state.default_app_key().to_owned())
    };
    let kind = fault.as_ref().map(|fault| fault.kind);
    if let Some(fault) = fault.filter(|fault| fault.kind == Kind::Delay) {
        tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
    }
    if let Some(nonsense) = kind.and_then(nonsense) {
        return nonsense;
    }
    let said = match kind.and_then(|kind| refusal(kind, family, path, &app_key)) {
        Some(refused) => refused,
        None => work().await,
    };
    match kind {
        Some(Kind::ResetAfter) => broken(),
        Some(Kind::NoNextCursor) => wire::answer(family, path, without_next_cursor(said), false),
        kind => wire::answer(family, path, said, kind == Some(Kind::Truncated)),
    }
}

/// A page that says that more follows, but not where; any other answer as it is.
fn without_next_cursor(said: Said) -> Said {
    let Said::Result(result) = &said else {
        return said;
    };
    match serde_json::from_str(result.get()) {
        Ok(Value::Object(mut page)) if page.contains_key("has_more") => {
            page.insert("has_more".to_owned(), Value::Bool(true));
            page.remove("next_cursor");
            Said::result(&page)
        }
        _ => said,
    }
}

/// The refusal that a fault is, if it is one in the family's own words.
fn refusal(kind: Kind, family: Family, path: &str, app_key: &str) -> Option<Said> {
    const SCOPE: &str = "qyapi_base";
    let new = family == Family::New;
    let throttled =
        |code: &str| Said::new_family(403, &format!("Forbidden.AccessDenied.{code}"), "请求被限流，请稍后重试");
    Some(match kind {
        Kind::SystemBusy if new => Said::new_family(503, "serviceBusy", "系统繁忙"),
        Kind::SystemBusy => Said::Refused(-1, "系统繁忙"),
        Kind::ApiQps if new => throttled("QpsLimitForApi"),
        Kind::ApiQps => Said::Gate(
            90002,
            format!(
                "您的服务器调用钉钉开放平台接口被流控, apiPath({path}), 请求总次数超过 1200 次, 限制将在 1 秒后结束"
            ),
        ),
        Kind::AppQps if new => throttled("QpsLimitForAppkeyAndApi"),
        Kind::AppQps => Said::Gate(90018, "应用的调用次数超过该接口的qps最大值".to_owned()),
        Kind::MonthQuota if new => throttled("ApiCountLimitForOrg"),
        Kind::MonthQuota => Said::Gate(90020, "企业当月的接口调用量已用完".to_owned()),
        Kind::IpNotAllowed => {
            let text = format!("访问ip不在白名单之中,request ip=203.0.113.9 appKey({app_key})");
            if new {
                Said::New(403, "Forbidden.AccessDenied.IpNotInWhiteList".to_owned(), text)
            } else {
                Said::Gate(60020, text)
            }
        }
        Kind::PermissionMissing if new => Said::Forbidden(app_key.to_owned(), SCOPE),
        Kind::PermissionMissing => Said::Gate(60011, permission_text(app_key, SCOPE)),
        Kind::BadToken if new => Said::new_family(400, "InvalidAuthentication", "不合法的access_token"),
        Kind::BadToken => Said::Gate(40014, "不合法的access_token".to_owned()),
        Kind::TooManyRequests => Said::new_family(429, "systemBusy", "系统繁忙"),
        Kind::Html
        | Kind::Punished
        | Kind::Http500
        | Kind::Delay
        | Kind::ResetBefore
        | Kind::ResetAfter
        | Kind::Truncated
        | Kind::Huge
        | Kind::NoNextCursor => return None,
    })
}

/// The answer that a fault puts in the place of the API's own, where it is one that no family has words for.
fn nonsense(kind: Kind) -> Option<HttpResponse> {
    Some(match kind {
        Kind::Html => HttpResponse::Ok().content_type("text/html;charset=utf-8").body(PAGE),
        Kind::Punished => HttpResponse::Ok().content_type("application/json").body(PUNISHED),
        Kind::Http500 => HttpResponse::InternalServerError().body("error"),
        Kind::ResetBefore => broken(),
        Kind::Huge => {
            let opening = stream::iter([Bytes::from_static(br#"{"errcode":0,"padding":""#)]);
            let piece = Bytes::from(vec![b'x'; PIECE]);
            let padding = stream::repeat(piece).take(PIECES);
            HttpResponse::Ok()
                .content_type("application/json")
                .streaming(opening.chain(padding).map(Ok::<_, io::Error>))
        }
        _ => return None,
    })
}

/// A connection that breaks where the answer should come.
fn broken() -> HttpResponse {
    let reset = io::Error::from(io::ErrorKind::ConnectionReset);
    HttpResponse::Ok().streaming(stream::once(async { Err::<Bytes, _>(reset) }))
}

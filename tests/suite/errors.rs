//! The error table of product.md, section 3, row by row as it comes over the wire.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use reqwest::Method;
use serde_json::json;

use crate::answer::Answer;
use crate::cross_origin::preflight;
use crate::harness::{Harness, PAGE};
use crate::store::Refuses;

const USER_BY_CODE: &str = "/topapi/v2/user/getuserinfo";
const PROFILE: &str = "/topapi/v2/user/get";
const TICKET: &str = "/v1.0/oauth2/jsapiTickets";
const TOKEN: &str = "/v1.0/oauth2/accessToken";

/// Words of databases, libraries and of what this test keeps secret; no caller may read them.
const UNSAID: [&str; 12] = [
    "demo-app-secret",
    "a master key",
    "SELECT",
    "INSERT",
    "employees",
    "sessions",
    "sqlx",
    "SqlxError",
    "refused",
    "panicked",
    "src/",
    "203.0.113.9",
];

/// What came back for one cause.
struct Seen {
    cause: &'static str,
    answer: Answer,
}

/// Holds an answer to the one shape of all errors.
fn in_the_one_shape(Seen { cause, answer }: &Seen) {
    let fields: BTreeSet<&str> = answer
        .body
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| &**name)
        .collect();
    let shape = BTreeSet::from(["code", "error", "error_description", "request_id"]);
    assert_eq!(fields, shape, "{cause}: {answer:?}");
    assert_eq!(answer.header("content-type"), "application/json", "{cause}");
    assert_eq!(answer.header("cache-control"), "no-store", "{cause}");
    assert_eq!(answer.header("x-request-id"), answer.text("request_id"), "{cause}");
    assert_eq!(answer.text("request_id").len(), 36, "{cause}");
    assert_eq!(
        answer.header("www-authenticate").starts_with("Bearer"),
        answer.status == 401,
        "{cause}"
    );
    assert_eq!(
        answer.header("allow"),
        if answer.status == 405 { "POST" } else { "" },
        "{cause}"
    );
    let comes_back = [429, 503].contains(&answer.status);
    let seconds = answer.header("retry-after").parse::<u64>();
    assert_eq!(
        seconds.is_ok_and(|seconds| (1..=60).contains(&seconds)),
        comes_back,
        "{cause}"
    );
    let text = answer.body.to_string();
    for unsaid in UNSAID {
        assert!(!text.contains(unsaid), "{cause}: {text}");
    }
}

/// Requests that are refused for what they are.
async fn bad_requests(seen: &mut Vec<Seen>) {
    let sso = Harness::with(&[("LIMITS__REJECTED_CODES_PER_MINUTE", "1"), ("CACHE__URL", "memory:")]).await;
    let login = |body: String| sso.request(Method::POST, "/v1/login").body(body);
    let requests = [
        ("unreadable body", login("{".to_owned())),
        ("no authCode", login(json!({"url": PAGE}).to_string())),
        (
            "malformed authCode",
            login(json!({"authCode": "a b", "url": PAGE}).to_string()),
        ),
        (
            "malformed url",
            login(json!({"authCode": "code", "url": "page"}).to_string()),
        ),
        (
            "unknown app",
            login(json!({"authCode": "code", "url": PAGE, "app": "none"}).to_string()),
        ),
        ("an array", login(json!(["code", PAGE, null]).to_string())),
        ("oversized body", login(" ".repeat(70_000))),
        ("wrong method", sso.request(Method::GET, "/v1/login")),
        (
            "unknown code",
            login(json!({"authCode": "unknown", "url": PAGE}).to_string()),
        ),
        (
            "one too many",
            login(json!({"authCode": "unknown2", "url": PAGE}).to_string()),
        ),
        (
            "foreign page",
            login(json!({"authCode": "code", "url": "https://evil.example/"}).to_string()),
        ),
        ("no token", sso.request(Method::GET, "/v1/me")),
        (
            "a foreign token",
            sso.request(Method::GET, "/v1/me").bearer_auth("eyJ.e30.x"),
        ),
        (
            "a foreign refresh token",
            sso.request(Method::POST, "/v1/token/refresh")
                .body(json!({"refreshToken": "x"}).to_string()),
        ),
        (
            "a foreign page's preflight",
            preflight(&sso, "https://evil.example", "POST"),
        ),
        (
            "a preflight for another method",
            preflight(&sso, "https://page.example", "PUT"),
        ),
        (
            "a preflight for another header",
            preflight(&sso, "https://page.example", "POST").header("access-control-request-headers", "x-other"),
        ),
        ("unknown path", sso.request(Method::GET, "/v2")),
        ("unknown file", sso.request(Method::GET, "/static/none.js")),
    ];
    for (cause, request) in requests {
        let answer = sso.send(request).await;
        seen.push(Seen { cause, answer });
    }
}

/// What is refused for the person's or the platform's sake.
async fn refused_people(seen: &mut Vec<Seen>) {
    let sso = Harness::start().await;
    sso.log_in("manager01").await;
    sso.command(&["employee", "disable", "manager01"]).await;
    let disabled = sso.log_in("manager01").await;
    let code = sso.auth_code("user00009").await;
    sso.company("employees/user00009/leave", json!({})).await;
    let left = sso.redeem(&code).await;
    sso.fault(USER_BY_CODE, "html").await;
    let nonsense = sso.log_in("user00001").await;
    sso.clear_faults().await;
    sso.advance_s(7200);
    sso.fault(TOKEN, "system_busy").await;
    let busy = sso.log_in("user00001").await;
    sso.clear_faults().await;
    sso.fault(TOKEN, "ip_not_allowed").await;
    let no_token = sso.log_in("user00001").await;
    sso.clear_faults().await;
    sso.advance_s(2);
    sso.fault(PROFILE, "permission_missing").await;
    let no_profile = sso.log_in("user00001").await;
    sso.clear_faults().await;
    sso.fault(TICKET, "permission_missing").await;
    let no_ticket = sso.log_in("user00001").await;
    for (cause, answer) in [
        ("disabled here", disabled),
        ("left the company", left),
        ("the platform answers nonsense to the code", nonsense),
        ("the platform is busy before the code is sent", busy),
        ("our address is not allowed", no_token),
        ("the app may not read profiles", no_profile),
        ("the app gets no ticket", no_ticket),
    ] {
        seen.push(Seen { cause, answer });
    }
}

/// What is refused for the database's sake.
async fn failing_database(seen: &mut Vec<Seen>) {
    let sso = Harness::start().await;
    let entry = sso.log_in("manager01").await;
    let store = sso.store().await;
    let rows = store.rows_of_everything().await;

    store.break_table("employees", Refuses::Insert).await;
    let not_inserted = sso.log_in("user00001").await;
    store.mend_table("employees").await;
    assert_eq!(store.rows_of_everything().await, rows, "nothing was stored");

    store.break_table("employees", Refuses::Update).await;
    sso.company(
        "employees",
        json!({"userid": "manager01", "name": "张三丰", "dept_id_list": [100_000]}),
    )
    .await;
    let not_updated = sso.log_in("manager01").await;
    store.mend_table("employees").await;
    assert_eq!(store.rows_of_everything().await, rows, "nothing was stored");
    assert_eq!(sso.log_in("manager01").await.text("name"), "张三丰");

    store.lock_table("employees").await;
    let locked = sso.log_in("user00001").await;
    store.unlock_tables().await;
    assert_eq!(sso.log_in("user00001").await.status, 200);

    store
        .execute("ALTER TABLE employees RENAME COLUMN position TO occupation")
        .await;
    let internal = sso.me(&entry.text("token")).await;
    for (cause, answer) in [
        ("a new employee cannot be stored", not_inserted),
        ("a known employee cannot be brought up to date", not_updated),
        ("the database does not come to it", locked),
        ("a column is missing", internal),
    ] {
        seen.push(Seen { cause, answer });
    }
}

#[tokio::test]
async fn every_row_of_the_error_table_comes_over_the_wire() {
    let mut seen = Vec::new();
    bad_requests(&mut seen).await;
    refused_people(&mut seen).await;
    failing_database(&mut seen).await;
    seen.iter().for_each(in_the_one_shape);
    seen.sort_by_key(|seen| seen.answer.code());
    let table = seen.iter().fold(String::new(), |mut table, Seen { cause, answer }| {
        let (code, name, status) = (answer.code(), answer.text("error"), answer.status);
        let retry = match answer.header("retry-after") {
            "" => String::new(),
            seconds => format!(" (after {seconds} s)"),
        };
        let _ = writeln!(
            table,
            "{code} {name} {status}{retry} | {cause} | {}",
            answer.text("error_description")
        );
        table
    });
    insta::assert_snapshot!(table, @r"
    1101 invalid_request 400 | unreadable body | the body is not the JSON that is expected here: see line 1, column 1
    1101 invalid_request 400 | no authCode | the body is not the JSON that is expected here: see line 1, column 34
    1101 invalid_request 400 | malformed authCode | authCode: an auth code must be 1 to 128 characters, none of them blank or a control character
    1101 invalid_request 400 | malformed url | url: it is not an http or https URL with a host
    1101 invalid_request 400 | unknown app | app: no micro-app of this name is configured
    1101 invalid_request 400 | an array | the body is not a JSON object
    1101 invalid_request 400 | oversized body | the body is larger than 65536 bytes
    1101 invalid_request 405 | wrong method | this path answers to POST alone
    1101 invalid_request 400 | a preflight for another method | Requested method is not allowed
    1101 invalid_request 400 | a preflight for another header | One or more request headers are not allowed
    1102 dingtalk_access_token_failed 502 | our address is not allowed | DingTalk does not give this service an access token; its administrator finds the reason in the log
    1103 auth_code_rejected 401 | unknown code | DingTalk does not know this code: it is expired, used or of another app; get a new one
    1104 profile_unavailable 502 | the app may not read profiles | the employee's profile could not be read from DingTalk
    1105 employee_disabled 403 | disabled here | this employee may not sign in: disabled here, or no longer with the company
    1106 employee_not_saved 500 | a new employee cannot be stored | the new employee could not be stored; nothing was kept
    1107 employee_not_saved 500 | a known employee cannot be brought up to date | the employee could not be brought up to date; nothing was kept
    1108 internal 500 | a column is missing | something went wrong here; the log has the cause under this request_id
    1109 url_not_allowed 403 | foreign page | this page is not of an origin that the app allows
    1109 url_not_allowed 403 | a foreign page's preflight | this page is not of an origin that the app allows
    1110 rate_limited 429 (after 60 s) | one too many | too many rejected codes from this address; try again later
    1111 jsapi_ticket_failed 502 | the app gets no ticket | DingTalk does not give this service a jsapi ticket
    1112 dingtalk_unavailable 503 (after 2 s) | the platform answers nonsense to the code | DingTalk does not answer as it should; try again in a moment, with a new code
    1112 dingtalk_unavailable 503 (after 2 s) | the platform is busy before the code is sent | DingTalk does not answer as it should; try again in a moment, the same code may be sent again
    1113 not_in_organisation 403 | left the company | this person is outside the app's visible range, or not of this company
    1114 invalid_token 401 | no token | send the access token as: Authorization: Bearer <token>
    1114 invalid_token 401 | a foreign token | the access token is not one of ours, or was altered
    1114 invalid_token 401 | a foreign refresh token | the refresh token is expired, used or not ours; sign in again
    1116 not_found 404 | unknown path | nothing is here
    1116 not_found 404 | unknown file | nothing is here
    1117 temporarily_unavailable 503 (after 1 s) | the database does not come to it | a part of this service is away for the moment; try again
    ");
}

#[tokio::test]
async fn only_a_token_that_was_presented_is_called_invalid() {
    let sso = Harness::start().await;
    for path in ["/v1/me", "/oauth2/userinfo", "/auth/verify"] {
        let without = sso.send(sso.request(Method::GET, path)).await;
        assert_eq!((without.status, without.code()), (401, 1114), "{path}");
        assert_eq!(without.header("www-authenticate"), "Bearer", "{path}");
        let wrong = sso.get(path, "x.y.z").await;
        assert_eq!((wrong.status, wrong.code()), (401, 1114), "{path}");
        assert_eq!(
            wrong.header("www-authenticate"),
            "Bearer error=\"invalid_token\"",
            "{path}"
        );
    }
}

#[tokio::test]
async fn head_is_answered_as_get_is_without_the_body() {
    let sso = Harness::start().await;
    for path in [
        "/health/live",
        "/oauth2/jwks",
        "/static/dingtalk-sso.js",
        "/docs/",
        "/v1/me",
        "/v2",
    ] {
        let shown = sso.send(sso.request(Method::GET, path)).await;
        let told = sso.send(sso.request(Method::HEAD, path)).await;
        assert_eq!(told.status, shown.status, "{path}");
        for header in ["content-type", "content-length", "etag", "www-authenticate"] {
            assert_eq!(told.header(header), shown.header(header), "{path}");
        }
        assert!(told.body.is_null(), "{path}");
    }
    let refused = sso.send(sso.request(Method::HEAD, "/v1/login")).await;
    assert_eq!((refused.status, refused.header("allow")), (405, "POST"));
    let refused = sso.send(sso.request(Method::POST, "/health/live")).await;
    assert_eq!((refused.status, refused.header("allow")), (405, "GET, HEAD"));
}

#[tokio::test]
async fn a_login_is_not_to_be_stored_by_anybody_on_its_way() {
    let sso = Harness::start().await;
    let entry = sso.log_in("manager01").await;
    assert_eq!((entry.status, entry.header("cache-control")), (200, "no-store"));
    assert_eq!(entry.header("x-request-id").len(), 36);
    let pair = sso.refresh(&entry.text("refreshToken")).await;
    assert_eq!((pair.status, pair.header("cache-control")), (200, "no-store"));
    let config = sso.post("/v1/jsapi/config", json!({"url": PAGE})).await;
    assert_eq!((config.status, config.header("cache-control")), (200, "no-store"));
    assert_eq!(sso.me(&entry.text("token")).await.header("cache-control"), "no-store");
}

//! What a login answers when the platform misbehaves, at each of the calls that it makes.

use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use serde_json::json;

use crate::answer::Answer;
use crate::harness::Harness;

const TOKEN: &str = "/v1.0/oauth2/accessToken";
const USER_BY_CODE: &str = "/topapi/v2/user/getuserinfo";
const PROFILE: &str = "/topapi/v2/user/get";
const TICKET: &str = "/v1.0/oauth2/jsapiTickets";
const DEPARTMENT: &str = "/topapi/v2/department/get";

/// The longest that a login with a fault at one call may take. One exchange ends after the second that these tests
/// set; one that was throttled is begun again after a pause of a second; to token and ticket the same may happen
/// before. What is left is for a busy machine.
const LIMIT: Duration = Duration::from_secs(6);

/// Every kind of fault, and what a login comes to that meets it where it cannot do without the answer: status, number.
const FAULTS: [(&str, u16, i64); 16] = [
    ("system_busy", 503, 1112),
    ("app_qps", 503, 1112),
    ("api_qps", 503, 1112),
    ("month_quota", 503, 1112),
    ("too_many_requests", 503, 1112),
    ("punished", 503, 1112),
    ("bad_token", 502, 1102),
    ("ip_not_allowed", 502, 1102),
    ("permission_missing", 502, 1102),
    ("html", 503, 1112),
    ("http500", 503, 1112),
    ("delay", 503, 1112),
    ("reset_before", 503, 1112),
    ("reset_after", 503, 1112),
    ("truncated", 503, 1112),
    ("huge", 503, 1112),
];

/// A row of a table of faults: kind, status, number, how often the code goes out.
type Row = (&'static str, u16, i64, u64);

/// How a login with a fault in force ended.
#[derive(Debug, PartialEq, Eq)]
struct End {
    kind: &'static str,
    status: u16,
    code: i64,
    /// How often the auth code went out.
    sent: u64,
}

/// A service that waits for the platform for a second at the most.
async fn impatient() -> Harness {
    Harness::with(&[("DINGTALK__TIMEOUT_MS", "1000")]).await
}

/// Signs a known person in with a fault in force at one call, then without it.
async fn with_fault(path: &str, kind: &'static str) -> End {
    let sso = impatient().await;
    assert_eq!(sso.log_in("manager01").await.status, 200);
    if [TOKEN, TICKET].contains(&path) {
        // Both have run out, and are fetched anew by the next login.
        sso.advance_s(7200);
    }
    let before = sso.calls(USER_BY_CODE).await;
    sso.fault(path, kind).await;
    // In no department that is known so far.
    let answer = sso.log_in("user00005").await;
    let sent = sso.calls(USER_BY_CODE).await - before;
    assert!(answer.took < LIMIT, "{path} {kind}: {answer:?}");
    if answer.code() == 1112 {
        // The code may be sent again if it has not gone out, or was turned away at the gate.
        let unspent = path == TOKEN
            || (path == USER_BY_CODE && ["app_qps", "api_qps", "month_quota", "too_many_requests"].contains(&kind));
        let told = answer.text("error_description");
        assert_eq!(
            told.contains("the same code may be sent again"),
            unspent,
            "{path} {kind}: {told}"
        );
    }
    sso.clear_faults().await;
    recovers(&sso, path, kind).await;
    End {
        kind,
        status: answer.status,
        code: answer.code(),
        sent,
    }
}

/// The next login goes well, and knows the department, too. A wrong secret is not tried at full speed: for a second
/// the refusal is remembered.
async fn recovers(sso: &Harness, path: &str, kind: &str) {
    sso.advance_s(2);
    let next = sso.log_in("user00005").await;
    assert_eq!(next.status, 200, "{path} {kind}: {next:?}");
    assert!(!next.text("departName").is_empty(), "{path} {kind}: {next:?}");
}

/// The table of [`FAULTS`] with the code sent so often, but for `other` rows.
fn outcomes(sent: u64, other: &[Row]) -> Vec<Row> {
    let row = |(kind, status, code)| {
        let differs = other.iter().find(|(differs, ..)| *differs == kind);
        differs.copied().unwrap_or((kind, status, code, sent))
    };
    FAULTS.map(row).to_vec()
}

/// Every row of the table comes true at a call.
async fn holds(path: &str, table: &[Row]) {
    // A service each, and no more at once than a busy machine starts in time.
    let ends = stream::iter(table).map(|(kind, ..)| with_fault(path, kind)).buffered(4);
    let ends: Vec<End> = ends.collect().await;
    let expected: Vec<End> = table
        .iter()
        .map(|&(kind, status, code, sent)| End {
            kind,
            status,
            code,
            sent,
        })
        .collect();
    assert_eq!(ends, expected, "{path}");
}

#[tokio::test]
async fn without_a_token_no_code_is_sent() {
    holds(TOKEN, &outcomes(0, &[])).await;
}

#[tokio::test]
async fn a_code_that_may_be_spent_is_never_sent_twice() {
    // Turned away at the gate, and once more after a pause or with a fresh token.
    let turned_away = [
        ("app_qps", 503, 1112, 2),
        ("api_qps", 503, 1112, 2),
        ("bad_token", 502, 1102, 2),
    ];
    holds(USER_BY_CODE, &outcomes(1, &turned_away)).await;
}

#[tokio::test]
async fn without_a_profile_nobody_is_signed_in() {
    holds(PROFILE, &outcomes(1, &[("permission_missing", 502, 1104, 1)])).await;
}

#[tokio::test]
async fn without_a_ticket_nobody_is_signed_in() {
    holds(TICKET, &outcomes(1, &[("permission_missing", 502, 1111, 1)])).await;
}

#[tokio::test]
async fn for_a_department_that_cannot_be_read_no_login_fails() {
    holds(DEPARTMENT, &FAULTS.map(|(kind, ..)| (kind, 200, 0, 1))).await;
}

#[tokio::test]
async fn many_departments_that_do_not_come_delay_a_login_no_longer_than_one() {
    let sso = impatient().await;
    assert_eq!(sso.log_in("manager01").await.status, 200);
    let everywhere = json!([101, 200, 201, 300, 301, 400, 401, 500]);
    sso.company(
        "employees",
        json!({"userid": "many", "name": "名", "dept_id_list": everywhere}),
    )
    .await;
    sso.fault(DEPARTMENT, "delay").await;
    let entry = sso.log_in("many").await;
    assert_eq!(entry.status, 200, "{entry:?}");
    assert_eq!(entry.body["departments"].as_array().map(Vec::len), Some(8));
    assert!(entry.took < LIMIT, "{:?}", entry.took);
    sso.clear_faults().await;
    let next = sso.log_in("many").await;
    assert!(
        next.body["departments"]
            .as_array()
            .is_some_and(|all| all.iter().all(|one| one["name"].is_string()))
    );
}

#[tokio::test]
async fn a_chain_that_was_cut_is_completed_by_the_next_login() {
    let sso = Harness::start().await;
    sso.company("departments", json!({"dept_id": 801, "name": "下", "parent_id": 802}))
        .await;
    sso.company(
        "employees",
        json!({"userid": "below", "name": "名", "dept_id_list": [801]}),
    )
    .await;
    let cut = sso.log_in("below").await;
    assert_eq!(
        (cut.text("departName"), cut.body["departRootId"].is_null()),
        ("下".into(), true)
    );
    sso.company("departments", json!({"dept_id": 802, "name": "上", "parent_id": 10}))
        .await;
    let whole = sso.log_in("below").await;
    assert_eq!(whole.text("departRootName"), "重庆分公司");
    let paths = "SELECT path FROM departments WHERE id = 801";
    assert_eq!(sso.store().await.column::<String>(paths).await, ["/10/802/"]);
}

#[tokio::test]
async fn a_rejected_app_token_is_fetched_anew_once() {
    let sso = Harness::start().await;
    assert_eq!(sso.log_in("user00001").await.status, 200);
    sso.company("tokens/invalidate", json!({})).await;
    assert_eq!(sso.log_in("manager01").await.status, 200);
    assert_eq!(sso.calls(TOKEN).await, 2);
}

#[tokio::test]
async fn somebody_who_left_is_not_of_the_organisation() {
    let sso = Harness::start().await;
    let code = sso.auth_code("user00009").await;
    sso.company("employees/user00009/leave", json!({})).await;
    let answer = sso.redeem(&code).await;
    assert_eq!((answer.status, answer.code()), (403, 1113));
}

#[tokio::test]
async fn a_platform_that_is_away_is_told_of_in_time_and_found_again() {
    let sso = impatient().await;
    assert_eq!(sso.log_in("manager01").await.status, 200);
    for kind in ["delay", "html", "reset_after"] {
        sso.fault("*", kind).await;
        let logins = join_all((1..=20).map(|number| {
            let sso = &sso;
            async move { sso.log_in(&format!("user{number:05}")).await }
        }));
        let told = |answer: &Answer| (answer.status, answer.code()) == (503, 1112) && answer.took < LIMIT;
        let answers = logins.await;
        assert!(answers.iter().all(told), "{kind}: {answers:?}");
        sso.clear_faults().await;
        assert_eq!(sso.log_in("manager01").await.status, 200, "{kind}");
    }
}

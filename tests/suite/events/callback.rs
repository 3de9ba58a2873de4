//! Callbacks: what is sealed for us is stored before it is answered, and nothing else leaves a trace.

use dingtalk_sso::dingtalk::envelope::{Envelopes, Sealed};
use reqwest::Method;
use serde_json::{Value, json};

use super::{AES_KEY, TOKEN, employee, stored, subscribe, tallies, until, until_settled, with_callbacks};
use crate::answer::Answer;
use crate::harness::Harness;

const CORP_ID: &str = "dingdemo0001";
const APP_KEY: &str = "dingdemoappkey";

fn envelopes(token: &str, aes_key: &str, owner: &str) -> Envelopes {
    Envelopes::new(token.into(), &aes_key.into(), vec![owner.to_owned()]).expect("keys")
}

fn sealed(sso: &Harness, event: &Value, owner: &str) -> Sealed {
    let now = sso.clock.unix_millis().to_string();
    envelopes(TOKEN, AES_KEY, owner).seal(&event.to_string(), owner, now)
}

/// Where an envelope is posted, its signature under one name.
fn path(sealed: &Sealed) -> String {
    format!(
        "/dingtalk/events?msg_signature={}&timestamp={}&nonce={}",
        sealed.signature, sealed.timestamp, sealed.nonce
    )
}

/// Posts an envelope as the platform does.
async fn post(sso: &Harness, sealed: &Sealed) -> Answer {
    sso.post(&path(sealed), json!({"encrypt": sealed.encrypt})).await
}

/// The whole answer to a body, byte for byte, but for the request's id and the time.
async fn answer(sso: &Harness, path: &str, body: String) -> String {
    let request = sso.request(Method::POST, path).body(body);
    let answer = request.send().await.expect("an answer");
    let mut head: Vec<String> = answer
        .headers()
        .iter()
        .filter(|(name, _)| *name != "date" && *name != "x-request-id")
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    head.sort();
    let status = answer.status();
    let text = answer.text().await.expect("a body");
    let id = serde_json::from_str(&text).map_or(Value::Null, |body: Value| body["request_id"].clone());
    let text = text.replace(id.as_str().expect("a request's id"), "");
    format!("{status}\n{}\n\n{text}", head.join("\n"))
}

/// The word in a sealed answer.
fn word(answer: &Answer, owner: &str) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    let sealed = Sealed {
        signature: answer.text("msg_signature"),
        timestamp: answer.text("timeStamp"),
        nonce: answer.text("nonce"),
        encrypt: answer.text("encrypt"),
    };
    envelopes(TOKEN, AES_KEY, owner)
        .open(&sealed)
        .expect("a sealed answer")
        .text
}

fn leave(id: &str) -> Value {
    json!({"EventType": "user_leave_org", "eventId": id, "timeStamp": "1", "userId": ["user00001"]})
}

#[tokio::test]
async fn every_way_in_which_the_platform_writes_a_callback_is_read() {
    let sso = with_callbacks().await;
    let ways = [
        json!({"signed_as": "signature", "nonce_length": 16, "spelling": "old", "owner_key": CORP_ID}),
        json!({"signed_as": "msg_signature", "nonce_length": 8, "spelling": "new", "owner_key": APP_KEY}),
        json!({"signed_as": "both", "spelling": "old"}),
        json!({"signed_as": "both", "spelling": "new", "owner_key": CORP_ID}),
    ];
    for (number, way) in ways.into_iter().enumerate() {
        subscribe(&sso, way).await;
        let title = format!("title {number}");
        sso.company("employees/user00003", json!({"title": title})).await;
        until("the new title is heard of", async || {
            let found = employee(&sso, "user00003").await;
            found.is_some_and(|employee| employee.position == title)
        })
        .await;
    }
    let tally = tallies(&sso).await;
    assert_eq!(
        (&tally["callback"]["acknowledged"], &tally["callback"]["pushes"]),
        (&json!(4), &json!(4))
    );
}

#[tokio::test]
async fn joiners_moves_and_departments_are_followed() {
    let sso = with_callbacks().await;
    sso.company("departments", json!({"dept_id": 77, "name": "新部", "parent_id": 10}))
        .await;
    sso.company(
        "employees",
        json!({"userid": "joiner", "name": "新人", "dept_id_list": [77], "unionid": "unionjoiner"}),
    )
    .await;
    until("the joiner is known", async || employee(&sso, "joiner").await.is_some()).await;
    sso.control(
        Method::PATCH,
        "departments/77",
        &json!({"name": "旧部", "parent_id": 20}),
    )
    .await;
    sso.company("employees/joiner/move", json!({"dept_id_list": [77, 10]}))
        .await;
    until_settled(&sso, 4).await;
    let entry = sso.log_in("joiner").await;
    assert_eq!(
        (entry.text("departName"), &entry.body["departRootId"]),
        ("旧部".to_owned(), &json!(20)),
        "{entry:?}"
    );
    assert_eq!(entry.body["departments"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_check_of_the_address_is_answered_for_whomever_it_is_sealed() {
    let sso = with_callbacks().await;
    for owner in [CORP_ID, APP_KEY] {
        let answer = post(&sso, &sealed(&sso, &json!({"EventType": "check_url"}), owner)).await;
        assert_eq!(word(&answer, owner), "success");
    }
    let suite = json!({"EventType": "check_create_suite_url", "Random": "LPIdSnlF", "TestSuiteKey": "suite4xxx"});
    assert_eq!(
        word(&post(&sso, &sealed(&sso, &suite, APP_KEY)).await, APP_KEY),
        "LPIdSnlF"
    );
    assert_eq!(stored(&sso).await, []);
}

#[tokio::test]
async fn events_that_do_not_concern_us_are_acknowledged_and_not_kept() {
    let sso = with_callbacks().await;
    for event_type in ["check_in", "bpms_instance_change", "something_new"] {
        let event = json!({"EventType": event_type, "TimeStamp": 1, "StaffId": "user00001"});
        assert_eq!(
            word(&post(&sso, &sealed(&sso, &event, APP_KEY)).await, APP_KEY),
            "success"
        );
    }
    assert_eq!(stored(&sso).await, []);
}

#[tokio::test]
async fn a_repeated_event_is_acknowledged_and_handled_once() {
    let sso = with_callbacks().await;
    let first = sealed(&sso, &leave("e1"), APP_KEY);
    let again = sealed(&sso, &leave("e1"), APP_KEY);
    for envelope in [&first, &first, &again, &first] {
        assert_eq!(word(&post(&sso, envelope).await, APP_KEY), "success");
    }
    until_settled(&sso, 1).await;
    assert_eq!(word(&post(&sso, &again).await, APP_KEY), "success");
    let rows = stored(&sso).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(sso.calls("/topapi/v2/user/get").await, 1);
}

#[tokio::test]
async fn whatever_is_wrong_with_a_callback_it_gets_one_answer_and_leaves_no_trace() {
    let sso = with_callbacks().await;
    let now = sso.clock.unix_millis().to_string();
    let right = sealed(&sso, &leave("h1"), APP_KEY);
    let signed = |encrypt: &str| envelopes(TOKEN, AES_KEY, APP_KEY).sign(encrypt.to_owned(), now.clone());
    let mut hostile = vec![
        Sealed {
            signature: "0".repeat(40),
            ..right.clone()
        },
        Sealed {
            signature: right.signature.to_uppercase(),
            ..right.clone()
        },
        Sealed {
            nonce: "another".to_owned(),
            ..right.clone()
        },
        Sealed {
            timestamp: format!("{}0", right.timestamp),
            ..right.clone()
        },
        envelopes("another-token", AES_KEY, APP_KEY).seal(&leave("h2").to_string(), APP_KEY, now.clone()),
        envelopes(TOKEN, "4g5j64qlyl3zvetqxz5jiocdr586fn2zvjpa8zls3ij", APP_KEY).seal(
            &leave("h3").to_string(),
            APP_KEY,
            now.clone(),
        ),
        sealed(&sso, &leave("h4"), "suiteofanother"),
        sealed(&sso, &leave("h4"), ""),
        signed(right.encrypt.split_at(right.encrypt.len() / 2 - 1).0),
        signed(right.encrypt.split_at(44).0),
        signed(""),
        signed("***"),
        // Whole blocks, whose last byte is no padding.
        signed(&"A".repeat(64)),
        sealed(&sso, &json!([1, 2]), APP_KEY),
        sealed(&sso, &json!({"EventType": {}}), APP_KEY),
    ];
    for hours in [-2_i64, 2] {
        let then = sso.clock.unix_millis() + hours * 3_600_000;
        hostile.push(envelopes(TOKEN, AES_KEY, APP_KEY).seal(&leave("h5").to_string(), APP_KEY, then.to_string()));
    }
    let mut answers = Vec::new();
    for envelope in &hostile {
        let body = json!({"encrypt": envelope.encrypt}).to_string();
        answers.push(answer(&sso, &path(envelope), body).await);
    }
    let to = format!("/dingtalk/events?signature={}&timestamp={now}&nonce=n", right.signature);
    for body in [
        String::new(),
        "{}".to_owned(),
        "[".repeat(10_000),
        json!({"encrypt": 7}).to_string(),
        json!({"encrypt": "A".repeat(1024 * 1024)}).to_string(),
        "x".repeat(1024 * 1024),
    ] {
        answers.push(answer(&sso, &to, body).await);
    }
    let unsigned = json!({"encrypt": right.encrypt}).to_string();
    answers.push(answer(&sso, "/dingtalk/events", unsigned).await);
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
    assert!(
        answers[0].starts_with("400 ") && answers[0].contains("\"code\":1101"),
        "{}",
        answers[0]
    );
    assert!(
        answers[0].contains("this is no event that DingTalk has sealed for this service"),
        "{}",
        answers[0]
    );
    assert_eq!(stored(&sso).await, []);
    assert_eq!(sso.calls("/topapi/v2/user/get").await, 0);
    assert_eq!(word(&post(&sso, &right).await, APP_KEY), "success");
}

#[tokio::test]
async fn only_the_owner_of_the_settings_is_opened_for() {
    let sso = Harness::with(&[
        ("EVENTS__MODE", "http"),
        ("EVENTS__TOKEN", TOKEN),
        ("EVENTS__AES_KEY", AES_KEY),
        ("EVENTS__OWNER_KEY", "suite4xxxxxxxxxxxxxxx"),
    ])
    .await;
    let check = json!({"EventType": "check_url"});
    for owner in [APP_KEY, CORP_ID] {
        assert_eq!(post(&sso, &sealed(&sso, &check, owner)).await.status, 400);
    }
    let suite = "suite4xxxxxxxxxxxxxxx";
    assert_eq!(word(&post(&sso, &sealed(&sso, &check, suite)).await, suite), "success");
}

#[tokio::test]
async fn without_callbacks_in_the_settings_there_is_no_such_path() {
    let sso = Harness::start().await;
    let answer = post(&sso, &sealed(&sso, &leave("e1"), APP_KEY)).await;
    assert_eq!((answer.status, answer.code()), (404, 1116));
}

#[tokio::test]
async fn an_event_waits_for_a_platform_that_does_not_answer_and_the_administrator_sees_it() {
    let sso = with_callbacks().await;
    sso.log_in("user00004").await;
    sso.company("faults", json!({"path": "/topapi/v2/user/get", "kind": "http500"}))
        .await;
    sso.company("employees/user00004", json!({"title": "late"})).await;
    until("the attempt fails", async || {
        stored(&sso).await.first().is_some_and(|event| event.attempts > 0)
    })
    .await;
    let shown: Value = serde_json::from_str(&sso.command(&["callback", "failed", "--json"]).await).expect("JSON");
    let event = &shown["events"][0];
    assert_eq!(
        (&event["event"], &event["object"], &event["state"]),
        (&json!("user_modify_org"), &json!("user:user00004"), &json!("waiting"))
    );
    assert!(
        event["fault"].as_str().is_some_and(|fault| fault.contains("DingTalk")),
        "{event}"
    );

    sso.clear_faults().await;
    sso.advance_s(20);
    until("it is made up for", async || {
        let found = employee(&sso, "user00004").await;
        found.is_some_and(|employee| employee.position == "late")
    })
    .await;
    let table = sso.command(&["callback", "failed"]).await;
    assert!(table.contains("No event waits"), "{table}");
}

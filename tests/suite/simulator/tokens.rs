//! Tokens, tickets and auth codes: where each is given, and where it is taken.

use reqwest::Method;
use serde_json::{Value, json};

use super::platform::{Platform, said, text};

#[tokio::test]
async fn both_families_give_one_token_which_a_repeat_prolongs() {
    let platform = Platform::start().await;
    let old = platform
        .get("/gettoken?appkey=dingdemoappkey&appsecret=demo-app-secret")
        .await;
    let credentials = json!({"appKey": "dingdemoappkey", "appSecret": "demo-app-secret"});
    assert_eq!(old.body["expires_in"], 7200);
    platform.advance_s(7000);
    let new = platform.post("/v1.0/oauth2/accessToken", &credentials).await;
    assert_eq!(
        new.body,
        json!({"accessToken": old.body["access_token"], "expireIn": 7200})
    );
    platform.advance_s(7198);
    let newest =
        json!({"client_id": "dingdemoappkey", "client_secret": "demo-app-secret", "grant_type": "client_credentials"});
    let newest = platform.post("/v1.0/oauth2/dingdemo0001/token", &newest).await;
    assert_eq!(
        newest.body,
        json!({"access_token": old.body["access_token"], "expires_in": 7200})
    );
    platform.advance_s(7200);
    let next = platform.post("/v1.0/oauth2/accessToken", &credentials).await;
    assert_ne!(next.body["accessToken"], old.body["access_token"]);
    let before_2018 = platform
        .get("/gettoken?corpid=dingdemo0001&corpsecret=demo-app-secret")
        .await;
    assert_eq!(before_2018.body["access_token"], next.body["accessToken"]);
}

#[tokio::test]
async fn wrong_credentials_are_refused_in_the_words_of_each_endpoint() {
    let platform = Platform::start().await;
    for (query, code) in [
        ("appkey=dingdemoappkey&appsecret=x", 40096),
        ("appkey=dingdemoappkey&appsecret=second-secret", 40096),
        ("corpid=dingdemo0001&corpsecret=x", 40089),
        ("corpid=other&corpsecret=demo-app-secret", 40089),
        ("appkey=dingdemoappkey", 40035),
        ("", 40035),
    ] {
        let said = platform.get(&format!("/gettoken?{query}")).await;
        assert_eq!((said.status, &said.body["errcode"]), (200, &json!(code)), "{query}");
    }
    let form = [("appkey", "dingdemoappkey"), ("appsecret", "demo-app-secret")];
    let in_the_body = said(platform.request(Method::GET, "/gettoken").form(&form)).await;
    assert_eq!(in_the_body.body["errcode"], 40035, "of a GET the query counts alone");
    let new = async |body: Value| platform.post("/v1.0/oauth2/accessToken", &body).await;
    let wrong = new(json!({"appKey": "dingdemoappkey", "appSecret": "x"})).await;
    assert_eq!(
        (wrong.status, &wrong.body["code"]),
        (400, &json!("invalidClientIdOrSecret"))
    );
    assert!(wrong.body["requestid"].is_string() && wrong.body.get("errcode").is_none());
    let half = new(json!({"appKey": "dingdemoappkey"})).await;
    assert_eq!((half.status, &half.body["code"]), (400, &json!("MissingappSecret")));
    let path = "/v1.0/oauth2/accessToken";
    let form = [("appKey", "dingdemoappkey"), ("appSecret", "demo-app-secret")];
    for request in [
        platform.request(Method::POST, path),
        platform.request(Method::POST, path).form(&form),
    ] {
        let said = said(request).await;
        assert_eq!((said.status, &said.body["code"]), (400, &json!("Missingbody")));
    }
    for (corp_id, secret, grant, status, code) in [
        ("dingdemo0001", "x", "client_credentials", 400, "invalid.client"),
        (
            "dingdemo0001",
            "demo-app-secret",
            "password",
            400,
            "unsupported.grant.type",
        ),
        ("other", "demo-app-secret", "client_credentials", 500, "unknownError"),
    ] {
        let body = json!({"client_id": "dingdemoappkey", "client_secret": secret, "grant_type": grant});
        let said = platform.post(&format!("/v1.0/oauth2/{corp_id}/token"), &body).await;
        assert_eq!((said.status, &said.body["code"]), (status, &json!(code)));
    }
}

#[tokio::test]
async fn each_family_looks_for_the_token_in_its_own_place_and_refuses_in_its_own_shape() {
    let platform = Platform::start().await;
    let token = platform.token().await;
    let path = "/topapi/v2/user/get";
    let body = json!({"userid": "manager01"});

    let blank = platform.post(path, &body).await;
    assert_eq!(
        (blank.status, &blank.body["errcode"], &blank.body["sub_code"]),
        (200, &json!(88), &json!("40000"))
    );
    let bad = platform.post(&format!("{path}?access_token=x"), &body).await;
    assert_eq!(
        (&bad.body["errcode"], &bad.body["sub_code"]),
        (&json!(88), &json!("40014"))
    );
    assert_eq!(
        bad.body["errmsg"],
        "ding talk error[subcode=40014,submsg=不合法的access_token]"
    );
    let header = platform.request(Method::POST, path).json(&body);
    let header = said(header.header("x-acs-dingtalk-access-token", &token)).await;
    assert_eq!(header.body["sub_code"], "40000");
    let form = platform.request(Method::POST, path);
    let form = said(form.form(&[("userid", "manager01"), ("access_token", &token)])).await;
    assert_eq!(form.body["result"]["name"], "张三");

    let flat = platform.get("/user/get?access_token=x&userid=manager01").await;
    assert_eq!(flat.body, json!({"errcode": 40014, "errmsg": "不合法的access_token"}));

    let new = "/v1.0/oauth2/jsapiTickets";
    let none = said(platform.request(Method::POST, new)).await;
    assert_eq!(
        (none.status, &none.body["code"]),
        (400, &json!("AuthenticationFailed.MissingParameter"))
    );
    let query = said(platform.request(Method::POST, &format!("{new}?access_token={token}"))).await;
    assert_eq!(query.status, 400);
    let bearer = said(platform.request(Method::POST, new).bearer_auth(&token)).await;
    assert_eq!(bearer.status, 400);
    let wrong = platform.request(Method::POST, new);
    let wrong = said(wrong.header("x-acs-dingtalk-access-token", "x")).await;
    assert_eq!(
        (wrong.status, &wrong.body["code"]),
        (400, &json!("InvalidAuthentication"))
    );
    let right = platform.request(Method::POST, new);
    let right = said(right.header("x-acs-dingtalk-access-token", &token)).await;
    assert_eq!((right.status, &right.body["expireIn"]), (200, &json!(7200)));
}

#[tokio::test]
async fn a_path_or_method_that_is_not_there_is_refused_with_status_200() {
    let platform = Platform::start().await;
    let topapi = platform.post("/topapi/v2/user/notexist", &json!({})).await;
    assert_eq!((topapi.status, &topapi.body["errcode"]), (200, &json!(22)));
    assert_eq!(
        topapi.body["sub_msg"],
        "不合法ApiName，ApiName = dingtalk.oapi.v2.user.notexist"
    );
    for path in ["/v1.0/contact/nothing", "/nothing"] {
        let said = platform.get(path).await;
        assert_eq!(
            (said.status, said.body),
            (200, json!({"errcode": 404, "errmsg": "请求的URI地址不存在"}))
        );
    }
    assert_eq!(platform.get("/topapi/v2/user/get").await.body["errcode"], 43002);
    assert_eq!(platform.post("/user/get", &json!({})).await.body["errcode"], 43001);
    let token = platform.token().await;
    let unreadable = platform.request(Method::POST, &format!("/topapi/v2/user/get?access_token={token}"));
    let unreadable = said(unreadable.header("content-type", "application/json").body("{")).await;
    assert_eq!(unreadable.body["errcode"], 400_002);
}

#[tokio::test]
async fn a_ticket_is_prolonged_for_a_day_and_no_longer() {
    let platform = Platform::start().await;
    let first = platform.old("/get_jsapi_ticket").await;
    for _ in 0..23 {
        platform.advance_s(3600);
        let again = platform.old("/get_jsapi_ticket").await;
        assert_eq!(again["ticket"], first["ticket"]);
    }
    // The seconds that the test itself takes count too.
    let left = platform.old("/get_jsapi_ticket").await["expires_in"]
        .as_i64()
        .expect("seconds");
    assert!((3540..=3600).contains(&left), "{left}");
    platform.advance_s(3600);
    assert_ne!(platform.old("/get_jsapi_ticket").await["ticket"], first["ticket"]);
}

#[tokio::test]
async fn codes_tokens_and_tickets_belong_to_one_app() {
    let platform = Platform::start().await;
    let (first, second) = (
        platform.token().await,
        platform.token_of("dingsecond", "second-secret").await,
    );
    assert_ne!(first, second);
    let code = platform.auth_code("manager01").await;
    let path = "/topapi/v2/user/getuserinfo?access_token=";
    let foreign = platform.post(&format!("{path}{second}"), &json!({"code": code})).await;
    assert_eq!(foreign.body["errcode"], 40078);
    let own = platform.post(&format!("{path}{first}"), &json!({"code": code})).await;
    assert_eq!(own.body["result"]["userid"], "manager01");
    let again = platform.post(&format!("{path}{first}"), &json!({"code": code})).await;
    assert_eq!(again.body["errcode"], 40078);

    let ticket = |token: String| {
        let platform = &platform;
        async move {
            text(
                &platform
                    .get(&format!("/get_jsapi_ticket?access_token={token}"))
                    .await
                    .body["ticket"],
            )
        }
    };
    assert_ne!(ticket(first.clone()).await, ticket(second.clone()).await);
    platform
        .post("/_/tokens/invalidate", &json!({"appKey": "dingsecond"}))
        .await;
    assert_eq!(
        platform.get(&format!("/auth/scopes?access_token={second}")).await.body["errcode"],
        40014
    );
    assert_eq!(
        platform.get(&format!("/auth/scopes?access_token={first}")).await.body["errcode"],
        0
    );
}

#[tokio::test]
async fn an_auth_code_ends_after_five_minutes() {
    let platform = Platform::start().await;
    let (early, late) = (
        platform.auth_code("manager01").await,
        platform.auth_code("manager01").await,
    );
    platform.advance_s(298);
    let path = "/topapi/v2/user/getuserinfo";
    assert_eq!(platform.topapi(path, json!({"code": early})).await["errcode"], 0);
    platform.advance_s(2);
    assert_eq!(platform.topapi(path, json!({"code": late})).await["errcode"], 40078);
    assert_eq!(platform.topapi(path, json!({})).await["errcode"], 41026);
}

#[tokio::test]
async fn a_config_is_verified_with_the_ticket_of_its_own_app() {
    let platform = Platform::start().await;
    let signed = |agent_id: &str| {
        json!({"url": "https://page.example/", "nonceStr": "n", "timeStamp": 1, "signature": "00",
               "corpId": "dingdemo0001", "agentId": agent_id})
    };
    let verify = async |config: Value| text(&platform.post("/_/jsapi/verify", &config).await.body["errorMessage"]);
    assert!(
        verify(signed("77002")).await.contains("52011"),
        "no ticket was fetched yet"
    );
    let token = platform.token_of("dingsecond", "second-secret").await;
    let ticket = platform.get(&format!("/get_jsapi_ticket?access_token={token}")).await;
    let refused = verify(signed("77002")).await;
    assert!(
        refused.contains("Code:52013") && refused.contains(&text(&ticket.body["ticket"])),
        "{refused}"
    );
    assert!(
        verify(signed("77001")).await.contains("52011"),
        "the other app has none"
    );
    let mut other = signed("77002");
    other["corpId"] = json!("other");
    assert!(verify(other).await.contains("52010"));
}

#[tokio::test]
async fn the_clients_script_and_a_wrong_company_are_answered_as_the_client_does() {
    let platform = Platform::start().await;
    let script = platform.get("/_/dd.js").await;
    assert!(script.text.contains("window.dd") && script.text.contains("demo_employee"));
    let wrong = platform
        .post("/_/auth-codes", &json!({"userid": "manager01", "corpId": "other"}))
        .await;
    assert_eq!(
        (wrong.status, wrong.body),
        (400, json!({"errorCode": 3, "errorMessage": "1002,corpId不合法"}))
    );
    let picture = platform.get("/_/avatars/manager01.svg").await;
    assert!(picture.text.starts_with("<svg") && picture.text.contains("张三"));
}

#[tokio::test]
async fn a_stream_is_opened_in_xml_for_whoever_does_not_ask_for_json() {
    let platform = Platform::start().await;
    let asked = json!({
        "clientId": "dingdemoappkey", "clientSecret": "demo-app-secret",
        "subscriptions": [{"type": "EVENT", "topic": "*"}],
    });
    let open = async |accept: &str| {
        let request = platform.request(Method::POST, "/v1.0/gateway/connections/open");
        said(request.header("accept", accept).json(&asked)).await
    };
    let xml = open("*/*").await;
    assert!(xml.status == 200 && xml.text.starts_with('<'), "{xml:?}");
    assert!(open("application/json").await.body["ticket"].is_string());
}

//! The browser login: DingTalk's page, user tokens, and who they are of.

use reqwest::Method;
use serde_json::json;

use super::platform::{CALLBACK, Platform, parameter, picture, said, text};

#[tokio::test]
async fn codes_of_the_two_kinds_are_kept_apart() {
    let platform = Platform::start().await;
    let by_page = platform.oauth_code("manager01", "openid").await;
    let by_client = platform.auth_code("manager01").await;
    let path = "/topapi/v2/user/getuserinfo";
    assert_eq!(platform.topapi(path, json!({"code": by_page})).await["errcode"], 40078);
    let refused = platform.redeem(&by_client).await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (400, &json!("invalidParameter.authCode.notFound"))
    );
    assert_eq!(platform.redeem(&by_page).await.status, 200);
    assert_eq!(platform.redeem(&by_page).await.status, 400);
    assert_eq!(platform.topapi(path, json!({"code": by_client})).await["errcode"], 0);
}

#[tokio::test]
async fn a_refresh_token_rotates_and_the_old_one_dies_at_once() {
    let platform = Platform::start().await;
    let first = platform
        .redeem(&platform.oauth_code("manager01", "openid corpid").await)
        .await;
    assert_eq!(
        (&first.body["corpId"], &first.body["expireIn"]),
        (&json!("dingdemo0001"), &json!(7200))
    );
    let plain = platform.redeem(&platform.oauth_code("manager01", "openid").await).await;
    assert!(plain.body.get("corpId").is_none());
    let old = text(&first.body["refreshToken"]);
    let second = platform.refresh(&old).await;
    assert_eq!(second.body["corpId"], "dingdemo0001");
    assert_eq!(platform.refresh(&old).await.status, 400);
    platform.advance_s(2_592_000);
    assert_eq!(platform.refresh(&text(&second.body["refreshToken"])).await.status, 400);
    let wrong =
        json!({"clientId": "dingdemoappkey", "clientSecret": "x", "code": "y", "grantType": "authorization_code"});
    let wrong = platform.post("/v1.0/oauth2/userAccessToken", &wrong).await;
    assert_eq!(wrong.body["code"], "invalidClientIdOrSecret");
    let snake = json!({"client_id": "dingdemoappkey", "client_secret": "demo-app-secret"});
    let snake = platform.post("/v1.0/oauth2/userAccessToken", &snake).await;
    assert_eq!((snake.status, &snake.body["code"]), (400, &json!("MissingclientId")));
}

#[tokio::test]
async fn users_me_tells_the_person_of_a_user_token_and_no_userid() {
    let platform = Platform::start().await;
    let tokens = platform.redeem(&platform.oauth_code("manager01", "openid").await).await;
    let token = text(&tokens.body["accessToken"]);
    let me = platform.contact_user("me", &token).await;
    assert_eq!(
        me.body,
        json!({"nick": "张三", "unionId": "unionmanager01iE", "openId": "manager01open", "visitor": false,
               "avatarUrl": format!("{}/_/avatars/manager01.svg", platform.simulator.url()),
               "mobile": "13900000000", "stateCode": "86", "email": "manager01@mail.example"})
    );
    assert_eq!(platform.contact_user("unionmanager01iE", &token).await.body, me.body);
    let nobody = platform.contact_user("nobody", &token).await;
    assert_eq!(
        (nobody.status, &nobody.body["code"]),
        (404, &json!("invalidParameter.user.notFound"))
    );
    assert_eq!(platform.contact_user("me", &platform.token().await).await.status, 400);

    platform
        .post("/_/permissions", &json!({"Contact.User.mobile": false}))
        .await;
    assert!(platform.contact_user("me", &token).await.body.get("mobile").is_none());
    platform
        .post("/_/permissions", &json!({"Contact.User.Read": false}))
        .await;
    let refused = platform.contact_user("me", &token).await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (403, &json!("Forbidden.AccessDenied.AccessTokenPermissionDenied"))
    );
    assert_eq!(
        refused.body["accessdenieddetail"],
        json!({"requiredScopes": ["Contact.User.Read"]})
    );
}

#[tokio::test]
async fn an_outsider_is_a_person_but_no_member() {
    let platform = Platform::start().await;
    let page = platform.page(&[]).await;
    assert!(
        page.text.contains("outsider01"),
        "the page offers somebody of another company"
    );
    let back = platform.press(&page, &[("userid", "outsider01")]).await;
    let tokens = platform.redeem(&parameter(&back, "authCode").expect("a code")).await;
    let me = platform.contact_user("me", &text(&tokens.body["accessToken"])).await;
    let unionid = json!({"unionid": me.body["unionId"]});
    let path = "/topapi/user/getbyunionid";
    assert_eq!(platform.topapi(path, unionid).await["errcode"], 60121);
    let member = platform.topapi(path, json!({"unionid": "unionmanager01iE"})).await;
    assert_eq!(member["result"], json!({"contact_type": 0, "userid": "manager01"}));
}

#[tokio::test]
async fn the_sign_in_page_goes_back_with_code_and_auth_code() {
    let platform = Platform::start().await;
    let page = platform.page(&[]).await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains("<svg") && page.text.contains("manager01"),
        "{}",
        page.text
    );
    let back = platform.press(&page, &[("userid", "manager01")]).await;
    assert!(
        back.as_str().starts_with("https://sso.example/callback?a=1&code="),
        "{back}"
    );
    assert_eq!(parameter(&back, "code"), parameter(&back, "authCode"));
    assert_eq!(parameter(&back, "state").as_deref(), Some("s&1"));
    assert_eq!(
        platform.redeem(&parameter(&back, "code").expect("a code")).await.status,
        200
    );
    let twice = platform
        .request(Method::POST, "/oauth2/confirm")
        .form(&[("id", &*picture(&page)), ("userid", "user00001")]);
    assert_eq!(said(twice).await.status, 410);
}

#[tokio::test]
async fn a_refusal_on_the_page_goes_back_with_an_error() {
    let platform = Platform::start().await;
    let back = platform.press(&platform.page(&[]).await, &[]).await;
    assert_eq!(
        back.as_str(),
        "https://sso.example/callback?a=1&error=access_denied&state=s%261"
    );
}

#[tokio::test]
async fn a_phone_that_scans_the_picture_sends_the_browser_on() {
    let platform = Platform::start().await;
    let page = platform.page(&[]).await;
    let id = picture(&page);
    let waiting = platform.get(&format!("/oauth2/scan?id={id}")).await;
    assert_eq!(waiting.body, json!({"url": null}));
    let phone = platform
        .get(&format!("/oauth2/confirm?id={id}&device=phone&query=张三"))
        .await;
    assert!(
        phone.text.contains("manager01") && !phone.text.contains("user00002"),
        "{}",
        phone.text
    );
    let form = [("id", id.as_str()), ("userid", "manager01"), ("device", "phone")];
    let done = said(platform.request(Method::POST, "/oauth2/confirm").form(&form)).await;
    assert_eq!(done.status, 200);
    let url = platform.get(&format!("/oauth2/scan?id={id}")).await.body["url"].clone();
    assert!(text(&url).contains("authCode="), "{url}");
}

#[tokio::test]
async fn the_page_refuses_what_is_not_registered_or_not_said_right() {
    let platform = Platform::with(|options| {
        options.redirect_uris = vec![
            "https://sso.example/callback?a=1".to_owned(),
            "https://apps.example".to_owned(),
        ];
    })
    .await;
    for good in [CALLBACK, "https://apps.example/any/where?x=1"] {
        assert_eq!(platform.page(&[("redirect_uri", good)]).await.status, 200, "{good}");
    }
    for (name, value) in [
        ("redirect_uri", "https://sso.example/callback"),
        ("redirect_uri", "https://sso.example/callback?a=1&b=2"),
        ("redirect_uri", "http://apps.example/"),
        ("redirect_uri", "https://apps.example:444/"),
        ("redirect_uri", "https://apps.example.evil.example/"),
        ("redirect_uri", "https://apps.example@evil.example/"),
        ("redirect_uri", "javascript:alert(1)"),
        ("redirect_uri", "/callback"),
        ("client_id", "other"),
        ("response_type", "token"),
        ("scope", "openid,corpid"),
        ("scope", "corpid"),
        ("prompt", "none"),
    ] {
        let page = platform.page(&[(name, value)]).await;
        assert_eq!(page.status, 400, "{name}={value}");
        assert!(!page.text.contains("<form"), "{name}={value}");
    }
}

#[tokio::test]
async fn what_a_visitor_types_stays_text_on_the_page() {
    let platform = Platform::start().await;
    let id = picture(&platform.page(&[]).await);
    let page = platform
        .get(&format!("/oauth2/confirm?id={id}&query=%22%3E%3Cscript%3E{{{{id}}}}"))
        .await;
    assert!(page.text.contains("&quot;&gt;&lt;script&gt;{{id}}"), "{}", page.text);
}

//! The good way: discovery, sign-in, ID token, userinfo, and who is asked again.

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::json;
use url::Url;

use super::application::Application;
use super::browser::{Browser, SSO, parameter};
use super::jwt;
use crate::harness::Harness;

#[tokio::test]
async fn every_endpoint_of_the_discovery_document_answers() {
    let sso = Harness::start().await;
    let found = sso.get("/.well-known/openid-configuration", "").await.body;
    assert_eq!(found, sso.get("/.well-known/oauth-authorization-server", "").await.body);
    assert_eq!(found["issuer"], SSO);
    let mut endpoints = 0;
    for (name, value) in found.as_object().expect("members") {
        if name.ends_with("_endpoint") || name == "jwks_uri" {
            let path = value.as_str().and_then(|url| url.strip_prefix(SSO)).expect("a path");
            let answer = sso.send(sso.request(Method::GET, path)).await;
            assert!(![404, 500].contains(&answer.status), "{name}: {answer:?}");
            endpoints += 1;
        }
    }
    assert_eq!(endpoints, 7);
}

#[rstest::rstest]
#[case::outside(Browser::outside())]
#[case::inside_dingtalk(Browser::inside())]
#[tokio::test]
async fn an_application_learns_who_signed_in(#[case] mut browser: Browser) {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "grafana", &[]).await;
    let back = browser.sign_in(&sso, &app.authorize(&[]), "manager01").await;
    assert!(back.as_str().starts_with("https://grafana.example/cb?code="), "{back}");
    assert_eq!(parameter(&back, "state").as_deref(), Some("s 1&x=y"));
    assert_eq!(parameter(&back, "iss").as_deref(), Some(SSO));
    let tokens = app.redeem(&sso, &parameter(&back, "code").expect("a code")).await;
    assert_eq!(
        (tokens.status, tokens.header("cache-control"), tokens.header("pragma")),
        (200, "no-store", "no-cache")
    );
    assert_eq!(
        (tokens.text("token_type"), tokens.text("scope")),
        ("Bearer".to_owned(), "openid profile roles".to_owned())
    );
    assert!(matches!(tokens.body["expires_in"].as_i64(), Some(3590..=3600)));
    let (header, id) = jwt::read(&sso, &tokens.text("id_token"), "grafana").await;
    assert_eq!(
        (header.alg, header.typ.as_deref()),
        (jsonwebtoken::Algorithm::RS256, Some("JWT"))
    );
    assert_eq!(
        (&id["nonce"], &id["name"], &id["preferred_username"]),
        (&json!("n1"), &json!("张三"), &json!("manager01"))
    );
    assert!(id["auth_time"].as_i64() <= id["iat"].as_i64());
    let (header, access) = jwt::read(&sso, &tokens.text("access_token"), "grafana").await;
    assert_eq!(
        (header.alg, header.typ.as_deref()),
        (jsonwebtoken::Algorithm::ES256, Some("at+jwt"))
    );
    assert_eq!((&access["sub"], &access["sid"]), (&id["sub"], &id["sid"]));
    assert_eq!(access["client_id"], "grafana");
    let about = sso.get("/oauth2/userinfo", &tokens.text("access_token")).await;
    assert_eq!(
        (about.status, &about.body["sub"], &about.body["name"]),
        (200, &id["sub"], &id["name"])
    );
    assert_eq!(sso.me(&tokens.text("access_token")).await.text("userId"), "manager01");
}

#[rstest::rstest]
#[case("RS256", &SHA256)]
#[case("ES256", &SHA256)]
#[case("EdDSA", &SHA512)]
#[tokio::test]
async fn an_id_token_is_signed_as_its_application_registered(
    #[case] algorithm: &str,
    #[case] hash: &'static aws_lc_rs::digest::Algorithm,
) {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &["--id-token-alg", algorithm]).await;
    let tokens = app.tokens(&sso, &mut Browser::outside(), "manager01").await;
    let (header, claims) = jwt::read(&sso, &tokens.text("id_token"), "app").await;
    assert_eq!(format!("{:?}", header.alg), algorithm);
    let whole = digest(hash, tokens.text("access_token").as_bytes());
    let half = &whole.as_ref()[..whole.as_ref().len() / 2];
    assert_eq!(claims["at_hash"], URL_SAFE_NO_PAD.encode(half));
}

#[tokio::test]
async fn the_scope_decides_what_is_told() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let mut browser = Browser::outside();
    app.tokens(&sso, &mut browser, "manager01").await;
    let told = async |browser: &mut Browser, scope: &str| {
        let back = browser.get(&sso, &app.authorize(&[("scope", scope)])).await;
        let code = parameter(back.sent_to(), "code").expect("a code");
        let tokens = app.redeem(&sso, &code).await;
        let about = sso.get("/oauth2/userinfo", &tokens.text("access_token")).await;
        (tokens, about)
    };
    let (tokens, about) = told(&mut browser, "openid").await;
    assert_eq!(about.body.as_object().map(serde_json::Map::len), Some(1), "{about:?}");
    let (_, claims) = jwt::read(&sso, &tokens.text("id_token"), "app").await;
    assert!(claims.get("name").is_none() && claims.get("roles").is_none());
    let (_, about) = told(&mut browser, "openid roles").await;
    assert_eq!((&about.body["groups"], about.body.get("name")), (&json!([]), None));
    // A scope that the application did not register is not granted.
    let (tokens, _) = told(&mut browser, "openid directory:read").await;
    assert_eq!(tokens.text("scope"), "openid");
    let (tokens, about) = told(&mut browser, "profile").await;
    assert!(tokens.body.get("id_token").is_none());
    assert_eq!((about.status, about.code()), (403, 1115));
}

#[tokio::test]
async fn who_is_signed_in_is_not_asked_at_the_second_application() {
    let sso = Harness::start().await;
    let one = Application::added(&sso, "one", &[]).await;
    let other = Application::added(&sso, "other", &["--public"]).await;
    let mut browser = Browser::outside();
    let first = one.tokens(&sso, &mut browser, "manager01").await;
    let second = other.tokens(&sso, &mut browser, "nobody who could sign in").await;
    let of = |token: &str| jwt::parts(token).1;
    let (first, second) = (of(&first.text("id_token")), of(&second.text("id_token")));
    assert_eq!(
        (&first["sub"], &first["auth_time"]),
        (&second["sub"], &second["auth_time"])
    );
    assert_ne!(first["sid"], second["sid"]);
}

fn error(back: &Url) -> String {
    assert_eq!(parameter(back, "iss").as_deref(), Some(SSO), "{back}");
    assert_eq!(parameter(back, "state").as_deref(), Some("s 1&x=y"), "{back}");
    parameter(back, "error").unwrap_or_default()
}

#[tokio::test]
async fn prompt_and_max_age_decide_who_is_asked_again() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let mut browser = Browser::outside();
    let silent = app.authorize(&[("prompt", "none")]);
    let nobody = browser.get(&sso, &silent).await;
    assert_eq!(error(nobody.sent_to()), "login_required");
    app.tokens(&sso, &mut browser, "manager01").await;
    let known = browser.get(&sso, &silent).await;
    assert!(parameter(known.sent_to(), "code").is_some());
    sso.advance_s(100);
    let recent = app.authorize(&[("max_age", "200")]);
    assert!(parameter(browser.get(&sso, &recent).await.sent_to(), "code").is_some());
    let too_old = browser
        .get(&sso, &app.authorize(&[("max_age", "99"), ("prompt", "none")]))
        .await;
    assert_eq!(error(too_old.sent_to()), "login_required");
    for again in [("prompt", "login"), ("max_age", "99"), ("max_age", "0")] {
        let mut other = browser.clone();
        let back = other.sign_in(&sso, &app.authorize(&[again]), "manager01").await;
        let tokens = app.redeem(&sso, &parameter(&back, "code").expect("a code")).await;
        let claims = jwt::parts(&tokens.text("id_token")).1;
        assert!(claims["iat"].as_i64().expect("iat") - claims["auth_time"].as_i64().expect("auth_time") < 50);
        browser = other;
        sso.advance_s(100);
    }
    for wrong in [
        ("prompt", "none login"),
        ("prompt", "maybe"),
        ("max_age", "-1"),
        ("response_mode", "fragment"),
    ] {
        let page = browser.get(&sso, &app.authorize(&[wrong])).await;
        assert_eq!(error(page.sent_to()), "invalid_request", "{wrong:?}");
    }
    let implicit = browser.get(&sso, &app.authorize(&[("response_type", "token")])).await;
    assert_eq!(error(implicit.sent_to()), "unsupported_response_type");
    let object = browser.get(&sso, &app.authorize(&[("request", "a.b.c")])).await;
    assert_eq!(error(object.sent_to()), "request_not_supported");
}

#[tokio::test]
async fn an_application_that_expects_somebody_gets_nobody_else() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let mut browser = Browser::outside();
    let own = app.tokens(&sso, &mut browser, "manager01").await.text("id_token");
    let others = app
        .tokens(&sso, &mut Browser::outside(), "user00001")
        .await
        .text("id_token");
    let asked = |prompt: &'static str, hint: &str| app.authorize(&[("prompt", prompt), ("id_token_hint", hint)]);
    let known = browser.get(&sso, &asked("none", &own)).await;
    assert!(parameter(known.sent_to(), "code").is_some());
    let silent = browser.get(&sso, &asked("none", &others)).await;
    assert_eq!(error(silent.sent_to()), "login_required");
    let garbage = browser.get(&sso, &asked("none", "x")).await;
    assert_eq!(error(garbage.sent_to()), "invalid_request");
    // Asked to sign in, the same person comes back, and then the right one.
    let again = app.authorize(&[("id_token_hint", &*others)]);
    let back = browser.clone().sign_in(&sso, &again, "manager01").await;
    assert_eq!(error(&back), "login_required");
    let back = browser.sign_in(&sso, &again, "user00001").await;
    let tokens = app.redeem(&sso, &parameter(&back, "code").expect("a code")).await;
    assert_eq!(jwt::parts(&tokens.text("access_token")).1["userid"], "user00001");
}

#[tokio::test]
async fn a_hint_of_somebody_else_changes_nothing() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let mut browser = Browser::outside();
    let path = app.authorize(&[("login_hint", "user00001")]);
    let back = browser.sign_in(&sso, &path, "manager01").await;
    let again = browser.get(&sso, &path).await;
    for url in [&back, again.sent_to()] {
        let tokens = app.redeem(&sso, &parameter(url, "code").expect("a code")).await;
        assert_eq!(jwt::parts(&tokens.text("access_token")).1["userid"], "manager01");
    }
}

#[tokio::test]
async fn an_outsider_is_refused_by_the_application_that_sent_them() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let mut browser = Browser::outside();
    let back = browser.sign_in(&sso, &app.authorize(&[]), "outsider01").await;
    assert_eq!(error(&back), "access_denied");
    let refused = browser.asked_to_sign_in(&sso, &app.authorize(&[])).await;
    let page = browser
        .get(&sso, &format!("/oauth2/callback?state={refused}&error=access_denied"))
        .await;
    assert_eq!(error(page.sent_to()), "access_denied");
}

#[tokio::test]
async fn an_application_that_acts_for_itself_is_nobody() {
    let sso = Harness::start().await;
    let app = Application::acting_for_itself(&sso, "robot", "directory:read").await;
    let tokens = app.token(&sso, &[("grant_type", "client_credentials")]).await;
    assert_eq!(
        (tokens.status, tokens.text("scope")),
        (200, "directory:read".to_owned())
    );
    assert!(tokens.body.get("refresh_token").is_none() && tokens.body.get("id_token").is_none());
    let token = tokens.text("access_token");
    let (_, claims) = jwt::read(&sso, &token, "robot").await;
    assert_eq!((&claims["sub"], claims.get("userid")), (&json!("robot"), None));
    assert!(app.is_active(&sso, &token).await);
    assert_eq!(sso.me(&token).await.code(), 1114);
    assert_eq!(sso.get("/auth/verify", &token).await.code(), 1114);
    assert_eq!(sso.get("/oauth2/userinfo", &token).await.code(), 1115);
    let more = [("grant_type", "client_credentials"), ("scope", "openid")];
    assert_eq!(app.token(&sso, &more).await.text("error"), "invalid_scope");
    assert_eq!(app.redeem(&sso, "code").await.text("error"), "unauthorized_client");
}

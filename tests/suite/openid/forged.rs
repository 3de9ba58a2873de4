//! Tokens that somebody forged, altered, or presents where they do not belong.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use proptest::prelude::*;
use reqwest::Method;
use serde_json::{Value, json};

use super::application::Application;
use super::browser::Browser;
use super::jwt::{self, ForeignKey, parts, written};
use super::random;
use crate::harness::Harness;

/// No door opens for a token.
async fn is_refused_everywhere(sso: &Harness, app: &Application, what: &str, token: &str) {
    for path in ["/v1/me", "/auth/verify", "/oauth2/userinfo"] {
        let answer = sso.get(path, token).await;
        assert_eq!(
            (answer.status, answer.code()),
            (401, 1114),
            "{what} at {path}: {answer:?}"
        );
        assert!(
            answer.header("www-authenticate").starts_with("Bearer"),
            "{what} at {path}"
        );
    }
    let answer = app.introspect(sso, token).await;
    assert_eq!((answer.status, answer.body), (200, json!({"active": false})), "{what}");
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

#[tokio::test]
async fn no_forged_token_opens_a_door() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let good = app
        .tokens(&sso, &mut Browser::outside(), "manager01")
        .await
        .text("access_token");
    let (header, claims) = parts(&good);
    let foreign = ForeignKey::new();
    let set = sso.get("/oauth2/jwks", "").await.body;
    let es256 = set["keys"]
        .as_array()
        .and_then(|keys| keys.iter().find(|key| key["kid"] == header["kid"]))
        .expect("the key");
    for none in ["none", "None", "NONE", ""] {
        let unsigned = written(&with(header.clone(), "alg", json!(none)), &claims, &[]);
        is_refused_everywhere(&sso, &app, "alg none", &unsigned).await;
    }
    is_refused_everywhere(&sso, &app, "no signature", &written(&header, &claims, &[])).await;
    is_refused_everywhere(
        &sso,
        &app,
        "an empty signature of 64 zeroes",
        &written(&header, &claims, &[0; 64]),
    )
    .await;
    for secret in [
        es256.to_string(),
        es256["x"].to_string(),
        es256["x"].as_str().unwrap_or_default().to_owned(),
    ] {
        let mut hs256 = Header::new(Algorithm::HS256);
        (hs256.typ, hs256.kid) = (Some("at+jwt".to_owned()), header["kid"].as_str().map(str::to_owned));
        let key = EncodingKey::from_secret(secret.as_bytes());
        let confused = jsonwebtoken::encode(&hs256, &claims, &key).expect("a token");
        is_refused_everywhere(&sso, &app, "HS256 by the public key", &confused).await;
    }
    is_refused_everywhere(
        &sso,
        &app,
        "a foreign key under our kid",
        &foreign.sign(&header, &claims),
    )
    .await;
    for (what, forged) in [
        ("a foreign kid", with(header.clone(), "kid", json!("mine"))),
        (
            "a kid that is a path",
            with(header.clone(), "kid", json!("../../dev/null")),
        ),
        ("jku", with(header.clone(), "jku", json!("https://evil.example/jwks"))),
        ("x5u", with(header.clone(), "x5u", json!("https://evil.example/cert"))),
        ("jwk", with(header.clone(), "jwk", foreign.jwk.clone())),
        (
            "jwk alone",
            with(json!({"alg": "ES256", "typ": "at+jwt"}), "jwk", foreign.jwk.clone()),
        ),
        ("RS256 under an ES256 key", with(header.clone(), "alg", json!("RS256"))),
    ] {
        is_refused_everywhere(&sso, &app, what, &foreign.sign(&forged, &claims)).await;
    }
    let altered = written(&header, &with(claims.clone(), "sub", json!("1")), &[]);
    let signature = good.rsplit('.').next().unwrap_or_default();
    is_refused_everywhere(&sso, &app, "altered claims", &format!("{altered}{signature}")).await;
    for (what, token) in [
        ("nothing", String::new()),
        ("dots", "..".to_owned()),
        ("four parts", format!("{good}.x")),
        ("a very long one", format!("{good}{}", "A".repeat(9000))),
    ] {
        let answer = sso.send(
            sso.request(Method::GET, "/v1/me")
                .header("authorization", format!("Bearer {token}")),
        );
        assert_eq!(answer.await.code(), 1114, "{what}");
    }
    assert!(app.is_active(&sso, &good).await);
}

#[tokio::test]
async fn what_the_key_itself_has_signed_is_still_looked_at() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let good = app
        .tokens(&sso, &mut Browser::outside(), "manager01")
        .await
        .text("access_token");
    let (header, claims) = parts(&good);
    let (kid, key) = jwt::own_key(&sso).await;
    assert_eq!(header["kid"], kid);
    let again = key.sign(
        &header,
        &with(claims.clone(), "jti", json!("00000000-0000-4000-8000-000000000000")),
    );
    assert!(app.is_active(&sso, &again).await, "the key is ours");
    let now = claims["iat"].as_i64().expect("iat");
    for (what, claims) in [
        ("expired", with(claims.clone(), "exp", json!(now - 1))),
        ("not yet valid", with(claims.clone(), "nbf", json!(now + 600))),
        (
            "another issuer",
            with(claims.clone(), "iss", json!("https://evil.example")),
        ),
        (
            "the issuer with a slash",
            with(claims.clone(), "iss", json!("https://sso.example/")),
        ),
        ("no end", with(claims.clone(), "exp", Value::Null)),
    ] {
        is_refused_everywhere(&sso, &app, what, &key.sign(&header, &claims)).await;
    }
    for kind in ["JWT", "logout+jwt", "application/at+jwt", "AT+JWT", ""] {
        let other = key.sign(&with(header.clone(), "typ", json!(kind)), &claims);
        is_refused_everywhere(&sso, &app, kind, &other).await;
    }
    sso.advance_s(3601);
    is_refused_everywhere(&sso, &app, "our own after an hour", &good).await;
}

#[tokio::test]
async fn a_token_of_one_kind_is_none_of_another() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &["--id-token-alg", "ES256"]).await;
    let mut browser = Browser::outside();
    let tokens = app.tokens(&sso, &mut browser, "manager01").await;
    is_refused_everywhere(&sso, &app, "an ID token", &tokens.text("id_token")).await;
    let cookie = browser.cookies[super::browser::SESSION].clone();
    is_refused_everywhere(&sso, &app, "a browser's cookie", &cookie).await;
    let answer = sso.get("/v1/me", &tokens.text("refresh_token")).await;
    assert_eq!(answer.code(), 1114);
    assert_eq!(app.refresh(&sso, &cookie).await.text("error"), "invalid_grant");
    let mut thief = Browser::outside();
    thief
        .cookies
        .insert(super::browser::SESSION.to_owned(), tokens.text("refresh_token"));
    let page = thief.get(&sso, &app.authorize(&[("prompt", "none")])).await;
    assert_eq!(
        super::browser::parameter(page.sent_to(), "error").as_deref(),
        Some("login_required")
    );
    for hint in [
        tokens.text("access_token"),
        tokens.text("refresh_token"),
        "x".to_owned(),
    ] {
        let page = browser.get(&sso, &format!("/oauth2/logout?id_token_hint={hint}")).await;
        assert_eq!((page.status, page.code()), (400, 1101));
    }
    let signed_by_another =
        ForeignKey::new().sign(&parts(&tokens.text("id_token")).0, &parts(&tokens.text("id_token")).1);
    let page = browser
        .get(&sso, &format!("/oauth2/logout?id_token_hint={signed_by_another}"))
        .await;
    assert_eq!((page.status, page.code()), (400, 1101));
    assert!(app.is_active(&sso, &tokens.text("access_token")).await);
}

#[test]
fn whatever_stands_for_a_header_or_a_token_is_refused_with_an_answer() {
    let runtime = random::runtime();
    let sso = runtime.block_on(Harness::start());
    let token = runtime.block_on(sso.log_in("manager01")).text("token");
    let claims = token.split('.').nth(1).expect("claims").to_owned();
    let signature = token.split('.').nth(2).expect("a signature").to_owned();
    let asked = |token: String| {
        runtime.block_on(async {
            let request = sso
                .request(Method::GET, "/v1/me")
                .header("authorization", format!("Bearer {token}"));
            sso.send(request).await.code()
        })
    };
    let member = "(alg|typ|kid|jku|jwk|crit|b64|x5c|zip)";
    let value = "(\"(ES256|none|HS256|at\\+jwt|[a-z.]{0,8})\"|[0-9]{1,3}|null|true|\\[\\]|\\{\\})";
    let header = proptest::collection::vec((member, value), 0..6).prop_map(|members| {
        let members: Vec<String> = members
            .iter()
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        format!("{{{}}}", members.join(","))
    });
    let tokens = (header, "[A-Za-z0-9_.=-]{0,60}");
    let outcome = random::runner().run(&tokens, |(header, text)| {
        use base64::Engine as _;
        let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(header);
        prop_assert_eq!(asked(format!("{header}.{claims}.{signature}")), 1114);
        prop_assert_eq!(asked(text), 1114);
        Ok(())
    });
    outcome.expect("every token is refused");
}

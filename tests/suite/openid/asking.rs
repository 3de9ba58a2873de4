//! Who may ask the endpoints of applications, and how: credentials, introspection, revocation.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::json;

use super::application::Application;
use super::browser::Browser;
use crate::harness::Harness;

#[tokio::test]
async fn introspection_tells_an_application_that_proved_who_it_is() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let public = Application::added(&sso, "spa", &["--public"]).await;
    let api = Application::acting_for_itself(&sso, "api", "x").await;
    let token = app
        .tokens(&sso, &mut Browser::outside(), "manager01")
        .await
        .text("access_token");
    let told = api.introspect(&sso, &token).await;
    assert_eq!((told.status, told.header("cache-control")), (200, "no-store"));
    for (name, value) in [
        ("active", json!(true)),
        ("client_id", json!("app")),
        ("username", json!("manager01")),
        ("token_type", json!("Bearer")),
        ("iss", json!("https://sso.example")),
    ] {
        assert_eq!(told.body[name], value, "{name}");
    }
    let micro_app = sso.log_in("manager01").await.text("token");
    assert_eq!(api.introspect(&sso, &micro_app).await.body["aud"], "default");
    for unknown in ["x", "rt_x", "a.b.c", token.split_at(token.len() - 2).0] {
        assert_eq!(api.introspect(&sso, unknown).await.body, json!({"active": false}));
    }
    let refused = public.introspect(&sso, &token).await;
    assert_eq!(
        (refused.status, refused.text("error")),
        (401, "invalid_client".to_owned())
    );
    for form in [
        vec![("token", &*token)],
        vec![("token", &*token), ("client_id", "app")],
        vec![("token", &*token), ("client_id", "app"), ("client_secret", "")],
        vec![("token", &*token), ("client_id", "app"), ("client_secret", "wrong")],
        vec![("token", &*token), ("client_id", "nobody"), ("client_secret", "wrong")],
    ] {
        let answer = sso
            .send(sso.request(Method::POST, "/oauth2/introspect").form(&form))
            .await;
        assert_eq!(
            (answer.status, answer.text("error")),
            (401, "invalid_client".to_owned()),
            "{form:?}"
        );
        assert!(answer.header("www-authenticate").starts_with("Basic"));
    }
    let by_token = sso.request(Method::POST, "/oauth2/introspect").bearer_auth(&token);
    assert_eq!(sso.send(by_token.form(&[("token", &token)])).await.status, 401);
}

#[tokio::test]
async fn a_client_proves_who_it_is_in_one_way_and_once() {
    let sso = Harness::start().await;
    let app = Application::acting_for_itself(&sso, "app", "x").await;
    let secret = app.secret.clone().expect("a secret");
    let token = || sso.request(Method::POST, "/oauth2/token");
    let grant = ("grant_type", "client_credentials");
    let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
    let in_form = [grant, ("client_id", "app"), ("client_secret", &secret)];
    assert_eq!(sso.send(token().form(&in_form)).await.status, 200);
    assert_eq!(
        sso.send(token().basic_auth("app", Some(&secret)).form(&[grant]))
            .await
            .status,
        200
    );
    let both = sso.send(token().basic_auth("app", Some(&secret)).form(&in_form)).await;
    assert_eq!((both.status, both.text("error")), (400, "invalid_request".to_owned()));
    let another = [grant, ("client_id", "other")];
    let answer = sso.send(token().basic_auth("app", Some(&secret)).form(&another)).await;
    assert_eq!(answer.text("error"), "invalid_request");
    for header in [
        basic("app"),
        basic("app:"),
        basic(":"),
        basic(&format!("APP:{secret}")),
        basic(&format!("app:{secret} ")),
        basic(&format!("app:{}", secret.split_at(secret.len() - 1).0)),
        format!("Basic {secret}"),
        "Basic".to_owned(),
        "Basic ====".to_owned(),
        "Negotiate x".to_owned(),
        basic(&format!("app:{}", "x".repeat(5000))),
    ] {
        let answer = sso.send(token().header("authorization", &header).form(&[grant])).await;
        assert_eq!(
            (answer.status, answer.text("error")),
            (401, "invalid_client".to_owned()),
            "{header}"
        );
    }
}

#[tokio::test]
async fn a_request_that_could_be_read_in_two_ways_is_refused() {
    let sso = Harness::start().await;
    let app = Application::acting_for_itself(&sso, "app", "x").await;
    let secret = app.secret.clone().expect("a secret");
    let long = "y".repeat(20_000);
    for (what, body, kind) in [
        (
            "a parameter twice",
            "grant_type=client_credentials&grant_type=client_credentials",
            "form",
        ),
        (
            "under another spelling",
            "grant_type=client_credentials&grant%5ftype=refresh_token",
            "form",
        ),
        ("no grant", "scope=x", "form"),
        ("an empty grant", "grant_type=", "form"),
        ("JSON", "{\"grant_type\":\"client_credentials\"}", "json"),
        ("too much", &*format!("grant_type=client_credentials&x={long}"), "form"),
        (
            "too many",
            &*format!("grant_type=client_credentials{}", "&a=".repeat(100)),
            "form",
        ),
    ] {
        let kind = if kind == "form" {
            "application/x-www-form-urlencoded"
        } else {
            "application/json"
        };
        let request = sso
            .request(Method::POST, "/oauth2/token")
            .basic_auth("app", Some(&secret));
        let answer = sso
            .send(request.header("content-type", kind).body(body.to_owned()))
            .await;
        assert_eq!(
            (answer.status, answer.text("error")),
            (400, "invalid_request".to_owned()),
            "{what}"
        );
    }
    let huge = sso
        .request(Method::POST, "/oauth2/token")
        .form(&[("x", "y".repeat(200_000))]);
    let answer = sso.send(huge).await;
    assert!(
        (400..=413).contains(&answer.status) && answer.code() == 1101,
        "{answer:?}"
    );
    let in_query = sso.request(Method::POST, "/oauth2/token?grant_type=client_credentials");
    let answer = sso
        .send(in_query.basic_auth("app", Some(&secret)).form(&[("x", "y")]))
        .await;
    assert_eq!(answer.text("error"), "invalid_request");
    let unknown = app.token(&sso, &[("grant_type", "password")]).await;
    assert_eq!(
        (unknown.status, unknown.text("error")),
        (400, "unsupported_grant_type".to_owned())
    );
    let by_get = sso
        .send(sso.request(Method::GET, "/oauth2/token?grant_type=client_credentials"))
        .await;
    assert_eq!(by_get.status, 405);
}

#[tokio::test]
async fn an_application_revokes_its_own_tokens_and_no_others() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let other = Application::added(&sso, "other", &[]).await;
    let mut browser = Browser::outside();
    for by in ["access_token", "refresh_token"] {
        let tokens = app.tokens(&sso, &mut browser, "manager01").await;
        let own = tokens.text(by);
        assert_eq!(
            other.revoke(&sso, &own).await.status,
            200,
            "it is not told whether there was one"
        );
        assert!(app.is_active(&sso, &tokens.text("access_token")).await);
        assert_eq!(app.revoke(&sso, &own).await.status, 200);
        assert!(!app.is_active(&sso, &tokens.text("access_token")).await);
        assert_eq!(
            app.refresh(&sso, &tokens.text("refresh_token")).await.text("error"),
            "invalid_grant"
        );
        assert_eq!(app.revoke(&sso, &own).await.status, 200, "again");
    }
    for nothing in ["x", "rt_x", "a.b.c"] {
        assert_eq!(app.revoke(&sso, nothing).await.status, 200);
    }
    let anonymous = sso.request(Method::POST, "/oauth2/revoke").form(&[("token", "x")]);
    assert_eq!(sso.send(anonymous).await.status, 401);
    assert_eq!(app.revoke(&sso, "").await.text("error"), "invalid_request");
    let micro_app = sso.log_in("manager01").await.text("token");
    app.revoke(&sso, &micro_app).await;
    assert_eq!(sso.me(&micro_app).await.status, 200);
}

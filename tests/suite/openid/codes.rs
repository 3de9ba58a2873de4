//! Authorization codes in the wrong hands, without their proof, late, or twice.

use futures_util::future::join_all;

use super::application::{Application, CHALLENGE, VERIFIER};
use super::browser::{Browser, parameter};
use crate::harness::Harness;

async fn refusal(sso: &Harness, app: &Application, other: &[(&str, &str)]) -> String {
    let page = Browser::outside().get(sso, &app.authorize(other)).await;
    parameter(page.sent_to(), "error").unwrap_or_else(|| panic!("{other:?}: {page:?}"))
}

#[tokio::test]
async fn a_public_application_needs_a_challenge_by_sha_256() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "spa", &["--public"]).await;
    for wrong in [
        &[("code_challenge", ""), ("code_challenge_method", "")][..],
        &[("code_challenge", "")],
        &[("code_challenge_method", "")],
        &[("code_challenge_method", "plain")],
        &[("code_challenge_method", "s256")],
        &[("code_challenge", VERIFIER), ("code_challenge_method", "plain")],
        &[("code_challenge", "too short")],
        &[("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM")],
    ] {
        assert_eq!(refusal(&sso, &app, wrong).await, "invalid_request", "{wrong:?}");
    }
}

#[tokio::test]
async fn a_code_is_worth_nothing_without_its_verifier() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "spa", &["--public"]).await;
    let code = app.code(&sso, &mut Browser::outside(), "manager01").await;
    let other = format!("{VERIFIER}x");
    for wrong in ["", &other, CHALLENGE, "short"] {
        let answer = app.token(&sso, &app.redemption(&code, wrong)).await;
        assert_eq!(
            (answer.status, answer.text("error")),
            (400, "invalid_grant".to_owned()),
            "{wrong}"
        );
    }
    assert_eq!(
        app.redeem(&sso, &code).await.status,
        200,
        "a wrong verifier spends no code"
    );
}

#[tokio::test]
async fn a_challenge_that_somebody_took_away_is_noticed() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "web", &[]).await;
    let mut browser = Browser::outside();
    let without = app.authorize(&[("code_challenge", ""), ("code_challenge_method", "")]);
    let back = browser.sign_in(&sso, &without, "manager01").await;
    let code = parameter(&back, "code").expect("a code");
    assert_eq!(app.redeem(&sso, &code).await.text("error"), "invalid_grant");
    let plainly = app.token(&sso, &app.redemption(&code, "")).await;
    assert_eq!(plainly.status, 200, "an application with a secret may go without");
}

#[tokio::test]
async fn a_code_goes_with_its_redirect_uri_and_its_application() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let mut thief = Application::added(&sso, "thief", &[]).await;
    let code = app.code(&sso, &mut Browser::outside(), "manager01").await;
    let mut elsewhere = app.clone();
    elsewhere.redirect_uri.push('/');
    assert_eq!(elsewhere.redeem(&sso, &code).await.text("error"), "invalid_grant");
    thief.redirect_uri.clone_from(&app.redirect_uri);
    assert_eq!(thief.redeem(&sso, &code).await.text("error"), "invalid_grant");
    let tokens = app.redeem(&sso, &code).await;
    assert_eq!(tokens.status, 200, "another's attempt spends no code");
    assert_eq!(thief.redeem(&sso, &code).await.text("error"), "invalid_grant");
    assert!(
        app.is_active(&sso, &tokens.text("access_token")).await,
        "nor does it end what came of it"
    );
}

#[tokio::test]
async fn a_code_is_good_for_a_minute() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let mut browser = Browser::outside();
    let code = app.code(&sso, &mut browser, "manager01").await;
    sso.advance_s(61);
    assert_eq!(app.redeem(&sso, &code).await.text("error"), "invalid_grant");
    let code = app.code(&sso, &mut browser, "manager01").await;
    sso.advance_s(58);
    assert_eq!(app.redeem(&sso, &code).await.status, 200);
}

#[tokio::test]
async fn a_code_that_comes_twice_ends_what_came_of_it() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let mut browser = Browser::outside();
    let code = app.code(&sso, &mut browser, "manager01").await;
    let tokens = app.redeem(&sso, &code).await;
    let bystander = app.tokens(&sso, &mut browser, "manager01").await;
    assert!(app.is_active(&sso, &tokens.text("access_token")).await);
    // Also long afterwards, and with whatever comes along.
    sso.advance_s(90);
    let replayed = app
        .token(&sso, &app.redemption(&code, "stolen without a verifier"))
        .await;
    assert_eq!(
        (replayed.status, replayed.text("error")),
        (400, "invalid_grant".to_owned())
    );
    assert!(!app.is_active(&sso, &tokens.text("access_token")).await);
    assert_eq!(
        app.refresh(&sso, &tokens.text("refresh_token")).await.text("error"),
        "invalid_grant"
    );
    assert!(
        app.is_active(&sso, &bystander.text("access_token")).await,
        "and nothing else"
    );
}

#[tokio::test]
async fn a_replay_is_noticed_also_when_the_browser_has_signed_in_anew() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let mut browser = Browser::outside();
    let code = app.code(&sso, &mut browser, "manager01").await;
    let tokens = app.redeem(&sso, &code).await;
    browser
        .sign_in(&sso, &app.authorize(&[("prompt", "login")]), "manager01")
        .await;
    assert!(
        app.is_active(&sso, &tokens.text("access_token")).await,
        "the same person's sessions go on"
    );
    assert_eq!(app.redeem(&sso, &code).await.text("error"), "invalid_grant");
    assert!(!app.is_active(&sso, &tokens.text("access_token")).await);
}

#[tokio::test]
async fn of_a_hundred_redemptions_at_once_one_succeeds_and_the_others_end_it() {
    let sso = Harness::start().await;
    let other = sso.second_instance().await;
    let app = Application::added(&sso, "app", &[]).await;
    let code = app.code(&sso, &mut Browser::outside(), "manager01").await;
    let answers = join_all((0..100).map(|number| app.redeem(if number % 2 == 0 { &sso } else { &other }, &code))).await;
    let (good, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(good.len(), 1, "{good:?}");
    for answer in refused {
        assert_eq!(
            (answer.status, answer.text("error")),
            (400, "invalid_grant".to_owned()),
            "{answer:?}"
        );
    }
    // RFC 6749 section 4.1.2: a code that came twice is worth nothing to anybody.
    for instance in [&sso, &other] {
        assert_eq!(
            app.refresh(instance, &good[0].text("refresh_token"))
                .await
                .text("error"),
            "invalid_grant"
        );
    }
    assert_eq!(
        sso.store().await.count("sessions").await,
        2,
        "the browser's, and the one"
    );
}

#[tokio::test]
async fn who_signs_out_before_the_code_is_redeemed_gives_nothing_away() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let mut browser = Browser::outside();
    let code = app.code(&sso, &mut browser, "manager01").await;
    let page = browser.post_form(&sso, "/oauth2/logout", &[("confirmed", "1")]).await;
    assert_eq!(page.status, 200);
    assert_eq!(app.redeem(&sso, &code).await.text("error"), "invalid_grant");
    assert_eq!(sso.store().await.count("sessions").await, 1);
}

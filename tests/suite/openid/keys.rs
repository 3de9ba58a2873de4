//! Keys follow one another: published first, signing later, kept until their tokens have ended, everywhere alike.

use std::time::{Duration, Instant};

use super::application::Application;
use super::browser::Browser;
use super::jwt;
use crate::harness::Harness;

async fn kids(sso: &Harness) -> Vec<String> {
    let set = sso.get("/oauth2/jwks", "").await.body;
    let keys = set["keys"].as_array().expect("keys");
    keys.iter()
        .map(|key| key["kid"].as_str().expect("a kid").to_owned())
        .collect()
}

/// Waits until an instance has looked after its keys; it does so twice a minute of its clock.
pub(super) async fn kids_are(sso: &Harness, expected: usize) -> Vec<String> {
    let began = Instant::now();
    loop {
        let kids = kids(sso).await;
        if kids.len() == expected {
            return kids;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{kids:?}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

async fn signed_with(sso: &Harness) -> (String, String) {
    let token = sso.log_in("manager01").await.text("token");
    let kid = jwt::parts(&token).0["kid"].as_str().expect("a kid").to_owned();
    (token, kid)
}

#[tokio::test]
async fn the_next_key_is_published_then_signs_and_the_last_one_stays_for_its_tokens() {
    let sso = Harness::start().await;
    let other = sso.second_instance().await;
    let (old_token, old) = signed_with(&sso).await;
    // ES256 for access tokens, RS256 for ID tokens.
    assert_eq!(kids_are(&sso, 2).await, kids_are(&other, 2).await);
    sso.command(&["key", "rotate", "--algorithm", "ES256"]).await;
    sso.advance_s(30);
    let published = kids_are(&sso, 3).await;
    assert_eq!(published, kids_are(&other, 3).await, "both show the next one");
    assert_eq!(signed_with(&sso).await.1, old, "and neither signs with it");
    assert_eq!(signed_with(&other).await.1, old);
    sso.advance_s(10 * 60);
    let (token, new) = signed_with(&sso).await;
    assert!(new != old && published.contains(&new));
    assert_eq!(signed_with(&other).await.1, new);
    for instance in [&sso, &other] {
        assert_eq!(instance.me(&token).await.status, 200);
        assert_eq!(instance.me(&old_token).await.status, 200, "the old token is still good");
    }
    // Eighty minutes after the new one began, no token of the old one can live.
    sso.advance_s(80 * 60);
    let left = kids_are(&sso, 2).await;
    assert!(left.contains(&new) && !left.contains(&old));
}

#[tokio::test]
async fn an_id_token_is_verified_by_the_published_keys_before_and_after_a_rotation() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let mut browser = Browser::outside();
    let before = app.tokens(&sso, &mut browser, "manager01").await.text("id_token");
    sso.command(&["key", "rotate"]).await;
    sso.advance_s(11 * 60);
    kids_are(&sso, 4).await;
    let after = app.tokens(&sso, &mut browser, "manager01").await.text("id_token");
    let (first, _) = jwt::read(&sso, &before, "app").await;
    let kid = jwt::parts(&after).0["kid"].clone();
    assert_ne!(first.kid.as_deref(), kid.as_str());
    assert!(kids(&sso).await.iter().any(|published| kid == published.as_str()));
}

#[tokio::test]
async fn with_a_schedule_keys_follow_one_another_by_themselves_and_once() {
    let sso = Harness::with(&[("TOKENS__ROTATE_EVERY_DAYS", "1")]).await;
    let other = sso.second_instance().await;
    let (_, first) = signed_with(&sso).await;
    kids_are(&sso, 2).await;
    sso.advance_s(86_400);
    // One more of each algorithm, though two instances look after them.
    let published = kids_are(&sso, 4).await;
    assert_eq!(kids_are(&other, 4).await, published);
    assert_eq!(signed_with(&sso).await.1, first);
    sso.advance_s(11 * 60);
    assert_ne!(signed_with(&other).await.1, first);
    assert_eq!(sso.store().await.count("signing_keys").await, 4);
}

#[tokio::test]
async fn a_second_rotation_waits_for_the_first() {
    let sso = Harness::start().await;
    kids_are(&sso, 2).await;
    sso.command(&["key", "rotate", "--algorithm", "ES256"]).await;
    let again = sso.output(&["key", "rotate", "--algorithm", "ES256"]).await;
    assert_eq!(again.exit, Some(1));
    assert!(again.stderr.contains("published already"), "{}", again.stderr);
    // What of all can be rotated is, and the rest is named.
    let all = sso.output(&["key", "rotate"]).await;
    assert_eq!(all.exit, Some(1));
    assert!(
        all.stdout.starts_with("RS256: ") && all.stderr.contains("the next key of ES256 is published already"),
        "{all:?}"
    );
}

#[tokio::test]
async fn of_those_who_rotate_at_once_one_publishes_the_next_key_and_the_others_are_told_of_it() {
    let sso = Harness::start().await;
    let rotate = || sso.output(&["key", "rotate", "--algorithm", "ES256"]);
    let (one, two, three) = tokio::join!(rotate(), rotate(), rotate());
    let outputs = [one, two, three];
    assert_eq!(
        outputs.iter().filter(|output| output.exit == Some(0)).count(),
        1,
        "{outputs:?}"
    );
    for output in outputs.iter().filter(|output| output.exit != Some(0)) {
        assert!(output.stderr.contains("published already and signs from"), "{output:?}");
    }
}

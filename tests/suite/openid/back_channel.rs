//! Back-channel logout: every application that wants to hear of it does, once it can.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::application::Application;
use super::browser::Browser;
use super::jwt;
use crate::harness::Harness;

/// Within this time an application hears of it, on a busy machine.
const HEARD_WITHIN: Duration = Duration::from_secs(20);

/// An application's own server, which hears logout tokens and answers what it is told to.
struct Hearing {
    url: String,
    status: Arc<Mutex<u16>>,
    heard: Arc<Mutex<Vec<String>>>,
    _server: AbortOnDropHandle<()>,
}

impl Hearing {
    async fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/hear", listener.local_addr().expect("an address"));
        let (status, heard) = (Arc::new(Mutex::new(status)), Arc::new(Mutex::new(Vec::new())));
        let (answers, kept) = (Arc::clone(&status), Arc::clone(&heard));
        let server = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                let mut bytes = [0; 4096];
                let body = loop {
                    let Ok(count @ 1..) = stream.read(&mut bytes).await else {
                        break None;
                    };
                    request.extend_from_slice(&bytes[..count]);
                    if let Some(body) = body_of(&request) {
                        break Some(body);
                    }
                };
                let Some(body) = body else { continue };
                let status = *answers.lock().expect("the answer");
                kept.lock().expect("what was heard").push(body);
                let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self {
            url,
            status,
            heard,
            _server: AbortOnDropHandle::new(server),
        }
    }

    fn answer(&self, status: u16) {
        *self.status.lock().expect("the answer") = status;
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("what was heard").clone()
    }

    async fn has_heard(&self, times: usize) {
        let began = Instant::now();
        while self.heard().len() < times {
            assert!(began.elapsed() < HEARD_WITHIN, "heard {} times", self.heard().len());
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// The logout token that was posted last.
    fn token(&self) -> String {
        let heard = self.heard();
        let form = heard.last().expect("something heard");
        form.strip_prefix("logout_token=").expect("a logout token").to_owned()
    }
}

/// The body of a request, once all of it has come.
fn body_of(request: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(request);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let head = head.to_ascii_lowercase();
    assert!(
        head.contains("content-type: application/x-www-form-urlencoded"),
        "{head}"
    );
    let length = head
        .split("content-length: ")
        .nth(1)?
        .split("\r\n")
        .next()?
        .parse::<usize>()
        .ok()?;
    (body.len() == length).then(|| body.to_owned())
}

async fn application(sso: &Harness, hearing: &Hearing) -> Application {
    Application::added(sso, "app", &["--backchannel-logout-uri", &hearing.url]).await
}

async fn nothing_is_left(sso: &Harness) {
    let store = sso.store().await;
    let began = Instant::now();
    while store.count("logout_deliveries").await > 0 {
        assert!(began.elapsed() < HEARD_WITHIN, "a delivery is left");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_application_hears_of_a_logout_once_by_a_token_that_verifies() {
    let sso = Harness::start().await;
    let hearing = Hearing::start(200).await;
    let app = application(&sso, &hearing).await;
    let mut browser = Browser::outside();
    let tokens = app.tokens(&sso, &mut browser, "manager01").await;
    browser.post_form(&sso, "/oauth2/logout", &[("confirmed", "1")]).await;
    hearing.has_heard(1).await;
    let (header, claims) = jwt::read(&sso, &hearing.token(), "app").await;
    assert_eq!(
        (header.alg, header.typ.as_deref()),
        (jsonwebtoken::Algorithm::RS256, Some("logout+jwt"))
    );
    let session = jwt::parts(&tokens.text("id_token")).1;
    assert_eq!((&claims["sub"], &claims["sid"]), (&session["sub"], &session["sid"]));
    assert_eq!(
        claims["events"],
        json!({"http://schemas.openid.net/event/backchannel-logout": {}})
    );
    assert!(claims.get("nonce").is_none() && claims["jti"].is_string());
    // It is no access token and no hint.
    assert_eq!(sso.me(&hearing.token()).await.code(), 1114);
    let path = format!("/oauth2/logout?id_token_hint={}", hearing.token());
    assert_eq!(browser.get(&sso, &path).await.code(), 1101);
    nothing_is_left(&sso).await;
    sso.advance_s(86_400);
    sleep(Duration::from_millis(1600)).await;
    assert_eq!(hearing.heard().len(), 1, "two looks later");
}

#[tokio::test]
async fn a_delivery_that_failed_is_tried_again_by_one_instance_at_a_time() {
    let sso = Harness::start().await;
    let _other = sso.second_instance().await;
    let hearing = Hearing::start(500).await;
    let app = application(&sso, &hearing).await;
    app.tokens(&sso, &mut Browser::outside(), "manager01").await;
    sso.command(&["employee", "sign-out", "manager01"]).await;
    hearing.has_heard(1).await;
    sleep(Duration::from_millis(1200)).await;
    assert_eq!(hearing.heard().len(), 1, "not before its time");
    sso.advance_s(2);
    hearing.has_heard(2).await;
    hearing.answer(200);
    sso.advance_s(4);
    hearing.has_heard(3).await;
    nothing_is_left(&sso).await;
    let ids: std::collections::HashSet<String> = hearing.heard().into_iter().collect();
    assert_eq!(ids.len(), 3, "each attempt has a token of its own");
}

#[tokio::test]
async fn a_delivery_outlives_the_process() {
    let mut sso = Harness::process(&[]).await;
    let hearing = Hearing::start(503).await;
    let app = application(&sso, &hearing).await;
    app.tokens(&sso, &mut Browser::outside(), "manager01").await;
    sso.command(&["employee", "disable", "manager01"]).await;
    hearing.has_heard(1).await;
    sso.kill().await;
    hearing.answer(200);
    sso.start_process().await;
    let heard = hearing.heard().len();
    hearing.has_heard(heard + 1).await;
    nothing_is_left(&sso).await;
}

#[tokio::test]
async fn an_application_that_acts_for_itself_is_told_of_no_logout() {
    let sso = Harness::start().await;
    let hearing = Hearing::start(200).await;
    let grants = ["--grant", "client_credentials", "--grant", "authorization_code"];
    let uri = ["--backchannel-logout-uri", &hearing.url];
    let app = Application::added(&sso, "app", &[&grants[..], &uri].concat()).await;
    let token = app
        .token(&sso, &[("grant_type", "client_credentials")])
        .await
        .text("access_token");
    assert_eq!(app.revoke(&sso, &token).await.status, 200);
    assert_eq!(sso.store().await.count("logout_deliveries").await, 0);
    assert!(!app.is_active(&sso, &token).await);
}

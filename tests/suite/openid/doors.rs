//! Every door that is open to an employee who signs in everywhere.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use super::application::Application;
use super::browser::{Browser, SESSION, parameter};
use super::hearing::Hearing;
use super::jwt;
use crate::answer::Answer;
use crate::harness::Harness;

/// Within this time whoever is out is out everywhere (product.md, the first page).
const OUT_WITHIN: Duration = Duration::from_secs(2);

/// What one person is signed in to: a micro-app, a browser, and an application that wants to hear of logouts.
pub(super) struct Doors {
    pub(super) app: Application,
    pub(super) entry: Answer,
    pub(super) tokens: Answer,
    browser: Browser,
    hearing: Hearing,
}

impl Doors {
    /// Signs somebody in everywhere.
    pub(super) async fn opened(sso: &Harness, userid: &str) -> Self {
        let hearing = Hearing::start(200).await;
        let app = Application::added(sso, "app", &["--backchannel-logout-uri", &hearing.url]).await;
        let mut browser = Browser::outside();
        let tokens = app.tokens(sso, &mut browser, userid).await;
        let entry = sso.log_in(userid).await;
        assert_eq!(entry.status, 200, "{entry:?}");
        Self {
            app,
            entry,
            tokens,
            browser,
            hearing,
        }
    }

    async fn verified(&self, at: &Harness) -> [Answer; 2] {
        let by_bearer = at.get("/auth/verify", &self.entry.text("token")).await;
        let cookie = format!("{SESSION}={}", self.browser.cookies[SESSION]);
        let by_browser = at.request(Method::GET, "/auth/verify").header("cookie", cookie);
        [by_bearer, at.send(by_browser).await]
    }

    /// The doors that are open at an instance.
    async fn open(&self, at: &Harness) -> Vec<&'static str> {
        let [by_bearer, by_browser] = self.verified(at).await;
        let silent = self.app.authorize(&[("prompt", "none")]);
        // A browser each time: one that was turned away keeps no cookie.
        let page = self.browser.clone().get(at, &silent).await;
        let doors = [
            (
                "the micro-app's token",
                self.app.is_active(at, &self.entry.text("token")).await,
            ),
            (
                "the application's token",
                self.app.is_active(at, &self.tokens.text("access_token")).await,
            ),
            ("forward-auth by token", by_bearer.status == 200),
            ("forward-auth by cookie", by_browser.status == 200),
            ("the browser's session", parameter(page.sent_to(), "code").is_some()),
        ];
        doors
            .into_iter()
            .filter_map(|(door, open)| open.then_some(door))
            .collect()
    }

    /// All are open.
    pub(super) async fn are_open(&self, at: &Harness) {
        let open = self.open(at).await;
        assert_eq!(open.len(), 5, "{open:?}");
    }

    /// All are shut within two seconds, at each of the instances, and the application hears of it.
    pub(super) async fn shut_in_time(&self, instances: [&Harness; 2]) {
        let began = Instant::now();
        loop {
            let mut open = Vec::new();
            for at in instances {
                open.extend(self.open(at).await);
            }
            if open.is_empty() {
                break;
            }
            assert!(began.elapsed() < OUT_WITHIN, "still open: {open:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for at in instances {
            self.are_shut(at).await;
        }
        self.hearing.has_heard(1).await;
        let [at, _] = instances;
        let (_, claims) = jwt::read(at, &self.hearing.token(), &self.app.id).await;
        let session = jwt::parts(&self.tokens.text("id_token")).1;
        assert_eq!((&claims["sub"], &claims["sid"]), (&session["sub"], &session["sid"]));
        assert_eq!(
            claims["events"],
            json!({"http://schemas.openid.net/event/backchannel-logout": {}})
        );
    }

    /// All are shut, and neither refresh token opens one again.
    pub(super) async fn are_shut(&self, at: &Harness) {
        assert_eq!(self.open(at).await, [""; 0]);
        for verified in self.verified(at).await {
            assert_eq!((verified.status, verified.code()), (401, 1114), "{verified:?}");
        }
        assert_eq!(at.refresh(&self.entry.text("refreshToken")).await.code(), 1114);
        let refused = self.app.refresh(at, &self.tokens.text("refresh_token")).await;
        assert_eq!((refused.status, refused.text("error").as_str()), (400, "invalid_grant"));
    }
}

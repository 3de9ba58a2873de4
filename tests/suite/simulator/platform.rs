//! A simulated DingTalk alone, and a caller of it.

use chrono::TimeDelta;
use dingtalk_sso::clock::Clock;
use dingtalk_sso::simulator::apps::MicroApp;
use dingtalk_sso::simulator::{Options, Simulator};
use reqwest::{Client, Method, RequestBuilder, redirect};
use serde_json::{Value, json};
use url::Url;

/// Where the sign-in page goes back to.
pub(super) const CALLBACK: &str = "https://sso.example/callback?a=1";

/// A simulator with two apps, and a client of it.
pub(super) struct Platform {
    clock: Clock,
    pub(super) simulator: Simulator,
    client: Client,
}

/// The answer to a call: status, and the body as text and as JSON.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) status: u16,
    pub(super) text: String,
    pub(super) body: Value,
}

impl Platform {
    pub(super) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(super) async fn with(more: impl FnOnce(&mut Options)) -> Self {
        let clock = Clock::default();
        let mut options = Options::demo(([127, 0, 0, 1], 0).into(), clock.clone());
        options.further_apps.push(MicroApp {
            app_key: "dingsecond".to_owned(),
            app_secret: "second-secret".to_owned(),
            agent_id: "77002".to_owned(),
        });
        more(&mut options);
        let simulator = Simulator::start(options).await.expect("the simulator");
        #[expect(
            clippy::disallowed_methods,
            reason = "this client is the platform's caller, not the service's"
        )]
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .build()
            .expect("a client");
        Self {
            clock,
            simulator,
            client,
        }
    }

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.simulator.url()))
    }

    pub(super) async fn get(&self, path: &str) -> Said {
        said(self.request(Method::GET, path)).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Said {
        said(self.request(Method::POST, path).json(body)).await
    }

    /// A call of the old family with the default app's token.
    pub(super) async fn topapi(&self, path: &str, body: Value) -> Value {
        let token = self.token().await;
        self.post(&format!("{path}?access_token={token}"), &body).await.body
    }

    /// An old GET call with the default app's token.
    pub(super) async fn old(&self, path: &str) -> Value {
        let token = self.token().await;
        let mark = if path.contains('?') { '&' } else { '?' };
        self.get(&format!("{path}{mark}access_token={token}")).await.body
    }

    pub(super) async fn token_of(&self, key: &str, secret: &str) -> String {
        let said = self.get(&format!("/gettoken?appkey={key}&appsecret={secret}")).await;
        text(&said.body["access_token"])
    }

    pub(super) async fn token(&self) -> String {
        self.token_of("dingdemoappkey", "demo-app-secret").await
    }

    pub(super) async fn auth_code(&self, userid: &str) -> String {
        text(&self.post("/_/auth-codes", &json!({"userid": userid})).await.body["code"])
    }

    pub(super) async fn oauth_code(&self, userid: &str, scope: &str) -> String {
        let asked = json!({"userid": userid, "scope": scope});
        text(&self.post("/_/oauth2/auth-codes", &asked).await.body["code"])
    }

    pub(super) async fn redeem(&self, code: &str) -> Said {
        self.post(
            "/v1.0/oauth2/userAccessToken",
            &json!({"clientId": "dingdemoappkey", "clientSecret": "demo-app-secret", "code": code,
                    "grantType": "authorization_code"}),
        )
        .await
    }

    pub(super) async fn refresh(&self, refresh_token: &str) -> Said {
        self.post(
            "/v1.0/oauth2/userAccessToken",
            &json!({"clientId": "dingdemoappkey", "clientSecret": "demo-app-secret", "refreshToken": refresh_token,
                    "grantType": "refresh_token"}),
        )
        .await
    }

    pub(super) async fn contact_user(&self, who: &str, token: &str) -> Said {
        let path = format!("/v1.0/contact/users/{who}");
        said(
            self.request(Method::GET, &path)
                .header("x-acs-dingtalk-access-token", token),
        )
        .await
    }

    pub(super) fn advance_s(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    /// Opens the sign-in page with these parameters over those of a good request.
    pub(super) async fn page(&self, other: &[(&str, &str)]) -> Said {
        let mut url = Url::parse(&format!("{}/oauth2/auth", self.simulator.url())).expect("an address");
        let good = [
            ("client_id", "dingdemoappkey"),
            ("response_type", "code"),
            ("scope", "openid"),
            ("prompt", "consent"),
            ("redirect_uri", CALLBACK),
            ("state", "s&1"),
        ];
        for (name, value) in good {
            let value = other
                .iter()
                .find(|(given, _)| *given == name)
                .map_or(value, |(_, value)| value);
            url.query_pairs_mut().append_pair(name, value);
        }
        said(self.client.get(url)).await
    }

    /// Presses a button of the page; answers where it leads.
    pub(super) async fn press(&self, page: &Said, button: &[(&str, &str)]) -> Url {
        let id = picture(page);
        let mut form = vec![("id", id.as_str())];
        form.extend(button);
        let response = self.request(Method::POST, "/oauth2/confirm").form(&form).send().await;
        let response = response.expect("an answer");
        let location = response.headers().get("location").expect("a redirect");
        Url::parse(location.to_str().expect("text")).expect("an address")
    }
}

pub(super) async fn said(request: RequestBuilder) -> Said {
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    let text = response.text().await.expect("text");
    Said {
        status,
        body: serde_json::from_str(&text).unwrap_or_default(),
        text,
    }
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

/// The id that the page's form carries.
pub(super) fn picture(page: &Said) -> String {
    let (_, rest) = page.text.split_once(r#"name="id" value=""#).expect("a form");
    rest.split('"').next().unwrap_or_default().to_owned()
}

pub(super) fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

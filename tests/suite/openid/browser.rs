//! A browser: it keeps cookies, shows where it is sent, and signs its owner in where it is asked.

use std::collections::BTreeMap;

use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE, USER_AGENT};
use reqwest::{Method, RequestBuilder, redirect};
use serde_json::{Value, json};
use url::Url;

use crate::document;
use crate::harness::Harness;

/// Where the service is for a browser.
pub(super) const SSO: &str = "https://sso.example";

/// The cookie of a browser that signed in.
pub(super) const SESSION: &str = "__Host-dingtalk_sso";

/// One person's browser, with its cookies.
#[derive(Clone)]
pub(super) struct Browser {
    client: reqwest::Client,
    agent: &'static str,
    pub(super) cookies: BTreeMap<String, String>,
}

/// What a browser was answered.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) status: u16,
    /// Where it is sent.
    pub(super) location: Option<Url>,
    pub(super) text: String,
    pub(super) headers: HeaderMap,
}

impl Page {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub(super) fn code(&self) -> i64 {
        self.json()["code"].as_i64().unwrap_or_default()
    }

    /// Where it is sent; there has to be such a place.
    pub(super) fn sent_to(&self) -> &Url {
        self.location
            .as_ref()
            .unwrap_or_else(|| panic!("sent nowhere: {self:?}"))
    }
}

/// A parameter of a URL.
pub(super) fn parameter(url: &Url, name: &str) -> Option<String> {
    let found = url.query_pairs().find(|(known, _)| known == name);
    found.map(|(_, value)| value.into_owned())
}

/// Path and query, as they are asked for at an instance.
pub(super) fn path_of(url: &Url) -> String {
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}{query}", url.path())
}

impl Browser {
    /// An ordinary one.
    pub(super) fn outside() -> Self {
        Self::of("Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0")
    }

    /// The one inside DingTalk.
    pub(super) fn inside() -> Self {
        Self::of("Mozilla/5.0 (iPhone) AppleWebKit/605.1 AliApp(DingTalk/7.6.0)")
    }

    fn of(agent: &'static str) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "this client is a person's browser, not the service's"
        )]
        let builder = reqwest::Client::builder();
        let client = builder.redirect(redirect::Policy::none()).build().expect("a client");
        Self {
            client,
            agent,
            cookies: BTreeMap::new(),
        }
    }

    /// Sends a request with the cookies, and keeps those of the answer.
    pub(super) async fn send(&mut self, request: RequestBuilder) -> Page {
        let jar: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = request.header(USER_AGENT, self.agent);
        if !jar.is_empty() {
            request = request.header(COOKIE, jar.join("; "));
        }
        let request = request.build().expect("a request");
        let asked = request.try_clone().expect("a body in memory");
        let response = self.client.execute(request).await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        for cookie in headers.get_all(SET_COOKIE) {
            let cookie = cookie.to_str().expect("a cookie");
            let (name, value) = cookie
                .split(';')
                .next()
                .and_then(|pair| pair.split_once('='))
                .expect("a pair");
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let text = response.text().await.expect("a body");
        document::tells_of(&asked, status, &serde_json::from_str(&text).unwrap_or(Value::Null));
        let base = Url::parse(SSO).expect("a URL");
        let location = headers.get(LOCATION).and_then(|location| location.to_str().ok());
        Page {
            status,
            location: location.map(|location| base.join(location).expect("a location")),
            text,
            headers,
        }
    }

    pub(super) async fn get(&mut self, sso: &Harness, path: &str) -> Page {
        self.send(sso.request(Method::GET, path).header("accept", "text/html"))
            .await
    }

    pub(super) async fn post_form(&mut self, sso: &Harness, path: &str, form: &[(&str, &str)]) -> Page {
        self.send(sso.request(Method::POST, path).header("accept", "text/html").form(form))
            .await
    }

    /// Posts an auth code as the page inside DingTalk does.
    pub(super) async fn post_code(&mut self, sso: &Harness, state: &str, code: &str) -> Page {
        let body = json!({"authCode": code, "state": state}).to_string();
        self.send(sso.request(Method::POST, "/login/code").body(body)).await
    }

    /// Comes back from DingTalk's own page.
    pub(super) async fn come_back(&mut self, sso: &Harness, state: &str, code: &str) -> Page {
        let path = format!("/oauth2/callback?state={state}&code={code}&authCode={code}");
        self.get(sso, &path).await
    }

    /// Goes to a path of the service; answers the `state` of the sign-in that it is led to.
    pub(super) async fn asked_to_sign_in(&mut self, sso: &Harness, path: &str) -> String {
        let page = self.get(sso, path).await;
        let to = page.sent_to();
        let expected = if self.is_inside() {
            "https://sso.example/login/dingtalk"
        } else {
            "https://login.dingtalk.com/oauth2/auth"
        };
        assert!(to.as_str().starts_with(expected), "not asked to sign in: {page:?}");
        parameter(to, "state").expect("a state")
    }

    /// Goes to a path of the service and signs in as `userid` on the way; answers where that ends.
    pub(super) async fn sign_in(&mut self, sso: &Harness, path: &str, userid: &str) -> Url {
        let state = self.asked_to_sign_in(sso, path).await;
        if self.is_inside() {
            let code = sso.auth_code(userid).await;
            let page = self.post_code(sso, &state, &code).await;
            let location = page.json()["location"].as_str().map(Url::parse);
            return location.unwrap_or_else(|| panic!("{page:?}")).expect("a location");
        }
        let code = page_code(sso, userid).await;
        self.come_back(sso, &state, &code).await.sent_to().clone()
    }

    fn is_inside(&self) -> bool {
        self.agent.contains("DingTalk")
    }
}

/// The code that DingTalk's own page gives to somebody who consents.
pub(super) async fn page_code(sso: &Harness, userid: &str) -> String {
    let answer = sso
        .company("oauth2/auth-codes", json!({"userid": userid, "scope": "openid"}))
        .await;
    answer["code"].as_str().expect("a code").to_owned()
}

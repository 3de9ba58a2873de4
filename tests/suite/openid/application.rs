//! A business application: registered by the administrator's command, speaking to the endpoints as its library does.

use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use url::form_urlencoded;

use super::browser::{Browser, parameter};
use crate::answer::Answer;
use crate::harness::Harness;

/// A verifier and its challenge, as RFC 7636 publishes them (appendix B).
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(super) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// An application that was added.
#[derive(Debug, Clone)]
pub(super) struct Application {
    pub(super) id: String,
    pub(super) secret: Option<String>,
    pub(super) redirect_uri: String,
}

impl Application {
    /// Adds one with a redirect URI of its own, and whatever `more` asks for.
    pub(super) async fn added(sso: &Harness, id: &str, more: &[&str]) -> Self {
        let redirect_uri = format!("https://{id}.example/cb");
        let arguments = ["client", "add", id, "--json", "--redirect-uri", &redirect_uri];
        Self::by(sso, id, &[&arguments[..], more].concat()).await
    }

    /// Adds one that acts for itself.
    pub(super) async fn acting_for_itself(sso: &Harness, id: &str, scope: &str) -> Self {
        Self::by(sso, id, &["client", "add", id, "--json", "--scope", scope]).await
    }

    async fn by(sso: &Harness, id: &str, arguments: &[&str]) -> Self {
        let told: Value = serde_json::from_str(&sso.command(arguments).await).expect("JSON");
        Self {
            id: id.to_owned(),
            secret: told["clientSecret"].as_str().map(str::to_owned),
            redirect_uri: told["redirectUris"][0].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// The path of an authorization request. `other` takes the place of its parameters; an empty one leaves it out.
    pub(super) fn authorize(&self, other: &[(&str, &str)]) -> String {
        let usual = [
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", &self.redirect_uri),
            ("scope", "openid profile roles"),
            ("state", "s 1&x=y"),
            ("nonce", "n1"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let kept = usual
            .into_iter()
            .filter(|(name, _)| !other.iter().any(|(given, _)| given == name));
        let all = kept.chain(other.iter().copied()).filter(|(_, value)| !value.is_empty());
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(all)
            .finish();
        format!("/oauth2/authorize?{query}")
    }

    /// A request of this application that proves who it is.
    pub(super) fn request(&self, sso: &Harness, path: &str, form: &[(&str, &str)]) -> RequestBuilder {
        let request = sso.request(Method::POST, path);
        match &self.secret {
            Some(secret) => request.basic_auth(&self.id, Some(secret)).form(form),
            None => request.form(&[form, &[("client_id", &self.id)]].concat()),
        }
    }

    pub(super) async fn token(&self, sso: &Harness, form: &[(&str, &str)]) -> Answer {
        sso.send(self.request(sso, "/oauth2/token", form)).await
    }

    /// Redeems a code with the usual verifier.
    pub(super) async fn redeem(&self, sso: &Harness, code: &str) -> Answer {
        self.token(sso, &self.redemption(code, VERIFIER)).await
    }

    /// The form that redeems a code.
    pub(super) fn redemption<'a>(&'a self, code: &'a str, verifier: &'a str) -> Vec<(&'a str, &'a str)> {
        vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", verifier),
        ]
    }

    pub(super) async fn refresh(&self, sso: &Harness, refresh_token: &str) -> Answer {
        self.refresh_for(sso, refresh_token, "").await
    }

    pub(super) async fn refresh_for(&self, sso: &Harness, refresh_token: &str, scope: &str) -> Answer {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
            ("scope", scope),
        ];
        self.token(sso, &form).await
    }

    pub(super) async fn introspect(&self, sso: &Harness, token: &str) -> Answer {
        sso.send(self.request(sso, "/oauth2/introspect", &[("token", token)]))
            .await
    }

    pub(super) async fn is_active(&self, sso: &Harness, token: &str) -> bool {
        let answer = self.introspect(sso, token).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["active"].as_bool().expect("active")
    }

    pub(super) async fn revoke(&self, sso: &Harness, token: &str) -> Answer {
        sso.send(self.request(sso, "/oauth2/revoke", &[("token", token)])).await
    }

    /// A code for whoever is, or now signs in, in a browser.
    pub(super) async fn code(&self, sso: &Harness, browser: &mut Browser, userid: &str) -> String {
        let path = self.authorize(&[]);
        let page = browser.get(sso, &path).await;
        let there = page.sent_to().as_str().starts_with(&self.redirect_uri);
        let back = if there {
            page.sent_to().clone()
        } else {
            browser.sign_in(sso, &path, userid).await
        };
        parameter(&back, "code").unwrap_or_else(|| panic!("no code: {back}"))
    }

    /// The tokens for whoever is, or now signs in, in a browser.
    pub(super) async fn tokens(&self, sso: &Harness, browser: &mut Browser, userid: &str) -> Answer {
        let code = self.code(sso, browser, userid).await;
        let tokens = self.redeem(sso, &code).await;
        assert_eq!(tokens.status, 200, "{tokens:?}");
        tokens
    }
}

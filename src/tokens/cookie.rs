//! The cookie of a browser that signed in: how it is set, and how a request's is read.
//!
//! Names are read as they come, and never percent-decoded: browsers look for the prefixes that guard a cookie in the name
//! as it is written.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};

use super::Tokens;
use super::session;
use crate::config::Settings;
use crate::error::Error;

/// Longest cookie that is looked at.
const LONGEST: usize = 256;

/// The most bindings of one browser that are looked at.
const BINDINGS: usize = 32;

/// How our cookies are set.
#[derive(Debug, Clone)]
pub struct CookieForm {
    name: String,
    secure: bool,
    domain: Option<String>,
    max_age_s: i64,
}

impl CookieForm {
    /// The form that the settings ask for: secure behind https, and for the host alone unless a domain is set.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let secure = settings.http.public_url.scheme() == "https";
        let domain = settings.tokens.cookie_domain.clone();
        // RFC 6265bis section 4.1.3: by these prefixes browsers refuse a cookie that somebody else put there.
        let prefix = match (secure, &domain) {
            (true, None) => "__Host-",
            (true, Some(_)) => "__Secure-",
            (false, _) => "",
        };
        Self {
            name: format!("{prefix}dingtalk_sso"),
            secure,
            domain,
            max_age_s: i64::try_from(settings.tokens.browser_ttl.as_secs()).unwrap_or(i64::MAX),
        }
    }

    /// The cookie that signs a browser in.
    #[must_use]
    pub fn signed_in(&self, value: String) -> Cookie<'static> {
        self.cookie(value, self.max_age_s)
    }

    /// The cookie that takes it away again.
    #[must_use]
    pub fn signed_out(&self) -> Cookie<'static> {
        self.cookie(String::new(), 0)
    }

    /// A cookie that binds a sign-in under way to its browser: for our own host, and gone when the browser is closed. Each
    /// value has a name of its own: tabs that are opened at once do not know of one another, and each may be signed in by.
    #[must_use]
    pub fn binding(&self, value: String) -> Cookie<'static> {
        Cookie::build(self.binding_name(&value), value)
            .path("/")
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .finish()
    }

    /// What binds the sign-ins that are under way in the browser of a request.
    #[must_use]
    pub fn bound(&self, request: &HttpRequest) -> Vec<String> {
        let Ok(cookies) = request.cookies_raw() else {
            return Vec::new();
        };
        let values = cookies.iter().filter_map(|cookie| {
            let ours = checked(cookie).filter(|value| cookie.name() == self.binding_name(value));
            ours.map(str::to_owned)
        });
        values.take(BINDINGS).collect()
    }

    /// The living session of the browser of a request.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it is not known here and the database is away.
    pub async fn session(&self, request: &HttpRequest, tokens: &Tokens) -> Result<Option<Arc<session::Model>>, Error> {
        let cookie = request.cookie_raw(&self.name);
        match cookie.as_ref().and_then(checked) {
            Some(value) => tokens.browser_session(value).await,
            None => Ok(None),
        }
    }

    /// Whether a request carries the cookie of a browser that signed in, whatever it is worth.
    #[must_use]
    pub fn is_presented(&self, request: &HttpRequest) -> bool {
        request.cookie_raw(&self.name).is_some()
    }

    fn binding_name(&self, value: &str) -> String {
        let prefix = if self.secure { "__Host-" } else { "" };
        let beginning: String = value.chars().take(8).collect();
        format!("{prefix}dingtalk_sso_signing_in_{beginning}")
    }

    fn cookie(&self, value: String, max_age_s: i64) -> Cookie<'static> {
        let mut cookie = Cookie::build(self.name.clone(), value)
            .path("/")
            .http_only(true)
            .secure(self.secure)
            // Lax: sent when another site leads here, which is how applications send their users to us.
            .same_site(SameSite::Lax)
            .max_age(Duration::seconds(max_age_s))
            .finish();
        if let Some(domain) = &self.domain {
            cookie.set_domain(domain.clone());
        }
        cookie
    }
}

fn checked<'a>(cookie: &'a Cookie<'_>) -> Option<&'a str> {
    Some(cookie.value()).filter(|value| !value.is_empty() && value.len() <= LONGEST)
}

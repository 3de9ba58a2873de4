//! Exchanges with the platform: bounded in time and size, and no word of a URL that carries a token.

use std::error::Error as _;
use std::fmt::Write as _;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::Client;
use reqwest::header::{ACCEPT, CONTENT_TYPE, DATE, HeaderName, HeaderValue};
use serde::de::DeserializeOwned;
use url::Url;

use super::refusal::{Fault, read};
use crate::outbound;

/// Largest answer that is read.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// Where the new family wants the app access token.
const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-acs-dingtalk-access-token");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// One call of the platform: its address, and how it wants the app access token.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    url: Url,
    token_in: TokenIn,
}

#[derive(Debug, Clone, Copy)]
enum TokenIn {
    Query,
    Header,
}

impl Endpoint {
    /// A call of the old family. A path in the base stays in front.
    pub(super) fn old(base: &Url, path: &str) -> Result<Self, url::ParseError> {
        Self::new(base, path, TokenIn::Query)
    }

    /// A call of the new family.
    pub(super) fn new_family(base: &Url, path: &str) -> Result<Self, url::ParseError> {
        Self::new(base, path, TokenIn::Header)
    }

    fn new(base: &Url, path: &str, token_in: TokenIn) -> Result<Self, url::ParseError> {
        let url = Url::parse(&[base.as_str().trim_end_matches('/'), path].concat())?;
        Ok(Self { url, token_in })
    }
}

/// What one call carries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load<'a> {
    /// The app access token; none where one is asked for.
    pub(super) token: Option<&'a str>,
    /// JSON to post; none for a GET.
    pub(super) body: Option<&'a [u8]>,
    /// A secret in the body that the platform might echo.
    pub(super) secret: &'a str,
}

/// The client. Clones share its connections.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    client: Client,
}

impl Transport {
    /// `limit` bounds one exchange as a whole. Fails where the machine has no CA certificates.
    pub(super) fn new(limit: Duration) -> Result<Self, reqwest::Error> {
        let client = outbound::client(limit)?;
        Ok(Self { client })
    }

    /// One exchange. It is not repeated here, except where HTTP itself proves that nothing was processed (a stale
    /// connection before the first byte, a stream that HTTP/2 refused): whether an auth code may go out again is
    /// decided by who knows that one is on board.
    pub(super) async fn exchange<T: DeserializeOwned>(&self, to: &Endpoint, load: Load<'_>) -> Result<T, Fault> {
        let mut url = to.url.clone();
        let mut header = None;
        match (load.token, to.token_in) {
            (Some(token), TokenIn::Query) => {
                url.query_pairs_mut().append_pair("access_token", token);
            }
            (Some(token), TokenIn::Header) => {
                let mut value = HeaderValue::from_str(token).map_err(|error| Fault::Unsent(error.to_string()))?;
                value.set_sensitive(true);
                header = Some(value);
            }
            (None, _) => {}
        }
        let mut request = match load.body {
            Some(body) => self.client.post(url).header(CONTENT_TYPE, JSON).body(body.to_vec()),
            None => self.client.get(url),
        };
        if let Some(value) = header {
            request = request.header(TOKEN_HEADER, value);
        }
        // Without it some calls are answered in XML.
        request = request.header(ACCEPT, JSON);
        let mut response = request.send().await.map_err(fault)?;
        let status = response.status().as_u16();
        let mut body = Vec::with_capacity(1024);
        while let Some(chunk) = response.chunk().await.map_err(fault)? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(Fault::Unreadable(format!(
                    "HTTP {status} with more than {MAX_ANSWER_BYTES} bytes"
                )));
            }
            body.extend_from_slice(&chunk);
        }
        read(status, &body, &[load.token.unwrap_or_default(), load.secret])
    }

    /// The time at a host, to the second, as any answer tells it (`Date`, RFC 9110 section 6.6.1).
    pub(super) async fn time(&self, host: &Url) -> Result<DateTime<Utc>, Fault> {
        let answer = self.client.get(host.clone()).send().await.map_err(fault)?;
        read_date(answer.headers().get(DATE))
            .ok_or_else(|| Fault::Unreadable("an answer that tells no time".to_owned()))
    }
}

fn read_date(date: Option<&HeaderValue>) -> Option<DateTime<Utc>> {
    let date = DateTime::parse_from_rfc2822(date?.to_str().ok()?).ok()?;
    Some(date.to_utc())
}

fn fault(error: reqwest::Error) -> Fault {
    // The URL of the old family carries the token.
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // A log line is worth no failure of its own.
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    let text = text.chars().filter(|letter| !letter.is_control()).take(300).collect();
    if error.is_connect() || error.is_builder() {
        Fault::Unsent(text)
    } else if error.is_timeout() {
        Fault::TimedOut
    } else {
        Fault::Broken(text)
    }
}

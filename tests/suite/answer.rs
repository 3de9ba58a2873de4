//! An answer of the service or of the platform, as its caller sees it.

use std::time::{Duration, Instant};

use reqwest::RequestBuilder;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::document;

/// An answer, and how long it took to come.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) took: Duration,
    headers: HeaderMap,
}

impl Answer {
    /// Sends a request; none when the connection breaks before its answer.
    pub(crate) async fn to(request: RequestBuilder) -> Option<Self> {
        let began = Instant::now();
        let asked = request.try_clone().and_then(|request| request.build().ok());
        let response = request.send().await.ok()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.ok()?;
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if let Some(asked) = asked {
            document::tells_of(&asked, status, &body);
        }
        Some(Self {
            status,
            body,
            took: began.elapsed(),
            headers,
        })
    }

    /// The number of our error.
    pub(crate) fn code(&self) -> i64 {
        self.body["code"].as_i64().unwrap_or_default()
    }

    /// A text of the body.
    pub(crate) fn text(&self, field: &str) -> String {
        self.body[field].as_str().unwrap_or_default().to_owned()
    }

    /// Whether a header is there, empty or not.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }

    /// A header, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }
}

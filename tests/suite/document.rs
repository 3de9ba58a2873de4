//! Holds every answer that a test gets to what the OpenAPI document says may come.

use std::sync::LazyLock;

use dingtalk_sso::openapi;
use reqwest::{Method, Request};
use serde_json::Value;

/// Fails for a status, or a number of ours, that the document does not tell of. Paths that are not in it are no part of
/// the API.
pub(crate) fn tells_of(request: &Request, status: u16, body: &Value) {
    // Some tests get thousands of answers, and the document takes a while to write.
    static DOCUMENT: LazyLock<Value> =
        LazyLock::new(|| serde_json::to_value(openapi::document()).expect("the document"));
    let mut paths = DOCUMENT["paths"].as_object().expect("paths").iter();
    let Some((path, item)) = paths.find(|(path, _)| is_of(path, request.url().path())) else {
        return;
    };
    // A preflight is a browser's question about an operation, and none itself.
    if request.method() == Method::OPTIONS {
        return;
    }
    let method = if request.method() == Method::HEAD {
        "get".to_owned()
    } else {
        request.method().as_str().to_lowercase()
    };
    let Some(operation) = item.get(&method) else {
        assert_eq!(status, 405, "{method} {path}");
        return;
    };
    let response = &operation["responses"][status.to_string()];
    assert!(response.is_object(), "{method} {path} answers {status}: {body}");
    if let Some(code) = body["code"].as_i64().filter(|_| status >= 400) {
        let told = response["description"].as_str().unwrap_or_default();
        assert!(
            codes(told).contains(&code),
            "{method} {path} {status} tells of {told}: {body}"
        );
    }
}

/// Whether a path is of a template.
fn is_of(template: &str, path: &str) -> bool {
    let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template
            .iter()
            .zip(&path)
            .all(|(expected, part)| expected == part || (expected.starts_with('{') && !part.is_empty()))
}

/// The numbers of errors in a description, as in `1101, 1121 to 1125`.
fn codes(description: &str) -> Vec<i64> {
    let mut codes = Vec::new();
    let mut is_range = false;
    for word in description
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
    {
        if let Ok(code) = word.parse() {
            let last = codes.last().copied().filter(|_| is_range);
            codes.extend(last.map_or(code, |last| last + 1)..=code);
        }
        is_range = word == "to";
    }
    codes
}

//! A call of the platform as it came in: path, token and parameters, wherever the family takes them from.

use std::borrow::Cow;

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{ACCEPT, CONTENT_TYPE};
use serde_json::Value;
use url::form_urlencoded;

/// The API family of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// `oapi.dingtalk.com`, `/topapi/…`: gate and payload are wrapped.
    Topapi,
    /// `oapi.dingtalk.com`, everything else: flat.
    Old,
    /// `api.dingtalk.com`.
    New,
}

impl Family {
    pub(super) fn of(path: &str) -> Self {
        if path.starts_with("/topapi/") {
            Self::Topapi
        } else if path.starts_with("/v1.0/") {
            Self::New
        } else {
            Self::Old
        }
    }
}

type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// What the body is.
pub(super) enum Body<'a> {
    Empty,
    Json(Value),
    Form(Pairs<'a>),
    /// Neither JSON nor a form.
    Unreadable,
}

/// One call.
pub(super) struct Call<'a> {
    pub(super) path: &'a str,
    pub(super) family: Family,
    pub(super) method: &'a Method,
    /// `x-acs-dingtalk-access-token`, the only place where the new family looks for a token.
    pub(super) header_token: Option<&'a str>,
    /// The caller asks for JSON by name: some calls answer in XML otherwise.
    pub(super) wants_json: bool,
    query: Pairs<'a>,
    body: Body<'a>,
}

impl<'a> Call<'a> {
    pub(super) fn new(request: &'a HttpRequest, body: &'a [u8]) -> Self {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let kind = header(CONTENT_TYPE.as_str()).unwrap_or("application/json");
        let family = Family::of(request.path());
        // What comes along with a GET is not looked at: `curl -X GET -d` is a call without parameters.
        let body = if body.is_empty() || request.method() == Method::GET {
            Body::Empty
        } else if kind.starts_with("application/x-www-form-urlencoded") {
            Body::Form(form_urlencoded::parse(body).collect())
        } else if kind.starts_with("application/json") {
            serde_json::from_slice(body).map_or(Body::Unreadable, Body::Json)
        } else {
            Body::Unreadable
        };
        Self {
            path: request.path(),
            family,
            method: request.method(),
            header_token: header("x-acs-dingtalk-access-token"),
            wants_json: header(ACCEPT.as_str()).is_some_and(|accept| accept.contains("application/json")),
            query: form_urlencoded::parse(request.query_string().as_bytes()).collect(),
            body,
        }
    }

    /// The body is something that no family reads.
    pub(super) fn is_unreadable(&self) -> bool {
        matches!(self.body, Body::Unreadable)
    }

    /// The body is JSON, the only form that the new family reads.
    pub(super) fn has_json(&self) -> bool {
        matches!(self.body, Body::Json(_))
    }

    /// The app access token of an old call: in the query, or in the form of a `/topapi` call.
    pub(super) fn old_token(&self) -> Option<&str> {
        let form = match &self.body {
            Body::Form(pairs) if self.family == Family::Topapi => pairs.as_slice(),
            _ => &[],
        };
        found(&self.query, "access_token").or_else(|| found(form, "access_token"))
    }

    /// A parameter that is text; an empty one counts as missing.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let given = match &self.body {
            Body::Json(json) => json.get(name).and_then(Value::as_str),
            Body::Form(pairs) => found(pairs, name),
            Body::Empty | Body::Unreadable => None,
        };
        given.or_else(|| self.in_query(name)).filter(|text| !text.is_empty())
    }

    /// A parameter that is a list of texts.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        let items = match &self.body {
            Body::Json(json) => json.get(name).and_then(Value::as_array),
            _ => None,
        };
        let texts = items.into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    }

    /// A parameter that is a number, or text that is one.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        let given = match &self.body {
            Body::Json(json) => json.get(name).and_then(Value::as_i64),
            _ => None,
        };
        given.or_else(|| self.text(name)?.parse().ok())
    }

    /// A parameter that is true or false, or text that says so.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        let given = match &self.body {
            Body::Json(json) => json.get(name).and_then(Value::as_bool),
            _ => None,
        };
        given.or_else(|| match self.text(name)? {
            "true" | "True" | "1" => Some(true),
            "false" | "False" | "0" => Some(false),
            _ => None,
        })
    }

    /// Whether the parameter is there in any form.
    pub(super) fn has(&self, name: &str) -> bool {
        let in_json = matches!(&self.body, Body::Json(json) if json.get(name).is_some_and(|value| !value.is_null()));
        in_json || self.text(name).is_some()
    }

    /// The old family takes parameters from the query too; the new one never does from a call with a body.
    fn in_query(&self, name: &str) -> Option<&str> {
        match self.family {
            Family::New => None,
            Family::Topapi | Family::Old => found(&self.query, name),
        }
    }
}

fn found<'a>(pairs: &'a [(Cow<'_, str>, Cow<'_, str>)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| &**value)
}

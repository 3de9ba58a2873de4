//! Reads what the platform answers: the success that was expected, or one of three shapes of refusal.

use std::net::IpAddr;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Error as _};
use serde_json::Value;

use super::error::{CodeSpent, DingTalkError, NoAppToken};

/// Longest text of the platform that is passed on to a log.
const LONGEST_TEXT: usize = 300;

/// The `errcode` of a success. Reading it fails for any other number, so that one typed pass both checks and reads.
#[derive(Debug, Clone)]
pub(super) struct Zero;

impl<'de> Deserialize<'de> for Zero {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match i64::deserialize(deserializer)? {
            0 => Ok(Self),
            _ => Err(D::Error::custom("a refusal")),
        }
    }
}

/// A success of the `/topapi` family.
#[derive(Debug, Deserialize)]
pub(super) struct Wrapped<T> {
    #[serde(rename = "errcode")]
    _success: Zero,
    pub(super) result: T,
}

/// Why one exchange with the platform did not yield what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing was sent: no connection came about.
    Unsent(String),
    /// The connection broke after the request may have been sent.
    Broken(String),
    /// No answer in time.
    TimedOut,
    /// An answer that cannot be read, as from a gateway that has banned our address: no success, and try later.
    Unreadable(String),
    /// A refusal.
    Refused(Refusal),
}

/// A refusal, whatever shape it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The real code: out of its wrapper, and a number as text in the old family.
    pub(super) code: String,
    /// The platform's words, bounded.
    pub(super) text: String,
    pub(super) meaning: Meaning,
    /// The gateway turned the call away before anything behind it had a look.
    pub(super) at_the_gate: bool,
}

/// What a code asks of us (dingtalk-api: sections 0.3 and 13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    TokenRejected,
    Credentials,
    Address,
    CodeRejected,
    OutsideRange,
    NotFound,
    Permission,
    Throttled,
    QuotaUsedUp,
    Busy,
    Other,
}

/// Reads an answer. `hush` are texts that must not appear in what is passed on.
pub(super) fn read<T: DeserializeOwned>(status: u16, body: &[u8], hush: &[&str]) -> Result<T, Fault> {
    if (200..300).contains(&status) {
        match serde_json::from_slice(body) {
            Ok(answer) => return Ok(answer),
            Err(error) => return Err(refused(status, body, hush, Some(&error))),
        }
    }
    Err(refused(status, body, hush, None))
}

/// The slow way, for whatever was no success: any of the shapes, whichever family was asked.
fn refused(status: u16, body: &[u8], hush: &[&str], error: Option<&serde_json::Error>) -> Fault {
    let throttled = status == 429;
    let Ok(answer) = serde_json::from_slice::<Value>(body) else {
        return unreadable(status, body, "no JSON", throttled);
    };
    let (code, at_the_gate) = match (plain(answer.get("errcode")), plain(answer.get("code"))) {
        (Some(code), _) if code == "0" => {
            // Where it went wrong, but not what stood there: that may be somebody's name.
            let place = error.map_or_else(String::new, |error| format!(" at column {}", error.column()));
            return Fault::Unreadable(format!("a success, but not of the expected form{place}"));
        }
        (Some(code), _) if code == "88" => match plain(answer.get("sub_code")) {
            Some(inner) if inner.parse::<i64>().is_ok() => (inner, true),
            _ => (code, true),
        },
        (Some(code), _) | (None, Some(code)) => (code, false),
        (None, None) => return unreadable(status, body, "neither a success nor a refusal", throttled),
    };
    let mut meaning = if throttled { Meaning::Throttled } else { meaning(&code) };
    if meaning == Meaning::Other && status >= 500 {
        meaning = Meaning::Busy;
    }
    let words = ["sub_msg", "errmsg", "message"]
        .into_iter()
        .find_map(|key| answer.get(key)?.as_str());
    let mut text = words.unwrap_or_default().to_owned();
    if let Some(scopes) = answer
        .get("accessdenieddetail")
        .and_then(|detail| detail.get("requiredScopes"))
    {
        text = format!("{scopes} {text}");
    }
    Fault::Refused(Refusal {
        code: tidy(&code, &[]),
        text: tidy(&text, hush),
        meaning,
        at_the_gate,
    })
}

fn unreadable(status: u16, body: &[u8], what: &str, throttled: bool) -> Fault {
    let detail = format!("HTTP {status} with {} bytes, {what}", body.len());
    if throttled {
        let code = status.to_string();
        return Fault::Refused(Refusal {
            code,
            text: detail,
            meaning: Meaning::Throttled,
            at_the_gate: true,
        });
    }
    Fault::Unreadable(detail)
}

/// A number or a text, as text: both occur for codes.
fn plain(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

fn meaning(code: &str) -> Meaning {
    match code {
        "33001" | "40001" | "40014" | "42001" | "InvalidAuthentication" => Meaning::TokenRejected,
        "40089" | "40096" | "invalidClientIdOrSecret" | "invalid.client" | "unauthorized.client" => {
            Meaning::Credentials
        }
        "60020" | "Forbidden.AccessDenied.IpNotInWhiteList" => Meaning::Address,
        "40078" | "41026" | "41007" | "42008" | "40087" | "40091" | "invalidParameter.authCode.notFound" => {
            Meaning::CodeRejected
        }
        "40079" | "50002" | "50004" | "60120" => Meaning::OutsideRange,
        "60003" | "60111" | "60121" | "invalidParameter.user.notFound" => Meaning::NotFound,
        "60011" | "43007" | "48002" | "apiPermissionDenied" => Meaning::Permission,
        "90020" | "Forbidden.AccessDenied.ApiCountLimitForOrg" => Meaning::QuotaUsedUp,
        "qps.exceed.limit" | "request.overlimit" => Meaning::Throttled,
        "-1" | "systemError" | "unknownError" | "serviceBusy" | "systemBusy" | "system.busy" | "server.error" => {
            Meaning::Busy
        }
        _ if code.ends_with("PermissionDenied") => Meaning::Permission,
        _ if code.contains("QpsLimit") || code.contains("QpmLimit") || code.starts_with("Throttling") => {
            Meaning::Throttled
        }
        _ => match code.parse::<i64>() {
            Ok(90_001..=90_014 | 90_017 | 90_018) => Meaning::Throttled,
            _ => Meaning::Other,
        },
    }
}

/// Words of the platform for a log: bounded, on one line, and without what must not be said.
fn tidy(text: &str, hush: &[&str]) -> String {
    let mut text = text.to_owned();
    for secret in hush.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "…");
    }
    text.chars()
        .filter(|letter| !letter.is_control())
        .take(LONGEST_TEXT)
        .collect()
}

/// The first IP address in words of the platform, which tells so whom it has refused.
fn address_in(text: &str) -> Option<IpAddr> {
    text.split(|letter: char| !(letter.is_ascii_hexdigit() || matches!(letter, '.' | ':')))
        .find_map(|word| word.parse().ok())
}

impl From<Fault> for DingTalkError {
    fn from(fault: Fault) -> Self {
        let unavailable = |code_spent, detail| Self::Unavailable { code_spent, detail };
        let Refusal {
            code, text, meaning, ..
        } = match fault {
            Fault::Unsent(detail) => return unavailable(CodeSpent::No, detail),
            Fault::Broken(detail) | Fault::Unreadable(detail) => return unavailable(CodeSpent::Maybe, detail),
            Fault::TimedOut => return unavailable(CodeSpent::Maybe, "no answer in time".to_owned()),
            Fault::Refused(refusal) => refusal,
        };
        match meaning {
            Meaning::TokenRejected => Self::AppToken {
                why: NoAppToken::Other,
                reason: format!(
                    "DingTalk rejects even a fresh one ({code}): do app_key and hosts belong together? {text}"
                ),
            },
            Meaning::Credentials => Self::AppToken {
                why: NoAppToken::WrongSecret,
                reason: format!(
                    "wrong app_key or app_secret ({code}); compare both with the developer console: {text}"
                ),
            },
            Meaning::Address => Self::AppToken {
                why: NoAppToken::AddressNotAllowed {
                    seen: address_in(&text),
                },
                reason: format!(
                    "this server's address is not allowed ({code}); add it to the app's outbound IPs (服务器出口IP): {text}"
                ),
            },
            Meaning::CodeRejected => Self::CodeRejected { code },
            Meaning::OutsideRange => Self::OutsideRange { code, text },
            Meaning::NotFound => Self::NotFound { code, text },
            Meaning::Permission => Self::Permission { code, text },
            Meaning::Throttled | Meaning::QuotaUsedUp => Self::Throttled { code, text },
            Meaning::Busy => unavailable(CodeSpent::Maybe, format!("busy ({code}): {text}")),
            Meaning::Other => Self::Other { code, text },
        }
    }
}

#[cfg(test)]
mod tests;

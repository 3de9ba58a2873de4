//! What can go wrong with a call (dingtalk-api, sections 0 and 15).

use serde::Deserialize;

/// A fault to be shown on a path.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fault {
    /// The path, or `*`.
    pub(super) path: String,
    /// What happens.
    pub(super) kind: Kind,
    /// How often; for ever if absent.
    #[serde(default)]
    times: Option<u32>,
    /// How many calls are done as they should be before it shows.
    #[serde(default)]
    pub(super) after: u64,
    /// For `delay`: how long the call waits before it is done.
    #[serde(default)]
    pub(super) delay_ms: u64,
}

/// The kinds. Where nothing else is said, the call is refused undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// -1, or 503 `serviceBusy`.
    SystemBusy,
    /// 90002: the whole platform's limit of this API.
    ApiQps,
    /// 90018: the app's limit of this API.
    AppQps,
    /// 90020: the company's calls of this month are used up.
    MonthQuota,
    /// 60020: the address is not on the app's list.
    IpNotAllowed,
    /// 60011: the app lacks the permission.
    PermissionMissing,
    /// 40014.
    BadToken,
    /// A page of the firewall.
    Html,
    /// What the firewall answers to a banned address.
    Punished,
    /// 429 `systemBusy`.
    TooManyRequests,
    /// 500 without JSON.
    Http500,
    /// The call is done after a while.
    Delay,
    /// The connection breaks, and nothing was done.
    ResetBefore,
    /// The call is done, and the connection breaks before its answer.
    ResetAfter,
    /// The call is done, and its answer is cut in half.
    Truncated,
    /// An answer that does not end before 64 MiB.
    Huge,
    /// The call is done, and its page says that more follows, but not where: `has_more` without a `next_cursor`.
    NoNextCursor,
}

impl Fault {
    /// A fault of one call.
    pub(super) fn once(path: &str, kind: Kind) -> Self {
        Self {
            path: path.to_owned(),
            kind,
            times: Some(1),
            after: 0,
            delay_ms: 0,
        }
    }

    /// Counts one showing; whether it was the last.
    pub(super) fn is_used_up(&mut self) -> bool {
        match &mut self.times {
            None => false,
            Some(times) => {
                *times = times.saturating_sub(1);
                *times == 0
            }
        }
    }
}

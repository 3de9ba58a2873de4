//! What a call to the platform may end in, by what the caller has to decide.

use std::net::IpAddr;

/// Whether an auth code that was to be redeemed may still be good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeSpent {
    /// Certainly unspent: it never reached the platform, or was turned away at its gate. It may be sent again.
    No,
    /// Perhaps redeemed: sending it again could be answered as a replay.
    Maybe,
}

/// Why an app has no access token that the platform accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAppToken {
    /// App key and app secret do not belong together.
    WrongSecret,
    /// Calls from the address of this server are refused.
    AddressNotAllowed {
        /// The address that the platform saw, where it tells.
        seen: Option<IpAddr>,
    },
    /// Anything else.
    Other,
}

/// Why the platform did not do what it was asked for.
///
/// The texts are for the log: they say what to do, are bounded, and carry no secret, token or code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DingTalkError {
    /// No app of this name is configured.
    #[error("no app of this name is configured")]
    UnknownApp,
    /// The platform gives us no app access token, or none that it accepts afterwards.
    #[error("no app access token: {reason}")]
    AppToken {
        /// What kind of failure it is.
        why: NoAppToken,
        /// What is wrong and what to do about it.
        reason: String,
    },
    /// The platform does not know the auth code: expired, used, or of another app, company or kind.
    #[error("the auth code is rejected ({code})")]
    CodeRejected {
        /// The platform's code.
        code: String,
    },
    /// The person or department is outside the app's visible range.
    #[error("outside the app's visible range ({code}): {text}")]
    OutsideRange {
        /// The platform's code.
        code: String,
        /// The platform's words.
        text: String,
    },
    /// The platform knows no such person or department.
    #[error("DingTalk knows nothing of this id ({code}): {text}")]
    NotFound {
        /// The platform's code.
        code: String,
        /// The platform's words.
        text: String,
    },
    /// The app lacks a permission, which the text names.
    #[error("the app lacks a permission ({code}); grant it in the developer console: {text}")]
    Permission {
        /// The platform's code.
        code: String,
        /// The platform's words, the missing scope among them.
        text: String,
    },
    /// Too many calls, or a used-up quota; an auth code is unspent then.
    #[error("DingTalk throttles us ({code}): {text}")]
    Throttled {
        /// The platform's code.
        code: String,
        /// The platform's words: which limit, until when.
        text: String,
    },
    /// Away, busy, too slow, or answering what cannot be read: try later.
    #[error("DingTalk does not answer as it should: {detail}")]
    Unavailable {
        /// Whether the auth code of the call may be spent.
        code_spent: CodeSpent,
        /// What happened.
        detail: String,
    },
    /// Any other refusal.
    #[error("DingTalk refuses ({code}): {text}")]
    Other {
        /// The platform's code.
        code: String,
        /// The platform's words.
        text: String,
    },
}

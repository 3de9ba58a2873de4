//! The one list of what can go wrong for a caller: number, name, status and words.

use std::borrow::Cow;
use std::time::Duration;

/// A failure as the caller learns of it. The cause, where there is one, is for the log alone.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request cannot be read or lacks something; the text says what, in words of ours.
    #[error("{0}")]
    InvalidRequest(String),
    /// The path is served, but not for this method.
    #[error("this path answers to {allow} alone")]
    MethodNotAllowed {
        /// The methods that it is served for (`Allow`, RFC 9110 section 10.2.1).
        allow: String,
    },
    /// Our app access token could not be had from DingTalk.
    #[error("DingTalk does not give this service an access token; its administrator finds the reason in the log")]
    DingTalkAccessToken(#[source] anyhow::Error),
    /// DingTalk does not know the auth code.
    #[error("DingTalk does not know this code: it is expired, used or of another app; get a new one")]
    AuthCodeRejected(#[source] anyhow::Error),
    /// The profile of the employee could not be read.
    #[error("the employee's profile could not be read from DingTalk")]
    ProfileUnavailable(#[source] anyhow::Error),
    /// Disabled here, or has left the company.
    #[error("this employee may not sign in: disabled here, or no longer with the company")]
    EmployeeDisabled,
    /// A new employee could not be stored; nothing was.
    #[error("the new employee could not be stored; nothing was kept")]
    EmployeeNotInserted(#[source] anyhow::Error),
    /// A known employee could not be brought up to date; nothing was stored.
    #[error("the employee could not be brought up to date; nothing was kept")]
    EmployeeNotUpdated(#[source] anyhow::Error),
    /// Anything that no other row speaks of.
    #[error("something went wrong here; the log has the cause under this request_id")]
    Internal(#[source] anyhow::Error),
    /// The page's origin is not one of the app's.
    #[error("this page is not of an origin that the app allows")]
    UrlNotAllowed,
    /// Too many rejected codes from one address.
    #[error("too many rejected codes from this address; try again later")]
    RateLimited {
        /// When to come back.
        retry_after: Duration,
    },
    /// The jsapi ticket could not be had from DingTalk.
    #[error("DingTalk does not give this service a jsapi ticket")]
    JsapiTicket(#[source] anyhow::Error),
    /// The platform is down, throttles, answers nonsense or is too slow.
    #[error("DingTalk does not answer as it should; try again in a moment{}", match .code_reusable {
        Some(true) => ", the same code may be sent again",
        Some(false) => ", with a new code",
        None => "",
    })]
    DingTalkUnavailable {
        /// When to come back.
        retry_after: Duration,
        /// Whether the auth code is certainly unspent; none where there is no code.
        code_reusable: Option<bool>,
        /// What the platform did, for the log.
        #[source]
        cause: anyhow::Error,
    },
    /// Outside the app's visible range, or not of this company.
    #[error("this person is outside the app's visible range, or not of this company")]
    NotInOrganisation(#[source] anyhow::Error),
    /// The bearer token is expired, revoked or not ours.
    #[error("{0}")]
    InvalidToken(&'static str),
    /// No bearer token is there.
    #[error("{0}")]
    MissingToken(&'static str),
    /// A valid token that lacks the power or scope.
    #[error("this token does not carry the power or scope that is needed")]
    NotAllowed,
    /// Nothing is here.
    #[error("nothing is here")]
    NotFound,
    /// The database or the cache is away.
    #[error("a part of this service is away for the moment; try again")]
    Unavailable(#[source] anyhow::Error),
    /// A refusal in the words of OAuth 2.0.
    #[error("{1}")]
    OAuth(OAuthError, Cow<'static, str>),
}

/// What OAuth 2.0 and OpenID Connect refuse by a name of their own. `invalid_request` is [`Error::InvalidRequest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OAuthError {
    /// The client is unknown, or did not prove who it is (RFC 6749 section 5.2).
    InvalidClient,
    /// The code or refresh token is not good, or not for this client (RFC 6749 section 5.2).
    InvalidGrant,
    /// The client may not use this grant (RFC 6749 section 5.2).
    UnauthorizedClient,
    /// No such grant (RFC 6749 section 5.2).
    UnsupportedGrantType,
    /// No such response type (RFC 6749 section 4.1.2.1).
    UnsupportedResponseType,
    /// A scope that the client may not have (RFC 6749 section 5.2).
    InvalidScope,
    /// The person may not use this client, or said no (RFC 6749 section 4.1.2.1).
    AccessDenied,
    /// Nobody is signed in, and nobody may be asked (OpenID Connect Core section 3.1.2.6).
    LoginRequired,
    /// Request objects are not read here (OpenID Connect Core section 3.1.2.6).
    RequestNotSupported,
    /// Request objects are not fetched either (OpenID Connect Core section 3.1.2.6).
    RequestUriNotSupported,
}

impl OAuthError {
    const fn row(self) -> (u16, &'static str, u16) {
        match self {
            Self::InvalidClient => (1120, "invalid_client", 401),
            Self::InvalidGrant => (1121, "invalid_grant", 400),
            Self::UnauthorizedClient => (1122, "unauthorized_client", 400),
            Self::UnsupportedGrantType => (1123, "unsupported_grant_type", 400),
            Self::UnsupportedResponseType => (1124, "unsupported_response_type", 400),
            Self::InvalidScope => (1125, "invalid_scope", 400),
            Self::AccessDenied => (1126, "access_denied", 403),
            Self::LoginRequired => (1127, "login_required", 400),
            Self::RequestNotSupported => (1128, "request_not_supported", 400),
            Self::RequestUriNotSupported => (1129, "request_uri_not_supported", 400),
        }
    }
}

/// What the wire says of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The number, as front ends know it.
    pub code: u16,
    /// The name, as RFC 6749 section 5.2 writes such names.
    pub name: &'static str,
    /// The HTTP status.
    pub status: u16,
}

impl Error {
    /// An OAuth refusal with its reason.
    #[must_use]
    pub const fn oauth(error: OAuthError, reason: &'static str) -> Self {
        Self::OAuth(error, Cow::Borrowed(reason))
    }

    /// The name under which an authorization response tells of this failure (RFC 6749 section 4.1.2.1).
    #[must_use]
    pub const fn in_authorization_response(&self) -> &'static str {
        match self {
            Self::OAuth(error, _) => error.row().1,
            Self::InvalidRequest(_) => "invalid_request",
            Self::EmployeeDisabled | Self::NotInOrganisation(_) | Self::NotAllowed => "access_denied",
            Self::DingTalkUnavailable { .. } | Self::Unavailable(_) | Self::RateLimited { .. } => {
                "temporarily_unavailable"
            }
            _ => "server_error",
        }
    }

    /// The one table of numbers, names and statuses.
    #[must_use]
    pub const fn row(&self) -> Row {
        let (code, name, status) = match self {
            Self::InvalidRequest(_) => (1101, "invalid_request", 400),
            Self::MethodNotAllowed { .. } => (1101, "invalid_request", 405),
            Self::DingTalkAccessToken(_) => (1102, "dingtalk_access_token_failed", 502),
            Self::AuthCodeRejected(_) => (1103, "auth_code_rejected", 401),
            Self::ProfileUnavailable(_) => (1104, "profile_unavailable", 502),
            Self::EmployeeDisabled => (1105, "employee_disabled", 403),
            Self::EmployeeNotInserted(_) => (1106, "employee_not_saved", 500),
            Self::EmployeeNotUpdated(_) => (1107, "employee_not_saved", 500),
            Self::Internal(_) => (1108, "internal", 500),
            Self::UrlNotAllowed => (1109, "url_not_allowed", 403),
            Self::RateLimited { .. } => (1110, "rate_limited", 429),
            Self::JsapiTicket(_) => (1111, "jsapi_ticket_failed", 502),
            Self::DingTalkUnavailable { .. } => (1112, "dingtalk_unavailable", 503),
            Self::NotInOrganisation(_) => (1113, "not_in_organisation", 403),
            Self::InvalidToken(_) | Self::MissingToken(_) => (1114, "invalid_token", 401),
            Self::NotAllowed => (1115, "not_allowed", 403),
            Self::NotFound => (1116, "not_found", 404),
            Self::Unavailable(_) => (1117, "temporarily_unavailable", 503),
            Self::OAuth(error, _) => error.row(),
        };
        Row { code, name, status }
    }

    /// Seconds after which the caller may come back, where that helps (`Retry-After`, RFC 9110 section 10.2.3).
    #[must_use]
    pub fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::RateLimited { retry_after } | Self::DingTalkUnavailable { retry_after, .. } => {
                Some(retry_after.as_secs().max(1))
            }
            Self::Unavailable(_) => Some(1),
            _ => None,
        }
    }
}

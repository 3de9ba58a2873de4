//! What the caller learns when the platform refuses.

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::dingtalk::error::{CodeSpent, DingTalkError};
use crate::error::Error;

/// What the caller learns when a code brings no user.
pub(super) fn no_user(cause: DingTalkError) -> Error {
    match cause {
        DingTalkError::CodeRejected { .. } => Error::AuthCodeRejected(cause.into()),
        DingTalkError::OutsideRange { .. } | DingTalkError::NotFound { .. } => Error::NotInOrganisation(cause.into()),
        DingTalkError::AppToken { .. } | DingTalkError::Permission { .. } => Error::DingTalkAccessToken(cause.into()),
        cause => {
            let code_reusable = matches!(
                cause,
                DingTalkError::Throttled { .. }
                    | DingTalkError::Unavailable {
                        code_spent: CodeSpent::No,
                        ..
                    }
            );
            Error::DingTalkUnavailable {
                retry_after: Duration::from_secs(2),
                code_reusable: Some(code_reusable),
                cause: cause.into(),
            }
        }
    }
}

/// What the caller learns when a user's profile does not come.
pub(super) fn no_profile(cause: DingTalkError) -> Error {
    match cause {
        DingTalkError::OutsideRange { .. } | DingTalkError::NotFound { .. } => Error::NotInOrganisation(cause.into()),
        DingTalkError::AppToken { .. } => Error::DingTalkAccessToken(cause.into()),
        DingTalkError::Throttled { .. } | DingTalkError::Unavailable { .. } => Error::DingTalkUnavailable {
            retry_after: Duration::from_secs(2),
            code_reusable: Some(false),
            cause: cause.into(),
        },
        cause => Error::ProfileUnavailable(cause.into()),
    }
}

/// What a failure means for a caller whose code is of no use any more.
pub(super) fn after_the_code(error: Error) -> Error {
    match error {
        Error::DingTalkUnavailable { retry_after, cause, .. } => Error::DingTalkUnavailable {
            retry_after,
            code_reusable: Some(false),
            cause,
        },
        error => error,
    }
}

/// The cause of a failure that the callers of a doubled call share.
#[derive(Debug)]
struct SharedCause(Arc<Error>);

impl fmt::Display for SharedCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.source().map_or(Ok(()), |cause| fmt::Display::fmt(cause, f))
    }
}

impl std::error::Error for SharedCause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source().and_then(std::error::Error::source)
    }
}

/// The failure of a call for one of its callers. The first has the cause, so that the log tells it once.
pub(super) fn of_the_call(error: &Arc<Error>, first: bool) -> Error {
    let cause = || {
        if first {
            anyhow::Error::new(SharedCause(Arc::clone(error)))
        } else {
            anyhow::anyhow!("as for the call that this one repeats")
        }
    };
    match &**error {
        Error::InvalidRequest(text) => Error::InvalidRequest(text.clone()),
        Error::DingTalkAccessToken(_) => Error::DingTalkAccessToken(cause()),
        Error::AuthCodeRejected(_) => Error::AuthCodeRejected(cause()),
        Error::ProfileUnavailable(_) => Error::ProfileUnavailable(cause()),
        Error::EmployeeDisabled => Error::EmployeeDisabled,
        Error::EmployeeNotInserted(_) => Error::EmployeeNotInserted(cause()),
        Error::EmployeeNotUpdated(_) => Error::EmployeeNotUpdated(cause()),
        Error::UrlNotAllowed => Error::UrlNotAllowed,
        Error::JsapiTicket(_) => Error::JsapiTicket(cause()),
        Error::DingTalkUnavailable {
            retry_after,
            code_reusable,
            ..
        } => Error::DingTalkUnavailable {
            retry_after: *retry_after,
            code_reusable: *code_reusable,
            cause: cause(),
        },
        Error::NotInOrganisation(_) => Error::NotInOrganisation(cause()),
        Error::Unavailable(_) => Error::Unavailable(cause()),
        _ => Error::Internal(cause()),
    }
}

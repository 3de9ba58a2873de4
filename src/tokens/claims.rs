//! What an access token says (RFC 9068), and of whom.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a token says of its subject beyond the registered claims: no mobile, no e-mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// DingTalk's id of the employee within the company.
    pub userid: String,
    /// Full name.
    pub name: String,
    /// The company.
    pub corp_id: String,
    /// The main department.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dept_id: Option<i64>,
    /// The top-level branch of the main department.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dept_root_id: Option<i64>,
    /// Every department.
    pub dept_ids: Vec<i64>,
    /// Names of the roles granted here.
    pub roles: Vec<String>,
    /// What those roles allow.
    pub power: Vec<String>,
}

/// The claims of an access token: RFC 9068 section 2.2, and an [`Identity`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// Issuer.
    pub iss: String,
    /// Subject: our id of the employee, as text.
    pub sub: String,
    /// Audience: the micro-app's name, or a client's id.
    pub aud: String,
    /// End, in seconds since 1970.
    pub exp: i64,
    /// Issued at, in seconds since 1970.
    pub iat: i64,
    /// Id of this token.
    pub jti: Uuid,
    /// Who asked for it; for a micro-app the same as `aud`.
    pub client_id: String,
    /// The session that it belongs to.
    pub sid: Uuid,
    /// Who the subject is.
    #[serde(flatten)]
    pub identity: Identity,
}

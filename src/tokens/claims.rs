//! What our tokens say, and of whom: access tokens (RFC 9068), ID tokens and logout tokens (OpenID Connect).

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
    /// Subject: our id of the employee as text, or the client's own id.
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
    /// What it is good for, where a client asked for it (RFC 6749 section 3.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Who the subject is; none where a client acts for itself. Ids of clients and of employees may look alike: that
    /// an employee is meant is told by this alone.
    #[serde(flatten)]
    pub identity: Option<Identity>,
}

impl AccessClaims {
    /// Whether the token carries a scope.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scope
            .as_deref()
            .is_some_and(|scopes| scopes.split(' ').any(|own| own == scope))
    }
}

/// What an ID token and the userinfo endpoint tell of a person (OpenID Connect Core section 5.1), by scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// Our id of the employee, as text.
    pub sub: String,
    /// Full name (scope `profile`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// DingTalk's userid: what the person is called here (scope `profile`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_username: Option<String>,
    /// Address of the picture (scope `profile`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// What the access token says too (scope `roles` for roles and power, `profile` for the rest).
    #[serde(flatten)]
    pub company: Option<Company>,
    /// Names of the roles (scope `roles`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// The same, under the name that many applications look for (scope `roles`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
    /// What the roles allow (scope `roles`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power: Option<Vec<String>>,
}

/// Where a person stands, for scope `profile`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Company {
    /// DingTalk's id of the employee within the company.
    pub userid: String,
    /// The company.
    pub corp_id: String,
    /// The main department.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dept_id: Option<i64>,
    /// The top-level branch of the main department.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dept_root_id: Option<i64>,
    /// Every department.
    pub dept_ids: Vec<i64>,
}

impl Profile {
    /// What `scope` allows to tell of `identity`.
    #[must_use]
    pub fn new(sub: String, identity: &Identity, picture: &str, scope: &str) -> Self {
        let has = |name: &str| scope.split(' ').any(|own| own == name);
        let (profile, roles) = (has("profile"), has("roles"));
        let list = |list: &[String]| roles.then(|| list.to_vec());
        Self {
            sub,
            name: profile.then(|| identity.name.clone()),
            preferred_username: profile.then(|| identity.userid.clone()),
            picture: Some(picture.to_owned()).filter(|picture| profile && !picture.is_empty()),
            company: profile.then(|| Company {
                userid: identity.userid.clone(),
                corp_id: identity.corp_id.clone(),
                dept_id: identity.dept_id,
                dept_root_id: identity.dept_root_id,
                dept_ids: identity.dept_ids.clone(),
            }),
            roles: list(&identity.roles),
            groups: list(&identity.roles),
            power: list(&identity.power),
        }
    }
}

/// The claims of an ID token (OpenID Connect Core section 2).
#[derive(Debug, Clone, Serialize)]
pub(super) struct IdClaims<'a> {
    pub(super) iss: &'a str,
    pub(super) aud: &'a str,
    pub(super) exp: i64,
    pub(super) iat: i64,
    /// When the person last proved who they are.
    pub(super) auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nonce: Option<&'a str>,
    /// Binds the access token that came along (section 3.1.3.6).
    pub(super) at_hash: String,
    pub(super) sid: Uuid,
    #[serde(flatten)]
    pub(super) profile: &'a Profile,
}

/// What is read of an ID token that comes back as a hint at a logout.
#[derive(Debug, Clone, Deserialize)]
pub struct IdTokenHint {
    /// Whom it spoke of.
    pub sub: String,
    /// The client that it was made for.
    pub aud: String,
    /// The client's session.
    pub sid: Uuid,
}

/// The claims of a logout token (OpenID Connect Back-Channel Logout section 2.4).
#[derive(Debug, Clone, Serialize)]
pub(super) struct LogoutClaims<'a> {
    pub(super) iss: &'a str,
    pub(super) sub: &'a str,
    pub(super) aud: &'a str,
    pub(super) iat: i64,
    pub(super) exp: i64,
    pub(super) jti: Uuid,
    pub(super) sid: Uuid,
    pub(super) events: serde_json::Value,
}

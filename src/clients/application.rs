//! One business application: what it registered, and what follows from that.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::Serialize;

use super::client;
use super::registered_uri::{check_called, check_redirect};
use super::secret;
use crate::config::tokens::Algorithm;

/// Grants that can be registered, by their names on the wire (RFC 6749, RFC 8414).
pub const GRANTS: [&str; 3] = ["authorization_code", "refresh_token", "client_credentials"];

/// Scopes of a client that names none.
const USUAL_SCOPES: [&str; 3] = ["openid", "profile", "roles"];

/// Most URIs of a kind, scopes, roles or departments that a client registers.
const MOST: usize = 32;

/// A business application. Secrets are known by their digests alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Application {
    /// `client_id`.
    pub client_id: String,
    /// What people call it.
    pub name: String,
    /// Whether it is public: a page or an app, which can keep no secret.
    pub public: bool,
    /// Where authorization responses may go; compared as text.
    pub redirect_uris: Vec<String>,
    /// Where a browser may go after a logout; compared as text.
    pub post_logout_redirect_uris: Vec<String>,
    /// Where logout tokens go.
    pub backchannel_logout_uri: Option<String>,
    /// Grants that it may use.
    pub grants: Vec<String>,
    /// Scopes that it may have.
    pub scopes: Vec<String>,
    /// What signs its ID tokens.
    pub id_token_alg: &'static str,
    /// Roles of which an employee needs one.
    pub required_roles: Vec<String>,
    /// Departments in or below one of which an employee has to be.
    pub required_departments: Vec<i64>,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// Until when the secret before the present one is good.
    pub former_secret_until: Option<DateTime<Utc>>,
    #[serde(skip)]
    secret_digest: Option<String>,
    #[serde(skip)]
    former_secret_digest: Option<String>,
}

/// What is asked for a new client.
#[derive(Debug, Clone, Default)]
pub struct Registration {
    /// `client_id`.
    pub id: String,
    /// What people call it; its id if empty.
    pub name: String,
    /// Without a secret.
    pub public: bool,
    /// Where authorization responses may go.
    pub redirect_uris: Vec<String>,
    /// Where a browser may go after a logout.
    pub post_logout_redirect_uris: Vec<String>,
    /// Where logout tokens go.
    pub backchannel_logout_uri: Option<String>,
    /// Grants; empty: `authorization_code` and `refresh_token` where there are redirect URIs, else
    /// `client_credentials`.
    pub grants: Vec<String>,
    /// Scopes; empty: the usual ones of OpenID Connect.
    pub scopes: Vec<String>,
    /// JOSE name of the algorithm for ID tokens; none: RS256.
    pub id_token_alg: Option<String>,
    /// Roles of which an employee needs one.
    pub required_roles: Vec<String>,
    /// Departments in or below one of which an employee has to be.
    pub required_departments: Vec<i64>,
}

impl Application {
    pub(super) fn from_row(row: &client::Model) -> Self {
        let list = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        Self {
            client_id: row.id.clone(),
            name: row.name.clone(),
            public: row.secret_digest.is_none(),
            redirect_uris: list(&row.redirect_uris),
            post_logout_redirect_uris: list(&row.post_logout_redirect_uris),
            backchannel_logout_uri: row.backchannel_logout_uri.clone(),
            grants: list(&row.grants),
            scopes: list(&row.scopes),
            id_token_alg: Algorithm::named(&row.id_token_algorithm)
                .unwrap_or(Algorithm::Rs256)
                .name(),
            required_roles: list(&row.required_roles),
            required_departments: row
                .required_departments
                .split_whitespace()
                .filter_map(|id| id.parse().ok())
                .collect(),
            created_at: row.created_at,
            former_secret_until: row.former_secret_until,
            secret_digest: row.secret_digest.clone(),
            former_secret_digest: row.former_secret_digest.clone(),
        }
    }

    /// Whether it can keep no secret.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.public
    }

    /// What signs its ID tokens.
    #[must_use]
    pub fn id_token_algorithm(&self) -> Algorithm {
        Algorithm::named(self.id_token_alg).unwrap_or(Algorithm::Rs256)
    }

    /// Whether it may use a grant.
    #[must_use]
    pub fn may(&self, grant: &str) -> bool {
        self.grants.iter().any(|own| own == grant)
    }

    /// Whether one of its redirect URIs is a page of that origin.
    #[must_use]
    pub fn is_of_origin(&self, origin: &[u8]) -> bool {
        self.redirect_uris.iter().any(|uri| {
            uri.as_bytes()
                .strip_prefix(origin)
                .is_some_and(|rest| matches!(rest.first(), None | Some(b'/' | b'?')))
                && uri.starts_with("http")
        })
    }

    /// Those of the asked scopes that it may have, separated by spaces; all of its own where none is asked for.
    #[must_use]
    pub fn granted(&self, asked: Option<&str>) -> String {
        let own = self.scopes.iter().map(String::as_str);
        let granted: Vec<&str> = match asked {
            None | Some("") => own.collect(),
            Some(asked) => own
                .filter(|scope| asked.split(' ').any(|other| other == *scope))
                .collect(),
        };
        granted.join(" ")
    }

    /// Whether it may have every one of the asked scopes.
    #[must_use]
    pub fn may_have_all(&self, asked: &str) -> bool {
        asked
            .split_whitespace()
            .all(|scope| self.scopes.iter().any(|own| own == scope))
    }

    /// Whether `secret` is its present one, or the one before while that is still good.
    pub(super) fn proves(&self, secret: &SecretString, now: DateTime<Utc>) -> bool {
        let present = self
            .secret_digest
            .as_deref()
            .is_some_and(|kept| secret::fits(secret, kept));
        let former = self
            .former_secret_digest
            .as_deref()
            .is_some_and(|kept| secret::fits(secret, kept));
        present | (former & self.former_secret_until.is_some_and(|until| now < until))
    }
}

/// Whether `text` can be a client's id: what needs no escape in a URL, and no number, as the subjects of employees are.
pub(super) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        && !text.bytes().all(|byte| byte.is_ascii_digit())
}

impl Registration {
    /// Checks all of it; answers the row, or what is wrong in words for the administrator.
    pub(super) fn into_row(
        self,
        corp_id: &str,
        secret_digest: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<client::Model, String> {
        if !is_id(&self.id) {
            return Err("an id is 1 to 64 of a-z, A-Z, 0-9, -, _ and . and not a number".to_owned());
        }
        for uri in self.redirect_uris.iter().chain(&self.post_logout_redirect_uris) {
            check_redirect(uri).map_err(|fault| format!("{uri} {fault}"))?;
        }
        if let Some(uri) = &self.backchannel_logout_uri {
            check_called(uri).map_err(|fault| format!("{uri} {fault}"))?;
        }
        let grants = if !self.grants.is_empty() {
            self.grants
        } else if self.redirect_uris.is_empty() {
            vec!["client_credentials".to_owned()]
        } else {
            vec!["authorization_code".to_owned(), "refresh_token".to_owned()]
        };
        if let Some(unknown) = grants.iter().find(|grant| !GRANTS.contains(&grant.as_str())) {
            return Err(format!("there is no grant {unknown}; there are {}", GRANTS.join(", ")));
        }
        let has = |name: &str| grants.iter().any(|grant| grant == name);
        if has("authorization_code") == self.redirect_uris.is_empty() {
            return Err("the grant authorization_code and --redirect-uri go together".to_owned());
        }
        if has("refresh_token") && !has("authorization_code") {
            return Err("the grant refresh_token goes with authorization_code".to_owned());
        }
        if has("client_credentials") && self.public {
            return Err("a public client has no credentials to use the grant client_credentials with".to_owned());
        }
        let scopes = if self.scopes.is_empty() && has("authorization_code") {
            USUAL_SCOPES.map(str::to_owned).to_vec()
        } else {
            self.scopes
        };
        let visible =
            |text: &String| !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_graphic());
        if !scopes.iter().all(visible) {
            return Err("a scope is 1 to 64 visible ASCII characters".to_owned());
        }
        if !self.required_roles.iter().all(visible) {
            return Err("a role is 1 to 64 visible ASCII characters".to_owned());
        }
        let algorithm = match &self.id_token_alg {
            None => Algorithm::Rs256,
            Some(name) => Algorithm::named(name)
                .ok_or_else(|| format!("{name} signs no ID token here; RS256, ES256 and EdDSA do"))?,
        };
        let counts = [
            self.redirect_uris.len(),
            self.post_logout_redirect_uris.len(),
            scopes.len(),
            self.required_roles.len(),
            self.required_departments.len(),
        ];
        if counts.into_iter().any(|count| count > MOST) {
            return Err(format!("more than {MOST} of a kind are too many"));
        }
        let departments: Vec<String> = self.required_departments.iter().map(i64::to_string).collect();
        let name: String = self
            .name
            .chars()
            .filter(|letter| !letter.is_control())
            .take(255)
            .collect();
        let scopes = scopes.join(" ");
        let (required_roles, required_departments) = (self.required_roles.join(" "), departments.join(" "));
        if [&scopes, &required_roles, &required_departments]
            .into_iter()
            .any(|list| list.len() > 1024)
        {
            return Err("scopes, roles or departments are more than 1024 characters together".to_owned());
        }
        Ok(client::Model {
            corp_id: corp_id.to_owned(),
            name: if name.is_empty() { self.id.clone() } else { name },
            id: self.id,
            secret_digest,
            former_secret_digest: None,
            former_secret_until: None,
            redirect_uris: self.redirect_uris.join(" "),
            post_logout_redirect_uris: self.post_logout_redirect_uris.join(" "),
            backchannel_logout_uri: self.backchannel_logout_uri,
            grants: grants.join(" "),
            scopes,
            id_token_algorithm: algorithm.name().to_owned(),
            required_roles,
            required_departments,
            created_at: now,
            updated_at: now,
        })
    }
}

//! What an application exchanges for tokens, and what it may ask about them.

pub mod http;

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use crate::clients::Clients;
use crate::clients::application::Application;
use crate::clients::credentials::Credentials;
use crate::clock::Clock;
use crate::error::{Error, OAuthError};
use crate::login::Login;
use crate::login::people::Person;
use crate::parameters::Parameters;
use crate::tokens::Tokens;
use crate::tokens::claims::{AccessClaims, Profile};
use crate::tokens::grant::Redemption;
use crate::tokens::session::{self, Holder};

/// What a client learns of somebody who was disabled here, or has left.
const MAY_NOT_SIGN_IN: Error = Error::oauth(OAuthError::InvalidGrant, "this person may not sign in any more");

/// The endpoints of applications. Clones share everything.
#[derive(Clone)]
pub struct Exchange {
    /// Who applications are.
    pub clients: Clients,
    /// Their tokens.
    pub tokens: Tokens,
    /// Who people are.
    pub login: Login,
    /// The time.
    pub clock: Clock,
}

/// A successful answer of the token endpoint (RFC 6749 section 5.1).
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TokenResponse {
    access_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// Seconds.
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

impl Exchange {
    /// Grants tokens for whatever a client presents.
    ///
    /// # Errors
    /// Those of RFC 6749 section 5.2.
    pub(crate) async fn grant(&self, client: &Application, form: &Parameters) -> Result<TokenResponse, Error> {
        let grant_type = form.needed("grant_type")?;
        if !crate::clients::application::GRANTS.contains(&grant_type) {
            return Err(Error::oauth(
                OAuthError::UnsupportedGrantType,
                "authorization_code, refresh_token and client_credentials are served",
            ));
        }
        if !client.may(grant_type) {
            return Err(Error::oauth(
                OAuthError::UnauthorizedClient,
                "this application did not register that grant",
            ));
        }
        match grant_type {
            "authorization_code" => self.by_code(client, form).await,
            "refresh_token" => self.by_refresh_token(client, form).await,
            _ => self.by_credentials(client, form).await,
        }
    }

    async fn by_code(&self, client: &Application, form: &Parameters) -> Result<TokenResponse, Error> {
        let redemption = Redemption {
            code: form.needed("code")?,
            client_id: &client.client_id,
            redirect_uri: form.needed("redirect_uri")?,
            code_verifier: form.get("code_verifier"),
        };
        let (session, nonce) = self.tokens.redeem(redemption).await?;
        self.check_begun(client, &session).await?;
        let person = match self.login.person(&session.subject).await {
            Err(Error::EmployeeDisabled) => {
                self.tokens.sessions().end(session.id).await?;
                return Err(MAY_NOT_SIGN_IN);
            }
            person => person?,
        };
        self.check_person(client, &session, &person).await?;
        self.answer(client, &session, &person, nonce.as_deref()).await
    }

    async fn by_refresh_token(&self, client: &Application, form: &Parameters) -> Result<TokenResponse, Error> {
        const TOO_MUCH: Error = Error::oauth(OAuthError::InvalidScope, "a refresh grants no more than was granted");
        let refresh_token = form.needed("refresh_token")?;
        let asked = form.get("scope");
        if let Some(asked) = asked {
            // Looked at before the token is used, so that a wrong wish costs nothing.
            let family = self.tokens.sessions().family_of_token(refresh_token).await?;
            if family.is_some_and(|(session, _)| narrowed(&session.scope, asked).is_none()) {
                return Err(TOO_MUCH);
            }
        }
        let (mut session, person) = self
            .login
            .refreshed(refresh_token, Holder::Client(&client.client_id))
            .await
            .map_err(|error| match error {
                Error::InvalidToken(_) => Error::oauth(
                    OAuthError::InvalidGrant,
                    "the refresh token is expired, used or not this client's",
                ),
                Error::EmployeeDisabled => MAY_NOT_SIGN_IN,
                error => error,
            })?;
        self.check_person(client, &session, &person).await?;
        if let Some(asked) = asked {
            session.scope = narrowed(&session.scope, asked).ok_or(TOO_MUCH)?;
        }
        self.answer(client, &session, &person, None).await
    }

    async fn by_credentials(&self, client: &Application, form: &Parameters) -> Result<TokenResponse, Error> {
        let asked = form.get("scope");
        if asked.is_some_and(|asked| !client.may_have_all(asked)) {
            return Err(Error::oauth(
                OAuthError::InvalidScope,
                "this application did not register one of the scopes",
            ));
        }
        let session = self
            .tokens
            .open_own_session(&client.client_id, client.granted(asked))
            .await?;
        self.check_begun(client, &session).await?;
        let pair = self.tokens.issue(&session, None)?;
        Ok(TokenResponse {
            access_token: pair.access_token,
            token_type: "Bearer",
            expires_in: pair.access_over_at - self.clock.unix_seconds(),
            refresh_token: None,
            scope: session.scope,
            id_token: None,
        })
    }

    /// Ends a session that has just begun, where its client was removed meanwhile: this instance may not have heard of it
    /// yet, and the removal has not seen the session.
    async fn check_begun(&self, client: &Application, session: &session::Model) -> Result<(), Error> {
        if self.clients.exists(&client.client_id).await? {
            return Ok(());
        }
        self.tokens.sessions().end(session.id).await?;
        Err(Error::oauth(
            OAuthError::InvalidClient,
            "this application was removed just now",
        ))
    }

    /// Ends the session of somebody who may not use the client any more: roles and departments change while it lives.
    async fn check_person(&self, client: &Application, session: &session::Model, person: &Person) -> Result<(), Error> {
        if self.login.may_use(client, person) {
            return Ok(());
        }
        self.tokens.sessions().end(session.id).await?;
        Err(Error::oauth(
            OAuthError::InvalidGrant,
            "this person may not use this application any more",
        ))
    }

    async fn answer(
        &self,
        client: &Application,
        session: &session::Model,
        person: &Person,
        nonce: Option<&str>,
    ) -> Result<TokenResponse, Error> {
        let pair = self.tokens.issue(session, Some(person.identity.clone()))?;
        let is_openid = session.scope.split(' ').any(|scope| scope == "openid");
        let id_token = if is_openid {
            let profile = Profile::new(
                session.subject.clone(),
                &person.identity,
                &person.picture,
                &session.scope,
            );
            let algorithm = client.id_token_algorithm();
            let signed = self
                .tokens
                .id_token(session, algorithm, &pair.access_token, nonce, &profile);
            Some(signed.await?)
        } else {
            None
        };
        Ok(TokenResponse {
            expires_in: pair.access_over_at - self.clock.unix_seconds(),
            access_token: pair.access_token,
            token_type: "Bearer",
            refresh_token: client.may("refresh_token").then_some(pair.refresh_token),
            scope: session.scope.clone(),
            id_token,
        })
    }

    /// What the userinfo endpoint tells of the bearer (OpenID Connect Core section 5.3).
    ///
    /// # Errors
    /// [`Error::NotAllowed`] without scope `openid`, [`Error::EmployeeDisabled`], [`Error::Unavailable`].
    pub(crate) async fn userinfo(&self, claims: &AccessClaims) -> Result<Profile, Error> {
        let scope = claims.scope.as_deref().unwrap_or_default();
        if claims.identity.is_none() || !claims.has_scope("openid") {
            return Err(Error::NotAllowed);
        }
        let person = self.login.person(&claims.sub).await?;
        Ok(Profile::new(
            claims.sub.clone(),
            &person.identity,
            &person.picture,
            scope,
        ))
    }

    /// Whether a token is good, and what it says (RFC 7662 section 2.2). For an access token nobody is asked.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where it cannot be known.
    pub(crate) async fn introspect(&self, client: &Application, token: &str) -> Result<Value, Error> {
        let inactive = json!({"active": false});
        match self.tokens.verify(token) {
            Ok(claims) => {
                let mut answer = serde_json::to_value(&*claims).map_err(|cause| Error::Internal(cause.into()))?;
                if let Some(members) = answer.as_object_mut() {
                    members.insert("active".to_owned(), json!(true));
                    members.insert("token_type".to_owned(), json!("Bearer"));
                    if let Some(identity) = &claims.identity {
                        members.insert("username".to_owned(), json!(identity.userid));
                    }
                }
                return Ok(answer);
            }
            Err(error @ Error::Unavailable(_)) => return Err(error),
            Err(_) => {}
        }
        let session = self.tokens.sessions().of_token(token).await?;
        // A refresh token is a matter between us and its client.
        match session.filter(|session| session.client_id.as_ref() == Some(&client.client_id)) {
            Some(session) => Ok(json!({
                "active": true, "token_type": "refresh_token", "client_id": client.client_id, "sub": session.subject,
                "scope": session.scope, "exp": session.expires_at.timestamp(), "iat": session.refreshed_at.timestamp(),
                "iss": self.tokens.issuer(), "sid": session.id,
            })),
            None => Ok(inactive),
        }
    }

    /// Ends the session of a token of the client's own (RFC 7009); of another's, or of none, nothing is told.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub(crate) async fn revoke(&self, client: &Application, token: &str) -> Result<(), Error> {
        let own = match self.tokens.verify(token) {
            Ok(claims) => Some(claims.sid).filter(|_| claims.client_id == client.client_id),
            Err(error @ Error::Unavailable(_)) => return Err(error),
            Err(_) => self
                .tokens
                .sessions()
                .of_token(token)
                .await?
                .filter(|session| session.client_id.as_ref() == Some(&client.client_id))
                .map(|session| session.id),
        };
        match own {
            Some(session) => self.tokens.sessions().end(session).await,
            None => Ok(()),
        }
    }

    /// The client that a request comes from.
    ///
    /// # Errors
    /// [`OAuthError::InvalidClient`], [`Error::Unavailable`].
    pub(crate) async fn client(&self, credentials: &Credentials) -> Result<Arc<Application>, Error> {
        self.clients.authenticate(credentials).await
    }
}

/// The asked scopes, where all of them were granted.
fn narrowed(granted: &str, asked: &str) -> Option<String> {
    let granted: Vec<&str> = granted.split(' ').collect();
    let asked: Vec<&str> = asked.split_whitespace().collect();
    asked
        .iter()
        .all(|scope| granted.contains(scope))
        .then(|| asked.join(" "))
}

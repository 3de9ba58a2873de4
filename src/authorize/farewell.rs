//! Logouts that an application asks for: who is meant, who has to be asked, and where the browser goes afterwards.

use url::Url;
use uuid::Uuid;

use super::request;
use crate::clients::Clients;
use crate::clients::registered_uri::is_registered;
use crate::error::Error;
use crate::parameters::Parameters;
use crate::tokens::Tokens;
use crate::tokens::session;

/// What a logout asks for (OpenID Connect RP-Initiated Logout section 2).
pub(super) struct Farewell {
    /// The sessions that end.
    sessions: Vec<Uuid>,
    /// Whether the application has shown that it acts for the person who is signed in; else the person is asked.
    pub(super) certain: bool,
    /// The application that asks, where it is known.
    pub(super) client_id: Option<String>,
    /// Where the browser goes afterwards.
    pub(super) location: Option<String>,
}

/// The logouts of one deployment.
pub(super) struct Farewells {
    pub(super) tokens: Tokens,
    pub(super) clients: Clients,
}

impl Farewells {
    /// Reads what a logout asks for; nothing is ended yet.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a hint that is not ours, or a redirect URI that is not the client's;
    /// [`Error::Unavailable`] when the database is away.
    pub(super) async fn read(
        &self,
        parameters: &Parameters,
        browser: Option<&session::Model>,
    ) -> Result<Farewell, Error> {
        let wrong = |text: &str| Error::InvalidRequest(text.to_owned());
        let hint = request::hint(&self.tokens, parameters)?;
        let client_id = parameters
            .get("client_id")
            .or(hint.as_ref().map(|hint| hint.aud.as_str()));
        if hint.as_ref().is_some_and(|hint| client_id != Some(&hint.aud)) {
            return Err(wrong("client_id: not the application that id_token_hint was made for"));
        }
        let client = match client_id {
            Some(id) => self.clients.find(id).await?,
            None => None,
        };
        let location = match (parameters.get("post_logout_redirect_uri"), client) {
            (None, _) => None,
            (Some(uri), Some(client)) if is_registered(&client.post_logout_redirect_uris, uri) => {
                let mut url = Url::parse(uri).map_err(|fault| Error::Internal(fault.into()))?;
                if let Some(state) = parameters.get("state") {
                    url.query_pairs_mut().append_pair("state", state);
                }
                Some(url.into())
            }
            (Some(_), _) => {
                return Err(wrong(
                    "post_logout_redirect_uri: not one that this application registered, character by character",
                ));
            }
        };
        let same = |browser: &session::Model| hint.as_ref().is_some_and(|hint| hint.sub == browser.subject);
        let certain = browser.map_or(hint.is_some(), same);
        let client_id = client_id.map(str::to_owned);
        let mut sessions: Vec<Uuid> = browser.map(|browser| browser.id).into_iter().collect();
        if let Some(hint) = &hint {
            // A form of the application's own page brings no cookie (SameSite): then the hint says which browser it is.
            if browser.is_none() {
                sessions.extend(self.tokens.sessions().browser_behind(hint.sid).await?);
            }
            sessions.push(hint.sid);
        }
        Ok(Farewell {
            sessions,
            certain,
            client_id,
            location,
        })
    }

    /// Ends what a farewell speaks of: the browser's session, the clients' that came of it, and the hint's own.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub(super) async fn carry_out(&self, farewell: &Farewell) -> Result<(), Error> {
        for session in &farewell.sessions {
            self.tokens.sessions().end(*session).await?;
        }
        Ok(())
    }
}

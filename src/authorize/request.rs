//! An authorization request: what a client asks of a browser's owner (RFC 6749, RFC 7636, OpenID Connect Core).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::clients::Clients;
use crate::clients::application::Application;
use crate::clients::registered_uri::is_registered;
use crate::error::{Error, OAuthError};
use crate::parameters::Parameters;
use crate::tokens::claims::IdTokenHint;
use crate::tokens::{Tokens, session};

/// Longest `state` that is carried back.
const LONGEST_STATE: usize = 2048;

/// Longest `nonce` that is kept.
const LONGEST_NONCE: usize = 512;

/// Where the answer goes, known to be the client's before anything else is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReturnAddress {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) state: Option<String>,
}

/// A request that may be answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AuthorizationRequest {
    pub(super) back: ReturnAddress,
    /// What is granted, within what the client may have.
    pub(super) scope: String,
    pub(super) nonce: Option<String>,
    pub(super) code_challenge: Option<String>,
    pub(super) prompt: Prompt,
    /// Our id of the employee whom the client expects (`id_token_hint`, OpenID Connect Core section 3.1.2.1).
    pub(super) expected: Option<String>,
    /// Seconds since the person last proved who they are, at the most.
    pub(super) max_age_s: Option<i64>,
}

/// Whether the person is to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Prompt {
    /// Where that is needed.
    Auto,
    /// In no case.
    None,
    /// In any case.
    Login,
}

/// A request that is refused: without an address the browser must not be sent anywhere.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) error: Error,
    pub(super) back: Option<ReturnAddress>,
}

impl AuthorizationRequest {
    /// Whether the client would take whoever has this session.
    pub(super) fn is_for(&self, session: &session::Model) -> bool {
        self.expected
            .as_ref()
            .is_none_or(|expected| *expected == session.subject)
    }
}

impl ReturnAddress {
    /// The redirect with these parameters in its query (RFC 6749 section 4.1.2, RFC 9207).
    ///
    /// # Errors
    /// [`Error::Internal`] when the registered URI is none.
    pub(super) fn with(&self, issuer: &str, answer: &[(&str, &str)]) -> Result<String, Error> {
        let mut url = Url::parse(&self.redirect_uri).map_err(|fault| Error::Internal(fault.into()))?;
        {
            let mut query = url.query_pairs_mut();
            query.extend_pairs(answer);
            if let Some(state) = &self.state {
                query.append_pair("state", state);
            }
            query.append_pair("iss", issuer);
        }
        Ok(url.into())
    }
}

/// Reads a request. First the address, so that nothing is ever sent to where the client is not.
///
/// # Errors
/// [`Refused`], with the address where it is known to be the client's.
pub(super) async fn read(
    clients: &Clients,
    tokens: &Tokens,
    parameters: &Parameters,
) -> Result<(AuthorizationRequest, Arc<Application>), Refused> {
    let (back, client) = match address(clients, parameters).await {
        Ok(found) => found,
        Err(error) => return Err(Refused { error, back: None }),
    };
    match request(&client, &back, tokens, parameters) {
        Ok(request) => Ok((request, client)),
        Err(error) => Err(Refused {
            error,
            back: Some(back),
        }),
    }
}

async fn address(clients: &Clients, parameters: &Parameters) -> Result<(ReturnAddress, Arc<Application>), Error> {
    let client_id = parameters.needed("client_id")?;
    let client = clients.find(client_id).await?.ok_or(Error::InvalidRequest(
        "client_id: no application of this id is registered".to_owned(),
    ))?;
    let redirect_uri = parameters.needed("redirect_uri")?;
    if !is_registered(&client.redirect_uris, redirect_uri) {
        return Err(Error::InvalidRequest(
            "redirect_uri: not one that this application registered, character by character".to_owned(),
        ));
    }
    let state = parameters.get("state").map(str::to_owned);
    if state.as_ref().is_some_and(|state| state.len() > LONGEST_STATE) {
        return Err(Error::InvalidRequest(format!(
            "state is longer than {LONGEST_STATE} bytes"
        )));
    }
    let back = ReturnAddress {
        client_id: client.client_id.clone(),
        redirect_uri: redirect_uri.to_owned(),
        state,
    };
    Ok((back, client))
}

fn request(
    client: &Application,
    back: &ReturnAddress,
    tokens: &Tokens,
    parameters: &Parameters,
) -> Result<AuthorizationRequest, Error> {
    let wrong = |text: &str| Error::InvalidRequest(text.to_owned());
    if parameters.get("request").is_some() {
        return Err(Error::oauth(
            OAuthError::RequestNotSupported,
            "send the parameters themselves",
        ));
    }
    if parameters.get("request_uri").is_some() {
        return Err(Error::oauth(
            OAuthError::RequestUriNotSupported,
            "send the parameters themselves",
        ));
    }
    if parameters.needed("response_type")? != "code" {
        return Err(Error::oauth(
            OAuthError::UnsupportedResponseType,
            "response_type: code is the one that is served",
        ));
    }
    if parameters.get("response_mode").is_some_and(|mode| mode != "query") {
        return Err(wrong("response_mode: query is the one that is served"));
    }
    if !client.may("authorization_code") {
        return Err(Error::oauth(
            OAuthError::UnauthorizedClient,
            "this application did not register the grant authorization_code",
        ));
    }
    let nonce = parameters.get("nonce").map(str::to_owned);
    if nonce.as_ref().is_some_and(|nonce| nonce.len() > LONGEST_NONCE) {
        return Err(wrong("nonce is longer than 512 bytes"));
    }
    let max_age_s = parameters
        .get("max_age")
        .map(|text| text.parse::<u32>().map(i64::from))
        .transpose()
        .map_err(|_fault| wrong("max_age is no number of seconds"))?;
    Ok(AuthorizationRequest {
        back: back.clone(),
        scope: client.granted(parameters.get("scope")),
        nonce,
        code_challenge: challenge(client, parameters)?,
        prompt: prompt(parameters)?,
        expected: hint(tokens, parameters)?.map(|hint| hint.sub),
        max_age_s,
    })
}

/// Whom the application speaks of by an ID token of theirs (`id_token_hint`), in this request or at a logout.
///
/// # Errors
/// [`Error::InvalidRequest`] for one that is not ours.
pub(super) fn hint(tokens: &Tokens, parameters: &Parameters) -> Result<Option<IdTokenHint>, Error> {
    let not_ours = || Error::InvalidRequest("id_token_hint: not an ID token of ours".to_owned());
    let text = parameters.get("id_token_hint");
    text.map(|text| tokens.id_token_hint(text).ok_or_else(not_ours))
        .transpose()
}

/// The challenge of the code: S256 or none (RFC 7636 section 4.3), and none for confidential clients alone.
fn challenge(client: &Application, parameters: &Parameters) -> Result<Option<String>, Error> {
    let wrong = |text: &str| Err(Error::InvalidRequest(text.to_owned()));
    let method = parameters.get("code_challenge_method");
    let Some(challenge) = parameters.get("code_challenge") else {
        return match method {
            Some(_) => wrong("code_challenge is missing"),
            None if client.is_public() => wrong("code_challenge is missing: a public application has to use PKCE"),
            None => Ok(None),
        };
    };
    // Without a method it would be `plain` (RFC 7636 section 4.3), which protects nothing.
    if method != Some("S256") {
        return wrong("code_challenge_method has to be S256");
    }
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if challenge.len() != 43 || !challenge.bytes().all(base64url) {
        return wrong("code_challenge is not 43 characters of base64url");
    }
    Ok(Some(challenge.to_owned()))
}

fn prompt(parameters: &Parameters) -> Result<Prompt, Error> {
    let words: Vec<&str> = parameters
        .get("prompt")
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    match words.as_slice() {
        [] => Ok(Prompt::Auto),
        ["none"] => Ok(Prompt::None),
        words if words.contains(&"none") => {
            Err(Error::InvalidRequest("prompt: none goes with nothing else".to_owned()))
        }
        // To choose another account is to sign in again; there is nothing to consent to within one company.
        words if words.contains(&"login") || words.contains(&"select_account") => Ok(Prompt::Login),
        words if words.iter().all(|word| *word == "consent") => Ok(Prompt::Auto),
        _ => Err(Error::InvalidRequest(
            "prompt: none, login, consent and select_account are known".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Prompt, ReturnAddress, prompt};
    use crate::parameters::Parameters;

    fn back(redirect_uri: &str, state: Option<&str>) -> ReturnAddress {
        ReturnAddress {
            client_id: "a".to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            state: state.map(str::to_owned),
        }
    }

    #[test]
    fn an_answer_joins_the_query_that_is_there() {
        let url = back("https://app.example/cb?x=1", Some("a b&c=d"))
            .with("https://sso.example", &[("code", "C")])
            .unwrap();
        assert_eq!(
            url,
            "https://app.example/cb?x=1&code=C&state=a+b%26c%3Dd&iss=https%3A%2F%2Fsso.example"
        );
    }

    #[test]
    fn none_goes_with_nothing_else() {
        let read = |text: &str| prompt(&Parameters::read(format!("prompt={text}").as_bytes()).unwrap());
        assert_eq!(read("none").unwrap(), Prompt::None);
        assert_eq!(read("login+consent").unwrap(), Prompt::Login);
        assert_eq!(read("consent").unwrap(), Prompt::Auto);
        assert!(read("none+login").is_err());
        assert!(read("force").is_err());
    }

    proptest! {
        #[test]
        fn no_state_gets_out_of_its_parameter(state in "\\PC{0,60}") {
            let url = back("https://app.example/cb", Some(&state)).with("https://sso.example", &[("code", "C")]).unwrap();
            let url = url::Url::parse(&url).unwrap();
            prop_assert_eq!(url.host_str(), Some("app.example"));
            let pairs: Vec<_> = url.query_pairs().collect();
            prop_assert_eq!(pairs.len(), 3);
            prop_assert_eq!(&pairs[1].1, state.as_str());
        }
    }
}

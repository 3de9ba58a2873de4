//! The front door for browsers: who is signed in goes on at once, who is not signs in at DingTalk first.

mod farewell;
pub mod http;
mod pending;
mod request;

use std::net::IpAddr;
use std::sync::Arc;

use url::Url;

use crate::cache::Cache;
use crate::clients::Clients;
use crate::clients::application::Application;
use crate::clock::Clock;
use crate::config::Settings;
use crate::config::app::DEFAULT_APP;
use crate::dingtalk::ids::AuthCode;
use crate::error::{Error, OAuthError};
use crate::jsapi::page_url::Origins;
use crate::login::Login;
use crate::parameters::Parameters;
use crate::tokens::Tokens;
use crate::tokens::grant::Authorization;
use crate::tokens::seal::Sealer;
use crate::tokens::session;
use farewell::Farewells;
use pending::{Outcome, PendingSignIns, Return, Target};
use request::{AuthorizationRequest, Prompt, Refused, ReturnAddress};

/// The front door of one deployment. Clones share everything.
#[derive(Clone)]
pub struct Authorize(Arc<House>);

struct House {
    login: Login,
    tokens: Tokens,
    clients: Clients,
    farewells: Farewells,
    pending: PendingSignIns,
    public_url: Url,
    /// DingTalk's own sign-in page, with all that it is always told.
    sign_in_page: Url,
    app_key: String,
    corp_id: String,
    script_url: Url,
    origins: Origins,
    clock: Clock,
}

/// Where a browser is to go next.
#[derive(Debug)]
pub(crate) enum Next {
    /// There, at once.
    Go(String),
    /// To sign in; the text is the `state` under which it comes back.
    SignIn(String),
}

impl Authorize {
    /// Puts the rooms behind the front door together.
    ///
    /// # Errors
    /// When the settings name no micro-app to sign in with.
    pub fn new(
        settings: &Settings,
        cache: Cache,
        sealer: Arc<Sealer>,
        login: Login,
        tokens: Tokens,
        clients: Clients,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let app = settings
            .apps
            .get(DEFAULT_APP)
            .ok_or_else(|| anyhow::anyhow!("there is no micro-app under [dingtalk] to sign in with"))?;
        let public_url = settings.http.public_url.clone();
        let mut sign_in_page = below(&settings.dingtalk.login_url, "/oauth2/auth")?;
        sign_in_page
            .query_pairs_mut()
            .append_pair("redirect_uri", below(&public_url, "/oauth2/callback")?.as_str())
            .append_pair("response_type", "code")
            .append_pair("client_id", &app.app_key)
            .append_pair("scope", "openid")
            .append_pair("prompt", "consent");
        let own = std::iter::once(public_url.origin());
        let apps = settings
            .apps
            .values()
            .flat_map(|app| app.allowed_origins.iter().cloned());
        let pages = settings.forward_auth.allowed_origins.iter().cloned();
        Ok(Self(Arc::new(House {
            farewells: Farewells {
                tokens: tokens.clone(),
                clients: clients.clone(),
            },
            login,
            tokens,
            clients,
            pending: PendingSignIns {
                cache,
                sealer,
                clock: clock.clone(),
            },
            sign_in_page,
            app_key: app.app_key.clone(),
            corp_id: settings.dingtalk.corp_id.clone(),
            script_url: settings.jsapi.script_url.clone(),
            origins: own.chain(apps).chain(pages).collect(),
            public_url,
            clock,
        })))
    }

    pub(crate) fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    /// The logouts that applications ask for.
    fn farewells(&self) -> &Farewells {
        &self.0.farewells
    }

    /// Whether an `Origin` header names this service itself.
    pub(crate) fn is_own_origin(&self, origin: &str) -> bool {
        self.0.public_url.origin().ascii_serialization() == origin
    }

    /// Answers an authorization request of a browser: with a code, with a refusal sent to the client, or by having
    /// somebody sign in first. `binding` is what the browser will be known by when it comes back.
    ///
    /// # Errors
    /// Where the browser must not be sent anywhere: no such client, a redirect URI that is not the client's, or a request
    /// that is too long to be carried through the sign-in.
    pub(crate) async fn authorize(
        &self,
        parameters: &Parameters,
        session: Option<&session::Model>,
        binding: &str,
    ) -> Result<Next, Error> {
        let (request, client) = match request::read(&self.0.clients, &self.0.tokens, parameters).await {
            Ok(read) => read,
            Err(Refused { error, back: None }) => return Err(error),
            Err(Refused {
                error,
                back: Some(back),
            }) => return self.refuse(&back, &error).map(Next::Go),
        };
        match session.filter(|session| self.suffices(&request, session)) {
            Some(session) => self.answer(&client, &request, session).await.map(Next::Go),
            None if request.prompt == Prompt::None => {
                let error = Error::oauth(OAuthError::LoginRequired, "nobody is signed in, or somebody else");
                self.refuse(&request.back, &error).map(Next::Go)
            }
            None => {
                let target = Target::Client(request);
                self.0.pending.begin(target, binding).map(Next::SignIn)
            }
        }
    }

    /// Leads a browser to a page, once it has signed in.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for no URL, [`Error::UrlNotAllowed`] for a page that is not of ours.
    pub(crate) fn enter(&self, page: &str, session: Option<&session::Model>, binding: &str) -> Result<Next, Error> {
        let page = self.allowed_page(page)?;
        match session {
            Some(_) => Ok(Next::Go(page)),
            None => self.0.pending.begin(Target::Page(page), binding).map(Next::SignIn),
        }
    }

    /// A page to which browsers may be sent: of this service, a micro-app, or one named under `[forward_auth]`.
    ///
    /// # Errors
    /// As [`Self::enter`].
    pub(crate) fn allowed_page(&self, page: &str) -> Result<String, Error> {
        let own = page.starts_with('/') && !page.starts_with("//") && !page.contains('\\');
        let absolute = if own {
            format!("{}{page}", self.0.public_url.origin().ascii_serialization())
        } else {
            page.to_owned()
        };
        self.0.origins.page(&absolute).map_err(|fault| fault.answer("rd"))?;
        // As a browser would send it: a header carries no letters beyond ASCII.
        let url = Url::parse(&absolute).map_err(|fault| Error::Internal(fault.into()))?;
        Ok(url.into())
    }

    /// The address that leads a browser to a page by way of the sign-in; none for a page that is not of ours.
    pub(crate) fn way_to(&self, page: &str) -> Option<String> {
        let page = self.allowed_page(page).ok()?;
        let mut url = below(&self.0.public_url, "/login").ok()?;
        url.query_pairs_mut().append_pair("rd", &page);
        Some(url.into())
    }

    /// DingTalk's own sign-in page, which sends the browser back with this `state`.
    pub(crate) fn sign_in_page(&self, state: &str) -> String {
        let mut url = self.0.sign_in_page.clone();
        url.query_pairs_mut().append_pair("state", state);
        url.into()
    }

    /// Our own page inside DingTalk, at the host that was asked and below whatever path leads here.
    pub(crate) fn inside_page(&self, state: &str) -> String {
        let path = self.0.public_url.path().trim_end_matches('/');
        format!("{path}/login/dingtalk?state={state}")
    }

    /// What our own page inside DingTalk needs to fetch an auth code: corp id, app key and JSAPI script.
    pub(crate) fn inside(&self) -> (&str, &str, &Url) {
        (&self.0.corp_id, &self.0.app_key, &self.0.script_url)
    }

    /// Whether a sign-in of that state is under way in this browser.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the cache is away.
    pub(crate) async fn is_under_way(&self, state: &str, bindings: &[String]) -> Result<bool, Error> {
        let found = self.0.pending.look(state, bindings).await?;
        Ok(matches!(found, Some(Return::First(_))))
    }

    /// A browser comes back with a code; `inside` DingTalk it is an auth code. `former` is the session that it has
    /// so far.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when no such sign-in is under way in this browser, and those of a login.
    pub(crate) async fn come_back(
        &self,
        state: &str,
        bindings: &[String],
        code: &AuthCode,
        inside: bool,
        address: IpAddr,
        former: Option<&session::Model>,
    ) -> Result<Outcome, Error> {
        let target = match self.0.pending.take(state, bindings).await?.ok_or_else(no_sign_in)? {
            Return::Again(outcome) => return Ok(outcome),
            Return::First(target) => target,
        };
        let (house, state) = (self.clone(), state.to_owned());
        let (code, former) = (code.clone(), former.cloned());
        // On its own: a browser that goes to the address again lets go of the first answer, and its code is being spent.
        let work = actix_web::rt::spawn(async move {
            let pending = &house.0.pending;
            let arrived = house.arrive(&target, &code, inside, address, former.as_ref()).await;
            match &arrived {
                Ok(outcome) => pending.finish(&state, outcome.clone()).await,
                // The page inside DingTalk offers another way to go on; outside, the same address would send the same
                // code. Of those who send too many wrong ones nothing is kept.
                Err(error) => {
                    let goes_on = inside || matches!(error, Error::RateLimited { .. });
                    pending.give_up(&state, goes_on).await;
                }
            }
            arrived
        });
        work.await.map_err(|fault| Error::Internal(fault.into()))?
    }

    /// Signs a browser in, and works out where it goes.
    async fn arrive(
        &self,
        target: &Target,
        code: &AuthCode,
        inside: bool,
        address: IpAddr,
        former: Option<&session::Model>,
    ) -> Result<Outcome, Error> {
        let house = &*self.0;
        let session = if inside {
            house.login.browser_by_auth_code(code, address).await
        } else {
            house.login.browser_by_oauth_code(code, address).await
        };
        let session = match (session, target) {
            (Ok(session), _) => session,
            // Whoever may not come in is told so by the application that sent them.
            (Err(error @ (Error::NotInOrganisation(_) | Error::EmployeeDisabled)), Target::Client(request)) => {
                return Ok(Outcome {
                    session: None,
                    location: self.refuse(&request.back, &error)?,
                });
            }
            (Err(error), _) => return Err(error),
        };
        if let Some(former) = former {
            house.tokens.sessions().supersede(former, &session).await?;
        }
        let location = match target {
            Target::Page(page) => page.clone(),
            Target::Client(request) => match house.clients.find(&request.back.client_id).await? {
                Some(client) => self.answer(&client, request, &session).await?,
                None => {
                    return Err(Error::InvalidRequest(
                        "this application was removed meanwhile".to_owned(),
                    ));
                }
            },
        };
        Ok(Outcome {
            session: Some(session.id),
            location,
        })
    }

    /// DingTalk's page sends the browser back with a refusal. Nothing is used, for no code came.
    ///
    /// # Errors
    /// As [`Self::come_back`]; [`OAuthError::AccessDenied`] where no application is to be told.
    pub(crate) async fn come_back_refused(&self, state: &str, bindings: &[String]) -> Result<String, Error> {
        let denied = Error::oauth(OAuthError::AccessDenied, "the sign-in was refused at DingTalk");
        match self.0.pending.look(state, bindings).await?.ok_or_else(no_sign_in)? {
            Return::Again(outcome) => Ok(outcome.location),
            Return::First(Target::Client(request)) => self.refuse(&request.back, &denied),
            Return::First(Target::Page(_)) => Err(denied),
        }
    }

    /// Whether a session is good enough for a request, without asking its owner again.
    fn suffices(&self, request: &AuthorizationRequest, session: &session::Model) -> bool {
        let age_s = (self.0.clock.now() - session.created_at).num_seconds();
        request.prompt != Prompt::Login
            && request.is_for(session)
            && request.max_age_s.is_none_or(|max_age_s| age_s <= max_age_s)
    }

    /// The redirect with a code, or with a refusal for whoever may not use this client.
    async fn answer(
        &self,
        client: &Application,
        request: &AuthorizationRequest,
        session: &session::Model,
    ) -> Result<String, Error> {
        let house = &*self.0;
        if !request.is_for(session) {
            let error = Error::oauth(OAuthError::LoginRequired, "somebody else has signed in");
            return self.refuse(&request.back, &error);
        }
        let person = match house.login.person(&session.subject).await {
            Ok(person) => person,
            // What has a cause is told where the log tells it too.
            Err(error @ (Error::Unavailable(_) | Error::Internal(_))) => return Err(error),
            Err(error) => return self.refuse(&request.back, &error),
        };
        if !house.login.may_use(client, &person) {
            let error = Error::oauth(OAuthError::AccessDenied, "this person may not use this application");
            return self.refuse(&request.back, &error);
        }
        let code = house
            .tokens
            .grants()
            .give(Authorization {
                client_id: client.client_id.clone(),
                browser_session: session.id,
                redirect_uri: request.back.redirect_uri.clone(),
                scope: request.scope.clone(),
                nonce: request.nonce.clone(),
                code_challenge: request.code_challenge.clone(),
            })
            .await?;
        request.back.with(house.tokens.issuer(), &[("code", &code)])
    }

    fn refuse(&self, back: &ReturnAddress, error: &Error) -> Result<String, Error> {
        let answer = [
            ("error", error.in_authorization_response()),
            ("error_description", &error.to_string()),
        ];
        back.with(self.0.tokens.issuer(), &answer)
    }
}

fn no_sign_in() -> Error {
    Error::InvalidRequest("no sign-in of this state is under way in this browser; start again".to_owned())
}

fn below(base: &Url, path: &str) -> anyhow::Result<Url> {
    Ok(Url::parse(&[base.as_str().trim_end_matches('/'), path].concat())?)
}

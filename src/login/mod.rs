//! The auth code in, token and signed config out; and what a signed-in page asks for afterwards.

mod answer;
mod coalesce;
pub mod http;
pub(crate) mod people;
mod refusal;
mod requirement;
mod writer;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Bytes;

use crate::cache::Cache;
use crate::clients::application::Application;
use crate::config::app::DEFAULT_APP;
use crate::database::Database;
use crate::dingtalk::DingTalk;
use crate::dingtalk::ids::{AuthCode, UserId};
use crate::directory::Directory;
use crate::directory::employee::Employee;
use crate::directory::profile::Profile;
use crate::error::Error;
use crate::jsapi::page_url::PageUrl;
use crate::jsapi::{Jsapi, SignedConfig};
use crate::tokens::claims::AccessClaims;
use crate::tokens::session::{self, Holder};
use crate::tokens::sessions::NOT_GOOD;
use crate::tokens::{TokenPair, Tokens};
use coalesce::{Call, Coalesce};
use people::{People, Person};
use refusal::{after_the_code, no_profile, no_user, of_the_call};
use writer::{Seat, Writer};

/// The window in which rejected codes are counted.
const REJECTION_WINDOW: Duration = Duration::from_mins(1);

/// Logins of one deployment. Clones share everything.
#[derive(Clone)]
pub struct Login(Arc<House>);

struct House {
    dingtalk: DingTalk,
    directory: Directory,
    tokens: Tokens,
    jsapi: Jsapi,
    cache: Cache,
    writer: Writer,
    running: Arc<Coalesce<Result<Entry, Arc<Error>>>>,
    people: People,
    rejected_codes_per_minute: u32,
}

/// Somebody who has signed in.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) employee: Arc<Employee>,
    pub(crate) tokens: TokenPair,
    pub(crate) config: SignedConfig,
}

impl Login {
    /// Puts the rooms that a login passes through together.
    #[must_use]
    pub fn new(
        database: Database,
        cache: Cache,
        dingtalk: DingTalk,
        directory: Directory,
        tokens: Tokens,
        jsapi: Jsapi,
        rejected_codes_per_minute: u32,
    ) -> Self {
        Self(Arc::new(House {
            writer: Writer::start(database, directory.clone(), tokens.clone()),
            people: People::new(directory.clone()),
            dingtalk,
            directory,
            tokens,
            jsapi,
            cache,
            running: Arc::default(),
            rejected_codes_per_minute,
        }))
    }

    pub(crate) fn jsapi(&self) -> &Jsapi {
        &self.0.jsapi
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.0.directory
    }

    /// Signs in with an auth code. The same call again, while this one runs, gets the same answer.
    ///
    /// # Errors
    /// Those of product.md section 3; either everything was stored or nothing.
    pub(crate) async fn with_auth_code(
        &self,
        app: String,
        code: AuthCode,
        page: PageUrl,
        call: Call,
    ) -> Result<Entry, Error> {
        let address = call.address;
        let login = self.clone();
        // Boxed at once: the work is some kilobytes, which would be moved at every hand-over.
        let work = Box::pin(async move { login.enter(&app, &code, page).await.map_err(Arc::new) });
        let (outcome, first) = self.0.running.run(call, work).await;
        match outcome {
            Some(Ok(entry)) => Ok(entry),
            Some(Err(error)) => match of_the_call(&error, first) {
                Error::AuthCodeRejected(cause) => Err(self.count_rejection(address, cause).await),
                error => Err(error),
            },
            None => Err(Error::Internal(anyhow::anyhow!("the login ended in a panic"))),
        }
    }

    async fn enter(&self, app: &str, code: &AuthCode, page: PageUrl) -> Result<Entry, Error> {
        let house = &*self.0;
        let user = house.dingtalk.user_by_auth_code(app, code).await.map_err(no_user)?;
        let profile = self.profile(app, &user.userid).await?.completed_by(user);
        // The page is signed before anything is stored: a ticket that is not to be had leaves no session behind.
        let config = house.jsapi.config(app, page).await.map_err(after_the_code)?;
        let (employee, session) = self.admit(profile, app, Seat::MicroApp(app.to_owned())).await?;
        let identity = house.people.identity(&employee);
        let tokens = house.tokens.issue(&session, Some(identity))?;
        Ok(Entry {
            employee,
            tokens,
            config,
        })
    }

    /// Signs a browser in with an auth code that its page got inside DingTalk; answers the stored session.
    ///
    /// # Errors
    /// Those of product.md section 3; either everything was stored or nothing.
    pub(crate) async fn browser_by_auth_code(&self, code: &AuthCode, address: IpAddr) -> Result<session::Model, Error> {
        let user = match self
            .0
            .dingtalk
            .user_by_auth_code(DEFAULT_APP, code)
            .await
            .map_err(no_user)
        {
            Err(Error::AuthCodeRejected(cause)) => return Err(self.count_rejection(address, cause).await),
            user => user?,
        };
        let profile = self.profile(DEFAULT_APP, &user.userid).await?;
        self.admit_browser(profile.completed_by(user)).await
    }

    /// Signs a browser in with the code that DingTalk's own sign-in page gave it; answers the stored session.
    ///
    /// # Errors
    /// As [`Self::browser_by_auth_code`].
    pub(crate) async fn browser_by_oauth_code(
        &self,
        code: &AuthCode,
        address: IpAddr,
    ) -> Result<session::Model, Error> {
        let dingtalk = &self.0.dingtalk;
        let unionid = match dingtalk.person_by_oauth_code(DEFAULT_APP, code).await.map_err(no_user) {
            Err(Error::AuthCodeRejected(cause)) => return Err(self.count_rejection(address, cause).await),
            // However it failed, the browser has to begin again, and gets another code.
            unionid => unionid.map_err(after_the_code)?,
        };
        let userid = dingtalk
            .userid_by_unionid(DEFAULT_APP, &unionid)
            .await
            .map_err(no_profile)?;
        let profile = self.profile(DEFAULT_APP, &userid).await?;
        self.admit_browser(profile).await
    }

    async fn profile(&self, app: &str, userid: &UserId) -> Result<Profile, Error> {
        let contact = self.0.dingtalk.employee_profile(app, userid).await;
        contact.map(Profile::from).map_err(no_profile)
    }

    async fn admit_browser(&self, profile: Profile) -> Result<session::Model, Error> {
        let (_, session) = self.admit(profile, DEFAULT_APP, Seat::Browser).await?;
        Ok(session)
    }

    /// Stores who comes in together with their session; departments not known yet are learned first.
    async fn admit(&self, profile: Profile, app: &str, seat: Seat) -> Result<(Arc<Employee>, session::Model), Error> {
        self.0
            .directory
            .learning
            .learn(app, profile.memberships.iter().map(|place| place.department_id))
            .await?;
        let (employee, session) = self.0.writer.store(profile, seat).await?;
        Ok((employee, session.ok_or(Error::EmployeeDisabled)?))
    }

    /// The employee that a subject is, as known a moment ago.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] for nobody, [`Error::EmployeeDisabled`], [`Error::Unavailable`].
    pub(crate) async fn person(&self, subject: &str) -> Result<Arc<Person>, Error> {
        self.0.people.get(subject).await
    }

    /// Whether a person may use a client, as things are now.
    pub(crate) fn may_use(&self, client: &Application, person: &Person) -> bool {
        let tree = self.0.directory.departments.tree();
        requirement::is_met(client, &person.identity, &tree)
    }

    /// The body of `/v1/me`: the employee of a token.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] for a token of nobody, [`Error::EmployeeDisabled`], [`Error::Unavailable`].
    pub(crate) async fn me(&self, claims: &AccessClaims) -> Result<Bytes, Error> {
        if claims.identity.is_none() {
            return Err(Error::InvalidToken(
                "this token is a client's own: it speaks of no employee",
            ));
        }
        Ok(self.person(&claims.sub).await?.answer.clone())
    }

    /// Uses a refresh token of a micro-app; the new access token says what is true of the employee now.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] for a token that is not good, [`Error::EmployeeDisabled`], [`Error::Unavailable`].
    pub(crate) async fn refresh(&self, refresh_token: &str) -> Result<TokenPair, Error> {
        let (session, person) = self.refreshed(refresh_token, Holder::MicroApp).await?;
        self.0.tokens.issue(&session, Some(person.identity.clone()))
    }

    /// Uses a refresh token of a holder; answers the session one generation on, with whom it is of now. Somebody
    /// who may not be here any more loses the session.
    ///
    /// # Errors
    /// As [`Self::refresh`].
    pub(crate) async fn refreshed(
        &self,
        refresh_token: &str,
        holder: Holder<'_>,
    ) -> Result<(session::Model, Arc<Person>), Error> {
        let sessions = self.0.tokens.sessions();
        let (session, _) = sessions.family_of_token(refresh_token).await?.ok_or(NOT_GOOD)?;
        // Read before the token is used: where the database goes away in between, nothing is lost.
        let person = match self.0.people.read(&session.subject).await {
            person @ (Ok(_) | Err(Error::EmployeeDisabled | Error::InvalidToken(_))) => person,
            Err(error) => return Err(error),
        };
        let session = sessions.rotate(refresh_token, holder).await?;
        if let Err(Error::EmployeeDisabled) = person {
            sessions.end(session.id).await?;
        }
        person.map(|person| (session, person))
    }

    /// Ends the session of a token.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub(crate) async fn log_out(&self, claims: &AccessClaims) -> Result<(), Error> {
        self.0.tokens.sessions().end(claims.sid).await
    }

    /// Counts a rejected code; beyond the limit the address is told to wait. A good code is never refused for it.
    async fn count_rejection(&self, address: IpAddr, rejection: anyhow::Error) -> Error {
        let key = format!("rejected:{}", neighbourhood(address));
        match self.0.cache.count(&key, REJECTION_WINDOW).await {
            Ok(count) if count > u64::from(self.0.rejected_codes_per_minute) => Error::RateLimited {
                retry_after: REJECTION_WINDOW,
            },
            Ok(_) => Error::AuthCodeRejected(rejection),
            Err(cause) => {
                tracing::warn!(%cause, "rejected codes cannot be counted");
                Error::AuthCodeRejected(rejection)
            }
        }
    }
}

/// An address as one caller has it: of IPv6 everybody has a whole /64 to choose from.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::neighbourhood;

    #[test]
    fn a_caller_cannot_escape_within_its_own_network() {
        let of = |text: &str| neighbourhood(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("192.0.2.1"), "192.0.2.1");
    }
}

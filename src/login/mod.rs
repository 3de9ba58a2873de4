//! The auth code in, token and signed config out; and what a signed-in page asks for afterwards.

mod coalesce;
pub mod http;
mod writer;

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::web::Bytes;
use moka::sync::Cache as Known;

use crate::cache::Cache;
use crate::database::Database;
use crate::dingtalk::DingTalk;
use crate::dingtalk::contacts::ContactUser;
use crate::dingtalk::error::{CodeSpent, DingTalkError};
use crate::dingtalk::ids::AuthCode;
use crate::directory::{Directory, Employee, Membership, Profile, bounded};
use crate::error::Error;
use crate::jsapi::page_url::PageUrl;
use crate::jsapi::{Jsapi, SignedConfig};
use crate::tokens::claims::{AccessClaims, Identity};
use crate::tokens::{TokenPair, Tokens};
use coalesce::{Call, Coalesce};
use http::EmployeeAnswer;
use writer::Writer;

/// The window in which rejected codes are counted.
const REJECTION_WINDOW: Duration = Duration::from_mins(1);

/// How long an answer of `/v1/me` is used again, the most that a change of profile or role takes to show there.
const ME_FOR: Duration = Duration::from_secs(2);

/// How long it is used while the database is away: the token is still judged at every use.
const ME_AWAY_FOR: Duration = Duration::from_mins(10);

/// More departments than anybody belongs to.
const MAX_DEPARTMENTS: usize = 64;

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
    me: Known<String, Shown>,
    rejected_codes_per_minute: u32,
}

/// An answer of `/v1/me`.
#[derive(Clone)]
struct Shown {
    body: Bytes,
    /// When the employee was read.
    read_at: Instant,
    /// When the database was last asked for them, whether it answered or not.
    asked_at: Instant,
}

/// Somebody who has signed in.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) employee: Employee,
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
            dingtalk,
            directory,
            tokens,
            jsapi,
            cache,
            running: Arc::default(),
            me: Known::builder().max_capacity(10_000).time_to_live(ME_AWAY_FOR).build(),
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
        let work = async move { login.enter(&app, &code, &page).await.map_err(Arc::new) };
        let (outcome, first) = Box::pin(self.0.running.run(call, work)).await;
        match outcome {
            Some(Ok(entry)) => Ok(entry),
            Some(Err(error)) => match of_the_call(&error, first) {
                Error::AuthCodeRejected => Err(self.count_rejection(address).await),
                error => Err(error),
            },
            None => Err(Error::Internal(anyhow::anyhow!("the login ended in a panic"))),
        }
    }

    async fn enter(&self, app: &str, code: &AuthCode, page: &PageUrl) -> Result<Entry, Error> {
        let house = &*self.0;
        let user = house.dingtalk.user_by_auth_code(app, code).await.map_err(no_user)?;
        let contact = house
            .dingtalk
            .employee_profile(app, &user.userid)
            .await
            .map_err(no_profile)?;
        let mut profile = profile(contact);
        if profile.unionid.is_none() {
            profile.unionid = user.unionid.map(|id| bounded(id.as_str(), 128));
        }
        if profile.name.is_empty() {
            profile.name = user.name.map(|name| bounded(name, 255)).unwrap_or_default();
        }
        // The page is signed before anything is stored: a ticket that is not to be had leaves no session behind.
        let config = house.jsapi.config(app, page).await.map_err(after_the_code)?;
        house
            .directory
            .learn_departments(app, profile.memberships.iter().map(|place| place.department_id))
            .await?;
        let (employee, session) = house.writer.store(profile, app.to_owned()).await?;
        let session = session.ok_or(Error::EmployeeDisabled)?;
        let tokens = house.tokens.issue(&session, self.identity(&employee))?;
        Ok(Entry {
            employee,
            tokens,
            config,
        })
    }

    /// The body of `/v1/me`: the employee of a token.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] for a token of nobody, [`Error::EmployeeDisabled`], [`Error::Unavailable`].
    pub(crate) async fn me(&self, claims: &AccessClaims) -> Result<Bytes, Error> {
        let known = self.0.me.get(claims.sub.as_str());
        if let Some(shown) = &known {
            if shown.asked_at.elapsed() < ME_FOR {
                return Ok(shown.body.clone());
            }
            // Whoever comes meanwhile does not wait for the database as well.
            self.show_on(claims, shown.clone());
        }
        let employee = match (self.subject(&claims.sub).await, known) {
            (Err(Error::Unavailable(cause)), Some(shown)) if shown.read_at.elapsed() < ME_AWAY_FOR => {
                tracing::warn!(%cause, "the database is away: an answer of before is given");
                self.show_on(claims, shown.clone());
                return Ok(shown.body);
            }
            (Err(error), _) => {
                self.0.me.invalidate(claims.sub.as_str());
                return Err(error);
            }
            (Ok(employee), _) => employee,
        };
        let answer = EmployeeAnswer::new(&employee, &self.0.directory);
        let body = Bytes::from(serde_json::to_vec(&answer).map_err(|cause| Error::Internal(cause.into()))?);
        let now = Instant::now();
        let shown = Shown {
            body: body.clone(),
            read_at: now,
            asked_at: now,
        };
        self.0.me.insert(claims.sub.clone(), shown);
        Ok(body)
    }

    /// Answers with the same for a while, without asking again.
    fn show_on(&self, claims: &AccessClaims, shown: Shown) {
        let asked_at = Instant::now();
        self.0.me.insert(claims.sub.clone(), Shown { asked_at, ..shown });
    }

    /// Uses a refresh token; the new access token says what is true of the employee now.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] for a token that is not good, [`Error::EmployeeDisabled`], [`Error::Unavailable`].
    pub(crate) async fn refresh(&self, refresh_token: &str) -> Result<TokenPair, Error> {
        let session = self.0.tokens.rotate(refresh_token).await?;
        let employee = match self.subject(&session.subject).await {
            Err(Error::EmployeeDisabled) => {
                self.0.tokens.end_session(session.id).await?;
                return Err(Error::EmployeeDisabled);
            }
            employee => employee?,
        };
        self.0.tokens.issue(&session, self.identity(&employee))
    }

    /// Ends the session of a token.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub(crate) async fn log_out(&self, claims: &AccessClaims) -> Result<(), Error> {
        self.0.tokens.end_session(claims.sid).await
    }

    async fn subject(&self, subject: &str) -> Result<Employee, Error> {
        const NOBODY: Error = Error::InvalidToken("the token speaks of nobody known here");
        let id = subject.parse().ok().ok_or(NOBODY)?;
        let employee = self.0.directory.employee_by_id(id).await?.ok_or(NOBODY)?;
        if employee.may_sign_in() {
            Ok(employee)
        } else {
            Err(Error::EmployeeDisabled)
        }
    }

    fn identity(&self, employee: &Employee) -> Identity {
        let main = employee.main_department();
        Identity {
            userid: employee.userid.clone(),
            name: employee.name.clone(),
            corp_id: self.0.directory.corp_id().to_owned(),
            dept_id: main,
            dept_root_id: main
                .and_then(|id| self.0.directory.tree().place(id).branch)
                .map(|branch| branch.id),
            dept_ids: employee
                .memberships
                .iter()
                .map(|membership| membership.department_id)
                .collect(),
            roles: employee.roles.clone(),
            power: employee.power.clone(),
        }
    }

    /// Counts a rejected code; beyond the limit the address is told to wait. A good code is never refused for it.
    async fn count_rejection(&self, address: std::net::IpAddr) -> Error {
        let key = format!("rejected:{address}");
        match self.0.cache.count(&key, REJECTION_WINDOW).await {
            Ok(count) if count > u64::from(self.0.rejected_codes_per_minute) => Error::RateLimited {
                retry_after: REJECTION_WINDOW,
            },
            Ok(_) => Error::AuthCodeRejected,
            Err(cause) => {
                tracing::warn!(%cause, "rejected codes cannot be counted");
                Error::AuthCodeRejected
            }
        }
    }
}

/// What DingTalk says of an employee, in bounds that every database keeps.
fn profile(contact: ContactUser) -> Profile {
    let main = contact.main_department();
    let mut memberships: Vec<Membership> = Vec::new();
    for id in contact.dept_id_list.iter().copied().take(MAX_DEPARTMENTS) {
        if memberships.iter().all(|known| known.department_id != id.0) {
            memberships.push(Membership {
                department_id: id.0,
                main: main == Some(id),
                leader: contact.leads(id),
            });
        }
    }
    Profile {
        userid: contact.userid.as_str().to_owned(),
        unionid: contact.unionid.map(|id| bounded(id.as_str(), 128)),
        name: bounded(contact.name.unwrap_or_default(), 255),
        avatar: bounded(contact.avatar.unwrap_or_default(), 1024),
        position: bounded(contact.title.unwrap_or_default(), 255),
        memberships,
    }
}

fn no_user(cause: DingTalkError) -> Error {
    match cause {
        DingTalkError::CodeRejected { .. } => Error::AuthCodeRejected,
        DingTalkError::OutsideRange { .. } | DingTalkError::NotFound { .. } => Error::NotInOrganisation,
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
                code_reusable,
                cause: cause.into(),
            }
        }
    }
}

fn no_profile(cause: DingTalkError) -> Error {
    match cause {
        DingTalkError::OutsideRange { .. } | DingTalkError::NotFound { .. } => Error::NotInOrganisation,
        DingTalkError::AppToken { .. } => Error::DingTalkAccessToken(cause.into()),
        DingTalkError::Throttled { .. } | DingTalkError::Unavailable { .. } => Error::DingTalkUnavailable {
            retry_after: Duration::from_secs(2),
            code_reusable: false,
            cause: cause.into(),
        },
        cause => Error::ProfileUnavailable(cause.into()),
    }
}

/// What the ticket's failure means for a login, whose code is spent by then.
fn after_the_code(error: Error) -> Error {
    match error {
        Error::DingTalkUnavailable { retry_after, cause, .. } => Error::DingTalkUnavailable {
            retry_after,
            code_reusable: false,
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
fn of_the_call(error: &Arc<Error>, first: bool) -> Error {
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
        Error::AuthCodeRejected => Error::AuthCodeRejected,
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
        Error::NotInOrganisation => Error::NotInOrganisation,
        Error::Unavailable(_) => Error::Unavailable(cause()),
        _ => Error::Internal(cause()),
    }
}

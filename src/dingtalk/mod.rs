//! The platform's API, one method a call.

mod attempts;
pub mod callback;
mod caller;
pub mod contacts;
pub mod envelope;
pub mod error;
pub mod ids;
mod keeper;
pub mod kept;
mod lenient;
mod oauth;
mod refusal;
pub mod stream;
mod tickets;
mod transport;
pub mod vault;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use url::Url;

use crate::clock::Clock;
use crate::config;

use callback::{Callbacks, FailedCallbacks, Registration};
use caller::Caller;
use contacts::{AuthCodeUser, AuthScopes, ContactDepartment, ContactUser, Contacts, MembersPage};
use error::DingTalkError;
use ids::{AuthCode, DepartmentId, UnionId, UserId};
use keeper::Keeper;
use kept::{JsapiTicket, JsapiTicketKind};
use oauth::OAuth;
use stream::{Connection, Gateway};
use tickets::Source;
use transport::Transport;
use vault::Vault;

/// The platform, as the configured apps of one company see it. Clones share connections and secrets.
#[derive(Clone)]
pub struct DingTalk {
    inner: Arc<Inner>,
}

struct Inner {
    transport: Transport,
    api_url: Url,
    clock: Clock,
    contacts: Contacts,
    oauth: OAuth,
    callbacks: Callbacks,
    apps: BTreeMap<String, App>,
}

/// One of our apps.
struct App {
    settings: config::app::App,
    caller: Caller,
    jsapi_ticket: Keeper<JsapiTicketKind>,
    gateway: Gateway,
}

impl std::fmt::Debug for DingTalk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DingTalk")
            .field("apps", &self.inner.apps.keys())
            .finish_non_exhaustive()
    }
}

impl DingTalk {
    /// Gets ready to call the hosts of `settings` for `apps`; nothing is called yet. Through the vault instances share
    /// what the platform lends them; who has none (for want of the master key) keeps it to itself.
    ///
    /// # Errors
    /// When the machine has no CA certificates, or a host in the settings cannot be one.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a room takes its handles; that it hands out clones is its affair"
    )]
    pub fn new(
        settings: &config::dingtalk::DingTalk,
        apps: &BTreeMap<String, config::app::App>,
        vault: Option<Vault>,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let transport = Transport::new(settings.timeout).context("no HTTP client can be made; CA certificates?")?;
        let contacts = Contacts::new(&settings.oapi_url).context("dingtalk.oapi_url")?;
        let oauth = OAuth::new(&settings.oapi_url, &settings.api_url).context("dingtalk.api_url")?;
        let callbacks = Callbacks::new(&settings.oapi_url).context("dingtalk.oapi_url")?;
        let app = |(name, app): (&String, &config::app::App)| {
            let source = Source {
                settings,
                app,
                transport: &transport,
                vault: vault.as_ref(),
                clock: &clock,
            };
            let caller = Caller::new(
                transport.clone(),
                source.app_access_token().context("dingtalk.api_url")?,
            );
            let jsapi_ticket = source.jsapi_ticket(&caller).context("dingtalk.api_url")?;
            let gateway = Gateway::new(transport.clone(), &settings.api_url, app).context("dingtalk.api_url")?;
            let app = App {
                settings: app.clone(),
                caller,
                jsapi_ticket,
                gateway,
            };
            anyhow::Ok((name.clone(), app))
        };
        let apps = apps.iter().map(app).collect::<Result<_, _>>()?;
        Ok(Self {
            inner: Arc::new(Inner {
                transport,
                api_url: settings.api_url.clone(),
                clock,
                contacts,
                oauth,
                callbacks,
                apps,
            }),
        })
    }

    /// Redeems an auth code (`topapi/v2/user/getuserinfo`). It is sent once, and again only after the platform has
    /// turned it away at its gate.
    ///
    /// # Errors
    /// [`DingTalkError`], where [`DingTalkError::Unavailable`] tells whether the code may be spent.
    pub async fn user_by_auth_code(&self, app: &str, code: &AuthCode) -> Result<AuthCodeUser, DingTalkError> {
        self.inner.contacts.user_by_code(self.caller(app)?, code).await
    }

    /// Redeems the code of DingTalk's own sign-in page for who the person is. It is sent once.
    ///
    /// # Errors
    /// As [`Self::user_by_auth_code`].
    pub async fn person_by_oauth_code(&self, app: &str, code: &AuthCode) -> Result<UnionId, DingTalkError> {
        let settings = &self.app(app)?.settings;
        self.inner.oauth.person(&self.inner.transport, settings, code).await
    }

    /// The member of the company that a person is (`topapi/user/getbyunionid`).
    ///
    /// # Errors
    /// [`DingTalkError::NotFound`] for an outsider, and the others.
    pub async fn userid_by_unionid(&self, app: &str, unionid: &UnionId) -> Result<UserId, DingTalkError> {
        self.inner.oauth.userid(self.caller(app)?, unionid).await
    }

    /// Reads a member (`topapi/v2/user/get`).
    ///
    /// # Errors
    /// [`DingTalkError`].
    pub async fn employee_profile(&self, app: &str, userid: &UserId) -> Result<ContactUser, DingTalkError> {
        let as_of = self.inner.clock.now();
        let contact = self.inner.contacts.user(self.caller(app)?, userid).await?;
        Ok(ContactUser { as_of, ..contact })
    }

    /// Reads a department (`topapi/v2/department/get`).
    ///
    /// # Errors
    /// [`DingTalkError`].
    pub async fn department(&self, app: &str, id: DepartmentId) -> Result<ContactDepartment, DingTalkError> {
        self.inner.contacts.department(self.caller(app)?, id).await
    }

    /// The departments right below one (`topapi/v2/department/listsub`).
    ///
    /// # Errors
    /// [`DingTalkError`].
    pub async fn sub_departments(&self, app: &str, id: DepartmentId) -> Result<Vec<ContactDepartment>, DingTalkError> {
        self.inner.contacts.children(self.caller(app)?, id).await
    }

    /// A page of a department's direct members (`topapi/v2/user/list`); the first begins at cursor 0.
    ///
    /// # Errors
    /// [`DingTalkError`].
    pub async fn department_members(
        &self,
        app: &str,
        id: DepartmentId,
        cursor: u64,
    ) -> Result<MembersPage, DingTalkError> {
        let as_of = self.inner.clock.now();
        let mut page = self.inner.contacts.members(self.caller(app)?, id, cursor).await?;
        for contact in &mut page.list {
            contact.as_of = as_of;
        }
        Ok(page)
    }

    /// What of the company the app may see (`auth/scopes`).
    ///
    /// # Errors
    /// [`DingTalkError`].
    pub async fn auth_scopes(&self, app: &str) -> Result<AuthScopes, DingTalkError> {
        self.inner.contacts.scopes(self.caller(app)?).await
    }

    /// The time at the platform, to the second.
    ///
    /// # Errors
    /// [`DingTalkError::Unavailable`].
    pub async fn time(&self) -> Result<DateTime<Utc>, DingTalkError> {
        Ok(self.inner.transport.time(&self.inner.api_url).await?)
    }

    /// Makes sure that the platform gives the app an access token.
    ///
    /// # Errors
    /// [`DingTalkError`], above all [`DingTalkError::AppToken`].
    pub async fn check_app_access_token(&self, app: &str) -> Result<(), DingTalkError> {
        self.caller(app)?.prepare().await
    }

    /// The ticket to sign the app's pages with, fetched if need be.
    ///
    /// # Errors
    /// [`DingTalkError`].
    pub async fn jsapi_ticket(&self, app: &str) -> Result<Arc<JsapiTicket>, DingTalkError> {
        self.app(app)?.jsapi_ticket.get().await
    }

    /// The ticket, if it is at hand: without I/O and without waiting.
    #[must_use]
    pub fn known_jsapi_ticket(&self, app: &str) -> Option<Arc<JsapiTicket>> {
        self.app(app).ok()?.jsapi_ticket.known()
    }

    /// Registers a callback for the company (`call_back/register_call_back`). The platform posts a check to its
    /// address meanwhile.
    ///
    /// # Errors
    /// [`DingTalkError`].
    pub async fn register_callback(&self, app: &str, registration: &Registration) -> Result<(), DingTalkError> {
        self.inner.callbacks.register(self.caller(app)?, registration).await
    }

    /// Puts another callback in the place of the registered one (`call_back/update_call_back`).
    ///
    /// # Errors
    /// [`DingTalkError`].
    pub async fn update_callback(&self, app: &str, registration: &Registration) -> Result<(), DingTalkError> {
        self.inner.callbacks.update(self.caller(app)?, registration).await
    }

    /// The registered callback (`call_back/get_call_back`), if there is one.
    ///
    /// # Errors
    /// [`DingTalkError`].
    pub async fn callback(&self, app: &str) -> Result<Option<Registration>, DingTalkError> {
        self.inner.callbacks.show(self.caller(app)?).await
    }

    /// Removes the registered callback (`call_back/delete_call_back`).
    ///
    /// # Errors
    /// [`DingTalkError`].
    pub async fn remove_callback(&self, app: &str) -> Result<(), DingTalkError> {
        self.inner.callbacks.remove(self.caller(app)?).await
    }

    /// Callbacks that nobody took (`call_back/get_call_back_failed_result`). The platform forgets what it answers.
    ///
    /// # Errors
    /// [`DingTalkError`].
    pub async fn failed_callbacks(&self, app: &str) -> Result<FailedCallbacks, DingTalkError> {
        self.inner.callbacks.failed(self.caller(app)?).await
    }

    /// Opens a connection to all events of the app (`gateway/connections/open`).
    ///
    /// # Errors
    /// [`DingTalkError`].
    pub async fn connect_stream(&self, app: &str) -> Result<Connection, DingTalkError> {
        self.app(app)?.gateway.connect().await
    }

    /// Fetches token and ticket of every app, so that nobody has to wait for them. Failures are only logged.
    pub async fn warm_up(&self) {
        let fetches = self.inner.apps.iter().map(async |(name, app)| {
            // The ticket needs the token, so that this fetches both.
            if let Err(error) = app.jsapi_ticket.get().await {
                tracing::warn!(app = name, %error, "DingTalk gives no token or ticket yet; sign-ins will ask again");
            }
        });
        join_all(fetches).await;
    }

    fn app(&self, name: &str) -> Result<&App, DingTalkError> {
        self.inner.apps.get(name).ok_or(DingTalkError::UnknownApp)
    }

    fn caller(&self, app: &str) -> Result<&Caller, DingTalkError> {
        self.app(app).map(|app| &app.caller)
    }
}

#[cfg(test)]
mod tests;

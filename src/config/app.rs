//! `[dingtalk]` and `[apps.NAME]`: the micro-apps of the company.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;

use secrecy::SecretString;
use url::Origin;

use super::check::{self, AN_ORIGIN};
use super::reader::{Read, Reader};

/// The name of the micro-app under `[dingtalk]`.
pub const DEFAULT_APP: &str = "default";

/// One micro-app of the company.
#[derive(Debug, Clone)]
pub struct App {
    /// AppKey, also called Client ID.
    pub app_key: String,
    /// AppSecret, also called Client Secret.
    pub app_secret: SecretString,
    /// AgentId, as text: that is how `dd.config` wants it.
    pub agent_id: String,
    /// Origins of the pages that may sign in and have their URL signed.
    pub allowed_origins: Vec<Origin>,
}

/// Reads all sections; `origins` are those of an app that names none. An app that is not complete is left out, unless
/// all have to be.
pub(super) fn read(r: &mut Reader<'_>, origins: &Read<Vec<Origin>>, all_needed: bool) -> Read<BTreeMap<String, App>> {
    let (mut apps, mut keys) = (BTreeMap::new(), BTreeSet::new());
    let mut result = Ok(());
    let sections = r.apps().into_iter().map(|name| (format!("apps.{name}"), name));
    for (section, name) in iter::once(("dingtalk".to_owned(), DEFAULT_APP.to_owned())).chain(sections) {
        match app(r, &section, all_needed, origins, &mut keys) {
            Ok(app) => apps.extend(app.map(|app| (name, app))),
            Err(noted) => result = Err(noted),
        }
    }
    result.map(|()| apps)
}

/// The micro-app of a section; none where it is not complete and need not be.
fn app(
    r: &mut Reader<'_>,
    section: &str,
    needed: bool,
    origins: &Read<Vec<Origin>>,
    keys: &mut BTreeSet<String>,
) -> Read<Option<App>> {
    let [key, secret, agent, own] =
        ["app_key", "app_secret", "agent_id", "allowed_origins"].map(|k| format!("{section}.{k}"));
    let mut app_key = r.word(&key, 128);
    let mut app_secret = r.secret_word(&secret, 256);
    let mut agent_id = r.word(&agent, 64);
    if needed {
        app_key = r
            .needed(
                &key,
                "write the app's Client ID (AppKey) from the developer console",
                app_key,
            )
            .map(Some);
        app_secret = r
            .needed(&secret, "write the app's Client Secret (AppSecret)", app_secret)
            .map(Some);
        agent_id = r
            .needed(&agent, "write the app's AgentId from the developer console", agent_id)
            .map(Some);
    }
    if let Ok(Some(text)) = &app_key
        && !keys.insert(text.clone())
    {
        let wrong = "is the app key of another micro-app too";
        app_key = Err(r.fault(&key, wrong, "give each micro-app its own, or drop one"));
    }
    // The default micro-app has its origins under [jsapi].
    let own = if section == "dingtalk" {
        Ok(Vec::new())
    } else {
        r.list(&own, check::origin, AN_ORIGIN)
    };
    let (app_key, app_secret, agent_id, own) = (app_key?, app_secret?, agent_id?, own?);
    let allowed_origins = if own.is_empty() { origins.clone()? } else { own };
    Ok((|| {
        Some(App {
            app_key: app_key?,
            app_secret: app_secret?,
            agent_id: agent_id?,
            allowed_origins,
        })
    })())
}

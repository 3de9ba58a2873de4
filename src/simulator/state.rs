//! Everything that the simulated platform knows at a moment.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use actix_web::web::Data;

use super::apps::{App, MicroApp, VisibleRange};
use super::change::{Change, Events, Unchanged};
use super::company::Company;
use super::events::Outbox;
use super::grants::{AppIndex, Grants};
use super::person::{Person, View};
use super::scans::Scans;
use super::scope;
use super::traffic::Traffic;
use crate::clock::Clock;

/// The state as all handlers hold it.
pub(super) type Shared = Data<Mutex<State>>;

/// The state, for as long as an answer is made.
pub(super) fn lock(state: &Shared) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What changes while it runs.
pub(super) struct State {
    pub(super) corp_id: String,
    pub(super) apps: Vec<App>,
    /// Registered callback addresses; none means any.
    pub(super) redirect_uris: Vec<String>,
    /// Base URL, known once it listens.
    pub(super) base: String,
    pub(super) clock: Clock,
    pub(super) company: Company,
    pub(super) events: Events,
    pub(super) outbox: Outbox,
    pub(super) grants: Grants,
    pub(super) scans: Scans,
    pub(super) traffic: Traffic,
}

impl State {
    /// The first of `apps` is the default one.
    pub(super) fn new(corp_id: String, apps: Vec<MicroApp>, visible: &[i64], company: Company, clock: Clock) -> Self {
        let range = VisibleRange::of(visible);
        let apps: Vec<App> = apps
            .into_iter()
            .map(|credentials| App {
                credentials,
                range: range.clone(),
                withheld: BTreeSet::new(),
            })
            .collect();
        Self {
            corp_id,
            redirect_uris: Vec::new(),
            base: String::new(),
            clock,
            company,
            events: Events::default(),
            outbox: Outbox::default(),
            grants: Grants::new(apps.len()),
            scans: Scans::default(),
            traffic: Traffic::default(),
            apps,
        }
    }

    /// Seconds since 1970.
    pub(super) fn now(&self) -> i64 {
        self.clock.unix_seconds()
    }

    /// The key of an app.
    pub(super) fn app_key(&self, app: AppIndex) -> &str {
        self.apps.get(app).map_or("", |app| &app.credentials.app_key)
    }

    /// The key of the app that is meant where none is named.
    pub(super) fn default_app_key(&self) -> &str {
        self.app_key(0)
    }

    /// The app of a key, or the default one.
    pub(super) fn app_index(&self, app_key: Option<&str>) -> Option<AppIndex> {
        match app_key {
            None => Some(0),
            Some(key) => self.apps.iter().position(|app| app.credentials.app_key == key),
        }
    }

    /// The app that these credentials are of.
    pub(super) fn authenticated(&self, app_key: &str, app_secret: &str) -> Option<AppIndex> {
        self.apps
            .iter()
            .position(|app| app.credentials.app_key == app_key && app.credentials.app_secret == app_secret)
    }

    pub(super) fn may(&self, app: AppIndex, scope: &str) -> bool {
        self.apps.get(app).is_some_and(|app| app.may(scope))
    }

    /// Whether the app sees the person.
    pub(super) fn sees(&self, app: AppIndex, person: &Person) -> bool {
        self.apps
            .get(app)
            .is_some_and(|app| app.range.holds_person(person, &self.company))
    }

    /// Whether the app sees the department.
    pub(super) fn sees_department(&self, app: AppIndex, dept_id: i64) -> bool {
        self.apps
            .get(app)
            .is_some_and(|app| app.range.holds_department(dept_id, &self.company))
    }

    /// What the app may read of a person.
    pub(super) fn view(&self, app: AppIndex) -> View<'_> {
        View {
            base: &self.base,
            mobile: self.may(app, scope::FIELD_MOBILE),
            email: self.may(app, scope::FIELD_EMAIL),
        }
    }

    /// Changes the company: whatever wants to hear of changes listens here.
    pub(super) fn change(&mut self, change: Change) -> Result<(), Unchanged> {
        let now_ms = self.clock.unix_millis();
        self.events.make(change, &mut self.company, now_ms)?;
        if let Some(event) = self.events.last() {
            self.outbox.post_change(event, now_ms);
        }
        Ok(())
    }
}

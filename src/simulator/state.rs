//! What the simulated platform remembers: codes, tokens, tickets, faults and calls.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use uuid::Uuid;

use super::Options;
use super::company::Company;

/// Life of app access tokens and tickets, in seconds.
pub(super) const LIFE_S: i64 = 7200;
/// A ticket ends at this age, however often it was prolonged.
const TICKET_CAP_S: i64 = 86_400;
/// Life of an auth code, in seconds.
const CODE_S: i64 = 300;

/// Everything that changes.
pub(super) struct State {
    pub(super) options: Options,
    pub(super) company: Company,
    codes: HashMap<String, (String, i64)>,
    token: Option<(String, i64)>,
    ticket: Option<Ticket>,
    faults: Vec<Fault>,
    pub(super) calls: BTreeMap<String, u64>,
}

struct Ticket {
    text: String,
    over_at: i64,
    made_at: i64,
}

/// A fault to be shown on a path.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Fault {
    /// The path, or `*`.
    pub(super) path: String,
    /// What happens.
    pub(super) kind: Kind,
    /// How often; for ever if absent.
    times: Option<u32>,
    /// For `delay`.
    #[serde(default)]
    pub(super) delay_ms: u64,
}

/// What can go wrong (dingtalk-api, section 15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    SystemBusy,
    AppQps,
    IpNotAllowed,
    BadToken,
    Html,
    Http500,
    Delay,
    /// The call is done, and the connection breaks before its answer.
    ResetAfter,
}

impl State {
    pub(super) fn new(options: Options) -> Self {
        Self {
            company: Company::new(options.people),
            options,
            codes: HashMap::new(),
            token: None,
            ticket: None,
            faults: Vec::new(),
            calls: BTreeMap::new(),
        }
    }

    fn now(&self) -> i64 {
        self.options.clock.unix_seconds()
    }

    /// A new auth code of an existing person.
    pub(super) fn auth_code(&mut self, userid: &str) -> Option<String> {
        self.company.people.get(userid)?;
        let code = random();
        let over_at = self.now() + CODE_S;
        self.codes.insert(code.clone(), (userid.to_owned(), over_at));
        Some(code)
    }

    /// Spends a code: whose it is, once.
    pub(super) fn spend(&mut self, code: &str) -> Option<String> {
        let now = self.now();
        self.codes
            .remove(code)
            .filter(|(_, over_at)| *over_at > now)
            .map(|(userid, _)| userid)
    }

    /// The app access token: the same while it lives, its life begun anew.
    pub(super) fn app_access_token(&mut self) -> String {
        let now = self.now();
        let text = self
            .token
            .take()
            .filter(|(_, over_at)| *over_at > now)
            .map_or_else(random, |(text, _)| text);
        self.token = Some((text.clone(), now + LIFE_S));
        text
    }

    /// Whether `text` is the living app access token.
    pub(super) fn accepts(&self, text: &str) -> bool {
        self.token
            .as_ref()
            .is_some_and(|(token, over_at)| token == text && *over_at > self.now())
    }

    /// Ends the app access token.
    pub(super) fn invalidate_token(&mut self) {
        self.token = None;
    }

    /// The jsapi ticket: the same while it lives, prolonged up to a day of age; with the seconds that it has.
    pub(super) fn ticket(&mut self) -> (String, i64) {
        let now = self.now();
        let living = self.ticket.take().filter(|ticket| ticket.over_at > now);
        let (text, made_at) = living.map_or_else(|| (random(), now), |ticket| (ticket.text, ticket.made_at));
        let over_at = (now + LIFE_S).min(made_at + TICKET_CAP_S);
        self.ticket = Some(Ticket {
            text: text.clone(),
            over_at,
            made_at,
        });
        (text, over_at - now)
    }

    /// The living ticket, if there is one.
    pub(super) fn living_ticket(&self) -> Option<&str> {
        self.ticket
            .as_ref()
            .filter(|ticket| ticket.over_at > self.now())
            .map(|ticket| ticket.text.as_str())
    }

    /// Shows a fault from now on.
    pub(super) fn add_fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Ends all faults.
    pub(super) fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// Counts a call; the fault that it meets, if any.
    pub(super) fn call(&mut self, path: &str) -> Option<Fault> {
        *self.calls.entry(path.to_owned()).or_default() += 1;
        let fault = self
            .faults
            .iter_mut()
            .find(|fault| fault.path == path || fault.path == "*")?;
        if let Some(times) = &mut fault.times {
            *times = times.saturating_sub(1);
        }
        let met = fault.clone();
        self.faults.retain(|fault| fault.times != Some(0));
        Some(met)
    }
}

fn random() -> String {
    Uuid::new_v4().simple().to_string()
}

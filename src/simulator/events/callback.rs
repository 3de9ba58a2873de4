//! Pushes events to the registered address: 1.5 seconds to answer, two repetitions, then the failed list.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use rand::seq::SliceRandom as _;
use reqwest::redirect;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::envelope;
use super::told::{Spelling, Told};
use crate::simulator::grants::random;
use crate::simulator::state::{Shared, lock};

/// The deadline for an answer.
const DEADLINE: Duration = Duration::from_millis(1500);
/// Pauses before the repetitions, in milliseconds.
const REPEATS_MS: [i64; 2] = [10_000, 30_000];
/// So long after the last attempt an event shows in the failed list, in milliseconds.
const SHOWN_AFTER_MS: i64 = 180_000;
/// Entries in one answer of the failed list.
const PAGE: usize = 200;
/// Pushes under way at once.
const AT_ONCE: usize = 64;
/// How often is looked for pushes whose time has come.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Under which names the signature stands in the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SignedAs {
    #[default]
    Both,
    Signature,
    MsgSignature,
}

/// Where and how events are pushed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Subscription {
    pub(super) url: String,
    pub(super) token: String,
    pub(super) aes_key: String,
    /// Whom envelopes are sealed for; the app key if it is not said.
    #[serde(default)]
    pub(super) owner_key: Option<String>,
    #[serde(default)]
    pub(super) signed_as: SignedAs,
    /// 8 or 16.
    #[serde(default)]
    pub(super) nonce_length: Option<usize>,
    #[serde(default)]
    pub(super) spelling: Spelling,
    /// Names of the events that are pushed; all if there are none.
    #[serde(default)]
    pub(super) types: BTreeSet<String>,
    /// Made by the old API, and not in the developer console.
    #[serde(skip)]
    pub(super) by_api: bool,
}

/// How the pushes went.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Tally {
    /// Events that were to be pushed.
    pub(super) events: u64,
    /// Pushes, repetitions among them.
    pub(super) pushes: u64,
    pub(super) acknowledged: u64,
    /// Events that came to the failed list.
    pub(super) failed: u64,
    /// Pushes that were not answered by the deadline.
    pub(super) late: u64,
    /// The slowest answer that came in time, in milliseconds.
    pub(super) slowest_ms: u64,
}

#[derive(Clone)]
struct Push {
    told: Told,
    attempts: usize,
    due_ms: i64,
}

/// What is pushed, and what nobody took.
#[derive(Default)]
pub(super) struct Pushes {
    pub(super) subscription: Option<Subscription>,
    waiting: VecDeque<Push>,
    under_way: usize,
    failed: VecDeque<(Told, i64)>,
    /// What is kept back, where it is to be.
    held: Option<Vec<Push>>,
    pub(super) tally: Tally,
}

impl Pushes {
    pub(super) fn add(&mut self, told: &Told, now_ms: i64) {
        let wanted =
            |subscription: &Subscription| subscription.types.is_empty() || subscription.types.contains(&told.kind);
        if self.subscription.as_ref().is_some_and(wanted) {
            self.tally.events += 1;
            let push = Push {
                told: told.clone(),
                attempts: 0,
                due_ms: now_ms,
            };
            match &mut self.held {
                Some(held) => held.push(push),
                None => self.waiting.push_back(push),
            }
        }
    }

    /// How many events are neither acknowledged nor failed.
    pub(super) fn open(&self) -> usize {
        self.waiting.len() + self.under_way + self.held.as_ref().map_or(0, Vec::len)
    }

    /// Keeps back what is told from now on.
    pub(super) fn hold(&mut self) {
        self.held.get_or_insert_default();
    }

    /// Pushes what was kept back: in any order, and every third event twice.
    pub(super) fn release(&mut self) {
        let mut held = self.held.take().unwrap_or_default();
        let again: Vec<Push> = held.iter().step_by(3).cloned().collect();
        self.tally.events += again.len() as u64;
        held.extend(again);
        held.shuffle(&mut rand::rng());
        self.waiting.extend(held);
    }

    fn take_due(&mut self, now_ms: i64) -> Option<Push> {
        let at = self.waiting.iter().position(|push| push.due_ms <= now_ms)?;
        let push = self.waiting.remove(at)?;
        self.under_way += 1;
        Some(push)
    }

    fn done(&mut self, mut push: Push, acknowledged: bool, took: Duration, now_ms: i64) {
        self.under_way = self.under_way.saturating_sub(1);
        self.tally.pushes += 1;
        if acknowledged {
            self.tally.acknowledged += 1;
            let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            self.tally.slowest_ms = self.tally.slowest_ms.max(took);
            return;
        }
        if took >= DEADLINE {
            self.tally.late += 1;
        }
        if let Some(pause) = REPEATS_MS.get(push.attempts) {
            push.attempts += 1;
            push.due_ms = now_ms + pause;
            self.waiting.push_back(push);
        } else {
            self.tally.failed += 1;
            self.failed.push_back((push.told, now_ms + SHOWN_AFTER_MS));
        }
    }

    /// A page of the failed list, which does not hold it any more then; and whether there is another.
    pub(super) fn take_failed(&mut self, corp_id: &str, now_ms: i64) -> (Vec<Value>, bool) {
        let shown = self
            .failed
            .iter()
            .take_while(|(_, shown_ms)| *shown_ms <= now_ms)
            .count();
        let page = self.failed.drain(..shown.min(PAGE));
        let entries = page.map(|(told, _)| told.in_failed_list(corp_id)).collect();
        (entries, shown > PAGE)
    }
}

/// Pushes what is due, until told to stop.
pub(in crate::simulator) async fn run(state: Shared, stop: CancellationToken) {
    let Ok(client) = client() else {
        return;
    };
    let news = lock(&state).outbox.news.clone();
    let mut under_way = JoinSet::new();
    while !stop.is_cancelled() {
        while under_way.len() < AT_ONCE {
            let mut locked = lock(&state);
            let now_ms = locked.clock.unix_millis();
            locked.outbox.stream.redeliver(now_ms);
            let Some(push) = locked.outbox.pushes.take_due(now_ms) else {
                break;
            };
            let subscription = locked.outbox.pushes.subscription.clone();
            let (corp_id, app_key) = (locked.corp_id.clone(), locked.default_app_key().to_owned());
            drop(locked);
            let (client, state) = (client.clone(), state.clone());
            under_way.spawn(async move {
                let begin = Instant::now();
                let acknowledged = match &subscription {
                    Some(subscription) => {
                        let message = push.told.in_callback(subscription.spelling, &corp_id);
                        let owner = subscription.owner_key.as_ref().unwrap_or(&app_key);
                        post(&client, subscription, owner, &message).await.is_ok()
                    }
                    None => false,
                };
                let mut locked = lock(&state);
                let now_ms = locked.clock.unix_millis();
                locked.outbox.pushes.done(push, acknowledged, begin.elapsed(), now_ms);
            });
        }
        tokio::select! {
            () = stop.cancelled() => {}
            Some(_) = under_way.join_next() => {}
            () = news.notified(), if under_way.len() < AT_ONCE => {}
            () = sleep(LOOK_EVERY), if under_way.len() < AT_ONCE => {}
        }
    }
}

/// Posts one message; fails with the old API's code for what is wrong with the answer.
pub(super) async fn post(client: &reqwest::Client, to: &Subscription, owner: &str, message: &Value) -> Result<(), i64> {
    const NO_JSON: i64 = 71010;
    const NOT_SUCCESS: i64 = 71009;
    const UNREACHABLE: i64 = 71012;
    let key = envelope::key(&to.aes_key).ok_or(NOT_SUCCESS)?;
    let encrypt = envelope::seal(&key, &message.to_string(), owner).ok_or(NOT_SUCCESS)?;
    let mut nonce = random();
    nonce.truncate(to.nonce_length.unwrap_or(8));
    let timestamp = message
        .get("timeStamp")
        .or_else(|| message.get("TimeStamp"))
        .and_then(Value::as_str)
        .map_or_else(|| "0".to_owned(), str::to_owned);
    let signature = envelope::signature(&to.token, &timestamp, &nonce, &encrypt);
    let mut query = vec![("timestamp", timestamp.as_str()), ("nonce", nonce.as_str())];
    if to.signed_as != SignedAs::MsgSignature {
        query.push(("signature", &signature));
    }
    if to.signed_as != SignedAs::Signature {
        query.push(("msg_signature", &signature));
    }
    let request = client.post(&to.url).query(&query).json(&json!({"encrypt": encrypt}));
    let answer = request.send().await.map_err(|_unreachable| UNREACHABLE)?;
    if answer.status() != reqwest::StatusCode::OK {
        return Err(NO_JSON);
    }
    let answer: Value = answer.json().await.map_err(|_not_json| NO_JSON)?;
    let text = |name: &str| answer.get(name).and_then(Value::as_str).ok_or(NO_JSON);
    let (timestamp, nonce, encrypt) = (text("timeStamp")?, text("nonce")?, text("encrypt")?);
    let signed = envelope::signature(&to.token, timestamp, nonce, encrypt) == text("msg_signature")?;
    match envelope::open(&key, encrypt, owner) {
        Some(word) if signed && timestamp.len() == 13 && word == "success" => Ok(()),
        _ => Err(NOT_SUCCESS),
    }
}

/// The client that pushes: it follows nothing and waits for the deadline.
pub(super) fn client() -> Result<reqwest::Client, reqwest::Error> {
    #[expect(clippy::disallowed_methods, reason = "the platform's client is not the service's")]
    let builder = reqwest::Client::builder();
    builder
        .redirect(redirect::Policy::none())
        .timeout(DEADLINE)
        .no_proxy()
        .build()
}

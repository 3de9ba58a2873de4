//! Sign-ins under way: what a browser is to come back to, bound to that browser, and good for one return.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::time::sleep;
use uuid::Uuid;

use super::request::AuthorizationRequest;
use crate::cache::Cache;
use crate::clock::Clock;
use crate::error::Error;

/// How long somebody may take to sign in.
const LIFE: Duration = Duration::from_mins(10);

/// How long a doubled return is led to where the first one went.
const REPEATED_FOR: Duration = Duration::from_mins(1);

/// How long a return is known to be under way, should it never end.
const UNDER_WAY_FOR: Duration = Duration::from_secs(30);

/// How often a doubled return looks for the end of the first one, and the pause between two looks: a browser that goes to
/// an address a second time shows the second answer alone.
const LOOKS: u32 = 100;
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Longest `state` that is looked at; ours have 43 characters.
const LONGEST: usize = 64;

/// Where a browser goes once it has signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Target {
    /// To an application, with a code.
    Client(AuthorizationRequest),
    /// To a page.
    Page(String),
}

#[derive(Serialize, Deserialize)]
struct Pending {
    target: Target,
    /// Digest of what binds it to its browser.
    binding: String,
}

/// What is known of the first return.
#[derive(Serialize, Deserialize)]
struct Came {
    /// None while it is under way.
    outcome: Option<Outcome>,
    binding: String,
}

/// What came of a return.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Where it went.
    pub(crate) location: String,
    /// The browser's session that it brought, where somebody was let in.
    pub(crate) session: Option<Uuid>,
}

/// What is kept in the cache, with its end by our own clock.
#[derive(Serialize, Deserialize)]
struct Kept<T> {
    value: T,
    until: DateTime<Utc>,
}

/// What a browser comes back to.
pub(super) enum Return {
    /// The first return: it goes on.
    First(Target),
    /// A doubled one: it gets what the first one got.
    Again(Outcome),
}

/// The sign-ins under way of one deployment.
#[derive(Clone)]
pub(super) struct PendingSignIns {
    pub(super) cache: Cache,
    pub(super) clock: Clock,
}

impl PendingSignIns {
    /// Keeps a target for the browser of `binding`; answers the `state` under which it is found.
    pub(super) async fn keep(&self, target: Target, binding: &str) -> Result<String, Error> {
        let state = random();
        let pending = Pending {
            target,
            binding: digest(binding),
        };
        self.set(&key("pending", &state), &pending, LIFE).await?;
        Ok(state)
    }

    /// Whether a sign-in is under way in this browser. Nothing is used.
    pub(super) async fn is_bound(&self, state: &str, binding: &str) -> Result<bool, Error> {
        let pending: Option<Pending> = self.get(&key("pending", state)).await?;
        Ok(pending.is_some_and(|pending| same(&pending.binding, &digest(binding))))
    }

    /// What a browser comes back to, once. A return in another browser finds nothing, and uses nothing up. A doubled one
    /// waits for the end of the first; where that came to nothing it finds nothing, for the code is not sent again.
    pub(super) async fn take(&self, state: &str, binding: &str) -> Result<Option<Return>, Error> {
        if state.len() > LONGEST {
            return Ok(None);
        }
        let binding = digest(binding);
        for look in 0..LOOKS {
            match self.get::<Came>(&key("came", state)).await? {
                Some(came) if !same(&came.binding, &binding) => return Ok(None),
                Some(came) => {
                    if let Some(outcome) = came.outcome {
                        return Ok(Some(Return::Again(outcome)));
                    }
                }
                None if look > 0 => return Ok(None),
                None => match self.get::<Pending>(&key("pending", state)).await? {
                    Some(pending) if !same(&pending.binding, &binding) => return Ok(None),
                    Some(_) => {
                        if let Some(target) = self.begin(state, &binding).await? {
                            return Ok(Some(Return::First(target)));
                        }
                    }
                    // Another has begun since the look above, or there is no such sign-in.
                    None if self.get::<Came>(&key("came", state)).await?.is_none() => return Ok(None),
                    None => continue,
                },
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(None)
    }

    /// Begins a return: of several at once one takes what it comes back to.
    async fn begin(&self, state: &str, binding: &str) -> Result<Option<Target>, Error> {
        let came = Came {
            outcome: None,
            binding: binding.to_owned(),
        };
        // Said first, so that whoever comes too late finds it.
        let bytes = self.kept(&came, UNDER_WAY_FOR)?;
        self.cache
            .add(&key("came", state), &bytes, UNDER_WAY_FOR)
            .await
            .map_err(away)?;
        let taken = self.cache.take(&key("pending", state)).await.map_err(away)?;
        let pending: Option<Pending> = taken.and_then(|bytes| self.read(&bytes));
        Ok(pending.map(|pending| pending.target))
    }

    /// Remembers for a moment what came of the return of a state.
    pub(super) async fn finish(&self, state: &str, binding: &str, outcome: Outcome) {
        let came = Came {
            outcome: Some(outcome),
            binding: digest(binding),
        };
        if let Err(cause) = self.set(&key("came", state), &came, REPEATED_FOR).await {
            tracing::debug!(%cause, "a doubled return will have to start again");
        }
    }

    /// The return of a state came to nothing. With a target the sign-in goes on, by another code.
    pub(super) async fn give_up(&self, state: &str, binding: &str, target: Option<Target>) {
        let again = async {
            if let Some(target) = target {
                let binding = digest(binding);
                self.set(&key("pending", state), &Pending { target, binding }, LIFE)
                    .await?;
            }
            self.cache.remove(&key("came", state)).await.map_err(away)
        };
        if let Err(cause) = again.await {
            tracing::debug!(%cause, "a sign-in that failed will have to start again");
        }
    }

    async fn set(&self, key: &str, value: &impl Serialize, life: Duration) -> Result<(), Error> {
        let bytes = self.kept(value, life)?;
        self.cache.set(key, &bytes, life).await.map_err(away)
    }

    fn kept(&self, value: &impl Serialize, life: Duration) -> Result<Vec<u8>, Error> {
        let until = self.clock.now() + life;
        serde_json::to_vec(&Kept { value, until }).map_err(|fault| Error::Internal(fault.into()))
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let bytes = self.cache.get(key).await.map_err(away)?;
        Ok(bytes.and_then(|bytes| self.read(&bytes)))
    }

    fn read<T: serde::de::DeserializeOwned>(&self, bytes: &[u8]) -> Option<T> {
        let kept: Kept<T> = serde_json::from_slice(bytes).ok()?;
        (self.clock.now() < kept.until).then_some(kept.value)
    }
}

/// A text that nobody guesses.
pub(super) fn random() -> String {
    let bytes: [u8; 32] = rand::random();
    URL_SAFE_NO_PAD.encode(bytes)
}

fn key(kind: &str, state: &str) -> String {
    format!("sign-in:{kind}:{}", digest(state))
}

fn digest(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text))
}

fn same(one: &str, other: &str) -> bool {
    bool::from(one.as_bytes().ct_eq(other.as_bytes()))
}

fn away(cause: crate::cache::error::CacheError) -> Error {
    Error::Unavailable(cause.into())
}

//! Sign-ins under way: what a browser is to come back to, bound to that browser, and good for one return.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::time::sleep;
use uuid::Uuid;

use super::request::AuthorizationRequest;
use crate::cache::Cache;
use crate::cache::error::CacheError;
use crate::clock::Clock;
use crate::error::Error;
use crate::tokens::seal::Sealer;

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

/// Longest `state`: with it an address stays below the eight kibibytes that web servers read of one.
const LONGEST: usize = 7 * 1024;

/// Where a browser goes once it has signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Target {
    /// To an application, with a code.
    Client(AuthorizationRequest),
    /// To a page.
    Page(String),
}

/// What a `state` holds, sealed for its browser.
#[derive(Serialize, Deserialize)]
struct Pending {
    target: Target,
    until: DateTime<Utc>,
}

/// What is known of the first return, with the end of that by our own clock.
#[derive(Serialize, Deserialize)]
struct Came {
    /// None while it is under way.
    outcome: Option<Outcome>,
    until: DateTime<Utc>,
}

/// What came of a return.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Where it went.
    pub(crate) location: String,
    /// The browser's session that it brought, where somebody was let in.
    pub(crate) session: Option<Uuid>,
}

/// What a browser comes back to.
pub(super) enum Return {
    /// The first return: it goes on.
    First(Target),
    /// A doubled one: it gets what the first one got.
    Again(Outcome),
}

/// The sign-ins under way of one deployment.
///
/// Anybody may begin one, as often as they like, so that nothing is kept of it: the `state` itself holds what the browser
/// comes back to. What is kept is that a code came back with it, and those who send wrong codes are counted.
#[derive(Clone)]
pub(super) struct PendingSignIns {
    pub(super) cache: Cache,
    pub(super) sealer: Arc<Sealer>,
    pub(super) clock: Clock,
}

impl PendingSignIns {
    /// Seals a target for the browser of `binding`; answers the `state` with which it comes back.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for what no address could carry.
    pub(super) fn begin(&self, target: Target, binding: &str) -> Result<String, Error> {
        let pending = Pending {
            target,
            until: self.clock.now() + LIFE,
        };
        let plain = serde_json::to_vec(&pending).map_err(|fault| Error::Internal(fault.into()))?;
        let state = self
            .sealer
            .seal_for_the_way(&purpose(binding), &plain)
            .map_err(Error::Internal)?;
        if state.len() > LONGEST {
            return Err(Error::InvalidRequest(
                "state, nonce and redirect_uri are too long together".to_owned(),
            ));
        }
        Ok(state)
    }

    /// What a browser would come back to. Nothing is used.
    pub(super) async fn look(&self, state: &str, bindings: &[String]) -> Result<Option<Return>, Error> {
        let Some(target) = self.open(state, bindings) else {
            return Ok(None);
        };
        if let Some(outcome) = self.came(state).await?.and_then(|came| came.outcome) {
            return Ok(Some(Return::Again(outcome)));
        }
        Ok((!self.is_used(state).await?).then_some(Return::First(target)))
    }

    /// What a browser comes back to with a code, once. A return in another browser finds nothing, and uses nothing up. A
    /// doubled one waits for the end of the first; where that came to nothing it finds nothing, for the code is not sent
    /// again.
    pub(super) async fn take(&self, state: &str, bindings: &[String]) -> Result<Option<Return>, Error> {
        let Some(target) = self.open(state, bindings) else {
            return Ok(None);
        };
        for look in 0..LOOKS {
            match self.came(state).await? {
                Some(came) => {
                    if let Some(outcome) = came.outcome {
                        return Ok(Some(Return::Again(outcome)));
                    }
                }
                None if look > 0 => return Ok(None),
                None if !self.is_used(state).await? => {
                    if self.is_first(state).await? {
                        return Ok(Some(Return::First(target)));
                    }
                }
                // Used up long ago, or by another since the look above.
                None if self.came(state).await?.is_none() => return Ok(None),
                None => continue,
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(None)
    }

    /// Uses a state up: of several returns at once one is the first.
    async fn is_first(&self, state: &str) -> Result<bool, Error> {
        // Said before, so that whoever comes too late finds it.
        let bytes = self.said(None, UNDER_WAY_FOR)?;
        self.cache
            .add(&key("came", state), &bytes, UNDER_WAY_FOR)
            .await
            .map_err(away)?;
        self.cache.add(&key("used", state), b"", LIFE).await.map_err(away)
    }

    async fn is_used(&self, state: &str) -> Result<bool, Error> {
        Ok(self.cache.get(&key("used", state)).await.map_err(away)?.is_some())
    }

    /// Remembers for a moment what came of the return of a state.
    pub(super) async fn finish(&self, state: &str, outcome: Outcome) {
        let said = async {
            let bytes = self.said(Some(outcome), REPEATED_FOR)?;
            let said = self.cache.set(&key("came", state), &bytes, REPEATED_FOR).await;
            said.map_err(away)
        };
        if let Err(cause) = said.await {
            tracing::debug!(%cause, "a doubled return will have to start again");
        }
    }

    /// The return of a state came to nothing. `goes_on` says that the state may come back once more.
    pub(super) async fn give_up(&self, state: &str, goes_on: bool) {
        let again = async {
            if goes_on {
                self.cache.remove(&key("used", state)).await?;
            }
            self.cache.remove(&key("came", state)).await
        };
        if let Err(cause) = again.await {
            tracing::debug!(%cause, "a sign-in that failed will have to start again");
        }
    }

    /// What a state holds, if it was sealed for the browser of one of `bindings` and has not ended.
    fn open(&self, state: &str, bindings: &[String]) -> Option<Target> {
        if state.len() > LONGEST {
            return None;
        }
        let plain = bindings
            .iter()
            .find_map(|binding| self.sealer.open_on_the_way(&purpose(binding), state).ok())?;
        let pending: Pending = serde_json::from_slice(&plain).ok()?;
        (self.clock.now() < pending.until).then_some(pending.target)
    }

    async fn came(&self, state: &str) -> Result<Option<Came>, Error> {
        let bytes = self.cache.get(&key("came", state)).await.map_err(away)?;
        let came: Option<Came> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(came.filter(|came| self.clock.now() < came.until))
    }

    fn said(&self, outcome: Option<Outcome>, life: Duration) -> Result<Vec<u8>, Error> {
        let until = self.clock.now() + life;
        serde_json::to_vec(&Came { outcome, until }).map_err(|fault| Error::Internal(fault.into()))
    }
}

/// A text that nobody guesses.
pub(super) fn random() -> String {
    let bytes: [u8; 32] = rand::random();
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Bound to its browser: with another's cookie a state does not open.
fn purpose(binding: &str) -> String {
    format!("sign-in {binding}")
}

fn key(kind: &str, state: &str) -> String {
    format!("sign-in:{kind}:{}", URL_SAFE_NO_PAD.encode(Sha256::digest(state)))
}

fn away(cause: CacheError) -> Error {
    Error::Unavailable(cause.into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use secrecy::SecretString;

    use super::{PendingSignIns, Return, Target};
    use crate::cache::Cache;
    use crate::clock::Clock;
    use crate::config;
    use crate::error::Error;
    use crate::tokens::seal::Sealer;

    async fn sign_ins(cache_url: &str) -> PendingSignIns {
        let clock = Clock::default();
        let settings = config::cache::Cache { url: cache_url.into() };
        let secrets = config::secrets::Secrets {
            master_key: Some(SecretString::from("a master key for tests, long enough")),
        };
        let database = config::database::Database {
            url: "sqlite::memory:".into(),
            max_connections: 1,
        };
        PendingSignIns {
            cache: Cache::open(&settings, clock.clone()).await.unwrap(),
            sealer: Arc::new(Sealer::open(&secrets, &database).unwrap()),
            clock,
        }
    }

    fn bound(binding: &str) -> [String; 1] {
        [binding.to_owned()]
    }

    fn page() -> Target {
        Target::Page("https://sso.example/docs/".to_owned())
    }

    #[tokio::test]
    async fn to_begin_a_sign_in_takes_no_place_in_the_cache() {
        // No Redis is there: whatever was to be kept would fail.
        let sign_ins = sign_ins("redis://127.0.0.1:1").await;
        let state = sign_ins.begin(page(), "a browser").unwrap();
        assert_eq!(sign_ins.open(&state, &bound("a browser")), Some(page()));
        assert!(matches!(
            sign_ins.take(&state, &bound("a browser")).await,
            Err(Error::Unavailable(_))
        ));
    }

    #[tokio::test]
    async fn a_state_opens_in_its_browser_alone_and_is_used_once() {
        let sign_ins = sign_ins("memory:").await;
        let state = sign_ins.begin(page(), "a browser").unwrap();
        let changed = format!("{state}A");
        for (state, binding) in [
            (&state, "another"),
            (&changed, "a browser"),
            (&String::new(), "a browser"),
        ] {
            assert!(sign_ins.take(state, &bound(binding)).await.unwrap().is_none());
        }
        // Of two tabs each has brought a binding.
        let browser = ["another tab", "a browser"].map(str::to_owned);
        let taken = sign_ins.take(&state, &browser).await.unwrap();
        assert!(matches!(taken, Some(Return::First(target)) if target == page()));
        sign_ins.give_up(&state, false).await;
        assert!(sign_ins.take(&state, &browser).await.unwrap().is_none());
        sign_ins.give_up(&state, true).await;
        assert!(sign_ins.take(&state, &browser).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn what_no_address_could_carry_is_refused() {
        let sign_ins = sign_ins("memory:").await;
        let long = Target::Page(format!("https://sso.example/{}", "a".repeat(6000)));
        assert!(matches!(
            sign_ins.begin(long, "a browser"),
            Err(Error::InvalidRequest(_))
        ));
    }
}

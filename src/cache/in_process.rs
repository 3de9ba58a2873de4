//! The store inside this process: bounded, and judged by the clock that a test may move.

use std::collections::{BTreeMap, HashMap};
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::broadcast;

use crate::clock::Clock;

use super::error::CacheError;
use super::store::{Answer, Store};
use super::subscription::{BACKLOG, Message, Subscription};

/// Most entries; beyond it the ones nearest to their end go first.
const MAX_ENTRIES: usize = 100_000;
/// Most bytes of keys and values together.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// The store.
pub(super) struct InProcess {
    clock: Clock,
    entries: Mutex<Entries>,
    channels: Mutex<HashMap<String, broadcast::Sender<Message>>>,
}

#[derive(Default)]
struct Entries {
    by_key: HashMap<Arc<str>, Entry>,
    /// Keys by their end and, among equals, by age: what to drop first.
    by_end: BTreeMap<(i64, u64), Arc<str>>,
    bytes: usize,
    made: u64,
}

struct Entry {
    value: Vec<u8>,
    over_at_ms: i64,
    made: u64,
}

impl Entries {
    fn remove(&mut self, key: &str) -> Option<Vec<u8>> {
        let (key, entry) = self.by_key.remove_entry(key)?;
        self.by_end.remove(&(entry.over_at_ms, entry.made));
        self.bytes = self.bytes.saturating_sub(key.len() + entry.value.len());
        Some(entry.value)
    }

    fn insert(&mut self, key: &str, value: Vec<u8>, over_at_ms: i64) {
        self.remove(key);
        let key: Arc<str> = Arc::from(key);
        self.made += 1;
        self.bytes += key.len() + value.len();
        self.by_end.insert((over_at_ms, self.made), Arc::clone(&key));
        self.by_key.insert(
            key,
            Entry {
                value,
                over_at_ms,
                made: self.made,
            },
        );
        while self.by_key.len() > MAX_ENTRIES || self.bytes > MAX_BYTES {
            let Some((_, first)) = self.by_end.pop_first() else {
                break;
            };
            self.remove(&first);
        }
    }

    /// Drops what has ended by `now_ms`.
    fn sweep(&mut self, now_ms: i64) {
        while let Some(first) = self.by_end.first_entry() {
            if first.key().0 > now_ms {
                break;
            }
            let key = first.remove();
            self.remove(&key);
        }
    }
}

impl InProcess {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            entries: Mutex::default(),
            channels: Mutex::default(),
        }
    }

    /// The entries that have not ended, and the present moment.
    fn entries(&self) -> (MutexGuard<'_, Entries>, i64) {
        let now_ms = self.clock.unix_millis();
        // A panic elsewhere cannot leave the maps in a state that is worse than a lost entry.
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.sweep(now_ms);
        (entries, now_ms)
    }

    fn increment(&self, key: &str, window: Duration) -> Result<u64, CacheError> {
        let (mut entries, now_ms) = self.entries();
        let Some(entry) = entries.by_key.get_mut(key) else {
            entries.insert(key, b"1".to_vec(), end(now_ms, window));
            return Ok(1);
        };
        let count = std::str::from_utf8(&entry.value)
            .ok()
            .and_then(|digits| digits.parse::<u64>().ok())
            .ok_or_else(|| CacheError::Refused("the value is no count".to_owned()))?
            .saturating_add(1);
        let (value, over_at_ms) = (count.to_string().into_bytes(), entry.over_at_ms);
        entries.insert(key, value, over_at_ms);
        Ok(count)
    }

    fn channels(&self) -> MutexGuard<'_, HashMap<String, broadcast::Sender<Message>>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn end(now_ms: i64, ttl: Duration) -> i64 {
    now_ms.saturating_add(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX))
}

impl Store for InProcess {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        let (entries, _) = self.entries();
        ready(Ok(entries.by_key.get(key).map(|entry| entry.value.clone()))).boxed()
    }

    fn set<'a>(&'a self, key: &'a str, value: &'a [u8], ttl: Duration) -> Answer<'a, ()> {
        let (mut entries, now_ms) = self.entries();
        entries.insert(key, value.to_vec(), end(now_ms, ttl));
        ready(Ok(())).boxed()
    }

    fn add<'a>(&'a self, key: &'a str, value: &'a [u8], ttl: Duration) -> Answer<'a, bool> {
        let (mut entries, now_ms) = self.entries();
        let absent = !entries.by_key.contains_key(key);
        if absent {
            entries.insert(key, value.to_vec(), end(now_ms, ttl));
        }
        ready(Ok(absent)).boxed()
    }

    fn take<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        ready(Ok(self.entries().0.remove(key))).boxed()
    }

    fn remove<'a>(&'a self, key: &'a str) -> Answer<'a, ()> {
        self.entries().0.remove(key);
        ready(Ok(())).boxed()
    }

    fn release<'a>(&'a self, key: &'a str, value: &'a [u8]) -> Answer<'a, bool> {
        let (mut entries, _) = self.entries();
        let holds = entries.by_key.get(key).is_some_and(|entry| entry.value == value);
        if holds {
            entries.remove(key);
        }
        ready(Ok(holds)).boxed()
    }

    fn count<'a>(&'a self, key: &'a str, window: Duration) -> Answer<'a, u64> {
        ready(self.increment(key, window)).boxed()
    }

    fn publish<'a>(&'a self, channel: &'a str, message: &'a [u8]) -> Answer<'a, ()> {
        if let Some(sender) = self.channels().get(channel) {
            // Nobody listening is no fault: the message is told to whoever is there.
            let _ = sender.send(Message::Data(message.to_vec()));
        }
        ready(Ok(())).boxed()
    }

    fn subscribe<'a>(&'a self, channel: &'a str) -> BoxFuture<'a, Subscription> {
        let mut channels = self.channels();
        channels.retain(|_, sender| sender.receiver_count() > 0);
        let sender = channels
            .entry(channel.to_owned())
            .or_insert_with(|| broadcast::channel(BACKLOG).0);
        ready(Subscription::new(sender.subscribe(), None)).boxed()
    }

    fn ping(&self) -> Answer<'_, ()> {
        ready(Ok(())).boxed()
    }

    fn server_version(&self) -> Answer<'_, Option<String>> {
        ready(Ok(None)).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_its_bound_the_entries_nearest_to_their_end_go_first() {
        let mut entries = Entries::default();
        for index in 0..=MAX_ENTRIES {
            let over_at_ms = 1_000_000 - i64::try_from(index).unwrap();
            entries.insert(&format!("key{index}"), vec![0; 8], over_at_ms);
        }
        assert_eq!(entries.by_key.len(), MAX_ENTRIES);
        assert_eq!(entries.by_end.len(), MAX_ENTRIES);
        assert!(entries.by_key.contains_key("key0"));
        assert!(!entries.by_key.contains_key(format!("key{MAX_ENTRIES}").as_str()));
    }

    #[test]
    fn what_is_removed_gives_its_bytes_back() {
        let mut entries = Entries::default();
        entries.insert("a", vec![0; 100], 5);
        entries.insert("a", vec![0; 10], 6);
        entries.insert("b", vec![0; 10], 7);
        assert_eq!(entries.bytes, 22);
        entries.sweep(6);
        assert_eq!(entries.bytes, 11);
        assert_eq!(entries.remove("b"), Some(vec![0; 10]));
        assert_eq!((entries.bytes, entries.by_end.len()), (0, 0));
    }
}

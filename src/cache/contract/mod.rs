//! One contract, and both stores held to it.

use std::time::Duration;

use chrono::TimeDelta;
use secrecy::SecretString;
use uuid::Uuid;

use super::subscription::Message;
use super::*;

/// A store, and a way to let time pass for it.
enum Subject {
    InProcess(Cache, Clock),
    InRedis(Cache),
}

impl Subject {
    fn cache(&self) -> &Cache {
        match self {
            Self::InProcess(cache, _) | Self::InRedis(cache) => cache,
        }
    }

    /// Redis has its own time, which cannot be moved.
    async fn wait(&self, for_this: Duration) {
        match self {
            Self::InProcess(_, clock) => clock.advance(TimeDelta::from_std(for_this).unwrap()),
            Self::InRedis(_) => tokio::time::sleep(for_this).await,
        }
    }
}

async fn opened(url: &str, clock: Clock) -> Cache {
    Cache::open(
        &config::cache::Cache {
            url: SecretString::from(url),
        },
        clock,
    )
    .await
    .unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "which store to test against is no setting of the service"
)]
fn redis_url() -> Option<String> {
    std::env::var("TEST_CACHE_URL")
        .ok()
        .filter(|url| url.starts_with("redis"))
}

async fn subjects() -> Vec<Subject> {
    let clock = Clock::default();
    let mut subjects = vec![Subject::InProcess(opened("memory:", clock.clone()).await, clock)];
    match redis_url() {
        Some(url) => subjects.push(Subject::InRedis(opened(&url, Clock::default()).await)),
        None => skipped("TEST_CACHE_URL names no Redis"),
    }
    subjects
}

#[expect(clippy::print_stderr, reason = "a test that did not run must say so")]
fn skipped(why: &str) {
    eprintln!("SKIPPED: {why}");
}

fn key(name: &str) -> String {
    format!("{name}:{}", Uuid::new_v4())
}

const LONG: Duration = Duration::from_mins(1);
const SHORT: Duration = Duration::from_millis(60);
const AFTER_SHORT: Duration = Duration::from_millis(90);

#[tokio::test]
async fn what_is_set_is_got_until_its_end() {
    for subject in subjects().await {
        let (cache, key) = (subject.cache(), key("set"));
        assert_eq!(cache.get(&key).await, Ok(None));
        cache.set(&key, b"one\0two\xff", SHORT).await.unwrap();
        assert_eq!(cache.get(&key).await, Ok(Some(b"one\0two\xff".to_vec())));
        subject.wait(AFTER_SHORT).await;
        assert_eq!(cache.get(&key).await, Ok(None));
        cache.set(&key, b"first", SHORT).await.unwrap();
        cache.set(&key, b"second", LONG).await.unwrap();
        subject.wait(AFTER_SHORT).await;
        assert_eq!(
            cache.get(&key).await,
            Ok(Some(b"second".to_vec())),
            "the later end counts"
        );
        cache.remove(&key).await.unwrap();
        cache.remove(&key).await.unwrap();
        assert_eq!(cache.get(&key).await, Ok(None));
        cache.set(&key, b"", Duration::ZERO).await.unwrap();
        cache.set(&key, b"", Duration::MAX).await.unwrap();
        assert_eq!(cache.get(&key).await, Ok(Some(Vec::new())), "an empty value is a value");
        cache.remove(&key).await.unwrap();
    }
}

#[tokio::test]
async fn a_lease_is_one_holders_until_it_ends_or_is_released_by_them() {
    for subject in subjects().await {
        let (cache, key) = (subject.cache(), key("lease"));
        assert_eq!(cache.add(&key, b"me", SHORT).await, Ok(true));
        assert_eq!(cache.add(&key, b"me", LONG).await, Ok(false));
        assert_eq!(cache.release(&key, b"you").await, Ok(false));
        assert_eq!(cache.add(&key, b"you", LONG).await, Ok(false));
        subject.wait(AFTER_SHORT).await;
        assert_eq!(
            cache.add(&key, b"you", LONG).await,
            Ok(true),
            "the first lease has died"
        );
        assert_eq!(
            cache.release(&key, b"me").await,
            Ok(false),
            "the late one does not end another's lease"
        );
        assert_eq!(cache.release(&key, b"you").await, Ok(true));
        assert_eq!(cache.release(&key, b"you").await, Ok(false));
        assert_eq!(cache.get(&key).await, Ok(None));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_one_time_thing_is_taken_by_one_of_many() {
    for subject in subjects().await {
        let (cache, key) = (subject.cache().clone(), key("once"));
        cache.set(&key, b"ticket", LONG).await.unwrap();
        let takers = (0..50).map(|_| {
            let (cache, key) = (cache.clone(), key.clone());
            tokio::spawn(async move { cache.take(&key).await.unwrap() })
        });
        let got = futures_util::future::join_all(takers).await;
        assert_eq!(
            got.into_iter().filter_map(Result::unwrap).collect::<Vec<_>>(),
            [b"ticket".to_vec()]
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn counting_is_exact_and_its_window_begins_with_the_first() {
    for subject in subjects().await {
        let (cache, key) = (subject.cache().clone(), key("count"));
        let counters = (0..50).map(|_| {
            let (cache, key) = (cache.clone(), key.clone());
            tokio::spawn(async move { cache.count(&key, LONG).await.unwrap() })
        });
        let mut counts: Vec<u64> = futures_util::future::join_all(counters)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        counts.sort_unstable();
        assert_eq!(counts, (1..=50).collect::<Vec<_>>());
        cache.remove(&key).await.unwrap();

        let window = Duration::from_millis(150);
        assert_eq!(cache.count(&key, window).await, Ok(1));
        subject.wait(Duration::from_millis(80)).await;
        assert_eq!(cache.count(&key, window).await, Ok(2));
        subject.wait(Duration::from_millis(100)).await;
        assert_eq!(
            cache.count(&key, window).await,
            Ok(1),
            "the second did not prolong the window"
        );

        cache.set(&key, b"no number", LONG).await.unwrap();
        assert!(matches!(cache.count(&key, LONG).await, Err(CacheError::Refused(_))));
        cache.remove(&key).await.unwrap();
    }
}

#[tokio::test]
async fn every_subscriber_of_a_channel_hears_what_is_published_after_it_came() {
    for subject in subjects().await {
        let (cache, here, there) = (subject.cache(), key("here"), key("there"));
        cache.publish(&here, b"too early").await.unwrap();
        let (mut first, mut second) = (
            cache.subscribe(&here).await.unwrap(),
            cache.subscribe(&here).await.unwrap(),
        );
        let mut other = cache.subscribe(&there).await.unwrap();
        cache.publish(&here, b"hello\0").await.unwrap();
        cache.publish(&there, b"elsewhere").await.unwrap();
        assert_eq!(first.next().await, Some(Message::Data(b"hello\0".to_vec())));
        assert_eq!(second.next().await, Some(Message::Data(b"hello\0".to_vec())));
        assert_eq!(other.next().await, Some(Message::Data(b"elsewhere".to_vec())));
        drop(first);
        cache.publish(&here, b"again").await.unwrap();
        assert_eq!(second.next().await, Some(Message::Data(b"again".to_vec())));
    }
}

#[tokio::test]
async fn what_is_beyond_the_bounds_is_refused() {
    for subject in subjects().await {
        let cache = subject.cache();
        assert_eq!(cache.get(&"k".repeat(600)).await, Err(CacheError::TooLarge));
        assert_eq!(
            cache.set("k", &vec![0; MAX_VALUE_BYTES + 1], LONG).await,
            Err(CacheError::TooLarge)
        );
        assert_eq!(cache.ping().await, Ok(()));
        assert_eq!(cache.is_shared(), matches!(subject, Subject::InRedis(_)));
    }
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_told_of_the_gap() {
    let cache = opened("memory:", Clock::default()).await;
    let mut subscription = cache.subscribe("busy").await.unwrap();
    for _ in 0..3000 {
        cache.publish("busy", b"x").await.unwrap();
    }
    assert_eq!(subscription.next().await, Some(Message::Gap));
    assert_eq!(subscription.next().await, Some(Message::Data(b"x".to_vec())));
}

#[tokio::test]
async fn a_url_of_another_kind_is_a_fault_of_the_settings() {
    for url in ["", "memcached://here", "http://here", "redis://", "redis://here:port"] {
        let settings = config::cache::Cache {
            url: SecretString::from(url),
        };
        let opened = Cache::open(&settings, Clock::default()).await;
        assert!(matches!(opened, Err(CacheError::Settings(_))), "{url}: {opened:?}");
    }
}

/// A listener that nobody serves: connections are made and then nothing comes.
async fn silent_server() -> (tokio::net::TcpListener, u16) {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[tokio::test]
async fn a_redis_that_is_away_or_silent_costs_at_most_a_second_and_opens_all_the_same() {
    let (listener, port) = silent_server().await;
    let silent = opened(&format!("redis://127.0.0.1:{port}"), Clock::default()).await;
    let encrypted = opened(&format!("rediss://:secret@127.0.0.1:{port}"), Clock::default()).await;
    let began = tokio::time::Instant::now();
    let (first, second) = tokio::join!(silent.ping(), encrypted.ping());
    assert!(matches!(first, Err(CacheError::Unavailable(_))), "{first:?}");
    assert!(matches!(second, Err(CacheError::Unavailable(_))), "{second:?}");
    drop(listener);
    let gone = silent.get("k").await;
    assert!(matches!(gone, Err(CacheError::Unavailable(_))), "{gone:?}");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

mod restart;

//! The store in Redis, shared by all instances: every call has an end, and what can be repeated safely is.

mod listener;

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Cmd, FromRedisValue, RedisError, RedisResult, Script, ScriptInvocation, cmd};
use tokio::time::timeout;

use super::error::CacheError;
use super::store::{Answer, Store};
use super::subscription::Subscription;

/// The most that one call may take, a repetition included.
const CALL_LIMIT: Duration = Duration::from_secs(1);
/// The most that making a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_millis(800);
/// Commands that may wait for one connection.
const PIPELINE: usize = 1024;

/// Counts, and lets the window begin with the first.
const COUNT: &str = "local n = redis.call('INCR', KEYS[1]) \
    if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end \
    return n";
/// Deletes a key only if it holds the value.
const RELEASE: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end";

/// The store.
pub(super) struct InRedis {
    client: Client,
    line: RwLock<Line>,
    count: Script,
    release: Script,
}

/// The connection in use.
#[derive(Clone)]
struct Line {
    manager: ConnectionManager,
    /// How many there were before.
    number: u64,
}

impl Line {
    fn new(client: &Client, number: u64) -> RedisResult<Self> {
        let config = ConnectionManagerConfig::new()
            // Whoever calls decides about a repetition, so that no call waits for a long row of them.
            .set_number_of_retries(0)
            .set_connection_timeout(Some(CONNECT_LIMIT))
            .set_response_timeout(Some(CALL_LIMIT))
            .set_pipeline_buffer_size(PIPELINE);
        let manager = client.get_connection_manager_lazy(config)?;
        Ok(Self { manager, number })
    }
}

/// Whether a command may be sent again when it is not known to have been executed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeat {
    /// Doing it twice is doing it once.
    Safe,
    /// Only if it was certainly not sent.
    IfUnsent,
}

impl InRedis {
    /// Needs a running Tokio, but no running Redis.
    pub(super) fn new(url: &str) -> Result<Self, CacheError> {
        let client = Client::open(url).map_err(|error| CacheError::Settings(described(&error)))?;
        let line = Line::new(&client, 0).map_err(|error| CacheError::Settings(described(&error)))?;
        Ok(Self {
            client,
            line: RwLock::new(line),
            count: Script::new(COUNT),
            release: Script::new(RELEASE),
        })
    }

    async fn ask<T: FromRedisValue>(&self, command: &Cmd, repeat: Repeat) -> Result<T, CacheError> {
        let call = |mut manager: ConnectionManager| async move { command.query_async(&mut manager).await };
        self.limited(repeat, call).await
    }

    /// None of the scripts may run twice for one call.
    async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, CacheError> {
        let call = |mut manager: ConnectionManager| async move { script.invoke_async(&mut manager).await };
        self.limited(Repeat::IfUnsent, call).await
    }

    /// The manager notices a dropped connection only by a failed command, and mends it then.
    async fn limited<T, Call>(&self, repeat: Repeat, call: impl Fn(ConnectionManager) -> Call) -> Result<T, CacheError>
    where
        Call: Future<Output = RedisResult<T>>,
    {
        let Line { manager, number } = self.line.read().unwrap_or_else(PoisonError::into_inner).clone();
        let twice = async {
            match call(manager.clone()).await {
                Err(error) if may_repeat(&error, repeat) => call(manager).await,
                answer => answer,
            }
        };
        match timeout(CALL_LIMIT, twice).await {
            Ok(Err(error)) if !error.is_timeout() => Err(translated(&error)),
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) | Err(_) => {
                self.hang_up(number);
                Err(CacheError::Unavailable(format!(
                    "no answer within {} ms",
                    CALL_LIMIT.as_millis()
                )))
            }
        }
    }

    /// Leaves a connection that does not answer: a server that was replaced will never say that it is gone. Of many
    /// callers that waited for the same one the first does so.
    fn hang_up(&self, silent: u64) {
        let mut line = self.line.write().unwrap_or_else(PoisonError::into_inner);
        if line.number == silent
            && let Ok(next) = Line::new(&self.client, silent.wrapping_add(1))
        {
            *line = next;
        }
    }
}

fn may_repeat(error: &RedisError, repeat: Repeat) -> bool {
    error.is_connection_refusal() || (repeat == Repeat::Safe && (error.is_connection_dropped() || error.is_io_error()))
}

/// What Redis or its client says, cut to a line of a log.
fn described(error: &RedisError) -> String {
    error
        .to_string()
        .chars()
        .filter(|letter| !letter.is_control())
        .take(200)
        .collect()
}

fn translated(error: &RedisError) -> CacheError {
    use redis::{ErrorKind, ServerErrorKind};
    match error.kind() {
        // These pass by themselves: a server that starts, or one that has just become the lesser of two.
        ErrorKind::Server(
            ServerErrorKind::BusyLoading
            | ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ReadOnly,
        ) => CacheError::Unavailable(described(error)),
        ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::UnexpectedReturnType => {
            CacheError::Refused(described(error))
        }
        _ => CacheError::Unavailable(described(error)),
    }
}

fn millis(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).min(LONGEST_MS)
}

/// A century: beyond it Redis calls the time to live invalid.
const LONGEST_MS: u64 = 100 * 365 * 24 * 3_600 * 1_000;

impl Store for InRedis {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        async move { self.ask(cmd("GET").arg(key), Repeat::Safe).await }.boxed()
    }

    fn set<'a>(&'a self, key: &'a str, value: &'a [u8], ttl: Duration) -> Answer<'a, ()> {
        async move {
            self.ask(cmd("SET").arg(key).arg(value).arg("PX").arg(millis(ttl)), Repeat::Safe)
                .await
        }
        .boxed()
    }

    fn add<'a>(&'a self, key: &'a str, value: &'a [u8], ttl: Duration) -> Answer<'a, bool> {
        async move {
            let mut command = cmd("SET");
            command.arg(key).arg(value).arg("NX").arg("PX").arg(millis(ttl));
            let answer: Option<String> = self.ask(&command, Repeat::IfUnsent).await?;
            Ok(answer.is_some())
        }
        .boxed()
    }

    fn take<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        async move { self.ask(cmd("GETDEL").arg(key), Repeat::IfUnsent).await }.boxed()
    }

    fn remove<'a>(&'a self, key: &'a str) -> Answer<'a, ()> {
        async move { self.ask(cmd("DEL").arg(key), Repeat::Safe).await }.boxed()
    }

    fn release<'a>(&'a self, key: &'a str, value: &'a [u8]) -> Answer<'a, bool> {
        async move {
            let mut script = self.release.key(key);
            script.arg(value);
            self.run(&script).await
        }
        .boxed()
    }

    fn count<'a>(&'a self, key: &'a str, window: Duration) -> Answer<'a, u64> {
        async move {
            let mut script = self.count.key(key);
            script.arg(millis(window));
            self.run(&script).await
        }
        .boxed()
    }

    fn publish<'a>(&'a self, channel: &'a str, message: &'a [u8]) -> Answer<'a, ()> {
        // Said twice does no harm, unsaid might: what is told is always a hint to look again.
        async move { self.ask(cmd("PUBLISH").arg(channel).arg(message), Repeat::Safe).await }.boxed()
    }

    fn subscribe<'a>(&'a self, channel: &'a str) -> BoxFuture<'a, Subscription> {
        listener::listen(self.client.clone(), channel.to_owned()).boxed()
    }

    fn ping(&self) -> Answer<'_, ()> {
        async move { self.ask(&cmd("PING"), Repeat::Safe).await }.boxed()
    }

    fn server_version(&self) -> Answer<'_, Option<String>> {
        async move {
            let told: String = self.ask(cmd("INFO").arg("server"), Repeat::Safe).await?;
            Ok(told
                .lines()
                .find_map(|line| line.strip_prefix("redis_version:"))
                .map(|version| version.chars().filter(|letter| !letter.is_control()).take(20).collect()))
        }
        .boxed()
    }
}

//! Asks the database and the cache.

use std::time::Duration;

use sea_orm::DatabaseBackend;
use uuid::Uuid;

use super::finding::{Finding, limited, told};
use crate::cache::Cache;
use crate::cache::error::CacheError;
use crate::clock::Clock;
use crate::config::Settings;
use crate::database::Database;
use crate::tokens;
use crate::tokens::seal::Sealer;

const DATABASE: &str = "database";
const SCHEMA: &str = "schema";
const WRITING: &str = "writing";
const DATABASE_CLOCK: &str = "database clock";
const MASTER_KEY: &str = "master key";
const CACHE: &str = "cache";

/// The release of Redis that brought GETDEL, by which of several callers one gets a value.
const OLDEST_REDIS: (u32, u32) = (6, 2);

/// Asks the database, what is in it, and what opens it.
pub(super) async fn database(settings: &Settings) -> Vec<Finding> {
    let skipped = |wanting| [SCHEMA, WRITING, DATABASE_CLOCK, MASTER_KEY].map(|check| Finding::skipped(check, wanting));
    // To open it would make it: perhaps as another user than the one of the service, or in another folder.
    if let Some(file) = settings.database.file().filter(|file| !file.exists()) {
        let missing = Finding::warning(
            DATABASE,
            format!("there is no {} yet", file.display()),
            "`serve` makes it at its first start; was this started in the folder of the service?",
        );
        return [missing].into_iter().chain(skipped("the database")).collect();
    }
    let database = async {
        let database = Database::open(&settings.database).await?;
        database.ping().await?;
        anyhow::Ok(database)
    };
    let database = match Box::pin(limited(database)).await {
        Ok(database) => database,
        Err(cause) => {
            let away = Finding::failed(
                DATABASE,
                told(&cause),
                "compare database.url with host, port, user and name of the database",
            );
            return [away].into_iter().chain(skipped("the database")).collect();
        }
    };
    let mut findings = vec![Finding::ok(DATABASE, format!("{} answers", name(&database)))];
    let (schema, begun) = schema(&database).await;
    findings.push(schema);
    if begun {
        findings.push(writing(&database).await);
    } else {
        findings.push(Finding::skipped(WRITING, "the schema"));
    }
    findings.push(clock(&database).await);
    if begun {
        findings.push(master_key(settings, &database).await);
    } else {
        findings.push(Finding::skipped(MASTER_KEY, "the schema"));
    }
    database.close().await;
    findings
}

fn name(database: &Database) -> &'static str {
    match database.backend() {
        DatabaseBackend::Postgres => "PostgreSQL",
        DatabaseBackend::MySql => "MySQL or MariaDB",
        _ => "SQLite",
    }
}

/// And whether any of the schema is there.
async fn schema(database: &Database) -> (Finding, bool) {
    let steps = match limited(database.migrations()).await {
        Ok(steps) => steps,
        Err(cause) => {
            let advice = "is the database of a later release of this program, or of another program?";
            return (Finding::failed(SCHEMA, told(&cause), advice), false);
        }
    };
    let pending = steps.iter().filter(|(_, applied)| !applied).count();
    let finding = if pending == 0 {
        Finding::ok(SCHEMA, format!("up to date, {} steps", steps.len()))
    } else {
        Finding::warning(
            SCHEMA,
            format!("{pending} of {} steps are pending", steps.len()),
            "`serve` applies them at its start, unless it is told --no-migrate; `migrate up` does it now",
        )
    };
    (finding, pending < steps.len())
}

async fn writing(database: &Database) -> Finding {
    match limited(database.try_write()).await {
        Ok(()) => Finding::ok(WRITING, "allowed"),
        Err(cause) => Finding::failed(
            WRITING,
            told(&cause),
            "is it a replica, a read-only file, or a user without the right to write?",
        ),
    }
}

async fn clock(database: &Database) -> Finding {
    let clock = Clock::default();
    let before = clock.now();
    match limited(database.time()).await {
        Ok(Some(theirs)) => Finding::clock(DATABASE_CLOCK, "the database server", theirs, (before, clock.now())),
        Ok(None) => Finding::ok(DATABASE_CLOCK, "that of this machine"),
        Err(cause) => Finding::failed(DATABASE_CLOCK, told(&cause), "see the line of the database"),
    }
}

async fn master_key(settings: &Settings, database: &Database) -> Finding {
    let sealer = match Sealer::find(&settings.secrets, &settings.database) {
        Ok(sealer) => sealer,
        Err(cause) => {
            return Finding::failed(
                MASTER_KEY,
                told(&cause),
                "it has to be the file that was saved with the database, and this user has to be able to read it",
            );
        }
    };
    match limited(tokens::try_signing_keys(database, sealer.as_ref())).await {
        Ok(0) => Finding::ok(MASTER_KEY, "there is no signing key yet that it would have to open"),
        Ok(count) => Finding::ok(MASTER_KEY, format!("opens the signing keys, {count} of them")),
        Err(cause) => Finding::failed(
            MASTER_KEY,
            told(&cause),
            "give the master key with which this database began: secrets.master_key, or the file beside SQLite",
        ),
    }
}

/// Asks the cache.
pub(super) async fn cache(settings: &Settings) -> Finding {
    let cache = match Cache::open(&settings.cache, Clock::default()).await {
        Ok(cache) => cache,
        Err(cause) => return Finding::fault(CACHE, cause.to_string()),
    };
    if !cache.is_shared() {
        return if settings.database.is_server() {
            Finding::warning(
                CACHE,
                "kept in the process, which only a single instance may do",
                "set cache.url to redis://HOST:PORT before a second instance starts",
            )
        } else {
            Finding::ok(CACHE, "kept in the process: for a single instance")
        };
    }
    // A server that does not tell its release may still do all that is asked of it.
    let version = limited(cache.server_version()).await.ok().flatten();
    if let Some(version) = version.as_ref().filter(|version| is_too_old(version)) {
        let (major, minor) = OLDEST_REDIS;
        return Finding::failed(
            CACHE,
            format!("Redis {version} is too old"),
            format!("{major}.{minor} is the oldest that will do"),
        );
    }
    match limited(try_everything(&cache)).await {
        Ok(()) => Finding::ok(
            CACHE,
            format!(
                "Redis {}, shared by all instances",
                version.as_deref().unwrap_or("answers")
            ),
        ),
        Err(cause) => Finding::failed(
            CACHE,
            told(&cause),
            "compare cache.url with host, port, user and password of Redis; its user needs all commands on sso:*",
        ),
    }
}

/// Does with a key of its own what the service does with its keys.
async fn try_everything(cache: &Cache) -> Result<(), CacheError> {
    const LIFE: Duration = Duration::from_secs(5);
    let key = format!("doctor:{}", Uuid::new_v4().simple());
    cache.set(&key, b"here", LIFE).await?;
    if cache.take(&key).await?.as_deref() != Some(b"here") {
        return Err(CacheError::Refused("what was kept is gone at once".to_owned()));
    }
    cache.count(&key, LIFE).await?;
    cache.remove(&key).await?;
    cache.publish(&key, b"here").await
}

/// Whether a release is known to be too old.
fn is_too_old(version: &str) -> bool {
    let mut numbers = version.split('.').map(str::parse);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        return false;
    };
    (major, minor) < OLDEST_REDIS
}

#[cfg(test)]
mod tests {
    use super::is_too_old;

    #[rstest::rstest]
    #[case("6.0.16", true)]
    #[case("5.0.14", true)]
    #[case("6.2.0", false)]
    #[case("6.10.1", false)]
    #[case("10.0.0", false)]
    #[case("of its own kind", false)]
    fn redis_is_too_old_before_6_2(#[case] version: &str, #[case] too_old: bool) {
        assert_eq!(is_too_old(version), too_old);
    }
}

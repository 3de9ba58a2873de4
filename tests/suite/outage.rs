//! Database and cache go away and come back, and the service is never restarted for it.

use std::time::{Duration, Instant};

use dingtalk_sso::config;
use dingtalk_sso::database::Database;
use dingtalk_sso::database::failure::is_away;
use futures_util::future::join_all;
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::answer::Answer;
use crate::harness::{Harness, PAGE};
use crate::road::Road;
use crate::surroundings::{given, skip};

/// The longest that anybody waits for an answer while a part is away: five seconds, and what a busy machine adds. Who has
/// waited for two parts, one after the other, would be above it.
const LIMIT: Duration = Duration::from_secs(9);

/// How soon everything works again.
const RECOVERY: Duration = Duration::from_secs(15);

/// How a server goes away, and how it comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outage {
    /// Its process ends: connections are reset, new ones refused.
    Gone,
    /// It hangs, and answers later what it was asked.
    Hangs,
    /// It hangs, and when it is back knows nothing of its connections: a machine that was replaced.
    Replaced,
}

impl Outage {
    async fn begin(self, road: &Road) {
        match self {
            Self::Gone => road.close().await,
            Self::Hangs | Self::Replaced => road.fall_silent(),
        }
    }

    fn end(self, road: &Road) {
        match self {
            Self::Gone | Self::Hangs => road.open(),
            Self::Replaced => road.open_for_new_travellers(),
        }
    }
}

fn is_away_in_time(what: &str, answer: &Answer) {
    assert_eq!((answer.status, answer.code()), (503, 1117), "{what}: {answer:?}");
    assert!(!answer.header("retry-after").is_empty(), "{what}: {answer:?}");
    assert!(answer.took < LIMIT, "{what}: {answer:?}");
}

/// Asks until the service is ready again.
async fn is_ready_again(sso: &Harness) {
    let began = Instant::now();
    while sso.get("/health/ready", "").await.status != 200 {
        assert!(began.elapsed() < RECOVERY, "it does not recover");
        sleep(Duration::from_millis(100)).await;
    }
}

/// Signs many in at once, as they all come back after an outage.
async fn many_sign_in(sso: &Harness) -> Vec<Answer> {
    let people = (1..=40).map(|number| async move { sso.log_in(&format!("user{number:05}")).await });
    join_all(people).await
}

async fn config(sso: &Harness) -> Answer {
    sso.post("/v1/jsapi/config", json!({"url": PAGE})).await
}

#[rstest::rstest]
#[case(Outage::Gone)]
#[case(Outage::Hangs)]
#[case(Outage::Replaced)]
#[tokio::test]
async fn a_database_that_goes_away_is_waited_for_in_bounds_and_found_again(#[case] outage: Outage) {
    if given("TEST_DATABASE_URL").is_none() {
        return skip("SQLite is no server that could go away");
    }
    let mut sso = Harness::prepared(&[("DATABASE__MAX_CONNECTIONS", "4"), ("DINGTALK__TIMEOUT_MS", "30000")]).await;
    let (road, url) = Road::to(sso.setting("DATABASE__URL")).await;
    sso.set("DATABASE__URL", &url);
    let sso = sso.begun().await;
    let entry = sso.log_in("manager01").await;
    let (token, refresh_token) = (entry.text("token"), entry.text("refreshToken"));
    let known = sso.me(&token).await;
    assert_eq!((known.status, config(&sso).await.status), (200, 200));

    outage.begin(&road).await;
    // More than there are connections, so that each is lost in the middle of its work.
    let (logins, refreshed, logout, ready) = tokio::join!(
        many_sign_in(&sso),
        sso.refresh(&refresh_token),
        sso.log_out(&token),
        sso.get("/health/ready", "")
    );
    for login in &logins {
        is_away_in_time("login", login);
    }
    is_away_in_time("refresh", &refreshed);
    is_away_in_time("logout", &logout);
    assert_eq!(
        (ready.status, ready.text("database"), ready.text("cache")),
        (503, "away".into(), "ok".into())
    );
    assert_eq!(sso.get("/health/live", "").await.status, 200);
    for _ in 0..3 {
        let me = sso.me(&token).await;
        assert_eq!((me.status, me.body), (200, known.body.clone()), "a known token is good");
        assert!(me.took < LIMIT);
        assert_eq!(config(&sso).await.status, 200, "a page is signed");
    }
    let quick = sso.me(&token).await;
    assert!(quick.took < Duration::from_secs(1), "{quick:?}");

    outage.end(&road);
    is_ready_again(&sso).await;
    assert_eq!(sso.refresh(&refresh_token).await.status, 200);
    for login in many_sign_in(&sso).await {
        assert_eq!(login.status, 200, "{login:?}");
    }
    assert_eq!(sso.log_out(&token).await.status, 204);
    assert_eq!(sso.me(&token).await.code(), 1114);
}

#[tokio::test]
async fn database_connections_that_are_reset_are_replaced_unseen() {
    if given("TEST_DATABASE_URL").is_none() {
        return skip("SQLite has no connections that could be reset");
    }
    let mut sso = Harness::prepared(&[]).await;
    let (road, url) = Road::to(sso.setting("DATABASE__URL")).await;
    sso.set("DATABASE__URL", &url);
    let sso = sso.begun().await;
    let refresh_token = sso.log_in("manager01").await.text("refreshToken");
    road.cut().await;
    assert_eq!(sso.refresh(&refresh_token).await.status, 200);
    road.cut().await;
    assert_eq!(sso.log_in("user00001").await.status, 200);
}

#[tokio::test]
async fn connections_lost_in_the_middle_of_their_work_are_replaced() {
    if given("TEST_DATABASE_URL").is_none() {
        return skip("SQLite has no connections that could be lost");
    }
    let mut sso = Harness::prepared(&[("DATABASE__MAX_CONNECTIONS", "4")]).await;
    let store = sso.store().await;
    let (road, url) = Road::to(sso.setting("DATABASE__URL")).await;
    sso.set("DATABASE__URL", &url);
    let sso = sso.begun().await;
    let tokens: Vec<String> = many_sign_in(&sso)
        .await
        .iter()
        .map(|entry| entry.text("token"))
        .collect();
    store.lock_table("employees").await;
    let readers = join_all(tokens.iter().take(8).map(|token| sso.me(token)));
    let outage = async {
        // By then four of them wait for the lock, each with a connection.
        sleep(Duration::from_millis(500)).await;
        road.fall_silent();
        store.unlock_tables().await;
    };
    let (answers, ()) = tokio::join!(readers, outage);
    for answer in &answers {
        is_away_in_time("me", answer);
    }
    road.open_for_new_travellers();
    is_ready_again(&sso).await;
    for login in many_sign_in(&sso).await {
        assert_eq!(login.status, 200, "{login:?}");
    }
}

#[tokio::test]
async fn a_database_that_somebody_locks_is_waited_for_in_bounds() {
    let sso = Harness::start().await;
    let entry = sso.log_in("manager01").await;
    let known = sso.me(&entry.text("token")).await;
    let store = sso.store().await;
    store.lock_table("employees").await;
    for login in many_sign_in(&sso).await {
        is_away_in_time("login", &login);
    }
    let me = sso.me(&entry.text("token")).await;
    assert_eq!((me.status, me.body), (200, known.body));
    store.unlock_tables().await;
    for login in many_sign_in(&sso).await {
        assert_eq!(login.status, 200, "{login:?}");
    }
    assert_eq!(store.rows_of_everything().await[0], 41);
}

#[tokio::test]
async fn a_lock_that_mysql_does_not_give_in_time_counts_as_its_absence() {
    let sso = Harness::start().await;
    let url = sso.setting("DATABASE__URL");
    if !url.starts_with("mysql") {
        return skip("MySQL alone tells of it by a number of its own");
    }
    sso.log_in("manager01").await;
    let settings = config::database::Database {
        url: url.into(),
        max_connections: 4,
    };
    let database = Database::open(&settings).await.expect("the database");
    let holder = database.begin().await.expect("a transaction");
    let waiter = database.begin().await.expect("a transaction");
    let write = "UPDATE employees SET name = name";
    holder.execute_unprepared(write).await.expect("the lock");
    let patience = "SET SESSION innodb_lock_wait_timeout = 1";
    waiter.execute_unprepared(patience).await.expect("a setting");
    let refused = waiter.execute_unprepared(write).await.expect_err("no lock");
    assert!(is_away(&refused), "{refused:?}");
}

#[tokio::test]
async fn ends_of_sessions_are_learned_of_while_the_keys_cannot_be_read() {
    if given("TEST_DATABASE_URL").is_none() {
        return skip("SQLite lets everybody read what is locked");
    }
    let sso = Harness::start().await;
    let other = sso.second_instance().await;
    let token = sso.log_in("manager01").await.text("token");
    assert_eq!(sso.me(&token).await.status, 200);
    let store = sso.store().await;
    store.lock_table("signing_keys").await;
    // Both look after their keys about now.
    sso.advance_s(30);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(other.log_out(&token).await.status, 204);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(sso.me(&token).await.code(), 1114);
    store.unlock_tables().await;
}

#[rstest::rstest]
#[case(Outage::Gone)]
#[case(Outage::Hangs)]
#[case(Outage::Replaced)]
#[tokio::test]
async fn with_the_cache_away_people_still_sign_in(#[case] outage: Outage) {
    if given("TEST_CACHE_URL").is_none() {
        return skip("the cache in the process cannot go away");
    }
    let mut sso = Harness::prepared(&[("LIMITS__REJECTED_CODES_PER_MINUTE", "1000000")]).await;
    let (road, url) = Road::to(sso.setting("CACHE__URL")).await;
    sso.set("CACHE__URL", &url);
    let sso = sso.begun().await;
    let entry = sso.log_in("manager01").await;
    assert_eq!(entry.status, 200);

    outage.begin(&road).await;
    let ready = sso.get("/health/ready", "").await;
    assert_eq!(
        (ready.status, ready.text("database"), ready.text("cache")),
        (503, "ok".into(), "away".into())
    );
    let quick = sso.log_in("user00001").await;
    assert_eq!(quick.status, 200);
    // Token and ticket of the platform run out, and are fetched past the cache.
    sso.advance_s(7000);
    let mut answers = many_sign_in(&sso).await;
    answers.push(config(&sso).await);
    for answer in &answers {
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.took < LIMIT, "{answer:?}");
    }
    let rejected = sso.redeem("unknown").await;
    assert_eq!((rejected.status, rejected.code()), (401, 1103));
    assert!(rejected.took < LIMIT, "{rejected:?}");
    let pair = sso.refresh(&entry.text("refreshToken")).await;
    assert_eq!(
        (pair.status, pair.body.get("token").is_some_and(Value::is_string)),
        (200, true)
    );
    assert_eq!(sso.me(&pair.text("token")).await.status, 200);

    outage.end(&road);
    is_ready_again(&sso).await;
    let fetched = sso.calls("/v1.0/oauth2/accessToken").await;
    sso.advance_s(7000);
    let other = sso.second_instance().await;
    assert_eq!(sso.log_in("user00002").await.status, 200);
    assert_eq!(other.log_in("user00003").await.status, 200);
    assert_eq!(sso.calls("/v1.0/oauth2/accessToken").await, fetched + 1, "shared again");
}

//! Token and ticket: kept, shared, renewed, dropped, and fetched by one at a time.

use chrono::TimeDelta;
use tokio::task::JoinSet;

use super::super::error::NoAppToken;
use super::super::kept::Kept;
use super::*;

const TOKEN: &str = "/api/v1.0/oauth2/accessToken";
const TICKET: &str = "/api/v1.0/oauth2/jsapiTickets";
const USER: &str = "/oapi/topapi/v2/user/get";

/// Tokens t0, t1, … and tickets k0, k1, … by the number of fetches before; profiles for whoever asks.
async fn plain_platform() -> Platform {
    Platform::start(|asked, before| match asked.path.as_str() {
        TOKEN => token(&format!("t{before}"), 7200).after(Duration::from_millis(30)),
        TICKET => ticket(&format!("k{before}")).after(Duration::from_millis(30)),
        _ => user(),
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_callers_make_one_fetch() {
    let (platform, clock) = (plain_platform().await, Clock::default());
    let dingtalk = patient(&platform, in_process(&clock).await, clock);
    assert!(dingtalk.known_jsapi_ticket("default").is_none());
    let mut callers = JoinSet::new();
    for _ in 0..1000 {
        let dingtalk = dingtalk.clone();
        callers.spawn(async move { dingtalk.jsapi_ticket("default").await.unwrap().reveal().to_owned() });
    }
    assert!(callers.join_all().await.iter().all(|ticket| ticket == "k0"));
    assert_eq!((platform.count(TOKEN), platform.count(TICKET)), (1, 1));
    assert_eq!(dingtalk.known_jsapi_ticket("default").unwrap().reveal(), "k0");
    let asked = platform.asked(TICKET);
    assert_eq!(
        asked[0].token.as_deref(),
        Some("t0"),
        "in the header, as the new family wants it"
    );
    let body = &platform.asked(TOKEN)[0].body;
    assert_eq!(*body, format!(r#"{{"appKey":"dingkey","appSecret":"{SECRET}"}}"#));
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_end_the_fetch() {
    let (platform, clock) = (plain_platform().await, Clock::default());
    let dingtalk = client(&platform, in_process(&clock).await, clock);
    let impatient = tokio::time::timeout(Duration::from_millis(5), dingtalk.jsapi_ticket("default")).await;
    assert!(impatient.is_err());
    assert_eq!(dingtalk.jsapi_ticket("default").await.unwrap().reveal(), "k0");
    assert_eq!(platform.count(TOKEN), 1);
}

/// The Redis to test against; without one says that the test did not run.
fn redis_url() -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "which store to test against is no setting of the service"
    )]
    let url = std::env::var("TEST_CACHE_URL")
        .ok()
        .filter(|url| url.starts_with("redis"));
    if url.is_none() {
        #[expect(clippy::print_stderr, reason = "a test that did not run must say so")]
        {
            eprintln!("SKIPPED: TEST_CACHE_URL names no Redis");
        }
    }
    url
}

async fn instances_share(first: DingTalk, second: DingTalk, platform: &Platform) {
    let (one, two) = tokio::join!(first.jsapi_ticket("default"), second.jsapi_ticket("default"));
    assert_eq!(one.unwrap().reveal(), two.unwrap().reveal());
    assert_eq!((platform.count(TOKEN), platform.count(TICKET)), (1, 1));
}

#[tokio::test]
async fn two_instances_on_one_cache_make_one_fetch() {
    let (platform, clock) = (plain_platform().await, Clock::default());
    let cache = in_process(&clock).await;
    let (first, second) = (
        client(&platform, cache.clone(), clock.clone()),
        client(&platform, cache, clock),
    );
    instances_share(first, second, &platform).await;
}

#[tokio::test]
async fn two_instances_on_one_redis_make_one_fetch() {
    let Some(url) = redis_url() else { return };
    let (platform, clock, app_key) = (plain_platform().await, Clock::default(), unique("ding"));
    let first = client_of(&platform, &app_key, opened(&url, &clock).await, clock.clone());
    let second = client_of(&platform, &app_key, opened(&url, &clock).await, clock.clone());
    instances_share(first, second, &platform).await;
    let later = client_of(&platform, &app_key, opened(&url, &clock).await, clock);
    assert_eq!(later.jsapi_ticket("default").await.unwrap().reveal(), "k0");
    assert_eq!(platform.count(TICKET), 1);
}

#[tokio::test]
async fn nothing_that_the_platform_lends_lies_open_in_redis() {
    let Some(url) = redis_url() else { return };
    let (platform, clock, app_key) = (plain_platform().await, Clock::default(), unique("ding"));
    let dingtalk = client_of(&platform, &app_key, opened(&url, &clock).await, clock);
    dingtalk.jsapi_ticket("default").await.unwrap();
    let mut redis = redis::Client::open(url)
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap();
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg(format!("sso:dingtalk:*:{app_key}:*"))
        .query_async(&mut redis)
        .await
        .unwrap();
    assert_eq!(keys.len(), 2, "token and ticket: {keys:?}");
    for key in keys {
        let value: String = redis::cmd("GET").arg(&key).query_async(&mut redis).await.unwrap();
        assert!(
            Kept::<JsapiTicketKind>::from_bytes(value.as_bytes()).is_none(),
            "{key}: {value}"
        );
        assert!(
            !value.contains("secret") && !value.contains("over_at"),
            "{key}: {value}"
        );
    }
}

#[tokio::test]
async fn what_another_master_key_sealed_is_fetched_anew() {
    let (platform, clock) = (plain_platform().await, Clock::default());
    let cache = in_process(&clock).await;
    let with = |master_key| {
        let vault = vault(cache.clone(), master_key);
        DingTalk::new(&settings(&platform), &apps("dingkey"), Some(vault), clock.clone()).unwrap()
    };
    let other = "another master key, which opens nothing of the first";
    for (master_key, ticket) in [(MASTER_KEY, "k0"), (other, "k1"), (other, "k1"), (MASTER_KEY, "k2")] {
        assert_eq!(with(master_key).jsapi_ticket("default").await.unwrap().reveal(), ticket);
    }
}

#[tokio::test]
async fn what_lies_sealed_in_another_place_does_not_count() {
    let clock = Clock::default();
    let cache = in_process(&clock).await;
    let vault = vault(cache.clone(), MASTER_KEY);
    vault.set("here", b"secret", Duration::from_secs(9)).await.unwrap();
    assert_eq!(vault.get("here").await.unwrap().unwrap(), b"secret");
    let sealed = cache.get("here").await.unwrap().unwrap();
    cache.set("there", &sealed, Duration::from_secs(9)).await.unwrap();
    assert_eq!(vault.get("there").await.unwrap(), None);
}

#[tokio::test]
async fn without_a_vault_each_instance_fetches_for_itself() {
    let (platform, clock) = (plain_platform().await, Clock::default());
    for ticket in ["k0", "k1"] {
        let dingtalk = DingTalk::new(&settings(&platform), &apps("dingkey"), None, clock.clone()).unwrap();
        assert_eq!(dingtalk.jsapi_ticket("default").await.unwrap().reveal(), ticket);
        assert_eq!(dingtalk.jsapi_ticket("default").await.unwrap().reveal(), ticket);
    }
}

#[tokio::test]
async fn without_the_shared_cache_it_goes_on_from_memory() {
    let (platform, clock) = (plain_platform().await, Clock::default());
    // Nobody listens on port 1.
    let dingtalk = client(&platform, opened("redis://127.0.0.1:1", &clock).await, clock);
    assert_eq!(dingtalk.jsapi_ticket("default").await.unwrap().reveal(), "k0");
    assert_eq!(dingtalk.jsapi_ticket("default").await.unwrap().reveal(), "k0");
    assert_eq!(platform.count(TICKET), 1);
}

#[tokio::test]
async fn the_lease_of_a_dead_instance_is_waited_for_only_so_long() {
    let platform = Platform::start(|asked, before| match asked.path.as_str() {
        TOKEN => token("t", 7200),
        _ if before == 0 => Reply::Silence,
        _ => ticket("k"),
    })
    .await;
    let clock = Clock::default();
    let cache = in_process(&clock).await;
    let (dying, heir) = (
        client(&platform, cache.clone(), clock.clone()),
        client(&platform, cache, clock),
    );
    let (kill, killed) = tokio::sync::oneshot::channel::<()>();
    let death = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            tokio::select! {
                _ = dying.jsapi_ticket("default") => panic!("the platform is silent"),
                killed = killed => killed.unwrap(),
            }
        });
        runtime.shutdown_background();
    });
    let asked = async {
        while platform.count(TICKET) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asked).await.unwrap();
    kill.send(()).unwrap();
    tokio::task::spawn_blocking(move || death.join().unwrap())
        .await
        .unwrap();
    assert_eq!(platform.count(TICKET), 1, "it died while it held the lease");
    let began = std::time::Instant::now();
    assert_eq!(heir.jsapi_ticket("default").await.unwrap().reveal(), "k");
    assert!(
        began.elapsed() >= Duration::from_millis(1400),
        "the holder was waited for first"
    );
    assert_eq!(platform.count(TICKET), 2);
}

#[tokio::test]
async fn it_is_used_until_five_minutes_before_its_end() {
    let (platform, clock) = (plain_platform().await, Clock::default());
    let dingtalk = client(&platform, in_process(&clock).await, clock.clone());
    dingtalk.warm_up().await;
    clock.advance(TimeDelta::seconds(7200 - 600 - 5));
    assert_eq!(dingtalk.known_jsapi_ticket("default").unwrap().reveal(), "k0");
    assert_eq!(platform.count(TICKET), 1);
    clock.advance(TimeDelta::seconds(310));
    assert!(
        dingtalk.known_jsapi_ticket("default").is_none(),
        "inside the last five minutes"
    );
    assert_eq!(dingtalk.jsapi_ticket("default").await.unwrap().reveal(), "k1");
    assert_eq!((platform.count(TOKEN), platform.count(TICKET)), (2, 2));
}

#[tokio::test]
async fn it_is_renewed_in_the_background_before_anybody_must_wait() {
    let (platform, clock) = (plain_platform().await, Clock::default());
    let dingtalk = client(&platform, in_process(&clock).await, clock.clone());
    dingtalk.warm_up().await;
    clock.advance(TimeDelta::seconds(7200 - 500));
    for _ in 0..100 {
        assert_eq!(
            dingtalk.known_jsapi_ticket("default").unwrap().reveal(),
            "k0",
            "the old one still serves"
        );
    }
    while dingtalk.known_jsapi_ticket("default").unwrap().reveal() != "k1" {
        tokio::task::yield_now().await;
    }
    assert_eq!((platform.count(TOKEN), platform.count(TICKET)), (2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_callers_with_a_rejected_token_make_one_fetch() {
    // With the shared cache, and with it away.
    for cache in ["memory:", "redis://127.0.0.1:1"] {
        let platform = Platform::start(|asked, before| match (asked.path.as_str(), asked.token.as_deref()) {
            (TOKEN, _) => token(&format!("t{before}"), 7200).after(Duration::from_millis(20)),
            // The last ones learn of it long after the first have a new token.
            (_, Some("t0")) => bad_token().after(Duration::from_millis(before as u64 / 10)),
            _ => user(),
        })
        .await;
        let clock = Clock::default();
        let dingtalk = patient(&platform, opened(cache, &clock).await, clock);
        let userid = UserId::new("manager01").unwrap();
        let mut callers = JoinSet::new();
        for _ in 0..1000 {
            let (dingtalk, userid) = (dingtalk.clone(), userid.clone());
            callers.spawn(async move { dingtalk.employee_profile("default", &userid).await });
        }
        for answer in callers.join_all().await {
            assert_eq!(answer.unwrap().userid, userid);
        }
        assert_eq!(platform.count(TOKEN), 2, "{cache}");
        assert!(platform.count(USER) <= 2000);
    }
}

#[tokio::test]
async fn another_instance_takes_over_the_new_token_instead_of_fetching() {
    let platform = Platform::start(|asked, before| match (asked.path.as_str(), asked.token.as_deref()) {
        (TOKEN, _) => token(&format!("t{before}"), 7200),
        (_, Some("t0")) if before > 1 => bad_token(),
        _ => user(),
    })
    .await;
    let clock = Clock::default();
    let cache = in_process(&clock).await;
    let (first, second) = (
        client(&platform, cache.clone(), clock.clone()),
        client(&platform, cache, clock),
    );
    for dingtalk in [&first, &second, &first, &second, &second] {
        dingtalk.user_by_auth_code("default", &code()).await.unwrap();
    }
    assert_eq!(platform.count(TOKEN), 2);
}

#[tokio::test]
async fn a_token_that_is_rejected_again_and_again_is_a_failure_of_the_token() {
    let platform = Platform::start(|asked, _| match asked.path.as_str() {
        TOKEN => token("t", 7200),
        TICKET => Reply::json(
            400,
            r#"{"code":"InvalidAuthentication","requestid":"1","message":"t is bad"}"#.to_owned(),
        ),
        _ => bad_token(),
    })
    .await;
    let clock = Clock::default();
    let dingtalk = client(&platform, in_process(&clock).await, clock);
    let error = dingtalk.user_by_auth_code("default", &code()).await.unwrap_err();
    assert!(matches!(error, DingTalkError::AppToken { .. }), "{error:?}");
    assert_eq!(
        (platform.count(TOKEN), platform.count("/topapi/v2/user/getuserinfo")),
        (2, 2)
    );
    let error = dingtalk.jsapi_ticket("default").await.unwrap_err();
    assert!(matches!(error, DingTalkError::AppToken { .. }), "{error:?}");
    assert_eq!(platform.count(TICKET), 2);
}

#[tokio::test]
async fn a_wrong_secret_is_told_apart_and_not_tried_at_full_speed() {
    let platform = Platform::start(|_, _| {
        let text = format!(r#"{{"code":"invalidClientIdOrSecret","requestid":"1","message":"无效的 {SECRET}"}}"#);
        Reply::json(400, text)
    })
    .await;
    let clock = Clock::default();
    let dingtalk = client(&platform, in_process(&clock).await, clock.clone());
    for _ in 0..20 {
        let error = dingtalk.user_by_auth_code("default", &code()).await.unwrap_err();
        assert!(
            matches!(&error, DingTalkError::AppToken { why: NoAppToken::WrongSecret, reason } if reason.contains("app_secret")),
            "{error:?}"
        );
        assert!(!error.to_string().contains(SECRET), "{error}");
    }
    assert_eq!(platform.count(TOKEN), 2);
    clock.advance(TimeDelta::milliseconds(1001));
    dingtalk.user_by_auth_code("default", &code()).await.unwrap_err();
    assert_eq!(platform.count(TOKEN), 3);
    assert_eq!(platform.count("getuserinfo"), 0, "no code goes out without a token");
}

#[tokio::test]
async fn an_address_that_is_not_allowed_is_named() {
    let platform = Platform::start(|asked, _| match asked.path.as_str() {
        TOKEN => token("t", 7200),
        _ => old(r#"{"errcode":88,"sub_code":"60020","sub_msg":"访问ip不在白名单之中,request ip=203.0.113.9 appKey(dingxxxx)"}"#),
    })
    .await;
    let clock = Clock::default();
    let dingtalk = client(&platform, in_process(&clock).await, clock);
    let error = dingtalk.user_by_auth_code("default", &code()).await.unwrap_err();
    let DingTalkError::AppToken { why, .. } = error else {
        panic!("{error:?}");
    };
    let seen = Some([203, 0, 113, 9].into());
    assert_eq!(why, NoAppToken::AddressNotAllowed { seen });
}

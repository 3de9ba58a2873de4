//! `kill -9` under load: what was answered is true afterwards, and nothing is half done.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::harness::Harness;

/// Clients that sign in and refresh at the same time.
const CLIENTS: usize = 24;

/// People of the simulated company, but for its manager.
const PEOPLE: usize = 299;

/// How many answers there must be before the process is killed.
const ANSWERS: usize = 200;

/// For so long a client may repeat a refresh that was not answered (product.md, section 5).
const REPEATABLE: Duration = Duration::from_secs(10);

/// What a client has of one session.
struct Held {
    /// Every access token that it was given.
    access: Vec<String>,
    /// The refresh token of the last answer.
    refresh: String,
    /// When that was sent without being answered.
    unanswered: Option<Instant>,
}

/// Signs somebody in; none when the process is gone before its answer.
async fn sign_in(sso: &Harness, person: usize) -> Option<Held> {
    let code = sso.auth_code(&format!("user{:05}", person % PEOPLE + 1)).await;
    let entry = sso.try_redeem(&code).await?;
    assert_eq!(entry.status, 200, "{entry:?}");
    Some(Held {
        access: vec![entry.text("token")],
        refresh: entry.text("refreshToken"),
        unanswered: None,
    })
}

/// Refreshes; false when the process is gone before its answer.
async fn refresh(sso: &Harness, held: &mut Held) -> bool {
    let began = Instant::now();
    let Some(pair) = sso.try_refresh(&held.refresh).await else {
        held.unanswered = Some(began);
        return false;
    };
    assert_eq!(pair.status, 200, "{pair:?}");
    held.access.push(pair.text("token"));
    held.refresh = pair.text("refreshToken");
    true
}

/// Goes on until the process is gone: one person after the other signs in and refreshes twice.
async fn client(sso: &Harness, number: usize, answers: &AtomicUsize) -> Vec<Held> {
    let mut sessions = Vec::new();
    for person in (number..).step_by(CLIENTS) {
        let Some(mut held) = sign_in(sso, person).await else {
            break;
        };
        let mut alive = true;
        for _ in 0..2 {
            answers.fetch_add(1, Ordering::Relaxed);
            alive = alive && refresh(sso, &mut held).await;
        }
        sessions.push(held);
        if !alive {
            break;
        }
    }
    sessions
}

/// Everything that the service tells of a session is as it was before the crash.
async fn is_kept(sso: &Harness, held: &Held) {
    let pair = sso.refresh(&held.refresh).await;
    let in_time = held.unanswered.is_none_or(|since| since.elapsed() < REPEATABLE);
    let good = pair.status == 200 || (!in_time && pair.code() == 1114);
    assert!(
        good,
        "unanswered since {:?}: {pair:?}",
        held.unanswered.map(|since| since.elapsed())
    );
    if pair.status == 200 {
        for token in held.access.iter().chain([&pair.text("token")]) {
            assert_eq!(sso.me(token).await.status, 200);
        }
    }
}

/// Every employee has all of their departments, and every session its employee.
async fn nothing_is_half_stored(sso: &Harness) {
    let store = sso.store().await;
    let mut departments = BTreeMap::<String, usize>::new();
    let memberships = "SELECT e.userid FROM employees e JOIN memberships m ON m.employee_id = e.id";
    for userid in store.column::<String>(memberships).await {
        *departments.entry(userid).or_default() += 1;
    }
    let stored = store.column::<String>("SELECT userid FROM employees").await;
    let company = sso.simulated("employees").await;
    for person in company.as_array().expect("people") {
        let userid = person["userid"].as_str().expect("a userid").to_owned();
        if stored.contains(&userid) {
            let all = person["departments"].as_array().map(Vec::len);
            assert_eq!(departments.get(&userid).copied(), all, "{userid}");
        }
    }
    let employees: HashSet<String> = store
        .column::<i64>("SELECT id FROM employees")
        .await
        .iter()
        .map(i64::to_string)
        .collect();
    for subject in store.column::<String>("SELECT subject FROM sessions").await {
        assert!(employees.contains(&subject), "a session of nobody: {subject}");
    }
}

#[tokio::test]
async fn after_a_kill_under_load_every_answer_still_holds() {
    let mut sso = Harness::process(&[("DINGTALK__TIMEOUT_MS", "30000")]).await;
    let answers = AtomicUsize::new(0);
    let load = join_all((0..CLIENTS).map(|number| client(&sso, number, &answers)));
    let killer = async {
        while answers.load(Ordering::Relaxed) < ANSWERS {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        sso.kill().await;
    };
    let (sessions, ()) = tokio::join!(load, killer);
    let mut sessions: Vec<Held> = sessions.into_iter().flatten().collect();
    sso.start_process().await;
    // Whoever waits for an answer repeats the request first.
    sessions.sort_by_key(|held| held.unanswered.is_none());
    assert!(
        sessions.first().is_some_and(|held| held.unanswered.is_some()),
        "no refresh was under way"
    );
    for held in &sessions {
        is_kept(&sso, held).await;
    }
    nothing_is_half_stored(&sso).await;
    assert_eq!(sso.log_in("manager01").await.status, 200);
}

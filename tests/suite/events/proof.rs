//! Ten thousand events, doubled, in disorder, two instances, one of them killed: what is stored is what is.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dingtalk_sso::events::event::{self, State};
use futures_util::future::join_all;
use rand::RngExt as _;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use super::{AES_KEY, TOKEN, stored, subscribe, tallies, until};
use crate::harness::Harness;
use crate::process::Process;
use crate::surroundings::is_for_several_instances;

/// Changes of the company; a third of their events comes twice.
const CHANGES: usize = 7_500;
/// So many are made before they are told, in any order.
const AT_ONCE: usize = 500;
/// How long it may take until all is worked off.
const LONGEST: Duration = Duration::from_mins(5);

/// Connects each caller with the next instance that is there, as a balancer does.
async fn balance(backends: Arc<std::sync::Mutex<Vec<SocketAddr>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let next = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        while let Ok((mut caller, _)) = listener.accept().await {
            let known = backends.lock().expect("the backends").clone();
            let next = Arc::clone(&next);
            tokio::spawn(async move {
                for _ in 0..known.len() {
                    let backend = known[next.fetch_add(1, Ordering::Relaxed) % known.len()];
                    if let Ok(mut backend) = TcpStream::connect(backend).await {
                        let _ = copy_bidirectional(&mut caller, &mut backend).await;
                        return;
                    }
                }
            });
        }
    });
    format!("http://{address}/dingtalk/events")
}

/// A change of somebody or something, at random; false if nothing came of it.
async fn change(sso: &Harness) -> bool {
    let (person, what, number) = {
        let mut random = rand::rng();
        (
            format!("user{:05}", random.random_range(1..300)),
            random.random_range(0..10),
            random.random_range(0..1_000_000),
        )
    };
    let departments = [100, 101, 20, 200, 100_000];
    let answer = match what {
        0 => sso.company(&format!("employees/{person}/leave"), json!({})).await,
        1..=3 => sso.company(&format!("employees/{person}/rejoin"), json!({})).await,
        4..=6 => {
            sso.company(
                &format!("employees/{person}"),
                json!({"title": format!("title {number}")}),
            )
            .await
        }
        7..=8 => {
            let at = number % departments.len();
            sso.company(
                &format!("employees/{person}/move"),
                json!({"dept_id_list": [departments[at]]}),
            )
            .await
        }
        _ => {
            let department = departments[number % departments.len()];
            sso.control(
                Method::PATCH,
                &format!("departments/{department}"),
                &json!({"name": format!("name {number}")}),
            )
            .await
        }
    };
    answer.is_null()
}

/// Everybody who works there, as the platform has them.
async fn as_it_is(sso: &Harness) -> BTreeMap<String, (String, Vec<i64>)> {
    let mut people = BTreeMap::new();
    let all = sso.simulated("employees").await;
    for person in all.as_array().expect("people") {
        let userid = person["userid"].as_str().expect("a userid");
        let whole = sso
            .control(Method::GET, &format!("employees/{userid}"), &Value::Null)
            .await;
        let departments = whole["dept_id_list"].as_array().expect("departments");
        let departments = departments.iter().filter_map(Value::as_i64).collect();
        let title = whole["title"].as_str().unwrap_or_default().to_owned();
        people.insert(userid.to_owned(), (title, departments));
    }
    people
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_events_in_disorder_survive_a_kill_and_leave_what_is() {
    // Its clock is moved below, and that of the processes is not.
    let sso = Harness::prepared(&[
        ("EVENTS__MODE", "http"),
        ("EVENTS__TOKEN", TOKEN),
        ("EVENTS__AES_KEY", AES_KEY),
        ("LOG__FILTER", "warn,dingtalk_sso::cli=info"),
    ])
    .await;
    let mut victim = Process::serve(sso.env()).await;
    let survivor = if is_for_several_instances() {
        Some(Process::serve(sso.env()).await)
    } else {
        None
    };
    let survivors: Vec<SocketAddr> = survivor.iter().map(|process| process.address).collect();
    let backends = Arc::new(std::sync::Mutex::new(survivors));
    backends.lock().expect("the backends").push(victim.address);
    let url = balance(Arc::clone(&backends)).await;
    subscribe(&sso, json!({"url": url, "spelling": "new"})).await;

    let begin = Instant::now();
    for round in 0..CHANGES / AT_ONCE {
        sso.company("events/hold", json!({})).await;
        let mut made = 0;
        while made < AT_ONCE {
            let changes = join_all((0..10).map(|_| change(&sso))).await;
            made += changes.into_iter().filter(|made| *made).count();
        }
        sso.company("events/release", json!({})).await;
        if round == CHANGES / AT_ONCE / 2 {
            tokio::time::sleep(Duration::from_millis(300)).await;
            victim.kill().await;
            victim = Process::serve(sso.env()).await;
            backends.lock().expect("the backends").push(victim.address);
        }
        // What was lost with it is repeated after ten seconds, and after thirty.
        sso.advance_s(11);
    }
    let mut tally = Value::Null;
    while tally["callback_open"] != json!(0) {
        assert!(begin.elapsed() < LONGEST, "{tally}");
        sso.advance_s(11);
        tokio::time::sleep(Duration::from_millis(200)).await;
        tally = tallies(&sso).await;
    }
    until("all is settled", async || {
        stored(&sso).await.iter().all(|row| row.state == State::Handled)
    })
    .await;

    assert!(tally["callback"]["events"].as_u64() >= Some(10_000), "{tally}");
    assert_eq!(tally["callback"]["failed"], json!(0), "{tally}");
    // On a machine that stood still for a moment a few are, and are repeated.
    let late = tally["callback"]["late"].as_u64().expect("a number");
    assert!(late <= 10, "{tally}");
    assert_eq!(
        tally["callback"]["acknowledged"], tally["callback"]["events"],
        "{tally}"
    );
    let rows = stored(&sso).await;
    assert_in_order(&rows);
    let objects: BTreeSet<&str> = rows.iter().map(|row| row.object.as_str()).collect();
    assert_people(&sso, &objects).await;
    assert_departments(&sso, &objects).await;
}

/// No event was settled before an earlier one of the same object.
fn assert_in_order(rows: &[event::Model]) {
    let mut last = BTreeMap::new();
    for row in rows {
        let settled = row.settled_at.expect("a moment");
        let before = last.insert(&row.object, settled);
        assert!(
            before.is_none_or(|before| before <= settled),
            "{} out of order",
            row.object
        );
    }
}

async fn assert_people(sso: &Harness, objects: &BTreeSet<&str>) {
    let directory = sso.elsewhere().await.directory;
    let people = as_it_is(sso).await;
    let touched: Vec<&str> = objects
        .iter()
        .filter_map(|object| object.strip_prefix("user:"))
        .collect();
    assert!(touched.len() > 200, "{}", touched.len());
    for userid in touched {
        let known = directory.employee(userid).await.expect("the directory");
        match people.get(userid) {
            Some((title, departments)) => {
                let known = known.expect("a record");
                let theirs = known.memberships.iter().map(|membership| membership.department_id);
                let theirs: Vec<i64> = theirs.collect();
                assert_eq!(
                    (&known.position, &theirs, known.left_at),
                    (title, departments, None),
                    "{userid}"
                );
            }
            None => assert!(known.is_none_or(|known| known.left_at.is_some()), "{userid}"),
        }
    }
}

async fn assert_departments(sso: &Harness, objects: &BTreeSet<&str>) {
    let departments = sso.elsewhere().await.directory.departments;
    let all = sso.simulated("departments").await;
    for department in all.as_array().expect("departments") {
        let id = department["dept_id"].as_i64().expect("an id");
        if objects.contains(format!("dept:{id}").as_str()) {
            let name = departments.place(id).name;
            assert_eq!(name.as_deref(), department["name"].as_str(), "department {id}");
        }
    }
}

//! How long a sync of a large company takes, and how much memory, measured on a release build.

use std::time::{Duration, Instant};

use dingtalk_sso::dingtalk::DingTalk;
use dingtalk_sso::dingtalk::ids::DepartmentId;
use futures_util::stream::{self, StreamExt as _};

use crate::harness::Harness;

/// The most memory that a process has used, in MiB, and how long it ran.
async fn measured(mut process: tokio::process::Child) -> (u64, Duration) {
    let begin = Instant::now();
    let status = format!("/proc/{}/status", process.id().expect("a process"));
    let mut peak = 0;
    loop {
        if let Ok(text) = std::fs::read_to_string(&status)
            && let Some(line) = text.lines().find(|line| line.starts_with("VmHWM:"))
        {
            peak = line
                .split_whitespace()
                .nth(1)
                .and_then(|kib| kib.parse().ok())
                .unwrap_or(peak);
        }
        if let Ok(ended) = tokio::time::timeout(Duration::from_millis(20), process.wait()).await {
            assert!(ended.expect("an end").success());
            return (peak / 1024, begin.elapsed());
        }
    }
}

/// The calls that a sync needs, and nothing else, with as many under way.
async fn bare_calls(dingtalk: &DingTalk) -> (usize, usize, Duration) {
    let begin = Instant::now();
    let (mut departments, mut level) = (Vec::new(), vec![DepartmentId::ROOT]);
    while !level.is_empty() {
        let below = stream::iter(level.clone())
            .map(|id| async move { dingtalk.sub_departments("default", id).await.expect("departments") })
            .buffer_unordered(16)
            .collect::<Vec<_>>();
        departments.append(&mut level);
        level = below
            .await
            .into_iter()
            .flatten()
            .map(|department| department.id)
            .collect();
    }
    let pages = stream::iter(departments.clone())
        .map(|id| async move {
            let (mut members, mut cursor) = (0, Some(0));
            while let Some(at) = cursor {
                let page = dingtalk.department_members("default", id, at).await.expect("members");
                members += page.list.len();
                cursor = page.next_cursor.filter(|_| page.has_more);
            }
            members
        })
        .buffer_unordered(16);
    let members = pages.fold(0, |sum, members| async move { sum + members }).await;
    (departments.len(), members, begin.elapsed())
}

#[tokio::test]
#[ignore = "measures: run it by itself, on a release build, with --nocapture"]
#[expect(clippy::print_stderr, reason = "it is the measurement that is wanted")]
async fn a_hundred_thousand_people_are_synced_in_little_time_and_memory() {
    let sso = Harness::of(100_000, &[]).await;
    let elsewhere = sso.elsewhere().await;
    let (departments, memberships, bare) = bare_calls(&elsewhere.dingtalk).await;
    eprintln!("bare calls: {departments} departments, {memberships} memberships, {bare:?}");
    for which in ["first", "second"] {
        let (peak, took) = measured(sso.spawn(&["sync", "--json"], &[])).await;
        let ratio = took.as_secs_f64() / bare.as_secs_f64();
        eprintln!("{which} sync: {took:?}, {ratio:.2} times the bare calls, {peak} MiB at the most");
        let counts = elsewhere.directory.sync.history(1).await.expect("runs")[0].counts;
        eprintln!("{counts:?}");
    }
}

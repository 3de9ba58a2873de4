//! What concerns the whole company has everything read again: once, and nothing that was read before counts.

use dingtalk_sso::directory::sync::Wanted;
use dingtalk_sso::directory::sync::report::Progress;
use dingtalk_sso::directory::sync::run::{Cause, Run, State};
use dingtalk_sso::events::event;
use serde_json::json;
use tokio::sync::watch;

use super::{employee, stored, tell, unheard, until, until_connected, until_settled, with_callbacks};
use crate::harness::Harness;

/// The syncs that were run, the latest first.
async fn runs(sso: &Harness) -> Vec<Run> {
    let history = sso.elsewhere().await.directory.sync.history(9).await;
    history.expect("the history")
}

#[tokio::test]
async fn the_first_connection_asks_for_no_other_sync_than_the_one_at_the_start() {
    let sso = Harness::with(&[("EVENTS__MODE", "stream"), ("DIRECTORY__SYNC_EVERY_S", "3600")]).await;
    until_connected(&sso).await;
    until_settled(&sso, 1).await;
    let events = stored(&sso).await;
    let gap = events.first().expect("a gap");
    assert_eq!(
        (gap.event_type.as_str(), gap.state, gap.attempts),
        ("stream_gap", event::State::Handled, 0)
    );
    // By whomever it was run, nothing is due any more.
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let runs = runs(&sso).await;
    assert_eq!(
        (runs.len(), runs[0].state, runs[0].counts.joined),
        (1, State::Done, 300),
        "{runs:?}"
    );
}

#[tokio::test]
async fn a_connection_after_a_long_silence_asks_for_a_sync_of_its_own() {
    let sso = Harness::with(&[("EVENTS__MODE", "stream"), ("DIRECTORY__SYNC_EVERY_S", "3600")]).await;
    until_connected(&sso).await;
    until_settled(&sso, 1).await;
    sso.company("stream/freeze", json!({})).await;
    sso.advance_s(80);
    until_settled(&sso, 2).await;
    let runs = runs(&sso).await;
    assert_eq!(
        (runs.len(), runs[0].cause, runs[0].state),
        (2, Cause::Event, State::Done),
        "{runs:?}"
    );
}

#[tokio::test]
async fn what_was_read_before_an_event_is_not_read_on_from() {
    let sso = with_callbacks().await;
    let elsewhere = sso.elsewhere().await;
    let wanted = Wanted {
        cause: Cause::Command,
        dry_run: false,
        yes: false,
        since: None,
    };
    let sync = async || {
        elsewhere
            .directory
            .sync
            .run(wanted, &watch::Sender::new(Progress::default()))
            .await
    };
    sync().await.expect("a sync");
    // Everything but the last page is read, and kept for an hour.
    let pages = sso.calls("/topapi/v2/user/list").await;
    sso.company(
        "faults",
        json!({"path": "/topapi/v2/user/list", "kind": "permission_missing", "after": pages - 1}),
    )
    .await;
    assert!(sync().await.is_err());
    sso.clear_faults().await;
    unheard(&sso, async || {
        for number in 1..300 {
            let path = format!("employees/user{number:05}");
            sso.company(&path, json!({"title": "新职位"})).await;
        }
    })
    .await;
    sso.advance_s(1);
    tell(&sso, "org_change", json!({})).await;
    until_settled(&sso, 1).await;
    let runs = runs(&sso).await;
    assert_eq!(
        (runs.len(), runs[0].cause, runs[0].state),
        (3, Cause::Event, State::Done),
        "{runs:?}"
    );
    assert_eq!(runs[0].counts.changed, 299, "{runs:?}");
}

#[tokio::test]
async fn an_event_waits_for_the_sync_under_way_and_has_one_of_its_own_then() {
    let sso = with_callbacks().await;
    let mut slow = sso.spawn(&["sync"], &[("DIRECTORY__CALLS_PER_SECOND", "30")]);
    until("the sync reads", async || sso.calls("/topapi/v2/user/list").await > 5).await;
    tell(&sso, "org_change", json!({})).await;
    until("the event is here", async || !stored(&sso).await.is_empty()).await;
    assert!(slow.wait().await.expect("an end").success());
    let event = stored(&sso).await.remove(0);
    assert_eq!((event.state, event.attempts), (event::State::Waiting, 0), "{event:?}");
    until_settled(&sso, 1).await;
    let event = stored(&sso).await.remove(0);
    assert_eq!((event.state, event.attempts), (event::State::Handled, 0), "{event:?}");
    let runs = runs(&sso).await;
    let causes: Vec<Cause> = runs.iter().map(|run| run.cause).collect();
    assert_eq!(causes, [Cause::Event, Cause::Command]);
    assert!(employee(&sso, "user00101").await.is_some());
}

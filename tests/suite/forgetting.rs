//! What is over is forgotten by itself, however much of it has come together.

use chrono::{DateTime, TimeDelta, Utc};
use dingtalk_sso::database::Database;
use dingtalk_sso::events::event;
use dingtalk_sso::tokens::{authorization_code, session};
use sea_orm::ActiveValue::NotSet;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel as _};
use uuid::Uuid;

use crate::events::{until, with_callbacks};

/// More than two of the batches in which rows are deleted.
const MANY: usize = 2_500;

/// Rows of one statement, which takes a bounded number of values.
const CHUNK: usize = 500;

fn code(expires_at: DateTime<Utc>) -> authorization_code::ActiveModel {
    let code = authorization_code::Model {
        digest: Uuid::new_v4().to_string(),
        client_id: "app".to_owned(),
        browser_session: Uuid::new_v4(),
        redirect_uri: "https://app.example/cb".to_owned(),
        scope: "openid".to_owned(),
        nonce: None,
        code_challenge: None,
        expires_at,
        redeemed_for: None,
    };
    code.into_active_model().reset_all()
}

fn session(expires_at: DateTime<Utc>) -> session::ActiveModel {
    let session = session::Model {
        id: Uuid::new_v4(),
        kind: session::Kind::Browser,
        subject: "1".to_owned(),
        audience: "default".to_owned(),
        client_id: None,
        parent_id: None,
        scope: String::new(),
        generation: 0,
        created_at: expires_at,
        authenticated_at: None,
        refreshed_at: expires_at,
        expires_at,
        ended_at: None,
    };
    session.into_active_model().reset_all()
}

fn handled_event(settled_at: DateTime<Utc>) -> event::ActiveModel {
    let event = event::Model {
        id: 0,
        corp_id: "a company".to_owned(),
        dedupe_key: Uuid::new_v4().to_string(),
        object: "user:1".to_owned(),
        event_type: "user_modify_org".to_owned(),
        state: event::State::Handled,
        attempts: 1,
        fault: String::new(),
        received_at: settled_at,
        settled_at: Some(settled_at),
    };
    event::ActiveModel {
        id: NotSet,
        ..event.into_active_model().reset_all()
    }
}

/// Stores very many rows of long ago, and one of just now.
async fn store<A: ActiveModelTrait + Send>(database: &Database, row: impl Fn(DateTime<Utc>) -> A, now: DateTime<Utc>) {
    let long_ago = now - TimeDelta::days(40);
    let mut rows: Vec<A> = (0..MANY).map(|_| row(long_ago)).collect();
    rows.push(row(now));
    let transaction = database.begin().await.expect("a transaction");
    for rows in rows.chunks(CHUNK) {
        let insert = <A::Entity as EntityTrait>::insert_many(rows.to_vec());
        insert.exec_without_returning(&transaction).await.expect("the rows");
    }
    transaction.commit().await.expect("the rows");
}

#[tokio::test]
async fn very_much_that_is_over_is_forgotten_piece_by_piece() {
    let sso = with_callbacks().await;
    let (database, now) = (sso.elsewhere().await.database, sso.clock.now());
    store(&database, code, now).await;
    store(&database, session, now).await;
    store(&database, handled_event, now).await;
    let store = sso.store().await;
    let counts = async || {
        let mut counts = Vec::new();
        for table in ["authorization_codes", "sessions", "events"] {
            counts.push(store.count(table).await);
        }
        counts
    };
    assert_eq!(counts().await, [2_501; 3]);
    // Whoever starts looks at once.
    let other = sso.second_instance().await;
    until("the old is forgotten", async || counts().await == [1; 3]).await;
    other.stop().await;
}

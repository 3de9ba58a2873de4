//! The table of leases: one instance syncs at a time, and one that died is followed by another soon.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::QuerySelect as _;
use sea_orm::entity::prelude::*;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use crate::clock::Clock;
use crate::database::failure::is_duplicate;
use crate::database::{self, Database};
use crate::error::Error;

/// After so long without a sign of life a lease is over.
const LIFE: TimeDelta = TimeDelta::seconds(15);
/// How often its holder shows that it lives.
const BEAT: Duration = Duration::from_secs(4);

/// A row of `sync_leases`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_leases")]
pub struct Model {
    /// The company.
    #[sea_orm(primary_key, auto_increment = false)]
    pub corp_id: String,
    /// Who syncs.
    pub holder: Uuid,
    /// Until then, if nothing more is heard.
    pub until: DateTime<Utc>,
}

/// No relations.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A lease that is held; it is prolonged until it is given back or dropped.
pub(super) struct Lease {
    database: Database,
    corp_id: String,
    holder: Uuid,
    clock: Clock,
    _heart: AbortOnDropHandle<()>,
}

impl Lease {
    /// Takes the lease; none while another holds it.
    pub(super) async fn take(database: &Database, corp_id: &str, clock: &Clock) -> Result<Option<Self>, Error> {
        let (holder, now) = (Uuid::now_v7(), clock.now());
        let taken = database::within_limit(async {
            let transaction = database.begin().await?;
            let known = Entity::find_by_id(corp_id).lock_exclusive().one(&transaction).await?;
            let row = ActiveModel {
                corp_id: Set(corp_id.to_owned()),
                holder: Set(holder),
                until: Set(now + LIFE),
            };
            match known {
                None => match Entity::insert(row).exec_without_returning(&transaction).await {
                    // Another instance has added the row at the same time.
                    Err(cause) if is_duplicate(&cause) => return Ok(false),
                    added => _ = added?,
                },
                Some(known) if known.until <= now => _ = row.update(&transaction).await?,
                Some(_) => return Ok(false),
            }
            transaction.commit().await?;
            Ok(true)
        })
        .await?;
        if !taken {
            return Ok(None);
        }
        let heart = beat(database.clone(), corp_id.to_owned(), holder, clock.clone());
        Ok(Some(Self {
            database: database.clone(),
            corp_id: corp_id.to_owned(),
            holder,
            clock: clock.clone(),
            _heart: AbortOnDropHandle::new(tokio::spawn(heart)),
        }))
    }

    /// Makes sure within a transaction that the lease is still held: nobody else writes until it ends.
    pub(super) async fn hold(&self, transaction: &impl ConnectionTrait) -> Result<bool, DbErr> {
        let row = Entity::find_by_id(self.corp_id.as_str()).lock_exclusive();
        let row = row.one(transaction).await?;
        Ok(row.is_some_and(|row| row.holder == self.holder))
    }

    /// Gives it back.
    pub(super) async fn release(self) {
        let gone = hold_until(&self.database, &self.corp_id, self.holder, self.clock.now());
        if let Err(cause) = gone.await {
            tracing::warn!(%cause, "the lease of a sync cannot be given back; it ends by itself");
        }
    }
}

async fn beat(database: Database, corp_id: String, holder: Uuid, clock: Clock) {
    loop {
        sleep(BEAT).await;
        let prolonged = hold_until(&database, &corp_id, holder, clock.now() + LIFE);
        if let Err(cause) = prolonged.await {
            tracing::debug!(%cause, "the lease of a sync cannot be prolonged yet");
        }
    }
}

/// Says until when a lease holds, if it is still this holder's.
async fn hold_until(database: &Database, corp_id: &str, holder: Uuid, until: DateTime<Utc>) -> Result<(), Error> {
    let saying = database.transact(async |transaction| {
        Entity::update_many()
            .col_expr(Column::Until, Expr::value(until))
            .filter(Column::CorpId.eq(corp_id))
            .filter(Column::Holder.eq(holder))
            .exec(transaction)
            .await
    });
    saying.await.map(drop)
}

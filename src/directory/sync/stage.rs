//! The table of stages: the steps of a reading that is under way, so that it goes on where it was stopped.

use sea_orm::ActiveValue::Set;
use sea_orm::QueryOrder as _;
use sea_orm::entity::prelude::*;

use super::lease::Lease;
use super::report::SyncError;
use super::snapshot::Step;
use crate::database::{self, Database};
use crate::error::Error;

/// Steps of about so many bytes are stored together.
const FULL: usize = 128 * 1024;

/// A row of `sync_stages`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_stages")]
pub struct Model {
    /// The run.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run_id: Uuid,
    /// The order of the stages.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    /// Steps, one JSON value a line.
    pub steps: String,
}

/// No relations.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// One stage of a run, none where there is no further one.
pub(super) async fn find(db: &impl ConnectionTrait, run_id: Uuid, number: i32) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id((run_id, number)).one(db).await
}

/// The number of a run's last stage.
async fn last(db: &impl ConnectionTrait, run_id: Uuid) -> Result<Option<i32>, DbErr> {
    let last = Entity::find()
        .filter(Column::RunId.eq(run_id))
        .order_by_desc(Column::Number)
        .one(db)
        .await?;
    Ok(last.map(|stage| stage.number))
}

/// Forgets the stages of a run.
pub(super) async fn delete(db: &impl ConnectionTrait, run_id: Uuid) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::RunId.eq(run_id)).exec(db).await?;
    Ok(())
}

/// Writes the stages of one run, as long as its lease is held.
pub(super) struct Stages<'a> {
    database: Database,
    lease: &'a Lease,
    run_id: Uuid,
    number: i32,
    steps: String,
}

impl<'a> Stages<'a> {
    /// Goes on behind whatever is stored of the run.
    pub(super) async fn open(database: Database, lease: &'a Lease, run_id: Uuid) -> Result<Self, Error> {
        let last = database::within_limit(last(database.reader(), run_id)).await?;
        Ok(Self {
            database,
            lease,
            run_id,
            number: last.map_or(0, |number| number + 1),
            steps: String::new(),
        })
    }

    /// Adds a step, and stores what has come together if that is enough.
    pub(super) async fn add(&mut self, step: &Step) -> Result<(), SyncError> {
        let line = serde_json::to_string(step).map_err(|cause| Error::Internal(cause.into()))?;
        self.steps.push_str(&line);
        self.steps.push('\n');
        if self.steps.len() < FULL {
            return Ok(());
        }
        self.flush().await
    }

    /// Stores what has come together.
    pub(super) async fn flush(&mut self) -> Result<(), SyncError> {
        if self.steps.is_empty() {
            return Ok(());
        }
        let row = ActiveModel {
            run_id: Set(self.run_id),
            number: Set(self.number),
            steps: Set(std::mem::take(&mut self.steps)),
        };
        self.number += 1;
        let stored = database::within_limit(async {
            let transaction = self.database.begin().await?;
            if !self.lease.hold(&transaction).await? {
                return Ok(false);
            }
            Entity::insert(row).exec_without_returning(&transaction).await?;
            transaction.commit().await?;
            Ok(true)
        });
        if stored.await? {
            Ok(())
        } else {
            Err(SyncError::Overtaken)
        }
    }
}

//! The table of stages: the steps of a reading that is under way, so that it goes on where it was stopped.

use futures_util::future::BoxFuture;
use sea_orm::entity::prelude::*;
use sea_orm::{IntoActiveModel as _, QueryOrder as _};

use super::lease::Lease;
use super::report::SyncError;
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
    /// Steps, each in a line.
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

/// Writes the stages of one run, as long as its lease is held. One is stored while the next comes together.
pub(super) struct Stages<'a> {
    database: Database,
    lease: &'a Lease,
    run_id: Uuid,
    number: i32,
    steps: String,
    storing: Option<BoxFuture<'a, Result<(), SyncError>>>,
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
            storing: None,
        })
    }

    /// Adds the line of a step, and begins to store what has come together if that is enough.
    pub(super) async fn add(&mut self, line: &str) -> Result<(), SyncError> {
        self.steps.push_str(line);
        self.steps.push('\n');
        if self.steps.len() < FULL {
            return Ok(());
        }
        self.begin().await
    }

    /// Stores what has come together.
    pub(super) async fn flush(&mut self) -> Result<(), SyncError> {
        self.begin().await?;
        self.stored().await
    }

    /// Whether a stage is being stored: that goes on while [`Self::stored`] is waited for.
    pub(super) fn is_storing(&self) -> bool {
        self.storing.is_some()
    }

    /// Waits until the last stage is stored.
    pub(super) async fn stored(&mut self) -> Result<(), SyncError> {
        if let Some(storing) = &mut self.storing {
            let outcome = storing.await;
            self.storing = None;
            outcome?;
        }
        Ok(())
    }

    /// Begins to store what has come together, once the stage before is stored.
    pub(super) async fn begin(&mut self) -> Result<(), SyncError> {
        self.stored().await?;
        if !self.steps.is_empty() {
            let stage = Model {
                run_id: self.run_id,
                number: self.number,
                steps: std::mem::take(&mut self.steps),
            };
            self.number += 1;
            self.storing = Some(Box::pin(store(self.database.clone(), self.lease, stage)));
        }
        Ok(())
    }
}

async fn store(database: Database, lease: &Lease, stage: Model) -> Result<(), SyncError> {
    let storing = database.transact(async |transaction| {
        if !lease.hold(transaction).await? {
            return Ok(false);
        }
        Entity::insert(stage.into_active_model())
            .exec_without_returning(transaction)
            .await?;
        Ok(true)
    });
    if storing.await? {
        Ok(())
    } else {
        Err(SyncError::Overtaken)
    }
}

//! Syncs of the directory: who runs one, what is read so far, what came of each, and what changed for whom.

use sea_orm_migration::prelude::{
    ColumnDef, DbErr, DeriveMigrationName, Index, MigrationTrait, SchemaManager, Table, async_trait,
};

use crate::column::{long_text, moment, table, text};

const COUNTS: [&str; 8] = [
    "departments",
    "employees",
    "joined",
    "returned",
    "changed",
    "left",
    "departments_changed",
    "departments_gone",
];

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                table(manager, "sync_leases")
                    .col(ColumnDef::new("corp_id").string_len(64).not_null().primary_key())
                    .col(ColumnDef::new("holder").uuid().not_null())
                    .col(moment(manager, "until").not_null())
                    .to_owned(),
            )
            .await?;
        let mut runs = table(manager, "sync_runs");
        runs.col(ColumnDef::new("id").uuid().not_null().primary_key())
            .col(text("corp_id", 64))
            .col(text("cause", 16))
            .col(text("state", 16))
            .col(moment(manager, "started_at").not_null())
            .col(moment(manager, "ended_at").null())
            .col(text("failure", 1024));
        for count in COUNTS {
            runs.col(ColumnDef::new(count).integer().not_null().default(0));
        }
        manager.create_table(runs).await?;
        manager
            .create_index(
                Index::create()
                    .name("sync_runs_corp_id_started_at")
                    .table("sync_runs")
                    .col("corp_id")
                    .col("started_at")
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                table(manager, "sync_stages")
                    .col(ColumnDef::new("run_id").uuid().not_null())
                    .col(ColumnDef::new("number").integer().not_null())
                    .col(long_text(manager, "steps"))
                    .primary_key(Index::create().col("run_id").col("number"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                table(manager, "sync_changes")
                    .col(ColumnDef::new("run_id").uuid().not_null())
                    .col(text("kind", 16))
                    .col(text("subject", 64))
                    .col(text("name", 255))
                    .col(text("change", 16))
                    .col(text("detail", 255))
                    .primary_key(Index::create().col("run_id").col("kind").col("subject"))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["sync_changes", "sync_stages", "sync_runs", "sync_leases"] {
            manager.drop_table(Table::drop().table(name).to_owned()).await?;
        }
        Ok(())
    }
}

//! What DingTalk told us of, and the people and departments that are to be read again because of it.

use sea_orm_migration::prelude::{
    ColumnDef, DbErr, DeriveMigrationName, Index, MigrationTrait, SchemaManager, Table, async_trait,
};

use crate::column::{moment, table, text};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                table(manager, "events")
                    .col(
                        ColumnDef::new("id")
                            .big_integer()
                            .not_null()
                            .auto_increment()
                            .primary_key(),
                    )
                    .col(text("corp_id", 64))
                    .col(text("dedupe_key", 64))
                    .col(text("object", 160))
                    .col(text("event_type", 64))
                    .col(text("state", 16))
                    .col(ColumnDef::new("attempts").integer().not_null())
                    .col(text("fault", 300))
                    .col(moment(manager, "received_at").not_null())
                    .col(moment(manager, "settled_at").null())
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("events_dedupe_key")
                    .table("events")
                    .col("dedupe_key")
                    .unique()
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("events_object")
                    .table("events")
                    .col("corp_id")
                    .col("object")
                    .col("state")
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("events_state")
                    .table("events")
                    .col("state")
                    .col("settled_at")
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                table(manager, "event_objects")
                    .col(text("corp_id", 64))
                    .col(text("object", 160))
                    .col(moment(manager, "due_at").not_null())
                    .col(ColumnDef::new("lease").uuid().null())
                    .col(moment(manager, "leased_until").null())
                    .primary_key(Index::create().col("corp_id").col("object"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("event_objects_due_at")
                    .table("event_objects")
                    .col("due_at")
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("event_objects").to_owned())
            .await?;
        manager.drop_table(Table::drop().table("events").to_owned()).await
    }
}

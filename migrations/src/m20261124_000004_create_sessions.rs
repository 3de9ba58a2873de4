//! Sessions: one a login, each a family of refresh tokens.

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
                table(manager, "sessions")
                    .col(ColumnDef::new("id").uuid().not_null().primary_key())
                    .col(text("subject", 64))
                    .col(text("audience", 64))
                    .col(ColumnDef::new("generation").integer().not_null())
                    .col(moment(manager, "created_at").not_null())
                    .col(moment(manager, "refreshed_at").not_null())
                    .col(moment(manager, "expires_at").not_null())
                    .col(moment(manager, "ended_at").null())
                    .to_owned(),
            )
            .await?;
        for column in ["subject", "ended_at", "expires_at"] {
            manager
                .create_index(
                    Index::create()
                        .name(format!("sessions_{column}"))
                        .table("sessions")
                        .col(column)
                        .to_owned(),
                )
                .await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("sessions").to_owned()).await
    }
}

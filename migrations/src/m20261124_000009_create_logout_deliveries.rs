//! Logout tokens that are to be delivered to clients, kept until each has answered.

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
                table(manager, "logout_deliveries")
                    .col(ColumnDef::new("id").uuid().not_null().primary_key())
                    .col(text("client_id", 64))
                    .col(text("subject", 64))
                    .col(ColumnDef::new("session").uuid().not_null())
                    .col(ColumnDef::new("attempts").integer().not_null())
                    .col(moment(manager, "created_at").not_null())
                    .col(moment(manager, "due_at").not_null())
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("logout_deliveries_due_at")
                    .table("logout_deliveries")
                    .col("due_at")
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("logout_deliveries").to_owned())
            .await
    }
}

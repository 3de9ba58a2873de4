//! Roles that employees hold for what they are in DingTalk, apart from those granted here: neither takes the other's.

use sea_orm_migration::prelude::{
    ColumnDef, DbErr, DeriveMigrationName, Index, MigrationTrait, SchemaManager, Table, async_trait,
};

use crate::column::{table, text};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                table(manager, "mapped_grants")
                    .col(ColumnDef::new("employee_id").big_integer().not_null())
                    .col(text("role", 64))
                    .col(text("source", 16))
                    .primary_key(Index::create().col("employee_id").col("role").col("source"))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("mapped_grants").to_owned())
            .await
    }
}

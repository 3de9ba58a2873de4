//! Roles with their power, and who holds them: facts of this service that no sync touches.

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
                table(manager, "roles")
                    .col(text("corp_id", 64))
                    .col(text("name", 64))
                    .col(text("power", 4096))
                    .col(moment(manager, "updated_at").not_null())
                    .primary_key(Index::create().col("corp_id").col("name"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                table(manager, "role_grants")
                    .col(ColumnDef::new("employee_id").big_integer().not_null())
                    .col(text("role", 64))
                    .col(text("corp_id", 64))
                    .col(moment(manager, "granted_at").not_null())
                    .primary_key(Index::create().col("employee_id").col("role"))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("role_grants").to_owned())
            .await?;
        manager.drop_table(Table::drop().table("roles").to_owned()).await
    }
}

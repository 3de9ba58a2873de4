//! Departments, each with its top-level branch and its path.

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
                table(manager, "departments")
                    .col(text("corp_id", 64))
                    .col(ColumnDef::new("id").big_integer().not_null())
                    .col(text("name", 255))
                    .col(ColumnDef::new("parent_id").big_integer().null())
                    .col(ColumnDef::new("root_id").big_integer().not_null())
                    .col(text("path", 1024))
                    .col(moment(manager, "updated_at").not_null())
                    .primary_key(Index::create().col("corp_id").col("id"))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("departments").to_owned()).await
    }
}

//! Sessions of browsers and of clients beside those of micro-apps: whose each is, and from which it came.

use sea_orm_migration::prelude::{
    Alias, ColumnDef, DbErr, DeriveMigrationName, Index, MigrationTrait, SchemaManager, Table, async_trait,
};

use crate::column::{moment, text};

const COLUMNS: [&str; 5] = ["kind", "client_id", "parent_id", "scope", "authenticated_at"];

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            text("kind", 16).default("micro_app").to_owned(),
            ColumnDef::new("client_id").string_len(64).null().to_owned(),
            ColumnDef::new("parent_id").uuid().null().to_owned(),
            text("scope", 1024).default("").to_owned(),
            moment(manager, "authenticated_at").null().to_owned(),
        ];
        // SQLite takes one column at a time.
        for column in columns {
            manager
                .alter_table(Table::alter().table("sessions").add_column(column).to_owned())
                .await?;
        }
        for column in ["client_id", "parent_id"] {
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
        for column in ["client_id", "parent_id"] {
            manager
                .drop_index(
                    Index::drop()
                        .name(format!("sessions_{column}"))
                        .table("sessions")
                        .to_owned(),
                )
                .await?;
        }
        for column in COLUMNS {
            manager
                .alter_table(
                    Table::alter()
                        .table("sessions")
                        .drop_column(Alias::new(column))
                        .to_owned(),
                )
                .await?;
        }
        Ok(())
    }
}

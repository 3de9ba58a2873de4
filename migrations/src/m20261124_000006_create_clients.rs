//! Clients: the business applications that trust our tokens.

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
                table(manager, "clients")
                    .col(text("corp_id", 64))
                    .col(text("id", 64))
                    .col(text("name", 255))
                    .col(ColumnDef::new("secret_digest").string_len(64).null())
                    .col(ColumnDef::new("former_secret_digest").string_len(64).null())
                    .col(moment(manager, "former_secret_until").null())
                    .col(ColumnDef::new("redirect_uris").text().not_null())
                    .col(ColumnDef::new("post_logout_redirect_uris").text().not_null())
                    .col(ColumnDef::new("backchannel_logout_uri").string_len(2048).null())
                    .col(text("grants", 255))
                    .col(text("scopes", 1024))
                    .col(text("id_token_algorithm", 16))
                    .col(text("required_roles", 1024))
                    .col(text("required_departments", 1024))
                    .col(moment(manager, "created_at").not_null())
                    .col(moment(manager, "updated_at").not_null())
                    .primary_key(Index::create().col("corp_id").col("id"))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("clients").to_owned()).await
    }
}

//! Authorization codes, by their digest: each is redeemed once, and what it was redeemed for is remembered.

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
                table(manager, "authorization_codes")
                    .col(ColumnDef::new("digest").string_len(64).not_null().primary_key())
                    .col(text("client_id", 64))
                    .col(ColumnDef::new("browser_session").uuid().not_null())
                    .col(text("redirect_uri", 2048))
                    .col(text("scope", 1024))
                    .col(ColumnDef::new("nonce").string_len(512).null())
                    .col(ColumnDef::new("code_challenge").string_len(64).null())
                    .col(moment(manager, "expires_at").not_null())
                    .col(ColumnDef::new("redeemed_for").uuid().null())
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("authorization_codes_expires_at")
                    .table("authorization_codes")
                    .col("expires_at")
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("authorization_codes").to_owned())
            .await
    }
}

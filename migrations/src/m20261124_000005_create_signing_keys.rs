//! Signing keys, their private halves sealed.

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
                table(manager, "signing_keys")
                    .col(ColumnDef::new("kid").string_len(64).not_null().primary_key())
                    .col(text("algorithm", 16))
                    .col(ColumnDef::new("generation").integer().not_null())
                    .col(ColumnDef::new("public_jwk").text().not_null())
                    .col(ColumnDef::new("sealed_private").text().not_null())
                    .col(moment(manager, "created_at").not_null())
                    .col(moment(manager, "signs_from").not_null())
                    .col(moment(manager, "published_until").null())
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("signing_keys_algorithm_generation")
                    .table("signing_keys")
                    .col("algorithm")
                    .col("generation")
                    .unique()
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("signing_keys").to_owned()).await
    }
}

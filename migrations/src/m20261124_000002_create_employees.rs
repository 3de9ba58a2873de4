//! Employees and the departments that they are members of.

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
                table(manager, "employees")
                    .col(
                        ColumnDef::new("id")
                            .big_integer()
                            .not_null()
                            .auto_increment()
                            .primary_key(),
                    )
                    .col(text("corp_id", 64))
                    .col(text("userid", 64))
                    .col(ColumnDef::new("unionid").string_len(128).null())
                    .col(text("name", 255))
                    .col(text("avatar", 1024))
                    .col(text("position", 255))
                    .col(ColumnDef::new("disabled").boolean().not_null().default(false))
                    .col(moment(manager, "left_at").null())
                    .col(moment(manager, "created_at").not_null())
                    .col(moment(manager, "updated_at").not_null())
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("employees_corp_id_userid")
                    .table("employees")
                    .col("corp_id")
                    .col("userid")
                    .unique()
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("employees_corp_id_unionid")
                    .table("employees")
                    .col("corp_id")
                    .col("unionid")
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                table(manager, "memberships")
                    .col(ColumnDef::new("employee_id").big_integer().not_null())
                    .col(text("corp_id", 64))
                    .col(ColumnDef::new("department_id").big_integer().not_null())
                    .col(ColumnDef::new("rank").integer().not_null())
                    .col(ColumnDef::new("main").boolean().not_null())
                    .col(ColumnDef::new("leader").boolean().not_null())
                    .primary_key(Index::create().col("employee_id").col("department_id"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("memberships_corp_id_department_id")
                    .table("memberships")
                    .col("corp_id")
                    .col("department_id")
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("memberships").to_owned())
            .await?;
        manager.drop_table(Table::drop().table("employees").to_owned()).await
    }
}

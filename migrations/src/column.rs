//! What every table of ours says of its columns, so that three databases mean the same by it.

use sea_orm_migration::prelude::{ColumnDef, SchemaManager, Table, TableCreateStatement};
use sea_orm_migration::sea_orm::DbBackend;

/// A table that MySQL compares byte by byte and stores in full Unicode, as the other two do anyway.
pub(crate) fn table(manager: &SchemaManager<'_>, name: &'static str) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(name);
    if manager.get_database_backend() == DbBackend::MySql {
        table.character_set("utf8mb4").collate("utf8mb4_bin");
    }
    table
}

/// Text of at most `characters`, never null.
pub(crate) fn text(name: &'static str, characters: u32) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.string_len(characters).not_null();
    column
}

/// A moment in milliseconds, UTC. MySQL's `timestamp` ends in 2038 and cuts to seconds, hence `datetime(3)`.
pub(crate) fn moment(manager: &SchemaManager<'_>, name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    match manager.get_database_backend() {
        DbBackend::MySql => column.custom("datetime(3)"),
        _ => column.timestamp_with_time_zone(),
    };
    column
}

/// Text of up to some megabytes, never null. MySQL's `text` ends at 64 KiB.
pub(crate) fn long_text(manager: &SchemaManager<'_>, name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    match manager.get_database_backend() {
        DbBackend::MySql => column.custom("mediumtext"),
        _ => column.text(),
    };
    column.not_null();
    column
}

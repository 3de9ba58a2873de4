//! The schema of dingtalk-sso, step by step; a released step is never edited.

mod column;
mod m20261124_000001_create_departments;
mod m20261124_000002_create_employees;
mod m20261124_000003_create_roles;
mod m20261124_000004_create_sessions;
mod m20261124_000005_create_signing_keys;
mod m20261124_000006_create_clients;
mod m20261124_000007_extend_sessions;
mod m20261124_000008_create_authorization_codes;
mod m20261124_000009_create_logout_deliveries;
mod m20261124_000010_create_mapped_grants;
mod m20261124_000011_create_syncs;
mod m20261124_000020_create_events;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// All steps in order. Takes no lock: whoever runs it holds one.
#[derive(Debug, Clone, Copy)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261124_000001_create_departments::Migration),
            Box::new(m20261124_000002_create_employees::Migration),
            Box::new(m20261124_000003_create_roles::Migration),
            Box::new(m20261124_000004_create_sessions::Migration),
            Box::new(m20261124_000005_create_signing_keys::Migration),
            Box::new(m20261124_000006_create_clients::Migration),
            Box::new(m20261124_000007_extend_sessions::Migration),
            Box::new(m20261124_000008_create_authorization_codes::Migration),
            Box::new(m20261124_000009_create_logout_deliveries::Migration),
            Box::new(m20261124_000010_create_mapped_grants::Migration),
            Box::new(m20261124_000011_create_syncs::Migration),
            Box::new(m20261124_000020_create_events::Migration),
        ]
    }
}

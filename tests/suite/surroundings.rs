//! Where the tests run: the stores that the environment names, or none.

use std::io::Write as _;

use sea_orm::ConnectionTrait as _;
use tempfile::TempDir;
use uuid::Uuid;

/// A variable of the environment.
#[expect(
    clippy::disallowed_methods,
    reason = "where the tests run is no setting of the service"
)]
pub(crate) fn given(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Whether instances see one another's cache, and may share a database.
pub(crate) fn is_for_several_instances() -> bool {
    given("TEST_DATABASE_URL").is_some() && given("TEST_CACHE_URL").is_some()
}

/// Says why a test has nothing to show on these stores.
pub(crate) fn skip(reason: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}

/// An empty database: a file of its own, or a new one on the given server.
pub(crate) async fn database(folder: &TempDir) -> String {
    let Some(server) = given("TEST_DATABASE_URL") else {
        return format!("sqlite://{}", folder.path().join("sso.db").display());
    };
    let name = format!("t{}", Uuid::new_v4().simple());
    let connection = sea_orm::Database::connect(&server)
        .await
        .expect("the given database server");
    connection
        .execute_unprepared(&format!("CREATE DATABASE {name}"))
        .await
        .expect("a new database");
    let mut url = url::Url::parse(&server).expect("TEST_DATABASE_URL");
    url.set_path(&name);
    url.into()
}

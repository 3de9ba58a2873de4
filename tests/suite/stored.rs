//! What is stored of the company, row by row.

use sea_orm::{FromQueryResult as _, JsonValue, Statement};
use serde_json::Value;

use crate::elsewhere::Elsewhere;

/// Everything that is stored of the company, with the moment of its last change.
pub(crate) async fn stored(elsewhere: &Elsewhere) -> Vec<Value> {
    let reader = elsewhere.database.reader();
    let mut rows = Vec::new();
    for sql in [
        "SELECT * FROM departments ORDER BY id",
        "SELECT * FROM employees ORDER BY id",
        "SELECT * FROM memberships ORDER BY employee_id, rank",
        "SELECT * FROM mapped_grants ORDER BY employee_id, role",
    ] {
        let statement = Statement::from_string(reader.get_database_backend(), sql);
        rows.extend(JsonValue::find_by_statement(statement).all(reader).await.expect("rows"));
    }
    rows
}

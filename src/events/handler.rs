//! Reads again what an event concerns: the event itself is only a hint.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::notice::Object;
use crate::directory::Directory;
use crate::directory::reread::Reread;
use crate::error::Error;
use crate::tokens::Tokens;

/// Asks for the whole company to be read, some time soon; answers once that is sure to happen.
pub type AskForSync = Arc<dyn Fn() -> BoxFuture<'static, Result<(), Error>> + Send + Sync>;

/// Whoever reads objects again. Clones share everything.
#[derive(Clone)]
pub(super) struct Handler {
    pub(super) directory: Directory,
    pub(super) tokens: Tokens,
    pub(super) ask_for_sync: AskForSync,
}

impl Handler {
    /// Reads an object again; answers what became of it, for the log.
    pub(super) async fn handle(&self, object: &Object) -> Result<&'static str, Error> {
        let outcome = match object {
            Object::Employee(userid) => self.directory.reread.employee(userid.as_str()).await?,
            Object::Department(id) => self.directory.reread.department(id.0).await?,
            Object::Company => {
                (self.ask_for_sync)().await?;
                return Ok("sync asked for");
            }
        };
        Ok(match outcome {
            Reread::Unchanged => "unchanged",
            Reread::Changed => "changed",
            Reread::Left => {
                self.tokens.look_for_ended_sessions().await;
                "left"
            }
            Reread::Returned => "returned",
            Reread::Gone => "gone",
        })
    }
}

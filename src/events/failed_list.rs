//! Feeds in what DingTalk could not deliver: its own list of failed callbacks, which it forgets as it is read.

use anyhow::Context as _;

use super::inbox::{Inbox, Way};
use super::notice::Notice;
use crate::config::app::DEFAULT_APP;
use crate::dingtalk::DingTalk;

/// More pages than that are no list that ends.
const MOST_PAGES: usize = 1000;

/// What was on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct FedIn {
    /// Entries of the list.
    pub listed: usize,
    /// People and departments that are to be read again because of them.
    pub new: usize,
}

/// Reads the list to its end. Each page is kept before the next is asked for.
///
/// # Errors
/// When the platform does not answer. When the database does not take a page, the platform has forgotten it
/// nonetheless: the error says so.
pub async fn feed_in(dingtalk: &DingTalk, inbox: &Inbox) -> anyhow::Result<FedIn> {
    let mut fed_in = FedIn::default();
    for _ in 0..MOST_PAGES {
        let page = dingtalk.failed_callbacks(DEFAULT_APP).await?;
        let listed = page.failed_list.len();
        let notices: Vec<Notice> = page.failed_list.iter().filter_map(Notice::from_failed_list).collect();
        let stored = inbox.store(&notices, Way::FailedList).await;
        fed_in.listed += listed;
        fed_in.new += stored
            .with_context(|| format!("DingTalk has forgotten {listed} events that were not stored here; run `sync`"))?;
        if !page.has_more || listed == 0 {
            break;
        }
    }
    Ok(fed_in)
}

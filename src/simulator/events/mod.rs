//! Tells of changes as the platform does: by callback with its deadline and repetitions, and by stream.

pub(super) mod callback;
pub(super) mod control;
mod envelope;
pub(super) mod registration;
pub(super) mod stream;
mod told;

use std::sync::Arc;

use tokio::sync::Notify;

use super::change::Event;
use callback::Pushes;
use stream::Stream;
use told::Told;

/// What is still to be told, and to whom.
#[derive(Default)]
pub(super) struct Outbox {
    pushes: Pushes,
    stream: Stream,
    last_ms: i64,
    news: Arc<Notify>,
}

impl Outbox {
    /// A change of the company is to be told.
    pub(super) fn post_change(&mut self, event: &Event, now_ms: i64) {
        let born_ms = self.next_ms(now_ms);
        self.post(&Told::of_change(event, born_ms), now_ms);
    }

    /// Something is to be told.
    fn post(&mut self, told: &Told, now_ms: i64) {
        self.pushes.add(told, now_ms);
        self.stream.send(told, now_ms);
        self.news.notify_one();
    }

    /// A moment that no other event has.
    fn next_ms(&mut self, now_ms: i64) -> i64 {
        self.last_ms = now_ms.max(self.last_ms + 1);
        self.last_ms
    }
}

//! What a subscriber hears: messages, and that some may have been missed.

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::task::AbortOnDropHandle;

/// Messages that wait for one slow reader before it is told of a gap instead.
pub(super) const BACKLOG: usize = 1024;

/// One thing heard on a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// What somebody published.
    Data(Vec<u8>),
    /// Messages may have been missed before this point: read again whatever they would have told.
    Gap,
}

/// A listener on one channel; dropping it ends the listening.
#[derive(Debug)]
pub struct Subscription {
    receiver: broadcast::Receiver<Message>,
    _feeder: Option<AbortOnDropHandle<()>>,
}

impl Subscription {
    pub(super) fn new(receiver: broadcast::Receiver<Message>, feeder: Option<AbortOnDropHandle<()>>) -> Self {
        Self {
            receiver,
            _feeder: feeder,
        }
    }

    /// The next message, or none when the store is gone for good. May be dropped while it waits.
    pub async fn next(&mut self) -> Option<Message> {
        match self.receiver.recv().await {
            Ok(message) => Some(message),
            Err(RecvError::Lagged(_)) => Some(Message::Gap),
            Err(RecvError::Closed) => None,
        }
    }
}

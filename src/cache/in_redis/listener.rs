//! Listens to one channel of Redis for as long as somebody wants to hear it, over all restarts.

use std::time::Duration;

use futures_util::StreamExt as _;
use redis::aio::{PubSubSink, PubSubStream};
use redis::{Client, RedisResult};
use tokio::sync::{broadcast, oneshot};
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::cache::subscription::{BACKLOG, Message, Subscription};

/// The most that connecting, subscribing or one ping may take.
const LIMIT: Duration = Duration::from_secs(1);
/// How often a silent connection is asked whether it still lives: who has left must be locked out within two
/// seconds, so a dead connection is noticed about as fast.
const PING_EVERY: Duration = Duration::from_secs(1);
/// Pauses between attempts to connect, the last one over and over.
const PAUSES_MS: [u64; 4] = [50, 100, 250, 500];

/// A subscription that is in force when this returns, unless Redis is away: then it comes into force later, and
/// the reader is told of the gap.
pub(super) async fn listen(client: Client, channel: String) -> Subscription {
    let (sender, receiver) = broadcast::channel(BACKLOG);
    let (ready, in_force) = oneshot::channel();
    let feeder = tokio::spawn(feed(client, channel, sender, ready));
    // An error means that the feeder did not succeed at once; it goes on trying.
    let _ = in_force.await;
    Subscription::new(receiver, Some(AbortOnDropHandle::new(feeder)))
}

async fn feed(client: Client, channel: String, sender: broadcast::Sender<Message>, ready: oneshot::Sender<()>) {
    // Taken by the first attempt, whatever becomes of it.
    let mut ready = Some(ready);
    let mut failures = 0_usize;
    loop {
        match timeout(LIMIT, connect(&client, &channel)).await {
            Ok(Ok((sink, stream))) => {
                if ready.take().and_then(|ready| ready.send(()).ok()).is_none() {
                    // Only after the subscription is in force: what the reader reads again now misses nothing.
                    let _ = sender.send(Message::Gap);
                }
                failures = 0;
                relay(sink, stream, &sender).await;
                tracing::warn!(channel, "the cache dropped the subscription; connecting again");
            }
            Ok(Err(error)) => {
                ready = None;
                if failures == 0 {
                    tracing::warn!(
                        channel,
                        kind = error.category(),
                        "the cache cannot be listened to; trying on"
                    );
                }
            }
            Err(_) => {
                ready = None;
                if failures == 0 {
                    tracing::warn!(channel, "the cache does not answer; trying on");
                }
            }
        }
        let pause = PAUSES_MS.get(failures).or(PAUSES_MS.last()).copied().unwrap_or(500);
        failures += 1;
        sleep(Duration::from_millis(pause)).await;
    }
}

async fn connect(client: &Client, channel: &str) -> RedisResult<(PubSubSink, PubSubStream)> {
    let (mut sink, stream) = client.get_async_pubsub().await?.split();
    sink.subscribe(channel).await?;
    Ok((sink, stream))
}

/// Passes on messages until the connection ends or no longer answers.
async fn relay(mut sink: PubSubSink, mut stream: PubSubStream, sender: &broadcast::Sender<Message>) {
    loop {
        match timeout(PING_EVERY, stream.next()).await {
            Ok(Some(message)) => {
                let _ = sender.send(Message::Data(message.get_payload_bytes().to_vec()));
            }
            Ok(None) => return,
            Err(_) => {
                if !matches!(timeout(LIMIT, sink.ping::<redis::Value>()).await, Ok(Ok(_))) {
                    return;
                }
            }
        }
    }
}

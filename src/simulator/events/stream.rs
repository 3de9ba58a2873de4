//! The other end of Stream mode: tickets, the WebSocket, and what comes again because nobody acknowledged it.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::web::{self, Query};
use actix_web::{HttpRequest, HttpResponse, rt};
use actix_ws::{Message, MessageStream, Session};
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep_until};

use super::told::Told;
use crate::simulator::call::Call;
use crate::simulator::grants::random;
use crate::simulator::state::{Shared, State, lock};
use crate::simulator::wire::Said;

/// Life of a ticket, in milliseconds.
const TICKET_MS: i64 = 90_000;
/// What was not acknowledged comes again after so many milliseconds.
const REDELIVERED_AFTER_MS: i64 = 60_000;
/// After a `disconnect` the connection is closed by the platform.
const CLOSED_AFTER: Duration = Duration::from_secs(10);
/// How often the platform asks whether the client is there.
const PING_EVERY: Duration = Duration::from_secs(30);

/// What a connection is told to do.
pub(super) enum Order {
    /// Send this frame.
    Frame(String),
    /// Ask for another connection, and close this one a little later.
    Disconnect,
    /// Break off without a word.
    Drop,
    /// Neither read nor write any more.
    Freeze,
}

#[derive(Debug, Clone)]
struct Delivery {
    told: Told,
    sent_ms: i64,
}

/// How the stream goes.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Tally {
    /// Connections that were opened since the start.
    pub(super) opened: u64,
    /// Frames with events, repetitions among them.
    pub(super) sent: u64,
    pub(super) acknowledged: u64,
    /// The slowest acknowledgement, in milliseconds of the simulated time.
    pub(super) slowest_ms: i64,
    /// The last answer to a ping.
    pub(super) last_pong: Option<Value>,
}

/// Tickets, connections and deliveries.
#[derive(Default)]
pub(super) struct Stream {
    tickets: BTreeMap<String, i64>,
    connections: BTreeMap<String, UnboundedSender<Order>>,
    /// The platform has given them up, but their clients do not know.
    frozen: Vec<UnboundedSender<Order>>,
    /// By message id.
    unacknowledged: BTreeMap<String, Delivery>,
    /// Events are kept for whoever has asked for them once.
    subscribed: bool,
    pub(super) tally: Tally,
}

impl Stream {
    pub(super) fn send(&mut self, told: &Told, now_ms: i64) {
        if !self.subscribed {
            return;
        }
        let message_id = random();
        self.transmit(&message_id, told);
        self.unacknowledged.insert(
            message_id,
            Delivery {
                told: told.clone(),
                sent_ms: now_ms,
            },
        );
    }

    /// Sends again what was not acknowledged for a minute.
    pub(super) fn redeliver(&mut self, now_ms: i64) {
        if self.connections.is_empty() {
            return;
        }
        let late: Vec<(String, Told)> = self
            .unacknowledged
            .iter_mut()
            .filter(|(_, delivery)| now_ms - delivery.sent_ms >= REDELIVERED_AFTER_MS)
            .map(|(message_id, delivery)| {
                delivery.sent_ms = now_ms;
                (message_id.clone(), delivery.told.clone())
            })
            .collect();
        for (message_id, told) in late {
            self.transmit(&message_id, &told);
        }
    }

    /// Of several connections one gets it.
    fn transmit(&mut self, message_id: &str, told: &Told) {
        let Some(at) = self.connections.len().checked_sub(1) else {
            return;
        };
        let connection = self.connections.iter().nth(rand::random_range(0..=at));
        let Some((connection_id, connection)) = connection else {
            return;
        };
        let frame = json!({
            "specVersion": "1.0", "type": "EVENT",
            "headers": {
                "appId": "simulated", "connectionId": connection_id, "contentType": "application/json",
                "messageId": message_id, "topic": "*", "time": told.born_ms.to_string(),
                "eventType": told.kind, "eventId": told.id, "eventCorpId": "simulated",
                "eventBornTime": told.born_ms.to_string(), "eventUnifiedAppId": "simulated",
            },
            "data": told.in_stream().to_string(),
        });
        self.tally.sent += 1;
        // A connection that is going away leaves its events unacknowledged.
        let _ = connection.send(Order::Frame(frame.to_string()));
    }

    fn acknowledged(&mut self, answer: &Value, now_ms: i64) {
        let data = answer.get("data").and_then(Value::as_str);
        let data: Value = data
            .and_then(|data| serde_json::from_str(data).ok())
            .unwrap_or_default();
        if data.get("opaque").is_some() {
            self.tally.last_pong = Some(data);
            return;
        }
        let message_id = answer.pointer("/headers/messageId").and_then(Value::as_str);
        let Some(message_id) = message_id else {
            return;
        };
        // Some packages answer with the event itself in the place of a status.
        let right = answer.get("code") == Some(&json!(200)) && data.get("status") != Some(&json!("LATER"));
        if right && let Some(delivery) = self.unacknowledged.remove(message_id) {
            self.tally.acknowledged += 1;
            self.tally.slowest_ms = self.tally.slowest_ms.max(now_ms - delivery.sent_ms);
        }
    }

    /// How many events are not acknowledged.
    pub(super) fn open(&self) -> usize {
        self.unacknowledged.len()
    }

    /// How many connections there are.
    pub(super) fn connected(&self) -> usize {
        self.connections.len()
    }

    /// Gives up every connection, as when the network between is cut: the client hears nothing of it.
    pub(super) fn freeze(&mut self) {
        self.order(|| Order::Freeze);
        self.frozen.extend(std::mem::take(&mut self.connections).into_values());
    }

    /// Has every connection do something.
    pub(super) fn order(&self, order: impl Fn() -> Order) {
        for connection in self.connections.values() {
            // One that has just gone needs no order.
            let _ = connection.send(order());
        }
    }
}

#[derive(Deserialize)]
pub(in crate::simulator) struct Ticket {
    ticket: String,
}

/// `POST /v1.0/gateway/connections/open`.
pub(in crate::simulator) fn open(state: &mut State, call: &Call<'_>) -> Said {
    if !call.has_json() {
        return Said::new_family(400, "Missingbody", "body is mandatory for this action");
    }
    let (Some(id), Some(secret)) = (call.text("clientId"), call.text("clientSecret")) else {
        return Said::new_family(400, "MissingclientId", "clientId is mandatory for this action.");
    };
    if state.authenticated(id, secret).is_none() {
        return Said::new_family(401, "invalidClientIdOrSecret", "无效的clientId或者clientSecret");
    }
    if !call.has("subscriptions") {
        return Said::new_family(
            400,
            "Missingsubscriptions",
            "subscriptions is mandatory for this action.",
        );
    }
    let ticket = random();
    let now_ms = state.clock.unix_millis();
    state.outbox.stream.tickets.insert(ticket.clone(), now_ms + TICKET_MS);
    let endpoint = format!("{}/connect", state.base.replacen("http", "ws", 1));
    if !call.wants_json {
        return Said::Xml(format!(
            "<response><endpoint>{endpoint}</endpoint><ticket>{ticket}</ticket></response>"
        ));
    }
    Said::Flat(json!({"endpoint": endpoint, "ticket": ticket}))
}

/// `GET /connect?ticket=`: the WebSocket. A ticket is good once.
pub(in crate::simulator) async fn connect(
    request: HttpRequest,
    body: web::Payload,
    ticket: Query<Ticket>,
    state: Shared,
) -> Result<HttpResponse, actix_web::Error> {
    let good = {
        let mut state = lock(&state);
        let now_ms = state.clock.unix_millis();
        let until = state.outbox.stream.tickets.remove(&ticket.ticket);
        until.is_some_and(|until_ms| now_ms < until_ms)
    };
    if !good {
        return Ok(HttpResponse::Unauthorized().finish());
    }
    let (response, session, messages) = actix_ws::handle(&request, body)?;
    let (orders, order) = unbounded_channel();
    let id = random();
    {
        let mut state = lock(&state);
        state.outbox.stream.subscribed = true;
        state.outbox.stream.tally.opened += 1;
        state.outbox.stream.connections.insert(id.clone(), orders);
    }
    rt::spawn(async move {
        serve(session, messages, order, &state).await;
        lock(&state).outbox.stream.connections.remove(&id);
    });
    Ok(response)
}

async fn serve(
    mut session: Session,
    mut messages: MessageStream,
    mut orders: UnboundedReceiver<Order>,
    state: &Shared,
) {
    let mut closes_at = None::<Instant>;
    let mut pings_at = Instant::now() + PING_EVERY;
    loop {
        let next = closes_at.map_or(pings_at, |at| at.min(pings_at));
        tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Frame(frame)) => {
                    if session.text(frame).await.is_err() {
                        return;
                    }
                }
                Some(Order::Disconnect) => {
                    closes_at = Some(Instant::now() + CLOSED_AFTER);
                    if session.text(system("disconnect", &json!({"reason": "connection is expired"}))).await.is_err() {
                        return;
                    }
                }
                Some(Order::Freeze) => while orders.recv().await.is_some() {},
                Some(Order::Drop) | None => return,
            },
            message = messages.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let answer: Value = serde_json::from_str(&text).unwrap_or_default();
                    let mut state = lock(state);
                    let now_ms = state.clock.unix_millis();
                    state.outbox.stream.acknowledged(&answer, now_ms);
                }
                Some(Ok(Message::Ping(bytes))) => {
                    if session.pong(&bytes).await.is_err() {
                        return;
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
            () = sleep_until(next) => {
                if closes_at.is_some_and(|at| at <= Instant::now()) {
                    let _ = session.close(None).await;
                    return;
                }
                pings_at = Instant::now() + PING_EVERY;
                if session.text(system("ping", &json!({"opaque": random()}))).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// A frame of the platform's own.
pub(super) fn system(topic: &str, data: &Value) -> String {
    let mut headers = json!({"topic": topic, "contentType": "application/json"});
    // A disconnect comes without one.
    if topic != "disconnect"
        && let Some(headers) = headers.as_object_mut()
    {
        headers.insert("messageId".to_owned(), json!(random()));
    }
    json!({"specVersion": "1.0", "type": "SYSTEM", "headers": headers, "data": data.to_string()}).to_string()
}

//! Stream mode: events over a WebSocket that we open, so that no public address is needed (dingtalk-api, section 10).

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Bytes, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use url::Url;

use super::error::{CodeSpent, DingTalkError};
use super::lenient;
use super::transport::{Endpoint, Load, Transport};
use crate::config;

/// How long connecting may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long one frame may take to go out: whoever does not read is not there.
const SEND_LIMIT: Duration = Duration::from_secs(10);
/// The largest frame that is read.
const MAX_FRAME_BYTES: usize = 1024 * 1024;
/// What the platform's log calls us.
const USER_AGENT: &str = concat!("dingtalk-sso/", env!("CARGO_PKG_VERSION"));

/// Where connections are asked for, and by which app.
pub(super) struct Gateway {
    transport: Transport,
    open: Endpoint,
    plain: bool,
    app_key: String,
    app_secret: SecretString,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OpenRequest<'a> {
    client_id: &'a str,
    client_secret: &'a str,
    ua: &'a str,
    subscriptions: [Topic; 1],
}

#[derive(Serialize)]
struct Topic {
    r#type: &'static str,
    topic: &'static str,
}

#[derive(Deserialize)]
struct OpenAnswer {
    endpoint: String,
    ticket: String,
}

impl Gateway {
    pub(super) fn new(transport: Transport, api: &Url, app: &config::app::App) -> Result<Self, url::ParseError> {
        Ok(Self {
            transport,
            open: Endpoint::new_family(api, "/v1.0/gateway/connections/open")?,
            plain: api.scheme() == "http",
            app_key: app.app_key.clone(),
            app_secret: app.app_secret.clone(),
        })
    }

    /// Asks for a connection to all events, and opens it: its ticket is good for one, and for 90 seconds.
    pub(super) async fn connect(&self) -> Result<Connection, DingTalkError> {
        let secret = self.app_secret.expose_secret();
        let body = serde_json::to_vec(&OpenRequest {
            client_id: &self.app_key,
            client_secret: secret,
            ua: USER_AGENT,
            subscriptions: [Topic {
                r#type: "EVENT",
                topic: "*",
            }],
        })
        .map_err(|error| unavailable(error.to_string()))?;
        let load = Load {
            token: None,
            body: Some(&body),
            secret,
        };
        let OpenAnswer { endpoint, ticket } = self.transport.exchange(&self.open, load).await?;
        let mut url = Url::parse(&endpoint).map_err(|error| unavailable(format!("its endpoint: {error}")))?;
        // What is opened by TLS does not go on without it.
        if url.scheme() != "wss" && !(self.plain && url.scheme() == "ws") {
            return Err(unavailable(
                "its endpoint is no address of a protected WebSocket".to_owned(),
            ));
        }
        url.query_pairs_mut().append_pair("ticket", &ticket);
        let limits = WebSocketConfig::default()
            .max_message_size(Some(MAX_FRAME_BYTES))
            .max_frame_size(Some(MAX_FRAME_BYTES));
        let connecting = connect_async_with_config(url.as_str(), Some(limits), true);
        match timeout(CONNECT_LIMIT, connecting).await {
            Ok(Ok((socket, _))) => Ok(Connection(socket)),
            // The text of a failure may quote the address, and with it the ticket.
            Ok(Err(fault)) => Err(unavailable(fault.to_string().replace(&ticket, "…"))),
            Err(_elapsed) => Err(unavailable("the WebSocket does not open in time".to_owned())),
        }
    }
}

fn unavailable(detail: String) -> DingTalkError {
    DingTalkError::Unavailable {
        code_spent: CodeSpent::No,
        detail,
    }
}

/// An event that came over the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamEvent {
    /// To acknowledge it by.
    pub message_id: String,
    /// The platform's name of the event.
    pub event_type: String,
    /// The same for every delivery of the same event.
    pub event_id: Option<String>,
    /// What it says, as JSON.
    pub data: String,
}

/// What was heard on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// An event, to be acknowledged once it is stored.
    Event(StreamEvent),
    /// A question of the platform's, to be answered with [`Connection::answer`].
    Question(Question),
    /// The platform is about to close this connection: another is to be opened.
    Disconnect(String),
    /// Something that only shows that the platform is there.
    Life,
    /// The connection is gone.
    Gone(String),
}

/// A frame that wants an answer: the platform's ping, or a message to a robot or card that we do not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    message_id: String,
    answer: (u16, &'static str),
    data: String,
}

#[derive(Deserialize)]
struct Frame {
    #[serde(rename = "type", default, deserialize_with = "lenient::words")]
    kind: String,
    #[serde(default)]
    headers: Headers,
    #[serde(default)]
    data: Value,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Headers {
    #[serde(deserialize_with = "lenient::words")]
    message_id: String,
    #[serde(deserialize_with = "lenient::words")]
    topic: String,
    #[serde(deserialize_with = "lenient::words")]
    event_type: String,
    #[serde(deserialize_with = "lenient::text")]
    event_id: Option<String>,
}

/// An open connection.
#[derive(Debug)]
pub struct Connection(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Connection {
    /// Waits for the next frame. May be dropped while it waits.
    pub async fn hear(&mut self) -> Heard {
        match self.0.next().await {
            Some(Ok(Message::Text(text))) => read(&text),
            Some(Ok(Message::Close(reason))) => {
                Heard::Gone(reason.map_or_else(|| "closed".to_owned(), |reason| reason.to_string()))
            }
            Some(Ok(_)) => Heard::Life,
            Some(Err(fault)) => Heard::Gone(fault.to_string()),
            None => Heard::Gone("closed".to_owned()),
        }
    }

    /// Tells the platform that an event is stored, or that it is to come again later.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn acknowledge(&mut self, event: &StreamEvent, stored: bool) -> Result<(), tungstenite::Error> {
        let data = if stored {
            json!({"status": "SUCCESS", "message": "ok"})
        } else {
            json!({"status": "LATER"})
        };
        self.reply(&event.message_id, (200, "OK"), data.to_string()).await
    }

    /// Answers a question.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn answer(&mut self, question: Question) -> Result<(), tungstenite::Error> {
        self.reply(&question.message_id, question.answer, question.data).await
    }

    /// Asks whether the platform is there; it shows so by [`Heard::Life`].
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn ping(&mut self) -> Result<(), tungstenite::Error> {
        self.send(Message::Ping(Bytes::new())).await
    }

    /// Says goodbye. Whether that arrives is no concern of ours.
    pub async fn close(mut self) {
        let _ = timeout(SEND_LIMIT, self.0.close(None)).await;
    }

    async fn reply(&mut self, message_id: &str, answer: (u16, &str), data: String) -> Result<(), tungstenite::Error> {
        let (code, message) = answer;
        let frame = json!({
            "code": code,
            "headers": {"messageId": message_id, "contentType": "application/json"},
            "message": message,
            "data": data,
        });
        self.send(Message::text(frame.to_string())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), tungstenite::Error> {
        let late = |_elapsed| tungstenite::Error::Io(std::io::ErrorKind::TimedOut.into());
        timeout(SEND_LIMIT, self.0.send(message)).await.map_err(late)?
    }
}

/// Reads a frame. One that cannot be read is no reason to give up the others.
fn read(text: &str) -> Heard {
    let Ok(frame) = serde_json::from_str::<Frame>(text) else {
        return Heard::Life;
    };
    let Frame { kind, headers, data } = frame;
    // It is a string that holds JSON; whoever sends the JSON itself means the same.
    let data = match data {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    };
    match (kind.as_str(), headers.topic.as_str()) {
        ("SYSTEM", "ping") => Heard::Question(Question {
            message_id: headers.message_id,
            answer: (200, "OK"),
            data,
        }),
        ("SYSTEM", "disconnect") => {
            let said: Value = serde_json::from_str(&data).unwrap_or_default();
            let reason = said.get("reason").and_then(Value::as_str).unwrap_or_default();
            Heard::Disconnect(reason.chars().filter(|letter| !letter.is_control()).take(100).collect())
        }
        ("EVENT", _) => Heard::Event(StreamEvent {
            message_id: headers.message_id,
            event_type: headers.event_type,
            event_id: headers.event_id,
            data,
        }),
        ("CALLBACK", _) => Heard::Question(Question {
            message_id: headers.message_id,
            answer: (404, "no handler"),
            data: json!({"response": {}}).to_string(),
        }),
        _ => Heard::Life,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::proptest;

    use super::{Heard, Question, StreamEvent, read};

    #[test]
    fn an_event_is_read_from_headers_and_data() {
        let frame = r#"{"specVersion":"1.0","type":"EVENT","headers":{"appId":"a","connectionId":"c","contentType":"application/json",
            "messageId":"de66","topic":"*","time":"1690362102194","eventType":"user_leave_org","eventId":"c7c7120f",
            "eventCorpId":"ding1","eventBornTime":"1690362102183","eventUnifiedAppId":"bbb381b6"},
            "data":"{\"timeStamp\":\"1685501863357\",\"userId\":[\"015xxxx227\"]}"}"#;
        let event = StreamEvent {
            message_id: "de66".to_owned(),
            event_type: "user_leave_org".to_owned(),
            event_id: Some("c7c7120f".to_owned()),
            data: r#"{"timeStamp":"1685501863357","userId":["015xxxx227"]}"#.to_owned(),
        };
        assert_eq!(read(frame), Heard::Event(event));
    }

    #[test]
    fn a_ping_is_answered_with_what_it_brought() {
        let frame = r#"{"type":"SYSTEM","headers":{"topic":"ping","messageId":"m1","time":1690362102194},"data":"{\"opaque\":\"x\"}"}"#;
        let question = Question {
            message_id: "m1".to_owned(),
            answer: (200, "OK"),
            data: r#"{"opaque":"x"}"#.to_owned(),
        };
        assert_eq!(read(frame), Heard::Question(question));
    }

    #[test]
    fn a_robot_message_finds_no_handler() {
        let frame =
            r#"{"type":"CALLBACK","headers":{"topic":"/v1.0/im/bot/messages/get","messageId":"m2"},"data":"{}"}"#;
        let question = Question {
            message_id: "m2".to_owned(),
            answer: (404, "no handler"),
            data: r#"{"response":{}}"#.to_owned(),
        };
        assert_eq!(read(frame), Heard::Question(question));
    }

    #[test]
    fn a_disconnect_needs_no_message_id() {
        let frame =
            r#"{"type":"SYSTEM","headers":{"topic":"disconnect"},"data":"{\"reason\":\"connection is expired\"}"}"#;
        assert_eq!(read(frame), Heard::Disconnect("connection is expired".to_owned()));
        let bare = r#"{"type":"SYSTEM","headers":{"topic":"disconnect"}}"#;
        assert_eq!(read(bare), Heard::Disconnect(String::new()));
    }

    #[test]
    fn what_cannot_be_read_shows_life_and_no_more() {
        for frame in [
            "",
            "{}",
            "[]",
            "null",
            r#"{"type":"SYSTEM","headers":{"topic":"KEEPALIVE"}}"#,
            r#"{"headers":7}"#,
        ] {
            assert_eq!(read(frame), Heard::Life, "{frame}");
        }
    }

    proptest! {
        #[test]
        fn no_frame_is_too_odd(frame: String, data: String) {
            read(&frame);
            read(&serde_json::json!({"type": "EVENT", "headers": {}, "data": data}).to_string());
        }
    }
}

//! The wire of callbacks: `POST /dingtalk/events`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use actix_web::web::{BytesMut, Data, Json, Payload, ServiceConfig};
use actix_web::{HttpRequest, post};
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use super::callback::Callbacks;
use crate::dingtalk::envelope::Sealed;
use crate::error::Error;

/// The largest callback that is read: an event names a thousand people at the most.
const MAX_BODY_BYTES: usize = 256 * 1024;
/// So much is read and thrown away, so that whoever sent too much still hears the answer.
const MAX_DRAINED_BYTES: usize = 4 * 1024 * 1024;

/// Mounts the route together with what it leans on; without a subscription there is none.
pub fn routes(callbacks: Option<Arc<Callbacks>>) -> impl Fn(&mut ServiceConfig) + Clone {
    move |service| {
        if let Some(callbacks) = callbacks.clone() {
            service.app_data(Data::from(callbacks)).service(receive);
        }
    }
}

#[derive(Deserialize, utoipa::ToSchema)]
pub(crate) struct Envelope {
    /// Base64 of what is sealed.
    encrypt: String,
}

#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct SealedAnswer {
    /// Lower-case hex of the SHA-1 over token, time, nonce and `encrypt`.
    msg_signature: String,
    /// Milliseconds since 1970, as text.
    #[serde(rename = "timeStamp")]
    time_stamp: String,
    /// Random text.
    nonce: String,
    /// The sealed word `success`.
    encrypt: String,
}

impl From<Sealed> for SealedAnswer {
    fn from(sealed: Sealed) -> Self {
        Self {
            msg_signature: sealed.signature,
            time_stamp: sealed.timestamp,
            nonce: sealed.nonce,
            encrypt: sealed.encrypt,
        }
    }
}

/// Takes a callback of DingTalk's: what it says is stored before it is answered. Only with `events.mode = "http"`.
#[utoipa::path(
    tag = "dingtalk",
    params(
        ("signature" = Option<String>, Query, description = "or msg_signature"),
        ("timestamp" = String, Query, description = "milliseconds or seconds since 1970"),
        ("nonce" = String, Query, description = "random text"),
    ),
    request_body = Envelope,
    responses(
        (status = 200, body = SealedAnswer, description = "stored"),
        (status = 400, description = "1101, whatever is wrong with the envelope"),
        (status = 404, description = "1116: callbacks are not how events come"),
        (status = 503, description = "1117: not stored; to be sent again"),
    )
)]
#[post("/dingtalk/events")]
pub(crate) async fn receive(
    request: HttpRequest,
    body: Payload,
    callbacks: Data<Callbacks>,
) -> Result<Json<SealedAnswer>, Error> {
    let sealed = sealed(&request, body).await.ok_or_else(Callbacks::refusal)?;
    Ok(Json(callbacks.receive(&sealed).await?.into()))
}

async fn sealed(request: &HttpRequest, mut payload: Payload) -> Option<Sealed> {
    let mut body = BytesMut::new();
    let mut read = 0_usize;
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.ok()?;
        read = read.saturating_add(chunk.len());
        if read > MAX_DRAINED_BYTES {
            return None;
        }
        if read <= MAX_BODY_BYTES {
            body.extend_from_slice(&chunk);
        }
    }
    if read > MAX_BODY_BYTES {
        return None;
    }
    let query: HashMap<Cow<'_, str>, Cow<'_, str>> =
        form_urlencoded::parse(request.query_string().as_bytes()).collect();
    let text = |name: &str| query.get(name).map(|value| value.clone().into_owned());
    let Envelope { encrypt } = serde_json::from_slice(&body).ok()?;
    Some(Sealed {
        // It comes under either name, or under both.
        signature: text("msg_signature").or_else(|| text("signature"))?,
        timestamp: text("timestamp")?,
        nonce: text("nonce")?,
        encrypt,
    })
}

//! What all requests share: an id, one log line, the one error shape, bounded bodies, and who is calling.

pub mod meters;

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    ALLOW, CACHE_CONTROL, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::{Bytes, BytesMut, Data};
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError};
use futures_util::future::LocalBoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
use ipnet::IpNet;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::error::{Error, OAuthError};
use meters::Meters;

/// The largest body that is read; everything this service is sent is far smaller.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// How long a body may take to come.
const BODY_LIMIT: Duration = Duration::from_secs(10);

/// Under this header the caller finds the id under which the log speaks of the request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.row().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

/// Answers a failure in the one error shape (product.md section 3).
fn shape(error: &Error, id: Uuid) -> HttpResponse {
    let row = error.row();
    let mut response = HttpResponse::build(error.status_code());
    response.insert_header((CACHE_CONTROL, "no-store"));
    if let Some(seconds) = error.retry_after_s() {
        response.insert_header((RETRY_AFTER, seconds));
    }
    if let Error::MethodNotAllowed { allow } = error {
        response.insert_header((ALLOW, allow.as_str()));
    }
    match error {
        Error::InvalidToken(_) => _ = response.insert_header((WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")),
        // RFC 6750 section 3.1.
        Error::NotAllowed => _ = response.insert_header((WWW_AUTHENTICATE, "Bearer error=\"insufficient_scope\"")),
        Error::OAuth(OAuthError::InvalidClient, _) => {
            response.insert_header((WWW_AUTHENTICATE, "Basic realm=\"dingtalk-sso\""));
        }
        // A challenge is always wanted (RFC 9110 section 15.5.2); where no token was at fault it names no error
        // (RFC 6750 section 3.1).
        _ if row.status == 401 => _ = response.insert_header((WWW_AUTHENTICATE, "Bearer")),
        _ => {}
    }
    response.json(ErrorAnswer {
        code: row.code,
        error: row.name,
        error_description: error.to_string(),
        request_id: id,
    })
}

/// What every failure is answered with.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ErrorAnswer {
    /// The number, as front ends know it.
    code: u16,
    /// The name, as in OAuth 2.0.
    error: &'static str,
    /// What is wrong, for people.
    error_description: String,
    /// The id under which the log has the cause.
    request_id: Uuid,
}

/// Gives every request its id, its log line, its place in the meters and, where it fails, its answer.
///
/// # Errors
/// None: a failure becomes an answer here.
pub async fn around(
    meters: Meters,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let id = Uuid::new_v4();
    let started = Instant::now();
    let method = request.method().clone();
    if method == Method::HEAD {
        // Answered as a GET is (RFC 9110 section 9.3.2); the server itself leaves the body away.
        request.head_mut().method = Method::GET;
    }
    let mut response = match next.call(request).await {
        Ok(response) => response.map_into_boxed_body(),
        Err(error) => return Err(error),
    };
    if response.response().error().is_some() || is_bare_refusal(&response) {
        let status = response.status();
        let shaped = match response
            .response()
            .error()
            .and_then(actix_web::Error::as_error::<Error>)
        {
            Some(error) => {
                log_cause(error, id);
                shape(error, id)
            }
            None => shape(&of_status(status), id),
        };
        response = response.into_response(shaped);
    }
    let mut text = Uuid::encode_buffer();
    let request_id: &str = id.hyphenated().encode_lower(&mut text);
    if let Ok(value) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
        .headers_mut()
        .insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let request = response.request();
    let elapsed = started.elapsed();
    let status = response.status().as_u16();
    meters.count(request, status, elapsed);
    tracing::info!(
        target: "request",
        method = method.as_str(),
        path = request.path(),
        status,
        micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
        request_id,
    );
    Ok(response)
}

/// A refusal by the server's own machinery, which has no body of ours.
fn is_bare_refusal(response: &ServiceResponse) -> bool {
    matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::PAYLOAD_TOO_LARGE)
        && response.response().headers().get("content-type").is_none()
}

fn of_status(status: StatusCode) -> Error {
    match status {
        StatusCode::NOT_FOUND => Error::NotFound,
        status if status.is_client_error() => Error::InvalidRequest("the request cannot be read".to_owned()),
        _ => Error::Internal(anyhow::anyhow!("the server answered {status}")),
    }
}

fn log_cause(error: &Error, id: Uuid) {
    let name = error.row().name;
    let mut cause = String::new();
    let mut source = std::error::Error::source(error);
    while let Some(next) = source {
        if !cause.is_empty() {
            cause.push_str(": ");
        }
        cause.push_str(&next.to_string());
        source = next.source();
    }
    match error.row().status {
        500 => tracing::error!(request_id = %id, error = name, cause, "failed"),
        501.. => tracing::warn!(request_id = %id, error = name, cause, "failed"),
        _ => {
            // What the caller is told says it, where nothing else does.
            let cause = if cause.is_empty() { error.to_string() } else { cause };
            tracing::info!(request_id = %id, error = name, cause, "refused");
        }
    }
}

/// A bounded body as it came.
pub struct RawBody(pub Bytes);

impl FromRequest for RawBody {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(_: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let payload = payload.take();
        Box::pin(async move { gathered(payload).await.map(Self) })
    }
}

/// A bounded JSON body, whatever content type the front end wrote: plain `fetch` sends `text/plain`.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(_: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let payload = payload.take();
        Box::pin(async move { read_json(&gathered(payload).await?).map(Self) })
    }
}

/// A body as a whole, within its bounds of size and time: who sends a byte now and then holds no connection for long.
async fn gathered(mut payload: Payload) -> Result<Bytes, Error> {
    let gathering = async {
        // Most bodies come in one piece, which stays where it lies.
        let first = next_piece(&mut payload, 0).await?.unwrap_or_default();
        let Some(second) = next_piece(&mut payload, first.len()).await? else {
            return Ok(first);
        };
        let mut body = BytesMut::from(first);
        body.extend_from_slice(&second);
        while let Some(piece) = next_piece(&mut payload, body.len()).await? {
            body.extend_from_slice(&piece);
        }
        Ok(body.freeze())
    };
    let mut gathering = pin!(gathering);
    // Most are here already, and need no clock.
    if let Some(done) = gathering.as_mut().now_or_never() {
        return done;
    }
    tokio::time::timeout(BODY_LIMIT, gathering)
        .await
        .unwrap_or_else(|_elapsed| Err(Error::InvalidRequest("the body does not come in time".to_owned())))
}

/// The next piece of a body of which `before` bytes were read.
async fn next_piece(payload: &mut Payload, before: usize) -> Result<Option<Bytes>, Error> {
    let Some(piece) = payload.next().await else {
        return Ok(None);
    };
    let piece = piece.map_err(|_fault| Error::InvalidRequest("the body cannot be read".to_owned()))?;
    if before + piece.len() > MAX_BODY_BYTES {
        return Err(Error::InvalidRequest(format!(
            "the body is larger than {MAX_BODY_BYTES} bytes"
        )));
    }
    Ok(Some(piece))
}

fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    // An array would do for a structure, its members in their order.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(Error::InvalidRequest("the body is not a JSON object".to_owned()));
    }
    serde_json::from_slice(body).map_err(|fault| {
        // The text of serde_json may quote what was sent, a code among it: only the place is told.
        Error::InvalidRequest(format!(
            "the body is not the JSON that is expected here: see line {}, column {}",
            fault.line(),
            fault.column()
        ))
    })
}

/// Which peers speak for others.
#[derive(Debug, Clone)]
pub struct TrustedProxies(pub Arc<[IpNet]>);

/// The address of whoever is calling: the last one in `X-Forwarded-For` that no trusted proxy wrote for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

impl FromRequest for ClientAddress {
    type Error = Error;
    type Future = std::future::Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let peer = request
            .peer_addr()
            .map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.ip().to_canonical());
        let trusted = request.app_data::<Data<TrustedProxies>>();
        let trusts = |address: &IpAddr| trusted.is_some_and(|nets| nets.0.iter().any(|net| net.contains(address)));
        let mut address = peer;
        if trusts(&peer) {
            // Several lines are one list (RFC 9110 section 5.3): there are proxies that write theirs below the caller's.
            let lines: Vec<&HeaderValue> = request.headers().get_all("x-forwarded-for").collect();
            let hops = lines
                .iter()
                .rev()
                .flat_map(|line| line.to_str().unwrap_or_default().rsplit(','))
                .map_while(|hop| hop.trim().parse::<IpAddr>().ok());
            for hop in hops {
                address = hop.to_canonical();
                if !trusts(&address) {
                    break;
                }
            }
        }
        std::future::ready(Ok(Self(address)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::FromRequest as _;
    use actix_web::dev::Payload;
    use actix_web::test::TestRequest;
    use actix_web::web::{Bytes, Data};
    use futures_util::stream::{self, StreamExt as _};
    use rstest::rstest;
    use tokio::time::sleep;

    use super::{ClientAddress, MAX_BODY_BYTES, RawBody, TrustedProxies};

    /// What becomes of a body that comes in `pieces` pieces of `size` bytes, one every `pause`.
    async fn body(pieces: usize, size: usize, pause: Duration) -> Result<usize, String> {
        let coming = stream::iter(0..pieces).then(move |_| async move {
            sleep(pause).await;
            Ok(Bytes::from(vec![b'x'; size]))
        });
        let mut payload = Payload::Stream {
            payload: coming.boxed_local(),
        };
        let body = RawBody::from_request(&TestRequest::default().to_http_request(), &mut payload).await;
        body.map(|body| body.0.len()).map_err(|refusal| refusal.to_string())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_bounded_in_size_and_time() {
        let soon = Duration::from_millis(1);
        assert_eq!(body(64, MAX_BODY_BYTES / 64, soon).await, Ok(MAX_BODY_BYTES));
        assert!(
            body(65, MAX_BODY_BYTES / 64, soon)
                .await
                .unwrap_err()
                .contains("larger")
        );
        let now_and_then = Duration::from_secs(1);
        assert_eq!(body(5, 1, now_and_then).await, Ok(5));
        assert!(body(1000, 1, now_and_then).await.unwrap_err().contains("in time"));
    }

    #[rstest]
    #[case::a_stranger_says_nothing("192.0.2.9", &["203.0.113.1"], "192.0.2.9")]
    #[case::a_proxy_says_who_it_is("10.0.0.1", &["203.0.113.1"], "203.0.113.1")]
    #[case::what_the_caller_wrote_stays_behind("10.0.0.1", &["198.51.100.7, 203.0.113.1, 10.0.0.2"], "203.0.113.1")]
    #[case::also_in_a_line_of_its_own("10.0.0.1", &["198.51.100.7", "203.0.113.1"], "203.0.113.1")]
    #[case::nonsense_ends_the_list("10.0.0.1", &["198.51.100.7", "unknown, 10.0.0.2"], "10.0.0.2")]
    #[case::a_listener_of_both_families("::ffff:10.0.0.1", &["::ffff:203.0.113.1"], "203.0.113.1")]
    #[tokio::test]
    async fn the_caller_is_whom_the_last_trusted_proxy_saw(
        #[case] peer: &str,
        #[case] forwarded: &[&str],
        #[case] caller: &str,
    ) {
        let trusted = TrustedProxies(vec!["10.0.0.0/8".parse().unwrap()].into());
        let mut request = TestRequest::default()
            .peer_addr((peer.parse::<std::net::IpAddr>().unwrap(), 1).into())
            .app_data(Data::new(trusted));
        for line in forwarded {
            request = request.append_header(("x-forwarded-for", *line));
        }
        let found = ClientAddress::from_request(&request.to_http_request(), &mut Payload::None).await;
        assert_eq!(found.unwrap().0.to_string(), caller);
    }
}

//! The one place that makes an HTTP client: warm connections, bounded times, no redirects, no cookies.

use std::time::Duration;

use reqwest::{Client, redirect};

/// The most that making a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// Below the keep-alive of usual servers, so that few connections end just when they are used.
const IDLE_LIMIT: Duration = Duration::from_secs(20);

/// Connections kept for later: as many as sign-ins at once in a large company, since to open one anew costs more than a
/// call.
const MAX_IDLE: usize = 512;

/// A client of which one exchange as a whole takes `limit` at the most. Clones share its connections.
///
/// # Errors
/// Where the machine has no CA certificates.
pub fn client(limit: Duration) -> Result<Client, reqwest::Error> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that makes a client")]
    let builder = Client::builder();
    builder
        .user_agent(concat!("dingtalk-sso/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_LIMIT)
        .timeout(limit)
        .pool_idle_timeout(IDLE_LIMIT)
        .pool_max_idle_per_host(MAX_IDLE)
        .tcp_keepalive(IDLE_LIMIT)
        .http2_keep_alive_interval(Duration::from_secs(10))
        .http2_keep_alive_timeout(Duration::from_secs(3))
        .build()
}

//! `[http]`: where we listen, and how the world sees us.

use std::net::SocketAddr;

use ipnet::IpNet;
use url::Url;

use super::check::{self, A_URL};
use super::reader::{Read, Reader};

const AN_ADDRESS: &str = "write an address and a port, as in 127.0.0.1:8080";

/// Where we listen, and how the world sees us.
#[derive(Debug, Clone)]
pub struct Http {
    /// Address and port to bind; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The address under which browsers and applications reach us.
    pub public_url: Url,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Worker threads; 0 takes one a core.
    pub workers: usize,
}

/// Reads the section.
pub(super) fn read(r: &mut Reader<'_>) -> Read<Http> {
    let listen = r.checked("http.listen", check::socket, AN_ADDRESS);
    let listen = r.needed("http.listen", AN_ADDRESS, listen);
    let public_url = r.checked("http.public_url", check::base_url, A_URL);
    let trusted_proxies = r.list("http.trusted_proxies", check::network, "write 10.0.0.1 or 10.0.0.0/8");
    let workers = r.number("http.workers", 0..=1024);
    let listen = listen?;
    let public_url = match public_url? {
        Some(url) => url,
        None => check::local_url(listen).map_err(|wrong| r.fault("http.listen", wrong, AN_ADDRESS))?,
    };
    Ok(Http {
        listen,
        public_url,
        trusted_proxies: trusted_proxies?,
        workers: workers?,
    })
}

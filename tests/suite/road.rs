//! The road between the service and a server: it can be closed, fall silent, or be cut and mended.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

/// What a traveller meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Nobody listens, and whoever was on the road is reset: the server's process has ended.
    Closed,
    /// Connections come about and bytes are taken, and that is all: a server that hangs, a network that drops.
    Silent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rule {
    state: State,
    /// Travellers of a former age are stuck for good: the server has forgotten them without a word.
    age: u32,
}

/// A TCP road to one server. It ends when this is dropped.
pub(crate) struct Road {
    address: SocketAddr,
    rule: watch::Sender<Rule>,
    _keeper: AbortOnDropHandle<()>,
}

impl Road {
    /// Builds an open road to the server of `url`; answers the URL that leads over it, too.
    pub(crate) async fn to(url: &str) -> (Self, String) {
        let mut url = Url::parse(url).expect("a URL");
        let server = (url.host_str().expect("a host").to_owned(), url.port().expect("a port"));
        let listener = listener().await;
        let address = listener.local_addr().expect("an address");
        let (rule, watched) = watch::channel(Rule {
            state: State::Open,
            age: 0,
        });
        let keeper = tokio::spawn(keep(listener, address, server, watched));
        url.set_ip_host(address.ip()).expect("a host");
        url.set_port(Some(address.port())).expect("a port");
        let road = Self {
            address,
            rule,
            _keeper: AbortOnDropHandle::new(keeper),
        };
        (road, url.into())
    }

    /// The server's process ends: connections are reset, new ones refused.
    pub(crate) async fn close(&self) {
        self.be(State::Closed);
        while TcpStream::connect(self.address).await.is_ok() {
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// The server hangs: nothing is refused and nothing answered.
    pub(crate) fn fall_silent(&self) {
        self.be(State::Silent);
    }

    /// The server is back, and what was held up arrives.
    pub(crate) fn open(&self) {
        self.be(State::Open);
    }

    /// The server is back, but knows nothing of the connections of before, which stay silent.
    pub(crate) fn open_for_new_travellers(&self) {
        self.rule.send_modify(|rule| {
            rule.state = State::Open;
            rule.age += 1;
        });
    }

    /// Every connection is reset; the next ones come about.
    pub(crate) async fn cut(&self) {
        self.close().await;
        self.open();
    }

    fn be(&self, state: State) {
        self.rule.send_modify(|rule| rule.state = state);
    }
}

/// A port that no outgoing connection takes while nobody listens there.
async fn listener() -> TcpListener {
    loop {
        let port = rand::random_range(20_000..32_000);
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await {
            return listener;
        }
    }
}

async fn keep(listener: TcpListener, address: SocketAddr, server: (String, u16), mut rule: watch::Receiver<Rule>) {
    let mut listener = Some(listener);
    loop {
        let now = *rule.borrow_and_update();
        if now.state == State::Closed {
            listener = None;
            if rule.changed().await.is_err() {
                return;
            }
            continue;
        }
        let Some(open) = &listener else {
            match TcpListener::bind(address).await {
                Ok(open) => listener = Some(open),
                Err(_) => sleep(Duration::from_millis(20)).await,
            }
            continue;
        };
        tokio::select! {
            accepted = open.accept() => {
                if let Ok((traveller, _)) = accepted {
                    tokio::spawn(carry(traveller, server.clone(), rule.clone(), now.age));
                }
            }
            changed = rule.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}

async fn carry(near: TcpStream, server: (String, u16), mut rule: watch::Receiver<Rule>, age: u32) {
    // A closed road resets: with nothing sent, the end of a socket would look like a polite goodbye.
    let _ = near.set_zero_linger();
    if passable(&mut rule.clone(), age).await.is_err() {
        return;
    }
    let Ok(far) = TcpStream::connect(server).await else {
        return;
    };
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    tokio::select! {
        () = pass_on(near_in, far_out, rule.clone(), age) => {}
        () = pass_on(far_in, near_out, rule.clone(), age) => {}
        _ = rule.wait_for(|rule| rule.state == State::Closed) => {}
    }
}

/// Passes bytes on, but while the road is silent holds them.
async fn pass_on(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut rule: watch::Receiver<Rule>, age: u32) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let passed = passable(&mut rule, age).await.is_ok() && to.write_all(&bytes[..count]).await.is_ok();
        if !passed {
            return;
        }
    }
}

/// Waits until the road lets travellers of this age through.
async fn passable(rule: &mut watch::Receiver<Rule>, age: u32) -> Result<(), watch::error::RecvError> {
    rule.wait_for(|rule| rule.state == State::Open && rule.age == age)
        .await
        .map(drop)
}

//! The load: raw HTTP/1.1 over connections that stay open, so that asking costs less than answering.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// No answer that is asked for here takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request as it goes over the wire.
pub(crate) type Request = Arc<[u8]>;

/// A GET, with a bearer token where one is given.
pub(crate) fn get(path: &str, bearer: Option<&str>) -> Request {
    let bearer = bearer.map_or_else(String::new, |token| format!("authorization: Bearer {token}\r\n"));
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{bearer}\r\n")
        .into_bytes()
        .into()
}

/// A POST of JSON.
pub(crate) fn post(path: &str, body: &serde_json::Value) -> Request {
    let body = body.to_string();
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
        .into_bytes()
        .into()
}

/// One connection, on which one request goes out at a time.
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// What stands above the body of an answer.
pub(crate) struct Head {
    status: u16,
    /// Names in lower case, with values.
    pub(crate) headers: Vec<(String, String)>,
    /// Where the body begins, and where it ends.
    body: std::ops::Range<usize>,
}

impl Head {
    /// None while the head is not complete. With `all` the headers are kept.
    fn read(bytes: &[u8], all: bool) -> anyhow::Result<Option<Self>> {
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut parsed = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(begins) = parsed.parse(bytes).context("no HTTP answer")? else {
            return Ok(None);
        };
        let mut length = 0;
        let mut headers = Vec::new();
        for field in parsed.headers.iter() {
            if field.name.eq_ignore_ascii_case("content-length") {
                length = std::str::from_utf8(field.value)?.parse()?;
            }
            if all {
                let value = String::from_utf8_lossy(field.value).into_owned();
                headers.push((field.name.to_ascii_lowercase(), value));
            }
        }
        Ok(Some(Self {
            status: parsed.code.unwrap_or_default(),
            headers,
            body: begins..begins + length,
        }))
    }
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(to: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            received: Vec::with_capacity(8 * 1024),
        })
    }

    /// Sends a request and waits for the body of its answer, which must be a success.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<&[u8]> {
        let head = self.answer(request, false).await?;
        Ok(self.received.get(head.body).unwrap_or_default())
    }

    /// The same, with the headers of the answer.
    pub(crate) async fn sample(&mut self, request: &[u8]) -> anyhow::Result<(Head, &[u8])> {
        let head = self.answer(request, true).await?;
        let body = self.received.get(head.body.clone()).unwrap_or_default();
        Ok((head, body))
    }

    async fn answer(&mut self, request: &[u8], all: bool) -> anyhow::Result<Head> {
        self.received.clear();
        self.stream.write_all(request).await?;
        let head = loop {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                bail!("the connection was closed in place of an answer");
            }
            match Head::read(&self.received, all)? {
                Some(head) if head.body.end <= self.received.len() => break head,
                _ => {}
            }
        };
        if !(200..300).contains(&head.status) {
            let body = self.received.get(head.body).unwrap_or_default();
            bail!("HTTP {}: {}", head.status, String::from_utf8_lossy(body));
        }
        Ok(head)
    }
}

async fn open(to: SocketAddr, connections: usize) -> anyhow::Result<Vec<Connection>> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(Connection::open(to).await?);
    }
    Ok(open)
}

/// Sends one request again and again over some connections; answers how many a second were answered.
pub(crate) async fn repeat(
    to: SocketAddr,
    request: &Request,
    connections: usize,
    time: Duration,
) -> anyhow::Result<f64> {
    let open = open(to, connections).await?;
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for mut connection in open {
        let request = Arc::clone(request);
        tasks.spawn(async move {
            let mut answers = 0_u32;
            while began.elapsed() < time {
                connection.exchange(&request).await?;
                answers += 1;
            }
            anyhow::Ok(answers)
        });
    }
    let mut answers = 0;
    while let Some(done) = tasks.join_next().await {
        answers += done??;
    }
    Ok(f64::from(answers) / began.elapsed().as_secs_f64())
}

/// What became of some errands.
pub(crate) struct Run<T> {
    /// From the first request to the last answer.
    pub(crate) took: Duration,
    /// How long each errand took.
    pub(crate) times: Vec<Duration>,
    /// What was kept of the last answer of each.
    pub(crate) kept: Vec<T>,
    /// Why others failed.
    pub(crate) failures: Vec<String>,
}

impl<T> Run<T> {
    /// Itself, if nothing failed.
    pub(crate) fn faultless(self) -> anyhow::Result<Self> {
        match self.failures.first() {
            None => Ok(self),
            Some(first) => bail!("{} requests failed; the first: {first}", self.failures.len()),
        }
    }

    /// The time within which the given part of the errands were done.
    pub(crate) fn within(&self, part: f64) -> Duration {
        let mut times = self.times.clone();
        times.sort_unstable();
        let last = times.len().saturating_sub(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place in a list of some thousands"
        )]
        let place = (last as f64 * part).round() as usize;
        times.get(place).copied().unwrap_or_default()
    }
}

/// Does each errand once: its requests one after another on one connection, with as many errands at once as there are
/// connections. These begin evenly over `spread`, since people do not press a button in step.
pub(crate) async fn each<T: Send + 'static>(
    to: SocketAddr,
    errands: Vec<Vec<Request>>,
    connections: usize,
    spread: Duration,
    keep: fn(&[u8]) -> T,
) -> anyhow::Result<Run<T>> {
    let open = open(to, connections).await?;
    let errands = Arc::new(Mutex::new(errands.into_iter()));
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for (number, mut connection) in (0_u32..).zip(open) {
        let errands = Arc::clone(&errands);
        let late = spread * number / u32::try_from(connections.max(1))?;
        tasks.spawn(async move {
            tokio::time::sleep(late).await;
            let mut done = Vec::new();
            loop {
                let Some(errand) = errands.lock().unwrap_or_else(PoisonError::into_inner).next() else {
                    return (done, None);
                };
                let since = Instant::now();
                match tokio::time::timeout(PATIENCE, run(&mut connection, &errand, keep)).await {
                    Ok(Ok(kept)) => done.push((since.elapsed(), kept)),
                    Ok(Err(cause)) => return (done, Some(format!("{cause:#}"))),
                    Err(_) => return (done, Some(format!("no answer within {PATIENCE:?}"))),
                }
            }
        });
    }
    let (mut times, mut kept, mut failures) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(done) = tasks.join_next().await {
        let (done, failure) = done?;
        for (time, one) in done {
            times.push(time);
            kept.push(one);
        }
        failures.extend(failure);
    }
    Ok(Run {
        took: began.elapsed(),
        times,
        kept,
        failures,
    })
}

async fn run<T>(connection: &mut Connection, errand: &[Request], keep: fn(&[u8]) -> T) -> anyhow::Result<T> {
    let (last, before) = errand.split_last().context("an errand without a request")?;
    for request in before {
        connection.exchange(request).await?;
    }
    connection.exchange(last).await.map(keep)
}

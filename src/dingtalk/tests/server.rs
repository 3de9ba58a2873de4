//! A platform of a few lines: counts what it is asked, answers what it is told to, and breaks connections.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;
use url::Url;

/// What the platform does about a request.
#[derive(Clone)]
pub(super) enum Reply {
    /// Answers, after a while.
    Answer(u16, String, Duration),
    /// Reads the request to its end and hangs up.
    HangUp,
    /// Never answers.
    Silence,
}

impl Reply {
    pub(super) fn json(status: u16, body: String) -> Self {
        Self::Answer(status, body, Duration::ZERO)
    }

    pub(super) fn after(self, pause: Duration) -> Self {
        match self {
            Self::Answer(status, body, _) => Self::Answer(status, body, pause),
            other => other,
        }
    }
}

/// A request as it came: path, the token wherever it was, and the body.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) token: Option<String>,
    pub(super) body: String,
}

type Script = Arc<dyn Fn(&Asked, usize) -> Reply + Send + Sync>;

/// The platform; gone when dropped.
pub(super) struct Platform {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    _task: AbortOnDropHandle<()>,
}

impl Platform {
    /// `script` is told the request and how many came to that path before it.
    pub(super) async fn start(script: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (log, script) = (Arc::clone(&asked), Arc::new(script) as Script);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, Arc::clone(&log), Arc::clone(&script)));
            }
        });
        Self {
            port,
            asked,
            _task: AbortOnDropHandle::new(task),
        }
    }

    pub(super) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://127.0.0.1:{}{path}", self.port)).unwrap()
    }

    pub(super) fn asked(&self, path: &str) -> Vec<Asked> {
        self.asked
            .lock()
            .unwrap()
            .iter()
            .filter(|asked| asked.path.ends_with(path))
            .cloned()
            .collect()
    }

    pub(super) fn count(&self, path: &str) -> usize {
        self.asked(path).len()
    }
}

async fn serve(stream: TcpStream, log: Arc<Mutex<Vec<Asked>>>, script: Script) {
    let mut stream = BufReader::new(stream);
    while let Some(asked) = read(&mut stream).await {
        let before = {
            let mut log = log.lock().unwrap();
            let before = log.iter().filter(|earlier| earlier.path == asked.path).count();
            log.push(asked.clone());
            before
        };
        match script(&asked, before) {
            Reply::Answer(status, body, pause) => {
                tokio::time::sleep(pause).await;
                let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
                if stream
                    .write_all(&[head.as_bytes(), body.as_bytes()].concat())
                    .await
                    .is_err()
                {
                    return;
                }
            }
            Reply::HangUp => return,
            Reply::Silence => std::future::pending().await,
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut first = String::new();
    if stream.read_line(&mut first).await.ok()? == 0 {
        return None;
    }
    let target = first.split(' ').nth(1)?.to_owned();
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let url = Url::parse("http://x").unwrap().join(&target).unwrap();
    let in_query = url
        .query_pairs()
        .find(|(name, _)| name == "access_token")
        .map(|(_, value)| value.into_owned());
    Some(Asked {
        path: url.path().to_owned(),
        token: in_query.or_else(|| headers.get("x-acs-dingtalk-access-token").cloned()),
        body: String::from_utf8(body).unwrap(),
    })
}

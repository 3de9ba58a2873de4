//! An application's own server, which hears of logouts.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

/// Within this time an application hears of it, on a busy machine.
pub(super) const HEARD_WITHIN: Duration = Duration::from_secs(20);

/// An application's own server, which hears logout tokens and answers what it is told to.
pub(super) struct Hearing {
    pub(super) url: String,
    status: Arc<Mutex<u16>>,
    heard: Arc<Mutex<Vec<String>>>,
    _server: AbortOnDropHandle<()>,
}

impl Hearing {
    /// Starts it; it answers `status` until told otherwise.
    pub(super) async fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/hear", listener.local_addr().expect("an address"));
        let (status, heard) = (Arc::new(Mutex::new(status)), Arc::new(Mutex::new(Vec::new())));
        let (answers, kept) = (Arc::clone(&status), Arc::clone(&heard));
        let server = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                let mut bytes = [0; 4096];
                let body = loop {
                    let Ok(count @ 1..) = stream.read(&mut bytes).await else {
                        break None;
                    };
                    request.extend_from_slice(&bytes[..count]);
                    if let Some(body) = body_of(&request) {
                        break Some(body);
                    }
                };
                let Some(body) = body else { continue };
                let status = *answers.lock().expect("the answer");
                kept.lock().expect("what was heard").push(body);
                let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self {
            url,
            status,
            heard,
            _server: AbortOnDropHandle::new(server),
        }
    }

    /// What it answers from now on.
    pub(super) fn answer(&self, status: u16) {
        *self.status.lock().expect("the answer") = status;
    }

    /// The bodies that were posted to it.
    pub(super) fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("what was heard").clone()
    }

    /// Waits until it has heard so often.
    pub(super) async fn has_heard(&self, times: usize) {
        let began = Instant::now();
        while self.heard().len() < times {
            assert!(began.elapsed() < HEARD_WITHIN, "heard {} times", self.heard().len());
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// The logout token that was posted last.
    pub(super) fn token(&self) -> String {
        let heard = self.heard();
        let form = heard.last().expect("something heard");
        form.strip_prefix("logout_token=").expect("a logout token").to_owned()
    }
}

/// The body of a request, once all of it has come.
fn body_of(request: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(request);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let head = head.to_ascii_lowercase();
    assert!(
        head.contains("content-type: application/x-www-form-urlencoded"),
        "{head}"
    );
    let length = head
        .split("content-length: ")
        .nth(1)?
        .split("\r\n")
        .next()?
        .parse::<usize>()
        .ok()?;
    (body.len() == length).then(|| body.to_owned())
}

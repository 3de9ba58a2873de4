//! A Redis of our own that dies and comes back.

use std::process::{Child, Command, Stdio};

use super::*;

/// Dies with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn started(port: u16) -> Option<Server> {
    Command::new("redis-server")
        .args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ])
        .stdout(Stdio::null())
        .spawn()
        .ok()
        .map(Server)
}

async fn answers(cache: &Cache) {
    for _ in 0..100 {
        if cache.ping().await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the server did not come up");
}

#[tokio::test]
async fn a_restart_of_redis_is_survived_and_subscribers_are_told_of_the_gap() {
    if redis_url().is_none() {
        skipped("TEST_CACHE_URL names no Redis");
        return;
    }
    let port = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    let cache = opened(&format!("redis://127.0.0.1:{port}"), Clock::default()).await;
    let mut early = cache.subscribe("news").await.unwrap();
    let Some(server) = started(port) else {
        skipped("there is no redis-server on this machine");
        return;
    };
    answers(&cache).await;
    assert_eq!(early.next().await, Some(Message::Gap), "it came late, and says so");
    let mut late = cache.subscribe("news").await.unwrap();
    cache.publish("news", b"one").await.unwrap();
    assert_eq!(early.next().await, Some(Message::Data(b"one".to_vec())));
    assert_eq!(
        late.next().await,
        Some(Message::Data(b"one".to_vec())),
        "it came in time: no gap"
    );
    cache.count("scripts", LONG).await.unwrap();

    drop(server);
    let _server = started(port).unwrap();
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    cache
        .set("after", b"x", LONG)
        .await
        .expect("the first call after a restart is repeated");
    assert_eq!(early.next().await, Some(Message::Gap));
    assert_eq!(late.next().await, Some(Message::Gap));
    cache.publish("news", b"two").await.unwrap();
    assert_eq!(early.next().await, Some(Message::Data(b"two".to_vec())));
    assert_eq!(late.next().await, Some(Message::Data(b"two".to_vec())));
    assert_eq!(
        cache.count("scripts", LONG).await,
        Ok(1),
        "the new server is taught the script again"
    );
}

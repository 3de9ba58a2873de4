//! The command that runs the simulated DingTalk alone.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

const BINARY: &str = env!("CARGO_BIN_EXE_dingtalk-sso");

/// Starts the command; answers its address, too, and what it writes after the line that names it.
async fn started(mut simulate: Command) -> (Child, String, Lines<BufReader<ChildStdout>>) {
    let mut running = simulate
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary");
    let mut lines = BufReader::new(running.stdout.take().expect("its output")).lines();
    let first = lines.next_line().await.expect("text").expect("a line");
    let url = first.split_whitespace().find_map(|word| word.strip_prefix("http://"));
    let url = format!("http://{}", url.expect("an address").trim_end_matches(';'));
    (running, url, lines)
}

#[tokio::test]
async fn simulate_takes_credentials_and_ends_on_sigterm() {
    let mut simulate = Command::new(BINARY);
    simulate
        .args([
            "simulate",
            "--listen",
            "127.0.0.1:0",
            "--people",
            "20",
            "--corp-id",
            "dingmine",
        ])
        .args(["--app-key", "dingkey", "--app-secret", "mine", "--agent-id", "7"])
        .args(["--redirect-uri", "https://sso.example"]);
    let (mut running, url, mut lines) = started(simulate).await;
    let settings = lines.next_line().await.expect("text").expect("a line");
    assert!(
        settings.contains("SSO_DINGTALK__CORP_ID=dingmine SSO_DINGTALK__APP_KEY=dingkey"),
        "{settings}"
    );

    let token = reqwest::get(format!("{url}/gettoken?appkey=dingkey&appsecret=mine")).await;
    let token: serde_json::Value = token.expect("an answer").json().await.expect("JSON");
    assert_eq!(token["errcode"], 0, "{token}");
    let page = format!("{url}/oauth2/auth?client_id=dingkey&response_type=code&scope=openid&prompt=consent");
    for (redirect_uri, status) in [("https://sso.example/back", 200), ("https://other.example/back", 400)] {
        let page = reqwest::get(format!("{page}&redirect_uri={redirect_uri}"))
            .await
            .expect("a page");
        assert_eq!(page.status(), status, "{redirect_uri}");
    }

    let process = running.id().expect("it runs").to_string();
    let told = Command::new("kill").args(["-TERM", &process]).status().await;
    assert!(told.expect("kill").success());
    let ended = timeout(Duration::from_secs(5), running.wait()).await.expect("it ends");
    assert!(ended.expect("a status").success());
}

#[tokio::test]
async fn a_program_that_is_started_with_few_files_serves_more_connections_all_the_same() {
    let mut few = Command::new("sh");
    few.args([
        "-c",
        "ulimit -Sn 64 && exec \"$0\" simulate --listen 127.0.0.1:0",
        BINARY,
    ]);
    let (_running, url, _lines) = started(few).await;
    let address = url.trim_start_matches("http://");
    let mut held = Vec::new();
    for _ in 0..100 {
        held.push(TcpStream::connect(address).await.expect("a connection"));
    }
    let asked = timeout(Duration::from_secs(10), reqwest::get(format!("{url}/_/calls"))).await;
    assert_eq!(asked.expect("in time").expect("an answer").status(), 200);
}

//! The command that runs the simulated DingTalk alone.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

#[tokio::test]
async fn simulate_takes_credentials_and_ends_on_sigterm() {
    let mut running = Command::new(env!("CARGO_BIN_EXE_dingtalk-sso"))
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
        .args(["--redirect-uri", "https://sso.example"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary");
    let mut lines = BufReader::new(running.stdout.take().expect("its output")).lines();
    let first = lines.next_line().await.expect("text").expect("a line");
    let url = first.split_whitespace().find_map(|word| word.strip_prefix("http://"));
    let url = format!("http://{}", url.expect("an address").trim_end_matches(';'));
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

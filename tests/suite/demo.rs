//! The command `demo` as somebody sees it who runs it for the first time.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::process;

/// How long a debug build may take to start or to give up.
const LIMIT: Duration = Duration::from_mins(1);

fn demo(listen: SocketAddr, temporary: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dingtalk-sso"));
    command
        .args(["demo", "--listen", &listen.to_string()])
        .env("TMPDIR", temporary)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

fn free_address() -> SocketAddr {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    free.local_addr().expect("its address")
}

/// What a demo prints once it can be used.
async fn first_screen(running: &mut Child) -> Vec<String> {
    let mut lines = BufReader::new(running.stdout.take().expect("its output")).lines();
    let mut screen = Vec::new();
    while !screen.iter().any(|line: &String| line.contains("Ctrl-C")) {
        let next = tokio::time::timeout(LIMIT, lines.next_line()).await.expect("in time");
        screen.push(next.expect("text").expect("more of it"));
    }
    screen
}

fn left_in(folder: &Path) -> usize {
    folder.read_dir().expect("a folder").count()
}

#[tokio::test]
async fn the_first_screen_of_the_demo_says_what_to_open() {
    let listen = free_address();
    let temporary = TempDir::new().expect("a folder");
    let mut running = demo(listen, temporary.path()).spawn().expect("the binary runs");
    let screen = first_screen(&mut running).await;
    assert!(screen.len() <= 10, "{screen:#?}");
    assert!(
        screen
            .iter()
            .any(|line| line.contains(&format!("Open this page       http://{listen}/"))),
        "{screen:#?}"
    );
}

#[tokio::test]
async fn a_client_that_is_added_beside_a_running_demo_works_at_once() {
    let listen = free_address();
    let folder = TempDir::new().expect("a folder");
    let mut command = demo(listen, folder.path());
    let mut running = command
        .arg("--data")
        .arg(folder.path())
        .spawn()
        .expect("the binary runs");
    let screen = first_screen(&mut running).await;
    let issuer = format!("OpenID issuer        http://{listen}");
    assert!(screen.iter().any(|line| line.ends_with(&issuer)), "{screen:#?}");
    let settings = folder.path().join("dingtalk-sso.toml");
    let settings = settings.to_str().expect("text");
    let hint = format!("dingtalk-sso --config {settings} client add ");
    assert!(screen.iter().any(|line| line.contains(&hint)), "{screen:#?}");

    let words = ["--config", settings, "client", "add", "nightly", "--json"];
    let added = process::run(&words, &[]).await;
    assert_eq!(added.exit, Some(0), "{}", added.stderr);
    let added: Value = serde_json::from_str(&added.stdout).expect("JSON");
    #[expect(clippy::disallowed_methods, reason = "this client is the user's, not the service's")]
    let client = reqwest::Client::new();
    let request = client
        .post(format!("http://{listen}/oauth2/token"))
        .basic_auth("nightly", added["clientSecret"].as_str())
        .form(&[("grant_type", "client_credentials")]);
    assert_eq!(request.send().await.expect("an answer").status(), 200);
}

#[cfg(unix)]
#[tokio::test]
async fn the_settings_of_a_demo_are_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = TempDir::new().expect("a folder");
    let mut command = demo(free_address(), folder.path());
    let mut running = command
        .arg("--data")
        .arg(folder.path())
        .spawn()
        .expect("the binary runs");
    first_screen(&mut running).await;
    let settings = folder.path().join("dingtalk-sso.toml").metadata().expect("the file");
    assert_eq!(settings.permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_taken_port_is_told_with_what_to_do_and_nothing_stays_behind() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let listen = taken.local_addr().expect("its address");
    let temporary = TempDir::new().expect("a folder");
    let ended = tokio::time::timeout(LIMIT, demo(listen, temporary.path()).output());
    let output = ended.await.expect("in time").expect("the binary runs");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        format!(
            "failed: another program listens at {listen}; end it, or name a free port, as in: demo --listen 127.0.0.1:8765\n"
        )
    );
    assert_eq!(left_in(temporary.path()), 0);
}

//! The command `demo` as somebody sees it who runs it for the first time.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

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

fn left_in(folder: &Path) -> usize {
    folder.read_dir().expect("a folder").count()
}

#[tokio::test]
async fn the_first_screen_of_the_demo_says_what_to_open() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let listen = free.local_addr().expect("its address");
    drop(free);
    let temporary = TempDir::new().expect("a folder");
    let mut running = demo(listen, temporary.path()).spawn().expect("the binary runs");
    let mut lines = BufReader::new(running.stdout.take().expect("its output")).lines();
    let mut screen = Vec::new();
    while !screen.iter().any(|line: &String| line.contains("Ctrl-C")) {
        let next = tokio::time::timeout(LIMIT, lines.next_line()).await.expect("in time");
        screen.push(next.expect("text").expect("more of it"));
    }
    assert!(screen.len() <= 10, "{screen:#?}");
    assert!(
        screen
            .iter()
            .any(|line| line.contains(&format!("Open this page       http://{listen}/"))),
        "{screen:#?}"
    );
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

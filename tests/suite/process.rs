//! The binary as a process of its own, as an administrator runs it.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// The longest that a start is waited for, on a machine that is busy with other tests.
const START_LIMIT: Duration = Duration::from_mins(1);

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) exit: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The binary with these settings and no others.
fn binary(arguments: &[&str], env: &[(String, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dingtalk-sso"));
    command
        .args(arguments)
        .env_clear()
        .envs(env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Runs a command to its end.
pub(crate) async fn run(arguments: &[&str], env: &[(String, String)]) -> Output {
    let output = binary(arguments, env).output().await.expect("the binary");
    Output {
        exit: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Starts a command, which ends with its handle.
pub(crate) fn spawn(arguments: &[&str], env: &[(String, String)]) -> Child {
    binary(arguments, env).spawn().expect("the binary")
}

/// `serve`, running.
pub(crate) struct Process {
    pub(crate) address: SocketAddr,
    child: tokio::sync::Mutex<Child>,
    log: Arc<Mutex<String>>,
}

impl Process {
    /// Starts `serve` and waits until it listens.
    pub(crate) async fn serve(env: &[(String, String)]) -> Self {
        let mut command = binary(&["serve"], env);
        command
            .env("SSO_LOG__FORMAT", "json")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary");
        let log = Arc::new(Mutex::new(String::new()));
        let (listens, mut address) = mpsc::channel(1);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        tokio::spawn(follow(stdout.expect("its output"), Arc::clone(&log), listens.clone()));
        tokio::spawn(follow(stderr.expect("its complaints"), Arc::clone(&log), listens));
        let address = timeout(START_LIMIT, address.recv()).await.ok().flatten();
        let told = log.lock().expect("the log").clone();
        Self {
            address: address.unwrap_or_else(|| panic!("it does not start: {told}")),
            child: tokio::sync::Mutex::new(child),
            log,
        }
    }

    /// Ends it as a power cut does, and waits until it is gone.
    pub(crate) async fn kill(&self) {
        self.child.lock().await.kill().await.expect("a process to kill");
    }

    /// Everything that it has written so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("the log").clone()
    }
}

/// Keeps what the process writes, and tells the address once a line names it.
async fn follow(output: impl AsyncRead + Unpin, log: Arc<Mutex<String>>, listens: mpsc::Sender<SocketAddr>) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let event: Value = serde_json::from_str(&line).unwrap_or(Value::Null);
        if event["message"] == "serving"
            && let Some(address) = event["address"].as_str().and_then(|address| address.parse().ok())
        {
            let _ = listens.try_send(address);
        }
        let mut log = log.lock().expect("the log");
        log.push_str(&line);
        log.push('\n');
    }
}

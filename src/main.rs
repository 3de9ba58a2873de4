//! The binary: parse, run, exit.

use std::process::ExitCode;

use dingtalk_sso::cli;

#[tokio::main]
async fn main() -> ExitCode {
    cli::run().await
}

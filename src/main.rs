//! The binary: parse, run, exit.

use std::process::ExitCode;

use dingtalk_sso::cli;
use mimalloc::MiMalloc;

/// A request is many short-lived pieces of memory: this one hands them out faster than most systems' own.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    cli::run().await
}

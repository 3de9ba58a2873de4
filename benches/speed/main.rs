//! How fast the service is, as ratios to a bare actix-web handler that answers the same bytes in the same run.
//!
//! The service has one core to itself; the load, the simulated platform and the database server share the others. It
//! fails when a request does, and never for being slow: the targets stand beside the numbers.

mod added;
mod bare;
mod company;
mod load;
mod logins;
mod platform;
mod process;
mod rates;
mod reads;
mod report;
mod service;
mod starts;
mod sync;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use tempfile::TempDir;

use platform::Platform;
use process::Cores;
use report::Report;
use service::Service;

/// Connections that ask at once where a rate is measured.
const ASKING: usize = 64;

/// People of the company at which all but its sync is measured.
const PEOPLE: u32 = 300;

/// What each of a login's two platform calls takes where the time that we add is measured.
const PLATFORM_CALL: Duration = Duration::from_millis(50);

/// Measures the speed of the service.
#[derive(Debug, Parser)]
struct Options {
    /// A database server to measure logins on too; tables are made in this database and stay there.
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// A short run: the same measurements, less steady.
    #[arg(long)]
    quick: bool,
    /// Measure this alone; may be given several times.
    #[arg(long, value_enum, value_name = "PART")]
    only: Vec<Part>,
    /// Print JSON in place of the table.
    #[arg(long)]
    json: bool,
    /// The binary to measure.
    #[arg(long, value_name = "FILE", default_value = env!("CARGO_BIN_EXE_dingtalk-sso"))]
    binary: PathBuf,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Starts, and memory at rest.
    Starts,
    /// What is answered from memory.
    Reads,
    /// Logins a second.
    Logins,
    /// The time that a login adds to the platform's.
    Added,
    /// Full syncs of a big company, and what one adds to the time of a login.
    Sync,
}

impl Options {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves sample answers: the bare handler that a run starts for itself.
    #[command(hide = true)]
    Bare {
        /// Where to listen.
        listen: SocketAddr,
        /// The answers.
        samples: PathBuf,
    },
    /// Makes the calls of a full sync.
    #[command(hide = true)]
    Calls {
        /// Where the platform is.
        at: SocketAddr,
        /// An access token of the micro-app.
        token: String,
    },
}

/// How much of everything.
struct Amounts {
    starts: u32,
    /// Rounds of a sync.
    rounds: u32,
    /// Rounds of what is compared with the bare handler: many short ones, so that both of a pair meet the same mood of the
    /// machine.
    short_rounds: u32,
    short_round: Duration,
    /// Logins in one such round.
    logins: usize,
    /// Logins one after another at each place where the time that we add is measured.
    times: usize,
    /// Of the company that is synced.
    people: u32,
}

/// All that takes part in a run.
struct Bench {
    options: Options,
    amounts: Amounts,
    cores: Cores,
    /// On a disk, as the database of a deployment is: a `/tmp` may be memory.
    folder: TempDir,
    platform: Platform,
    report: Report,
    /// What is told at the end, so that the numbers are seen all the same.
    failed: Option<anyhow::Error>,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    match &options.command {
        Some(Command::Bare { listen, samples }) => return bare::serve(*listen, samples),
        Some(Command::Calls { at, token }) => return company::ask_for_everything(*at, token),
        None => {}
    }
    let cores = Cores::split();
    cores.step_aside()?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(run(options, cores))
}

async fn run(options: Options, cores: Cores) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new()
        .prefix("speed")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let mut bench = Bench {
        amounts: Amounts::of(options.quick),
        platform: Platform::start(
            &options.binary,
            PEOPLE,
            cores.others(),
            &folder.path().join("platform.log"),
        )
        .await?,
        options,
        cores,
        folder,
        report: Report::default(),
        failed: None,
    };
    let service = bench.starts().await?;
    bench.warm_up(&service).await?;
    let bare = bench.bare(&service).await?;
    if bench.options.wants(Part::Reads) {
        bench.reads(&service, &bare).await?;
    }
    if bench.options.wants(Part::Logins) {
        bench.logins("SQLite, synchronous=FULL", &service, &bare).await?;
        if let Some(url) = bench.options.postgres.clone() {
            let service = bench.service(&url).await?;
            service.know_everybody(&bench.platform).await?;
            bench.logins("PostgreSQL", &service, &bare).await?;
        }
    }
    // Last, because the platform is slow from then on.
    if bench.options.wants(Part::Added) {
        bench.added(&service).await?;
    }
    if bench.options.wants(Part::Sync) {
        drop(service);
        bench.sync().await?;
    }
    bench.report.print(bench.options.json)?;
    bench.failed.map_or(Ok(()), Err)
}

impl Amounts {
    fn of(quick: bool) -> Self {
        if quick {
            Self {
                starts: 2,
                rounds: 1,
                short_rounds: 2,
                short_round: Duration::from_millis(300),
                logins: 2_000,
                times: 8,
                people: 5_000,
            }
        } else {
            Self {
                starts: 5,
                rounds: 3,
                short_rounds: 25,
                short_round: Duration::from_millis(300),
                logins: 2_000,
                times: 30,
                people: 100_000,
            }
        }
    }
}

impl Bench {
    async fn service(&self, database: &str) -> anyhow::Result<Service> {
        let core = self.cores.measured();
        let log = self.folder.path().join("service.log");
        Service::start(&self.options.binary, &self.platform, database, &[], core, &log).await
    }
}

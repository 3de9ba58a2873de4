//! How fast the service is, as ratios to a bare actix-web handler that answers the same bytes in the same run.
//!
//! The service has one core to itself; the load, the simulated platform and the database server share the others. It
//! fails when a request does, and never for being slow: the targets stand beside the numbers.

mod bare;
mod load;
mod platform;
mod process;
mod report;
mod service;
mod sync;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand, ValueEnum};
use tempfile::TempDir;

use bare::Sample;
use load::{Connection, Request};
use platform::Platform;
use process::{Cores, Process};
use report::{Report, Target, Unit};
use service::Service;

/// Connections that ask at once where a rate is measured.
const ASKING: usize = 64;

/// People of the company at which all but its sync is measured.
const PEOPLE: u32 = 300;

/// Logins at once where their rate is measured: more share a commit.
const SIGNING_IN: usize = 128;

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
    /// What a full sync adds to the time of a login.
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
}

/// How much of everything.
struct Amounts {
    starts: u32,
    rounds: u32,
    round: Duration,
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
    if let Some(Command::Bare { listen, samples }) = &options.command {
        return bare::serve(*listen, samples);
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
                round: Duration::from_millis(500),
                logins: 2_000,
                times: 8,
                people: 5_000,
            }
        } else {
            Self {
                starts: 5,
                rounds: 3,
                round: Duration::from_millis(1_500),
                logins: 8_000,
                times: 30,
                people: 100_000,
            }
        }
    }
}

/// A bare handler that runs.
struct Bare {
    at: SocketAddr,
    token: String,
    _process: Process,
}

impl Bench {
    async fn service(&self, database: &str) -> anyhow::Result<Service> {
        let core = self.cores.measured();
        let log = self.folder.path().join("service.log");
        Service::start(&self.options.binary, &self.platform, database, &[], core, &log).await
    }

    /// Starts the service several times over new databases, and over one that was there; the last one goes on.
    async fn starts(&mut self) -> anyhow::Result<Service> {
        let (mut fresh, mut existing) = (Vec::new(), Vec::new());
        let mut number = 0;
        let service = loop {
            number += 1;
            let database = format!("sqlite://{}", self.folder.path().join(format!("{number}.db")).display());
            fresh.push(self.service(&database).await?.first_answer);
            let again = self.service(&database).await?;
            existing.push(again.first_answer);
            if number >= self.amounts.starts || !self.options.wants(Part::Starts) {
                break again;
            }
        };
        if !self.options.wants(Part::Starts) {
            return Ok(service);
        }
        for (what, mut times) in [("existing", existing), ("new", fresh)] {
            times.sort_unstable();
            let ms = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1e3);
            self.report.add(
                format!("start to first answer, {what} database"),
                (ms(times.get(times.len() / 2)), Unit::Milliseconds),
                Some(Target::AtMost(200.0)),
                vec![("slowest", ms(times.last())), ("starts", f64::from(number))],
            );
        }
        Ok(service)
    }

    /// Lets everybody sign in and do some of everything; then the service rests, and its memory is looked at.
    async fn warm_up(&mut self, service: &Service) -> anyhow::Result<()> {
        let started = service.process.resident_mb();
        service.know_everybody(&self.platform).await?;
        let token = service.access_token(&self.platform).await?;
        for request in [load::get("/v1/me", Some(&token)), service::signed_config()] {
            load::repeat(service.at, &request, 16, Duration::from_millis(200)).await?;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        if let (Some(warm), Some(started), true) =
            (service.process.resident_mb(), started, self.options.wants(Part::Starts))
        {
            self.report.add(
                "memory, idle after warm-up",
                (warm, Unit::Megabytes),
                Some(Target::AtMost(25.0)),
                vec![("just started", started)],
            );
        }
        Ok(())
    }

    /// Starts the bare handler with answers that the service gives.
    async fn bare(&self, service: &Service) -> anyhow::Result<Bare> {
        let token = service.access_token(&self.platform).await?;
        let codes = self.platform.auth_codes(1).await?;
        let requests = [
            ("/v1/login", service::login(codes.first().context("no auth code")?)),
            ("/v1/jsapi/config", service::signed_config()),
            ("/v1/me", load::get("/v1/me", Some(&token))),
        ];
        let mut samples = Vec::new();
        let mut connection = Connection::open(service.at).await?;
        for (path, request) in requests {
            let (head, body) = connection.sample(&request).await?;
            let by_the_server = ["date", "content-length", "connection"];
            let headers = head
                .headers
                .into_iter()
                .filter(|(name, _)| !by_the_server.contains(&name.as_str()));
            samples.push(Sample {
                path: path.to_owned(),
                posted: request.starts_with(b"POST"),
                headers: headers.collect(),
                body: std::str::from_utf8(body)?.to_owned(),
            });
        }
        let file = self.folder.path().join("samples.json");
        std::fs::write(&file, serde_json::to_vec(&samples)?)?;
        let (at, this) = (process::free_address()?, std::env::current_exe()?);
        let (listen, file) = (at.to_string(), file.display().to_string());
        let log = self.folder.path().join("bare.log");
        let mut process = Process::start(&this, &["bare", &listen, &file], &[], self.cores.measured(), &log)?;
        process
            .until_it_answers(at, "/v1/me")
            .await
            .context("the bare handler")?;
        Ok(Bare {
            at,
            token,
            _process: process,
        })
    }

    /// What is answered from memory, against the bare handler in turns, so that a change of the machine's mood meets both.
    async fn reads(&mut self, service: &Service, bare: &Bare) -> anyhow::Result<()> {
        let reads: [(&str, Request, f64); 2] = [
            ("POST /v1/jsapi/config", service::signed_config(), 70.0),
            ("GET /v1/me, known token", load::get("/v1/me", Some(&bare.token)), 60.0),
        ];
        for (what, request, least) in reads {
            let mut rates = Rates::default();
            for _ in 0..self.amounts.rounds {
                rates
                    .bare
                    .push(load::repeat(bare.at, &request, ASKING, self.amounts.round).await?);
                let before = service.process.processor_s();
                rates
                    .service
                    .push(load::repeat(service.at, &request, ASKING, self.amounts.round).await?);
                rates.used(before, &service.process, self.amounts.round);
            }
            self.report.add(
                what,
                (rates.percent(), Unit::PercentOfBare),
                Some(Target::AtLeast(least)),
                rates.behind(),
            );
        }
        Ok(())
    }

    /// Logins of people known before, with a platform that answers at once.
    async fn logins(&mut self, on: &str, service: &Service, bare: &Bare) -> anyhow::Result<()> {
        let mut rates = Rates::default();
        for _ in 0..self.amounts.rounds {
            let request = service::login("a code that nobody looks at, 32 long");
            rates
                .bare
                .push(load::repeat(bare.at, &request, ASKING, self.amounts.round).await?);
            let before = service.process.processor_s();
            let run = service
                .log_in(&self.platform, self.amounts.logins, SIGNING_IN, Duration::ZERO)
                .await?;
            rates.used(before, &service.process, run.took);
            rates
                .service
                .push(f64::from(u32::try_from(run.times.len())?) / run.took.as_secs_f64());
        }
        self.report.add(
            format!("POST /v1/login, {on}"),
            (rates.percent(), Unit::PercentOfBare),
            Some(Target::AtLeast(5.0)),
            rates.behind(),
        );
        Ok(())
    }

    /// What a login takes longer than the two platform calls in it, and a thousand at once.
    async fn added(&mut self, service: &Service) -> anyhow::Result<()> {
        self.platform.delay(PLATFORM_CALL).await?;
        let spread = PLATFORM_CALL * 2;
        for at_once in [1, 50, 200] {
            let count = self.amounts.times * at_once;
            let bare = self.platform.bare_calls(count, at_once, spread).await?;
            let run = service.log_in(&self.platform, count, at_once, spread).await?;
            let ours = [run.within(0.5), run.within(0.99)].map(|time| time.as_secs_f64() * 1e3);
            let [bare_median, bare_p99] = bare;
            let [median, p99] = ours;
            let target = (at_once == 200).then_some(Target::AtMost(3.0));
            self.report.add(
                format!("login over 2 x 50 ms, {at_once} at once: added"),
                (median - bare_median, Unit::Milliseconds),
                target,
                vec![("p99", p99 - bare_p99), ("login", median), ("bare calls", bare_median)],
            );
        }
        let run = service
            .try_to_log_in(&self.platform, 1_000, 1_000, Duration::ZERO)
            .await?;
        self.report.add(
            "1,000 logins at once: errors",
            (f64::from(u32::try_from(run.failures.len())?), Unit::Count),
            Some(Target::AtMost(0.0)),
            vec![("ms until the last answer", run.took.as_secs_f64() * 1e3)],
        );
        self.failed = run.faultless().err();
        Ok(())
    }
}

/// Answers a second, round by round.
#[derive(Default)]
struct Rates {
    service: Vec<f64>,
    bare: Vec<f64>,
    /// How much of its core the service used: well below the whole, and something else was the bottleneck.
    busy: Vec<f64>,
}

impl Rates {
    /// Notes the processor time used since `before` in a round that took `time`.
    fn used(&mut self, before: Option<f64>, process: &Process, time: Duration) {
        if let (Some(before), Some(now)) = (before, process.processor_s()) {
            self.busy.push((now - before) / time.as_secs_f64() * 100.0);
        }
    }

    /// The service's rate in hundredths of the bare handler's: the median of the rounds.
    fn percent(&self) -> f64 {
        median(
            self.service
                .iter()
                .zip(&self.bare)
                .map(|(service, bare)| service / bare * 100.0),
        )
    }

    fn behind(&self) -> Vec<(&'static str, f64)> {
        let mut behind = vec![
            ("a second", median(self.service.iter().copied())),
            ("bare", median(self.bare.iter().copied())),
        ];
        if !self.busy.is_empty() {
            behind.push(("% of the core used", median(self.busy.iter().copied())));
        }
        behind
    }
}

fn median(of: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = of.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

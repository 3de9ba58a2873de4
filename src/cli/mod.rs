//! The commands of the one binary, and their exit codes: 0 done, 1 failed, 2 wrong usage or settings.

mod callback;
mod client;
mod demo;
mod doctor;
mod employee;
mod key;
mod migrate;
mod output;
mod role;
mod serve;
mod simulate;
mod sync;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::fault::Faults;
use crate::config::{Purpose, Settings};
use crate::database::Database;
use crate::error::Error;
use crate::openapi;
use output::{complain, say};

/// How many files, and so connections, are asked of the system: as many as it lets a program have, up to this.
const OPEN_FILES: u64 = 65_536;

/// Single sign-on for a company's DingTalk micro-apps.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// A TOML file with settings; the environment (`SSO_…`) comes over it.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The whole product in one process, with a simulated company and nothing to set up.
    Demo(demo::Demo),
    /// The real thing, from its settings.
    Serve(serve::Serve),
    /// The simulated DingTalk alone, for other people's tests.
    Simulate(simulate::Simulate),
    /// The schema: what is applied, apply, take back.
    Migrate(migrate::Migrate),
    /// Reads the settings and names every fault at once.
    CheckConfig,
    /// Asks the real platform, database and cache what is wrong, and says what to do.
    Doctor(doctor::Doctor),
    /// Brings the directory in line with DingTalk, or shows what earlier syncs did.
    Sync(sync::Sync),
    /// An employee: show, disable, enable, sign out.
    Employee(employee::Employee),
    /// Roles and who holds them.
    Role(role::Role),
    /// The business applications that trust our tokens.
    Client(client::Client),
    /// The keys that sign our tokens.
    Key(key::Key),
    /// Where DingTalk posts events to, by its old registration API, and what it could not deliver.
    Callback(callback::Callback),
    /// Prints the OpenAPI document.
    Openapi,
}

/// Why a command ended badly.
enum Failure {
    /// Exit code 2.
    Settings(Faults),
    /// Exit code 2: the settings, whose faults were told already, and perhaps more.
    SettingsTold(anyhow::Error),
    /// Exit code 1.
    Failed(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(cause: E) -> Self {
        Self::Failed(cause.into())
    }
}

/// Runs what the command line asks for.
pub async fn run() -> ExitCode {
    let cli = Cli::parse();
    // Shells and container engines give 1,024 at first, for the sake of programs that know no better. With no more to be
    // had everything works, for fewer at once.
    let _ = rlimit::increase_nofile_limit(OPEN_FILES);
    let config = cli.config.as_deref();
    let outcome = match cli.command {
        Command::Demo(demo) => demo.run(config).await,
        Command::Serve(serve) => serve.run(config).await,
        Command::Simulate(simulate) => simulate.run().await,
        Command::Migrate(migrate) => migrate.run(config).await,
        Command::CheckConfig => settings(config, Purpose::Serve).map(|_| say("The settings are in order.")),
        Command::Doctor(doctor) => doctor.run(config).await,
        Command::Sync(sync) => Box::pin(sync.run(config)).await,
        Command::Employee(employee) => employee.run(config).await,
        Command::Role(role) => role.run(config).await,
        Command::Client(client) => client.run(config).await,
        Command::Key(key) => key.run(config).await,
        Command::Callback(callback) => callback.run(config).await,
        Command::Openapi => openapi::document().to_pretty_json().map(say).map_err(Failure::from),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Settings(faults)) => {
            complain(faults);
            ExitCode::from(2)
        }
        Err(Failure::SettingsTold(summary)) => {
            complain(format!("failed: {summary:#}"));
            ExitCode::from(2)
        }
        Err(Failure::Failed(cause)) => {
            complain(format!("failed: {cause:#}"));
            match cause.downcast_ref() {
                // What was asked for cannot be, however things stand.
                Some(Error::InvalidRequest(_)) => ExitCode::from(2),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

/// The database for a command, with the schema that this program needs.
async fn database(settings: &Settings) -> anyhow::Result<Database> {
    let database = Database::open(&settings.database).await?;
    database.expect_schema().await?;
    Ok(database)
}

fn settings(file: Option<&Path>, purpose: Purpose) -> Result<Settings, Failure> {
    Settings::load(file, purpose).map_err(Failure::Settings)
}

//! Logins beside a full sync: what they take while the service reads and writes a big company, and what at rest.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::load::Connection;
use crate::platform::Platform;
use crate::rates::median;
use crate::report::{Target, Unit};
use crate::service::{self, Service};
use crate::{Bench, PLATFORM_CALL};

/// What the service writes into its log at the end of a full sync.
const SYNCED: &str = "the directory is in line with DingTalk";

/// People who sign in, each of whom is known before it is measured.
const SIGNING_IN: usize = 4;

/// Auth codes that are asked for at once.
const CODES: usize = 64;

/// No sync of a run takes longer.
const PATIENCE: Duration = Duration::from_mins(10);

/// One round.
struct Round {
    /// The medians of logins during the sync and after it, in milliseconds.
    during: f64,
    at_rest: f64,
    /// How long the sync took.
    sync: Duration,
    logins: usize,
}

impl Bench {
    /// What a full sync adds to the time of a login: in each round over a new database, the logins of one person after
    /// another from the start of the sync to its end, and as many at rest.
    pub(super) async fn sync(&mut self) -> anyhow::Result<()> {
        let people = self.amounts.people;
        let platform = Platform::start(
            &self.options.binary,
            people,
            self.cores.others(),
            &self.folder.path().join("big-platform.log"),
        )
        .await?;
        self.company(&platform).await?;
        // Last, because the platform is slow from then on.
        for call in [Duration::ZERO, PLATFORM_CALL] {
            if !call.is_zero() {
                platform.delay(call).await?;
            }
            let mut rounds = Vec::new();
            for _ in 0..self.amounts.rounds {
                rounds.push(self.sync_round(&platform).await?);
            }
            let slower = |round: &Round| (round.during / round.at_rest - 1.0) * 100.0;
            let of = |value: fn(&Round) -> f64| median(rounds.iter().map(value));
            self.report.add(
                format!(
                    "login during a full sync of {people}, over 2 x {} ms: slower by",
                    call.as_millis()
                ),
                (median(rounds.iter().map(slower)), Unit::Percent),
                Some(Target::AtMost(100.0 / 3.0)),
                vec![
                    ("ms during it", of(|round| round.during)),
                    ("at rest", of(|round| round.at_rest)),
                    ("s of sync", of(|round| round.sync.as_secs_f64())),
                    (
                        "logins",
                        of(|round| f64::from(u32::try_from(round.logins).unwrap_or(u32::MAX))),
                    ),
                ],
            );
        }
        Ok(())
    }

    async fn sync_round(&self, platform: &Platform) -> anyhow::Result<Round> {
        let database = tempfile::Builder::new().suffix(".db").tempfile_in(self.folder.path())?;
        let url = format!("sqlite://{}", database.path().display());
        let log = tempfile::Builder::new()
            .suffix(".log")
            .tempfile_in(self.folder.path())?;
        let settings = [
            ("DIRECTORY__SYNC_EVERY_S", "86400"),
            // The platform's own limit does not hold here: the calls follow one another as fast as they are answered.
            ("DIRECTORY__CALLS_PER_SECOND", "10000"),
        ];
        let core = self.cores.measured();
        let began = Instant::now();
        let service = Service::start(&self.options.binary, platform, &url, &settings, core, log.path()).await?;
        let mut person = Person::at(&service, platform).await?;
        for _ in 0..SIGNING_IN {
            person.log_in().await?;
        }
        let mut during = Vec::new();
        while !service.process.written().contains(SYNCED) {
            if began.elapsed() > PATIENCE {
                bail!("the sync does not end\n{}", service.process.last_words());
            }
            during.push(person.log_in().await?);
        }
        let sync = began.elapsed();
        let mut at_rest = Vec::new();
        for _ in 0..during.len() {
            at_rest.push(person.log_in().await?);
        }
        Ok(Round {
            logins: during.len(),
            during: median(during.into_iter()),
            at_rest: median(at_rest.into_iter()),
            sync,
        })
    }
}

/// One who signs in again and again, under the names of a few.
struct Person<'a> {
    platform: &'a Platform,
    connection: Connection,
    codes: Vec<String>,
}

impl<'a> Person<'a> {
    async fn at(service: &Service, platform: &'a Platform) -> anyhow::Result<Self> {
        Ok(Self {
            platform,
            connection: Connection::open(service.at).await?,
            codes: Vec::new(),
        })
    }

    /// Signs in; answers how many milliseconds that took.
    async fn log_in(&mut self) -> anyhow::Result<f64> {
        if self.codes.is_empty() {
            self.codes = self.platform.auth_codes_of(SIGNING_IN, CODES).await?;
        }
        let code = self.codes.pop().context("no auth code")?;
        let since = Instant::now();
        self.connection.exchange(&service::login(&code)).await?;
        Ok(since.elapsed().as_secs_f64() * 1e3)
    }
}

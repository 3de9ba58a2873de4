//! A full sync of a big company: how long it takes beside the same calls made for themselves, and with how much memory.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Deserialize;
use serde_json::json;

use crate::Bench;
use crate::load::{self, Connection};
use crate::platform::{Platform, read};
use crate::process::{Ended, Process};
use crate::rates::median;
use crate::report::{Target, Unit};

/// As many calls are under way at once as of a sync.
const AT_ONCE: usize = 16;

/// Members on a page, as many as the platform gives.
const PAGE: u32 = 100;

/// A department, as the simulator lists it.
#[derive(Deserialize)]
struct Department {
    dept_id: i64,
}

/// What the platform answers with to a call for members, as far as it leads on.
#[derive(Deserialize)]
struct Members {
    result: Page,
}

#[derive(Deserialize)]
struct Page {
    has_more: bool,
    next_cursor: Option<u64>,
}

/// Reads the whole company and drops it: what is below each department, and each page of its members. Prints how many
/// seconds that took.
pub(crate) fn ask_for_everything(at: SocketAddr, token: &str) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let departments: Vec<Department> = read(at, &load::get("/_/departments", None)).await?;
        let mut shares: Vec<Vec<i64>> = vec![Vec::new(); AT_ONCE];
        for (share, department) in (0..AT_ONCE).cycle().zip(departments) {
            shares.get_mut(share).context("no share")?.push(department.dept_id);
        }
        let began = Instant::now();
        stream::iter(shares)
            .map(|share| ask_for(at, token, share))
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;
        writeln!(std::io::stdout(), "{}", began.elapsed().as_secs_f64()).context("standard output")
    })
}

async fn ask_for(at: SocketAddr, token: &str, departments: Vec<i64>) -> anyhow::Result<()> {
    let mut connection = Connection::open(at).await?;
    let below = format!("/topapi/v2/department/listsub?access_token={token}");
    let members = format!("/topapi/v2/user/list?access_token={token}");
    for id in departments {
        connection
            .exchange(&load::post(&below, &json!({"dept_id": id})))
            .await?;
        let mut next = Some(0);
        while let Some(cursor) = next {
            let call = load::post(&members, &json!({"dept_id": id, "cursor": cursor, "size": PAGE}));
            let Members { result: page } = serde_json::from_slice(connection.exchange(&call).await?)?;
            next = page.next_cursor.filter(|_| page.has_more);
        }
    }
    Ok(())
}

/// One round.
struct Round {
    calls: f64,
    first: Ended,
    second: Ended,
}

impl Bench {
    /// In each round the calls alone, a sync of a new database, and one that finds nothing to change. All of them may use
    /// every core.
    pub(super) async fn company(&mut self, platform: &Platform) -> anyhow::Result<()> {
        let mut rounds = Vec::new();
        for _ in 0..self.amounts.rounds {
            rounds.push(self.company_round(platform).await?);
        }
        self.tell_of("first", &rounds, |round| &round.first);
        self.tell_of("second", &rounds, |round| &round.second);
        Ok(())
    }

    fn tell_of(&mut self, what: &str, rounds: &[Round], sync: fn(&Round) -> &Ended) {
        let people = self.amounts.people;
        let calls = median(rounds.iter().map(|round| round.calls));
        let took = median(rounds.iter().map(|round| sync(round).took.as_secs_f64()));
        self.report.add(
            format!("{what} sync of {people}, to its calls alone"),
            (took / calls, Unit::Times),
            Some(Target::AtMost(2.0)),
            vec![("s of sync", took), ("of calls", calls)],
        );
        let peaks: Vec<f64> = rounds.iter().filter_map(|round| sync(round).peak_mb).collect();
        if !peaks.is_empty() {
            self.report.add(
                format!("{what} sync of {people}, memory at the most"),
                (median(peaks.into_iter()), Unit::Megabytes),
                Some(Target::AtMost(60.0)),
                Vec::new(),
            );
        }
    }

    async fn company_round(&self, platform: &Platform) -> anyhow::Result<Round> {
        let folder = tempfile::tempdir_in(self.folder.path())?;
        let at = platform.at.to_string();
        let token = platform.app_access_token().await?;
        let calls = folder.path().join("calls.log");
        let this = std::env::current_exe()?;
        self.run(&this, &["calls", &at, &token], &[], &calls).await?;
        let calls = std::fs::read_to_string(&calls)?.trim().parse()?;
        let own = [
            ("DATABASE__URL", format!("sqlite://{}/sso.db", folder.path().display())),
            ("HTTP__PUBLIC_URL", "https://sso.example".to_owned()),
            // The platform's own limit does not hold here: the calls follow one another as fast as they are answered.
            ("DIRECTORY__CALLS_PER_SECOND", "100000".to_owned()),
        ];
        let own = own.map(|(name, value)| (format!("SSO_{name}"), value));
        let settings: Vec<_> = platform.settings.iter().cloned().chain(own).collect();
        let log = folder.path().join("sync.log");
        let binary = &self.options.binary;
        self.run(binary, &["migrate", "up"], &settings, &log).await?;
        Ok(Round {
            calls,
            first: self.run(binary, &["sync"], &settings, &log).await?,
            second: self.run(binary, &["sync"], &settings, &log).await?,
        })
    }

    async fn run(
        &self,
        program: &Path,
        arguments: &[&str],
        settings: &[(String, String)],
        log: &Path,
    ) -> anyhow::Result<Ended> {
        let cores = self.cores.all();
        let mut process = Process::start(program, arguments, settings, cores.as_deref(), log)?;
        process.until_it_ends().await
    }
}

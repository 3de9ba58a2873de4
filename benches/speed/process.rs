//! The programs that a run starts: each on its cores, with a log of its own, ended with the run.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::load::{self, Connection};

/// How long a program may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How often a program that starts is asked.
const ASK_EVERY: Duration = Duration::from_millis(1);

/// Clock ticks a second in `/proc`, the same on every Linux in use.
const TICKS: u32 = 100;

/// Who runs where: the one that is measured on one core, whoever asks on the others.
#[derive(Debug, Clone)]
pub(crate) struct Cores(Option<(String, String)>);

impl Cores {
    /// None are given out where there is one core alone, or no Linux with `taskset`.
    pub(crate) fn split() -> Self {
        let allowed = allowed();
        let has_taskset = Command::new("taskset").arg("--version").output().is_ok();
        Self(match allowed.split_first() {
            Some((first, others)) if !others.is_empty() && has_taskset => {
                let others: Vec<String> = others.iter().map(u32::to_string).collect();
                Some((first.to_string(), others.join(",")))
            }
            _ => None,
        })
    }

    /// The core of the one that is measured.
    pub(crate) fn measured(&self) -> Option<&str> {
        self.0.as_ref().map(|(measured, _)| measured.as_str())
    }

    /// The other cores.
    pub(crate) fn others(&self) -> Option<&str> {
        self.0.as_ref().map(|(_, others)| others.as_str())
    }

    /// All of them.
    pub(crate) fn all(&self) -> Option<String> {
        let (measured, others) = self.0.as_ref()?;
        Some(format!("{measured},{others}"))
    }

    /// Keeps this program off the core of the one that is measured; for before its first thread.
    pub(crate) fn step_aside(&self) -> anyhow::Result<()> {
        let Some(others) = self.others() else { return Ok(()) };
        let this = std::process::id().to_string();
        let done = Command::new("taskset").args(["-cp", others, &this]).output()?;
        if !done.status.success() {
            bail!("taskset: {}", String::from_utf8_lossy(&done.stderr));
        }
        Ok(())
    }
}

/// The cores that this program may use.
fn allowed() -> Vec<u32> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ranges = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    ranges
        .into_iter()
        .flat_map(|ranges| ranges.trim().split(','))
        .filter_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Some(first.parse::<u32>().ok()?..=last.parse::<u32>().ok()?)
        })
        .flatten()
        .collect()
}

/// A loopback address that is free now.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// A program that has done its work.
pub(crate) struct Ended {
    pub(crate) took: Duration,
    /// In megabytes of 10^6 bytes. None where `/proc` does not tell.
    pub(crate) peak_mb: Option<f64>,
}

/// A program that runs.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program on `cores` with nothing but `settings` in its environment; its output goes to `log`.
    pub(crate) fn start(
        program: &Path,
        arguments: &[&str],
        settings: &[(String, String)],
        cores: Option<&str>,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let mut command = match cores {
            Some(cores) => {
                let mut command = Command::new("taskset");
                command.args(["-c", cores]).arg(program);
                command
            }
            None => Command::new(program),
        };
        let output = File::options().create(true).append(true).open(log)?;
        let child = command
            .args(arguments)
            .env_clear()
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("{} cannot be started", program.display()))?;
        Ok(Self {
            child,
            log: log.to_owned(),
        })
    }

    /// Waits until the program answers `path` with a success; tells how long that took.
    pub(crate) async fn until_it_answers(&mut self, at: SocketAddr, path: &str) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let request = load::get(path, None);
        loop {
            let asked = async { Connection::open(at).await?.exchange(&request).await.map(drop) }.await;
            match asked {
                Ok(()) => return Ok(began.elapsed()),
                Err(cause) if began.elapsed() > START_LIMIT => bail!("{cause:#}\n{}", self.last_words()),
                Err(_) => {}
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended with {status}\n{}", self.last_words());
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// Waits until the program has written a whole line that holds `word`; answers the line.
    pub(crate) async fn line_with(&self, word: &str) -> anyhow::Result<String> {
        let began = Instant::now();
        loop {
            let written = self.written();
            let mut whole = written.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            if let Some(line) = whole.find(|line| line.contains(word)) {
                return Ok(line.to_owned());
            }
            if began.elapsed() > START_LIMIT {
                bail!("it does not say {word}\n{}", self.last_words());
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// Waits until the program has done its work; tells how long it ran, and the most memory that it occupied.
    pub(crate) async fn until_it_ends(&mut self) -> anyhow::Result<Ended> {
        let began = Instant::now();
        let mut peak_mb = None;
        loop {
            if let Some(status) = self.child.try_wait()? {
                if !status.success() {
                    bail!("it ended with {status}\n{}", self.last_words());
                }
                let took = began.elapsed();
                return Ok(Ended { took, peak_mb });
            }
            peak_mb = self.memory_mb("VmHWM:").or(peak_mb);
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// What the program has written.
    pub(crate) fn written(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The end of what it has written.
    pub(crate) fn last_words(&self) -> String {
        let written = self.written();
        let lines: Vec<&str> = written.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Memory that the program occupies, in megabytes of 10^6 bytes. None where `/proc` does not tell.
    pub(crate) fn resident_mb(&self) -> Option<f64> {
        self.memory_mb("VmRSS:")
    }

    fn memory_mb(&self, name: &str) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kilobytes: u32 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(f64::from(kilobytes) * 1024.0 / 1e6)
    }

    /// Processor time that the program has used, in seconds. None where `/proc` does not tell.
    pub(crate) fn processor_s(&self) -> Option<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        // The second field is a name in parentheses; user and system time are the 14th and the 15th.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
        let user: u32 = fields.next()?.parse().ok()?;
        let system: u32 = fields.next()?.parse().ok()?;
        Some(f64::from(user + system) / f64::from(TICKS))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It keeps nothing that anybody needs.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

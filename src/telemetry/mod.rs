//! Logs and metrics: how they are written, and where they are read.

mod fields;
mod lines;
mod stamps;

use std::io;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::log::{Log, LogFormat};
use fields::Fields;
use lines::Lines;
use stamps::Stamps;

/// Upper bounds of the classes of a duration, in seconds: from an answer out of memory to a call that timed out.
const CLASSES: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// How often measured durations are counted into their classes; until then each takes 8 bytes.
const UPKEEP: Duration = Duration::from_secs(5);

/// The running log. When it is dropped all lines are written, and each later line is written at once.
#[must_use = "the log is written out when this is dropped"]
pub struct Telemetry {
    lines: Lines,
    background: Option<JoinHandle<()>>,
}

/// Begins to log to standard output. A process that logs already goes on as it does.
pub fn init(settings: &Log) -> Telemetry {
    let lines = Lines::new(io::stdout());
    // The filter was checked when the settings were read.
    let filter = EnvFilter::try_new(&settings.filter).unwrap_or_else(|_fault| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(lines.clone())
        .with_timer(Stamps::default())
        .with_ansi(false);
    let first = match settings.format {
        LogFormat::Text => builder.fmt_fields(Fields).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_span_list(false).try_init(),
    };
    let writer = lines.clone();
    let background = first.ok().and_then(|()| {
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || writer.write_in_background())
            .ok()
    });
    if background.is_none() {
        lines.close();
    }
    Telemetry { lines, background }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.lines.close();
        if let Some(background) = self.background.take() {
            // Had it panicked, its lines would have been written by the call above.
            let _ = background.join();
        }
    }
}

/// Begins to count. None where this process counts already. Names that end in `_seconds` are durations.
#[must_use]
pub fn count() -> Option<PrometheusHandle> {
    let builder = PrometheusBuilder::new();
    let builder = builder
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &CLASSES)
        .ok()?;
    let handle = builder.install_recorder().ok()?;
    let kept = handle.clone();
    let upkeep = move || {
        loop {
            thread::sleep(UPKEEP);
            kept.run_upkeep();
        }
    };
    // For as long as the process runs, like the counters themselves.
    thread::Builder::new().name("metrics".to_owned()).spawn(upkeep).ok()?;
    Some(handle)
}

#[cfg(test)]
mod tests {
    use super::{count, init};
    use crate::config::log::{Log, LogFormat};

    #[test]
    fn a_process_may_begin_to_log_and_to_count_more_than_once() {
        let settings = Log {
            format: LogFormat::Json,
            filter: "off".to_owned(),
        };
        drop(init(&settings));
        drop(init(&settings));

        let metrics = count().expect("nothing else counts in this process");
        assert!(count().is_none());
        metrics::histogram!("telemetry_test_seconds").record(0.003);
        let text = metrics.render();
        assert!(
            text.contains("telemetry_test_seconds_bucket{le=\"0.0025\"} 0\n"),
            "{text}"
        );
        assert!(
            text.contains("telemetry_test_seconds_bucket{le=\"0.005\"} 1\n"),
            "{text}"
        );
        assert!(text.contains("telemetry_test_seconds_bucket{le=\"10\"} 1\n"), "{text}");
    }
}

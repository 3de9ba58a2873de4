//! Logs and metrics: how they are written, and where they are read.

pub mod lines;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};
use lines::Lines;

/// Upper bounds of the time classes of a request, in seconds.
const CLASSES: [f64; 11] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// Begins to log to standard output; what is still unwritten is written when the answered value is dropped. A
/// process that logs already goes on as it does.
#[must_use]
pub fn init(settings: &Log) -> Lines {
    let lines = Lines::start();
    let filter = EnvFilter::try_new(&settings.filter).unwrap_or_else(|_fault| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(lines.clone())
        .with_ansi(false);
    let _ = match settings.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    lines
}

/// Begins to count. None where this process counts already.
#[must_use]
pub fn count() -> Option<PrometheusHandle> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("duration_seconds".to_owned()), &CLASSES)
        .ok()?
        .install_recorder()
        .ok()
}

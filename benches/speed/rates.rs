//! Rates of the service beside those of the bare handler.

use std::time::Duration;

use crate::process::Process;

/// Answers a second, round by round.
#[derive(Default)]
pub(crate) struct Rates {
    pub(crate) service: Vec<f64>,
    pub(crate) bare: Vec<f64>,
    /// How much of its core the service used: well below the whole, and something else was the bottleneck.
    busy: Vec<f64>,
}

impl Rates {
    /// Notes the processor time used since `before` in a round that took `time`.
    pub(crate) fn used(&mut self, before: Option<f64>, process: &Process, time: Duration) {
        if let (Some(before), Some(now)) = (before, process.processor_s()) {
            self.busy.push((now - before) / time.as_secs_f64() * 100.0);
        }
    }

    /// The service's rate in hundredths of the bare handler's: the median of the rounds.
    pub(crate) fn percent(&self) -> f64 {
        median(
            self.service
                .iter()
                .zip(&self.bare)
                .map(|(service, bare)| service / bare * 100.0),
        )
    }

    pub(crate) fn behind(&self) -> Vec<(&'static str, f64)> {
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

/// The value in the middle; 0 for none.
pub(crate) fn median(of: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = of.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

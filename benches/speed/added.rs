//! The time that a login adds to the platform's.

use std::time::Duration;

use crate::report::{Target, Unit};
use crate::service::Service;
use crate::{Bench, PLATFORM_CALL};

impl Bench {
    /// What a login takes longer than the two platform calls in it, and a thousand at once.
    pub(super) async fn added(&mut self, service: &Service) -> anyhow::Result<()> {
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

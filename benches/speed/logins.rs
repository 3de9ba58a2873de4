//! Logins a second.

use std::time::Duration;

use crate::bare::Bare;
use crate::rates::Rates;
use crate::report::{Target, Unit};
use crate::service::{self, Service};
use crate::{ASKING, Bench, load};

/// Logins at once where their rate is measured: more share a commit.
const SIGNING_IN: usize = 128;

impl Bench {
    /// Logins of people known before, with a platform that answers at once.
    pub(super) async fn logins(&mut self, on: &str, service: &Service, bare: &Bare) -> anyhow::Result<()> {
        let mut rates = Rates::default();
        for _ in 0..self.amounts.short_rounds {
            let request = service::login("a code that nobody looks at, 32 long");
            rates
                .bare
                .push(load::repeat(bare.at, &request, ASKING, self.amounts.short_round).await?);
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
}

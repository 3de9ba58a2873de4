//! Starts, and memory at rest.

use std::time::Duration;

use crate::report::{Target, Unit};
use crate::service::{self, Service};
use crate::{Bench, Part, load};

impl Bench {
    /// Starts the service several times over new databases, and over one that was there; the last one goes on.
    pub(super) async fn starts(&mut self) -> anyhow::Result<Service> {
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
    pub(super) async fn warm_up(&mut self, service: &Service) -> anyhow::Result<()> {
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
}

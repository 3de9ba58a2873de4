//! What is answered from memory.

use crate::bare::Bare;
use crate::load::Request;
use crate::rates::Rates;
use crate::report::{Target, Unit};
use crate::service::{self, Service};
use crate::{ASKING, Bench, load};

impl Bench {
    /// What is answered from memory, against the bare handler in turns, so that a change of the machine's mood meets both.
    pub(super) async fn reads(&mut self, service: &Service, bare: &Bare) -> anyhow::Result<()> {
        let reads: [(&str, Request, f64); 2] = [
            ("POST /v1/jsapi/config", service::signed_config(), 70.0),
            ("GET /v1/me, known token", load::get("/v1/me", Some(&bare.token)), 60.0),
        ];
        for (what, request, least) in reads {
            let mut rates = Rates::default();
            for _ in 0..self.amounts.short_rounds {
                rates
                    .bare
                    .push(load::repeat(bare.at, &request, ASKING, self.amounts.short_round).await?);
                let before = service.process.processor_s();
                rates
                    .service
                    .push(load::repeat(service.at, &request, ASKING, self.amounts.short_round).await?);
                rates.used(before, &service.process, self.amounts.short_round);
            }
            self.report.add(
                what,
                (rates.percent(), Unit::PercentOfBare),
                Some(Target::AtLeast(least)),
                rates.behind(),
            );
        }
        Ok(())
    }
}

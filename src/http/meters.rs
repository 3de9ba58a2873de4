//! Counts requests and measures their times.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use actix_web::HttpRequest;
use foldhash::fast::RandomState;
use metrics::{Counter, Histogram};

/// Counts requests and their times, by route. Clones share one set of meters.
///
/// A meter is made once and kept: to make its labels and find it by them costs more than the rest of what is done around
/// a request.
#[derive(Clone, Default)]
pub struct Meters(Arc<RwLock<HashMap<String, Meter, RandomState>>>);

/// The meters of one route.
struct Meter {
    duration: Histogram,
    by_status: HashMap<u16, Counter, RandomState>,
}

impl Meters {
    /// Counts a request that took so long, by the pattern of its route; what has none shares one meter.
    pub(super) fn count(&self, request: &HttpRequest, status: u16, took: Duration) {
        // Most patterns have no parameters: there the path says as much, and nothing need be put together.
        if self.count_known(request.path(), status, took) {
            return;
        }
        let pattern = request.match_pattern();
        let route = pattern.as_deref().unwrap_or("-");
        if self.count_known(route, status, took) {
            return;
        }
        let label = || route.to_owned();
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let meter = known.entry(label()).or_insert_with(|| Meter {
            duration: metrics::histogram!("http_request_duration_seconds", "route" => label()),
            by_status: HashMap::default(),
        });
        meter.by_status.entry(status).or_insert_with(
            || metrics::counter!("http_requests_total", "route" => label(), "status" => status.to_string()),
        );
        drop(known);
        self.count_known(route, status, took);
    }

    /// Counts if there are meters of this route and status.
    fn count_known(&self, route: &str, status: u16, took: Duration) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let Some(meter) = known.get(route) else {
            return false;
        };
        let Some(counter) = meter.by_status.get(&status) else {
            return false;
        };
        counter.increment(1);
        meter.duration.record(took.as_secs_f64());
        true
    }
}

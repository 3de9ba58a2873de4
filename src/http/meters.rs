//! Counts requests and measures their times.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

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
    pub(super) fn count(&self, route: &str, status: u16, took: Duration) {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(meter) = known.get(route)
            && let Some(counter) = meter.by_status.get(&status)
        {
            counter.increment(1);
            meter.duration.record(took.as_secs_f64());
            return;
        }
        drop(known);
        let label = || route.to_owned();
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let meter = known.entry(label()).or_insert_with(|| Meter {
            duration: metrics::histogram!("http_request_duration_seconds", "route" => label()),
            by_status: HashMap::default(),
        });
        let counter = meter.by_status.entry(status).or_insert_with(
            || metrics::counter!("http_requests_total", "route" => label(), "status" => status.to_string()),
        );
        counter.increment(1);
        meter.duration.record(took.as_secs_f64());
    }
}

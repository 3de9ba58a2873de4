//! The time stamps of log lines: a second is written down once, however many lines it has.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use chrono::DateTime;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use crate::clock::Clock;

/// Stamps lines with the present moment, UTC, in milliseconds (RFC 3339).
#[derive(Default)]
pub(super) struct Stamps {
    clock: Clock,
    second: Mutex<Second>,
}

/// The second of the last line.
#[derive(Default)]
struct Second {
    /// Since 1970; none before the first line.
    number: Option<i64>,
    text: String,
}

impl FormatTime for Stamps {
    fn format_time(&self, line: &mut Writer<'_>) -> fmt::Result {
        let now = self.clock.unix_millis();
        let (number, millis) = (now.div_euclid(1000), now.rem_euclid(1000));
        let mut second = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        if second.number != Some(number) {
            let moment = DateTime::from_timestamp(number, 0).unwrap_or_default();
            *second = Second {
                number: Some(number),
                text: moment.format("%Y-%m-%dT%H:%M:%S.").to_string(),
            };
        }
        line.write_str(&second.text)?;
        if millis < 100 {
            line.write_str(if millis < 10 { "00" } else { "0" })?;
        }
        line.write_str(itoa::Buffer::new().format(millis))?;
        line.write_char('Z')
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use tracing_subscriber::fmt::format::Writer;
    use tracing_subscriber::fmt::time::FormatTime as _;

    use super::Stamps;

    fn stamp(stamps: &Stamps) -> DateTime<Utc> {
        let mut text = String::new();
        stamps.format_time(&mut Writer::new(&mut text)).unwrap();
        assert_eq!(text.len(), "2026-11-28T10:09:44.123Z".len());
        DateTime::parse_from_rfc3339(&text).unwrap().to_utc()
    }

    #[test]
    fn a_line_has_the_time_at_which_it_was_written() {
        let stamps = Stamps::default();
        for _ in 0..3 {
            let before = stamps.clock.now();
            for _ in 0..2 {
                let stamp = stamp(&stamps);
                assert!(stamp >= before && stamp <= stamps.clock.now());
            }
            stamps.clock.advance(TimeDelta::milliseconds(700));
        }
    }
}

//! What one check has found, as a line for people and an object for machines.

use std::time::Duration;

use anyhow::anyhow;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

/// The most that one check may take.
pub(super) const LIMIT: Duration = Duration::from_secs(20);
/// Longest text that is passed on; the platform's words have their bound already.
const LONGEST_TEXT: usize = 500;
/// Two clocks further apart than this do not go together: tokens are taken as expired, or as not valid yet.
const MOST_SKEW: TimeDelta = TimeDelta::seconds(60);

/// How a check has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// In order.
    Ok,
    /// Works, but perhaps not as it is meant.
    Warning,
    /// Does not work.
    Failed,
    /// Could not be asked.
    Skipped,
}

/// The outcome of a check.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Finding {
    /// What was asked.
    check: &'static str,
    /// The micro-app that it concerns; none for the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<String>,
    pub(super) state: State,
    /// What is, or what is wrong.
    found: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: &'static str, found: impl AsRef<str>) -> Self {
        Self::new(check, State::Ok, found.as_ref(), None)
    }

    pub(super) fn warning(check: &'static str, found: impl AsRef<str>, advice: impl AsRef<str>) -> Self {
        Self::new(check, State::Warning, found.as_ref(), Some(advice.as_ref()))
    }

    pub(super) fn failed(check: &'static str, found: impl AsRef<str>, advice: impl AsRef<str>) -> Self {
        Self::new(check, State::Failed, found.as_ref(), Some(advice.as_ref()))
    }

    /// A failure that says by itself what to do.
    pub(super) fn fault(check: &'static str, found: impl AsRef<str>) -> Self {
        Self::new(check, State::Failed, found.as_ref(), None)
    }

    /// A check that has to wait until `wanting` is in order.
    pub(super) fn skipped(check: &'static str, wanting: &str) -> Self {
        Self::new(check, State::Skipped, &format!("needs {wanting}"), None)
    }

    /// The clock of `whose`, read between two moments of ours.
    pub(super) fn clock(
        check: &'static str,
        whose: &str,
        theirs: DateTime<Utc>,
        (before, after): (DateTime<Utc>, DateTime<Utc>),
    ) -> Self {
        let ours = before + (after - before) / 2;
        let skew = (theirs - ours).abs();
        if skew <= MOST_SKEW {
            return Self::ok(check, format!("in step with {whose}"));
        }
        let side = if theirs > ours { "behind" } else { "ahead of" };
        Self::warning(
            check,
            format!("this machine is {} s {side} {whose}", skew.num_seconds()),
            "let NTP set both clocks: tokens would end too early or too late elsewhere",
        )
    }

    pub(super) fn of_app(self, app: &str) -> Self {
        Self {
            app: Some(app.to_owned()),
            ..self
        }
    }

    /// What was asked, and of which micro-app.
    pub(super) fn label(&self) -> String {
        match &self.app {
            Some(app) => format!("{} [{app}]", self.check),
            None => self.check.to_owned(),
        }
    }

    /// The line for people, its label filled up to `width`.
    pub(super) fn line(&self, width: usize) -> String {
        let state = match self.state {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Failed => "FAILED",
            State::Skipped => "skipped",
        };
        let mut line = format!("{state:7}  {:width$}  {}", self.label(), self.found);
        if let Some(advice) = &self.advice {
            line.push_str("; ");
            line.push_str(advice);
        }
        line
    }

    fn new(check: &'static str, state: State, found: &str, advice: Option<&str>) -> Self {
        let tidy = |text: &str| text.chars().filter(|c| !c.is_control()).take(LONGEST_TEXT).collect();
        Self {
            check,
            app: None,
            state,
            found: tidy(found),
            advice: advice.map(tidy),
        }
    }
}

/// A failure with its causes, less those that the text before tells already.
pub(super) fn told(failure: &anyhow::Error) -> String {
    failure
        .chain()
        .map(ToString::to_string)
        .fold(String::new(), |told, cause| {
            if told.is_empty() {
                cause
            } else if told.contains(&cause) {
                told
            } else {
                format!("{told}: {cause}")
            }
        })
}

/// Gives a check its time.
pub(super) async fn limited<T, E: Into<anyhow::Error>>(work: impl Future<Output = Result<T, E>>) -> anyhow::Result<T> {
    match tokio::time::timeout(LIMIT, work).await {
        Ok(done) => done.map_err(Into::into),
        Err(_) => Err(anyhow!("no answer within {} s", LIMIT.as_secs())),
    }
}

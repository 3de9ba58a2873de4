//! Random input for a whole service: the runtime that it is served by, and the runner of the cases.

use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::{Builder, Runtime};

/// A runtime of the test's own: a case cannot wait by itself.
pub(super) fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Two hundred cases, of which none is written to a file.
pub(super) fn runner() -> TestRunner {
    TestRunner::new(Config {
        cases: 200,
        failure_persistence: None,
        ..Config::default()
    })
}

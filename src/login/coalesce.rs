//! Doubled calls: the same client posting the same code while the first call runs gets the same answer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};

/// One client with one code: whoever else posts the code asks the platform for itself, and is rejected there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Call {
    /// Where the call comes from.
    pub(crate) address: IpAddr,
    /// What the client says it is.
    pub(crate) user_agent: String,
    /// Digest of app, code and page.
    pub(crate) digest: [u8; 32],
}

/// Calls under way, with the answer that all of their repetitions will get.
pub(super) struct Coalesce<T: Clone>(Mutex<HashMap<Call, Shared<BoxFuture<'static, Option<T>>>>>);

impl<T: Clone> Default for Coalesce<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone + Send + Sync + 'static> Coalesce<T> {
    /// Runs `work`, or waits for the same call that is running: true for whoever began it. The work goes on when its
    /// caller goes away: its code is being spent. None if the work panicked.
    pub(super) async fn run(
        self: &Arc<Self>,
        call: Call,
        work: impl Future<Output = T> + Send + 'static,
    ) -> (Option<T>, bool) {
        let (running, first) = {
            let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(running) = calls.get(&call) {
                (running.clone(), false)
            } else {
                let task = tokio::spawn(work);
                let (all, key) = (Arc::clone(self), call.clone());
                let running = async move {
                    let answer = task.await.ok();
                    all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
                    answer
                };
                let running = running.boxed().shared();
                calls.insert(call, running.clone());
                tokio::spawn(running.clone());
                (running, true)
            }
        };
        (running.await, first)
    }
}

//! Doubled calls: the same client posting the same code while the first call runs gets the same answer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
pub(super) struct Coalesce<T: Clone>(Mutex<Calls<T>>);

type Calls<T> = HashMap<Call, Shared<BoxFuture<'static, Option<T>>>>;

impl<T: Clone> Default for Coalesce<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone + Send + Sync + 'static> Coalesce<T> {
    /// Runs `work`, or waits for the same call that is running: true for whoever began it. The work goes on when its
    /// caller goes away: its code is being spent. None if the work panicked.
    pub(super) async fn run(self: &Arc<Self>, call: Call, work: BoxFuture<'static, T>) -> (Option<T>, bool) {
        let (running, first) = {
            let mut calls = self.lock();
            if let Some(running) = calls.get(&call) {
                (running.clone(), false)
            } else {
                let ends = Ends {
                    all: Arc::clone(self),
                    call: call.clone(),
                };
                let task = tokio::spawn(async move {
                    let _ends = ends;
                    work.await
                });
                let running = task.map(Result::ok).boxed().shared();
                calls.insert(call, running.clone());
                (running, true)
            }
        };
        (running.await, first)
    }

    fn lock(&self) -> MutexGuard<'_, Calls<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Strikes a call off when its work has ended, be it in a panic.
struct Ends<T: Clone + Send + Sync + 'static> {
    all: Arc<Coalesce<T>>,
    call: Call,
}

impl<T: Clone + Send + Sync + 'static> Drop for Ends<T> {
    fn drop(&mut self) {
        self.all.lock().remove(&self.call);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;

    use tokio::sync::oneshot;

    use super::{Call, Coalesce};

    fn call() -> Call {
        Call {
            address: IpAddr::from([192, 0, 2, 1]),
            user_agent: "a browser".to_owned(),
            digest: [7; 32],
        }
    }

    #[tokio::test]
    async fn a_repeated_call_gets_the_answer_of_the_first_even_when_that_caller_has_gone() {
        let calls = Arc::new(Coalesce::default());
        let (answer, asked) = oneshot::channel::<u8>();
        let mut first = Box::pin(calls.run(call(), Box::pin(async { asked.await.unwrap() })));
        assert!(futures_util::poll!(&mut first).is_pending());
        drop(first);
        let mut second = Box::pin(calls.run(call(), Box::pin(async { panic!("it runs already") })));
        assert!(futures_util::poll!(&mut second).is_pending());
        answer.send(1).unwrap();
        assert_eq!(second.await, (Some(1), false));
        assert_eq!(calls.run(call(), Box::pin(async { 2 })).await, (Some(2), true));
    }

    #[tokio::test]
    async fn work_that_panics_leaves_nothing_behind() {
        let calls = Arc::new(Coalesce::<u8>::default());
        assert_eq!(
            calls.run(call(), Box::pin(async { panic!("as a bug would") })).await,
            (None, true)
        );
        assert_eq!(calls.run(call(), Box::pin(async { 2 })).await, (Some(2), true));
    }
}

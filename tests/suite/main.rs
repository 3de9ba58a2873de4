//! What a user sees, on a whole service with a simulated platform and a database of its own.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says why and ends"
)]

mod directory;
mod events;
mod harness;
mod house;
mod login;
mod platform;
mod session;
mod simulator;
mod sync;

//! What a user sees, on a whole service with a simulated platform and a database of its own.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on says why and ends"
)]

mod answer;
mod broken_calls;
mod crash;
mod cross_origin;
mod demo;
mod directory;
mod doctor;
mod document;
mod elsewhere;
mod errors;
mod events;
mod forgetting;
mod harness;
mod house;
mod instances;
mod log;
mod login;
mod openid;
mod outage;
mod overtaken;
mod platform;
mod process;
mod road;
mod session;
mod settings;
mod simulator;
mod store;
mod stored;
mod surroundings;
mod sync;

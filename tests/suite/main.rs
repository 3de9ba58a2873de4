//! What a user sees, on a whole service with a simulated platform and a database of its own.

mod harness;
mod house;
mod login;
mod platform;
mod session;

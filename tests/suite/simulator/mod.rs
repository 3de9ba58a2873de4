//! The simulated DingTalk is as ungenerous as the real one.

mod address_book;
mod browser_login;
mod changes;
mod command;
mod faults;
mod listings;
mod platform;
mod tokens;

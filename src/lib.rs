//! Single sign-on for a company's DingTalk micro-apps, and for everything behind them.
//!
//! A house of rooms: a room uses only rooms on lower floors. The table below is read by the test
//! `house`, together with every `crate::` use in the tree, and an arrow that runs up, sideways or in a
//! circle fails it.
//!
//! | floor | rooms |
//! | --- | --- |
//! | 12 | cli |
//! | 11 | app |
//! | 10 | openapi |
//! | 9 | forward_auth |
//! | 8 | authorize, exchange |
//! | 7 | events, login |
//! | 6 | directory, jsapi |
//! | 5 | dingtalk, health |
//! | 4 | tokens |
//! | 3 | clients |
//! | 2 | cache, database, http, outbound, parameters, telemetry |
//! | 1 | config, simulator |
//! | 0 | clock, error |

pub mod app;
pub mod authorize;
pub mod cache;
pub mod cli;
pub mod clients;
pub mod clock;
pub mod config;
pub mod database;
pub mod dingtalk;
pub mod directory;
pub mod error;
pub mod events;
pub mod exchange;
pub mod forward_auth;
pub mod health;
pub mod http;
pub mod jsapi;
pub mod login;
pub mod openapi;
pub mod outbound;
pub mod parameters;
pub mod simulator;
pub mod telemetry;
pub mod tokens;

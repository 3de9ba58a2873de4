//! The OpenID provider and forward-auth, as applications, browsers and attackers meet them.

mod addresses;
mod application;
mod asking;
mod away;
mod back_channel;
mod binding;
mod browser;
mod codes;
mod doors;
mod forged;
mod forward_auth;
mod hearing;
mod jwt;
mod keys;
mod leaving;
mod logout;
mod moving;
mod random;
mod refresh;
mod requirements;
mod returns;
mod secrets;
mod sign_in;

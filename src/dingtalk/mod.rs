//! The platform's API, one method a call.

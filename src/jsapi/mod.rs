//! Signs a page's URL so that `dd.config` accepts it.

//! A DingTalk in small: the simulated company that demo, tests and benchmarks sign in to.

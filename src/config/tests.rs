//! Settings as an administrator meets them: what holds when nothing is said, what wins, what is refused and how.

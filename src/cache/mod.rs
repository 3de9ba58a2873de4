//! What may be lost: a small store with time-outs, in this process or in Redis.

//! The one clock of the load generator: every stamp and every latency comes from it.

use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Since the first call in this process. (milliseconds)
pub fn now_ms() -> f64 {
    START.elapsed().as_secs_f64() * 1e3
}

/// The wall clock, which relays start from. (milliseconds since 1970)
pub fn epoch_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1e3
}

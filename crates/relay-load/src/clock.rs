//! The one clock of the load generator: every stamp and every latency comes from it.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Since the first call in this process. (milliseconds)
pub fn now_ms() -> f64 {
    START.elapsed().as_secs_f64() * 1e3
}

/// The wall clock, which relays start from. (milliseconds since 1970)
pub fn epoch_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1e3
}

/// The moment at which the wall clock showed `stamp`, a moment ago. (milliseconds)
pub fn when_wall_showed(stamp: Duration) -> f64 {
    // In this order an interruption between the two makes it later, never earlier.
    let age = epoch_ms() - stamp.as_secs_f64() * 1e3;
    now_ms() - age.max(0.0)
}

//! The clock that the virtual cards are on, so that a key press and a sound can be compared.

use protocol::LocalTime;

/// Now, on `CLOCK_MONOTONIC`, as the cards stamp it.
#[cfg(unix)]
pub fn now() -> LocalTime {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    LocalTime::from_nanos(time.tv_sec * 1_000_000_000 + time.tv_nsec)
}

/// Now, since the first call. There are no virtual cards on this system to compare with.
#[cfg(not(unix))]
pub fn now() -> LocalTime {
    use std::sync::OnceLock;
    use std::time::Instant;
    static START: OnceLock<Instant> = OnceLock::new();
    let nanos = START.get_or_init(Instant::now).elapsed().as_nanos();
    LocalTime::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}

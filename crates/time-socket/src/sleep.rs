//! How long this computer has slept.
//!
//! In a suspend the monotonic clock stands still on most systems. Another clock of the system
//! goes on meanwhile: when the distance between the two grows, there was a suspend. A corrected
//! wall clock does not show here.

use std::time::Duration;

/// How long this computer has slept since it was started, up to a constant. None where the clock
/// that programs read goes on in sleep, so that there is nothing to make up for.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn slept_so_far() -> Option<Duration> {
    use rustix::time::{ClockId, clock_gettime};
    // In this order a preemption between the two looks like less sleep, not more.
    let with = duration(clock_gettime(ClockId::Boottime));
    Some(with.saturating_sub(duration(clock_gettime(ClockId::Monotonic))))
}

/// On Apple's systems the clock called monotonic goes on in sleep, and Rust's does not.
#[cfg(target_vendor = "apple")]
pub fn slept_so_far() -> Option<Duration> {
    use std::sync::OnceLock;
    use std::time::Instant;

    use rustix::time::{ClockId, clock_gettime};

    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let with = duration(clock_gettime(ClockId::Monotonic));
    Some(with.saturating_sub(ORIGIN.get_or_init(Instant::now).elapsed()))
}

/// On Windows the clock goes on in sleep.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub fn slept_so_far() -> Option<Duration> {
    None
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn duration(time: rustix::time::Timespec) -> Duration {
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    // Neither is ever negative: both count from the start of the computer.
    Duration::from_secs(seconds.unwrap_or(0)) + Duration::from_nanos(nanos.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_computer_that_is_awake_does_not_sleep() {
        let Some(before) = slept_so_far() else { return };
        for _ in 0..1_000 {
            let now = slept_so_far().expect("it was known a moment ago");
            assert!(now.abs_diff(before) < Duration::from_millis(20), "{before:?}, then {now:?}");
        }
    }
}

//! Notices that the computer slept.
//!
//! In a suspend the monotonic clock stands still on most systems, so that everything known of
//! the swarm's clock is wrong afterwards. Another clock of the system goes on meanwhile: when
//! the distance between the two grows, there was a suspend.

use protocol::time::Span;

/// A shorter sleep than this does no harm that the clock filter does not notice, and the two
/// clocks can not be read at the same instant.
const SHORTEST: Span = Span::from_millis(20);

/// Compares the two clocks, now and then.
#[derive(Debug, Default)]
pub(crate) struct SuspendWatch {
    slept: Option<Span>,
}

impl SuspendWatch {
    /// True once after each suspend.
    pub(crate) fn has_slept(&mut self) -> bool {
        slept_so_far().is_some_and(|slept| self.is_news(slept))
    }

    fn is_news(&mut self, slept: Span) -> bool {
        match self.slept {
            Some(before) if slept - before < SHORTEST => false,
            before => {
                self.slept = Some(slept);
                before.is_some()
            }
        }
    }
}

/// How long this computer has slept since it was started, up to a constant.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn slept_so_far() -> Option<Span> {
    use rustix::time::{ClockId, clock_gettime};
    let span = |clock| {
        let time = clock_gettime(clock);
        Span::from_secs(time.tv_sec) + Span::from_nanos(time.tv_nsec)
    };
    // In this order a preemption between the two looks like less sleep, not more.
    let with = span(ClockId::Boottime);
    Some(with - span(ClockId::Monotonic))
}

/// On Apple's systems the clock called monotonic goes on in sleep, and Rust's does not.
#[cfg(target_vendor = "apple")]
fn slept_so_far() -> Option<Span> {
    use std::sync::OnceLock;
    use std::time::Instant;

    use rustix::time::{ClockId, clock_gettime};

    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let time = clock_gettime(ClockId::Monotonic);
    let with = Span::from_secs(time.tv_sec) + Span::from_nanos(time.tv_nsec);
    let without = ORIGIN.get_or_init(Instant::now).elapsed();
    Some(with - Span::from_nanos(i64::try_from(without.as_nanos()).ok()?))
}

/// On Windows the clock goes on in sleep.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn slept_so_far() -> Option<Span> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_suspend_is_noticed_once_and_nothing_else_is() {
        let mut watch = SuspendWatch::default();
        let found: Vec<bool> = [5_000, 5_000, 5_001, 4_999, 65_000, 65_001, 65_030, 65_030]
            .map(|slept| watch.is_news(Span::from_millis(slept)))
            .to_vec();
        assert_eq!(found, [false, false, false, false, true, false, true, false]);
    }

    #[test]
    fn a_computer_that_is_awake_has_not_slept() {
        let mut watch = SuspendWatch::default();
        assert!((0..1_000).all(|_| !watch.has_slept()));
    }
}

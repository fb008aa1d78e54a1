//! Notices that the computer slept.
//!
//! In a suspend the monotonic clock stands still on most systems, so that everything known of
//! the swarm's clock is wrong afterwards.

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
        let slept = time_socket::slept_so_far();
        slept.is_some_and(|slept| {
            self.is_news(Span::from_nanos(i64::try_from(slept.as_nanos()).unwrap_or(i64::MAX)))
        })
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

//! A token bucket: how much one connection may say.

use protocol::SwarmTime;

use crate::limits::Rate;

/// Counts messages against a [`Rate`].
#[derive(Clone, Debug)]
pub(crate) struct TokenBucket {
    rate: Rate,
    tokens: f64,
    refilled: SwarmTime,
}

impl TokenBucket {
    /// A full bucket.
    pub(crate) fn new(rate: Rate, now: SwarmTime) -> Self {
        Self { rate, tokens: rate.burst, refilled: now }
    }

    /// Takes one message out of the budget; false if none is left.
    pub(crate) fn admits(&mut self, now: SwarmTime) -> bool {
        let elapsed = (now - self.refilled).as_secs_f64().max(0.0);
        self.refilled = self.refilled.max(now);
        self.tokens = (self.tokens + elapsed * self.rate.per_second).min(self.rate.burst);
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use protocol::Span;

    use super::*;

    const TEN_A_SECOND: Rate = Rate { per_second: 10.0, burst: 5.0 };

    #[test]
    fn a_burst_is_admitted_and_one_more_is_not() {
        let now = SwarmTime::from_nanos(0);
        let mut bucket = TokenBucket::new(TEN_A_SECOND, now);
        assert!((0..5).all(|_| bucket.admits(now)));
        assert!(!bucket.admits(now));
    }

    #[test]
    fn a_steady_flow_at_the_rate_is_admitted_for_ever() {
        let mut now = SwarmTime::from_nanos(0);
        let mut bucket = TokenBucket::new(TEN_A_SECOND, now);
        for message in 0..1_000 {
            assert!(bucket.admits(now), "message {message}");
            now += Span::from_millis(100);
        }
    }

    #[test]
    fn a_quiet_hour_earns_one_burst_and_no_more() {
        let mut bucket = TokenBucket::new(TEN_A_SECOND, SwarmTime::from_nanos(0));
        let later = SwarmTime::from_nanos(0) + Span::from_secs(3_600);
        assert_eq!((0..100).filter(|_| bucket.admits(later)).count(), 5);
    }
}

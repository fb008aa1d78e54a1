//! Token buckets: how much one connection, or one sender of datagrams, may ask.

use std::collections::BTreeMap;
use std::ops::Sub;

use protocol::time::Span;
use serde::{Deserialize, Serialize};

/// A budget of messages that refills steadily.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rate {
    /// Refill. (messages per second)
    pub per_second: f64,
    /// What may come at once after a quiet time. (messages)
    pub burst: f64,
}

/// Counts messages against a [`Rate`], by instants of `T`.
#[derive(Clone, Debug)]
pub struct TokenBucket<T> {
    rate: Rate,
    tokens: f64,
    refilled: T,
}

impl<T: Copy + Ord + Sub<Output = Span>> TokenBucket<T> {
    /// A full bucket.
    pub fn new(rate: Rate, now: T) -> Self {
        Self { rate, tokens: rate.burst, refilled: now }
    }

    /// Takes one message out of the budget; false if none is left.
    pub fn admits(&mut self, now: T) -> bool {
        let elapsed = (now - self.refilled).as_secs_f64().max(0.0);
        // Also after a clock that was set back: else nothing would come in until it has caught up.
        self.refilled = now;
        self.tokens = (self.tokens + elapsed * self.rate.per_second).min(self.rate.burst);
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }

    /// True if it would be full at `now`: a fresh one says the same.
    pub fn is_full(&self, now: T) -> bool {
        let elapsed = (now - self.refilled).as_secs_f64();
        self.tokens + elapsed * self.rate.per_second >= self.rate.burst
    }
}

/// A bucket for each of many senders, at most `most` of them at a time.
#[derive(Clone, Debug)]
pub struct TokenBuckets<K, T> {
    rate: Rate,
    most: usize,
    buckets: BTreeMap<K, TokenBucket<T>>,
}

impl<K: Ord, T: Copy + Ord + Sub<Output = Span>> TokenBuckets<K, T> {
    /// No sender yet.
    pub fn new(rate: Rate, most: usize) -> Self {
        Self { rate, most, buckets: BTreeMap::new() }
    }

    /// Takes one message out of a sender's budget; false if none is left, or if there are too
    /// many senders already.
    pub fn admits(&mut self, sender: K, now: T) -> bool {
        if self.buckets.len() >= self.most && !self.buckets.contains_key(&sender) {
            self.buckets.retain(|_, bucket| !bucket.is_full(now));
            if self.buckets.len() >= self.most {
                return false;
            }
        }
        let bucket = self.buckets.entry(sender);
        bucket.or_insert_with(|| TokenBucket::new(self.rate, now)).admits(now)
    }
}

#[cfg(test)]
mod tests {
    use protocol::SwarmTime;

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

    #[test]
    fn a_clock_that_is_set_back_stops_no_refill() {
        let mut bucket = TokenBucket::new(TEN_A_SECOND, SwarmTime::from_nanos(0));
        let earlier = SwarmTime::from_nanos(0) - Span::from_secs(3_600);
        assert_eq!((0..100).filter(|_| bucket.admits(earlier)).count(), 5);
        assert!(bucket.admits(earlier + Span::from_millis(100)));
    }

    #[test]
    fn many_senders_have_a_budget_each_and_only_so_many_are_kept() {
        let now = SwarmTime::from_nanos(0);
        let mut buckets = TokenBuckets::new(TEN_A_SECOND, 3);
        for sender in 0..3 {
            assert!((0..5).all(|_| buckets.admits(sender, now)), "sender {sender}");
            assert!(!buckets.admits(sender, now), "sender {sender}");
        }
        assert!(!buckets.admits(3, now), "one too many");
        let later = now + Span::from_secs(1);
        assert!(buckets.admits(3, later), "the others have been quiet");
        assert!(buckets.buckets.len() <= 3);
    }
}

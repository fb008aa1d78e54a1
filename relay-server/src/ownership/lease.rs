//! How long this relay may act as the owner of its swarms.
//!
//! The lease in Redis counts from the moment at which Redis renewed it; this relay counts from
//! the moment at which it asked, and stops a margin earlier. So whatever the question, the
//! answer or this process was held up by, it stops before anyone else can begin.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Shortest lease. Below it an ordinary pause of a busy machine ends the lease.
const SHORTEST: Duration = Duration::from_millis(600);

/// The times of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeaseTerms {
    ttl: Duration,
}

impl LeaseTerms {
    /// A lease that ends `ttl` after it was renewed last; 600 ms at least.
    pub(crate) fn new(ttl: Duration) -> Self {
        Self { ttl: ttl.max(SHORTEST) }
    }

    /// How long Redis keeps it.
    pub(crate) fn ttl(self) -> Duration {
        self.ttl
    }

    /// How often it is renewed: two renewals may fail before it is lost.
    pub(crate) fn renewal(self) -> Duration {
        self.ttl / 3
    }

    /// How long an answer of Redis is waited for. A renewal that is given up leaves time for
    /// another before the lease is lost.
    pub(crate) fn patience(self) -> Duration {
        self.ttl / 4
    }

    /// How much earlier than Redis this relay stops: 500 ms of the usual three seconds.
    fn margin(self) -> Duration {
        self.ttl / 6
    }
}

/// The moment at which this relay must stop, in time since the computer was started.
#[derive(Debug, Default)]
pub(crate) struct Lease {
    /// Zero if there is no lease. (nanoseconds)
    ends: AtomicU64,
}

impl Lease {
    /// True before the end.
    pub(crate) fn holds_at(&self, now: Duration) -> bool {
        nanos(now) < self.ends.load(Ordering::Acquire)
    }

    /// Redis renewed it when asked at `asked`.
    pub(crate) fn renewed(&self, asked: Duration, terms: LeaseTerms) {
        let ends = nanos(asked + terms.ttl - terms.margin());
        self.ends.fetch_max(ends, Ordering::AcqRel);
    }

    /// It is given up.
    pub(crate) fn end(&self) {
        self.ends.store(0, Ordering::Release);
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: LeaseTerms = LeaseTerms { ttl: Duration::from_secs(3) };

    #[test]
    fn a_lease_counts_from_the_question_and_ends_before_redis_forgets_it() {
        let lease = Lease::default();
        assert!(!lease.holds_at(Duration::ZERO), "nothing was ever renewed");
        // Asked at 10 s; Redis may have done it at any moment from then on.
        lease.renewed(Duration::from_secs(10), TERMS);
        assert!(lease.holds_at(Duration::from_millis(12_499)));
        assert!(!lease.holds_at(Duration::from_millis(12_500)));
    }

    #[test]
    fn an_answer_that_comes_late_does_not_shorten_a_lease() {
        let lease = Lease::default();
        lease.renewed(Duration::from_secs(11), TERMS);
        lease.renewed(Duration::from_secs(10), TERMS);
        assert!(lease.holds_at(Duration::from_millis(13_400)));
        lease.end();
        assert!(!lease.holds_at(Duration::from_secs(1)));
    }

    #[test]
    fn two_renewals_may_fail_before_a_lease_is_lost() {
        for ttl in [0, 600, 1_000, 3_000, 60_000].map(Duration::from_millis) {
            let terms = LeaseTerms::new(ttl);
            let lease = Lease::default();
            lease.renewed(Duration::ZERO, terms);
            let third = terms.renewal() * 2 + terms.patience() / 4;
            assert!(lease.holds_at(third), "{ttl:?}");
        }
    }
}

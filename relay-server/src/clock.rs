//! The relay's clock, which is the swarm's clock.
//!
//! The wall clock is read once, at the start; from then on only the monotonic one counts, so
//! leap seconds and corrections of the wall clock never reach a swarm. This is the only file
//! of the relay that reads a clock; decisions elsewhere take the time as an argument, and
//! tokio's timers only ever end a wait.
//!
//! While a computer sleeps its monotonic clock stands still and the members play on. After
//! that this clock is put forward by the time slept, which the system knows no better than to
//! a fraction of a second, and gets another name, so that members learn it anew.

use std::sync::Arc;
#[cfg(feature = "cluster")]
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use protocol::ids::hex;
use protocol::{Span, SwarmTime};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::info;

use crate::relay::Shared;

/// A shorter sleep than this shows in members' clock filters like a hiccup of the network.
const SHORTEST_SLEEP: Span = Span::from_millis(250);

/// Time between two looks whether the computer slept: answers given before the first look
/// after waking are wrong, and forgotten with the clock's old name.
const SLEEP_CHECK: Duration = Duration::from_millis(500);

/// A clock that starts at the wall clock's time and then follows its own pace.
#[derive(Clone, Debug)]
pub(crate) struct RelayClock(Arc<Clockwork>);

/// How a clock goes.
#[derive(Clone, Debug)]
pub(crate) struct ClockCourse {
    /// At this instant it says [`Self::says`].
    pub(crate) at: Instant,
    /// What it says then.
    pub(crate) says: SwarmTime,
    /// What it gains on the monotonic clock. (seconds per second)
    pub(crate) rate: f64,
    /// What it is called.
    pub(crate) id: Arc<str>,
}

#[derive(Debug)]
struct Clockwork {
    origin: SwarmTime,
    started: Instant,
    /// What the monotonic clock missed while the computer slept, and what was added so that the
    /// relays of a cluster tell the same time. (ns)
    added: AtomicI64,
    /// What it gains on the monotonic clock. (bits of an `f64`, seconds per second)
    rate: AtomicU64,
    id: watch::Sender<Arc<str>>,
}

impl RelayClock {
    /// A new clock with a new name.
    pub(crate) fn start() -> Self {
        // A wall clock before 1970 serves as well as any other: members only need one they share.
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(Arc::new(Clockwork {
            origin: SwarmTime::from_nanos(saturating_nanos(epoch)),
            started: Instant::now(),
            added: AtomicI64::new(0),
            rate: AtomicU64::new(0),
            id: watch::Sender::new(fresh_id()),
        }))
    }

    /// The swarm's time at this moment.
    pub(crate) fn now(&self) -> SwarmTime {
        self.at(Instant::now())
    }

    /// What this clock says, or said, at `instant`.
    pub(crate) fn at(&self, instant: Instant) -> SwarmTime {
        let after = saturating_nanos(instant.saturating_duration_since(self.0.started));
        let before = saturating_nanos(self.0.started.saturating_duration_since(instant));
        let passed = after - before;
        let rate = f64::from_bits(self.0.rate.load(Ordering::Relaxed));
        let gained = (passed as f64 * rate) as i64 + self.0.added.load(Ordering::Relaxed);
        let passed = passed.saturating_add(gained);
        SwarmTime::from_nanos(self.0.origin.as_nanos().saturating_add(passed))
    }

    /// Moves this clock. Once members read it, by so little at a time that they take it for the
    /// pace of a crystal.
    #[cfg(feature = "cluster")]
    pub(crate) fn shift(&self, by: Span) {
        self.0.added.fetch_add(by.as_nanos(), Ordering::Relaxed);
    }

    /// Goes on as a clock that another relay had. Not while anybody reads this one: until both its
    /// parts are changed it says nothing that makes sense.
    pub(crate) fn take(&self, course: &ClockCourse) {
        self.0.rate.store(course.rate.to_bits(), Ordering::Relaxed);
        let off = course.says - self.at(course.at);
        self.0.added.fetch_add(off.as_nanos(), Ordering::Relaxed);
        self.0.id.send_replace(course.id.clone());
    }

    /// How long this clock has been running.
    pub(crate) fn uptime(&self) -> Duration {
        self.0.started.elapsed()
    }

    /// Tells this clock from every other one, an earlier run of the same relay included.
    pub(crate) fn id(&self) -> String {
        self.0.id.borrow().to_string()
    }

    /// Changes when the clock gets another name.
    pub(crate) fn renamings(&self) -> watch::Receiver<Arc<str>> {
        self.0.id.subscribe()
    }

    /// Puts the clock forward by the time slept, and gives it another name.
    pub(crate) fn make_up_for(&self, slept: Span) {
        self.0.added.fetch_add(slept.as_nanos(), Ordering::Relaxed);
        self.0.id.send_replace(fresh_id());
    }
}

/// Time that has passed since some moment, in which the computer's sleep counts: a lease runs
/// out while its holder sleeps.
#[cfg(feature = "cluster")]
pub(crate) fn awake_or_not() -> Duration {
    static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    ORIGIN.elapsed() + time_socket::slept_so_far().unwrap_or_default()
}

/// Notices that the computer slept, until the relay closes.
pub(crate) async fn watch_for_sleep(relay: Arc<Shared>) {
    let mut watch = SleepWatch::default();
    let mut checks = interval(SLEEP_CHECK);
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = relay.closing.cancelled() => return,
            _ = checks.tick() => {}
        }
        // Where the system's clock goes on in sleep there is nothing to make up for.
        let Some(so_far) = time_socket::slept_so_far() else { return };
        if let Some(slept) = watch.slept(Span::from_nanos(saturating_nanos(so_far))) {
            info!(seconds = slept.as_secs_f64(), "this computer slept; its clock has a new name");
            relay.clock.make_up_for(slept);
        }
    }
}

/// Tells sleep from the little by which two readings of two clocks always differ.
#[derive(Debug, Default)]
struct SleepWatch {
    before: Option<Span>,
}

impl SleepWatch {
    /// How long this computer slept since the last look, if it did. `so_far` is how long it has
    /// slept in all, up to a constant.
    fn slept(&mut self, so_far: Span) -> Option<Span> {
        let before = *self.before.get_or_insert(so_far);
        let slept = so_far - before;
        if slept < SHORTEST_SLEEP {
            return None;
        }
        self.before = Some(so_far);
        Some(slept)
    }
}

fn fresh_id() -> Arc<str> {
    hex(&rand::random::<[u8; 8]>()).into()
}

fn saturating_nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sleep_of_a_quarter_second_is_noticed_once_and_a_shorter_one_is_not() {
        let mut watch = SleepWatch::default();
        let found = [5_000, 5_000, 5_001, 5_249, 5_250, 5_250, 65_250, 65_000, 65_499]
            .map(|millis| watch.slept(Span::from_millis(millis)));
        let [_, _, _, shorter, quarter, again, minute, back, little] = found;
        assert_eq!((shorter, again, back, little), (None, None, None, None));
        assert_eq!(quarter, Some(Span::from_millis(250)));
        assert_eq!(minute, Some(Span::from_secs(60)));
    }

    #[test]
    fn after_sleep_the_clock_is_put_forward_and_has_another_name() {
        let clock = RelayClock::start();
        let (name, before) = (clock.id(), clock.now());
        let renamings = clock.renamings();
        clock.make_up_for(Span::from_secs(3_600));
        assert!(clock.now() - before >= Span::from_secs(3_600));
        assert_ne!(clock.id(), name);
        assert!(renamings.has_changed().expect("the clock runs"));
    }

    #[test]
    fn a_clock_goes_on_as_another_one_at_its_time_rate_and_name() {
        let clock = RelayClock::start();
        let at = Instant::now() + Duration::from_secs(7_200);
        let says = SwarmTime::from_nanos(1_000_000_000_000_000_007);
        clock.take(&ClockCourse { at, says, rate: 50e-6, id: "first".into() });
        assert_eq!((clock.at(at), clock.id().as_str()), (says, "first"));
        let hour = clock.at(at + Duration::from_secs(3_600)) - says - Span::from_secs(3_600);
        assert!((hour - Span::from_millis(180)).abs() < Span::from_micros(1), "gained {hour:?}");
        // Once more: one that gave way may have to carry the party again.
        clock.take(&ClockCourse { at, says: says - hour, rate: -50e-6, id: "third".into() });
        assert_eq!((clock.at(at), clock.id().as_str()), (says - hour, "third"));
    }

    #[test]
    fn a_clock_is_read_from_the_monotonic_one_alone() {
        // The wall clock has no way in after the start: one instant has one time, for good.
        let clock = RelayClock::start();
        let instant = Instant::now();
        let first = clock.at(instant);
        assert!((0..1_000).all(|_| clock.at(instant) == first));
        assert_eq!(clock.at(instant + Duration::from_secs(3_600)) - first, Span::from_secs(3_600));
    }
}

//! The relay's clock, which is the swarm's clock.
//!
//! The wall clock is read once, at the start; from then on only the monotonic one counts, so
//! leap seconds and corrections of the wall clock never reach a swarm. This is the only file
//! of the relay that reads a clock; decisions elsewhere take the time as an argument, and
//! tokio's timers only ever end a wait.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use protocol::SwarmTime;
use protocol::ids::hex;

/// A clock that starts at the wall clock's time and then follows its own pace.
#[derive(Clone, Debug)]
pub(crate) struct RelayClock {
    origin: SwarmTime,
    started: Instant,
    id: Arc<str>,
}

impl RelayClock {
    /// A new clock with a new name.
    pub(crate) fn start() -> Self {
        // A wall clock before 1970 serves as well as any other: members only need one they share.
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            origin: SwarmTime::from_nanos(saturating_nanos(epoch)),
            started: Instant::now(),
            id: hex(&rand::random::<[u8; 8]>()).into(),
        }
    }

    /// The swarm's time at this moment.
    pub(crate) fn now(&self) -> SwarmTime {
        self.at(Instant::now())
    }

    /// What this clock says, or said, at `instant`.
    pub(crate) fn at(&self, instant: Instant) -> SwarmTime {
        let after = saturating_nanos(instant.saturating_duration_since(self.started));
        let before = saturating_nanos(self.started.saturating_duration_since(instant));
        SwarmTime::from_nanos(self.origin.as_nanos().saturating_add(after - before))
    }

    /// How long this clock has been running.
    pub(crate) fn uptime(&self) -> std::time::Duration {
        self.started.elapsed()
    }

    /// Tells this clock from every other one, an earlier run of the same relay included.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

fn saturating_nanos(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

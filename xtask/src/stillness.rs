//! Whether the machine itself stood still while something was measured.
//!
//! A virtual machine may be held up as a whole for a tenth of a second and more. Whatever is
//! measured then says nothing about the app, so it is measured again, and both are told. What
//! fails on a machine that did not stand still has failed. The watch goes before everything else,
//! the app's own audio threads too, so that a busy machine is not taken for one that stands still;
//! where it may not, nothing is measured again.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Result;
use protocol::time::Span;

use crate::clock;

/// How often the watch wakes. Short against [`LONG`], and no load to speak of.
const LOOK: Duration = Duration::from_millis(2);

/// A standstill that may be heard: most of a period of the virtual cards, 4096 frames or 85 ms.
const LONG: Span = Span::from_millis(70);

/// How often something is measured at most.
const TRIES: u32 = 3;

/// Measures, and measures again if that failed while the machine stood still. What was measured
/// counts if it `holds`.
///
/// # Errors
///
/// What the last try said.
pub fn measured<T: Display>(
    mut measure: impl FnMut() -> Result<T>,
    holds: impl Fn(&T) -> bool,
) -> Result<T> {
    let attempt = || {
        let watch = Watch::start();
        let outcome = measure();
        (outcome, watch.end())
    };
    tried(attempt, holds)
}

/// The rule apart from the clock: `attempt` tells how it went and for how long the machine
/// stood still.
fn tried<T: Display>(
    mut attempt: impl FnMut() -> (Result<T>, Span),
    holds: impl Fn(&T) -> bool,
) -> Result<T> {
    let mut tries = 1;
    loop {
        let (outcome, longest) = attempt();
        if outcome.as_ref().is_ok_and(&holds) {
            return outcome;
        }
        let still = format!("the machine stood still for up to {:.0} ms", longest.as_millis_f64());
        if longest < LONG || tries == TRIES {
            println!("{still}");
            return outcome;
        }
        match outcome {
            Ok(measured) => println!("\n{measured}"),
            Err(error) => println!("{error:#}"),
        }
        println!("not counted, because {still}; once more\n");
        tries += 1;
    }
}

/// Notes the longest time for which a thread that wants to run could not.
struct Watch {
    longest: Arc<AtomicI64>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    fn start() -> Self {
        let longest = Arc::new(AtomicI64::new(0));
        let is_over = Arc::new(AtomicBool::new(false));
        let (note, ends) = (longest.clone(), is_over.clone());
        let thread = thread::spawn(move || {
            if !goes_first() {
                return;
            }
            let mut before = clock::now();
            while !ends.load(Ordering::Relaxed) {
                thread::sleep(LOOK);
                let now = clock::now();
                note.fetch_max((now - before).as_nanos(), Ordering::Relaxed);
                before = now;
            }
        });
        Self { longest, is_over, thread: Some(thread) }
    }

    fn end(mut self) -> Span {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It only sleeps and reads a clock.
            let _ = thread.join();
        }
        Span::from_nanos(self.longest.load(Ordering::Relaxed))
    }
}

/// Puts the calling thread before all others; false if that is not granted.
#[cfg(target_os = "linux")]
fn goes_first() -> bool {
    use thread_priority::{
        RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
        set_thread_priority_and_policy, thread_native_id,
    };
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    let highest = ThreadPriority::Max;
    set_thread_priority_and_policy(thread_native_id(), highest, policy).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn goes_first() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it came to something, and after how many tries.
    fn tries(fails: u32, still: Span) -> (bool, u32) {
        let mut tries = 0;
        let attempt = || {
            tries += 1;
            (Ok(tries > fails), still)
        };
        let holds = tried(attempt, |holds| *holds).expect("it never errs");
        (holds, tries)
    }

    #[test]
    fn only_what_fails_while_the_machine_stands_still_is_measured_again() {
        let (short, long) = (Span::from_millis(20), Span::from_millis(300));
        assert_eq!(tries(0, long), (true, 1));
        assert_eq!(tries(1, short), (false, 1));
        assert_eq!(tries(1, long), (true, 2));
        assert_eq!(tries(9, long), (false, 3));
        let mut errs = 0;
        let attempt = || {
            errs += 1;
            (Err::<bool, _>(anyhow::anyhow!("nothing was heard")), long)
        };
        assert!(tried(attempt, |_| true).is_err());
        assert_eq!(errs, 3);
    }
}

//! A queue that hands over each thing at its own instant, from a thread of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::LocalTime;

use crate::clock;

/// Things under way at most: a second of packets every 250 us.
const ROOM: usize = 4_096;

/// Better than plain programs, like a thread that plays sound: with others on the same
/// processor the hand-over was late by 3 ms at times.
const NICENESS: i32 = -11;

/// Things under way. When it is dropped the rest is still delivered, and then the end.
pub struct Line<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    under_way: Mutex<UnderWay<T>>,
    changed: Condvar,
}

struct UnderWay<T> {
    /// By instant, and in the order they came where that is the same.
    things: BTreeMap<(LocalTime, u64), T>,
    came: u64,
    is_ending: bool,
}

impl<T: Send + 'static> Line<T> {
    /// Starts the thread that calls `deliver` with each thing, and with nothing at the end.
    pub fn start(mut deliver: impl FnMut(Option<T>) + Send + 'static) -> Self {
        let under_way = UnderWay { things: BTreeMap::new(), came: 0, is_ending: false };
        let shared = Arc::new(Shared { under_way: Mutex::new(under_way), changed: Condvar::new() });
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            hurry();
            while let Some(thing) = own.next() {
                deliver(Some(thing));
            }
            deliver(None);
        });
        Self { shared }
    }

    /// Puts a thing under way; when there is no room for it, it is lost.
    pub fn put(&self, at: LocalTime, thing: T) {
        let under_way = self.shared.lock();
        if under_way.things.len() < ROOM {
            self.shared.add(under_way, at, thing);
        }
    }

    /// Puts a thing under way, as soon as there is room.
    pub fn put_patiently(&self, at: LocalTime, thing: T) {
        let mut under_way = self.shared.lock();
        while under_way.things.len() >= ROOM {
            under_way = self.shared.changed.wait(under_way).unwrap_or_else(PoisonError::into_inner);
        }
        self.shared.add(under_way, at, thing);
    }
}

impl<T> Drop for Line<T> {
    fn drop(&mut self) {
        self.shared.lock().is_ending = true;
        self.shared.changed.notify_all();
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, UnderWay<T>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, mut under_way: MutexGuard<'_, UnderWay<T>>, at: LocalTime, thing: T) {
        under_way.came += 1;
        let number = under_way.came;
        under_way.things.insert((at, number), thing);
        drop(under_way);
        self.changed.notify_all();
    }

    /// Waits for the next thing; none when no more will come.
    fn next(&self) -> Option<T> {
        let mut under_way = self.lock();
        loop {
            let Some(((at, _), _)) = under_way.things.first_key_value() else {
                if under_way.is_ending {
                    return None;
                }
                under_way = self.changed.wait(under_way).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = (*at - clock::now()).as_nanos();
            if left <= 0 {
                let (_, thing) = under_way.things.pop_first()?;
                self.changed.notify_all();
                return Some(thing);
            }
            let pause = Duration::from_nanos(left.unsigned_abs());
            let woken = self.changed.wait_timeout(under_way, pause);
            under_way = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Lets this thread go before plain programs, where that is allowed.
pub fn hurry() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, NICENESS);
}

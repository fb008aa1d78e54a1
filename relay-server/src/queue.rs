//! What waits for one connection whose socket takes no more: bounded in messages and bytes.

use std::collections::VecDeque;

use axum::extract::ws::Utf8Bytes;
use prometheus_client::metrics::gauge::Gauge;

use crate::limits::Limits;
use crate::outbox::Undeliverable;

/// In order.
pub(crate) struct Queue {
    waiting: VecDeque<Item>,
    /// Of what waits.
    bytes: usize,
    /// What waits in all queues of the relay.
    total: Gauge,
    most_messages: usize,
    most_bytes: usize,
}

/// What takes one place.
pub(crate) enum Item {
    /// A frame.
    One(Utf8Bytes),
    /// Frames that belong together.
    Several(VecDeque<Utf8Bytes>),
}

impl Queue {
    /// An empty one that keeps within `limits` and is counted in `total` too.
    pub(crate) fn new(limits: &Limits, total: &Gauge) -> Self {
        Self {
            waiting: VecDeque::new(),
            bytes: 0,
            total: total.clone(),
            most_messages: limits.queue_messages.max(1),
            most_bytes: limits.queue_bytes,
        }
    }

    /// Appends an item. While nothing waits its length does not matter.
    ///
    /// # Errors
    ///
    /// [`Undeliverable`]: there is no room for it.
    pub(crate) fn push(&mut self, item: Item) -> Result<(), Undeliverable> {
        let length = item.len();
        let full = self.waiting.len() >= self.most_messages;
        if full || (self.bytes > 0 && self.bytes + length > self.most_bytes) {
            return Err(Undeliverable);
        }
        self.count(length as i64);
        self.waiting.push_back(item);
        Ok(())
    }

    /// Takes out the next frame.
    pub(crate) fn pop(&mut self) -> Option<Utf8Bytes> {
        let frame = match self.waiting.front_mut()? {
            Item::Several(frames) if frames.len() > 1 => frames.pop_front(),
            _ => match self.waiting.pop_front()? {
                Item::One(frame) => Some(frame),
                Item::Several(mut frames) => frames.pop_front(),
            },
        };
        if self.waiting.is_empty() {
            // A queue that was needed once is rarely needed again.
            self.waiting = VecDeque::new();
        }
        frame.inspect(|frame| self.count(-(frame.len() as i64)))
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.waiting = VecDeque::new();
        self.count(-(self.bytes as i64));
    }

    /// True when half of it is in use.
    pub(crate) fn is_busy(&self) -> bool {
        self.waiting.len() > self.most_messages / 2 || self.bytes > self.most_bytes / 2
    }

    /// True when nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Counts bytes that begin to wait, or no longer do.
    fn count(&mut self, bytes: i64) {
        self.bytes = self.bytes.saturating_add_signed(bytes as isize);
        self.total.inc_by(bytes);
    }
}

impl Drop for Queue {
    /// What was never taken out waits no longer.
    fn drop(&mut self) {
        self.clear();
    }
}

impl Item {
    /// In bytes.
    fn len(&self) -> usize {
        match self {
            Self::One(frame) => frame.len(),
            Self::Several(frames) => frames.iter().map(|frame| frame.len()).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_in_the_order_in_which_they_went_in() {
        let mut queue = queue(Limits::default());
        queue.push(one("a")).expect("room");
        queue.push(Item::Several(["b".into(), "c".into()].into())).expect("room");
        queue.push(one("d")).expect("room");
        for expected in ["a", "b", "c", "d"] {
            assert_eq!(queue.pop().expect("a frame").as_str(), expected);
        }
        assert!(queue.is_empty() && queue.pop().is_none());
    }

    #[test]
    fn it_is_busy_from_one_half_on_and_full_at_its_bound() {
        let mut queue = queue(Limits { queue_messages: 10, ..Limits::default() });
        let before_busy = (0..20).take_while(|_| !queue.is_busy() && queue.push(one("x")).is_ok());
        assert_eq!(before_busy.count(), 6);
        assert_eq!((0..20).take_while(|_| queue.push(one("x")).is_ok()).count(), 4);
    }

    #[test]
    fn bytes_are_bounded_except_for_what_finds_nothing_waiting() {
        let mut queue = queue(Limits { queue_bytes: 100, ..Limits::default() });
        let large: Utf8Bytes = "x".repeat(1_000).into();
        queue.push(Item::Several([large.clone(), large.clone()].into())).expect("nothing waits");
        assert_eq!(queue.push(Item::One(large)), Err(Undeliverable));
        assert_eq!(queue.push(one("x")), Err(Undeliverable));
    }

    #[test]
    fn bytes_are_counted_among_all_that_wait_until_they_are_taken_out_or_forgotten() {
        let total = Gauge::default();
        let mut queue = Queue::new(&Limits::default(), &total);
        queue.push(one("12345")).expect("room");
        queue.push(one("123")).expect("room");
        assert_eq!(total.get(), 8);
        queue.pop().expect("a frame");
        assert_eq!(total.get(), 3);
        drop(queue);
        assert_eq!(total.get(), 0);
    }

    fn queue(limits: Limits) -> Queue {
        Queue::new(&limits, &Gauge::default())
    }

    fn one(text: &'static str) -> Item {
        Item::One(text.into())
    }
}

//! What waits to be sent to one connection: bounded, and with a say about what happens when
//! the other side does not read.
//!
//! The owner of a swarm (or of the tracker) holds the [`Outbox`], the connection's writer the
//! [`OutboxReader`]. Neither ever waits for the other.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::ws::Utf8Bytes;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{mpsc, oneshot};

use crate::limits::Limits;
use crate::socket::Goodbye;

/// Where messages for one connection are put.
pub(crate) struct Outbox {
    items: mpsc::Sender<Item>,
    waiting: Arc<Waiting>,
    goodbye: oneshot::Sender<Goodbye>,
    most_bytes: usize,
}

/// Where the connection's writer takes them out.
pub(crate) struct OutboxReader {
    items: mpsc::Receiver<Item>,
    waiting: Arc<Waiting>,
    goodbye: oneshot::Receiver<Goodbye>,
    opened: VecDeque<Utf8Bytes>,
}

/// What takes one place in the queue.
enum Item {
    One(Utf8Bytes),
    Several(VecDeque<Utf8Bytes>),
}

/// Bytes that wait in one queue, and their share of what waits in all of them.
struct Waiting {
    bytes: AtomicUsize,
    total: Gauge,
}

/// The message was not queued: the connection reads too slowly, or has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Undeliverable;

/// A new queue within `limits`; what waits in it is counted in `total` too.
pub(crate) fn outbox(limits: &Limits, total: &Gauge) -> (Outbox, OutboxReader) {
    let (items, items_out) = mpsc::channel(limits.queue_messages.max(1));
    let (goodbye, goodbye_out) = oneshot::channel();
    let waiting = Arc::new(Waiting { bytes: AtomicUsize::new(0), total: total.clone() });
    (
        Outbox { items, waiting: waiting.clone(), goodbye, most_bytes: limits.queue_bytes },
        OutboxReader { items: items_out, waiting, goodbye: goodbye_out, opened: VecDeque::new() },
    )
}

impl Outbox {
    /// Queues a message that must arrive.
    ///
    /// # Errors
    ///
    /// [`Undeliverable`]: the connection can not be kept, because it would miss something.
    pub(crate) fn push(&self, frame: Utf8Bytes) -> Result<(), Undeliverable> {
        self.queue(Item::One(frame))
    }

    /// Queues messages that belong together as one. An empty queue takes them whatever their
    /// length, so that a swarm's whole state can always be told to one who keeps up.
    ///
    /// # Errors
    ///
    /// As for [`Self::push`].
    pub(crate) fn push_together(&self, frames: Vec<Utf8Bytes>) -> Result<(), Undeliverable> {
        self.queue(Item::Several(frames.into()))
    }

    /// Queues a message that can be replaced by a later summary, while less than half of the
    /// queue is in use: the other half is kept for what must arrive.
    ///
    /// # Errors
    ///
    /// [`Undeliverable`]: a summary is owed.
    pub(crate) fn push_droppable(&self, frame: Utf8Bytes) -> Result<(), Undeliverable> {
        let busy = self.items.capacity() < self.items.max_capacity() / 2
            || self.waiting.bytes() > self.most_bytes / 2;
        if busy { Err(Undeliverable) } else { self.push(frame) }
    }

    fn queue(&self, item: Item) -> Result<(), Undeliverable> {
        let length = item.len();
        let waiting = self.waiting.bytes();
        if waiting > 0 && waiting + length > self.most_bytes {
            return Err(Undeliverable);
        }
        // Counted first, so that the reader never subtracts what is not there yet.
        self.waiting.add(length);
        self.items.try_send(item).map_err(|_| {
            self.waiting.subtract(length);
            Undeliverable
        })
    }

    /// True when everything queued was taken out.
    pub(crate) fn is_drained(&self) -> bool {
        self.waiting.bytes() == 0
    }

    /// Ends the connection with `goodbye`, without sending what still waits.
    pub(crate) fn hang_up(self, goodbye: Goodbye) {
        // A connection that is gone needs no goodbye.
        let _ = self.goodbye.send(goodbye);
    }
}

impl OutboxReader {
    /// The next message in order, or how to part once the outbox hangs up or is dropped.
    /// Nothing is lost when the returned future is dropped.
    pub(crate) async fn next(&mut self) -> Result<Utf8Bytes, Goodbye> {
        loop {
            if let Some(frame) = self.opened.pop_front() {
                self.waiting.subtract(frame.len());
                return Ok(frame);
            }
            tokio::select! {
                biased;
                goodbye = &mut self.goodbye => return Err(goodbye.unwrap_or(Goodbye::DONE)),
                items = self.items.recv() => match items {
                    Some(Item::One(frame)) => self.opened.push_back(frame),
                    Some(Item::Several(frames)) => self.opened = frames,
                    None => return Err(Goodbye::DONE),
                },
            }
        }
    }

    /// Resolves when the outbox hangs up, even while a message is on its way.
    pub(crate) async fn hung_up(&mut self) -> Goodbye {
        (&mut self.goodbye).await.unwrap_or(Goodbye::DONE)
    }
}

impl Waiting {
    fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.total.inc_by(bytes as i64);
    }

    fn subtract(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.total.dec_by(bytes as i64);
    }
}

impl Drop for Waiting {
    /// What was never taken out waits no longer. Both ends are gone, so nothing changes any more.
    fn drop(&mut self) {
        self.total.dec_by(self.bytes() as i64);
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

    #[tokio::test]
    async fn messages_come_out_in_the_order_in_which_they_went_in() {
        let (outbox, mut reader) = outbox(&Limits::default(), &Gauge::default());
        outbox.push("a".into()).expect("room");
        outbox.push_together(vec!["b".into(), "c".into()]).expect("room");
        outbox.push_droppable("d".into()).expect("room");
        for expected in ["a", "b", "c", "d"] {
            assert_eq!(reader.next().await.expect("a message").as_str(), expected);
        }
        assert!(outbox.is_drained());
    }

    #[test]
    fn what_can_be_made_up_for_leaves_half_of_the_queue_to_the_rest() {
        let (outbox, _reader) =
            outbox(&Limits { queue_messages: 10, ..Limits::default() }, &Gauge::default());
        let droppable = (0..20).take_while(|_| outbox.push_droppable("x".into()).is_ok()).count();
        let needed = (0..20).take_while(|_| outbox.push("x".into()).is_ok()).count();
        assert_eq!((droppable, needed), (6, 4));
    }

    #[test]
    fn bytes_are_bounded_except_for_what_finds_the_queue_empty() {
        let (outbox, _reader) =
            outbox(&Limits { queue_bytes: 100, ..Limits::default() }, &Gauge::default());
        let large: Utf8Bytes = "x".repeat(1_000).into();
        outbox.push_together(vec![large.clone(), large.clone()]).expect("an empty queue");
        assert_eq!(outbox.push(large), Err(Undeliverable));
        assert_eq!(outbox.push("x".into()), Err(Undeliverable));
    }

    #[tokio::test]
    async fn hanging_up_overtakes_what_waits() {
        let (outbox, mut reader) = outbox(&Limits::default(), &Gauge::default());
        outbox.push("never read".into()).expect("room");
        outbox.hang_up(Goodbye::TOO_SLOW);
        assert_eq!(reader.next().await, Err(Goodbye::TOO_SLOW));
    }

    #[tokio::test]
    async fn bytes_are_counted_among_all_that_wait_until_they_are_taken_out_or_forgotten() {
        let total = Gauge::default();
        let (outbox, mut reader) = outbox(&Limits::default(), &total);
        outbox.push("12345".into()).expect("room");
        outbox.push("123".into()).expect("room");
        assert_eq!(total.get(), 8);
        reader.next().await.expect("a message");
        assert_eq!(total.get(), 3);
        drop((outbox, reader));
        assert_eq!(total.get(), 0);
    }
}

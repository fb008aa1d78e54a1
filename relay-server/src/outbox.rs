//! What the owner of a swarm (or of the tracker) has to say to one connection: bounded, and with
//! a say about what happens when the other side does not read.
//!
//! The owner never waits: what the socket does not take at once lies in the [`Line`]'s queue.

use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;

use crate::line::Line;
use crate::socket::Goodbye;

/// Where messages for one connection are put. Dropping it ends the connection.
pub(crate) struct Outbox {
    line: Arc<Line>,
    owner: u64,
    /// Something was put in since the last [`Self::flush`].
    unsent: bool,
}

/// The message was not queued: the connection reads too slowly, or has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Undeliverable;

impl Outbox {
    /// The way into `line`.
    pub(crate) fn new(line: Arc<Line>) -> Self {
        let owner = line.next_owner();
        Self { line, owner, unsent: false }
    }

    /// Takes a message that must arrive. It leaves with the next [`Self::flush`].
    ///
    /// # Errors
    ///
    /// [`Undeliverable`]: the connection can not be kept, because it would miss something.
    pub(crate) fn push(&mut self, frame: Utf8Bytes) -> Result<(), Undeliverable> {
        self.unsent = true;
        self.line.push(frame)
    }

    /// Takes messages that belong together as one. An empty queue takes them whatever their
    /// length, so that a swarm's whole state can always be told to one who keeps up.
    ///
    /// # Errors
    ///
    /// As for [`Self::push`].
    pub(crate) fn push_together(&mut self, frames: Vec<Utf8Bytes>) -> Result<(), Undeliverable> {
        self.unsent = true;
        self.line.push_together(frames.into())
    }

    /// Takes a message that can be replaced by a later summary, while less than half of the
    /// queue is in use: the other half is kept for what must arrive.
    ///
    /// # Errors
    ///
    /// [`Undeliverable`]: a summary is owed.
    pub(crate) fn push_droppable(&mut self, frame: Utf8Bytes) -> Result<(), Undeliverable> {
        if self.is_busy() { Err(Undeliverable) } else { self.push(frame) }
    }

    /// True when half of the queue is in use.
    pub(crate) fn is_busy(&self) -> bool {
        self.line.is_busy()
    }

    /// Sends what was put in, all at once. For the owner when it has said everything it has to
    /// say for the moment: several messages then cost one write.
    pub(crate) fn flush(&mut self) {
        if std::mem::take(&mut self.unsent) {
            self.line.flush();
        }
    }

    /// True when everything queued was taken out.
    pub(crate) fn is_drained(&self) -> bool {
        self.line.is_drained()
    }

    /// Ends the connection with `goodbye` once everything queued is sent, and `frame` after it;
    /// at once if the other side reads too slowly for that.
    pub(crate) fn finish(self, frame: Option<Utf8Bytes>, goodbye: Goodbye) {
        self.line.finish(self.owner, frame, goodbye);
    }

    /// Ends the connection with `goodbye`, without sending what still waits.
    pub(crate) fn hang_up(self, goodbye: Goodbye) {
        self.line.hang_up(self.owner, goodbye);
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.line.hang_up(self.owner, Goodbye::DONE);
    }
}

/// An outbox without a socket, and what it holds.
#[cfg(test)]
pub(crate) fn outbox(
    limits: &crate::limits::Limits,
    total: &prometheus_client::metrics::gauge::Gauge,
) -> (Outbox, OutboxReader) {
    let line = Line::new(None, limits, total);
    (Outbox::new(line.clone()), OutboxReader(line))
}

/// Takes out of a queue what a socket would be given.
#[cfg(test)]
pub(crate) struct OutboxReader(Arc<Line>);

#[cfg(test)]
impl OutboxReader {
    /// The next message in order, or how to part once the outbox hangs up or is dropped.
    pub(crate) async fn next(&mut self) -> Result<Utf8Bytes, Goodbye> {
        std::future::poll_fn(|context| self.0.poll_taken(context)).await
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::gauge::Gauge;

    use super::*;
    use crate::limits::Limits;

    #[tokio::test]
    async fn messages_come_out_in_the_order_in_which_they_went_in() {
        let (mut outbox, mut reader) = outbox(&Limits::default(), &Gauge::default());
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
        let (mut outbox, _reader) =
            outbox(&Limits { queue_messages: 10, ..Limits::default() }, &Gauge::default());
        let droppable = (0..20).take_while(|_| outbox.push_droppable("x".into()).is_ok()).count();
        let needed = (0..20).take_while(|_| outbox.push("x".into()).is_ok()).count();
        assert_eq!((droppable, needed), (6, 4));
    }

    #[test]
    fn bytes_are_bounded_except_for_what_finds_the_queue_empty() {
        let (mut outbox, _reader) =
            outbox(&Limits { queue_bytes: 100, ..Limits::default() }, &Gauge::default());
        let large: Utf8Bytes = "x".repeat(1_000).into();
        outbox.push_together(vec![large.clone(), large.clone()]).expect("an empty queue");
        assert_eq!(outbox.push(large), Err(Undeliverable));
        assert_eq!(outbox.push("x".into()), Err(Undeliverable));
    }

    #[tokio::test]
    async fn finishing_lets_what_waits_go_first() {
        let (mut outbox, mut reader) = outbox(&Limits::default(), &Gauge::default());
        outbox.push("a".into()).expect("room");
        outbox.finish(Some("b".into()), Goodbye::MOVED);
        for expected in ["a", "b"] {
            assert_eq!(reader.next().await.expect("a message").as_str(), expected);
        }
        assert_eq!(reader.next().await, Err(Goodbye::MOVED));
    }

    #[tokio::test]
    async fn one_who_does_not_read_is_not_waited_for_when_all_is_finished() {
        let (mut outbox, mut reader) =
            outbox(&Limits { queue_messages: 1, ..Limits::default() }, &Gauge::default());
        outbox.push("never read".into()).expect("room");
        outbox.finish(Some("nor this".into()), Goodbye::MOVED);
        assert_eq!(reader.next().await, Err(Goodbye::MOVED));
    }

    #[tokio::test]
    async fn hanging_up_overtakes_what_waits() {
        let (mut outbox, mut reader) = outbox(&Limits::default(), &Gauge::default());
        outbox.push("never read".into()).expect("room");
        outbox.hang_up(Goodbye::TOO_SLOW);
        assert_eq!(reader.next().await, Err(Goodbye::TOO_SLOW));
    }

    #[tokio::test]
    async fn bytes_are_counted_among_all_that_wait_until_they_are_taken_out_or_forgotten() {
        let total = Gauge::default();
        let (mut outbox, mut reader) = outbox(&Limits::default(), &total);
        outbox.push("12345".into()).expect("room");
        outbox.push("123".into()).expect("room");
        assert_eq!(total.get(), 8);
        reader.next().await.expect("a message");
        assert_eq!(total.get(), 3);
        drop((outbox, reader));
        assert_eq!(total.get(), 0);
    }
}

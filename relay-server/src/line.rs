//! The way out of one connection: straight into the socket while the other side reads, else
//! through a bounded queue.
//!
//! Most frames find a socket that takes them at once. Whoever has something to say then writes
//! it without waking the connection's task: in a swarm of 200 that is 200 wake-ups a message
//! saved, and nothing is set aside for a queue that is never used. A socket that takes no more
//! is [`State::blocked`]: from then on everything waits in the queue, and the connection's task
//! alone writes until the queue is empty. Nobody ever waits for the lock longer than a system
//! call takes.
//!
//! [`crate::outbox`] is what the owner of a swarm sees of it, [`crate::socket`] what the
//! connection's task sees.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use axum::extract::ws::{Message, Utf8Bytes, WebSocket};
use futures_util::{Sink, Stream};
use tokio::task::unconstrained;

use crate::metrics::SocketKind;
use crate::outbox::Undeliverable;
use crate::queue::{Item, Queue};
use crate::relay::Shared;
use crate::socket::{Answer, Goodbye};

/// Bytes gathered into one write: some dozen control messages. tungstenite keeps the memory that
/// a write once took for as long as the connection lasts, so it is not more.
pub(crate) const WRITE_BATCH: usize = 4 * 1024;

/// Answers that a connection owes to its own messages and has not sent yet. A client that
/// asks this much without reading gets no further answers until it reads.
const ANSWERS: usize = 64;

/// One connection's way out, shared by its task and the owner of its swarm.
pub(crate) struct Line {
    state: Mutex<State>,
}

struct State {
    wire: Wire,
    /// Go ahead of what waits, so that a time pong is never behind a fan-out.
    answers: VecDeque<Answer>,
    waiting: Queue,
    /// The socket takes no more: the connection's task writes, everyone else queues.
    blocked: bool,
    /// Something was given to the socket and not pushed out yet.
    unflushed: bool,
    goodbye: Option<Goodbye>,
    /// How to part once everything that waits is sent.
    last: Option<Goodbye>,
    /// Counts outboxes: only the latest one ends the connection.
    owner: u64,
    /// The connection is parting; nothing more is taken.
    ended: bool,
    /// Wakes the connection's task.
    writer: Option<Waker>,
}

/// A socket, and what its frames are counted in.
pub(crate) struct Wire {
    pub(crate) socket: WebSocket,
    pub(crate) relay: Arc<Shared>,
    pub(crate) kind: SocketKind,
}

impl Line {
    /// A line over `wire`, whose queue keeps within the relay's limits.
    pub(crate) fn new(wire: Wire) -> Arc<Self> {
        let waiting = Queue::new(&wire.relay.limits, &wire.relay.metrics.queue_bytes);
        let state = State {
            wire,
            answers: VecDeque::new(),
            waiting,
            blocked: false,
            unflushed: false,
            goodbye: None,
            last: None,
            owner: 0,
            ended: false,
            writer: None,
        };
        Arc::new(Self { state: Mutex::new(state) })
    }

    /// A number for one more outbox. Whatever the one before it said at its end is void.
    pub(crate) fn next_owner(&self) -> u64 {
        let mut state = self.state();
        state.goodbye = state.goodbye.filter(|goodbye| *goodbye == Goodbye::LOST);
        state.owner += 1;
        state.owner
    }

    /// Gives a frame to the socket, or queues it if the socket takes no more. It is sent by the
    /// next [`Self::flush`] at the latest. A connection that is about to end takes everything
    /// and sends nothing: its task tells the owner when it has ended.
    ///
    /// # Errors
    ///
    /// [`Undeliverable`]: the queue has no room for it.
    pub(crate) fn push(&self, frame: Utf8Bytes) -> Result<(), Undeliverable> {
        let mut state = self.state();
        if state.is_over() {
            return Ok(());
        }
        if state.blocked {
            return state.waiting.push(Item::One(frame));
        }
        state.give(Message::Text(frame));
        Ok(())
    }

    /// As [`Self::push`], for frames that take one place in the queue together.
    ///
    /// # Errors
    ///
    /// As [`Self::push`].
    pub(crate) fn push_together(
        &self,
        mut frames: VecDeque<Utf8Bytes>,
    ) -> Result<(), Undeliverable> {
        let mut state = self.state();
        while !state.blocked
            && !state.is_over()
            && let Some(frame) = frames.pop_front()
        {
            state.give(Message::Text(frame));
        }
        if frames.is_empty() || state.is_over() {
            return Ok(());
        }
        state.waiting.push(Item::Several(frames))
    }

    /// Sends what was given.
    pub(crate) fn flush(&self) {
        self.state().flush();
    }

    /// Sends an answer to the connection's own message, ahead of everything that waits.
    ///
    /// # Errors
    ///
    /// [`Undeliverable`]: too many answers wait already.
    pub(crate) fn answer(&self, answer: Answer) -> Result<(), Undeliverable> {
        let mut state = self.state();
        if !state.blocked {
            let message = answer.message(&state.wire.relay);
            state.give(message);
            state.flush();
            return Ok(());
        }
        if state.answers.len() >= ANSWERS {
            return Err(Undeliverable);
        }
        state.answers.push_back(answer);
        Ok(())
    }

    /// True when half of the queue is in use.
    pub(crate) fn is_busy(&self) -> bool {
        self.state().waiting.is_busy()
    }

    /// True when nothing waits.
    pub(crate) fn is_drained(&self) -> bool {
        self.state().waiting.is_empty()
    }

    /// Ends the connection with `goodbye`, unless it ends already or has another `owner` by now.
    /// What still waits is not sent.
    pub(crate) fn hang_up(&self, owner: u64, goodbye: Goodbye) {
        let mut state = self.state();
        if state.goodbye.is_none() && state.last.is_none() && state.owner == owner {
            state.goodbye = Some(goodbye);
            state.forget();
            state.wake();
        }
    }

    /// Ends the connection with `goodbye` once everything that waits is sent, and `frame` behind
    /// it; at once if the queue is full.
    pub(crate) fn finish(&self, owner: u64, frame: Option<Utf8Bytes>, goodbye: Goodbye) {
        let mut state = self.state();
        if state.owner != owner || state.is_over() {
            return;
        }
        let queued = match frame {
            Some(frame) if state.blocked => state.waiting.push(Item::One(frame)),
            Some(frame) => {
                state.give(Message::Text(frame));
                Ok(())
            }
            None => Ok(()),
        };
        state.flush();
        if state.blocked && queued.is_ok() {
            state.last = Some(goodbye);
        } else {
            state.goodbye.get_or_insert(goodbye);
            state.forget();
        }
        state.wake();
    }

    /// Nothing is taken from now on.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        state.forget();
    }

    /// The next message from the other side.
    pub(crate) fn poll_read(
        &self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Message, axum::Error>>> {
        Pin::new(&mut self.state().wire.socket).poll_next(context)
    }

    /// Works off what waits, for the connection's task. Ready when the connection is to end.
    pub(crate) fn poll_write(&self, context: &mut Context<'_>) -> Poll<Goodbye> {
        let mut state = self.state();
        if !state.writer.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            state.writer = Some(context.waker().clone());
        }
        loop {
            if let Some(goodbye) = state.goodbye {
                return Poll::Ready(goodbye);
            }
            if !state.blocked {
                return Poll::Pending;
            }
            if state.poll_flush(context).is_pending() {
                return Poll::Pending;
            }
            state.blocked = false;
            // Each counts for something, so that a batch of whatever is flushed.
            let mut given = 0;
            // Enough for one write; the next one goes out when this one has.
            while !state.blocked
                && given < WRITE_BATCH
                && let Some(message) = state.next()
            {
                given += match &message {
                    Message::Text(text) => text.len(),
                    _ => 1,
                };
                state.give(message);
            }
            state.blocked |= given > 0;
            if !state.blocked && state.last.is_some() {
                state.goodbye = state.last;
            }
        }
    }

    /// Sends one message after everything that was given, for the connection's task.
    pub(crate) async fn send(&self, message: Message) -> Result<(), Goodbye> {
        let mut message = Some(message);
        poll_fn(|context| {
            let mut state = self.state();
            // What a blocked socket still holds goes first, or it would hold more and more.
            if state.poll_flush(context).is_pending() {
                return Poll::Pending;
            }
            if let Some(message) = message.take() {
                state.give(message);
            }
            let flushed = state.poll_flush(context);
            match state.goodbye {
                Some(Goodbye::LOST) => Poll::Ready(Err(Goodbye::LOST)),
                _ => flushed.map(|()| {
                    state.blocked = false;
                    Ok(())
                }),
            }
        })
        .await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Gives a message to a socket that is not blocked.
    fn give(&mut self, message: Message) {
        let is_frame = matches!(message, Message::Text(_));
        let Wire { socket, relay, kind } = &mut self.wire;
        let mut message = Some(message);
        let given = at_once(|context| {
            if let Some(message) = message.take()
                && Pin::new(&mut *socket).start_send(message).is_err()
            {
                return Poll::Ready(Err(()));
            }
            // Pending when more was to be written than the system takes.
            Pin::new(&mut *socket).poll_ready(context).map_err(|_| ())
        });
        if is_frame {
            relay.metrics.frames_sent.inc(*kind);
        }
        self.unflushed = true;
        self.settle(given);
    }

    /// Nothing said from here on reaches the other side.
    fn is_over(&self) -> bool {
        self.ended || self.goodbye.is_some() || self.last.is_some()
    }

    fn flush(&mut self) {
        if self.blocked || !self.unflushed {
            return;
        }
        let socket = &mut self.wire.socket;
        let flushed = at_once(|context| Pin::new(&mut *socket).poll_flush(context).map_err(|_| ()));
        self.unflushed = false;
        self.settle(flushed);
    }

    /// Notes what became of an attempt to write.
    fn settle(&mut self, attempt: Poll<Result<(), ()>>) {
        match attempt {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(())) => self.lose(),
            Poll::Pending => {
                self.blocked = true;
                self.wake();
            }
        }
    }

    /// Ready when everything given was sent, or can never be.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let flushed = Pin::new(&mut self.wire.socket).poll_flush(context);
        flushed.map(|flushed| {
            self.unflushed = false;
            if flushed.is_err() {
                self.lose();
            }
        })
    }

    /// The other side is gone.
    fn lose(&mut self) {
        self.goodbye.get_or_insert(Goodbye::LOST);
        self.forget();
        self.wake();
    }

    fn next(&mut self) -> Option<Message> {
        match self.answers.pop_front() {
            Some(answer) => Some(answer.message(&self.wire.relay)),
            None => self.waiting.pop().map(Message::Text),
        }
    }

    fn forget(&mut self) {
        self.answers = VecDeque::new();
        self.waiting.clear();
    }

    fn wake(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }
}

/// Tries once, without being woken later. Outside tokio's budget: a swarm's task that writes to
/// 200 sockets would find the last of them blocked for no other reason than having been busy.
fn at_once<T>(mut attempt: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    let attempt = pin!(unconstrained(poll_fn(|context| attempt(context))));
    attempt.poll(&mut Context::from_waker(Waker::noop()))
}

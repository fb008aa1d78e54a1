//! The WebTorrent tracker: tells clients of a torrent about each other by passing WebRTC
//! offers and answers between them.
//!
//! [`Tracker`] is sans-IO, and there is one for each of the `namespaces.rs`; [`run`] is the task
//! that owns them, `link.rs` a connection to one, and `message.rs` what is said. Peers are told apart by torrent and peer id only, never by
//! address family, so that clients on IPv4 and IPv6 meet.

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
pub(crate) mod link;
mod message;
mod namespaces;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use prometheus_client::metrics::counter::Counter;
use protocol::ids::TrackerNamespace;
use protocol::{Span, SwarmTime};
use rand::Rng;
use rand::seq::index;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{MissedTickBehavior, interval};

use crate::limits::Limits;
use crate::metrics::{DropReason, Metrics};
use crate::outbox::{Outbox, Undeliverable};
use crate::relay::Shared;
use crate::socket::{ConnectionId, Goodbye};
use message::{Announce, AnnounceReply, Answer, Bytes20, Counts, Event, Failure, Reply, Request};
use namespaces::{Held, Trackers};

/// Requests that may wait for the tracker. Clients beyond it wait at their own socket.
pub(crate) const MAILBOX: usize = 1024;

/// How often clients announce. The value of every WebTorrent tracker; far shorter ones leave
/// clients with dozens of connections that never open. (seconds)
const ANNOUNCE_INTERVAL: i64 = 120;

/// Requests that are handled before what they lead to is sent: a client that gets several
/// messages then gets them in one write.
const BATCH: usize = 32;

/// How often what has expired is cleared away.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);

/// Everything the tracker knows.
#[derive(Default)]
pub(crate) struct Tracker {
    torrents: HashMap<Bytes20, Torrent>,
    /// What each connection announced, to forget it when the connection ends.
    connections: HashMap<ConnectionId, Vec<(Bytes20, Bytes20)>>,
    limits: Arc<Limits>,
    /// Counts what was not allowed.
    refusals: Counter,
}

#[derive(Default)]
struct Torrent {
    peers: IndexMap<Bytes20, Peer>,
    downloaded: u64,
}

struct Peer {
    connection: ConnectionId,
    is_seeder: bool,
    expires: SwarmTime,
    offers: VecDeque<SentOffer>,
}

/// An offer that one other peer may answer, once.
struct SentOffer {
    offer_id: Bytes20,
    to: Bytes20,
    expires: SwarmTime,
}

/// A text frame for one connection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sending {
    to: ConnectionId,
    text: String,
}

impl Tracker {
    /// Does what a client asks. `rng` chooses who gets an offer.
    fn handle(
        &mut self,
        now: SwarmTime,
        from: ConnectionId,
        request: Request,
        rng: &mut impl Rng,
    ) -> Vec<Sending> {
        let handled = match request {
            Request::Announce(announce) => self.announce(now, from, announce, rng),
            Request::Answer(answer) => self.answer(now, from, answer),
            Request::Scrape(hashes) => Ok(self.scrape(from, &hashes)),
        };
        handled.unwrap_or_else(|failure| {
            self.refusals.inc();
            vec![Sending { to: from, text: failure.encode() }]
        })
    }

    /// True when it knows no peer.
    fn is_empty(&self) -> bool {
        self.torrents.is_empty() && self.connections.is_empty()
    }

    fn held(&self) -> Held {
        let peers = self.torrents.values().map(|torrent| torrent.peers.len()).sum();
        Held { torrents: self.torrents.len(), peers }
    }

    /// Forgets a connection and all it announced.
    fn disconnect(&mut self, connection: ConnectionId) {
        for (info_hash, peer_id) in self.connections.remove(&connection).unwrap_or_default() {
            self.remove_peer(info_hash, peer_id);
        }
    }

    /// Forgets peers and offers that have expired.
    fn expire(&mut self, now: SwarmTime) {
        let mut expired = Vec::new();
        for (info_hash, torrent) in &mut self.torrents {
            for (peer_id, peer) in &mut torrent.peers {
                peer.offers.retain(|offer| offer.expires > now);
                if peer.expires <= now {
                    expired.push((*info_hash, *peer_id, peer.connection));
                }
            }
        }
        for (info_hash, peer_id, connection) in expired {
            self.leave(info_hash, peer_id, connection);
        }
    }

    fn announce(
        &mut self,
        now: SwarmTime,
        from: ConnectionId,
        announce: Announce,
        rng: &mut impl Rng,
    ) -> Result<Vec<Sending>, Failure> {
        let Announce { info_hash, peer_id, event, is_seeder, offers } = announce;
        self.check_owner(info_hash, peer_id, from)?;
        if event == Event::Stopped {
            self.leave(info_hash, peer_id, from);
            return Ok(vec![self.counts_reply(info_hash, from)]);
        }
        self.enter(info_hash, peer_id, from)?;
        let torrent = self.torrents.entry(info_hash).or_default();
        let peer = torrent.peers.entry(peer_id).or_insert_with(|| Peer {
            connection: from,
            is_seeder: false,
            expires: now,
            offers: VecDeque::new(),
        });
        peer.expires = now + span(self.limits.tracker_peer_lifetime);
        if event == Event::Completed {
            // Clients that only seed say `completed` too, before anything else.
            torrent.downloaded += u64::from(!peer.is_seeder);
            peer.is_seeder = true;
        } else if let Some(is_seeder) = is_seeder {
            peer.is_seeder = is_seeder;
        }
        let mut sendings = vec![self.counts_reply(info_hash, from)];
        sendings.extend(self.pass_offers(now, (info_hash, peer_id), offers, rng));
        Ok(sendings)
    }

    /// Gives each offer to another peer, chosen by chance; offers without one are dropped.
    fn pass_offers(
        &mut self,
        now: SwarmTime,
        (info_hash, peer_id): (Bytes20, Bytes20),
        offers: Vec<message::Offer>,
        rng: &mut impl Rng,
    ) -> Vec<Sending> {
        let Some(torrent) = self.torrents.get_mut(&info_hash) else { return Vec::new() };
        let Some(offerer) = torrent.peers.get_index_of(&peer_id) else { return Vec::new() };
        let others = torrent.peers.len() - 1;
        let count = offers.len().min(others);
        let mut sendings = Vec::with_capacity(count);
        let mut sent = Vec::with_capacity(count);
        let expires = now + span(self.limits.tracker_offer_lifetime);
        for (offer, chosen) in offers.into_iter().zip(index::sample(rng, others, count)) {
            // Counted among the others, the offerer's own place is skipped.
            let chosen = if chosen >= offerer { chosen + 1 } else { chosen };
            let Some((to, receiver)) = torrent.peers.get_index(chosen) else { continue };
            let message::Offer { offer, offer_id } = offer;
            let reply = AnnounceReply::Offer { info_hash, peer_id, offer, offer_id };
            let text = Reply::Announce(reply).encode();
            sendings.push(Sending { to: receiver.connection, text });
            sent.push(SentOffer { offer_id, to: *to, expires });
        }
        if let Some(peer) = torrent.peers.get_mut(&peer_id) {
            peer.offers.extend(sent);
            let surplus = peer.offers.len().saturating_sub(self.limits.tracker_waiting_offers);
            peer.offers.drain(..surplus);
        }
        sendings
    }

    /// Passes an answer back, if the answering peer was given that very offer.
    fn answer(
        &mut self,
        now: SwarmTime,
        from: ConnectionId,
        answer: Answer,
    ) -> Result<Vec<Sending>, Failure> {
        let Answer { info_hash, peer_id, to_peer_id, offer_id, answer } = answer;
        self.check_owner(info_hash, peer_id, from)?;
        let offerer = self
            .torrents
            .get_mut(&info_hash)
            .and_then(|torrent| torrent.peers.get_mut(&to_peer_id))
            .ok_or(Failure::announce(info_hash, "the peer that offered is gone"))?;
        let asked = offerer.offers.iter().position(|offer| {
            offer.offer_id == offer_id && offer.to == peer_id && offer.expires > now
        });
        let asked = asked.ok_or(Failure::announce(info_hash, "no such offer was sent to you"))?;
        offerer.offers.remove(asked);
        let reply = AnnounceReply::Answer { info_hash, peer_id, answer, offer_id };
        Ok(vec![Sending { to: offerer.connection, text: Reply::Announce(reply).encode() }])
    }

    fn scrape(&self, from: ConnectionId, hashes: &[Bytes20]) -> Vec<Sending> {
        let files = hashes.iter().map(|hash| (*hash, self.counts(*hash))).collect();
        vec![Sending { to: from, text: Reply::Scrape { files }.encode() }]
    }

    /// # Errors
    ///
    /// [`Failure`] when the peer belongs to another connection: a stranger may neither speak
    /// for it nor send it away.
    fn check_owner(
        &self,
        info_hash: Bytes20,
        peer_id: Bytes20,
        from: ConnectionId,
    ) -> Result<(), Failure> {
        let peer = self.torrents.get(&info_hash).and_then(|torrent| torrent.peers.get(&peer_id));
        if peer.is_some_and(|peer| peer.connection != from) {
            return Err(Failure::announce(info_hash, "this peer_id is another connection's"));
        }
        Ok(())
    }

    /// Notes that a connection announces a peer, within its bounds.
    fn enter(
        &mut self,
        info_hash: Bytes20,
        peer_id: Bytes20,
        from: ConnectionId,
    ) -> Result<(), Failure> {
        let announced = self.connections.entry(from).or_default();
        if announced.contains(&(info_hash, peer_id)) {
            return Ok(());
        }
        let in_torrent = announced.iter().filter(|(hash, _)| *hash == info_hash).count();
        if in_torrent >= self.limits.tracker_peers_per_torrent {
            let reason = "this connection is as many peers of this torrent as it may be";
            return Err(Failure::announce(info_hash, reason));
        }
        if announced.len() >= self.limits.tracker_torrents {
            let reason = "this connection announces as many torrents as it may";
            return Err(Failure::announce(info_hash, reason));
        }
        announced.push((info_hash, peer_id));
        Ok(())
    }

    fn leave(&mut self, info_hash: Bytes20, peer_id: Bytes20, connection: ConnectionId) {
        if let Some(announced) = self.connections.get_mut(&connection) {
            announced.retain(|entry| *entry != (info_hash, peer_id));
            if announced.is_empty() {
                self.connections.remove(&connection);
            }
        }
        self.remove_peer(info_hash, peer_id);
    }

    fn remove_peer(&mut self, info_hash: Bytes20, peer_id: Bytes20) {
        let Some(torrent) = self.torrents.get_mut(&info_hash) else { return };
        torrent.peers.swap_remove(&peer_id);
        if torrent.peers.is_empty() {
            self.torrents.remove(&info_hash);
        }
    }

    fn counts(&self, info_hash: Bytes20) -> Counts {
        let Some(torrent) = self.torrents.get(&info_hash) else { return Counts::default() };
        let complete = torrent.peers.values().filter(|peer| peer.is_seeder).count();
        let incomplete = torrent.peers.len() - complete;
        Counts { complete, incomplete, downloaded: torrent.downloaded }
    }

    fn counts_reply(&self, info_hash: Bytes20, to: ConnectionId) -> Sending {
        let Counts { complete, incomplete, .. } = self.counts(info_hash);
        let interval = ANNOUNCE_INTERVAL;
        let reply = AnnounceReply::Counts { info_hash, interval, complete, incomplete };
        Sending { to, text: Reply::Announce(reply).encode() }
    }
}

/// What the tracker's task is told.
pub(crate) enum TrackerCommand {
    /// A client connected.
    Connected {
        /// Over which connection.
        connection: ConnectionId,
        /// Among whom; none for those who name no one in particular.
        namespace: Option<TrackerNamespace>,
        /// Where to send what it is told.
        outbox: Outbox,
    },
    /// A client asks something.
    Request {
        /// Over which connection.
        connection: ConnectionId,
        /// What.
        request: Box<Request>,
    },
    /// A connection has ended.
    Gone {
        /// Which one.
        connection: ConnectionId,
    },
}

/// Owns the tracker until the relay closes.
pub(crate) async fn run(relay: Arc<Shared>, mut mailbox: mpsc::Receiver<TrackerCommand>) {
    let mut trackers = Trackers::new(&relay.limits, &relay.metrics.tracker_refusals);
    let mut outboxes: HashMap<ConnectionId, Outbox> = HashMap::new();
    let mut sweeps = interval(SWEEP_INTERVAL);
    sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let command = tokio::select! {
            biased;
            () = relay.closing.cancelled() => return,
            _ = sweeps.tick() => {
                trackers.expire(relay.clock.now());
                count_held(&relay.metrics, &trackers);
                continue;
            }
            command = mailbox.recv() => command,
        };
        let Some(command) = command else { return };
        let mut desk = Desk { relay: &relay, trackers: &mut trackers, outboxes: &mut outboxes };
        let mut written = desk.handle(command);
        for _ in 1..BATCH {
            let Ok(command) = mailbox.try_recv() else { break };
            written.extend(desk.handle(command));
        }
        for connection in written {
            if let Some(outbox) = desk.outboxes.get_mut(&connection) {
                outbox.flush();
            }
        }
        // Other tasks of this thread waited meanwhile.
        yield_now().await;
    }
}

/// The trackers and the ways to their clients, while some requests are handled.
struct Desk<'a> {
    relay: &'a Shared,
    trackers: &'a mut Trackers,
    outboxes: &'a mut HashMap<ConnectionId, Outbox>,
}

impl Desk<'_> {
    /// Returns whom something was written for, which a flush then sends.
    fn handle(&mut self, command: TrackerCommand) -> Vec<ConnectionId> {
        match command {
            TrackerCommand::Connected { connection, namespace, outbox } => {
                self.trackers.connect(connection, namespace);
                self.outboxes.insert(connection, outbox);
                Vec::new()
            }
            TrackerCommand::Gone { connection } => {
                self.trackers.disconnect(connection);
                self.outboxes.remove(&connection);
                Vec::new()
            }
            TrackerCommand::Request { connection, request } => {
                count_request(&self.relay.metrics, &request);
                let now = self.relay.clock.now();
                let sendings = self.trackers.handle(now, connection, *request, &mut rand::rng());
                sendings.into_iter().map(|sending| self.write(sending)).collect()
            }
        }
    }

    fn write(&mut self, Sending { to, text }: Sending) -> ConnectionId {
        let written = self.outboxes.get_mut(&to).map(|outbox| outbox.push(text.into()));
        if let Some(Err(Undeliverable)) = written {
            self.relay.metrics.dropped.inc(DropReason::TooSlow);
            self.trackers.disconnect(to);
            if let Some(outbox) = self.outboxes.remove(&to) {
                outbox.hang_up(Goodbye::UNREAD);
            }
        }
        to
    }
}

fn count_request(metrics: &Metrics, request: &Request) {
    match request {
        Request::Announce(announce) => {
            metrics.tracker_announces.inc();
            metrics.tracker_offers.inc_by(announce.offers.len() as u64);
        }
        Request::Answer(_) => {
            metrics.tracker_answers.inc();
        }
        Request::Scrape(_) => {
            metrics.tracker_scrapes.inc();
        }
    }
}

fn count_held(metrics: &Metrics, trackers: &Trackers) {
    let Held { torrents, peers } = trackers.held();
    metrics.tracker_torrents.set(i64::try_from(torrents).unwrap_or(i64::MAX));
    metrics.tracker_peers.set(i64::try_from(peers).unwrap_or(i64::MAX));
}

fn span(duration: Duration) -> Span {
    Span::from_nanos(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;

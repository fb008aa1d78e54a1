use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::*;

const HASH: &str = "hhhhhhhhhhhhhhhhhhhh";
const OTHER_HASH: &str = "iiiiiiiiiiiiiiiiiiii";

#[test]
fn an_announce_is_answered_with_the_interval_and_the_counts() {
    let mut world = World::new();
    let said = world.say(1, announce("a", json!({ "left": 0 })));
    let reply = json!({ "action": "announce", "info_hash": HASH, "interval": 120,
        "complete": 1, "incomplete": 0 });
    assert_eq!(said, [(1, reply)]);
    let said = world.say(2, announce("b", json!({ "left": 100 })));
    assert_eq!((&said[0].1["complete"], &said[0].1["incomplete"]), (&json!(1), &json!(1)));
}

#[test]
fn a_peer_without_metadata_counts_as_a_leecher() {
    let mut world = World::new();
    let said = world.say(1, announce("a", json!({ "left": null })));
    assert_eq!((&said[0].1["complete"], &said[0].1["incomplete"]), (&json!(0), &json!(1)));
}

#[test]
fn the_reply_comes_before_the_offers_it_causes() {
    let mut world = World::new();
    world.say(1, announce("a", json!({})));
    // Both peers share one connection, as two clients in one page do.
    let said = world.say(1, announce("b", json!({ "offers": offers(1) })));
    assert!(said[0].1.get("interval").is_some(), "{said:?}");
    assert_eq!(said[1].1["offer_id"], offer_id(0));
}

#[test]
fn each_offer_goes_to_another_peer_and_none_to_its_sender() {
    for seed in 0..50 {
        let mut world = World::seeded(seed);
        for peer in 2..=8 {
            world.say(peer, announce(&format!("{peer}"), json!({})));
        }
        let said = world.say(1, announce("1", json!({ "offers": offers(5) })));
        let mut receivers: Vec<u64> = said[1..].iter().map(|(to, _)| *to).collect();
        receivers.sort_unstable();
        receivers.dedup();
        assert_eq!(receivers.len(), 5, "seed {seed}: {said:?}");
        assert!(!receivers.contains(&1), "seed {seed}");
        for (_, offer) in &said[1..] {
            assert_eq!(offer["action"], "announce");
            assert_eq!(offer["info_hash"], HASH);
            assert_eq!(offer["peer_id"], peer_id("1"));
            assert_eq!(offer["offer"]["type"], "offer");
        }
    }
}

#[test]
fn every_peer_has_its_turn_to_get_an_offer() {
    let mut world = World::new();
    for peer in 1..=5 {
        world.say(peer, announce(&format!("{peer}"), json!({})));
    }
    for offerer in 1..=5 {
        let mut receivers = std::collections::BTreeSet::new();
        for _ in 0..100 {
            let fields = json!({ "offers": offers(1) });
            receivers.insert(world.say(offerer, announce(&format!("{offerer}"), fields))[1].0);
        }
        let others: Vec<u64> = (1..=5).filter(|peer| *peer != offerer).collect();
        assert_eq!(receivers.into_iter().collect::<Vec<_>>(), others);
    }
}

#[test]
fn more_offers_than_peers_are_passed_as_far_as_there_are_peers() {
    let mut world = World::new();
    world.say(1, announce("a", json!({})));
    world.say(2, announce("b", json!({})));
    assert_eq!(world.say(3, announce("c", json!({ "offers": offers(10) }))).len(), 1 + 2);
    assert_eq!(world.say(4, alone_in(OTHER_HASH, "d", offers(10))).len(), 1);
}

#[test]
fn an_answer_reaches_the_one_who_offered_and_gets_no_reply() {
    let mut world = World::new();
    world.say(1, announce("a", json!({})));
    world.say(2, announce("b", json!({ "offers": offers(1) })));
    let said = world.say(1, answer("a", "b", 0));
    let passed = json!({ "action": "announce", "info_hash": HASH, "peer_id": peer_id("a"),
        "answer": { "type": "answer", "sdp": "v=0" }, "offer_id": offer_id(0) });
    assert_eq!(said, [(2, passed)]);
}

#[test]
fn an_answer_nobody_asked_for_is_refused() {
    let mut world = World::new();
    for (peer, name) in [(1, "a"), (2, "b"), (3, "c")] {
        world.say(peer, announce(name, json!({})));
    }
    assert_refused(&world.say(3, answer("c", "a", 0)), 3, "no offer was made");
    let said = world.say(1, announce("a", json!({ "offers": offers(1) })));
    let (asked, not_asked) =
        if said[1].0 == 2 { ((2, "b"), (3, "c")) } else { ((3, "c"), (2, "b")) };
    let stranger = world.say(not_asked.0, answer(not_asked.1, "a", 0));
    assert_refused(&stranger, not_asked.0, "it was made to another peer");
    assert_refused(&world.say(asked.0, answer(asked.1, "a", 7)), asked.0, "another offer id");
    assert_eq!(world.say(asked.0, answer(asked.1, "a", 0))[0].0, 1);
    let again = world.say(asked.0, answer(asked.1, "a", 0));
    assert_refused(&again, asked.0, "it was answered already");
}

#[test]
fn an_answer_after_two_minutes_is_refused() {
    let mut world = World::new();
    world.say(1, announce("a", json!({})));
    world.say(2, announce("b", json!({ "offers": offers(1) })));
    world.now += Span::from_secs(120);
    assert_refused(&world.say(1, answer("a", "b", 0)), 1, "too late");
}

#[test]
fn a_stranger_can_not_send_a_peer_away_or_speak_for_it() {
    let mut world = World::new();
    world.say(1, announce("victim", json!({ "left": 0 })));
    assert_refused(&world.say(2, announce("victim", json!({ "event": "stopped" }))), 2, "stopped");
    assert_refused(&world.say(2, announce("victim", json!({ "left": 1 }))), 2, "announced");
    let said = world.say(3, announce("b", json!({ "offers": offers(1) })));
    assert_eq!(said[1].0, 1, "the victim still gets offers");
    assert_refused(&world.say(2, answer("victim", "b", 0)), 2, "answered");
    assert_eq!(world.say(1, answer("victim", "b", 0))[0].0, 3);
}

#[test]
fn one_who_stopped_gets_a_last_reply_and_no_more_offers() {
    let mut world = World::new();
    world.say(1, announce("a", json!({})));
    let said = world.say(1, announce("a", json!({ "event": "stopped" })));
    assert_eq!((said[0].0, &said[0].1["incomplete"]), (1, &json!(0)));
    assert_eq!(world.say(2, announce("b", json!({ "offers": offers(5) }))).len(), 1);
}

#[test]
fn a_seeder_that_says_completed_first_is_a_seeder_and_one_download() {
    let mut world = World::new();
    world.say(1, announce("a", json!({ "event": "completed", "left": 0, "numwant": 50 })));
    let said = world.say(1, announce("a", json!({ "event": "started", "left": 0 })));
    assert_eq!((&said[0].1["complete"], &said[0].1["incomplete"]), (&json!(1), &json!(0)));
    world.say(1, announce("a", json!({ "event": "completed", "left": 0 })));
    let said = world.say(2, json!({ "action": "scrape", "info_hash": HASH }));
    assert_eq!(said[0].1["files"][HASH]["downloaded"], 1);
}

#[test]
fn a_scrape_counts_the_torrents_it_names_and_no_others() {
    let mut world = World::new();
    world.say(1, announce("a", json!({ "left": 0 })));
    world.say(2, alone_in(OTHER_HASH, "b", json!([])));
    let said =
        world.say(3, json!({ "action": "scrape", "info_hash": [HASH, "unknown-torrent-----"] }));
    let files = json!({
        HASH: { "complete": 1, "incomplete": 0, "downloaded": 0 },
        "unknown-torrent-----": { "complete": 0, "incomplete": 0, "downloaded": 0 },
    });
    assert_eq!(said, [(3, json!({ "action": "scrape", "files": files }))]);
    let refused = world.say(3, json!({ "action": "scrape" }));
    assert_eq!(refused[0].1["action"], "scrape");
    assert!(refused[0].1["failure reason"].is_string(), "{refused:?}");
}

#[test]
fn when_a_connection_ends_its_peers_are_gone() {
    let mut world = World::new();
    world.say(1, announce("a", json!({})));
    world.say(1, alone_in(OTHER_HASH, "b", json!([])));
    world.tracker.disconnect(ConnectionId(1));
    assert!(world.tracker.torrents.is_empty() && world.tracker.connections.is_empty());
    // The peer id is free for the connection that comes next.
    assert!(world.say(2, announce("a", json!({})))[0].1.get("interval").is_some());
}

#[test]
fn a_peer_silent_for_two_intervals_is_gone() {
    let mut world = World::new();
    world.say(1, announce("a", json!({})));
    world.now += Span::from_secs(240) - Span::from_millis(1);
    world.tracker.expire(world.now);
    assert_eq!(world.tracker.torrents.len(), 1);
    world.now += Span::from_millis(1);
    world.tracker.expire(world.now);
    assert!(world.tracker.torrents.is_empty() && world.tracker.connections.is_empty());
}

#[test]
fn one_connection_is_at_most_four_peers_of_a_torrent_and_in_a_hundred_torrents() {
    let mut world = World::new();
    for name in ["a", "b", "c", "d"] {
        assert!(world.say(1, announce(name, json!({})))[0].1.get("interval").is_some());
    }
    assert_refused(&world.say(1, announce("e", json!({}))), 1, "a fifth peer");
    assert!(world.say(1, announce("a", json!({})))[0].1.get("interval").is_some(), "known");
    for number in 4..100 {
        let said = world.say(1, alone_in(&format!("{number:020}"), "a", json!([])));
        assert!(said[0].1.get("interval").is_some(), "torrent {number}");
    }
    let said = world.say(1, alone_in(&format!("{:020}", 100), "a", json!([])));
    assert!(said[0].1["failure reason"].is_string(), "{said:?}");
    assert_eq!(world.tracker.torrents.len(), 97, "a refused announce leaves nothing behind");
}

#[test]
fn offers_that_are_never_answered_do_not_pile_up() {
    let mut world = World::new();
    for peer in 2..=12 {
        world.say(peer, announce(&format!("{peer}"), json!({})));
    }
    for _ in 0..100 {
        world.say(1, announce("1", json!({ "offers": offers(10) })));
    }
    let waiting = |world: &World| -> usize {
        world.tracker.torrents.values().flat_map(|t| t.peers.values()).map(|p| p.offers.len()).sum()
    };
    assert_eq!(waiting(&world), 64);
    world.now += Span::from_secs(120);
    world.tracker.expire(world.now);
    assert_eq!(waiting(&world), 0);
}

#[test]
fn names_of_control_characters_and_high_bytes_meet_like_any_other() {
    let mut world = World::new();
    let hash: String = (0..10).chain(246..=255).map(char::from).collect();
    world.say(1, alone_in(&hash, "a", json!([])));
    let said = world.say(2, alone_in(&hash, "b", offers(1)));
    assert_eq!(said.len(), 2);
    assert_eq!(said[1].1["info_hash"], Value::String(hash));
}

/// A tracker, its time and its dice.
struct World {
    tracker: Tracker,
    now: SwarmTime,
    rng: ChaCha8Rng,
}

impl World {
    fn new() -> Self {
        Self::seeded(1)
    }

    fn seeded(seed: u64) -> Self {
        let now = SwarmTime::from_nanos(1_795_342_400_000_000_000);
        Self { tracker: Tracker::default(), now, rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// What is sent to whom after a client said something.
    fn say(&mut self, connection: u64, message: Value) -> Vec<(u64, Value)> {
        let from = ConnectionId(connection);
        let sendings = match Request::decode(&message.to_string(), &Limits::default()) {
            Ok(request) => self.tracker.handle(self.now, from, request, &mut self.rng),
            Err(failure) => vec![Sending { to: from, text: failure.encode() }],
        };
        sendings
            .into_iter()
            .map(|Sending { to, text }| (to.0, serde_json::from_str(&text).expect("JSON")))
            .collect()
    }
}

fn assert_refused(said: &[(u64, Value)], to: u64, law: &str) {
    let [(receiver, message)] = said else { panic!("{law}: {said:?}") };
    assert_eq!(*receiver, to, "{law}");
    assert_eq!((&message["action"], &message["info_hash"]), (&json!("announce"), &json!(HASH)));
    assert!(message["failure reason"].is_string(), "{law}: {message}");
}

fn announce(name: &str, fields: Value) -> Value {
    let mut message = json!({ "action": "announce", "info_hash": HASH, "peer_id": peer_id(name),
        "uploaded": 0, "downloaded": 0 });
    for (key, value) in fields.as_object().expect("an object") {
        message[key] = value.clone();
    }
    message
}

fn alone_in(info_hash: &str, name: &str, offers: Value) -> Value {
    let mut message = announce(name, json!({ "offers": offers }));
    message["info_hash"] = json!(info_hash);
    message
}

fn answer(from: &str, to: &str, offer: usize) -> Value {
    json!({ "action": "announce", "info_hash": HASH, "peer_id": peer_id(from),
        "to_peer_id": peer_id(to), "offer_id": offer_id(offer),
        "answer": { "type": "answer", "sdp": "v=0" }, "trackerid": null })
}

fn offers(count: usize) -> Value {
    (0..count)
        .map(|number| json!({ "offer": { "type": "offer", "sdp": "v=0" }, "offer_id": offer_id(number) }))
        .collect()
}

fn peer_id(name: &str) -> String {
    format!("-WW0200-{name:>12}")
}

fn offer_id(number: usize) -> String {
    format!("offer{number:015}")
}

mod traps;

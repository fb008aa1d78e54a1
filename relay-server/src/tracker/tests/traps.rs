//! What real WebTorrent clients do that a tracker can get wrong, one test for each.

use super::*;

#[test]
fn trap_a_binary_string_is_twenty_characters_and_up_to_forty_bytes() {
    let mut world = World::new();
    let high: String = (236..=255).map(char::from).collect();
    let control: String = (0..20).map(char::from).collect();
    for hash in [&high, &control] {
        let said = world.say(1, alone_in(hash, "a", json!([])));
        assert_eq!(said[0].1["info_hash"], json!(hash));
        assert!(said[0].1.get("interval").is_some(), "{said:?}");
    }
    let scrape = world.say(1, json!({ "action": "scrape", "info_hash": [high.clone()] }));
    assert_eq!(scrape[0].1["files"][&high]["incomplete"], 1, "the keys of `files` are such, too");
    for wrong in ["é".repeat(10), "a".repeat(19), "a".repeat(21), "a".repeat(40)] {
        let said = world.say(1, alone_in(&wrong, "a", json!([])));
        assert!(said[0].1["failure reason"].is_string(), "{wrong}: never cut, never padded");
    }
}

#[test]
fn trap_every_error_carries_an_action_a_client_knows_and_the_hash_it_asked_for() {
    let mut world = World::new();
    world.say(1, announce("a", json!({})));
    let requests = [
        announce("a", json!({ "offers": offers(11) })),
        announce("a", json!({ "offers": "none" })),
        announce("a", json!({ "peer_id": "short" })),
        answer("a", "nobody", 0),
        json!({ "action": "dance", "info_hash": HASH }),
        json!({ "info_hash": HASH }),
    ];
    for request in requests {
        let said = world.say(2, request.clone());
        assert_refused(&said, 2, &request.to_string());
    }
    let scrape = world.say(2, json!({ "action": "scrape", "info_hash": vec![HASH; 256] }));
    assert_eq!(scrape[0].1["action"], "scrape");
}

#[test]
fn trap_left_null_or_absent_is_a_leecher() {
    let mut world = World::new();
    for (connection, left) in
        [(1, json!({ "left": null })), (2, json!({})), (3, json!({ "left": "0" }))]
    {
        let said = world.say(connection, announce(&format!("{connection}"), left));
        assert_eq!(said[0].1["complete"], 0, "{said:?}");
        assert_eq!(said[0].1["incomplete"], connection);
    }
}

#[test]
fn trap_a_seeder_says_completed_before_started_without_offers() {
    let mut world = World::new();
    let seeding = json!({ "event": "completed", "left": 0, "numwant": 50 });
    let said = world.say(1, announce("a", seeding));
    assert_eq!((&said[0].1["complete"], &said[0].1["incomplete"]), (&json!(1), &json!(0)));
    let said = world.say(1, announce("a", json!({ "event": "started", "offers": offers(5) })));
    assert_eq!(said[0].1["complete"], 1, "it seeds still");
}

#[test]
fn trap_an_event_nobody_knows_is_an_update_and_never_an_error() {
    let mut world = World::new();
    for event in
        [json!("paused"), json!("update"), json!(""), json!("dance"), json!(null), json!(7)]
    {
        let said = world.say(1, announce("a", json!({ "event": event, "left": 5 })));
        assert!(said[0].1.get("interval").is_some(), "{event}: {said:?}");
        assert_eq!(said[0].1["incomplete"], 1, "{event}");
    }
}

#[test]
fn trap_a_description_of_64_kib_in_one_frame_passes() {
    let mut world = World::new();
    world.say(1, announce("a", json!({})));
    let sdp = "v=0 ".repeat(15_000);
    let large = json!([{ "offer": { "type": "offer", "sdp": sdp }, "offer_id": offer_id(0) }]);
    let said = world.say(2, announce("b", json!({ "offers": large })));
    assert_eq!(said[1].1["offer"]["sdp"], sdp, "passed on whole and unread");
}

#[test]
fn trap_the_interval_is_two_minutes_so_that_half_open_connections_do_not_pile_up() {
    let said = World::new().say(1, announce("a", json!({})));
    assert_eq!(said[0].1["interval"], 120);
}

#[test]
fn trap_one_socket_is_several_clients_and_many_torrents() {
    let mut world = World::new();
    for name in ["a", "b", "c", "d"] {
        assert!(world.say(1, announce(name, json!({})))[0].1.get("interval").is_some(), "{name}");
        assert!(
            world.say(1, alone_in(OTHER_HASH, name, json!([])))[0].1.get("interval").is_some(),
            "{name} in another torrent"
        );
    }
    // They meet each other like anyone else, over the one socket.
    let said = world.say(1, announce("a", json!({ "offers": offers(3) })));
    assert_eq!(said.len(), 1 + 3);
    assert!(said.iter().all(|(to, _)| *to == 1));
}

#[test]
fn trap_nobody_is_sent_what_bears_its_own_peer_id() {
    for seed in 0..20 {
        let mut world = World::seeded(seed);
        world.say(1, announce("a", json!({})));
        for _ in 0..3 {
            let said = world.say(1, announce("a", json!({ "offers": offers(5) })));
            assert_eq!(said.len(), 1, "alone in the torrent, however often it announces");
        }
        world.say(2, announce("b", json!({})));
        let said = world.say(1, announce("a", json!({ "offers": offers(5) })));
        assert!(said[1..].iter().all(|(to, _)| *to == 2), "seed {seed}: {said:?}");
    }
}

#[test]
fn trap_peers_meet_whatever_their_address_because_none_is_known() {
    // A connection is a number to the tracker. `tests/tracker.rs` lets IPv4 meet IPv6.
    let mut world = World::new();
    world.say(1, announce("a", json!({ "ip": "::1", "port": 1 })));
    let said = world.say(2, announce("b", json!({ "ip": "127.0.0.1", "offers": offers(1) })));
    assert_eq!(said.len(), 2);
}

#[test]
fn trap_an_answer_has_no_event_and_gets_no_reply() {
    let mut world = World::new();
    world.say(1, announce("a", json!({})));
    world.say(2, announce("b", json!({ "offers": offers(1) })));
    let answer = answer("a", "b", 0);
    assert!(answer.get("event").is_none() && answer.get("left").is_none());
    let said = world.say(1, answer);
    assert_eq!((said.len(), said[0].0), (1, 2), "only the one who offered hears of it");
}

#[test]
fn trap_fields_nobody_knows_and_a_tracker_id_are_ignored() {
    let mut world = World::new();
    let odd =
        json!({ "trackerid": "x", "numwant": -1, "key": {}, "uploaded": "much", "corrupt": 1 });
    assert!(world.say(1, announce("a", odd))[0].1.get("interval").is_some());
}

#[test]
fn trap_numbers_and_texts_that_are_none_are_refused_and_do_no_harm() {
    let mut world = World::new();
    let hash = format!(r#""info_hash":"{HASH}","peer_id":"{}""#, peer_id("a"));
    for (left, is_fine) in
        [("1e308", true), ("-1", true), ("1e309", false), ("NaN", false), (r#""\ud800""#, false)]
    {
        let text = format!(r#"{{"action":"announce",{hash},"left":{left}}}"#);
        let decoded = Request::decode(&text, &Limits::default());
        assert_eq!(decoded.is_ok(), is_fine, "left {left}");
    }
    assert_eq!(world.say(1, announce("a", json!({})))[0].1["incomplete"], 1);
}

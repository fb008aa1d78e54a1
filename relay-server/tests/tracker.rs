//! The WebTorrent tracker over real sockets, message by message as a browser's client speaks.

mod common;

use common::{Client, relay, relay_with, within};
use futures_util::SinkExt;
use protocol::limits::MAX_MESSAGE;
use relay_server::{Limits, Rate, RunningRelay};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

const HASH: &str = "\u{0}\u{1f}\u{7f}\u{80}\u{ff}hhhhhhhhhhhhhhh";

#[tokio::test]
async fn two_clients_are_introduced_and_learn_of_each_others_end() {
    let relay = relay().await;
    let mut seeder = peer(&relay).await;
    // What WebTorrent 3 says when it begins to seed: `completed` before `started`.
    let seeding = json!({ "event": "completed", "left": 0, "numwant": 50 });
    let reply = ask(&mut seeder, announce("seeder", seeding)).await;
    assert_eq!((&reply["interval"], &reply["complete"]), (&json!(120), &json!(1)));
    let started = json!({ "event": "started", "left": 0, "numwant": 5, "offers": offers(5) });
    ask(&mut seeder, announce("seeder", started)).await;

    let mut leecher = peer(&relay).await;
    let fetching = json!({ "event": "started", "left": null, "numwant": 5, "offers": offers(5) });
    let reply = ask(&mut leecher, announce("leecher", fetching)).await;
    assert_eq!((&reply["complete"], &reply["incomplete"]), (&json!(1), &json!(1)));

    let offer = heard(&mut seeder).await;
    assert_eq!((&offer["info_hash"], &offer["peer_id"]), (&json!(HASH), &json!(id("leecher"))));
    assert_eq!(offer["offer"], json!({ "type": "offer", "sdp": sdp() }));
    let mut answer = announce("seeder", json!({ "to_peer_id": id("leecher"), "trackerid": null }));
    answer["offer_id"] = offer["offer_id"].clone();
    answer["answer"] = json!({ "type": "answer", "sdp": sdp() });
    say(&mut seeder, answer).await;
    let answered = heard(&mut leecher).await;
    assert_eq!(answered["answer"], json!({ "type": "answer", "sdp": sdp() }));
    assert_eq!(
        (&answered["peer_id"], &answered["offer_id"]),
        (&json!(id("seeder")), &offer["offer_id"])
    );

    drop(leecher);
    loop {
        let scrape = ask(&mut seeder, json!({ "action": "scrape", "info_hash": HASH })).await;
        let counts = &scrape["files"][HASH];
        assert_eq!(counts["complete"], 1, "{scrape}");
        if counts["incomplete"] == 0 {
            break;
        }
    }
}

#[tokio::test]
async fn what_is_no_request_is_refused_in_a_form_clients_survive() {
    let relay = relay().await;
    let mut client = peer(&relay).await;
    for text in ["", "hello", "[[", r#"{"action":"dance"}"#, r#"{"action":"announce"}"#] {
        client.send_text(text).await;
        let refusal = heard(&mut client).await;
        assert_eq!(refusal["action"], "announce", "{text}");
        assert!(refusal["failure reason"].is_string(), "{text}");
    }
    within(client.socket.send(Message::Binary(vec![0; 20].into()))).await.expect("an open socket");
    assert_eq!(heard(&mut client).await["action"], "announce");
    let named = ask(&mut client, json!({ "action": "announce", "info_hash": HASH })).await;
    assert_eq!((&named["action"], &named["info_hash"]), (&json!("announce"), &json!(HASH)));
    let all = ask(&mut client, json!({ "action": "scrape" })).await;
    assert!(all["failure reason"].is_string() && all.get("files").is_none(), "{all}");
}

#[tokio::test]
async fn a_stranger_can_neither_evict_a_peer_nor_answer_unasked() {
    let relay = relay().await;
    let (mut victim, mut stranger) = (peer(&relay).await, peer(&relay).await);
    ask(&mut victim, announce("victim", json!({}))).await;
    let evict = announce("victim", json!({ "event": "stopped" }));
    assert!(ask(&mut stranger, evict).await["failure reason"].is_string());
    ask(&mut stranger, announce("stranger", json!({}))).await;
    let unasked = announce(
        "stranger",
        json!({ "to_peer_id": id("victim"),
        "offer_id": "oooooooooooooooooooo", "answer": { "type": "answer", "sdp": "v=0" } }),
    );
    assert!(ask(&mut stranger, unasked).await["failure reason"].is_string());
    let counts = ask(&mut stranger, json!({ "action": "scrape", "info_hash": HASH })).await;
    assert_eq!(counts["files"][HASH]["incomplete"], 2, "the victim is still there");
}

#[tokio::test]
async fn a_request_beyond_64_kib_closes_the_connection() {
    let relay = relay().await;
    let mut client = peer(&relay).await;
    let mut large = announce("a", json!({ "padding": "" }));
    let room = MAX_MESSAGE - large.to_string().len();
    large["padding"] = "x".repeat(room).into();
    assert_eq!(large.to_string().len(), MAX_MESSAGE);
    assert!(ask(&mut client, large.clone()).await.get("interval").is_some());
    large["padding"] = "x".repeat(room + 1).into();
    say(&mut client, large).await;
    assert_eq!(client.close_code().await, 1009);
}

#[tokio::test]
async fn requests_beyond_their_rate_are_passed_over() {
    let tracker_messages = Rate { per_second: 0.001, burst: 3.0 };
    let relay = relay_with(Limits { tracker_messages, ..Limits::default() }).await;
    let (mut flooder, mut other) = (peer(&relay).await, peer(&relay).await);
    for number in 0..50 {
        let mut request = announce("a", json!({}));
        request["info_hash"] = json!(format!("{number:020}"));
        say(&mut flooder, request).await;
    }
    for number in 0..3 {
        assert_eq!(heard(&mut flooder).await["info_hash"], format!("{number:020}"));
    }
    let hashes: Vec<String> = (0..50).map(|number| format!("{number:020}")).collect();
    let scrape = ask(&mut other, json!({ "action": "scrape", "info_hash": hashes })).await;
    let files = scrape["files"].as_object().expect("counts");
    assert_eq!(files.values().filter(|counts| counts["incomplete"] == 1).count(), 3);
}

#[tokio::test]
async fn answers_come_without_waiting_for_acknowledgements() {
    let relay = relay().await;
    let (mut one, mut two) = (peer(&relay).await, peer(&relay).await);
    ask(&mut one, announce("one", json!({}))).await;
    // A reply and an offer right behind it on the same socket: with Nagle's algorithm the
    // second waits for the acknowledgement of the first, 40 ms each time.
    let rounds = 50;
    let started = std::time::Instant::now();
    for _ in 0..rounds {
        say(&mut one, announce("one", json!({}))).await;
        ask(&mut two, announce("two", json!({ "offers": offers(1) }))).await;
        heard(&mut one).await;
        heard(&mut one).await;
    }
    let each = started.elapsed() / rounds;
    assert!(each.as_millis() < 20, "a round took {each:?}");
}

async fn peer(relay: &RunningRelay) -> Client {
    Client::connect(relay.local_addr(), "/announce").await
}

async fn say(client: &mut Client, message: Value) {
    client.send_text(message.to_string()).await;
}

async fn heard(client: &mut Client) -> Value {
    serde_json::from_str(&client.text().await).expect("the tracker speaks JSON")
}

async fn ask(client: &mut Client, message: Value) -> Value {
    say(client, message).await;
    heard(client).await
}

fn announce(name: &str, fields: Value) -> Value {
    let mut message = json!({ "action": "announce", "info_hash": HASH, "peer_id": id(name),
        "uploaded": 0, "downloaded": 0 });
    for (key, value) in fields.as_object().expect("an object") {
        message[key] = value.clone();
    }
    message
}

fn offers(count: usize) -> Value {
    (0..count)
        .map(|number| {
            json!({ "offer": { "type": "offer", "sdp": sdp() }, "offer_id": format!("{number:020}") })
        })
        .collect()
}

fn sdp() -> &'static str {
    "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\n"
}

fn id(name: &str) -> String {
    format!("-WW0300-{name:>12}")
}

//! The tracker's namespaces and bounds over real sockets.

mod common;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use common::http::{get, upgrade};
use common::{Client, relay, relay_with, within};
use futures_util::StreamExt;
use relay_server::{Access, Limits, Relay, RunningRelay};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

const HASH: &str = "hhhhhhhhhhhhhhhhhhhh";

#[tokio::test]
async fn clients_of_one_namespace_meet_and_those_of_others_and_of_none_do_not() {
    let relay = relay().await;
    let mut waiting = Vec::new();
    for path in ["/announce", "/announce/party", "/announce/Party_2-x"] {
        let mut client = Client::connect(relay.local_addr(), path).await;
        let reply = announce(&mut client, path, 0).await;
        assert_eq!(reply["incomplete"], 1, "{path}: nobody else is there");
        waiting.push((path, client));
    }
    for (path, waiting) in &mut waiting {
        let mut other = Client::connect(relay.local_addr(), path).await;
        let reply = announce(&mut other, "other", 5).await;
        assert_eq!(reply["incomplete"], 2, "{path}");
        let offer = heard(waiting).await;
        assert_eq!(offer["peer_id"], id("other"), "{path}: {offer}");
    }
}

#[tokio::test]
async fn a_closed_tracker_is_none_and_the_namespaces_stay() {
    let access = Access { open_tracker: false, ..Access::default() };
    let relay = Relay::builder().access(access).spawn().await.expect("a free port");
    assert_eq!(upgrade(relay.local_addr(), "/announce", &[]).await.1.status, 404);
    assert_eq!(upgrade(relay.local_addr(), "/announce/party", &[]).await.1.status, 101);
}

#[tokio::test]
async fn a_namespace_has_1_to_64_plain_characters() {
    let relay = relay().await;
    for (name, status) in [
        ("x", 101),
        (&*"x".repeat(64), 101),
        (&*"x".repeat(65), 404),
        ("a%2fb", 404),
        ("a%20b", 404),
        ("%C3%A9", 404),
        ("..", 404),
        ("", 404),
        ("a/b", 404),
    ] {
        let path = format!("/announce/{name}");
        assert_eq!(upgrade(relay.local_addr(), &path, &[]).await.1.status, status, "{name:?}");
    }
    assert!([400, 426].contains(&get(relay.local_addr(), "/announce/x", &[]).await.status));
}

#[tokio::test]
async fn clients_on_ipv4_and_on_ipv6_meet() {
    let anywhere = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
    // A machine without IPv6 can not be asked.
    let Ok(relay) = Relay::builder().listen(anywhere).spawn().await else { return };
    let port = relay.local_addr().port();
    let of_four = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let of_six = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
    let mut four = Client::connect(of_four, "/announce/party").await;
    announce(&mut four, "four", 0).await;
    let mut six = Client::connect(of_six, "/announce/party").await;
    assert_eq!(announce(&mut six, "six", 1).await["incomplete"], 2);
    assert_eq!(heard(&mut four).await["peer_id"], id("six"));
}

#[tokio::test]
async fn ten_megabytes_are_refused_and_nobody_else_notices() {
    let relay = relay().await;
    let mut other = peer(&relay).await;
    let mut large = peer(&relay).await;
    let ten_megabytes = json!({ "action": "announce", "x": "x".repeat(10 << 20) }).to_string();
    let code = large.closed_after(ten_megabytes).await;
    assert!(matches!(code, None | Some(1009)), "{code:?}");
    assert_eq!(announce(&mut other, "other", 0).await["interval"], 120);
}

#[tokio::test]
async fn an_announce_of_nine_levels_is_refused_like_any_other_nonsense() {
    let relay = relay().await;
    let mut client = peer(&relay).await;
    let mut deep = json!({ "action": "announce", "info_hash": HASH, "peer_id": id("a") });
    deep["x"] = serde_json::from_str(&format!("{}{}", "[".repeat(7), "]".repeat(7))).expect("JSON");
    client.send_text(deep.to_string()).await;
    assert_eq!(heard(&mut client).await["interval"], 120, "eight levels");
    deep["x"] = serde_json::from_str(&format!("{}{}", "[".repeat(8), "]".repeat(8))).expect("JSON");
    client.send_text(deep.to_string()).await;
    let refusal = heard(&mut client).await;
    assert!(refusal["failure reason"].is_string() && refusal["action"] == "announce", "{refusal}");
}

#[tokio::test]
async fn a_silent_client_is_pinged_so_that_no_proxy_cuts_it_off() {
    let ping_interval = Duration::from_millis(50);
    let relay = relay_with(Limits { ping_interval, ..Limits::default() }).await;
    let mut client = peer(&relay).await;
    let frame = within(client.socket.next()).await.expect("a frame").expect("an open socket");
    assert!(matches!(frame, Message::Ping(_)), "{frame:?}");
}

#[tokio::test]
async fn a_client_that_announces_nothing_for_two_intervals_is_closed() {
    let tracker_peer_lifetime = Duration::from_millis(200);
    let ping_interval = Duration::from_millis(20);
    let relay =
        relay_with(Limits { tracker_peer_lifetime, ping_interval, ..Limits::default() }).await;
    // It lives and answers pings, but takes part in nothing.
    let mut client = peer(&relay).await;
    let started = tokio::time::Instant::now();
    assert_eq!(within(client.close_code()).await, 4002);
    assert!(started.elapsed() >= tracker_peer_lifetime / 2);
}

#[tokio::test]
async fn every_bound_of_the_tracker_is_the_operators() {
    let relay = relay_with(Limits {
        tracker_offers: 1,
        tracker_scrape: 1,
        tracker_torrents: 2,
        tracker_peers_per_torrent: 1,
        ..Limits::default()
    })
    .await;
    let mut client = peer(&relay).await;
    let is_fine = |reply: &Value| reply.get("failure reason").is_none();
    assert!(is_fine(&announce(&mut client, "a", 1).await));
    assert!(!is_fine(&announce(&mut client, "a", 2).await), "two offers");
    assert!(!is_fine(&announce(&mut client, "b", 0).await), "a second peer of the torrent");
    for (number, fine) in [(1, true), (2, false)] {
        let hash = format!("{number:020}");
        let request = json!({ "action": "announce", "info_hash": hash, "peer_id": id("a") });
        client.send_text(request.to_string()).await;
        assert_eq!(is_fine(&heard(&mut client).await), fine, "torrent {}", number + 1);
    }
    for (count, fine) in [(1, true), (2, false)] {
        let scrape = json!({ "action": "scrape", "info_hash": vec![HASH; count] });
        client.send_text(scrape.to_string()).await;
        assert_eq!(is_fine(&heard(&mut client).await), fine, "a scrape of {count}");
    }
    // A peer that stops gives its place in the list back.
    let stop =
        json!({ "action": "announce", "info_hash": HASH, "peer_id": id("a"), "event": "stopped" });
    client.send_text(stop.to_string()).await;
    heard(&mut client).await;
    assert!(is_fine(&announce(&mut client, "b", 0).await));
}

async fn peer(relay: &RunningRelay) -> Client {
    Client::connect(relay.local_addr(), "/announce").await
}

/// Announces with so many offers and returns the reply.
async fn announce(client: &mut Client, name: &str, offers: usize) -> Value {
    let offers: Vec<Value> = (0..offers)
        .map(|number| {
            json!({ "offer": { "type": "offer", "sdp": "v=0" }, "offer_id": format!("{number:020}") })
        })
        .collect();
    let request =
        json!({ "action": "announce", "info_hash": HASH, "peer_id": id(name), "offers": offers });
    client.send_text(request.to_string()).await;
    heard(client).await
}

async fn heard(client: &mut Client) -> Value {
    serde_json::from_str(&client.text().await).expect("the tracker speaks JSON")
}

fn id(name: &str) -> String {
    format!("{name:_<20.20}")
}

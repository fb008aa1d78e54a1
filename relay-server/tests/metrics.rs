//! What the relay counts, read as an operator reads it.

mod common;

use std::net::SocketAddr;

use common::{Client, eventually, http_get, http_get_with, id, join_message, relay};
use protocol::ClientMessage;
use relay_server::{Limits, Rate, Relay, RunningRelay};

const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

#[tokio::test]
async fn the_metrics_are_on_their_own_address_and_not_on_the_members() {
    let relay = relay_with_metrics(Limits::default()).await;
    let metrics_addr = relay.metrics_addr().expect("an address of their own");
    let _ada = Client::member(&relay, "ada").await;

    let public = http_get(relay.local_addr(), "/metrics").await;
    assert!(public.starts_with("HTTP/1.1 404"), "{public}");

    let page = http_get(metrics_addr, "/metrics").await;
    assert!(page.contains("content-type: application/openmetrics-text; version=1.0.0"), "{page}");
    assert!(page.contains("\nrelay_members 1\n"), "{page}");
    assert!(page.contains("\nrelay_websockets{kind=\"member\"} 1\n"), "{page}");
    assert!(page.ends_with("# EOF\n"), "{page}");
    // Who is where is nobody's business.
    assert!(!page.contains("ada"), "{page}");
}

#[tokio::test]
async fn on_the_members_address_the_metrics_need_the_token() {
    let token = Some("correct horse".to_owned());
    let relay = Relay::builder().metrics_token(token).spawn().await.expect("a free port");
    let ask = |header: &'static str| http_get_with(relay.local_addr(), "/metrics", header);
    for refused in [
        "",
        "Authorization: Bearer wrong\r\n",
        "Authorization: Bearer \r\n",
        "Authorization: correct horse\r\n",
        "Authorization: Bearer correct horse battery\r\n",
    ] {
        let answer = ask(refused).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{refused}: {answer}");
        assert!(answer.contains("www-authenticate: Bearer"), "{answer}");
        assert!(!answer.contains("relay_"), "{answer}");
    }
    let page = ask("Authorization: Bearer correct horse\r\n").await;
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("relay_members 0"), "{page}");
}

#[tokio::test]
async fn a_relay_that_was_told_nothing_shows_no_metrics() {
    let relay = relay().await;
    let answer = http_get(relay.local_addr(), "/metrics").await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
}

#[tokio::test]
async fn what_members_do_is_counted_by_what_it_was() {
    let messages = Rate { per_second: 0.001, burst: 6.0 };
    let relay = relay_with_metrics(Limits { messages, ..Limits::default() }).await;
    let mut ada = Client::member(&relay, "ada").await;
    ada.time().await;
    ada.send(ClientMessage::RtcSignal { to: id("nobody"), data: 0.into() }).await;
    ada.error().await;
    ada.send_text("no message").await;
    ada.error().await;
    // One join, one signal and one refused message leave three of six.
    for _ in 0..5 {
        ada.send(ClientMessage::Stop).await;
    }
    ada.time().await;
    let mut peer = Client::connect(relay.local_addr(), "/announce").await;
    peer.send_text("{}").await;
    peer.text().await;
    let mut full = Client::stranger(&relay).await;
    full.send(join_message("party", "ada", None)).await;
    full.error().await;
    full.end().await;
    eventually("the goodbye was counted", || {
        counted(&relay, "relay_closed_total{code=\"1000\"}") == 1.0
    })
    .await;
    for (metric, expected) in [
        ("relay_messages_received_total{type=\"join\"}", 2.0),
        ("relay_messages_received_total{type=\"timePing\"}", 2.0),
        ("relay_messages_received_total{type=\"rtc:signal\"}", 1.0),
        ("relay_messages_received_total{type=\"stop\"}", 5.0),
        ("relay_dropped_total{reason=\"bad-message\"}", 1.0),
        ("relay_dropped_total{reason=\"rate-limited\"}", 2.0),
        ("relay_turned_away_total{reason=\"join\"}", 1.0),
        ("relay_time_holding_seconds_count{via=\"websocket\"}", 2.0),
        ("relay_tracker_refusals_total", 1.0),
        ("relay_websockets{kind=\"member\"}", 1.0),
        ("relay_websockets{kind=\"tracker\"}", 1.0),
        ("relay_swarms", 1.0),
        ("relay_ready", 1.0),
    ] {
        assert_eq!(counted(&relay, metric), expected, "{metric}");
    }
}

async fn relay_with_metrics(limits: Limits) -> RunningRelay {
    let relay = Relay::builder().limits(limits).metrics_listen(Some(LOOPBACK));
    relay.spawn().await.expect("free ports")
}

/// The present value of one line of the page.
fn counted(relay: &RunningRelay, metric: &str) -> f64 {
    let page = relay.metrics();
    let value = page.lines().find_map(|line| line.strip_prefix(metric)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("no {metric} in\n{page}"))
}

//! Who is let in, over real sockets: how many, how fast, from where, and under which name.

mod common;

use std::time::Duration;

use common::http::{ask_again, get, request, upgrade, upgrade_on};
use common::{Client, eventually, relay, relay_with, within};
use relay_server::{Access, ForwardedBy, Limits, Rate, Relay, RunningRelay};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn the_sixty_fifth_connection_of_an_address_is_refused_before_the_upgrade() {
    let relay = relay_with(Limits {
        spares_local_networks: false,
        new_connections_per_address: Rate { per_second: 1e6, burst: 1e6 },
        ..Limits::default()
    })
    .await;
    let mut open = Vec::new();
    for _ in 0..64 {
        open.push(Client::stranger(&relay).await);
    }
    let (_, refused) = upgrade(relay.local_addr(), "/ws", &[]).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("retry-after"), Some("30"));
    assert_eq!(refused.header("connection"), Some("close"));
    assert_eq!(upgrade(relay.local_addr(), "/announce", &[]).await.1.status, 429, "any kind");
    // Refusals are not counted themselves, and a place that is given back is free.
    open.pop().expect("64 of them").end().await;
    let_in(&relay, "/ws").await;
    assert!(relay.metrics().contains("relay_turned_away_total{reason=\"address-full\"}"));
}

#[tokio::test]
async fn a_connection_that_ends_without_an_upgrade_gives_its_place_back() {
    let limits = Limits { spares_local_networks: false, connections_per_address: 1, ..fast() };
    let relay = relay_with(limits).await;
    for _ in 0..20 {
        assert_eq!(ask_until_answered(&relay, "/health").await, 200);
    }
}

#[tokio::test]
async fn x_forwarded_for_is_ignored_unless_a_trusted_proxy_says_it() {
    let limits = Limits { connections_per_address: 2, ..fast() };
    let direct = relay_with(Limits { spares_local_networks: false, ..limits.clone() }).await;
    let mut open = Vec::new();
    for (number, status) in [(1, 101), (2, 101), (3, 429)] {
        let line = format!("X-Forwarded-For: 203.0.113.{number}");
        let (stream, answer) = upgrade(direct.local_addr(), "/ws", &[&line]).await;
        assert_eq!(answer.status, status, "{line}: all come from here");
        open.push(stream);
    }

    let behind = behind_proxy(limits, ForwardedBy::XForwardedFor).await;
    let mut open = Vec::new();
    for (line, status) in [
        ("X-Forwarded-For: 203.0.113.1", 101),
        ("X-Forwarded-For: 9.9.9.9, 203.0.113.1", 101),
        ("X-Forwarded-For: 8.8.8.8, 203.0.113.1", 429),
        ("X-Forwarded-For: 203.0.113.2", 101),
        ("Forwarded: for=203.0.113.1", 101),
        ("X-Forwarded-For: 2001:db8::1", 101),
        ("X-Forwarded-For: 2001:db8::2", 101),
        ("X-Forwarded-For: 2001:db8::3", 429),
    ] {
        let (stream, answer) = upgrade(behind.local_addr(), "/ws", &[line]).await;
        assert_eq!(answer.status, status, "{line}");
        open.push(stream);
    }
    drop(open);
    let line = "X-Forwarded-For: 203.0.113.1";
    within(async { while upgrade(behind.local_addr(), "/ws", &[line]).await.1.status != 101 {} })
        .await;
}

#[tokio::test]
async fn forwarded_is_believed_of_a_proxy_that_writes_it() {
    let limits = Limits { connections_per_address: 1, ..fast() };
    let relay = behind_proxy(limits, ForwardedBy::Forwarded).await;
    let mut open = Vec::new();
    for (lines, status) in [
        ([r#"Forwarded: for="[2001:db8::1]:4711""#, "X-Forwarded-For: 1.1.1.1"], 101),
        ([r#"Forwarded: for="[2001:db8::2]:4711""#, "X-Forwarded-For: 2.2.2.2"], 429),
        (["Forwarded: for=203.0.113.1;proto=https", "X-Forwarded-For: 1.1.1.1"], 101),
    ] {
        let (stream, answer) = upgrade(relay.local_addr(), "/ws", &lines).await;
        assert_eq!(answer.status, status, "{lines:?}");
        open.push(stream);
    }
}

#[tokio::test]
async fn an_address_that_rushes_is_told_when_to_come_back_and_members_notice_nothing() {
    let relay = relay_with(Limits {
        spares_local_networks: false,
        new_connections_per_address: Rate { per_second: 0.001, burst: 10.0 },
        ..Limits::default()
    })
    .await;
    let mut ada = Client::member(&relay, "ada").await;
    let mut statuses = Vec::new();
    for _ in 0..100 {
        let (_, answer) = upgrade(relay.local_addr(), "/ws", &[]).await;
        if answer.status == 429 {
            assert_eq!(answer.header("retry-after"), Some("2"));
        }
        statuses.push(answer.status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 101).count(), 9, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 91);
    ada.time().await;
}

#[tokio::test]
async fn a_connection_may_ask_a_hundred_times_at_once_and_the_next_request_ends_it() {
    let limits = Limits { spares_local_networks: false, ..fast() };
    let slow = Rate { per_second: 0.001, ..limits.http_requests };
    let relay = relay_with(Limits { http_requests: slow, ..limits }).await;
    let mut stream = TcpStream::connect(relay.local_addr()).await.expect("the relay listens");
    for number in 1..=100 {
        assert_eq!(ask_again(&mut stream, "/health").await.status, 200, "request {number}");
    }
    let refused = ask_again(&mut stream, "/health").await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("2")));
    let mut rest = Vec::new();
    within(stream.read_to_end(&mut rest)).await.expect("the connection is closed");
    assert!(relay.metrics().contains("relay_turned_away_total{reason=\"request-rate\"} 1"));
    // Whoever connects anew, which has a rate of its own, may ask again.
    assert_eq!(get(relay.local_addr(), "/health", &[]).await.status, 200);
}

#[tokio::test]
async fn who_is_spared_may_ask_without_end_and_so_may_a_proxy() {
    let http_requests = Rate { per_second: 0.001, burst: 3.0 };
    let local = relay_with(Limits { http_requests, ..fast() }).await;
    let limits = Limits { http_requests, spares_local_networks: false, ..fast() };
    let behind = behind_proxy(limits, ForwardedBy::XForwardedFor).await;
    for relay in [local, behind] {
        let mut stream = TcpStream::connect(relay.local_addr()).await.expect("the relay listens");
        for number in 1..=20 {
            assert_eq!(ask_again(&mut stream, "/health").await.status, 200, "request {number}");
        }
    }
}

#[tokio::test]
async fn too_many_new_connections_of_all_addresses_are_told_that_the_relay_is_busy() {
    let limits = Limits { new_connections: Rate { per_second: 0.001, burst: 3.0 }, ..fast() };
    let relay = behind_proxy(limits, ForwardedBy::XForwardedFor).await;
    for (number, status) in [(1, 101), (2, 101), (3, 101), (4, 503)] {
        let line = format!("X-Forwarded-For: 203.0.113.{number}");
        let (_, answer) = upgrade(relay.local_addr(), "/ws", &[&line]).await;
        assert_eq!(answer.status, status, "{line}");
        let retry = (status == 503).then_some("2");
        assert_eq!(answer.header("retry-after"), retry, "{line}");
    }
}

#[tokio::test]
async fn a_full_relay_says_so_and_takes_the_next_one_when_somebody_leaves() {
    let relay = relay_with(Limits { connections: 3, ..Limits::default() }).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(Client::stranger(&relay).await);
    }
    let (_, refused) = upgrade(relay.local_addr(), "/ws", &[]).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("30")));
    assert_eq!(get(relay.local_addr(), "/", &[]).await.status, 503);
    // Whoever watches over the relay still gets an answer.
    let health = get(relay.local_addr(), "/health", &[]).await;
    assert!(health.text().contains("\"status\":\"full\""), "{}", health.text());
    let ready = get(relay.local_addr(), "/ready", &[]).await;
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("\"obstacles\":[\"full\"]"), "{}", ready.text());
    assert!(relay.metrics().contains("\nrelay_ready 0\n"), "{}", relay.metrics());
    open.pop().expect("three of them").end().await;
    let_in(&relay, "/ws").await;
}

#[tokio::test]
async fn web_pages_from_elsewhere_can_not_open_a_socket_and_the_app_can() {
    let relay = relay().await;
    let own = format!("Origin: http://{}", relay.local_addr());
    for path in ["/ws", "/announce", "/announce/party"] {
        for (line, status) in [
            ("Origin: https://evil.example", 403),
            ("Origin: null", 403),
            ("Origin: tauri://evil", 403),
            ("Origin: tauri://localhost", 101),
            ("Origin: http://tauri.localhost", 101),
            ("Origin: https://tauri.localhost", 101),
            (own.as_str(), 101),
            ("Accept: */*", 101),
        ] {
            let (_, answer) = upgrade(relay.local_addr(), path, &[line]).await;
            assert_eq!(answer.status, status, "{line} at {path}");
        }
    }
}

#[tokio::test]
async fn a_name_that_was_made_to_lead_here_is_not_answered() {
    let access = Access { hosts: vec!["relay.example".to_owned()], ..Access::default() };
    let relay = Relay::builder().access(access).spawn().await.expect("a free port");
    for (lines, status) in [
        // What a browser sends for a page whose name was rebound to this address.
        (["Host: evil.example", "Origin: http://evil.example"], 421),
        (["Host: evil.example", "Accept: */*"], 421),
        (["Host: relay.example", "Origin: https://relay.example"], 101),
        (["Host: relay.example", "Origin: https://evil.example"], 403),
        (["Host: localhost:8080", "Accept: */*"], 101),
        (["Host: kitchen.local", "Accept: */*"], 101),
        (["Host: [::1]:8080", "Accept: */*"], 101),
    ] {
        let (_, answer) = upgrade(relay.local_addr(), "/ws", &lines).await;
        assert_eq!(answer.status, status, "{lines:?}");
    }
    assert_eq!(get(relay.local_addr(), "/", &["Host: evil.example"]).await.status, 421);
    let health = get(relay.local_addr(), "/health", &["Host: balancer.example"]).await;
    assert_eq!(health.status, 200, "whoever watches knows it under some name");
}

#[tokio::test]
async fn two_hundred_that_send_a_byte_now_and_then_are_dropped_and_keep_nobody_out() {
    let handshake = Duration::from_millis(400);
    let relay = relay_with(Limits { handshake, ..Limits::default() }).await;
    let mut ada = Client::member(&relay, "ada").await;
    let mut slow = Vec::new();
    for _ in 0..200 {
        slow.push(TcpStream::connect(relay.local_addr()).await.expect("the relay listens"));
    }
    let mut request = b"GET /ws HTTP/1.1\r\nHost: localhost\r\nX: ".iter().cycle();
    let mut pace = tokio::time::interval(handshake / 20);
    let started = tokio::time::Instant::now();
    let mut dropped = 0;
    while dropped < slow.len() {
        pace.tick().await;
        assert!(started.elapsed() < common::DEADLINE, "{dropped} of 200 were dropped");
        let byte = [*request.next().expect("a cycle has no end")];
        dropped = 0;
        for stream in &mut slow {
            let is_open = stream.write_all(&byte).await.is_ok();
            dropped += usize::from(!is_open);
        }
        ada.time().await;
    }
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_dropped() {
    let handshake = Duration::from_millis(50);
    let relay = relay_with(Limits { handshake, ..Limits::default() }).await;
    let mut silent = TcpStream::connect(relay.local_addr()).await.expect("the relay listens");
    let mut answer = Vec::new();
    let _ = within(silent.read_to_end(&mut answer)).await;
    assert_eq!(answer, b"");
    // And one that asked once, then keeps the connection for nothing.
    let mut idle = TcpStream::connect(relay.local_addr()).await.expect("the relay listens");
    idle.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("open");
    let _ = within(idle.read_to_end(&mut answer)).await;
    assert!(answer.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn a_head_of_a_hundred_kilobytes_is_refused() {
    let relay = relay().await;
    let long = format!("X-Long: {}", "x".repeat(100_000));
    assert_eq!(request("GET", relay.local_addr(), "/", &[&long]).await.status, 431);
}

#[tokio::test]
async fn one_who_asks_for_a_large_file_and_reads_nothing_is_given_up() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("large.bin"), vec![7; 32 << 20]).expect("room on the disk");
    let stalled_write = Duration::from_millis(100);
    let relay = Relay::builder()
        .limits(Limits { stalled_write, ..Limits::default() })
        .static_dir(Some(folder.path().to_owned()))
        .spawn()
        .await
        .expect("a free port");
    let mut stuck = TcpStream::connect(relay.local_addr()).await.expect("the relay listens");
    stuck.write_all(b"GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("open");
    eventually("it is served", || relay.metrics().contains("relay_connections 1\n")).await;
    eventually("it is given up", || relay.metrics().contains("relay_connections 0\n")).await;
}

#[tokio::test]
async fn places_behind_one_proxy_connection_are_given_back_with_each_socket() {
    let limits = Limits { connections_per_address: 1, ..fast() };
    let relay = behind_proxy(limits, ForwardedBy::XForwardedFor).await;
    let line = "X-Forwarded-For: 203.0.113.1";
    let (first, answer) = upgrade(relay.local_addr(), "/ws", &[line]).await;
    assert_eq!(answer.status, 101);
    // A proxy keeps its connections for others once a request on one was refused.
    let mut kept = TcpStream::connect(relay.local_addr()).await.expect("the relay listens");
    assert_eq!(upgrade_on(&mut kept, "/ws", &[line]).await.status, 429);
    drop(first);
    within(async { while upgrade(relay.local_addr(), "/ws", &[line]).await.1.status != 101 {} })
        .await;
}

/// A relay that believes what is said from this computer.
async fn behind_proxy(limits: Limits, forwarded_by: ForwardedBy) -> RunningRelay {
    let trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    let access = Access { trusted_proxies, forwarded_by, ..Access::default() };
    Relay::builder().limits(limits).access(access).spawn().await.expect("a free port")
}

/// Nobody comes too fast.
fn fast() -> Limits {
    let rate = Rate { per_second: 1e6, burst: 1e6 };
    Limits { new_connections: rate, new_connections_per_address: rate, ..Limits::default() }
}

/// Waits until a socket opens: the end of another one takes a moment to be noticed.
async fn let_in(relay: &RunningRelay, path: &str) {
    within(async { while upgrade(relay.local_addr(), path, &[]).await.1.status != 101 {} }).await;
}

async fn ask_until_answered(relay: &RunningRelay, path: &str) -> u16 {
    within(async {
        loop {
            let status = get(relay.local_addr(), path, &[]).await.status;
            if status != 429 {
                return status;
            }
        }
    })
    .await
}

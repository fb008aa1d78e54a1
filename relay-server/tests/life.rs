//! A relay's own life: start, time, health, files, end.

mod common;

use std::time::{Duration, Instant};

use common::{Client, DEADLINE, eventually, http_get, id, join_message, relay, relay_with, within};
use protocol::time::Millis;
use protocol::{ClientMessage, ErrorCode, ServerMessage, Span, SwarmTime};
use relay_server::{Limits, Rate, Relay, RelayError};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

#[tokio::test]
async fn a_time_pong_returns_the_stamp_and_lies_midway_between_receipt_and_answer() {
    let relay = relay().await;
    let mut ada = Client::member(&relay, "ada").await;
    let sent_t0 = Millis::new(1_795_342_400_123.062_5).expect("a time");
    let started = Instant::now();
    let mut earlier = SwarmTime::from_nanos(0);
    for _ in 0..16 {
        ada.send(ClientMessage::TimePing { t0: sent_t0 }).await;
        let ServerMessage::TimePong { t0, t_s, t1, t2 } = ada.next().await else {
            panic!("not a pong")
        };
        assert_eq!(t0, sent_t0, "to the last bit");
        assert!(t1 <= t_s && t_s <= t2, "{t1:?} {t_s:?} {t2:?}");
        let (t_s, t1, t2) = (SwarmTime::from(t_s), SwarmTime::from(t1), SwarmTime::from(t2));
        let midpoint = t1 + (t2 - t1).mul_f64(0.5);
        assert!((t_s - midpoint).abs() <= Span::from_micros(1), "{t_s:?} is not midway");
        assert!(t1 > earlier, "the clock stands still or runs back");
        assert!((t2 - t1).as_millis_f64() <= started.elapsed().as_secs_f64() * 1e3);
        earlier = t2;
    }
}

#[tokio::test]
async fn the_clock_runs_at_the_pace_of_this_computers_clock_from_todays_date() {
    let relay = relay().await;
    let mut ada = Client::member(&relay, "ada").await;
    let wall = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs_f64();
    let (before, first) = (Instant::now(), ada.time().await);
    let middle = Instant::now();
    for _ in 0..20 {
        ada.time().await;
    }
    let (after, last) = (Instant::now(), ada.time().await);
    let end = Instant::now();
    assert!((first.as_millis_f64() / 1e3 - wall).abs() < 5.0, "{first:?} is not today");
    let passed = (last - first).as_secs_f64();
    assert!(passed >= (after - middle).as_secs_f64(), "{passed} s is too little");
    assert!(passed <= (end - before).as_secs_f64(), "{passed} s is too much");
}

#[tokio::test]
async fn a_time_pong_overtakes_everything_that_waits() {
    let limits = Limits {
        messages: Rate { per_second: 1e6, burst: 1e6 },
        queue_messages: 10_000,
        queue_bytes: 64 * 1024 * 1024,
        ..Limits::default()
    };
    let relay = relay_with(limits).await;
    let mut ada = Client::member(&relay, "ada").await;
    let mut zoe = Client::slow_member(&relay, "zoe").await;
    // 10 MB: the sockets hold a part of it, the relay's queue the rest.
    let data = serde_json::Value::String("x".repeat(16 * 1024));
    for _ in 0..600 {
        ada.send(ClientMessage::RtcSignal { to: id("zoe"), data: data.clone() }).await;
    }
    ada.settled().await;
    zoe.send(ClientMessage::TimePing { t0: Millis::default() }).await;
    zoe.send(ClientMessage::RtcSignal { to: id("ada"), data: "the ping was read".into() }).await;
    ada.wait_for(|message| matches!(message, ServerMessage::RtcSignal { .. }).then_some(())).await;

    let mut overtaken = 600;
    loop {
        match zoe.next().await {
            ServerMessage::RtcSignal { .. } => overtaken -= 1,
            ServerMessage::TimePong { .. } => break,
            _ => {}
        }
    }
    assert!(overtaken > 100, "only {overtaken} of 600 waiting messages were overtaken");
}

#[tokio::test]
async fn every_relay_has_a_clock_of_its_own_name() {
    let (one, two) = (relay().await, relay().await);
    assert_ne!(one.local_addr(), two.local_addr());
    let (_a, first) = Client::join(&one, "ada").await;
    let (_b, second) = Client::join(&two, "ada").await;
    assert_ne!(first.clock_id, second.clock_id);
    assert_eq!((one.members(), two.members()), (1, 1), "each has its own swarms");
}

#[tokio::test]
async fn a_shutdown_tells_everyone_and_frees_the_port() {
    let relay = relay().await;
    let address = relay.local_addr();
    let mut ada = Client::member(&relay, "ada").await;
    let mut mia = Client::member(&relay, "mia").await;
    let mut stranger = Client::stranger(&relay).await;
    let mut peer = Client::connect(address, "/announce").await;
    ada.settled().await;
    let goodbyes = async {
        let mut said = Vec::new();
        for client in [&mut ada, &mut mia, &mut stranger] {
            said.push(client.error().await.0);
            assert_eq!(client.close_code().await, 1001);
        }
        assert_eq!(peer.close_code().await, 1001);
        said
    };
    let ((), said) = within(async { tokio::join!(relay.shutdown(), goodbyes) }).await;
    assert_eq!(said, [ErrorCode::ShuttingDown; 3], "and nobody is told that others left");
    let again = Relay::builder().listen(address).spawn().await.expect("the port is free");
    assert_eq!(again.local_addr(), address);
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_those_who_do_not_answer() {
    let relay = relay().await;
    let address = relay.local_addr();
    let _member = Client::member(&relay, "ada").await;
    let _half_a_request = {
        let mut stream = TcpStream::connect(address).await.expect("the relay listens");
        stream.write_all(b"GET / HT").await.expect("an open socket");
        stream
    };
    within(relay.shutdown()).await;
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_relay_that_is_dropped_ends_at_once() {
    let relay = relay().await;
    let address = relay.local_addr();
    let mut ada = Client::member(&relay, "ada").await;
    drop(relay);
    let ended = within(async {
        use futures_util::StreamExt;
        while let Some(Ok(_)) = ada.socket.next().await {}
    });
    ended.await;
    tokio::time::timeout(DEADLINE, async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the port is free");
}

#[tokio::test]
async fn a_port_in_use_is_named_in_the_error() {
    let relay = relay().await;
    let address = relay.local_addr();
    let Err(error) = Relay::builder().listen(address).spawn().await else {
        panic!("two relays on one port")
    };
    assert!(matches!(error, RelayError::AddressInUse { address: a } if a == address));
    assert_eq!(error.to_string(), format!("{address} is in use by another program"));
}

#[tokio::test]
async fn health_tells_how_many_are_here() {
    let relay = Relay::builder().name("kitchen").spawn().await.expect("a free port");
    let _ada = Client::member(&relay, "ada").await;
    let _mia = Client::member(&relay, "mia").await;
    eventually("both are in", || relay.swarms() == 1).await;
    let answer = http_get(relay.local_addr(), "/health").await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole answer");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
    let health: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(health["status"], "ok");
    assert_eq!(health["name"], "kitchen");
    assert_eq!((&health["members"], &health["swarms"]), (&2.into(), &1.into()));
    assert!(health["uptimeSeconds"].is_u64());
    // Who is in which swarm is nobody's business.
    assert!(!body.contains("ada"), "{body}");
}

#[tokio::test]
async fn without_a_web_interface_the_front_page_says_what_this_is() {
    let relay = relay().await;
    let answer = http_get(relay.local_addr(), "/").await;
    assert!(answer.contains("Synced Swarm Audio relay"), "{answer}");
    assert!(answer.contains("x-content-type-options: nosniff"), "{answer}");
    assert!(answer.contains("referrer-policy: no-referrer"), "{answer}");
    assert!(http_get(relay.local_addr(), "/nothing").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn the_web_interface_is_served_and_nothing_above_its_folder() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dist = folder.path().join("dist");
    std::fs::create_dir(&dist).expect("a folder");
    std::fs::write(dist.join("index.html"), "<h1>hello</h1>").expect("a file");
    std::fs::write(folder.path().join("secret.txt"), "secret").expect("a file");
    let relay = Relay::builder().static_dir(Some(dist)).spawn().await.expect("a free port");
    let page = http_get(relay.local_addr(), "/").await;
    assert!(page.contains("<h1>hello</h1>") && page.contains("content-type: text/html"), "{page}");
    for path in ["/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt"] {
        assert!(!http_get(relay.local_addr(), path).await.contains("secret\n"), "{path}");
        assert!(!http_get(relay.local_addr(), path).await.ends_with("secret"), "{path}");
    }
    assert!(http_get(relay.local_addr(), "/health").await.contains("\"status\":\"ok\""));
}

#[tokio::test]
async fn a_folder_that_does_not_exist_is_an_error_at_the_start() {
    let missing = std::path::PathBuf::from("/nonexistent/ui");
    let Err(error) = Relay::builder().static_dir(Some(missing)).spawn().await else {
        panic!("served from nowhere")
    };
    assert_eq!(error.to_string(), "/nonexistent/ui is not a folder");
}

#[tokio::test]
async fn two_hundred_members_at_once_all_come_in_and_know_each_other() {
    let relay = relay().await;
    let mut clients = Vec::new();
    for number in 0..200 {
        let mut client = Client::stranger(&relay).await;
        client.send(join_message("party", &format!("m{number:03}"), None)).await;
        clients.push(client);
    }
    let mut last = clients.pop().expect("200 of them");
    let joined = last.joined().await;
    let mut known: Vec<_> = joined.peers.into_iter().map(|peer| peer.user_id).collect();
    let deadline = Instant::now() + Duration::from_secs(10);
    while known.len() < 200 && Instant::now() < deadline {
        match last.next().await {
            ServerMessage::Presence { user_id, .. } => known.push(user_id),
            ServerMessage::Peers { peers } => {
                known = peers.into_iter().map(|peer| peer.user_id).collect();
            }
            _ => {}
        }
    }
    assert_eq!(known.len(), 200);
    assert_eq!(relay.members(), 200);
}

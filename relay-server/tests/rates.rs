//! What a member may say, how much of it and how often, at each boundary: so much passes, one
//! more is refused, and what is given back is free again.

mod common;

use std::time::Duration;

use common::{Client, file, id, join_message, relay, relay_with, within};
use futures_util::SinkExt;
use protocol::limits::MAX_SIGNAL;
use protocol::message::PresenceAction;
use protocol::{ClientMessage, ErrorCode, ServerMessage};
use relay_server::{Limits, Rate};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

/// So many at once and no more while the test runs.
fn only(burst: f64) -> Rate {
    Rate { per_second: 0.001, burst }
}

#[tokio::test]
async fn a_join_may_be_tried_as_often_as_its_rate_allows_and_not_once_more() {
    let relay = relay_with(Limits { joins: only(3.0), ..Limits::default() }).await;
    let _ada = Client::member(&relay, "ada").await;
    let mut other = Client::stranger(&relay).await;
    for _ in 0..3 {
        assert_eq!(other.refused(join_message("party", "ada", None)).await, ErrorCode::UserTaken);
    }
    let refused = other.refused(join_message("party", "mia", None)).await;
    assert_eq!(refused, ErrorCode::RateLimited, "even one that would be let in");
    let mut again = Client::stranger(&relay).await;
    again.send(join_message("party", "mia", None)).await;
    again.joined().await;
}

#[tokio::test]
async fn a_member_announces_as_many_files_at_once_as_its_rate_allows_and_not_one_more() {
    let limits = Limits { file_announces: only(2.0), files_per_member: 10, ..Limits::default() };
    let relay = relay_with(limits).await;
    let mut ada = Client::member(&relay, "ada").await;
    for letter in ['a', 'b'] {
        ada.send(ClientMessage::FileAnnounce(file(letter))).await;
        assert!(matches!(ada.next().await, ServerMessage::FileAnnounce { .. }), "{letter}");
    }
    let refused = ada.refused(ClientMessage::FileAnnounce(file('c'))).await;
    assert_eq!(refused, ErrorCode::RateLimited);
    ada.time().await;
}

#[tokio::test]
async fn the_lead_is_taken_as_often_as_its_rate_allows_and_not_once_more() {
    let relay = relay_with(Limits { director_takes: only(2.0), ..Limits::default() }).await;
    let mut ada = Client::member(&relay, "ada").await;
    for _ in 0..2 {
        ada.send(ClientMessage::DirectorTake { user_id: id("ada") }).await;
        assert!(matches!(ada.next().await, ServerMessage::DirectorTake { .. }));
    }
    let refused = ada.refused(ClientMessage::DirectorTake { user_id: id("ada") }).await;
    assert_eq!(refused, ErrorCode::RateLimited);
}

#[tokio::test]
async fn messages_pass_up_to_their_burst_and_one_more_is_dropped() {
    let relay = relay_with(Limits { messages: only(6.0), ..Limits::default() }).await;
    // One of the six is the join.
    let mut ada = Client::member(&relay, "ada").await;
    for _ in 0..5 {
        ada.send_text("hello").await;
        assert_eq!(ada.error().await.0, ErrorCode::BadMessage);
    }
    ada.send_text("hello").await;
    assert_eq!(ada.error().await.0, ErrorCode::RateLimited);
}

#[tokio::test]
async fn ten_times_too_much_for_too_long_closes_the_connection_and_disturbs_nobody() {
    let limits = Limits {
        messages: Rate { per_second: 20.0, burst: 20.0 },
        flood_times: 10.0,
        flood_seconds: 2,
        time_pings: Rate { per_second: 1e6, burst: 1e6 },
        ..Limits::default()
    };
    let relay = relay_with(limits).await;
    let mut ada = Client::member(&relay, "ada").await;
    let mut mia = Client::member(&relay, "mia").await;
    let mut pace = tokio::time::interval(Duration::from_millis(10));
    let started = tokio::time::Instant::now();
    let mut slowest = Duration::ZERO;
    // 500 a second, where 200 is a flood. Pings count as well.
    let left = loop {
        pace.tick().await;
        assert!(started.elapsed() < common::DEADLINE, "the flood goes on");
        for _ in 0..5 {
            let _ = mia.socket.feed(Message::Ping(Default::default())).await;
        }
        let _ = mia.socket.flush().await;
        let asked = tokio::time::Instant::now();
        ada.send(ClientMessage::TimePing { t0: Default::default() }).await;
        let mut left = false;
        loop {
            match ada.next().await {
                ServerMessage::Presence { action: PresenceAction::Leave, .. } => left = true,
                ServerMessage::TimePong { .. } => break,
                _ => {}
            }
        }
        slowest = slowest.max(asked.elapsed());
        if left {
            break started.elapsed();
        }
    };
    assert!(left >= Duration::from_secs(2), "a burst is no flood: {left:?}");
    assert!(slowest < Duration::from_millis(500), "another member waited {slowest:?}");
    assert_eq!(mia.close_code().await, 4009);
}

#[tokio::test]
async fn a_signal_of_32_kib_and_64_candidates_passes_and_more_does_not() {
    let relay = relay().await;
    let mut ada = Client::member(&relay, "ada").await;
    let mut mia = Client::member(&relay, "mia").await;
    ada.settled().await;
    let text = |length: usize| Value::String("x".repeat(length - "\"\"".len()));
    let line = "a=candidate:1 1 udp 2130706431 192.168.1.17 50000 typ host\r\n";
    let sdp = |count: usize| json!({ "type": "offer", "sdp": line.repeat(count) });
    for (fine, too_much) in [(text(MAX_SIGNAL), text(MAX_SIGNAL + 1)), (sdp(64), sdp(65))] {
        let refused = ada.refused(ClientMessage::RtcSignal { to: id("mia"), data: too_much }).await;
        assert_eq!(refused, ErrorCode::BadField);
        ada.send(ClientMessage::RtcSignal { to: id("mia"), data: fine.clone() }).await;
        let heard = mia.wait_for(|message| match message {
            ServerMessage::RtcSignal { data, .. } => Some(data),
            _ => None,
        });
        assert!(heard.await == fine, "the first thing to arrive is the one that fits");
    }
}

#[tokio::test]
async fn a_file_announce_of_16_kib_is_read_and_one_byte_more_is_refused() {
    let relay = relay().await;
    let mut ada = Client::member(&relay, "ada").await;
    let padded = |length: usize| {
        let text = ClientMessage::FileAnnounce(file('a')).encode();
        let bare = text.len() + r#","x":"""#.len();
        format!(r#"{},"x":"{}"}}"#, &text[..text.len() - 1], "x".repeat(length - bare))
    };
    assert_eq!(padded(16 * 1024).len(), 16 * 1024);
    ada.send_text(padded(16 * 1024 + 1)).await;
    assert_eq!(ada.error().await, (ErrorCode::BadField, Some("file:announce".to_owned())));
    ada.send_text(padded(16 * 1024)).await;
    assert!(matches!(ada.next().await, ServerMessage::FileAnnounce { .. }));
}

#[tokio::test]
async fn a_message_of_eight_levels_is_read_and_one_of_nine_is_not() {
    let relay = relay().await;
    let mut ada = Client::member(&relay, "ada").await;
    let nested = |levels: usize| {
        let inner = levels - 1;
        format!(r#"{{"type":"dance","x":{}{}}}"#, "[".repeat(inner), "]".repeat(inner))
    };
    ada.send_text(nested(8)).await;
    assert_eq!(ada.error().await.0, ErrorCode::UnknownType);
    ada.send_text(nested(9)).await;
    assert_eq!(ada.error().await, (ErrorCode::BadMessage, None));
    // Brackets in a text are no levels.
    ada.send_text(format!(r#"{{"type":"dance","x":"{}"}}"#, "[{".repeat(1_000))).await;
    assert_eq!(ada.error().await.0, ErrorCode::UnknownType);
}

#[tokio::test]
async fn numbers_and_names_that_are_none_are_refused_and_change_nothing() {
    let relay = relay().await;
    let mut ada = Client::member(&relay, "ada").await;
    let long = "x".repeat(60_000);
    let swarm = "0".repeat(64);
    for (text, code) in [
        (r#"{"type":"timePing","t0":NaN}"#.to_owned(), ErrorCode::BadMessage),
        (r#"{"type":"timePing","t0":1e309}"#.to_owned(), ErrorCode::BadField),
        (r#"{"type":"timePing","t0":-1e309}"#.to_owned(), ErrorCode::BadField),
        (r#"{"type":"timePing","t0":9.1e12}"#.to_owned(), ErrorCode::BadField),
        (r#"{"type":"timePing","t0":null}"#.to_owned(), ErrorCode::BadField),
        (r#"{"type":"director:take","userId":"\ud800"}"#.to_owned(), ErrorCode::BadField),
        (r#"{"type":"director:take","userId":""}"#.to_owned(), ErrorCode::BadField),
        (
            format!(r#"{{"type":"director:take","userId":"{}"}}"#, "x".repeat(65)),
            ErrorCode::BadField,
        ),
        (format!(r#"{{"type":"director:take","userId":"{long}"}}"#), ErrorCode::BadField),
        (format!(r#"{{"type":"{long}"}}"#), ErrorCode::UnknownType),
        (format!(r#"{{"type":"selectFile","fileId":"{}"}}"#, "0".repeat(63)), ErrorCode::BadField),
        (format!(r#"{{"type":"join","swarmHash":"{swarm}0","userId":"a"}}"#), ErrorCode::BadField),
        (
            format!(r#"{{"type":"join","swarmHash":"{}","userId":"a"}}"#, "A".repeat(64)),
            ErrorCode::BadField,
        ),
        (r#"{"type":"\ud800"}"#.to_owned(), ErrorCode::BadMessage),
        ("[".repeat(60_000), ErrorCode::BadMessage),
        (r#"{"x":"#.repeat(10_000), ErrorCode::BadMessage),
    ] {
        ada.send_text(text.clone()).await;
        assert_eq!(ada.error().await.0, code, "{text:.60}");
    }
    ada.time().await;
    // A megabyte is no message at all.
    let code = ada.closed_after(format!(r#"{{"type":"{}"}}"#, "x".repeat(1 << 20))).await;
    assert!(matches!(code, None | Some(1009)), "{code:?}");
}

#[tokio::test]
async fn a_swarm_lists_as_many_files_as_allowed_and_one_withdrawn_makes_room() {
    let limits = Limits { files_per_swarm: 2, files_per_member: 2, ..Limits::default() };
    let relay = relay_with(limits).await;
    let mut ada = Client::member(&relay, "ada").await;
    let mut mia = Client::member(&relay, "mia").await;
    for letter in ['a', 'b'] {
        ada.send(ClientMessage::FileAnnounce(file(letter))).await;
    }
    let announced = |message| matches!(message, ServerMessage::FileAnnounce { .. }).then_some(());
    mia.wait_for(announced).await;
    mia.wait_for(announced).await;
    assert_eq!(mia.refused(ClientMessage::FileAnnounce(file('c'))).await, ErrorCode::TooManyFiles);
    ada.send(ClientMessage::FileWithdraw { file_id: file('a').file_id }).await;
    mia.wait_for(|m| matches!(m, ServerMessage::FileWithdraw { .. }).then_some(())).await;
    mia.send(ClientMessage::FileAnnounce(file('c'))).await;
    mia.wait_for(announced).await;
}

#[tokio::test]
async fn a_full_swarm_takes_the_next_one_when_somebody_leaves() {
    let relay = relay_with(Limits { members: 2, ..Limits::default() }).await;
    let mut ada = Client::member(&relay, "ada").await;
    let mia = Client::member(&relay, "mia").await;
    let mut zoe = Client::stranger(&relay).await;
    assert_eq!(zoe.refused(join_message("party", "zoe", None)).await, ErrorCode::SwarmFull);
    mia.end().await;
    let left = |message| match message {
        ServerMessage::Presence { action: PresenceAction::Leave, .. } => Some(()),
        _ => None,
    };
    ada.wait_for(left).await;
    zoe.send(join_message("party", "zoe", None)).await;
    zoe.joined().await;
}

#[tokio::test]
async fn a_user_id_in_use_needs_the_secret_to_the_last_character() {
    let relay = relay().await;
    let (mut ada, joined) = Client::join(&relay, "ada").await;
    let secret = joined.resume;
    let mut wrong = secret.clone();
    let last = if wrong.ends_with('0') { "1" } else { "0" };
    wrong.replace_range(wrong.len() - 1.., last);
    let mut other = Client::stranger(&relay).await;
    for resume in [None, Some(String::new()), Some(wrong)] {
        let refused = other.refused(join_message("party", "ada", resume.clone())).await;
        assert_eq!(refused, ErrorCode::UserTaken, "{resume:?}");
    }
    ada.time().await;
    other.send(join_message("party", "ada", Some(secret.clone()))).await;
    assert_eq!(other.joined().await.resume, secret);
    assert_eq!(ada.close_code().await, 4010);
}

#[tokio::test]
async fn one_who_does_not_read_is_told_why_when_it_reads_again() {
    let limits = Limits {
        messages: Rate { per_second: 1e6, burst: 1e6 },
        queue_bytes: 128 * 1024,
        ..Limits::default()
    };
    let relay = relay_with(limits).await;
    let mut ada = Client::member(&relay, "ada").await;
    let mut zoe = Client::slow_member(&relay, "zoe").await;
    let data = Value::String("x".repeat(30 * 1024));
    let left = |message: &ServerMessage| {
        matches!(message, ServerMessage::Presence { action: PresenceAction::Leave, .. })
    };
    within(async {
        loop {
            for _ in 0..20 {
                ada.send(ClientMessage::RtcSignal { to: id("zoe"), data: data.clone() }).await;
            }
            if ada.settled().await.iter().any(left) {
                return;
            }
        }
    })
    .await;
    assert_eq!(zoe.close_code().await, 4008);
}

//! Input that is wrong, too large, too much or too slow, over real sockets.

mod common;

use std::time::Duration;

use common::{Client, eventually, file, id, join_message, relay, relay_with, within};
use futures_util::SinkExt;
use protocol::limits::MAX_MESSAGE;
use protocol::message::{FileReadiness, PresenceAction};
use protocol::time::Millis;
use protocol::{ClientMessage, ErrorCode, ServerMessage};
use relay_server::{Limits, Rate};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, FrameHeader};

#[tokio::test]
async fn a_bad_message_is_answered_with_what_it_was_and_the_connection_stays() {
    let relay = relay().await;
    let mut ada = Client::member(&relay, "ada").await;
    for (text, code, in_reply_to) in [
        ("hello", ErrorCode::BadMessage, None),
        ("[1,2]", ErrorCode::BadMessage, None),
        (r#"{"type":"dance"}"#, ErrorCode::UnknownType, Some("dance")),
        (r#"{"type":"timePing","t0":1e309}"#, ErrorCode::BadField, Some("timePing")),
        (r#"{"type":"timePing","t0":NaN}"#, ErrorCode::BadMessage, None),
        (r#"{"type":"play","fileId":"x"}"#, ErrorCode::BadField, Some("play")),
        (r#"{"type":"join"}"#, ErrorCode::BadField, Some("join")),
    ] {
        ada.send_text(text).await;
        assert_eq!(ada.error().await, (code, in_reply_to.map(str::to_owned)), "{text}");
    }
    ada.send_text("[".repeat(60_000)).await;
    assert_eq!(ada.error().await, (ErrorCode::BadMessage, None));
    ada.time().await;
}

#[tokio::test]
async fn a_file_name_with_path_parts_or_control_characters_is_refused() {
    let relay = relay().await;
    let mut ada = Client::member(&relay, "ada").await;
    let good = ClientMessage::FileAnnounce(file('a')).encode();
    for name in ["../../etc/passwd", "a\\\\b.mp3", "\\u001b[2Ja.mp3", "a\\u202e3pm.exe", ".."] {
        let text = good.replace("a.mp3", name);
        assert_ne!(text, good);
        ada.send_text(text).await;
        let refused = (ErrorCode::BadField, Some("file:announce".to_owned()));
        assert_eq!(ada.error().await, refused, "{name}");
    }
    let (_mia, joined) = Client::join(&relay, "mia").await;
    assert_eq!(joined.files, []);
}

#[tokio::test]
async fn binary_frames_are_refused_and_the_connection_stays() {
    let relay = relay().await;
    let mut ada = Client::member(&relay, "ada").await;
    within(ada.socket.send(Message::Binary(vec![1, 2, 3].into()))).await.expect("an open socket");
    assert_eq!(ada.error().await, (ErrorCode::BadMessage, None));
    ada.time().await;
}

#[tokio::test]
async fn a_message_before_join_is_refused_and_join_is_still_possible() {
    let relay = relay().await;
    let mut ada = Client::stranger(&relay).await;
    for message in [ClientMessage::Stop, ClientMessage::TimePing { t0: Millis::default() }] {
        assert_eq!(ada.refused(message).await, ErrorCode::NotJoined);
    }
    ada.send(join_message("party", "ada", None)).await;
    ada.joined().await;
    let again = ada.refused(join_message("party", "ada", None)).await;
    assert_eq!(again, ErrorCode::AlreadyJoined);
}

#[tokio::test]
async fn a_connection_that_never_joins_is_closed() {
    let relay = relay_with(Limits { join: Duration::from_millis(50), ..Limits::default() }).await;
    let mut idle = Client::stranger(&relay).await;
    assert_eq!(idle.close_code().await, 4002);
    // Talking without joining does not help.
    let mut chatty = Client::stranger(&relay).await;
    chatty.send(ClientMessage::Stop).await;
    assert_eq!(chatty.close_code().await, 4002);
}

#[tokio::test]
async fn a_message_of_64_kib_is_read_and_one_byte_more_closes_the_connection() {
    let relay = relay().await;
    let mut ada = Client::member(&relay, "ada").await;
    let mut mia = Client::member(&relay, "mia").await;
    let frame = |length: usize| {
        let bare = r#"{"type":"dance","x":""}"#.len();
        format!(r#"{{"type":"dance","x":"{}"}}"#, "x".repeat(length - bare))
    };
    ada.send_text(frame(MAX_MESSAGE)).await;
    ada.wait_for(|m| matches!(m, ServerMessage::Error { .. }).then_some(())).await;
    ada.send_text(frame(MAX_MESSAGE + 1)).await;
    assert_eq!(ada.close_code().await, 1009);
    let left = mia.wait_for(presence_of_leaver);
    assert_eq!(left.await, id("ada"));
}

#[tokio::test]
async fn a_message_in_many_frames_has_the_same_bound() {
    let relay = relay().await;
    let mut ada = Client::member(&relay, "ada").await;
    let part = |opcode, is_final| {
        let mut frame = Frame::message(vec![b' '; 8], OpCode::Data(opcode), is_final);
        frame.header_mut().mask = Some([1, 2, 3, 4]);
        Message::Frame(frame)
    };
    within(ada.socket.feed(part(Data::Text, false))).await.expect("an open socket");
    for _ in 0..10_000 {
        // The relay may have had enough at any moment.
        if within(ada.socket.feed(part(Data::Continue, false))).await.is_err() {
            break;
        }
    }
    let _ = within(ada.socket.flush()).await;
    assert_eq!(ada.close_code().await, 1009);
}

#[tokio::test]
async fn a_frame_that_claims_to_be_endless_closes_the_connection() {
    let relay = relay().await;
    let mut ada = Client::slow_member(&relay, "ada").await.socket.into_inner();
    // FIN + text, masked, 64-bit length of 2^62.
    let header = [0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
    within(ada.write_all(&header)).await.expect("an open socket");
    assert_eq!(raw_close_code(&mut ada).await, 1009);
}

#[tokio::test]
async fn text_that_is_no_utf8_closes_the_connection() {
    let relay = relay().await;
    let mut ada = Client::member(&relay, "ada").await;
    let mut frame = Frame::message(vec![0xc3, 0x28], OpCode::Data(Data::Text), true);
    frame.header_mut().mask = Some([1, 2, 3, 4]);
    within(ada.socket.send(Message::Frame(frame))).await.expect("an open socket");
    assert_eq!(ada.close_code().await, 1007);
}

#[tokio::test]
async fn bytes_that_are_no_frames_close_the_connection() {
    let relay = relay().await;
    let mut ada = Client::slow_member(&relay, "ada").await.socket.into_inner();
    // An empty text frame with all reserved bits set.
    within(ada.write_all(&[0xf1, 0x80, 1, 2, 3, 4])).await.expect("an open socket");
    assert_eq!(raw_close_code(&mut ada).await, 1002);
    eventually("the member is out", || relay.members() == 0).await;
}

#[tokio::test]
async fn a_client_that_never_finishes_its_request_is_dropped() {
    let limits = Limits { handshake: Duration::from_millis(50), ..Limits::default() };
    let relay = relay_with(limits).await;
    let mut slow = TcpStream::connect(relay.local_addr()).await.expect("the relay listens");
    slow.write_all(b"GET /ws HTTP/1.1\r\nHost: x\r\n").await.expect("an open socket");
    let mut answer = Vec::new();
    // Whatever it answers, the connection ends.
    let _ = within(slow.read_to_end(&mut answer)).await;
    assert!(!answer.starts_with(b"HTTP/1.1 101"), "{answer:?}");
}

#[tokio::test]
async fn a_member_that_falls_silent_is_taken_for_gone() {
    let limits = Limits {
        ping_interval: Duration::from_millis(50),
        pong_timeout: Duration::from_millis(50),
        ..Limits::default()
    };
    let relay = relay_with(limits).await;
    let (mut ada, _) = Client::join(&relay, "ada").await;
    // A socket nobody reads answers no ping, like a machine that lost its network.
    let _silent = Client::slow_member(&relay, "zoe").await;
    assert_eq!(ada.wait_for(presence_of_leaver).await, id("zoe"));
    // One that reads answers pings by itself and stays.
    ada.time().await;
}

#[tokio::test]
async fn a_flood_is_thinned_with_few_complaints_and_the_flooder_stays() {
    let messages = Rate { per_second: 1.0, burst: 20.0 };
    let relay = relay_with(Limits { messages, ..Limits::default() }).await;
    let mut ada = Client::member(&relay, "ada").await;
    let mut mia = Client::member(&relay, "mia").await;
    for number in 0..200 {
        mia.send(ClientMessage::RtcSignal { to: id("ada"), data: number.into() }).await;
    }
    // Time pings have a budget of their own.
    let mut complaints = 0;
    mia.send(ClientMessage::TimePing { t0: Millis::default() }).await;
    loop {
        match mia.next().await {
            ServerMessage::Error { code: ErrorCode::RateLimited, .. } => complaints += 1,
            ServerMessage::TimePong { .. } => break,
            other => panic!("unexpected {other:?}"),
        }
    }
    assert!((1..=3).contains(&complaints), "{complaints} complaints about 180 messages");
    let heard = ada.settled().await;
    let signals = heard.iter().filter(|m| matches!(m, ServerMessage::RtcSignal { .. })).count();
    assert!((15..=30).contains(&signals), "{signals} of 200 passed with a budget of 20");
}

#[tokio::test]
async fn time_pings_beyond_their_rate_go_unanswered() {
    let time_pings = Rate { per_second: 0.001, burst: 5.0 };
    let relay = relay_with(Limits { time_pings, ..Limits::default() }).await;
    let mut ada = Client::member(&relay, "ada").await;
    for _ in 0..50 {
        ada.send(ClientMessage::TimePing { t0: Millis::default() }).await;
    }
    let heard = ada.settled().await;
    let pongs = heard.iter().filter(|m| matches!(m, ServerMessage::TimePong { .. })).count();
    assert_eq!(pongs, 5);
}

#[tokio::test]
async fn a_member_that_does_not_read_is_closed_and_disturbs_nobody() {
    let limits = Limits {
        messages: Rate { per_second: 1e6, burst: 1e6 },
        queue_bytes: 256 * 1024,
        ..Limits::default()
    };
    let relay = relay_with(limits).await;
    let mut ada = Client::member(&relay, "ada").await;
    let mut mia = Client::member(&relay, "mia").await;
    let stuck = Client::slow_member(&relay, "zoe").await;
    ada.wait_for(presence_of_joiner("zoe")).await;

    // 16 KiB at a time until the stuck member's socket, then its queue, are full.
    let data = serde_json::Value::String("x".repeat(16 * 1024));
    let mut sent = 0;
    let mut slowest = Duration::ZERO;
    let closed = loop {
        ada.send(ClientMessage::RtcSignal { to: id("zoe"), data: data.clone() }).await;
        sent += 1;
        assert!(sent < 1_000, "16 MB were taken for one who reads nothing");
        let asked = tokio::time::Instant::now();
        let message = ClientMessage::RtcSignal { to: id("mia"), data: sent.into() };
        ada.send(message).await;
        let left = loop {
            match mia.next().await {
                ServerMessage::RtcSignal { .. } => break false,
                ServerMessage::Presence { action: PresenceAction::Leave, .. } => break true,
                _ => {}
            }
        };
        slowest = slowest.max(asked.elapsed());
        if left {
            break id("zoe");
        }
    };
    assert_eq!(closed, id("zoe"));
    assert!(slowest < Duration::from_millis(500), "another member waited {slowest:?}");
    drop(stuck);
}

#[tokio::test]
async fn what_a_slow_member_missed_is_made_up_for_by_one_summary() {
    let limits = Limits {
        messages: Rate { per_second: 1e6, burst: 1e6 },
        queue_bytes: 64 * 1024,
        ..Limits::default()
    };
    let relay = relay_with(limits).await;
    let mut ada = Client::member(&relay, "ada").await;
    let mut zoe = Client::slow_member(&relay, "zoe").await;
    let readiness = |held_bytes| -> Vec<FileReadiness> {
        "abcdefghij"
            .chars()
            .map(|letter| FileReadiness {
                file_id: file(letter).file_id,
                held_bytes,
                playable: true,
            })
            .collect()
    };
    // 8 MB of it: far more than the sockets' own buffers hold.
    for held_bytes in 0..6_000 {
        ada.send(ClientMessage::Readiness { files: readiness(held_bytes) }).await;
    }
    ada.settled().await;
    let _mia = Client::member(&relay, "mia").await;
    assert_eq!(relay.members(), 3, "the slow member is still in");

    // Once it reads again it learns how things stand.
    let mut known = std::collections::BTreeMap::new();
    let wanted = [("ada", readiness(5_999)), ("mia", Vec::new()), ("zoe", Vec::new())];
    let wanted = wanted.map(|(user, files)| (id(user), files)).into();
    while known != wanted {
        match zoe.next().await {
            ServerMessage::Peers { peers } => {
                known = peers.into_iter().map(|peer| (peer.user_id, peer.readiness)).collect();
            }
            ServerMessage::Presence { user_id, .. } => {
                known.insert(user_id, Vec::new());
            }
            ServerMessage::Readiness { user_id, files } => {
                known.insert(user_id, files);
            }
            _ => {}
        }
    }
}

fn presence_of_leaver(message: ServerMessage) -> Option<protocol::UserId> {
    match message {
        ServerMessage::Presence { user_id, action: PresenceAction::Leave, .. } => Some(user_id),
        _ => None,
    }
}

fn presence_of_joiner(user: &str) -> impl Fn(ServerMessage) -> Option<()> {
    let user = id(user);
    move |message| match message {
        ServerMessage::Presence { user_id, action: PresenceAction::Join, .. } => {
            (user_id == user).then_some(())
        }
        _ => None,
    }
}

/// Reads frames until the close frame and returns its code.
async fn raw_close_code(stream: &mut (impl AsyncRead + Unpin)) -> u16 {
    let mut bytes = Vec::new();
    within(async {
        loop {
            let mut rest = std::io::Cursor::new(&bytes);
            while let Some((header, length)) =
                FrameHeader::parse(&mut rest).expect("frames of the relay are whole")
            {
                let start = rest.position() as usize;
                let Some(payload) = bytes.get(start..start + length as usize) else { break };
                if header.opcode == OpCode::Control(close_opcode()) {
                    return u16::from_be_bytes([payload[0], payload[1]]);
                }
                rest.set_position((start + length as usize) as u64);
            }
            let mut chunk = [0; 4096];
            let count = stream.read(&mut chunk).await.expect("an open socket");
            assert_ne!(count, 0, "closed without a close frame");
            bytes.extend_from_slice(&chunk[..count]);
        }
    })
    .await
}

fn close_opcode() -> tokio_tungstenite::tungstenite::protocol::frame::coding::Control {
    tokio_tungstenite::tungstenite::protocol::frame::coding::Control::Close
}

//! What arrives from outside and is no message is refused with a code that says why.

use protocol::limits::{MAX_ERROR_TEXT, MAX_FILE_SIZE, MAX_MESSAGE, MAX_SIGNAL};
use protocol::message::{ClientMessage, DecodeError, ErrorCode, ServerMessage};
use serde_json::{Value, json};

#[test]
fn text_that_is_no_object_with_a_type_is_a_bad_message() {
    for text in [
        "",
        " ",
        "play",
        "null",
        "17",
        "[]",
        "{",
        "{}",
        r#"{"type":7}"#,
        r#"{"type":null}"#,
        r#"{"kind":"stop"}"#,
        r#"{"type":"stop"} {"type":"stop"}"#,
        "{\"type\":\"stop\"}\0",
        r#"{"type":"stop","type":"stop"}"#,
    ] {
        let refused = refusal(text);
        assert_eq!(refused.code, ErrorCode::BadMessage, "{text:?}: {refused}");
        assert_eq!(refused.found_type, None, "{text:?}");
    }
}

#[test]
fn an_unknown_type_is_named_in_the_refusal() {
    let refused = refusal(r#"{"type":"dance","userId":"a"}"#);
    assert_eq!(refused.code, ErrorCode::UnknownType);
    assert_eq!(refused.found_type.as_deref(), Some("dance"));
    // What only the relay says is unknown from a member.
    assert_eq!(refusal(r#"{"type":"timePong"}"#).code, ErrorCode::UnknownType);
    assert_eq!(refusal(r#"{"type":"Stop"}"#).code, ErrorCode::UnknownType);
}

#[test]
fn an_endless_type_with_control_characters_can_not_flood_an_answer() {
    let text = json!({ "type": format!("\u{1b}[31m{}", "x".repeat(10_000)) }).to_string();
    let refused = refusal(&text);
    assert_eq!(refused.code, ErrorCode::UnknownType);
    assert!(refused.reason.chars().count() <= MAX_ERROR_TEXT, "{}", refused.reason.len());
    assert!(!refused.reason.chars().any(char::is_control), "{:?}", refused.reason);
    assert!(ServerMessage::from(refused).encode().len() < 1_000);
}

#[test]
fn unknown_fields_are_ignored() {
    let text = r#"{"type":"stop","colour":"blue","nested":{"deep":[1,2,3]}}"#;
    assert_eq!(ClientMessage::decode(text), Ok(ClientMessage::Stop));
}

#[test]
fn a_message_of_64_kib_is_read_and_one_byte_more_is_not() {
    let frame = |length: usize| {
        let bare = r#"{"type":"stop","x":""}"#.len();
        format!(r#"{{"type":"stop","x":"{}"}}"#, "x".repeat(length - bare))
    };
    assert_eq!(frame(MAX_MESSAGE).len(), MAX_MESSAGE);
    assert_eq!(ClientMessage::decode(&frame(MAX_MESSAGE)), Ok(ClientMessage::Stop));
    let refused = refusal(&frame(MAX_MESSAGE + 1));
    assert_eq!(refused.code, ErrorCode::BadMessage);
    assert!(refused.reason.contains("65536"), "{refused}");
}

#[test]
fn a_missing_or_wrong_field_is_a_bad_field() {
    for text in [
        r#"{"type":"join"}"#,
        r#"{"type":"join","swarmHash":"abc","userId":"a"}"#,
        r#"{"type":"timePing"}"#,
        r#"{"type":"timePing","t0":"5"}"#,
        r#"{"type":"timePing","t0":null}"#,
        r#"{"type":"director:take"}"#,
        r#"{"type":"director:take","userId":"a b"}"#,
        r#"{"type":"director:take","userId":["a"]}"#,
        r#"{"type":"selectFile","fileId":"../../etc/passwd"}"#,
        r#"{"type":"readiness","files":{}}"#,
        r#"{"type":"rtc:signal","data":{}}"#,
        r#"{"type":"timePing","t0":1,"t0":2}"#,
    ] {
        let refused = refusal(text);
        assert_eq!(refused.code, ErrorCode::BadField, "{text}: {refused}");
        assert!(refused.found_type.is_some(), "{text}");
    }
}

#[test]
fn an_order_of_more_songs_than_a_swarm_may_share_is_refused() {
    let order =
        |count| json!({ "type": "queue", "order": vec!["a".repeat(64); count] }).to_string();
    assert!(ClientMessage::decode(&order(100)).is_ok());
    assert_eq!(refusal(&order(101)).code, ErrorCode::BadField);
}

#[test]
fn numbers_out_of_range_are_refused() {
    for number in ["1e309", "-1e309", "1e300", "9.1e12", "-9.1e12", "NaN", "Infinity", "0x10"] {
        let text = format!(r#"{{"type":"timePing","t0":{number}}}"#);
        let code = refusal(&text).code;
        assert!(
            matches!(code, ErrorCode::BadField | ErrorCode::BadMessage),
            "{number} gave {code:?}"
        );
    }
    for size in ["0", "-1", "1.5", "4294967297", "18446744073709551616", "1e309"] {
        let text = announcement().to_string().replace("\"size\":1024", &format!("\"size\":{size}"));
        assert!(ClientMessage::decode(&text).is_err(), "size {size} was accepted");
    }
    let mut whole = announcement();
    whole["size"] = json!(MAX_FILE_SIZE);
    assert!(ClientMessage::decode(&whole.to_string()).is_ok());
}

#[test]
fn deep_json_is_refused_without_exhausting_the_stack() {
    for open in ["[", "{\"a\":"] {
        let deep = open.repeat(MAX_MESSAGE / open.len() - 100);
        assert_eq!(refusal(&deep).code, ErrorCode::BadMessage);
        let inside =
            format!(r#"{{"type":"rtc:signal","to":"b","data":{}"#, &deep[..deep.len() - 100]);
        let code = refusal(&inside).code;
        assert_eq!(code, ErrorCode::BadMessage, "the frame is not even whole");
    }
    let closed = format!(
        r#"{{"type":"rtc:signal","to":"b","data":{}{}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    assert!(ClientMessage::decode(&closed).is_err());
}

#[test]
fn a_file_name_with_path_parts_or_control_characters_is_refused() {
    for name in [
        "../../etc/passwd",
        "/etc/passwd",
        "C:\\Windows\\win.ini",
        "..",
        ".",
        "",
        "   ",
        "a\u{0}.mp3",
        "a\nb.mp3",
        "\u{1b}[2Jsong.mp3",
        "song\u{202e}3pm.exe",
        "song\u{2066}.mp3",
        "\u{feff}song.mp3",
    ] {
        let mut message = announcement();
        message["name"] = json!(name);
        let refused = refusal(&message.to_string());
        assert_eq!(refused.code, ErrorCode::BadField, "{name:?}: {refused}");
        assert!(!refused.reason.chars().any(char::is_control), "{:?}", refused.reason);
    }
    let mut longest = announcement();
    longest["name"] = json!("é".repeat(255));
    assert!(ClientMessage::decode(&longest.to_string()).is_ok());
    longest["name"] = json!("é".repeat(256));
    assert_eq!(refusal(&longest.to_string()).code, ErrorCode::BadField);
}

#[test]
fn tags_and_magnets_are_bounded_too() {
    let mut message = announcement();
    message["media"] = json!({ "title": "x".repeat(256) });
    assert_eq!(refusal(&message.to_string()).code, ErrorCode::BadField);
    for magnet in
        ["http://example.org/", "magnet:?xt=a b", &format!("magnet:?{}", "x".repeat(4096))]
    {
        let mut message = announcement();
        message["magnet"] = json!(magnet);
        assert_eq!(refusal(&message.to_string()).code, ErrorCode::BadField, "{magnet:.40}");
    }
}

#[test]
fn a_lone_surrogate_is_no_text() {
    let text = r#"{"type":"join","swarmHash":"45ceeb81bd5ccd54a8b22d80b715a6e6f7ce687787dd5e5cdf768fbbbae99f97","userId":"a","alias":"\ud800"}"#;
    assert!(ClientMessage::decode(text).is_err());
}

#[test]
fn a_signal_of_32_kib_is_passed_on_and_one_byte_more_is_not() {
    let signal = |length: usize| {
        json!({ "type": "rtc:signal", "to": "b", "data": "x".repeat(length - 2) }).to_string()
    };
    assert!(ClientMessage::decode(&signal(MAX_SIGNAL)).is_ok());
    let refused = refusal(&signal(MAX_SIGNAL + 1));
    assert_eq!(refused.code, ErrorCode::BadField);
    assert_eq!(refused.found_type.as_deref(), Some("rtc:signal"));
}

#[test]
fn a_relay_that_leaves_out_later_additions_is_understood() {
    let text = r#"{"type":"joined","peers":[{"userId":"a"}]}"#;
    let message = ServerMessage::decode(text).expect("the given fields are enough");
    let ServerMessage::Joined(joined) = message else { panic!("not joined: {message:?}") };
    assert_eq!((joined.term, joined.files_per_member), (0, 3));
}

#[test]
fn servers_that_a_browser_would_refuse_are_not_taken_from_a_relay() {
    let joined = |ice: Value| {
        ServerMessage::decode(&json!({ "type": "joined", "peers": [], "ice": ice }).to_string())
    };
    let turn = |url: &str| json!([{ "urls": [url], "username": "1:a", "credential": "b" }]);
    for good in [
        json!([]),
        json!([{ "urls": ["stun:a.example"] }]),
        turn("turns:a.example:443?transport=tcp"),
        turn("turn:[2001:db8::1]:3478"),
    ] {
        assert!(joined(good.clone()).is_ok(), "{good}");
    }
    for bad in [
        json!([{ "urls": [] }]),
        json!([{ "urls": ["turn:a.example"] }]),
        json!([{ "urls": ["http://a.example"] }]),
        turn("turn:"),
        turn("turn:a b"),
        turn(&format!("turn:{}", "x".repeat(512))),
        json!([{ "urls": vec!["stun:a.example"; 9] }]),
        json!(vec![json!({ "urls": ["stun:a.example"] }); 9]),
    ] {
        assert!(joined(bad.clone()).is_err(), "{bad}");
    }
}

fn refusal(text: &str) -> DecodeError {
    match ClientMessage::decode(text) {
        Err(refused) => refused,
        Ok(message) => panic!("{text:.200} was read as {message:?}"),
    }
}

fn announcement() -> Value {
    json!({
        "type": "file:announce",
        "fileId": "0".repeat(64),
        "name": "song.mp3",
        "size": 1024,
        "infoHash": "0".repeat(40),
        "magnet": "magnet:?xt=urn:btih:0",
    })
}

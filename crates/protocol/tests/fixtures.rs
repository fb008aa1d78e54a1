//! The example messages in `fixtures/` mean to this crate what they say.
//!
//! The window's tests read the same files, so a field renamed on one side fails on both.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use protocol::host::{HostEvent, Intent};
use protocol::message::{CLIENT_TYPES, ClientMessage, SERVER_TYPES, ServerMessage};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

#[test]
fn every_client_fixture_survives_decoding_and_encoding() {
    for (path, text) in fixtures("client") {
        let message = ClientMessage::decode(&text).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        assert_same(&path, &text, &message.encode());
    }
}

#[test]
fn every_server_fixture_survives_decoding_and_encoding() {
    for (path, text) in fixtures("server") {
        let message = ServerMessage::decode(&text).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        assert_same(&path, &text, &message.encode());
    }
}

#[test]
fn every_intent_fixture_survives_decoding_and_encoding() {
    survive::<Intent>("intent");
}

#[test]
fn every_host_event_fixture_survives_decoding_and_encoding() {
    survive::<HostEvent>("host");
}

#[test]
fn every_message_type_has_a_fixture_and_no_fixture_has_another() {
    assert_eq!(types("client"), CLIENT_TYPES.iter().map(|name| (*name).to_owned()).collect());
    assert_eq!(types("server"), SERVER_TYPES.iter().map(|name| (*name).to_owned()).collect());
}

#[test]
fn the_lists_of_types_name_every_message_there_is() {
    // serde's own complaint about an unknown tag lists every tag it knows.
    assert_eq!(known_tags::<ClientMessage>(), CLIENT_TYPES);
    assert_eq!(known_tags::<ServerMessage>(), SERVER_TYPES);
}

fn known_tags<T: DeserializeOwned>() -> Vec<String> {
    let Err(complaint) = serde_json::from_str::<T>(r#"{"type":"?"}"#) else {
        panic!("`?` is no message")
    };
    let complaint = complaint.to_string();
    let quoted = complaint.split('`').skip(1).step_by(2);
    quoted.filter(|tag| *tag != "?").map(str::to_owned).collect()
}

fn survive<T: Serialize + DeserializeOwned>(folder: &str) {
    for (path, text) in fixtures(folder) {
        let value: T = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        assert_same(&path, &text, &serde_json::to_string(&value).expect("plain data"));
    }
}

fn assert_same(path: &Path, fixture: &str, encoded: &str) {
    let expected: Value = serde_json::from_str(fixture).expect("a fixture is JSON");
    let found: Value = serde_json::from_str(encoded).expect("encoding gives JSON");
    assert!(
        equal(&expected, &found),
        "{} changed on its way:\nfixture {expected}\nencoded {found}",
        path.display()
    );
}

/// JSON equality as JavaScript sees it: `0` and `0.0` are one number.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        _ => a == b,
    }
}

fn types(folder: &str) -> BTreeSet<String> {
    fixtures(folder)
        .into_iter()
        .map(|(path, text)| {
            let value: Value = serde_json::from_str(&text).expect("a fixture is JSON");
            value["type"].as_str().unwrap_or_else(|| panic!("{path:?} has no type")).to_owned()
        })
        .collect()
}

fn fixtures(folder: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder);
    let mut found: Vec<(PathBuf, String)> = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{folder:?}: {e}"))
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "json"))
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("a readable fixture");
            (path, text)
        })
        .collect();
    assert!(!found.is_empty(), "{folder:?} holds no fixtures");
    found.sort();
    found
}

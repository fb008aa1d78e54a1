//! The JSON that crosses to the page is what the page's own tests read.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use webrtc_bridge::{ChannelConfig, ConnectionConfig, ConnectionEvent, SelectedPath};

#[test]
fn the_examples_of_the_page_are_understood_and_written_alike() {
    let examples: Value =
        serde_json::from_str(include_str!("../../../ui/src/rtc/wire.json")).unwrap();
    unchanged::<Vec<ConnectionEvent>>(&examples["events"]);
    unchanged::<ConnectionConfig>(&examples["connectionConfig"]);
    unchanged::<ChannelConfig>(&examples["channelConfig"]);
    unchanged::<SelectedPath>(&examples["selectedPath"]);
}

fn unchanged<T: Serialize + DeserializeOwned>(example: &Value) {
    let read: T = serde_json::from_value(example.clone()).unwrap();
    assert_eq!(&serde_json::to_value(read).unwrap(), example);
}

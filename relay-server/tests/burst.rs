//! Much at once: many members come together, and more is said than a socket takes.

mod common;

use std::collections::BTreeSet;

use common::{Client, id, join_message, relay, within};
use futures_util::future::join_all;
use protocol::message::PresenceAction;
use protocol::{ClientMessage, ServerMessage, UserId};

#[tokio::test]
async fn sixty_who_join_at_once_know_each_other_after_few_messages() {
    const MEMBERS: usize = 60;
    let relay = relay().await;
    let strangers = join_all((0..MEMBERS).map(|_| Client::stranger(&relay))).await;
    let joins = strangers.into_iter().enumerate().map(|(number, mut client)| async move {
        client.send(join_message("party", &format!("u{number}"), None)).await;
        let mut known: BTreeSet<UserId> =
            client.joined().await.peers.into_iter().map(|peer| peer.user_id).collect();
        let mut messages = 0;
        while known.len() < MEMBERS {
            match client.next().await {
                ServerMessage::Presence { user_id, action: PresenceAction::Join, .. } => {
                    known.insert(user_id);
                    messages += 1;
                }
                ServerMessage::Peers { peers } => {
                    known = peers.into_iter().map(|peer| peer.user_id).collect();
                    messages += 1;
                }
                _ => {}
            }
        }
        // Whoever leaves first must not be missed by the others.
        (client, messages)
    });
    let members = within(join_all(joins)).await;
    let messages: usize = members.iter().map(|(_, messages)| messages).sum();
    // Telling everyone of everyone takes 1,770.
    assert!(messages < MEMBERS * (MEMBERS - 1) / 4, "{messages} messages");
}

#[tokio::test]
async fn what_a_socket_does_not_take_at_once_arrives_later_and_in_order() {
    const SIGNALS: u64 = 45;
    let relay = relay().await;
    let mut ada = Client::member(&relay, "ada").await;
    let mut slow = Client::slow_member(&relay, "slow").await;
    for number in 0..SIGNALS {
        let data = serde_json::json!([number, "x".repeat(20_000)]);
        ada.send(ClientMessage::RtcSignal { to: id("slow"), data }).await;
    }
    // Everything was passed on before the other one reads the first of it.
    ada.settled().await;
    for number in 0..SIGNALS {
        let data = slow.wait_for(|message| match message {
            ServerMessage::RtcSignal { data, .. } => Some(data),
            _ => None,
        });
        assert_eq!(data.await[0], number);
    }
    // And the way is free again.
    slow.time().await;
    let data = serde_json::json!(["last"]);
    ada.send(ClientMessage::RtcSignal { to: id("slow"), data }).await;
    let is_signal = |message| matches!(message, ServerMessage::RtcSignal { .. }).then_some(());
    slow.wait_for(is_signal).await;
}

#[tokio::test]
async fn nobody_hears_from_someone_it_has_not_been_told_of() {
    let relay = relay().await;
    let mut ada = Client::member(&relay, "ada").await;
    // Whoever follows the first newcomer within a moment is told of later, unless it speaks.
    let _mia = Client::member(&relay, "mia").await;
    let mut zoe = Client::member(&relay, "zoe").await;
    zoe.send(ClientMessage::RtcSignal { to: id("ada"), data: 1.into() }).await;
    let came = |name| ServerMessage::Presence {
        user_id: id(name),
        action: PresenceAction::Join,
        alias: None,
    };
    assert_eq!(ada.next().await, came("mia"));
    assert_eq!(ada.next().await, came("zoe"));
    assert!(matches!(ada.next().await, ServerMessage::RtcSignal { from, .. } if from == id("zoe")));
}

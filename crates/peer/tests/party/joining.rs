//! The ways into a party: words drawn by chance, invitations, parties of the past.

use protocol::host::{Intent, MeetingPoint, NoticeCode, View};
use protocol::invite::Invite;

use crate::stage::{Member, relay_on};

fn is_in(view: &View, name: &str) -> bool {
    view.swarm.as_ref().is_some_and(|swarm| swarm.name.as_str() == name && swarm.members.len() == 2)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_started_with_the_drawn_key_is_joined_by_its_invitation_once_a_person_agrees() {
    let root = tempfile::tempdir().unwrap();
    let host = Member::start(root.path(), "a").await;
    let drawn = host.sees("words", |v| v.lobby.new_key.is_some()).await;
    let key = drawn.lobby.new_key.clone().unwrap();
    host.handle.send(Intent::JoinSwarm { key: key.clone(), at: MeetingPoint::Here }).await;
    let view = host.directs().await;
    assert_ne!(view.lobby.new_key, drawn.lobby.new_key, "the next party has a key of its own");
    let swarm = view.swarm.as_ref().unwrap();
    let invite = Invite::parse(&swarm.invite).unwrap();
    assert_eq!((invite.key.reveal(), &invite.name), (&key[..], &swarm.name));
    assert!(!invite.relays.iter().any(|relay| relay.starts_with("127.")), "{:?}", invite.relays);

    // On a machine without a network the invitation names no address: here it is loopback.
    let port = swarm.relay.as_ref().unwrap().rsplit(':').next().unwrap().trim_end_matches("/ws");
    let relays = ["127.0.0.1:1".to_owned(), format!("127.0.0.1:{port}")];
    let link = Invite { relays: relays.to_vec(), ..invite }.link();
    let guest = Member::start(root.path(), "b").await;
    // Pasted into the field for the key.
    guest.handle.send(Intent::JoinSwarm { key: link, at: MeetingPoint::Anywhere }).await;
    let view = guest.sees("the invitation", |v| v.lobby.invitation.is_some()).await;
    let asked = view.lobby.invitation.as_ref().unwrap();
    assert_eq!((&asked.name, &asked.key), (&swarm.name, &None));
    assert!(view.swarm.is_none(), "a link acted by itself");
    guest.handle.send(Intent::RevealKey { swarm: Some(asked.swarm.clone()) }).await;
    let shown =
        |v: &View| v.lobby.invitation.as_ref().is_some_and(|i| i.key.as_ref() == Some(&key));
    guest.sees("the key", shown).await;

    guest.handle.send(Intent::AcceptInvite).await;
    let name = swarm.name.to_string();
    let view = guest.sees("the party", |v| is_in(v, &name)).await;
    assert_eq!(view.lobby.invitation, None);
    assert_eq!(view.lobby.recent[0].relay, view.swarm.as_ref().unwrap().relay);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_put_aside_and_a_broken_one_says_what_is_wrong() {
    let root = tempfile::tempdir().unwrap();
    let member = Member::start(root.path(), "a").await;
    let open = |link: &str| member.handle.send(Intent::OpenInvite { link: link.to_owned() });
    open("swarm://join#v=1&k=blue-otter&n=Kitchen").await;
    member.sees("the invitation", |v| v.lobby.invitation.is_some()).await;
    member.handle.send(Intent::DismissInvite).await;
    member.sees("no invitation", |v| v.lobby.invitation.is_none()).await;
    member.handle.send(Intent::AcceptInvite).await;
    open("swarm://join#v=1&k=blue-otter&n=Kitchen&r=ftp://host").await;
    let view = member.is_told(NoticeCode::BadInvite).await;
    let detail = &view.log.last().unwrap().notice.detail;
    assert!(detail.contains("must begin with ws://"), "{detail}");
    assert!(view.swarm.is_none() && view.lobby.invitation.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_of_the_past_is_joined_again_and_can_be_forgotten() {
    let root = tempfile::tempdir().unwrap();
    let relay = relay_on(0).await;
    let friend = Member::joined(root.path(), "a", "blue otter", relay.local_addr()).await;
    let member = Member::joined(root.path(), "b", "Blue-Otter", relay.local_addr()).await;
    let view =
        member.sees("both", |v| v.swarm.as_ref().is_some_and(|s| s.members.len() == 2)).await;
    let (name, dir) = (view.swarm.as_ref().unwrap().name.clone(), member.dir.clone());
    let alias = &friend.handle.views().borrow().me.alias.clone();
    assert_eq!(name.as_str(), alias.as_str(), "a party is called after who leads it");
    member.handle.shutdown().await;
    drop(member);

    let again = Member::start(root.path(), "b").await;
    assert_eq!(again.dir, dir);
    let view = again.sees("the past", |v| v.lobby.recent.len() == 1).await;
    let past = &view.lobby.recent[0];
    assert_eq!((&past.name, &past.key), (&name, &None), "the key is not shown unasked");
    again.handle.send(Intent::Rejoin { swarm: past.swarm.clone() }).await;
    again.sees("the party", |v| is_in(v, name.as_str())).await;
    again.handle.send(Intent::LeaveSwarm).await;
    again.handle.send(Intent::ForgetParty { swarm: past.swarm.clone() }).await;
    again.sees("no past", |v| v.lobby.recent.is_empty() && v.swarm.is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_words_are_drawn_on_request() {
    let root = tempfile::tempdir().unwrap();
    let member = Member::start(root.path(), "a").await;
    let first = member.sees("words", |v| v.lobby.new_key.is_some()).await.lobby.new_key.clone();
    member.handle.send(Intent::DrawKey).await;
    member.sees("other words", |v| v.lobby.new_key.is_some() && v.lobby.new_key != first).await;
}

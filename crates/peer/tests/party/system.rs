//! Buttons outside of the window, looking whether everything works, the report of a party.

use protocol::host::{CheckState, CheckSubject, Intent, MediaButton, MeetingPoint, Muted};
use protocol::host::{PlaybackState, View};
use protocol::time::Millis;

use tokio::time::timeout;

use crate::stage::{Member, PATIENCE, relay_on, song};

fn press(button: MediaButton) -> Intent {
    Intent::PressButton { button }
}

fn state_of(view: &View, subject: CheckSubject) -> Option<CheckState> {
    view.checks.iter().find(|check| check.subject == subject).map(|check| check.state)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_who_pauses_is_silent_alone_and_the_director_pauses_the_room() {
    let root = tempfile::tempdir().unwrap();
    let relay = relay_on(0).await;
    let a = Member::joined(root.path(), "a", "key", relay.local_addr()).await;
    let b = Member::joined(root.path(), "b", "key", relay.local_addr()).await;
    let file = a.shares(&song(root.path(), "song.wav", 9, 20)).await.files[0].file_id.clone();
    a.handle.send(Intent::Play { file_id: Some(file), position_ms: Millis::default() }).await;
    b.sees("the song on air", |v| v.playback.state == PlaybackState::Waiting).await;

    b.handle.send(press(MediaButton::Pause)).await;
    let view = b.sees("its own silence", |v| v.output.muted.is_some()).await;
    assert_eq!(view.output.muted, Some(Muted::ByPerson));
    assert_ne!(view.playback.state, PlaybackState::Paused, "the song goes on");
    b.handle.send(press(MediaButton::PlayPause)).await;
    b.sees("itself heard again", |v| v.output.muted.is_none()).await;

    a.handle.send(press(MediaButton::Pause)).await;
    for member in [&a, &b] {
        let view = member.sees("a pause", |v| v.playback.state == PlaybackState::Paused).await;
        assert_eq!(view.output.muted, None, "nobody is silenced by it");
    }
    b.handle.send(press(MediaButton::Play)).await;
    a.handle.send(press(MediaButton::Play)).await;
    b.sees("the song going on", |v| v.playback.state == PlaybackState::Waiting).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_whether_everything_works_names_what_does_not() {
    let root = tempfile::tempdir().unwrap();
    let relay = relay_on(0).await;
    let a = Member::start(root.path(), "a").await;
    a.handle.send(Intent::CheckConnection).await;
    let view = a.sees("what was found", |v| !v.checks.is_empty()).await;
    for subject in
        [CheckSubject::Relay, CheckSubject::Tracker, CheckSubject::Udp, CheckSubject::Clock]
    {
        assert_eq!(state_of(&view, subject), Some(CheckState::NoParty), "{subject:?}");
    }
    a.join("key", relay.local_addr()).await;
    a.directs().await;
    a.handle.send(Intent::CheckConnection).await;
    let works =
        [CheckSubject::Relay, CheckSubject::Tracker, CheckSubject::Udp, CheckSubject::Clock];
    let view = a
        .sees("a party that works", |v| {
            works.iter().all(|subject| state_of(v, *subject) == Some(CheckState::Works))
        })
        .await;
    assert_eq!(state_of(&view, CheckSubject::Output), Some(CheckState::Fails), "there is no card");

    relay.shutdown().await;
    a.handle.send(Intent::CheckConnection).await;
    let view = a
        .sees("a relay that is gone", |v| {
            state_of(v, CheckSubject::Relay) == Some(CheckState::Fails)
                && state_of(v, CheckSubject::Tracker) == Some(CheckState::Limited)
        })
        .await;
    assert_eq!(state_of(&view, CheckSubject::Udp), Some(CheckState::Limited));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_report_tells_of_every_device_and_names_nobody() {
    let root = tempfile::tempdir().unwrap();
    let relay = relay_on(0).await;
    let address = relay.local_addr();
    let key = "velvet heron lagoon";
    let a = Member::joined(root.path(), "alice-7f3k", key, address).await;
    let b = Member::joined(root.path(), "bob-02x9", key, address).await;
    for (member, alias) in [(&a, "Mia’s Laptop"), (&b, "Leo’s Phone")] {
        let alias = protocol::ids::Alias::parse(alias).unwrap();
        member.handle.send(Intent::SetAlias { alias }).await;
    }
    let view = a.shares(&song(root.path(), "Secret Serenade.wav", 5, 2)).await;
    let file = view.files[0].clone();
    let lost = Intent::JoinSwarm {
        key: "ember falcon".into(),
        at: MeetingPoint::Relay { url: "ftp://hidden.example".into() },
    };
    a.handle.send(lost).await;
    a.handle.send(Intent::ReportFault { text: "at /home/mia/Music".into() }).await;
    a.handle.send(Intent::CheckConnection).await;
    let view = a
        .sees("b’s account of its sync", |v| {
            v.swarm.as_ref().unwrap().members.iter().all(|member| member.sync.is_some())
                && v.checks.iter().all(|check| check.state != CheckState::Running)
        })
        .await;

    let (text, report) = timeout(PATIENCE, report_of_two(&a)).await.expect("both devices told");
    assert_eq!((&report["thisDevice"], &report["director"]), (&1.into(), &1.into()));
    assert!(report["devices"][1]["samples"][0]["state"].is_string());
    assert_eq!(report["checks"].as_array().unwrap().len(), 6);
    let log = report["log"].as_array().unwrap();
    assert!(log.iter().any(|line| line["code"] == "window-fault"));

    let swarm = view.swarm.as_ref().unwrap();
    let mut secrets: Vec<String> = [
        "alice-7f3k",
        "bob-02x9",
        "Mia",
        "Leo",
        "velvet",
        "heron",
        "falcon",
        "Secret",
        "Serenade",
        "hidden.example",
        "/home",
        "no-such-card",
        "127.0.0.1",
        "swarm://",
        "ws://",
    ]
    .map(str::to_owned)
    .into();
    secrets.extend([
        file.file_id.to_string(),
        file.info_hash.to_string(),
        protocol::SwarmKey::parse(key).unwrap().hash().to_string(),
        protocol::SwarmKey::parse(key).unwrap().tracker_namespace().to_string(),
        swarm.invite.clone(),
        root.path().display().to_string(),
        address.port().to_string(),
    ]);
    secrets.extend(view.outputs.iter().map(|output| output.name.clone()));
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        assert!(!text.contains(secret.as_str()), "the report holds `{secret}`:\n{text}");
    }
}

/// The report once what b said of itself is noted, which is done every second.
async fn report_of_two(member: &Member) -> (String, serde_json::Value) {
    let mut views = member.handle.views();
    loop {
        let text = member.handle.report().await.expect("the member runs");
        let report: serde_json::Value = serde_json::from_str(&text).unwrap();
        if report["devices"].as_array().unwrap().len() == 2 {
            return (text, report);
        }
        views.changed().await.unwrap();
    }
}

//! The owner stands still, or Redis is away.

use std::time::{Duration, Instant};

use futures_util::SinkExt;
use protocol::sync::Arm;
use protocol::time::Millis;
use protocol::{ClientMessage, ErrorCode, ServerMessage};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::common::{file, id, swarm};
use crate::member::{DEADLINE, Door, Member, in_seconds, knock, read};
use crate::stage::{LEASE, Stage};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn an_owner_that_stood_still_decides_nothing_and_sends_its_members_on() {
    let mut stage = Stage::with(&["a", "b", "c"]).await;
    let a = stage.urls()[0].clone();
    // Both know relay a only, so that they stay with it while it stands still.
    let zoe = Member::entered(std::slice::from_ref(&a), "party", "zoe").await;
    zoe.lead().await;
    let playback = zoe.play(&file('a'), in_seconds(0.0)).await;
    let mia = Member::entered(std::slice::from_ref(&a), "party", "mia").await;
    let before = mia.until("told what plays", |v| v.playback.as_ref() == Some(&playback)).await;

    stage.at(&a).process.stop();
    let stopped = Instant::now();
    // They lie in the owner's socket when that wakes up. The first is written down nowhere, so
    // that nothing but the lease holds the owner back from it.
    let (file_id, position_ms) = (file('a').file_id, Millis::default());
    zoe.say(ClientMessage::Arm(Arm { number: 1, file_id, position_ms })).await;
    zoe.say(ClientMessage::Stop).await;
    let others = &stage.urls()[1..];
    let ada = Member::entered(others, "party", "ada").await;
    let taken_over = stopped.elapsed();
    assert!(ada.view().epoch > before.epoch);
    assert_eq!(ada.view().playback.as_ref(), Some(&playback), "what was written down");
    sleep((2 * LEASE).saturating_sub(stopped.elapsed())).await;
    stage.at(&a).process.go_on();
    let went_on = Instant::now();

    let refused = ["arm", "stop"].map(|name| (ErrorCode::NotOwner, Some(name.to_owned())));
    let view = zoe.until("refused both", |v| refused.iter().all(|r| v.refused.contains(r))).await;
    assert_eq!(view.playback.as_ref(), Some(&playback), "nothing was decided");
    assert_eq!(mia.view().arms, 0, "nothing was passed on");
    for member in [&zoe, &mia] {
        let view = member.until("sent on", |view| view.entered == 2).await;
        assert_eq!(view.at, ada.view().at, "all are together");
        assert_eq!(view.changes, before.changes.max(1), "what plays plays on");
        assert_eq!(view.epoch, ada.view().epoch);
    }
    let together = went_on.elapsed();
    let former = stage.at(&a);
    assert_eq!(former.counts("relay_swarms_moved_total{reason=\"taken\"}").await, 1.0);
    assert_eq!(former.counts("relay_closed_total{code=\"4001\"}").await, 2.0);
    assert!(former.counts("relay_dropped_total{reason=\"not-owner\"}").await >= 2.0);
    eprintln!(
        "owner stood still for {:.1} s: taken over after {:.2} s; its members refused, moved and \
         back {:.2} s after it woke",
        (went_on - stopped).as_secs_f64(),
        taken_over.as_secs_f64(),
        together.as_secs_f64(),
    );

    // The last one to leave the former owner ends nothing that lives elsewhere.
    let epoch = ada.view().epoch;
    drop((zoe, mia));
    ada.until("alone", |view| view.members == 1).await;
    let late = Member::entered(&[a], "party", "late").await;
    assert_eq!((late.view().epoch, late.view().members), (epoch, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn while_redis_stands_still_music_time_and_signals_go_on_and_controls_wait() {
    let mut stage = Stage::with(&["a", "b"]).await;
    let ada = Member::entered(&stage.urls(), "party", "ada").await;
    let mia = Member::entered(&stage.urls(), "party", "mia").await;
    let playback = ada.play(&file('a'), in_seconds(0.0)).await;
    let before = ada.view();
    stage.redis.process.stop();
    let stopped = Instant::now();
    sleep(2 * LEASE).await;

    ada.say(ClientMessage::Stop).await;
    let refused = (ErrorCode::NotOwner, Some("stop".to_owned()));
    let view = ada.until("refused", |view| view.refused.contains(&refused)).await;
    assert_eq!(view.playback.as_ref(), Some(&playback));
    ada.say(ClientMessage::RtcSignal { to: id("mia"), data: 1.into() }).await;
    mia.until("signalled to", |view| view.signals == 1).await;
    // A swarm that nobody keeps can not begin; whoever asks hears so soon, and is not kept waiting.
    let asked = Instant::now();
    let door = timeout(DEADLINE, knock(&stage.nodes[0].url, &swarm("new"), &id("eve"))).await;
    assert!(matches!(door.expect("an answer"), Some(Door::Closed)));
    let answered = asked.elapsed();
    // One who is at the door of a swarm that is kept: it may be someone else's by now.
    let door = timeout(DEADLINE, knock(&stage.nodes[0].url, &swarm("party"), &id("eve"))).await;
    assert!(matches!(door.expect("an answer"), Some(Door::Closed)));

    for (metric, expected) in [
        ("relay_lease_held", 0.0..1.0),
        ("relay_ready", 0.0..1.0),
        ("relay_redis_failures_total", 1.0..1e3),
        ("relay_turned_away_total{reason=\"unsettled\"}", 2.0..1e3),
        ("relay_dropped_total{reason=\"not-owner\"}", 1.0..1e3),
    ] {
        let counted = stage.at(&before.at.clone().expect("it is in")).counts(metric).await;
        assert!(expected.contains(&counted), "{metric} {counted}");
    }

    stage.redis.process.go_on();
    let went_on = Instant::now();
    let controls = controls_again(&ada).await - went_on;
    assert_eq!(stage.nodes[0].counts("relay_lease_held").await, 1.0);
    eprintln!(
        "Redis stood still for {:.1} s: nobody left, controls back {:.2} s after it woke; a new \
         swarm is refused within {:.2} s",
        (went_on - stopped).as_secs_f64(),
        controls.as_secs_f64(),
        answered.as_secs_f64(),
    );
    for member in [&ada, &mia] {
        let view = member.until("told to stop", |view| view.playback.is_none()).await;
        assert_eq!((view.entered, view.moved - u32::from(view.moved > 0)), (1, 0), "it stayed");
    }
    assert_eq!(ada.view().epoch, before.epoch);
    Member::entered(&stage.urls(), "new", "eve").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_redis_that_comes_back_empty_loses_nobody_and_epochs_go_on_rising() {
    let mut stage = Stage::with(&["a", "b", "c"]).await;
    let ada = Member::entered(&stage.urls(), "party", "ada").await;
    let playback = ada.play(&file('a'), in_seconds(0.0)).await;
    let before = ada.view();
    stage.redis.kill();
    sleep(LEASE / 2).await;
    stage.redis.restart();
    let restarted = Instant::now();
    // Redis knows nobody who may write this down: it is refused, or decided a moment later.
    ada.say(ClientMessage::SelectFile { file_id: file('a').file_id }).await;
    // The owner takes its swarm again, under a higher number, without a word to its members but
    // that the director leads under a later term.
    let view = ada.until("under a later term", |view| view.term > before.term + 1).await;
    let again = restarted.elapsed();
    assert_eq!((view.entered, view.changes), (before.entered, before.changes));
    let controls = controls_again(&ada).await - restarted;
    let restarted_again = {
        // Once more, and longer than the lease: links come back whenever Redis does.
        let playback = ada.play(&file('a'), in_seconds(0.0)).await;
        stage.redis.kill();
        sleep(LEASE + LEASE / 2).await;
        stage.redis.restart();
        let restarted = Instant::now();
        let controls = controls_again(&ada).await - restarted;
        assert_ne!(ada.view().playback, Some(playback));
        controls
    };
    assert_eq!(ada.view().entered, 1, "nobody was dropped");
    let mut urls = stage.urls();
    urls.rotate_left(1);
    let late = Member::entered(&urls, "party", "late").await.view();
    assert_eq!(late.at, before.at, "it is still the owner");
    assert!(late.epoch > before.epoch, "{} does not rise from {}", late.epoch, before.epoch);
    let _ = playback;
    eprintln!(
        "Redis killed and empty: nobody left, swarm claimed anew {:.2} s after its return, controls \
         {:.2} s; after an absence longer than the lease {:.2} s",
        again.as_secs_f64(),
        controls.as_secs_f64(),
        restarted_again.as_secs_f64(),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn of_two_owners_the_older_one_sends_its_members_to_the_younger_one() {
    let stage = Stage::with(&["a", "b"]).await;
    let [a, b] = [&stage.nodes[0].url, &stage.nodes[1].url];
    let ada = Member::entered(std::slice::from_ref(a), "party", "ada").await;
    let before = ada.view();
    // As after a failover of Redis that lost the claim.
    let key = format!("{{ssa}}:sw:{}", swarm("party"));
    let _: i64 = stage.redis.ask(&["DEL", &key]);
    let mia = Member::entered(std::slice::from_ref(b), "party", "mia").await;
    let split = Instant::now();
    assert!(mia.view().epoch > before.epoch);
    let view = ada.until("with mia", |view| view.members == 2 && view.entered == 2).await;
    assert_eq!((view.at.as_ref(), view.epoch), (Some(b), mia.view().epoch));
    eprintln!("two owners: together again after {:.2} s", split.elapsed().as_secs_f64());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_decision_that_can_not_be_written_down_is_told_to_nobody() {
    let stage = Stage::with(&["a"]).await;
    let url = &stage.nodes[0].url;
    let Some(Door::Open(mut ada, _)) = knock(url, &swarm("party"), &id("ada")).await else {
        panic!("not let in");
    };
    let Some(Door::Open(mut mia, _)) = knock(url, &swarm("party"), &id("mia")).await else {
        panic!("not let in");
    };
    stage.redis.process.stop();
    // The lease still holds: it is decided, waits to be written down, and is taken back.
    let say = |message: ClientMessage| Message::text(message.encode());
    ada.send(say(ClientMessage::FileAnnounce(file('a')))).await.expect("connected");
    let select = ClientMessage::SelectFile { file_id: file('a').file_id };
    ada.send(say(select)).await.expect("connected");
    let mut told = Vec::new();
    loop {
        let message = timeout(DEADLINE, read(&mut ada)).await.expect("in time").expect("connected");
        let is_refusal = matches!(&message, ServerMessage::Error { .. });
        told.push(message);
        if is_refusal {
            break;
        }
    }
    let is_refused = |message: &ServerMessage| {
        matches!(message, ServerMessage::Error { code: ErrorCode::NotOwner, in_reply_to, .. }
            if in_reply_to.as_deref() == Some("selectFile"))
    };
    assert!(told.iter().any(is_refused), "{told:?}");
    let is_selection =
        |message: &ServerMessage| matches!(message, ServerMessage::SelectFile { .. });
    assert!(!told.iter().any(is_selection), "{told:?}");
    stage.redis.process.go_on();
    // Whoever comes later does not find it either.
    let eve = loop {
        if let Some(Door::Open(_, joined)) = knock(url, &swarm("party"), &id("eve")).await {
            break joined;
        }
        sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(eve.selection, None);
    let signal = ClientMessage::RtcSignal { to: id("mia"), data: 1.into() };
    ada.send(say(signal)).await.expect("connected");
    loop {
        match timeout(DEADLINE, read(&mut mia)).await.expect("in time").expect("connected") {
            ServerMessage::RtcSignal { .. } => break,
            message => assert!(!is_selection(&message), "{message:?}"),
        }
    }
}

/// Stops what plays, as soon as that is possible again; returns when it was.
async fn controls_again(director: &Member) -> Instant {
    let until = Instant::now() + DEADLINE;
    while director.view().playback.is_some() {
        assert!(Instant::now() < until, "no controls: {:?}", director.view());
        director.say(ClientMessage::Stop).await;
        sleep(Duration::from_millis(50)).await;
    }
    Instant::now()
}

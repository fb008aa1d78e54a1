//! What the next owner takes over, and from whom.

use std::time::Instant;

use protocol::{ClientMessage, ErrorCode};
use tokio::time::sleep;

use crate::common::{file, id, swarm};
use crate::member::{DEADLINE, Door, Member, knock, knock_as};
use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_file_that_was_withdrawn_does_not_come_back_with_the_next_owner() {
    let mut stage = Stage::with(&["a", "b"]).await;
    let ada = Member::entered(&stage.urls(), "party", "ada").await;
    let mia = Member::entered(&stage.urls(), "party", "mia").await;
    let shared = file('a');
    mia.say(ClientMessage::FileAnnounce(shared.clone())).await;
    ada.until("told of a file", |view| view.files.contains(&shared.file_id)).await;
    ada.say(ClientMessage::SelectFile { file_id: shared.file_id.clone() }).await;
    mia.until("told what is selected", |view| view.selection.is_some()).await;
    ada.say(ClientMessage::FileWithdraw { file_id: shared.file_id.clone() }).await;
    // Told is written down: the owner may die in this very moment.
    let view = ada.until("told that it is gone", |view| view.files.is_empty()).await;
    stage.at(&view.at.expect("it is in")).process.kill();
    for member in [&ada, &mia] {
        let view = member.until("back", |view| view.entered == 2).await;
        assert!(view.files.is_empty() && view.selection.is_none(), "{view:?}");
    }
    let late = Member::entered(&stage.urls(), "party", "late").await.view();
    assert!(late.files.is_empty() && late.selection.is_none(), "{late:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn at_a_takeover_nobody_gets_a_directors_seat_by_its_name_alone() {
    let mut stage = Stage::with(&["a", "b"]).await;
    let [a, b] = [0, 1].map(|index: usize| stage.urls()[index].clone());
    let (party, ada) = (swarm("party"), id("ada"));
    let Some(Door::Open(socket, joined)) = knock(&a, &party, &ada).await else {
        panic!("not let in");
    };
    let mia = Member::entered(std::slice::from_ref(&a), "party", "mia").await;
    assert_eq!(mia.view().director.as_ref(), Some(&ada));
    let secret = Some(joined.resume.clone());
    let state: String = stage.redis.ask(&["HGET", &format!("{{ssa}}:sw:{party}"), "state"]);
    assert!(!state.contains(&joined.resume), "Redis knows no secret: {state}");

    stage.at(&a).process.kill();
    drop(socket);
    let wrong = Some("0".repeat(32));
    let stranger = settled(&b, (&ada, None)).await;
    assert!(matches!(stranger, Door::Refused(ErrorCode::UserTaken)), "the first at the door");
    let guess = settled(&b, (&ada, wrong)).await;
    assert!(matches!(guess, Door::Refused(ErrorCode::UserTaken)));
    let Door::Open(_socket, again) = settled(&b, (&ada, secret)).await else {
        panic!("ada is not let in");
    };
    assert!(again.epoch > joined.epoch);
    assert_eq!((again.director.as_ref(), &again.resume), (Some(&ada), &joined.resume));
}

/// What a relay says once it is settled which one keeps the swarm.
async fn settled(url: &str, (user, resume): (&protocol::UserId, Option<String>)) -> Door {
    let until = Instant::now() + DEADLINE;
    loop {
        match knock_as(url, &swarm("party"), (user, resume.clone())).await {
            Some(door @ (Door::Open(..) | Door::Refused(_))) => return door,
            _ => assert!(Instant::now() < until, "{url} does not answer"),
        }
        sleep(std::time::Duration::from_millis(50)).await;
    }
}

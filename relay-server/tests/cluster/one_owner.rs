//! A swarm has one owner, whoever asks, wherever, and however many at once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use protocol::{SwarmHash, UserId};

use crate::common::{id, swarm};
use crate::member::{DEADLINE, Door, Member, knock, spread};
use crate::stage::{LEASE, Stage};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn twenty_members_through_three_relays_find_one_owner_one_epoch_and_one_clock() {
    let stage = Stage::with(&["a", "b", "c"]).await;
    let members: Vec<Member> = (0..20)
        .map(|number| {
            let mut urls = stage.urls();
            urls.rotate_left(number % 3);
            Member::enter(&urls, "party", &format!("m{number:02}"))
        })
        .collect();
    let (mut owners, mut epochs, mut clocks) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut ahead = Vec::new();
    for member in &members {
        let view = member.until("everyone", |v| v.members == 20 && v.clock.is_some()).await;
        owners.insert(view.at.expect("it is in"));
        epochs.insert(view.epoch);
        clocks.insert(view.clock_id);
        ahead.push(view.clock.expect("measured").ahead);
    }
    assert_eq!((owners.len(), epochs.len(), clocks.len()), (1, 1, 1), "{owners:?} {epochs:?}");
    assert!(epochs.iter().all(|epoch| *epoch > 0));
    eprintln!("twenty members: their clocks differ by {:.3} ms", spread(&ahead));
    assert!(spread(&ahead) < 20.0, "{ahead:?}");
    let moved: u32 = members.iter().map(|member| member.view().moved).sum();
    assert!(moved >= 12, "those who asked another relay were sent to the owner: {moved}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_thousand_races_to_be_the_first_have_one_winner_each() {
    const ROUNDS: usize = 1_000;
    const AT_ONCE: usize = 25;
    let stage = Stage::with(&["a", "b"]).await;
    let [a, b] = [&stage.nodes[0].url, &stage.nodes[1].url];
    let began = Instant::now();
    let mut won = [0, 0];
    let rounds: Vec<usize> = (0..ROUNDS).collect();
    for share in rounds.chunks(AT_ONCE) {
        let races = share.iter().map(|round| async move {
            let hash = swarm(&format!("race {round}"));
            let (ada, mia) = (id("ada"), id("mia"));
            // Both stay until both were answered, so that neither swarm can end meanwhile.
            match tokio::join!(answered(a, &hash, &ada), answered(b, &hash, &mia)) {
                (Door::Open(..), Door::Moved(Some(to))) if to == *a => 0,
                (Door::Moved(Some(to)), Door::Open(..)) if to == *b => 1,
                (Door::Open(..), Door::Open(..)) => panic!("round {round} has two owners"),
                _ => panic!("round {round} has no owner"),
            }
        });
        for winner in join_all(races).await {
            won[winner] += 1;
        }
    }
    let took = began.elapsed().as_secs_f64();
    eprintln!("racing claims: {ROUNDS} rounds, won {won:?}, two owners 0 times ({took:.1} s)");
    assert_eq!(won[0] + won[1], ROUNDS);
}

/// What a relay says to one who comes again as long as nothing is settled: on a busy machine
/// Redis does not always answer in time.
async fn answered(url: &str, hash: &SwarmHash, user: &UserId) -> Door {
    let until = Instant::now() + DEADLINE;
    loop {
        match knock(url, hash, user).await {
            Some(door @ (Door::Open(..) | Door::Moved(_))) => return door,
            Some(Door::Refused(_) | Door::Closed) | None => {
                assert!(Instant::now() < until, "{url} does not answer");
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_second_process_with_the_same_name_is_refused_and_the_first_goes_on() {
    let stage = Stage::with(&["a"]).await;
    let ada = Member::entered(&stage.urls(), "party", "ada").await;
    let mut second = stage.node("a", true);
    let status = second.process.ended().await;
    assert!(!status.success());
    assert!(
        second.said().contains("another relay lives under the node id `a`"),
        "{}",
        second.said()
    );
    assert_eq!(ada.view().entered, 1, "the first one noticed nothing");
    let mia = Member::entered(&stage.urls(), "party", "mia").await;
    assert_eq!(mia.view().epoch, ada.view().epoch);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_swarm_that_lives_longer_than_redis_keeps_it_is_kept_by_its_owner() {
    let stage = Stage::with(&["a", "b"]).await;
    let ada = Member::entered(&stage.urls(), "party", "ada").await;
    let key = format!("{{ssa}}:sw:{}", swarm("party"));
    // As if nearly all of the time had passed.
    let _: i64 = stage.redis.ask(&["PEXPIRE", &key, "20000"]);
    let until = Instant::now() + 10 * LEASE;
    while stage.redis.ask::<i64>(&["PTTL", &key]) < 60_000 {
        assert!(Instant::now() < until, "the owner does not keep it");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut urls = stage.urls();
    urls.reverse();
    let mia = Member::entered(&urls, "party", "mia").await;
    assert_eq!((mia.view().at, mia.view().epoch), (ada.view().at, ada.view().epoch));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn when_the_last_member_has_left_redis_knows_nothing_of_the_swarm_but_a_number() {
    let stage = Stage::with(&["a"]).await;
    let ada = Member::entered(&stage.urls(), "party", "ada").await;
    let key = format!("{{ssa}}:sw:{}", swarm("party"));
    let epoch = ada.view().epoch;
    drop(ada);
    let until = Instant::now() + 10 * LEASE;
    loop {
        let fields: Vec<String> = stage.redis.ask(&["HKEYS", &key]);
        if fields == ["epoch"] {
            break;
        }
        assert!(Instant::now() < until, "{fields:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mia = Member::entered(&stage.urls(), "party", "mia").await;
    assert!(mia.view().epoch > epoch, "and that rises");
    assert_eq!(mia.view().director, Some(id("mia")));
}

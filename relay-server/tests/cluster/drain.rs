//! A relay is asked to end while its members are busy, as in an upgrade.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use protocol::ClientMessage;
use protocol::message::Playback;
use protocol::time::Millis;
use tokio::time::interval;

use crate::common::file;
use crate::member::{Member, in_seconds, position};
use crate::stage::Stage;

const SWARMS: usize = 20;
const MEMBERS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_relay_that_is_asked_to_end_gives_its_swarms_away_and_loses_nothing() {
    let mut stage = Stage::with(&["a", "b", "c"]).await;
    let urls = stage.urls();
    let mut parties = Vec::new();
    for number in 0..SWARMS {
        parties.push(Party::begin(&urls, number).await);
    }
    for party in &parties {
        party.director.until("busy", |view| position(view) >= Some(5)).await;
    }
    let asked = Instant::now();
    stage.nodes[0].process.terminate();
    let mut longest = Duration::ZERO;
    let mut homes: BTreeMap<String, usize> = BTreeMap::new();
    for party in &parties {
        for member in party.everyone() {
            let view = member.until("elsewhere", |view| view.entered == 2).await;
            let (out, back) = view.outages[0];
            longest = longest.max(back - out);
            assert!(view.moved > 0, "it was told where to go");
            *homes.entry(view.at.expect("it is in")).or_default() += 1;
        }
    }
    let all_back = asked.elapsed();
    let status = stage.nodes[0].process.ended().await;
    let ended = asked.elapsed();
    assert!(status.success());
    let (mut acknowledged, mut lost) = (0, 0);
    for party in &parties {
        // What everyone was told last before it left the old relay.
        let told = party.told_before();
        let kept = party.kept_by_next_owner();
        acknowledged += u64::from(told);
        lost += u64::from(told.saturating_sub(kept));
        // And it goes on.
        let now = position(&party.director.view()).unwrap_or(0);
        party.director.until("busy again", |view| position(view) > Some(now + 5)).await;
    }
    eprintln!(
        "drain: {SWARMS} swarms of {MEMBERS} with 20 decisions a second each; longest time without \
         a relay {:.2} s, all back {:.2} s and process ended {:.2} s after it was asked; {acknowledged} \
         decisions acknowledged, {lost} lost; homes {:?}",
        longest.as_secs_f64(),
        all_back.as_secs_f64(),
        ended.as_secs_f64(),
        homes.values().collect::<Vec<_>>(),
    );
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    assert_eq!(lost, 0);
    assert!(!homes.contains_key(&urls[0]));
    assert_eq!(homes.len(), 2, "they are spread over the others: {homes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_relay_ends_when_it_was_asked_to_also_while_redis_does_not_answer() {
    const DRAIN: Duration = Duration::from_secs(4);
    let mut stage = Stage::with_settings(&["a", "b"], &["--drain", "4s"]).await;
    let ada = Member::entered(&stage.urls(), "party", "ada").await;
    ada.play(&file('a'), in_seconds(0.0)).await;
    stage.redis.process.stop();
    let asked = Instant::now();
    stage.nodes[0].process.terminate();
    assert!(stage.nodes[0].process.ended().await.success());
    let ended = asked.elapsed();
    eprintln!(
        "drain of {} s while Redis stands still: ended after {:.2} s",
        DRAIN.as_secs_f64(),
        ended.as_secs_f64()
    );
    // The goodbyes take a second after that at most, and Redis is told in vain once more.
    assert!(ended < DRAIN + Duration::from_millis(2_500), "{ended:?}");
    stage.redis.process.go_on();
    let view = ada.until("at the other relay", |view| view.entered == 2).await;
    assert_eq!(view.at.as_ref(), Some(&stage.urls()[1]));
    assert!(view.playback.is_some(), "what was written down before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn swarms_leave_over_half_of_the_time_that_the_operator_gives() {
    // Of twenty moments none lies in the later three quarters once in 10^12 runs.
    let mut stage = Stage::with_settings(&["a", "b"], &["--drain", "12s"]).await;
    let mut members = Vec::new();
    for number in 0..SWARMS {
        members.push(Member::entered(&stage.urls(), &format!("party {number}"), "ada").await);
    }
    let asked = Instant::now();
    stage.nodes[0].process.terminate();
    let mut last = Duration::ZERO;
    for member in &members {
        let view = member.until("elsewhere", |view| view.entered == 2).await;
        last = last.max(view.outages[0].0 - asked);
    }
    assert!(last > Duration::from_millis(1_500), "{last:?}");
    assert!(last < Duration::from_secs(12), "{last:?}");
    assert!(stage.nodes[0].process.ended().await.success());
    assert!(asked.elapsed() < Duration::from_secs(17), "{:?}", asked.elapsed());
}

/// A swarm whose director changes what plays all the time, each time to a later position.
struct Party {
    director: Member,
    others: Vec<Member>,
    _pusher: tokio::task::JoinHandle<()>,
}

impl Party {
    async fn begin(urls: &[String], number: usize) -> Self {
        let key = format!("party {number}");
        let director = Member::entered(urls, &key, "ada").await;
        let mut others = Vec::new();
        for user in ["eve", "mia", "zoe"] {
            others.push(Member::entered(urls, &key, user).await);
        }
        assert_eq!(others.len() + 1, MEMBERS);
        let start = in_seconds(0.0);
        let shared = file('b');
        director.play(&shared, start).await;
        let pusher = director.sender();
        let pusher = tokio::spawn(async move {
            let mut pace = interval(Duration::from_millis(50));
            for position in 1_u32.. {
                pace.tick().await;
                let at = Millis::new(f64::from(position)).expect("a position");
                let playback = Playback::playing(shared.file_id.clone(), start, at);
                if pusher.send(ClientMessage::Play(playback)).await.is_err() {
                    return;
                }
            }
        });
        Self { director, others, _pusher: pusher }
    }

    fn everyone(&self) -> impl Iterator<Item = &Member> {
        self.others.iter().chain([&self.director])
    }

    fn told_before(&self) -> u32 {
        let told = self.everyone().filter_map(|member| member.view().told_before);
        told.max().unwrap_or(0)
    }

    fn kept_by_next_owner(&self) -> u32 {
        let kept = self.everyone().filter_map(|member| member.view().kept);
        kept.min().unwrap_or(0)
    }
}

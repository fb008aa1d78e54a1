//! Relays that members reach only through each other.

use protocol::ClientMessage;

use crate::common::id;
use crate::member::{Member, spread};
use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn members_of_relays_without_public_names_meet_and_survive_their_owner() {
    let mut stage = Stage::without_public_names(&["a", "b", "c"]).await;
    let urls = stage.urls();
    // What a load balancer would do: whichever is there.
    let through = |first: usize| [&urls[first..], &urls[..first]].concat();
    let zoe = Member::entered(&through(0), "party", "zoe").await;
    let mia = Member::entered(&through(1), "party", "mia").await;
    let ada = Member::entered(&through(2), "party", "ada").await;
    let mut ahead = Vec::new();
    for member in [&zoe, &mia, &ada] {
        let view = member.until("everyone", |v| v.members == 3 && v.clock.is_some()).await;
        assert_eq!((view.epoch, view.moved), (zoe.view().epoch, 0));
        assert_eq!(view.clock_id, zoe.view().clock_id);
        ahead.push(view.clock.expect("measured").ahead);
    }
    assert_eq!(ada.view().at.as_ref(), Some(&urls[2]), "it stays where it came in");
    ada.say(ClientMessage::RtcSignal { to: id("mia"), data: 1.into() }).await;
    mia.until("signalled to", |view| view.signals == 1).await;

    for direction in ["owner", "member"] {
        let metric = format!("relay_proxied_frames_total{{toward=\"{direction}\"}}");
        let [own, passed_on] = [stage.nodes[0].counts(&metric), stage.nodes[2].counts(&metric)];
        assert_eq!(own.await, 0.0, "{direction}");
        // She joined, signalled and asked for the time, and was answered.
        assert!(passed_on.await >= 10.0, "{direction}");
    }

    let before = ada.view();
    stage.at(&urls[0]).process.kill();
    for member in [&zoe, &mia, &ada] {
        let view = member.until("back", |view| view.entered == 2 && view.members == 3).await;
        assert!(view.epoch > before.epoch);
    }
    assert_ne!(ada.view().clock_id, before.clock_id);
    assert!(spread(&ahead) < 20.0, "{ahead:?}");
    eprintln!(
        "relays without public names: clocks through them differ by {:.3} ms",
        spread(&ahead)
    );
}

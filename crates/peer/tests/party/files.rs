//! Sharing, fetching, keeping.

use std::fs;

use protocol::host::{Intent, NoticeCode, View};
use protocol::ids::{FileId, Waveform};
use protocol::message::RepeatMode;
use protocol::time::Millis;

use crate::stage::{Member, carry, piece_count, relay_on, song};

/// Bytes of a file that a member is said to hold.
fn held(view: &View, file: &FileId, member: &str) -> u64 {
    let listed = view.files.iter().find(|listed| listed.file_id == *file);
    let readiness = listed
        .and_then(|listed| listed.readiness.iter().find(|held| held.user_id.as_str() == member));
    readiness.map_or(0, |held| held.held_bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_song_goes_from_one_to_the_other_and_both_know() {
    let root = tempfile::tempdir().unwrap();
    let relay = relay_on(0).await;
    let a = Member::joined(root.path(), "a", "key", relay.local_addr()).await;
    let b = Member::joined(root.path(), "b", "key", relay.local_addr()).await;
    let path = song(root.path(), "song.wav", 3, 5);
    let file = a.shares(&path).await.files[0].clone();
    let view =
        b.sees("a task to fetch", |v| v.transfers.iter().any(|t| !t.connect_to.is_empty())).await;
    let task = view.transfers[0].clone();
    assert_eq!(task.connect_to.len(), 1, "only the owner holds anything");
    assert!(!task.has_metainfo && !task.complete);

    carry(&a.handle, &b.handle, &task, 0..piece_count(task.size)).await;
    b.is_told(NoticeCode::FileComplete).await;
    b.sees("nothing to fetch", |v| {
        v.transfers.iter().all(|t| t.complete && t.connect_to.is_empty())
    })
    .await;
    a.sees("b holding it", |v| held(v, &file.file_id, "b") == file.size).await;
}

fn drawn(view: &View) -> Option<Waveform> {
    view.files.first().and_then(|file| file.media.waveform.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_waveform_is_drawn_by_who_adds_a_song_and_seen_by_everyone() {
    let root = tempfile::tempdir().unwrap();
    let relay = relay_on(0).await;
    let a = Member::start(root.path(), "a").await;
    // Added before there is a party, and known after a restart.
    let paths = vec![song(root.path(), "song.wav", 21, 5).to_string_lossy().into_owned()];
    a.handle.send(Intent::AddFiles { paths }).await;
    a.is_told(NoticeCode::FileAdded).await;
    a.join("key", relay.local_addr()).await;
    let b = Member::joined(root.path(), "b", "key", relay.local_addr()).await;
    let shown = a.sees("its waveform", |view| drawn(view).is_some()).await;
    let waveform = drawn(&shown);
    let seen = b.sees("the waveform", |view| drawn(view).is_some()).await;
    assert_eq!(drawn(&seen), waveform);
    assert_eq!(seen.files[0].missing, [[0, 400]], "b has nothing of it yet");
    a.handle.shutdown().await;
    drop(a);
    let a = Member::joined(root.path(), "a", "key", relay.local_addr()).await;
    let again = a.sees("the song again", |view| drawn(view).is_some()).await;
    assert_eq!(drawn(&again), waveform);
    assert!(again.files[0].missing.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_fetched_song_survives_a_restart_and_is_offered_again() {
    let root = tempfile::tempdir().unwrap();
    let relay = relay_on(0).await;
    let a = Member::joined(root.path(), "a", "key", relay.local_addr()).await;
    let b = Member::joined(root.path(), "b", "key", relay.local_addr()).await;
    a.shares(&song(root.path(), "song.wav", 4, 8)).await;
    let view = b.sees("a task", |v| !v.transfers.is_empty()).await;
    let task = view.transfers[0].clone();
    carry(&a.handle, &b.handle, &task, 0..3).await;
    b.handle.shutdown().await;
    drop(b);

    let b = Member::joined(root.path(), "b", "key", relay.local_addr()).await;
    let view = b
        .sees("a task that knows its pieces", |v| v.transfers.iter().any(|t| t.has_metainfo))
        .await;
    let task = &view.transfers[0];
    let held = b.handle.held_pieces(task.info_hash.clone()).await.unwrap();
    assert_eq!(held[0], 0b1110_0000);
    a.sees("b holding three pieces", |v| self::held(v, &task.file_id, "b") == 3 * 256 * 1024).await;
    carry(&a.handle, &b.handle, task, 3..piece_count(task.size)).await;
    b.sees("the whole", |v| v.transfers.iter().all(|t| t.complete)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pieces_that_playing_waits_for_come_first() {
    let root = tempfile::tempdir().unwrap();
    let relay = relay_on(0).await;
    let a = Member::joined(root.path(), "a", "key", relay.local_addr()).await;
    let b = Member::joined(root.path(), "b", "key", relay.local_addr()).await;
    let file = a.shares(&song(root.path(), "song.wav", 5, 30)).await.files[0].clone();
    let view = b.sees("a task", |v| !v.transfers.is_empty()).await;
    carry(&a.handle, &b.handle, &view.transfers[0], 0..1).await;
    a.handle
        .send(Intent::Play {
            file_id: Some(file.file_id),
            position_ms: Millis::new(20_000.0).unwrap(),
        })
        .await;
    b.sees("the playhead's pieces asked for", |v| {
        v.transfers.iter().any(|t| t.urgent.first().is_some_and(|range| range[0] > 0))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fourth_file_and_files_without_music_are_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let relay = relay_on(0).await;
    let a = Member::joined(root.path(), "a", "key", relay.local_addr()).await;
    let text = root.path().join("notes.mp3");
    fs::write(&text, "this is no music\n".repeat(1000)).unwrap();
    let empty = root.path().join("empty.flac");
    fs::write(&empty, b"").unwrap();
    for (path, code) in [
        (text, NoticeCode::FileNotMusic),
        (empty, NoticeCode::FileEmpty),
        (root.path().join("absent.ogg"), NoticeCode::FileUnreadable),
        (root.path().to_owned(), NoticeCode::FileUnreadable),
    ] {
        let paths = vec![path.to_string_lossy().into_owned()];
        a.handle.send(Intent::AddFiles { paths }).await;
        let view = a.is_told(code).await;
        assert!(view.files.is_empty());
    }
    for number in 0..3 {
        a.shares(&song(root.path(), &format!("{number}.wav"), 10 + number, 1)).await;
    }
    let paths = vec![song(root.path(), "3.wav", 20, 1).to_string_lossy().into_owned()];
    a.handle.send(Intent::AddFiles { paths }).await;
    let view = a.is_told(NoticeCode::TooManyFiles).await;
    assert_eq!(view.files.len(), 3);
    assert!(view.log.last().unwrap().notice.detail.contains("3.wav"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_moved_away_is_told_and_no_longer_offered() {
    let root = tempfile::tempdir().unwrap();
    let relay = relay_on(0).await;
    let a = Member::joined(root.path(), "a", "key", relay.local_addr()).await;
    let b = Member::joined(root.path(), "b", "key", relay.local_addr()).await;
    let path = song(root.path(), "song.wav", 6, 5);
    a.shares(&path).await;
    let view = b.sees("a task", |v| !v.transfers.is_empty()).await;
    fs::remove_file(&path).unwrap();
    let task = &view.transfers[0];
    let refused = a.handle.read_piece(task.info_hash.clone(), 1, 0, 16).await;
    assert!(refused.is_err());
    let view = a.is_told(NoticeCode::FileGone).await;
    assert!(view.files[0].fault.is_some());
    a.sees("no torrent for it", |v| v.transfers.is_empty()).await;
    b.sees("that nobody holds it", |v| v.transfers.iter().all(|t| t.connect_to.is_empty())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_shared_in_one_swarm_is_not_shown_to_the_next() {
    let root = tempfile::tempdir().unwrap();
    let relay = relay_on(0).await;
    let a = Member::joined(root.path(), "a", "key", relay.local_addr()).await;
    a.shares(&song(root.path(), "song.wav", 7, 1)).await;
    a.join("another key", relay.local_addr()).await;
    a.sees("the other swarm", |v| {
        v.swarm.as_ref().is_some_and(|s| s.key == "another key" && !s.members.is_empty())
    })
    .await;
    let second = a.shares(&song(root.path(), "second.wav", 8, 1)).await;
    assert_eq!(second.files.len(), 1);
    a.join("key", relay.local_addr()).await;
    a.sees("the first song again", |v| {
        v.files.len() == 1 && v.files[0].name.as_str() == "song.wav"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_of_songs_is_the_same_on_every_device_and_for_one_who_comes_late() {
    let root = tempfile::tempdir().unwrap();
    let relay = relay_on(0).await;
    let a = Member::joined(root.path(), "a", "key", relay.local_addr()).await;
    let b = Member::joined(root.path(), "b", "key", relay.local_addr()).await;
    for number in 0..3 {
        a.shares(&song(root.path(), &format!("{number}.wav"), 30 + number, 1)).await;
    }
    let order = |view: &View| -> Vec<String> {
        view.files.iter().map(|file| file.name.to_string()).collect()
    };
    let view = a.sees("three songs", |view| view.files.len() == 3).await;
    let last = view.files[2].file_id.clone();
    a.handle.send(Intent::MoveFile { file_id: last, to: 0 }).await;
    a.handle.send(Intent::SetRepeatMode { mode: RepeatMode::All }).await;
    let moved = ["2.wav", "0.wav", "1.wav"];
    let repeats = |view: &View| {
        view.swarm.as_ref().is_some_and(|swarm| swarm.repeat == RepeatMode::All && !swarm.shuffled)
    };
    for member in [&a, &b] {
        member.sees("the order", |view| order(view) == moved && repeats(view)).await;
    }
    a.handle.send(Intent::SetShuffle { on: true }).await;
    let drawn =
        a.sees("an order drawn by chance", |v| v.swarm.as_ref().is_some_and(|s| s.shuffled)).await;
    let c = Member::joined(root.path(), "c", "key", relay.local_addr()).await;
    c.sees("that very order", |view| order(view) == order(&drawn)).await;

    // Who does not direct is told so, and nothing changes.
    b.handle.send(Intent::SkipForward).await;
    b.is_told(NoticeCode::NotDirector).await;
    a.handle.send(Intent::SkipForward).await;
    let first = drawn.files[0].file_id.clone();
    b.sees("the first song selected", |view| view.selection.as_ref() == Some(&first)).await;
}

//! Reading a track while its pieces come, and what is asked of the swarm meanwhile.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::thread;

use track_store::{ReadError, StoreChange};

use crate::support::{Member, PIECE, song};

#[test]
fn a_shared_file_is_read_from_where_it_lies() {
    let member = Member::new();
    let bytes = song(3);
    let file_id = member.share(&bytes).announcement.file_id;
    let mut reader = member.store.reader(&file_id).expect("it is shared");
    assert_eq!(reader.byte_len(), bytes.len() as u64);
    let mut found = Vec::new();
    reader.read_to_end(&mut found).expect("all of it");
    assert_eq!(found, bytes);
    for (to, position) in [
        (SeekFrom::Start(300_000), 300_000),
        (SeekFrom::Current(-5), 299_995),
        (SeekFrom::End(-10), bytes.len() - 10),
    ] {
        assert_eq!(reader.seek(to).expect("inside"), position as u64);
        let mut found = [0; 5];
        reader.read_exact(&mut found).expect("inside");
        assert_eq!(found, bytes[position..position + 5]);
        reader.seek(SeekFrom::Start(position as u64)).expect("inside");
    }
    assert!(reader.seek(SeekFrom::Current(-i64::MAX)).is_err());
    reader.seek(SeekFrom::End(1_000)).expect("beyond the end is a position too");
    assert_eq!(reader.read(&mut [0; 5]).expect("the end"), 0);
}

#[cfg(unix)]
#[test]
fn a_shared_file_plays_on_when_it_is_deleted() {
    let member = Member::new();
    let bytes = song(3);
    let announcement = member.share(&bytes).announcement;
    let mut reader = member.store.reader(&announcement.file_id).expect("it is shared");
    let mut found = vec![0; 1_000];
    reader.read_exact(&mut found).expect("the start");
    fs::remove_file(member.dir.path().join("song.wav")).expect("it is there");
    member.store.check_files();
    assert_eq!(member.store.tracks(), [], "it is shared no more");
    reader.read_to_end(&mut found).expect("the rest");
    assert_eq!(found, bytes);
}

#[test]
fn a_reader_waits_for_each_piece_and_gets_every_byte() {
    let (owner, friend) = (Member::new(), Member::new());
    let bytes = song(5);
    let announcement = owner.share(&bytes).announcement;
    friend.store.expect(&announcement).expect("nobody announced it before");
    // The reader begins before even the description is known.
    let mut reader = friend.store.reader(&announcement.file_id).expect("it is expected");
    let reading = thread::spawn(move || {
        let mut found = Vec::new();
        reader.read_to_end(&mut found).map(|_| found)
    });
    friend.begin(&owner, &announcement);
    for index in 0..6 {
        let urgent = || friend.store.urgent(&announcement.info_hash);
        friend.heard.wait_until(|| urgent().first().is_some_and(|[first, _]| *first == index));
        friend.fetch(&owner, &announcement, [index]);
    }
    assert_eq!(reading.join().expect("no panics").expect("all pieces came"), bytes);
}

#[test]
fn what_a_reader_waits_for_is_most_urgent_then_what_lies_ahead() {
    let (owner, friend) = (Member::new(), Member::new());
    let announcement = owner.share(&song(39)).announcement;
    let info_hash = &announcement.info_hash;
    friend.begin(&owner, &announcement);
    // Nobody reads: what playing needs to begin, the head and the tail.
    assert_eq!(friend.store.urgent(info_hash), [[0, 1], [38, 39]]);

    let mut reader = friend.store.reader(&announcement.file_id).expect("it is expected");
    friend.fetch(&owner, &announcement, [3]);
    assert_eq!(friend.store.urgent(info_hash), [[0, 2], [4, 8], [38, 39]]);
    reader.seek(SeekFrom::Start(20 * PIECE as u64 + 5)).expect("inside");
    let cancel = reader.canceller();
    let reading = thread::spawn(move || {
        let result = reader.read(&mut [0; 10]);
        (reader, result)
    });
    let said = StoreChange::Urgent { info_hash: info_hash.clone() };
    let urgent = || friend.store.urgent(info_hash);
    friend.heard.wait_until(|| urgent() == [[20, 28], [0, 1], [38, 39]]);
    assert!(friend.heard.contains(&said));

    cancel();
    let (reader, result) = reading.join().expect("no panics");
    assert!(is_cancelled(&result.expect_err("it was cancelled")));
    drop(reader);
    assert_eq!(urgent(), [[0, 1], [38, 39]], "a reader that is gone wants nothing");
}

#[test]
fn a_cancelled_reader_never_reads_again() {
    let member = Member::new();
    let file_id = member.share(&song(1)).announcement.file_id;
    let mut reader = member.store.reader(&file_id).expect("it is shared");
    reader.canceller()();
    assert!(is_cancelled(&reader.read(&mut [0; 10]).expect_err("it was cancelled")));
}

#[test]
fn a_waiting_reader_can_be_cancelled_at_any_moment() {
    let (owner, friend) = (Member::new(), Member::new());
    let announcement = owner.share(&song(1)).announcement;
    friend.begin(&owner, &announcement);
    for moment in 0..MOMENTS {
        let mut reader = friend.store.reader(&announcement.file_id).expect("it is expected");
        let cancel = reader.canceller();
        let reading = thread::spawn(move || reader.read(&mut [0; 10]));
        let_pass(moment);
        cancel();
        let error = reading.join().expect("no panics").expect_err("it was cancelled");
        assert!(is_cancelled(&error), "{error:?}");
    }
}

#[test]
fn a_waiting_reader_learns_at_any_moment_that_its_track_was_removed() {
    let (owner, friend) = (Member::new(), Member::new());
    let announcement = owner.share(&song(1)).announcement;
    for moment in 0..MOMENTS {
        friend.begin(&owner, &announcement);
        let mut reader = friend.store.reader(&announcement.file_id).expect("it is expected");
        let reading = thread::spawn(move || reader.read(&mut [0; 10]));
        let_pass(moment);
        friend.store.remove(&announcement.file_id).expect("it is expected");
        let error = reading.join().expect("no panics").expect_err("it was removed");
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<ReadError>());
        assert!(matches!(cause, Some(ReadError::Removed)), "{error:?}");
    }
}

#[test]
fn a_waiting_reader_goes_on_when_the_user_adds_the_file() {
    let (owner, friend) = (Member::new(), Member::new());
    let bytes = song(2);
    let announcement = owner.share(&bytes).announcement;
    friend.begin(&owner, &announcement);
    friend.fetch(&owner, &announcement, [0]);
    let mut reader = friend.store.reader(&announcement.file_id).expect("it is expected");
    let reading = thread::spawn(move || {
        let mut found = Vec::new();
        reader.read_to_end(&mut found).map(|_| found)
    });
    friend.share(&bytes);
    assert_eq!(reading.join().expect("no panics").expect("it is whole"), bytes);
}

#[test]
fn a_song_is_playable_with_its_head_and_its_tail() {
    let (owner, friend) = (Member::new(), Member::new());
    let announcement = owner.share(&song(9)).announcement;
    friend.begin(&owner, &announcement);
    let playable = || friend.store.track(&announcement.file_id).expect("expected").playable;
    friend.fetch(&owner, &announcement, [0, 1]);
    assert!(!playable(), "players look at the end first");
    friend.fetch(&owner, &announcement, [8, 9]);
    assert!(playable());
}

#[test]
fn an_m4a_with_its_table_at_the_end_is_playable_once_that_is_held() {
    let (owner, friend) = (Member::new(), Member::new());
    let sound = 10 * PIECE;
    let mut song = b"\0\0\0\x10ftypM4A \0\0\0\0".to_vec();
    song.extend((sound as u32).to_be_bytes());
    song.extend(b"mdat");
    song.resize(16 + sound, 1);
    song.extend((2 * PIECE as u32).to_be_bytes());
    song.extend(b"moov");
    song.resize(16 + sound + 2 * PIECE, 2);
    let path = owner.file("song.m4a", &song);
    let announcement = owner.store.add_file(&path, &|_| ()).expect("a song").announcement;
    let urgent = || friend.store.urgent(&announcement.info_hash);
    let playable = || friend.store.track(&announcement.file_id).expect("expected").playable;

    friend.begin(&owner, &announcement);
    assert_eq!(urgent(), [[0, 1], [11, 12]]);
    friend.fetch(&owner, &announcement, [0, 1, 11, 12]);
    // The sound begins at byte 16, so its first 512 KiB reach into a third piece.
    assert_eq!(urgent(), [[2, 2], [10, 10]], "the table begins in a piece that is missing");
    friend.fetch(&owner, &announcement, [2]);
    assert!(!playable());
    friend.fetch(&owner, &announcement, [10]);
    assert!(playable());
    assert_eq!(urgent(), [] as [[u32; 2]; 0]);
}

#[test]
fn a_reader_can_move_to_a_thread_of_its_own_and_be_shared() {
    fn is_send_and_sync<T: Send + Sync + 'static>() {}
    is_send_and_sync::<track_store::PieceReader>();
    is_send_and_sync::<track_store::TrackStore>();
}

/// Moments tried, from before a thread has begun to long after it waits.
const MOMENTS: u32 = 40;

/// Lets other threads go on, for longer with each moment.
fn let_pass(moment: u32) {
    (0..moment * moment).for_each(|_| thread::yield_now());
}

fn is_cancelled(error: &io::Error) -> bool {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<ReadError>());
    matches!(cause, Some(ReadError::Cancelled))
}

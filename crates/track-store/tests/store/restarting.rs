//! What is found again after a restart, and what a crash or a stranger's hand can do.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use track_store::{Fault, GoneReason, Origin, StoreChange, StoreError, TrackStore};

use crate::support::{Member, PIECE, open, piece, song, write_later};

#[test]
fn shared_and_fetched_tracks_survive_a_restart() {
    let (owner, friend) = (Member::new(), Member::new());
    let fetched = owner.share(&song(2)).announcement;
    friend.begin(&owner, &fetched);
    friend.fetch(&owner, &fetched, 0..3);
    let other = Member::new();
    let partial = other.share(&song(4)).announcement;
    friend.begin(&other, &partial);
    friend.fetch(&other, &partial, [0, 3]);
    friend.share(&song(1));
    let mut before = friend.store.tracks();
    let friend = friend.restart();
    let mut after = friend.store.tracks();
    let key = |track: &track_store::Track| track.announcement.file_id.clone();
    before.sort_by_key(key);
    after.sort_by_key(key);
    assert_eq!(before, after);
    assert_eq!(friend.heard.all(), []);
    assert_eq!(friend.store.held_pieces(&partial.info_hash), Some(vec![0b1001_0000]));
    assert_eq!(piece(&friend, &fetched, 1), piece(&owner, &fetched, 1));
    assert_eq!(piece(&friend, &partial, 3), piece(&other, &partial, 3));
    friend.fetch(&other, &partial, [1, 2, 4]);
    assert!(friend.store.track(&partial.file_id).expect("held").complete);
}

#[test]
fn a_marked_piece_whose_bytes_never_reached_the_disk_is_fetched_again() {
    let (owner, friend) = (Member::new(), Member::new());
    let announcement = owner.share(&song(3)).announcement;
    friend.begin(&owner, &announcement);
    friend.fetch(&owner, &announcement, [0, 2]);
    // As after a power failure: the mark is there, the bytes are not.
    let pieces = friend.piece_file(&announcement.info_hash);
    let file = fs::File::options().write(true).open(&pieces).expect("its pieces");
    file.set_len(2 * PIECE as u64 + 1_000).expect("it can be cut");
    let friend = friend.restart();
    assert_eq!(friend.store.held_pieces(&announcement.info_hash), Some(vec![0b1000_0000]));
    friend.fetch(&owner, &announcement, [1, 2, 3]);
    assert!(friend.store.track(&announcement.file_id).expect("held").complete);
}

#[test]
fn a_store_that_dies_at_any_moment_holds_what_it_says() {
    let (owner, friend) = (Member::new(), Member::new());
    let announcement = owner.share(&song(30)).announcement;
    friend.store.expect(&announcement).expect("nobody announced it before");
    let wreck = tempfile::TempDir::new().expect("a temporary folder");
    thread::scope(|scope| {
        let fetching = scope.spawn(|| {
            friend.begin(&owner, &announcement);
            friend.fetch(&owner, &announcement, (0..31).rev());
        });
        for number in 0.. {
            let is_last = fetching.is_finished();
            let dir = wreck.path().join(number.to_string());
            copy_as_it_is(&friend.store_dir(), &dir);
            let (store, heard) = open(&dir);
            let is_fine = |change: &_| matches!(change, StoreChange::Held { complete: true, .. });
            assert!(heard.all().iter().all(is_fine), "{:?}", heard.all());
            for track in store.tracks() {
                let bits = store.held_pieces(&announcement.info_hash).expect("described");
                for index in (0..31).filter(|index| bits[index / 8] & (0x80 >> (index % 8)) != 0) {
                    let found = store.read_piece(&announcement.info_hash, index as u32, 0, 1_000);
                    let expected = piece(&owner, &announcement, index as u32);
                    assert_eq!(found.expect("it is held"), expected[..1_000]);
                }
                assert_eq!(track.complete, track.held_bytes == announcement.size);
            }
            drop(store);
            fs::remove_dir_all(dir).expect("it was just made");
            if is_last {
                break;
            }
        }
        fetching.join().expect("no panics");
    });
}

#[test]
fn a_crash_before_the_end_was_noted_is_made_good_at_start() {
    let (owner, friend) = (Member::new(), Member::new());
    let announcement = owner.share(&song(1)).announcement;
    friend.begin(&owner, &announcement);
    friend.fetch(&owner, &announcement, 0..2);
    let record = friend.store_dir().join(format!("tracks/{}.json", announcement.file_id));
    let text = fs::read_to_string(&record).expect("its record");
    assert!(text.contains("\"complete\": true"), "{text}");
    fs::write(&record, text.replace("\"complete\": true", "\"complete\": false")).expect("ours");
    let friend = friend.restart();
    assert!(friend.store.track(&announcement.file_id).expect("held").complete);
}

#[test]
fn damage_on_disk_is_noticed_at_first_use_and_fetched_again() {
    let (owner, friend) = (Member::new(), Member::new());
    let announcement = owner.share(&song(2)).announcement;
    let (file_id, info_hash) = (&announcement.file_id, &announcement.info_hash);
    friend.begin(&owner, &announcement);
    friend.fetch(&owner, &announcement, 0..3);
    let mut bytes = fs::read(friend.piece_file(info_hash)).expect("its pieces");
    bytes[PIECE + 9] ^= 4;
    fs::write(friend.piece_file(info_hash), bytes).expect("it can be written");

    let friend = friend.restart();
    assert!(friend.store.track(file_id).expect("held").complete, "nobody has looked yet");
    friend.store.read_piece(info_hash, 0, 0, 10).expect("it is sound");
    let result = friend.store.read_piece(info_hash, 1, 0, 5);
    assert!(matches!(result, Err(StoreError::NotHeld { index: 1 })), "{result:?}");
    let fault = Fault::PieceDamaged { index: 1 };
    assert!(friend.heard.contains(&StoreChange::Fault { file_id: file_id.clone(), fault }));
    assert_eq!(friend.store.held_pieces(info_hash), Some(vec![0b1010_0000]));

    let friend = friend.restart();
    assert_eq!(friend.store.held_pieces(info_hash), Some(vec![0b1010_0000]), "remembered");
    friend.fetch(&owner, &announcement, [1]);
    assert!(friend.store.track(file_id).expect("held").complete);
}

#[test]
fn a_shared_file_that_moved_meanwhile_is_reported_and_found_again_later() {
    let member = Member::new();
    let file_id = member.share(&song(1)).announcement.file_id;
    let (here, there) = (member.dir.path().join("song.wav"), member.dir.path().join("away.wav"));
    fs::rename(&here, &there).expect("it can be moved");
    let member = member.restart();
    let reason = GoneReason::Missing;
    let said = StoreChange::Gone { file_id: file_id.clone(), reason };
    assert_eq!(member.heard.all(), [said]);
    assert_eq!(member.store.tracks(), []);

    fs::rename(&there, &here).expect("it can be moved back");
    let member = member.restart();
    let track = member.store.track(&file_id).expect("it is back");
    assert_eq!(track.origin, Origin::Mine { path: here.clone() });
    assert_eq!(track.announcement.name.as_str(), "song.wav");

    fs::remove_file(here).expect("it is there");
    let member = member.restart();
    member.store.remove(&file_id).expect("its record is there");
    let member = member.restart();
    assert_eq!(member.heard.all(), [], "forgotten");
}

#[test]
fn a_shared_file_that_moves_away_while_the_app_runs_can_come_back_too() {
    let member = Member::new();
    let file_id = member.share(&song(1)).announcement.file_id;
    let (here, there) = (member.dir.path().join("song.wav"), member.dir.path().join("away.wav"));
    fs::rename(&here, &there).expect("it can be moved");
    member.store.check_files();
    assert_eq!(member.store.tracks(), []);
    fs::rename(&there, &here).expect("it can be moved back");
    assert!(member.restart().store.track(&file_id).is_some());
}

#[test]
fn a_shared_file_that_changed_meanwhile_is_reported_and_forgotten() {
    let member = Member::new();
    let mut bytes = song(2);
    let file_id = member.share(&bytes).announcement.file_id;
    bytes[PIECE * 2] ^= 1;
    write_later(&member.dir.path().join("song.wav"), &bytes);
    let member = member.restart();
    let reason = GoneReason::Changed;
    assert_eq!(member.heard.all(), [StoreChange::Gone { file_id, reason }]);
    let member = member.restart();
    assert_eq!(member.heard.all(), []);
}

#[test]
fn a_shared_file_that_was_only_touched_is_still_shared() {
    let member = Member::new();
    let file_id = member.share(&song(2)).announcement.file_id;
    write_later(&member.dir.path().join("song.wav"), &song(2));
    let member = member.restart();
    assert_eq!(member.heard.all(), []);
    assert!(member.store.track(&file_id).expect("it is the same").complete);
}

#[test]
fn two_programs_can_not_use_one_folder() {
    let member = Member::new();
    let second = TrackStore::open(&member.store_dir(), Arc::new(|_| ()));
    let Err(error) = second else { panic!("two stores in one folder") };
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    let member = member.restart();
    drop(member);
}

#[test]
fn a_damaged_record_costs_its_track_and_nothing_else() {
    let (owner, friend) = (Member::new(), Member::new());
    let fetched = owner.share(&song(1)).announcement;
    friend.begin(&owner, &fetched);
    friend.fetch(&owner, &fetched, 0..2);
    let shared = friend.share(&song(2)).announcement;
    let tracks = friend.store_dir().join("tracks");
    fs::write(tracks.join(format!("{}.json", fetched.file_id)), b"{\"version\":1,").expect("ours");
    fs::write(tracks.join("stray.torrent"), b"?").expect("ours");
    fs::write(friend.store_dir().join("scratch/.tmp1"), b"?").expect("ours");
    let friend = friend.restart();
    let fault = Fault::RecordDamaged;
    assert_eq!(friend.heard.all(), [StoreChange::Fault { file_id: fetched.file_id, fault }]);
    assert_eq!(friend.store.tracks().len(), 1);
    let mut left: Vec<_> = ["tracks", "files", "scratch"]
        .iter()
        .flat_map(|part| fs::read_dir(friend.store_dir().join(part)).expect("a folder"))
        .map(|entry| entry.expect("a name").file_name().into_string().expect("text"))
        .collect();
    left.sort();
    let id = shared.file_id;
    assert_eq!(left, [format!("{id}.json"), format!("{id}.torrent")], "orphans are deleted");
}

#[test]
fn records_of_a_newer_app_are_left_alone() {
    let (owner, friend) = (Member::new(), Member::new());
    let announcement = owner.share(&song(1)).announcement;
    friend.begin(&owner, &announcement);
    friend.fetch(&owner, &announcement, 0..2);
    let record = friend.store_dir().join(format!("tracks/{}.json", announcement.file_id));
    let text = fs::read_to_string(&record).expect("its record");
    fs::write(&record, text.replace("\"version\": 1", "\"version\": 2")).expect("ours");
    let friend = friend.restart();
    assert_eq!((friend.store.tracks(), friend.heard.all()), (vec![], vec![]));
    assert!(record.is_file() && friend.piece_file(&announcement.info_hash).is_file());
}

#[test]
fn a_folder_that_can_not_be_made_is_an_error() {
    let member = Member::new();
    let file = member.file("file", b"x");
    let result = TrackStore::open(&file.join("store"), Arc::new(|_| ()));
    assert!(matches!(result, Err(StoreError::Io { .. })));
}

// Other systems refuse such names.
#[cfg(target_os = "linux")]
#[test]
fn a_path_that_is_no_text_survives_a_restart() {
    use std::os::unix::ffi::OsStrExt;
    let member = Member::new();
    let path = member.dir.path().join(std::ffi::OsStr::from_bytes(b"so\xffng.wav"));
    fs::write(&path, song(1)).expect("names are bytes here");
    let track = member.store.add_file(&path, &|_| ()).expect("a song");
    let (store, heard) = {
        let dir = member.store_dir();
        drop(member.store);
        open(&dir)
    };
    assert_eq!(heard.all(), []);
    let found = store.track(&track.announcement.file_id).expect("it is shared");
    assert_eq!(found.origin, Origin::Mine { path });
}

/// Copies a folder while someone writes to it, as a crash would leave it. The lock and files
/// that vanish meanwhile stay behind.
fn copy_as_it_is(from: &Path, to: &Path) {
    // Records first: a crash never leaves a record that is older than what it speaks of.
    for (part, is_wanted) in [
        ("tracks", (|name| name.ends_with(".json")) as fn(&str) -> bool),
        ("tracks", |name| !name.ends_with(".json")),
        ("files", |_| true),
    ] {
        fs::create_dir_all(to.join(part)).expect("a temporary folder");
        for entry in fs::read_dir(from.join(part)).expect("a folder") {
            let name = entry.expect("a name").file_name().into_string().expect("ids");
            if is_wanted(&name) {
                let _ = fs::copy(from.join(part).join(&name), to.join(part).join(&name));
            }
        }
    }
}

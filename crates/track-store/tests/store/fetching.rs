//! Files from other members: descriptions, pieces, lies and damage.

use std::fs;
use std::thread;

use proptest::prelude::*;
use protocol::ids::{FileId, FileName, InfoHash, Magnet};
use protocol::message::FileAnnouncement;
use track_store::{Fault, MetainfoError, Origin, StoreChange, StoreError, Written};

use crate::support::{Member, PIECE, piece, song};

#[test]
fn a_fetched_file_is_complete_with_its_last_piece_and_served_to_others() {
    let (owner, friend, third) = (Member::new(), Member::new(), Member::new());
    let bytes = song(3);
    let announcement = owner.share(&bytes).announcement;
    let (file_id, info_hash) = (&announcement.file_id, &announcement.info_hash);

    friend.store.expect(&announcement).expect("nobody announced it before");
    let track = friend.store.track(file_id).expect("it is expected");
    assert_eq!((track.held_bytes, track.has_metainfo, track.complete), (0, false, false));
    assert_eq!(friend.store.held_pieces(info_hash), None);
    friend.begin(&owner, &announcement);
    assert_eq!(friend.store.held_pieces(info_hash), Some(vec![0]));
    friend.fetch(&owner, &announcement, [1, 0, 3]);
    assert_eq!(friend.store.held_pieces(info_hash), Some(vec![0b1101_0000]));
    let last = piece(&owner, &announcement, 2);
    let written = friend.store.write_piece(info_hash, 2, &last).expect("a good piece");
    assert_eq!(written, Written::Completed);
    let track = friend.store.track(file_id).expect("it is held");
    assert!(track.complete && track.playable);
    assert_eq!((track.held_bytes, track.origin), (announcement.size, Origin::Fetched));

    let size = announcement.size;
    let piece_bytes = PIECE as u64;
    let last_bytes = size - 3 * piece_bytes;
    let held =
        |held_bytes, complete| StoreChange::Held { file_id: file_id.clone(), held_bytes, complete };
    assert_eq!(
        friend.heard.all(),
        [
            StoreChange::Described { file_id: file_id.clone() },
            held(piece_bytes, false),
            held(2 * piece_bytes, false),
            held(2 * piece_bytes + last_bytes, false),
            held(size, true),
        ]
    );

    third.begin(&friend, &announcement);
    third.fetch(&friend, &announcement, 0..4);
    assert!(third.store.track(file_id).expect("it is held").complete);
    assert_eq!(fs::read(third.piece_file(info_hash)).expect("its pieces"), bytes);
}

#[test]
fn what_is_missing_is_told_in_columns_of_the_whole_length() {
    let (owner, friend) = (Member::new(), Member::new());
    let announcement = owner.share(&song(3)).announcement;
    let file_id = &announcement.file_id;
    assert_eq!(owner.store.missing(file_id, 400), [] as [[u16; 2]; 0]);
    friend.store.expect(&announcement).expect("nobody announced it before");
    assert_eq!(friend.store.missing(file_id, 400), [[0, 400]], "nothing is known of its pieces");
    friend.begin(&owner, &announcement);
    friend.fetch(&owner, &announcement, [1]);
    // Three pieces and a thousand bytes more: columns that reach into two pieces need both.
    assert_eq!(friend.store.missing(file_id, 400), [[0, 134], [266, 400]]);
    friend.fetch(&owner, &announcement, [0, 2, 3]);
    assert_eq!(friend.store.missing(file_id, 400), [] as [[u16; 2]; 0]);
    assert_eq!(
        friend.store.missing(&FileId::parse("0".repeat(64)).expect("hex"), 400),
        [] as [[u16; 2]; 0]
    );
}

#[test]
fn a_damaged_piece_is_refused_and_does_not_count() {
    let (owner, friend) = (Member::new(), Member::new());
    let announcement = owner.share(&song(2)).announcement;
    let info_hash = &announcement.info_hash;
    friend.begin(&owner, &announcement);
    let mut bytes = piece(&owner, &announcement, 1);
    bytes[77] ^= 0x10;
    let result = friend.store.write_piece(info_hash, 1, &bytes);
    assert!(matches!(result, Err(StoreError::PieceCorrupt { index: 1 })), "{result:?}");
    assert_eq!(friend.store.held_pieces(info_hash), Some(vec![0]));
    assert_eq!(friend.store.track(&announcement.file_id).expect("expected").held_bytes, 0);
    assert_eq!(fs::read(friend.piece_file(info_hash)).expect("its pieces"), b"");

    // The right bytes of another piece are wrong here too.
    let bytes = piece(&owner, &announcement, 0);
    let result = friend.store.write_piece(info_hash, 1, &bytes);
    assert!(matches!(result, Err(StoreError::PieceCorrupt { index: 1 })), "{result:?}");
}

#[test]
fn pieces_that_can_not_be_are_refused() {
    let (owner, friend) = (Member::new(), Member::new());
    let announcement = owner.share(&song(1)).announcement;
    let info_hash = &announcement.info_hash;
    let unknown = friend.store.write_piece(info_hash, 0, &[0; 10]);
    assert!(matches!(unknown, Err(StoreError::UnknownTorrent(_))), "{unknown:?}");
    friend.store.expect(&announcement).expect("nobody announced it before");
    let early = friend.store.write_piece(info_hash, 0, &[0; 10]);
    assert!(matches!(early, Err(StoreError::NoMetainfo(_))), "{early:?}");
    friend.begin(&owner, &announcement);
    for (index, length) in [(0, PIECE - 1), (0, PIECE + 1), (0, 0), (1, PIECE)] {
        let result = friend.store.write_piece(info_hash, index, &vec![0; length]);
        assert!(matches!(result, Err(StoreError::PieceLength { .. })), "{index} {result:?}");
    }
    for index in [2, u32::MAX] {
        let result = friend.store.write_piece(info_hash, index, &[0; 10]);
        assert!(matches!(result, Err(StoreError::PieceIndex { .. })), "{result:?}");
    }
    let early = friend.store.read_piece(info_hash, 0, 0, 10);
    assert!(matches!(early, Err(StoreError::NotHeld { index: 0 })), "{early:?}");
}

#[test]
fn a_piece_that_is_held_is_not_written_again() {
    let (owner, friend) = (Member::new(), Member::new());
    let announcement = owner.share(&song(2)).announcement;
    friend.begin(&owner, &announcement);
    friend.fetch(&owner, &announcement, [1]);
    let bytes = piece(&owner, &announcement, 1);
    let again = friend.store.write_piece(&announcement.info_hash, 1, &bytes);
    assert_eq!(again.expect("a good piece"), Written::AlreadyHeld);
    let mine = owner.store.write_piece(&announcement.info_hash, 1, &bytes);
    assert_eq!(mine.expect("a good piece"), Written::AlreadyHeld);
}

#[test]
fn many_threads_bring_pieces_at_once_and_one_of_them_the_last() {
    let (owner, friend) = (Member::new(), Member::new());
    let bytes = song(19);
    let announcement = owner.share(&bytes).announcement;
    friend.begin(&owner, &announcement);
    let written: Vec<Written> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|shift| {
                let (owner, friend, announcement) = (&owner, &friend, &announcement);
                scope.spawn(move || {
                    let order = (0..20).map(move |index| (index * 3 + shift * 5) % 20);
                    order
                        .map(|index| {
                            let bytes = piece(owner, announcement, index);
                            let written =
                                friend.store.write_piece(&announcement.info_hash, index, &bytes);
                            written.expect("a good piece")
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panics")).collect()
    });
    let count = |kind| written.iter().filter(|written| **written == kind).count();
    assert_eq!((count(Written::Completed), count(Written::Stored)), (1, 19));
    let track = friend.store.track(&announcement.file_id).expect("held");
    assert!(track.complete);
    assert_eq!(track.held_bytes, announcement.size, "each piece counts once");
    assert_eq!(fs::read(friend.piece_file(&announcement.info_hash)).expect("pieces"), bytes);
}

#[test]
fn descriptions_that_do_not_fit_the_announcement_are_refused() {
    let (owner, friend) = (Member::new(), Member::new());
    let announcement = owner.share(&song(1)).announcement;
    let info_hash = &announcement.info_hash;
    let good = owner.store.metainfo(info_hash).expect("its own");
    let put = |bytes: &[u8]| friend.store.put_metainfo(info_hash, bytes);

    assert!(matches!(put(&good), Err(StoreError::UnknownTorrent(_))), "nothing announced");
    let longer = FileAnnouncement { size: announcement.size + 1, ..announcement.clone() };
    friend.store.expect(&longer).expect("nobody announced it before");
    let result = put(&good);
    let expected = MetainfoError::Length { found: longer.size - 1, announced: longer.size };
    assert!(matches!(result, Err(StoreError::Metainfo(found)) if found == expected), "{result:?}");

    friend.store.remove(&announcement.file_id).expect("it is expected");
    friend.store.expect(&announcement).expect("it was forgotten");
    let other = Member::new().share_and_describe(&song(2));
    let result = put(&other);
    assert!(matches!(result, Err(StoreError::Metainfo(MetainfoError::InfoHash))), "{result:?}");
    for length in 0..good.len() {
        assert!(put(&good[..length]).is_err(), "cut at {length}");
    }
    assert!(put(&vec![b'd'; 1_000_000]).is_err(), "deep nesting");
    assert!(put(b"d4:infod6:lengthi99999999999999999999eee").is_err(), "a huge number");
    assert_eq!(friend.store.metainfo(info_hash), None);
    assert_eq!(fs::read_dir(friend.store_dir().join("files")).expect("a folder").count(), 0);

    // The info dictionary alone will do, and a second time changes nothing.
    put(&good[b"d4:info".len()..good.len() - 1]).expect("a bare dictionary");
    put(&good).expect("the same again");
    assert_eq!(friend.store.metainfo(info_hash), Some(good));
}

#[test]
fn a_hostile_name_in_a_torrent_never_becomes_a_path() {
    let friend = Member::new();
    let long = "x".repeat(5_000);
    for name in ["../../../escaped", "/tmp/escaped", "a\0b\u{1b}[31m", "", ".", long.as_str()] {
        let info = format!(
            "d6:lengthi5e4:name{}:{name}12:piece lengthi16384e6:pieces20:{}e",
            name.len(),
            // `printf hello | sha1sum`, as bytes, would not be text: this piece never matches.
            "h".repeat(20),
        );
        let announcement = FileAnnouncement {
            info_hash: sha1_of(info.as_bytes()),
            size: 5,
            ..announcement(name.len() as u64)
        };
        friend.store.expect(&announcement).expect("nobody announced it before");
        friend.store.put_metainfo(&announcement.info_hash, info.as_bytes()).expect("a torrent");
        assert!(friend.piece_file(&announcement.info_hash).is_file(), "named by its ids");
    }
    let names: Vec<_> = fs::read_dir(friend.dir.path()).expect("a folder").collect();
    assert_eq!(names.len(), 1, "nothing but the store's folder: {names:?}");
}

#[test]
fn a_torrent_that_is_not_the_announced_file_is_dropped_and_not_tried_again() {
    let (owner, friend) = (Member::new(), Member::new());
    let truth = owner.share(&song(1)).announcement;
    let lie = FileAnnouncement { file_id: file_id(1), ..truth.clone() };
    friend.begin(&owner, &lie);
    friend.fetch(&owner, &lie, [0]);
    let mut reader = friend.store.reader(&lie.file_id).expect("it is expected");
    let last = piece(&owner, &lie, 1);
    let result = friend.store.write_piece(&lie.info_hash, 1, &last);
    assert!(matches!(result, Err(StoreError::Refused(_))), "{result:?}");
    let fault = Fault::ContentMismatch;
    let said = StoreChange::Fault { file_id: lie.file_id.clone(), fault };
    assert!(friend.heard.contains(&said), "{:?}", friend.heard.all());
    assert_eq!(friend.store.tracks(), []);
    assert!(std::io::Read::read(&mut reader, &mut [0; 10]).is_err(), "its readers fail");
    assert!(!friend.piece_file(&lie.info_hash).exists());
    assert!(matches!(friend.store.expect(&lie), Err(StoreError::Refused(_))));

    // The same torrent, announced truthfully, is welcome.
    friend.begin(&owner, &truth);
    friend.fetch(&owner, &truth, 0..2);
    assert!(friend.store.track(&truth.file_id).expect("held").complete);
}

#[test]
fn an_announcement_can_not_take_over_a_file_or_a_torrent_that_is_known() {
    let (owner, friend) = (Member::new(), Member::new());
    let truth = owner.share(&song(1)).announcement;
    friend.store.expect(&truth).expect("nobody announced it before");
    let other_file = FileAnnouncement { file_id: file_id(1), ..truth.clone() };
    assert!(matches!(friend.store.expect(&other_file), Err(StoreError::OtherTorrent(_))));

    // While nothing is known of the first torrent, another one may carry the file.
    let other_torrent = FileAnnouncement { info_hash: sha1_of(b"other"), ..truth.clone() };
    friend.store.expect(&other_torrent).expect("the first may never come");
    assert_eq!(friend.store.track(&truth.file_id).expect("expected").announcement, other_torrent);
    friend.begin(&owner, &truth);
    let late = friend.store.expect(&other_torrent);
    assert!(matches!(late, Err(StoreError::OtherTorrent(_))), "{late:?}");
    assert!(matches!(owner.store.expect(&other_torrent), Err(StoreError::OtherTorrent(_))));
    owner.store.expect(&truth).expect("the owner's own changes nothing");
}

#[test]
fn a_later_announcement_corrects_a_wrong_length() {
    let (owner, friend) = (Member::new(), Member::new());
    let truth = owner.share(&song(1)).announcement;
    let lie = FileAnnouncement { size: 5, ..truth.clone() };
    friend.store.expect(&lie).expect("nobody announced it before");
    friend.begin(&owner, &truth);
    friend.fetch(&owner, &truth, 0..2);
    assert_eq!(friend.store.track(&truth.file_id).expect("held").announcement, truth);
}

#[test]
fn having_the_content_exposes_who_announced_it_as_another_file() {
    let (owner, friend) = (Member::new(), Member::new());
    let truth = owner.share(&song(1)).announcement;
    let lie = FileAnnouncement { file_id: file_id(1), ..truth.clone() };
    friend.begin(&owner, &lie);
    friend.fetch(&owner, &lie, [0]);
    let track = friend.share(&song(1));
    assert_eq!(friend.store.tracks(), [track]);
    let fault = Fault::ContentMismatch;
    assert!(friend.heard.contains(&StoreChange::Fault { file_id: lie.file_id.clone(), fault }));
    assert!(matches!(friend.store.expect(&lie), Err(StoreError::Refused(_))));
    assert_eq!(piece(&friend, &truth, 0), song(1)[..PIECE]);
}

#[test]
fn announcements_beyond_the_limit_push_out_the_oldest() {
    let friend = Member::new();
    for number in 0..205 {
        friend.store.expect(&announcement(number)).expect("room is made");
    }
    assert_eq!(friend.store.tracks().len(), 200);
    assert!(friend.store.track(&file_id(4)).is_none() && friend.store.track(&file_id(5)).is_some());
}

#[test]
fn adding_the_file_oneself_completes_what_was_being_fetched() {
    let (owner, friend) = (Member::new(), Member::new());
    let bytes = song(2);
    let announcement = owner.share(&bytes).announcement;
    friend.begin(&owner, &announcement);
    friend.fetch(&owner, &announcement, [1]);
    let track = friend.share(&bytes);
    assert!(track.complete && matches!(track.origin, Origin::Mine { .. }));
    assert!(!friend.piece_file(&announcement.info_hash).exists(), "its pieces make room");
    assert_eq!(piece(&friend, &announcement, 0), bytes[..PIECE]);
    let friend = friend.restart();
    assert_eq!(friend.store.mine_count(), 1);
}

#[test]
fn removing_a_fetched_file_deletes_its_bytes() {
    let (owner, friend) = (Member::new(), Member::new());
    let announcement = owner.share(&song(1)).announcement;
    friend.begin(&owner, &announcement);
    friend.fetch(&owner, &announcement, 0..2);
    friend.store.remove(&announcement.file_id).expect("it is held");
    for part in ["tracks", "files", "scratch"] {
        let names: Vec<_> =
            fs::read_dir(friend.store_dir().join(part)).expect("a folder").collect();
        assert!(names.is_empty(), "{part}: {names:?}");
    }
    friend.begin(&owner, &announcement);
    friend.fetch(&owner, &announcement, 0..2);
}

#[test]
fn a_fetched_file_shows_its_picture_once_it_is_complete() {
    use lofty::tag::TagExt;
    let (owner, friend) = (Member::new(), Member::new());
    let path = owner.file("tagged.wav", &song(1));
    let mut tag = lofty::tag::Tag::new(lofty::tag::TagType::Id3v2);
    let bytes = b"\xff\xd8\xff cover".to_vec();
    let cover = lofty::picture::Picture::unchecked(bytes.clone());
    tag.push_picture(cover.mime_type(lofty::picture::MimeType::Jpeg).build());
    tag.save_to_path(&path, lofty::config::WriteOptions::default()).expect("tags can be written");
    let announcement = owner.store.add_file(&path, &|_| ()).expect("a song").announcement;
    friend.begin(&owner, &announcement);
    friend.fetch(&owner, &announcement, 0..2);
    assert!(friend.store.track(&announcement.file_id).expect("held").has_artwork);
    let friend = friend.restart();
    let artwork = friend.store.artwork(&announcement.file_id).expect("a picture");
    assert_eq!((artwork.mime, artwork.bytes), ("image/jpeg", bytes));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_bytes_make_a_description_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let friend = Member::new();
        let announcement = announcement(1);
        friend.store.expect(&announcement).expect("nobody announced it before");
        prop_assert!(friend.store.put_metainfo(&announcement.info_hash, &bytes).is_err());
    }
}

impl Member {
    fn share_and_describe(&self, bytes: &[u8]) -> Vec<u8> {
        let info_hash = self.share(bytes).announcement.info_hash;
        self.store.metainfo(&info_hash).expect("its own")
    }
}

fn announcement(number: u64) -> FileAnnouncement {
    FileAnnouncement {
        file_id: file_id(number),
        name: FileName::parse("song.mp3").expect("a name"),
        size: 1_000,
        info_hash: InfoHash::parse(format!("{number:040x}")).expect("hex digits"),
        magnet: Magnet::parse("magnet:?xt=urn:btih:0").expect("a link"),
        media: protocol::message::MediaInfo::default(),
    }
}

fn file_id(number: u64) -> FileId {
    FileId::parse(format!("{number:064x}")).expect("hex digits")
}

fn sha1_of(bytes: &[u8]) -> InfoHash {
    use sha1::Digest;
    InfoHash::parse(protocol::ids::hex(&sha1::Sha1::digest(bytes))).expect("a SHA-1")
}

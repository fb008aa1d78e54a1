//! Files of the user: what is accepted, how it is described, and serving it in place.

use std::fs;
use std::sync::Mutex;

use lofty::config::WriteOptions;
use lofty::picture::{MimeType, Picture, PictureType};
use lofty::tag::{Accessor, Tag, TagExt, TagType};
use proptest::prelude::*;
use protocol::limits::MAX_FILE_SIZE;
use track_store::{AddError, GoneReason, Origin, Progress, StoreChange, StoreError};

use crate::support::{Member, PIECE, piece, song, wav, write_later};

#[test]
fn a_file_gets_the_names_that_another_program_computes() {
    // Python: hashlib.sha256 of the file; hashlib.sha1 of a bencoded dictionary with `length`,
    // `name` = "<sha256>.wav", `piece length` = 262144 and `pieces`, keys sorted.
    let member = Member::new();
    let track = member.share(&wav(600_000));
    let announcement = track.announcement;
    assert_eq!(announcement.size, 600_044);
    assert_eq!(
        announcement.file_id.as_str(),
        "931756337907afe735e82a8b3be386d388eb811c419e2e9c8ba174120a4b9bfb"
    );
    assert_eq!(announcement.info_hash.as_str(), "c62d9d47e490c03a2ab71c6f898fc8fa913768bc");
    assert_eq!(
        announcement.magnet.as_str(),
        "magnet:?xt=urn:btih:c62d9d47e490c03a2ab71c6f898fc8fa913768bc&dn=song.wav"
    );
    assert_eq!(announcement.media.format.expect("a format").as_str(), "wav");
    assert!(track.complete && track.playable && track.has_metainfo && !track.has_artwork);
    assert_eq!(track.held_bytes, 600_044);
    assert_eq!(track.origin, Origin::Mine { path: member.dir.path().join("song.wav") });
}

#[test]
fn equal_content_is_one_torrent_whatever_the_file_is_called() {
    let (one, two) = (Member::new(), Member::new());
    let first = one.share(&song(2)).announcement;
    let path = two.file("Übung % & co.flac", &song(2));
    let second = two.store.add_file(&path, &|_| ()).expect("a song").announcement;
    assert_eq!(first.info_hash, second.info_hash);
    assert_eq!(one.store.metainfo(&first.info_hash), two.store.metainfo(&second.info_hash));
    assert_eq!(second.name.as_str(), "Übung % & co.flac");
    assert!(second.magnet.as_str().ends_with("&dn=%C3%9Cbung%20%25%20%26%20co.flac"));
}

#[test]
fn what_is_no_music_is_refused_and_says_why() {
    let member = Member::new();
    let add = |path: &std::path::Path| member.store.add_file(path, &|_| ());

    let text = member.file("song.mp3", &b"This is a text, whatever its name.\n".repeat(9_000));
    assert!(matches!(add(&text), Err(AddError::NotMusic)));
    let empty = member.file("empty.wav", b"");
    assert!(matches!(add(&empty), Err(AddError::Empty)));
    assert!(matches!(add(member.dir.path()), Err(AddError::NotAFile)));
    assert!(matches!(add(&member.dir.path().join("absent.mp3")), Err(AddError::Unreadable(_))));
    let large = member.file("large.wav", &wav(10));
    let file = fs::File::options().write(true).open(&large).expect("just written");
    file.set_len(MAX_FILE_SIZE + 1).expect("sparse files");
    assert!(matches!(add(&large), Err(AddError::TooLarge { size }) if size == MAX_FILE_SIZE + 1));
    assert_eq!(member.store.mine_count(), 0);
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused_without_waiting_for_its_writer() {
    let member = Member::new();
    let path = member.dir.path().join("pipe.mp3");
    let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo");
    assert!(made.success());
    assert!(matches!(member.store.add_file(&path, &|_| ()), Err(AddError::NotAFile)));
}

#[test]
fn a_damaged_song_with_a_sound_header_is_accepted() {
    let member = Member::new();
    let mut flac = b"fLaC\x80\0\0\x22".to_vec();
    flac.extend([0xaa; 5_000]);
    let track = member.store.add_file(&member.file("cut.flac", &flac), &|_| ());
    let media = track.expect("a FLAC header").announcement.media;
    assert_eq!(media.format.expect("a format").as_str(), "flac");

    let mut mp3 = [&[0xff, 0xfb, 0x90, 0][..], &[0; 413]].concat().repeat(5);
    mp3.extend(b"garbage".repeat(1_000));
    let track = member.store.add_file(&member.file("torn.mp3", &mp3), &|_| ());
    let media = track.expect("MP3 frames").announcement.media;
    assert_eq!(media.format.expect("a format").as_str(), "mp3");
}

#[test]
fn tags_and_the_front_cover_travel_with_the_song() {
    let member = Member::new();
    let path = member.file("tagged.wav", &wav(176_400));
    let cover = [b"\x89PNG\r\n\x1a\n".as_slice(), &[7; 500]].concat();
    let mut tag = Tag::new(TagType::Id3v2);
    tag.set_title("Blue\u{202e} Otter".to_owned());
    tag.set_artist("The Lutrinae".to_owned());
    tag.set_album("River".to_owned());
    tag.push_picture(picture(PictureType::CoverBack, b"\xff\xd8\xff back".to_vec()));
    tag.push_picture(picture(PictureType::CoverFront, cover.clone()));
    tag.save_to_path(&path, WriteOptions::default()).expect("tags can be written");

    let track = member.store.add_file(&path, &|_| ()).expect("a song");
    let media = &track.announcement.media;
    assert_eq!(media.title.as_ref().expect("a title").as_str(), "Blue Otter");
    assert_eq!(media.artist.as_ref().expect("an artist").as_str(), "The Lutrinae");
    assert_eq!(media.album.as_ref().expect("an album").as_str(), "River");
    assert_eq!(media.duration_ms.expect("a duration").get(), 1_000.0);
    assert!(track.has_artwork);
    let artwork = member.store.artwork(&track.announcement.file_id).expect("a picture");
    assert_eq!((artwork.mime, artwork.bytes), ("image/png", cover));
}

#[test]
fn progress_reaches_the_length_of_the_file() {
    let member = Member::new();
    let path = member.file("song.wav", &song(3));
    let size = song(3).len() as u64;
    let seen = Mutex::new(Vec::new());
    let progress = |at: Progress| seen.lock().expect("no panics").push((at.done_bytes, at.size));
    member.store.add_file(&path, &progress).expect("a song");
    let piece = PIECE as u64;
    assert_eq!(
        *seen.lock().expect("no panics"),
        [(piece, size), (2 * piece, size), (3 * piece, size), (size, size)]
    );
}

#[test]
fn the_same_content_twice_is_one_track() {
    let member = Member::new();
    let first = member.share(&song(1));
    let copy = member.file("copy.wav", &song(1));
    let second = member.store.add_file(&copy, &|_| ()).expect("the same song");
    assert_eq!(first, second);
    assert_eq!(member.store.mine_count(), 1);
}

#[test]
fn a_copy_takes_the_place_of_a_shared_file_that_is_gone() {
    let member = Member::new();
    let first = member.share(&song(1)).announcement;
    fs::remove_file(member.dir.path().join("song.wav")).expect("it is there");
    let copy = member.file("copy.wav", &song(1));
    let second = member.store.add_file(&copy, &|_| ()).expect("the same song");
    assert_eq!(second.origin, Origin::Mine { path: copy });
    assert_eq!(piece(&member, &first, 0), song(1)[..PIECE]);
}

#[test]
fn a_file_that_changes_while_it_is_read_is_refused() {
    let member = Member::new();
    let path = member.file("song.wav", &song(6));
    let add_and_meanwhile = |change: &(dyn Fn(u64) + Sync)| {
        let result = member.store.add_file(&path, &|at| {
            if at.done_bytes == PIECE as u64 {
                change(at.size);
            }
        });
        assert!(matches!(result, Err(AddError::Changed)), "{result:?}");
    };
    // The same length, other bytes.
    add_and_meanwhile(&|_| {
        write_later(&path, &song(6).iter().map(|byte| !byte).collect::<Vec<_>>())
    });
    fs::write(&path, song(6)).expect("it can be written");
    let set_length = |length| {
        let file = fs::File::options().write(true).open(&path).expect("it is there");
        file.set_len(length).expect("it can be cut or grow");
    };
    add_and_meanwhile(&|size| set_length(size + 1));
    add_and_meanwhile(&|size| set_length(size - PIECE as u64));
    assert_eq!(member.store.tracks(), []);
}

#[test]
fn any_part_of_a_piece_is_served_and_nothing_beyond() {
    let member = Member::new();
    let bytes = song(1);
    let info_hash = member.share(&bytes).announcement.info_hash;
    let read = |index, offset, length| member.store.read_piece(&info_hash, index, offset, length);
    assert_eq!(read(0, 16_384, 16_384).expect("inside"), bytes[16_384..32_768]);
    assert_eq!(read(1, 1_000, 44).expect("inside"), bytes[PIECE + 1_000..]);
    assert!(matches!(read(2, 0, 1), Err(StoreError::PieceIndex { index: 2, count: 2 })));
    assert!(matches!(read(u32::MAX, 0, 1), Err(StoreError::PieceIndex { .. })));
    for (offset, length) in [(0, 0), (1_000, 45), (1_044, 1), (u32::MAX, 1), (1, u32::MAX)] {
        let refused = matches!(read(1, offset, length), Err(StoreError::PieceRange { .. }));
        assert!(refused, "{length} bytes at {offset}");
    }
}

#[test]
fn a_file_moved_while_it_is_shared_is_reported_once_and_not_served() {
    let member = Member::new();
    let announcement = member.share(&song(1)).announcement;
    let (file_id, info_hash) = (announcement.file_id, announcement.info_hash);
    let path = member.dir.path().join("song.wav");
    fs::rename(&path, member.dir.path().join("elsewhere.wav")).expect("it can be moved");
    let result = member.store.read_piece(&info_hash, 0, 0, 100);
    assert!(matches!(result, Err(StoreError::Gone(GoneReason::Missing))), "{result:?}");
    let result = member.store.read_piece(&info_hash, 0, 0, 100);
    assert!(matches!(result, Err(StoreError::UnknownTorrent(_))), "{result:?}");
    assert_eq!(member.store.mine_count(), 0);
    assert_eq!(member.heard.all(), [StoreChange::Gone { file_id, reason: GoneReason::Missing }]);
}

#[test]
fn a_file_changed_in_place_is_never_served_with_wrong_bytes() {
    let member = Member::new();
    let mut bytes = song(2);
    let announcement = member.share(&bytes).announcement;
    let (file_id, info_hash) = (announcement.file_id, announcement.info_hash);
    bytes[PIECE + 5] ^= 1;
    write_later(&member.dir.path().join("song.wav"), &bytes);
    // The first piece is what it was, the second is not.
    assert_eq!(member.store.read_piece(&info_hash, 0, 7, 9).expect("unchanged"), bytes[7..16]);
    let result = member.store.read_piece(&info_hash, 1, 0, 100);
    assert!(matches!(result, Err(StoreError::Gone(GoneReason::Changed))), "{result:?}");
    assert!(member.heard.contains(&StoreChange::Gone { file_id, reason: GoneReason::Changed }));
}

#[test]
fn a_look_at_the_files_finds_those_that_are_gone() {
    let member = Member::new();
    let kept = member.share(&song(1)).announcement.file_id;
    let path = member.file("other.wav", &song(2));
    let lost = member.store.add_file(&path, &|_| ()).expect("a song").announcement.file_id;
    fs::remove_file(path).expect("it is there");
    member.store.check_files();
    assert_eq!(
        member.heard.all(),
        [StoreChange::Gone { file_id: lost, reason: GoneReason::Missing }]
    );
    assert!(member.store.track(&kept).is_some());
}

#[test]
fn removing_a_shared_file_leaves_the_file_alone() {
    let member = Member::new();
    let announcement = member.share(&song(1)).announcement;
    member.store.remove(&announcement.file_id).expect("it is shared");
    assert!(member.dir.path().join("song.wav").is_file());
    assert!(member.store.track(&announcement.file_id).is_none());
    let again = member.store.remove(&announcement.file_id);
    assert!(matches!(again, Err(StoreError::UnknownFile(_))));
    assert_eq!(member.restart().store.tracks(), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn bytes_that_only_begin_like_music_never_panic(
        start in prop::sample::select(vec![
            &b"ID3\x03\0\0\0\0\0\x20"[..], b"fLaC\0\0\0\x22", b"RIFF\xff\xff\xff\xffWAVE",
            b"FORM\xff\xff\xff\xffAIFF", b"\0\0\0\x10ftypM4A \0\0\0\0", b"\xff\xfb\x90\0",
            b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x1e\x01vorbis",
        ]),
        rest in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let member = Member::new();
        let path = member.file("song", &[start, &rest].concat());
        let _ = member.store.add_file(&path, &|_| ());
    }
}

fn picture(kind: PictureType, bytes: Vec<u8>) -> Picture {
    Picture::unchecked(bytes).pic_type(kind).mime_type(MimeType::Jpeg).build()
}

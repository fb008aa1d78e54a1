//! A disk without room.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use track_store::{AddError, StoreError, Written};

use crate::support::{Member, open, piece, song};

#[test]
fn a_full_disk_costs_the_piece_that_did_not_fit_and_nothing_else() {
    // Every write to this device is answered by "no space left", without special rights.
    let (owner, friend) = (Member::new(), Member::new());
    let announcement = owner.share(&song(2)).announcement;
    let info_hash = &announcement.info_hash;
    friend.begin(&owner, &announcement);
    friend.fetch(&owner, &announcement, [0]);
    let (pieces, aside) = (friend.piece_file(info_hash), friend.dir.path().join("aside"));
    fs::rename(&pieces, &aside).expect("it can be moved");
    std::os::unix::fs::symlink("/dev/full", &pieces).expect("links can be made");

    let bytes = piece(&owner, &announcement, 1);
    let result = friend.store.write_piece(info_hash, 1, &bytes);
    assert!(matches!(result, Err(StoreError::DiskFull { .. })), "{result:?}");
    assert_eq!(friend.store.held_pieces(info_hash), Some(vec![0b1000_0000]));

    fs::rename(&aside, &pieces).expect("it can be moved back");
    friend.fetch(&owner, &announcement, [1, 2]);
    assert!(friend.store.track(&announcement.file_id).expect("held").complete);
}

#[test]
fn a_small_disk_fills_up_and_fetching_goes_on_once_there_is_room() {
    let owner = Member::new();
    let announcement = owner.share(&song(7)).announcement;
    let info_hash = &announcement.info_hash;
    let Some(disk) = SmallDisk::mount() else {
        // Without the right to mount, the test above stands for this one.
        return;
    };
    let (store, heard) = open(&disk.path().join("store"));
    store.expect(&announcement).expect("nobody announced it before");
    let metainfo = owner.store.metainfo(info_hash).expect("its own");
    store.put_metainfo(info_hash, &metainfo).expect("there is room for that");
    let write = |index| store.write_piece(info_hash, index, &piece(&owner, &announcement, index));
    for index in 0..3 {
        assert_eq!(write(index).expect("there is room"), Written::Stored);
    }
    for _ in 0..2 {
        let full = write(3);
        assert!(matches!(full, Err(StoreError::DiskFull { .. })), "{full:?}");
    }
    assert_eq!(store.held_pieces(info_hash), Some(vec![0b1110_0000]));
    assert!(matches!(
        store.add_file(&owner.dir.path().join("song.wav"), &|_| ()),
        Ok(_) | Err(AddError::Store(StoreError::DiskFull { .. }))
    ));
    drop((store, heard));

    // After a restart on the full disk everything held is still there.
    let (store, heard) = open(&disk.path().join("store"));
    assert_eq!(heard.all(), []);
    disk.grow();
    let track = store.track(&announcement.file_id).expect("held");
    if !track.complete {
        assert_eq!(store.held_pieces(info_hash), Some(vec![0b1110_0000]));
        for index in 3..8 {
            let bytes = piece(&owner, &announcement, index);
            store.write_piece(info_hash, index, &bytes).expect("there is room");
        }
    }
    assert!(store.track(&announcement.file_id).expect("held").complete);
}

/// A file system of one megabyte in memory.
struct SmallDisk {
    dir: TempDir,
}

impl SmallDisk {
    /// `None` without the right to mount.
    fn mount() -> Option<Self> {
        let dir = TempDir::new().expect("a temporary folder");
        let arguments = ["-t", "tmpfs", "-o", "size=1m", "tmpfs"];
        let mounted = Command::new("mount").args(arguments).arg(dir.path()).output().ok()?;
        mounted.status.success().then_some(Self { dir })
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn grow(&self) {
        let arguments = ["-o", "remount,size=16m"];
        let grown = Command::new("mount").args(arguments).arg(self.path()).status();
        assert!(grown.expect("it was mounted by the same command").success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(self.dir.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "a mount was left behind");
    }
}

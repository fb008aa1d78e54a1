//! The tracks of one device: files of the user, shared in place, and files fetched from
//! other members, piece by piece.
//!
//! A file is known by two names: its [`protocol::FileId`] (SHA-256 of its bytes) is what people
//! share, its [`protocol::InfoHash`] is the torrent that carries it. This crate makes the one
//! into the other, holds the pieces, and lets a player read a track while pieces still come.
//! It moves nothing over a network: pieces are handed in and out by whoever does.
//!
//! Start at [`TrackStore`]. Behind it:
//! - `add`, `hash`, `format`, `tags`, `mine`: a file of the user, from its path to its announcement;
//! - `torrent`, `bencode`, `bitfield`: the torrent of one file (BEP 3);
//! - `fetched`, `folder`, `record`, `restore`: pieces on disk, through crashes and restarts;
//! - `entry`, `store`: the state of one track, and the shelf of all; the locks are explained there;
//! - `reader`, `start`: playing from what is held, and asking for what is missing.
//!
//! Bytes from outside are untrusted until a hash has accepted them, and names from outside
//! never become part of a path.

mod add;
mod bencode;
mod bitfield;
mod entry;
mod error;
mod fetched;
mod folder;
mod format;
mod hash;
mod mine;
mod reader;
mod record;
mod restore;
mod start;
mod store;
mod tags;
mod torrent;
mod track;

pub use bencode::BencodeError;
pub use error::{AddError, GoneReason, StoreError};
pub use reader::{PieceReader, ReadError};
pub use store::{OnChange, TrackStore};
pub use torrent::{MetainfoError, piece_length};
pub use track::{Artwork, Fault, Origin, Progress, StoreChange, Track, Written};

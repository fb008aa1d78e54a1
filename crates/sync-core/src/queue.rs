//! In which order songs play, and which comes next. Whoever directs follows these rules, and all
//! hold what they need to: so the order outlives every director.

use protocol::ids::FileId;
use protocol::message::{Queue, RepeatMode};

/// What is shared in the order in which it plays: as `queue` says, then the rest in the order in
/// which it was announced.
pub fn sequence<'a>(queue: &Queue, shared: impl Iterator<Item = &'a FileId>) -> Vec<FileId> {
    let mut waiting: Vec<&FileId> = shared.collect();
    let mut sequence = Vec::with_capacity(waiting.len());
    for file_id in &queue.order {
        if let Some(place) = waiting.iter().position(|waiting| *waiting == file_id) {
            sequence.push(waiting.remove(place).clone());
        }
    }
    sequence.extend(waiting.into_iter().cloned());
    sequence
}

/// What follows `current` by itself.
pub fn following<'a>(
    sequence: &'a [FileId],
    current: &FileId,
    repeat: RepeatMode,
) -> Option<&'a FileId> {
    let place = sequence.iter().position(|file_id| file_id == current)?;
    match (sequence.get(place + 1), repeat) {
        (_, RepeatMode::One) => None,
        (Some(next), _) => Some(next),
        (None, RepeatMode::All) => sequence.first(),
        (None, RepeatMode::Off) => None,
    }
}

/// What a person gets who goes on from `current`, or back. Behind the last comes the first: a
/// person who asks for another song is not told that there is none.
pub fn beside<'a>(sequence: &'a [FileId], current: &FileId, way: Way) -> Option<&'a FileId> {
    let count = sequence.len();
    let place = sequence.iter().position(|file_id| file_id == current)?;
    sequence.get(match way {
        Way::On => (place + 1) % count,
        Way::Back => (place + count - 1) % count,
    })
}

/// Which way a person goes along the songs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the next one.
    On,
    /// To the one before.
    Back,
}

/// The sequence with one song moved to the place `to`, the last one at most.
pub fn moved(mut sequence: Vec<FileId>, file_id: &FileId, to: usize) -> Vec<FileId> {
    if let Some(from) = sequence.iter().position(|present| present == file_id) {
        let song = sequence.remove(from);
        sequence.insert(to.min(sequence.len()), song);
    }
    sequence
}

/// The sequence in an order drawn from `seed`, in which `first` comes first: what is on air is
/// not heard a second time before the others.
pub fn shuffled(mut sequence: Vec<FileId>, first: Option<&FileId>, seed: u64) -> Vec<FileId> {
    let mut state = seed;
    for end in (1..sequence.len()).rev() {
        let drawn = (u128::from(split_mix(&mut state)) * (end as u128 + 1)) >> 64;
        sequence.swap(end, drawn as usize);
    }
    match first {
        Some(first) => moved(sequence, first, 0),
        None => sequence,
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): nobody gains by guessing the next song.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut drawn = *state;
    drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    drawn ^ (drawn >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_comes_first_and_what_is_not_shared_is_passed_over() {
        let queue = Queue { order: songs(&[3, 9, 1, 3]), ..Queue::default() };
        let shared = songs(&[1, 2, 3, 4]);
        assert_eq!(sequence(&queue, shared.iter()), songs(&[3, 1, 2, 4]));
        assert_eq!(sequence(&Queue::default(), shared.iter()), shared);
    }

    #[test]
    fn what_follows_the_last_song_depends_on_what_is_repeated() {
        let three = songs(&[1, 2, 3]);
        let after = |song, repeat| following(&three, &id(song), repeat).cloned();
        assert_eq!(after(1, RepeatMode::Off), Some(id(2)));
        assert_eq!(after(3, RepeatMode::Off), None);
        assert_eq!(after(3, RepeatMode::All), Some(id(1)));
        assert_eq!(after(1, RepeatMode::One), None, "it repeats and has no end");
        assert_eq!(after(7, RepeatMode::All), None, "no song of this party");
    }

    #[test]
    fn by_hand_there_is_always_another_song() {
        let three = songs(&[1, 2, 3]);
        assert_eq!(beside(&three, &id(3), Way::On), Some(&id(1)));
        assert_eq!(beside(&three, &id(1), Way::Back), Some(&id(3)));
        assert_eq!(beside(&three[..1], &id(1), Way::On), Some(&id(1)));
        assert_eq!(beside(&[], &id(1), Way::On), None);
    }

    #[test]
    fn a_song_is_moved_and_the_others_keep_their_order() {
        let four = songs(&[1, 2, 3, 4]);
        assert_eq!(moved(four.clone(), &id(4), 1), songs(&[1, 4, 2, 3]));
        assert_eq!(moved(four.clone(), &id(1), 99), songs(&[2, 3, 4, 1]));
        assert_eq!(moved(four.clone(), &id(9), 0), four);
    }

    #[test]
    fn each_seed_draws_an_order_of_its_own_and_no_song_is_lost() {
        let all = songs(&[1, 2, 3, 4, 5, 6, 7, 8]);
        let mut places = [0; 8];
        for seed in 0..4_000 {
            let drawn = shuffled(all.clone(), Some(&id(5)), seed);
            assert_eq!(drawn, shuffled(all.clone(), Some(&id(5)), seed), "seed {seed}");
            assert_eq!(drawn[0], id(5), "seed {seed}");
            places[drawn.iter().position(|song| *song == id(8)).expect("it is there")] += 1;
            let mut sorted = drawn;
            sorted.sort();
            assert_eq!(sorted, all, "seed {seed}");
        }
        assert_eq!(places[0], 0);
        // 571 on average, 22 one standard deviation.
        assert!(places[1..].iter().all(|count| (460..690).contains(count)), "{places:?}");
    }

    fn songs(numbers: &[u8]) -> Vec<FileId> {
        numbers.iter().map(|number| id(*number)).collect()
    }

    fn id(number: u8) -> FileId {
        FileId::parse(format!("{number:064x}")).expect("64 hex digits")
    }
}

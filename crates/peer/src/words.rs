//! Keys of words drawn by chance: to be read out, typed and not guessed.

use diceware_wordlists::EFF_SHORT_WORDLIST_1;
use protocol::SwarmKey;

/// Words in a key.
///
/// Seven of 1,296 are 72 bits. A relay is shown the SHA-256 of a key and can try keys against it:
/// at the ten billion a second of one graphics card, for ten thousand years on average. The list
/// is the first short one of the Electronic Frontier Foundation, of words of at most five letters
/// (eff.org/dice, CC BY 3.0 US).
const WORDS: usize = 7;

/// Draws a key from the system's random source; none if that does not answer.
pub(crate) fn draw_key() -> Option<SwarmKey> {
    let words = (0..WORDS).map(|_| draw_word()).collect::<Option<Vec<_>>>()?;
    Some(SwarmKey::parse(&words.join(" ")).expect("seven words are a key"))
}

fn draw_word() -> Option<&'static str> {
    let words: &[&str] = &EFF_SHORT_WORDLIST_1;
    // The last, uneven share of the range is drawn again, so that all words are equally likely.
    let even = u32::MAX - u32::MAX % u32::try_from(words.len()).ok()?;
    loop {
        let drawn = getrandom::u32().ok()?;
        if drawn < even {
            return words.get(drawn as usize % words.len()).copied();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Least strength of a key. (bits)
    const STRENGTH: f64 = 70.0;

    #[test]
    fn a_drawn_key_has_70_bits_at_least_and_every_word_once_in_the_list() {
        let different: BTreeSet<String> = EFF_SHORT_WORDLIST_1
            .iter()
            .map(|word| SwarmKey::parse(word).unwrap().reveal().to_owned())
            .collect();
        assert_eq!(different.len(), EFF_SHORT_WORDLIST_1.len(), "two words are one key");
        assert!((different.len() as f64).log2() * WORDS as f64 >= STRENGTH);
    }

    #[test]
    fn keys_are_drawn_from_the_whole_list_and_never_twice() {
        let keys: BTreeSet<String> =
            (0..2_000).map(|_| draw_key().unwrap().reveal().to_owned()).collect();
        assert_eq!(keys.len(), 2_000);
        let words: BTreeSet<&str> = keys.iter().flat_map(|key| key.split(' ')).collect();
        // 14,000 draws miss 0.03 words on average; ten of them, never in practice.
        assert!(words.len() + 10 > EFF_SHORT_WORDLIST_1.len(), "{} words", words.len());
    }

    #[test]
    fn a_drawn_key_is_short_enough_to_be_typed() {
        let longest = EFF_SHORT_WORDLIST_1.iter().map(|word| word.len()).max();
        assert_eq!(longest, Some(5), "letters in a word");
    }
}

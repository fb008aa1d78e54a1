//! A friendly name for a device that nobody has named yet.

use protocol::ids::Alias;

const COLOURS: [&str; 32] = [
    "Amber", "Azure", "Blue", "Bronze", "Clear", "Copper", "Coral", "Crimson", "Dusky", "Early",
    "Emerald", "Gentle", "Golden", "Green", "Indigo", "Ivory", "Jade", "Late", "Lilac", "Mellow",
    "Misty", "Olive", "Pearl", "Quiet", "Rosy", "Ruby", "Rusty", "Sandy", "Scarlet", "Silver",
    "Teal", "Velvet",
];

const ANIMALS: [&str; 32] = [
    "Badger", "Bear", "Beaver", "Bison", "Crane", "Curlew", "Deer", "Dolphin", "Falcon", "Finch",
    "Fox", "Gecko", "Hare", "Heron", "Ibex", "Jackdaw", "Kestrel", "Lark", "Lynx", "Marten",
    "Newt", "Otter", "Owl", "Puffin", "Raven", "Robin", "Seal", "Stoat", "Swan", "Swift", "Toad",
    "Wren",
];

/// One of 1,024 names such as "Blue Otter", chosen by two random bytes.
pub fn friendly_alias(first: u8, second: u8) -> Alias {
    let colour = COLOURS[usize::from(first) % COLOURS.len()];
    let animal = ANIMALS[usize::from(second) % ANIMALS.len()];
    Alias::parse(format!("{colour} {animal}")).expect("two short words are an alias")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_bytes_gives_a_name() {
        for first in 0..=255 {
            for second in 0..=255 {
                assert!(friendly_alias(first, second).as_str().contains(' '));
            }
        }
    }
}

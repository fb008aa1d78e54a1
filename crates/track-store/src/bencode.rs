//! Bencoding (BEP 3), canonical only: whatever is accepted encodes to the same bytes again.
//!
//! That property is what lets an info hash be computed from a decoded dictionary. It also
//! closes the gap between two readers who would see different values in sloppy input.
//! Depth, item count and length are bounded, so hostile input costs little.

/// Longest input accepted. (bytes)
///
/// The largest torrent of one file has 4 GiB in pieces of 16 KiB, 5 MiB of hashes; one more
/// for everything else.
pub(crate) const MAX_INPUT: usize = 6 * 1024 * 1024;

/// Deepest nesting accepted; a torrent needs four levels.
const MAX_DEPTH: usize = 16;

/// Most values accepted, inner ones included. A torrent of one file has about twenty.
const MAX_VALUES: usize = 10_000;

/// A bencoded value that borrows its texts from the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Integer(i64),
    Bytes(&'a [u8]),
    List(Vec<Value<'a>>),
    Dictionary(Dictionary<'a>),
}

/// Keys with their values, in strictly rising order of the keys' bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dictionary<'a>(Vec<(&'a [u8], Value<'a>)>);

/// Why input is not canonical bencoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BencodeError {
    /// The input is longer than any torrent that is accepted.
    #[error("longer than {MAX_INPUT} bytes")]
    TooLong,
    /// The input ends inside a value.
    #[error("ends inside a value")]
    Truncated,
    /// A byte that begins or ends no value.
    #[error("unexpected byte at {at}")]
    Unexpected {
        /// Where. (bytes from the start)
        at: usize,
    },
    /// A number that has leading zeros, a negative zero, no digits or more than 64 bits.
    #[error("number at {at} is not canonical or too large")]
    Number {
        /// Where. (bytes from the start)
        at: usize,
    },
    /// Keys of a dictionary that are out of order or repeated.
    #[error("keys before {at} are not in rising order")]
    KeyOrder {
        /// Where. (bytes from the start)
        at: usize,
    },
    /// Lists or dictionaries nested deeper than any torrent needs.
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// More values than any torrent needs.
    #[error("more than {MAX_VALUES} values")]
    TooManyValues,
    /// Bytes after the value.
    #[error("{count} bytes follow the value")]
    Trailing {
        /// How many. (bytes)
        count: usize,
    },
}

/// Reads one value that fills the input.
pub(crate) fn decode(input: &[u8]) -> Result<Value<'_>, BencodeError> {
    if input.len() > MAX_INPUT {
        return Err(BencodeError::TooLong);
    }
    let mut decoder = Decoder { input, at: 0, values_left: MAX_VALUES };
    let value = decoder.value(MAX_DEPTH)?;
    match input.len() - decoder.at {
        0 => Ok(value),
        count => Err(BencodeError::Trailing { count }),
    }
}

impl<'a> Value<'a> {
    /// Appends the one encoding of this value.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Integer(number) => out.extend_from_slice(format!("i{number}e").as_bytes()),
            Self::Bytes(bytes) => encode_bytes(bytes, out),
            Self::List(items) => {
                out.push(b'l');
                items.iter().for_each(|item| item.encode(out));
                out.push(b'e');
            }
            Self::Dictionary(dictionary) => dictionary.encode(out),
        }
    }

    pub(crate) fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    pub(crate) fn as_bytes(&self) -> Option<&'a [u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    pub(crate) fn as_dictionary(&self) -> Option<&Dictionary<'a>> {
        if let Self::Dictionary(dictionary) = self { Some(dictionary) } else { None }
    }
}

impl<'a> Dictionary<'a> {
    /// Takes entries in any order. A repeated key keeps its last value.
    pub(crate) fn from_entries(entries: impl IntoIterator<Item = (&'a [u8], Value<'a>)>) -> Self {
        Self(
            entries.into_iter().collect::<std::collections::BTreeMap<_, _>>().into_iter().collect(),
        )
    }

    pub(crate) fn value(&self, key: &str) -> Option<&Value<'a>> {
        let at = self.0.binary_search_by(|(found, _)| (*found).cmp(key.as_bytes())).ok()?;
        Some(&self.0[at].1)
    }

    /// Appends the one encoding of this dictionary.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.push(b'd');
        for (key, value) in &self.0 {
            encode_bytes(key, out);
            value.encode(out);
        }
        out.push(b'e');
    }
}

fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{}:", bytes.len()).as_bytes());
    out.extend_from_slice(bytes);
}

struct Decoder<'a> {
    input: &'a [u8],
    at: usize,
    values_left: usize,
}

impl<'a> Decoder<'a> {
    fn value(&mut self, depth_left: usize) -> Result<Value<'a>, BencodeError> {
        let depth_left = depth_left.checked_sub(1).ok_or(BencodeError::TooDeep)?;
        self.values_left = self.values_left.checked_sub(1).ok_or(BencodeError::TooManyValues)?;
        match self.peek()? {
            b'i' => {
                self.at += 1;
                self.number(b'e').map(Value::Integer)
            }
            b'0'..=b'9' => self.bytes().map(Value::Bytes),
            b'l' => {
                self.at += 1;
                let mut items = Vec::new();
                while !self.ends()? {
                    items.push(self.value(depth_left)?);
                }
                Ok(Value::List(items))
            }
            b'd' => {
                self.at += 1;
                self.entries(depth_left).map(|entries| Value::Dictionary(Dictionary(entries)))
            }
            _ => Err(BencodeError::Unexpected { at: self.at }),
        }
    }

    fn entries(&mut self, depth_left: usize) -> Result<Vec<(&'a [u8], Value<'a>)>, BencodeError> {
        let mut entries: Vec<(&'a [u8], Value<'a>)> = Vec::new();
        while !self.ends()? {
            let key = self.bytes()?;
            if entries.last().is_some_and(|(previous, _)| *previous >= key) {
                return Err(BencodeError::KeyOrder { at: self.at });
            }
            entries.push((key, self.value(depth_left)?));
        }
        Ok(entries)
    }

    fn bytes(&mut self) -> Result<&'a [u8], BencodeError> {
        let start = self.at;
        let length = self.number(b':')?;
        let length = usize::try_from(length).map_err(|_| BencodeError::Number { at: start })?;
        let rest = &self.input[self.at..];
        let bytes = rest.get(..length).ok_or(BencodeError::Truncated)?;
        self.at += length;
        Ok(bytes)
    }

    /// Reads digits, with a sign if they are negative, up to and including `end`.
    fn number(&mut self, end: u8) -> Result<i64, BencodeError> {
        // The sign and nineteen digits hold every 64-bit number.
        const LONGEST: usize = 20;
        let start = self.at;
        let wrong = BencodeError::Number { at: start };
        let window = &self.input[start..self.input.len().min(start + LONGEST + 1)];
        let Some(length) = window.iter().position(|byte| *byte == end) else {
            return Err(if window.len() > LONGEST { wrong } else { BencodeError::Truncated });
        };
        let text = std::str::from_utf8(&window[..length]).map_err(|_| wrong)?;
        let number: i64 = text.parse().map_err(|_| wrong)?;
        // Only one spelling of each number survives the way back to text.
        if number.to_string() != text {
            return Err(wrong);
        }
        self.at += length + 1;
        Ok(number)
    }

    fn ends(&mut self) -> Result<bool, BencodeError> {
        let ends = self.peek()? == b'e';
        self.at += usize::from(ends);
        Ok(ends)
    }

    fn peek(&self) -> Result<u8, BencodeError> {
        self.input.get(self.at).copied().ok_or(BencodeError::Truncated)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_kind_of_value_is_read() {
        let value = decode(b"d1:ai-3e1:bl3:xyz0:ee").expect("canonical input");
        let dictionary = value.as_dictionary().expect("a dictionary");
        assert_eq!(dictionary.value("a").and_then(Value::as_integer), Some(-3));
        assert_eq!(
            dictionary.value("b"),
            Some(&Value::List(vec![Value::Bytes(b"xyz"), Value::Bytes(b"")]))
        );
        assert_eq!(dictionary.value("c"), None);
    }

    #[test]
    fn sloppy_spellings_are_refused() {
        for sloppy in [
            "i-0e",
            "i03e",
            "i+3e",
            "ie",
            "i 3e",
            "i3",
            "03:abc",
            "-1:",
            "d1:b0:1:a0:e",
            "d1:a0:1:a0:e",
            "d1:ae",
            "di1e0:e",
            "l",
            "x",
            "",
            "i1ei2e",
            "4:abc",
        ] {
            assert!(decode(sloppy.as_bytes()).is_err(), "{sloppy} was accepted");
        }
    }

    #[test]
    fn numbers_beyond_64_bits_are_refused() {
        assert_eq!(decode(b"i9223372036854775807e"), Ok(Value::Integer(i64::MAX)));
        assert_eq!(decode(b"i-9223372036854775808e"), Ok(Value::Integer(i64::MIN)));
        assert_eq!(decode(b"i9223372036854775808e"), Err(BencodeError::Number { at: 1 }));
        assert_eq!(
            decode(format!("i{}e", "9".repeat(100_000)).as_bytes()),
            Err(BencodeError::Number { at: 1 })
        );
        assert_eq!(decode(b"9223372036854775807:abc"), Err(BencodeError::Truncated));
        assert_eq!(decode(b"99999999999999999999999:abc"), Err(BencodeError::Number { at: 0 }));
    }

    #[test]
    fn deep_wide_and_long_input_is_refused_before_it_costs_anything() {
        assert_eq!(decode(&vec![b'l'; 1_000_000]), Err(BencodeError::TooDeep));
        let wide = format!("l{}e", "0:".repeat(MAX_VALUES));
        assert_eq!(decode(wide.as_bytes()), Err(BencodeError::TooManyValues));
        assert_eq!(decode(&vec![b'0'; MAX_INPUT + 1]), Err(BencodeError::TooLong));
    }

    #[derive(Clone, Debug)]
    enum Tree {
        Integer(i64),
        Bytes(Vec<u8>),
        List(Vec<Tree>),
        Dictionary(Vec<(Vec<u8>, Tree)>),
    }

    fn tree() -> impl Strategy<Value = Tree> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(Tree::Integer),
            prop::collection::vec(any::<u8>(), 0..40).prop_map(Tree::Bytes),
        ];
        leaf.prop_recursive(6, 60, 6, |inner| {
            let key = prop::collection::vec(any::<u8>(), 0..5);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Tree::List),
                prop::collection::vec((key, inner), 0..6).prop_map(Tree::Dictionary),
            ]
        })
    }

    fn borrow(tree: &Tree) -> Value<'_> {
        match tree {
            Tree::Integer(number) => Value::Integer(*number),
            Tree::Bytes(bytes) => Value::Bytes(bytes),
            Tree::List(items) => Value::List(items.iter().map(borrow).collect()),
            Tree::Dictionary(entries) => Value::Dictionary(Dictionary::from_entries(
                entries.iter().map(|(key, value)| (key.as_slice(), borrow(value))),
            )),
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_to_the_same_value(tree in tree()) {
            let mut encoded = Vec::new();
            borrow(&tree).encode(&mut encoded);
            prop_assert_eq!(decode(&encoded), Ok(borrow(&tree)));
        }

        #[test]
        fn arbitrary_bytes_are_refused_or_encode_to_themselves(
            input in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..200),
                "[dlie0-9:a-c-]{0,60}".prop_map(String::into_bytes),
            ],
        ) {
            if let Ok(value) = decode(&input) {
                let mut encoded = Vec::new();
                value.encode(&mut encoded);
                prop_assert_eq!(encoded, input);
            }
        }
    }
}

//! Time exchanges over UDP: a ping and its pong, each [`LENGTH`] bytes and signed.
//!
//! Members of one room ask each other, signing with a key made from the swarm key, which no
//! relay knows. A member and its relay sign with a key that the relay handed out over the
//! WebSocket. Both kinds are of one length, so nobody can make others send more than was
//! sent to them; what is not signed is not answered.
//!
//! Layout, numbers big-endian: magic (4), kind (1), has room (1), has correction (1), hops
//! (1), from (8), to (8), probe (8), t1 (8), t2 (8), doubt in ns (8), room (8), epoch
//! (4), zero (4), root (8),
//! line and correction (32 each: clock, pin, offset, rate as bits of a double), signature (16).

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::ids::{UserId, hex};
use crate::key::SwarmKey;
use crate::time::{Span, SwarmTime};

/// Length of every datagram. (bytes)
pub const LENGTH: usize = BODY + SIGNATURE;

const BODY: usize = 144;

/// Half of what SHA-256 gives, the least that RFC 2104 advises. (bytes)
const SIGNATURE: usize = 16;

/// Names this layout.
const MAGIC: [u8; 4] = *b"SwT1";

/// Names a sender or receiver within one swarm or relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub u64);

impl Tag {
    /// The relay of a member, whichever it is.
    pub const RELAY: Self = Self(0);

    /// A member, by the first bits of its id's hash.
    pub fn of_user(user_id: &UserId) -> Self {
        Self(first_bits(user_id.as_str().as_bytes()))
    }
}

/// Names a relay's clock, by the first bits of its id's hash.
pub fn clock_tag(clock_id: &str) -> u64 {
    first_bits(clock_id.as_bytes())
}

fn first_bits(text: &[u8]) -> u64 {
    let digest = Sha256::digest(text);
    u64::from_be_bytes(std::array::from_fn(|index| digest[index]))
}

/// What datagrams are signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct DatagramKey([u8; 32]);

impl std::fmt::Debug for DatagramKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DatagramKey(…)")
    }
}

impl DatagramKey {
    /// The key that everyone who holds the swarm key can make, and nobody can who only
    /// knows its hash.
    pub fn of_swarm(key: &SwarmKey) -> Self {
        Self(mac(key.reveal().as_bytes(), b"synced-swarm time datagrams 1"))
    }

    /// The key for the member that carries `token`, from the relay's own secret.
    pub fn of_token(secret: &[u8], token: Tag) -> Self {
        Self(mac(secret, &token.0.to_be_bytes()))
    }

    /// What a member of this key's swarm is called on a network where others listen: the same
    /// name every time for those who hold the key, and no name for anyone else.
    pub fn pseudonym(&self, user_id: &UserId) -> String {
        let text = format!("name on the local network: {user_id}");
        hex(&mac(&self.0, text.as_bytes())[..8])
    }

    /// Shows to those who hold the key that who made a [`Self::pseudonym`] holds it too.
    pub fn proof(&self, pseudonym: &str) -> String {
        let text = format!("proof of a name on the local network: {pseudonym}");
        hex(&mac(&self.0, text.as_bytes())[..8])
    }

    /// 128 bits, as hex digits, that only who holds this key can make of `text`.
    pub(crate) fn sign(&self, text: &str) -> String {
        hex(&mac(&self.0, text.as_bytes())[..SIGNATURE])
    }

    /// Reads 64 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let nibble = |at: usize| char::from(*text.as_bytes().get(at)?).to_digit(16);
        let mut key = [0; 32];
        for (index, byte) in key.iter_mut().enumerate() {
            *byte = u8::try_from(nibble(2 * index)? * 16 + nibble(2 * index + 1)?).ok()?;
        }
        (text.len() == 64).then_some(Self(key))
    }

    /// As hex digits.
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }
}

/// Asks for the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ping {
    /// Who asks.
    pub from: Tag,
    /// Who is asked; nobody else answers.
    pub to: Tag,
    /// Tells this question from others. When it was sent only the asker knows: so nothing but
    /// the sending itself comes between stamp and network.
    pub probe: u64,
}

/// The answer to a [`Ping`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pong {
    /// Who answers.
    pub from: Tag,
    /// Who asked.
    pub to: Tag,
    /// Which question this answers.
    pub probe: u64,
    /// When the question arrived, by the answerer's own clock; a relay's is the swarm's.
    pub t1: SwarmTime,
    /// When the answer left.
    pub t2: SwarmTime,
    /// One standard deviation of what a member knows of its room's clock.
    pub doubt: Span,
    /// The room's clock, from a member that keeps it.
    pub room: Option<RoomTime>,
}

/// A room's clock as one of its members knows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoomTime {
    /// Names the room. Of two rooms that meet the lower number stays.
    pub room: u64,
    /// Counts those who have led it; of two who lead it the later one does.
    pub epoch: u32,
    /// Who leads it.
    pub root: Tag,
    /// Over how many members the root's clock came here: none for the root itself.
    pub hops: u8,
    /// From the member's own clock to the room's.
    pub line: Line,
    /// From the room's clock to the relay's, once that is known.
    pub correction: Option<Line>,
}

/// A straight line from one clock to another that runs almost alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// The clock it leads to: a room's number, or a relay's [`clock_tag`].
    pub clock: u64,
    /// Where the line is pinned, by the clock it leads from.
    pub pin: SwarmTime,
    /// How far the other is ahead there.
    pub offset: Span,
    /// What it gains from there on. (seconds per second)
    pub rate: f64,
}

impl Line {
    /// What the other clock says when the one it leads from says `at`.
    pub fn apply(&self, at: SwarmTime) -> SwarmTime {
        at + self.offset + (at - self.pin).mul_f64(self.rate)
    }
}

/// What writing and signing takes at most when all it needs is close at hand: longer is an
/// interruption. (measured: 0.3 µs with a processor's SHA instructions)
const LONGEST_ENCODING: Span = Span::from_micros(20);

/// Largest rate that is taken for one: two clocks that slew against each other. (s/s)
const MAX_RATE: f64 = 2e-3;

/// One or the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Datagram {
    /// A question.
    Ping(Ping),
    /// An answer.
    Pong(Pong),
}

/// Why bytes are no datagram of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatagramError {
    /// Of another length or layout.
    #[error("not a time datagram")]
    Malformed,
    /// Signed with another key, or changed on the way.
    #[error("the signature does not fit")]
    Forged,
}

impl Datagram {
    /// Who a datagram says it is from and for; nothing about it is proved yet. For a
    /// receiver that keeps many keys.
    ///
    /// # Errors
    ///
    /// [`DatagramError::Malformed`].
    pub fn claimed_sender(bytes: &[u8]) -> Result<Tag, DatagramError> {
        if bytes.len() != LENGTH || bytes[..4] != MAGIC {
            return Err(DatagramError::Malformed);
        }
        Ok(Tag(Reader(&bytes[8..]).u64()))
    }

    /// Reads and proves a datagram.
    ///
    /// # Errors
    ///
    /// [`DatagramError`].
    pub fn decode(bytes: &[u8], key: &DatagramKey) -> Result<Self, DatagramError> {
        Self::claimed_sender(bytes)?;
        let (body, signature) = bytes.split_at(BODY);
        let mut mac = keyed(&key.0);
        mac.update(body);
        mac.verify_truncated_left(signature).map_err(|_| DatagramError::Forged)?;
        let mut read = Reader(&body[8..]);
        let (from, to, probe) = (Tag(read.u64()), Tag(read.u64()), read.u64());
        if body[4] == 1 {
            return Ok(Self::Ping(Ping { from, to, probe }));
        }
        if body[4] != 2 {
            return Err(DatagramError::Malformed);
        }
        let [t1, t2] = [(); 2].map(|()| SwarmTime::from_nanos(read.i64()));
        let doubt = Span::from_nanos(read.i64().max(0));
        let (room, epoch) = (read.u64(), (read.u64() >> 32) as u32);
        let root = Tag(read.u64());
        let (line, correction) = (read.line()?, read.line()?);
        let correction = (body[6] == 1).then_some(correction);
        let hops = body[7];
        let room = (body[5] == 1).then_some(RoomTime { room, epoch, root, hops, line, correction });
        Ok(Self::Pong(Pong { from, to, probe, t1, t2, doubt, room }))
    }

    /// Writes and signs an answer whose `t2` is the moment at which that is done: `now` reads
    /// the clock. It is written three times: to bring all that is needed close at hand, to find
    /// out how long it takes then, and to be sent.
    pub fn answer(pong: Pong, key: &DatagramKey, now: impl Fn() -> SwarmTime) -> [u8; LENGTH] {
        let trial = || {
            let began = now();
            std::hint::black_box(Self::Pong(Pong { t2: began, ..pong }).encode(key));
            now() - began
        };
        trial();
        let takes = trial().min(LONGEST_ENCODING);
        Self::Pong(Pong { t2: now() + takes, ..pong }).encode(key)
    }

    /// Writes and signs a datagram.
    pub fn encode(&self, key: &DatagramKey) -> [u8; LENGTH] {
        let mut write = Writer { bytes: [0; LENGTH], at: 8 };
        write.bytes[..4].copy_from_slice(&MAGIC);
        match self {
            Self::Ping(ping) => {
                write.bytes[4] = 1;
                for word in [ping.from.0, ping.to.0, ping.probe] {
                    write.u64(word);
                }
            }
            Self::Pong(pong) => {
                write.bytes[4] = 2;
                for word in [pong.from.0, pong.to.0, pong.probe] {
                    write.u64(word);
                }
                write.i64(pong.t1.as_nanos());
                write.i64(pong.t2.as_nanos());
                write.i64(pong.doubt.as_nanos());
                if let Some(room) = &pong.room {
                    write.bytes[5] = 1;
                    write.bytes[7] = room.hops;
                    write.u64(room.room);
                    write.u64(u64::from(room.epoch) << 32);
                    write.u64(room.root.0);
                    write.line(&room.line);
                    if let Some(correction) = &room.correction {
                        write.bytes[6] = 1;
                        write.line(correction);
                    }
                }
            }
        }
        let mut bytes = write.bytes;
        let signature = mac(&key.0, &bytes[..BODY]);
        bytes[BODY..].copy_from_slice(&signature[..SIGNATURE]);
        bytes
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = keyed(key);
    mac.update(text);
    mac.finalize().into_bytes().into()
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn u64(&mut self) -> u64 {
        let (word, rest) = self.0.split_at(8);
        self.0 = rest;
        u64::from_be_bytes(std::array::from_fn(|index| word[index]))
    }

    fn i64(&mut self) -> i64 {
        self.u64().cast_signed()
    }

    fn line(&mut self) -> Result<Line, DatagramError> {
        let line = Line {
            clock: self.u64(),
            pin: SwarmTime::from_nanos(self.i64()),
            offset: Span::from_nanos(self.i64()),
            rate: f64::from_bits(self.u64()),
        };
        let is_sound = line.rate.abs() <= MAX_RATE;
        if is_sound { Ok(line) } else { Err(DatagramError::Malformed) }
    }
}

struct Writer {
    bytes: [u8; LENGTH],
    at: usize,
}

impl Writer {
    fn u64(&mut self, word: u64) {
        self.bytes[self.at..self.at + 8].copy_from_slice(&word.to_be_bytes());
        self.at += 8;
    }

    fn i64(&mut self, word: i64) {
        self.u64(word.cast_unsigned());
    }

    fn line(&mut self, line: &Line) {
        self.u64(line.clock);
        self.i64(line.pin.as_nanos());
        self.i64(line.offset.as_nanos());
        self.u64(line.rate.to_bits());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for datagram in [ping(), pong(None), pong(Some(room(None))), pong(Some(room(drift())))] {
            let bytes = datagram.encode(&key("blue otter"));
            assert_eq!(Datagram::decode(&bytes, &key("blue otter")), Ok(datagram));
        }
    }

    #[test]
    fn a_changed_byte_or_another_key_is_noticed() {
        let bytes = pong(Some(room(drift()))).encode(&key("blue otter"));
        for at in 0..LENGTH {
            let mut changed = bytes;
            changed[at] ^= 0x10;
            assert!(Datagram::decode(&changed, &key("blue otter")).is_err(), "byte {at}");
        }
        let other = Datagram::decode(&bytes, &key("red otter"));
        assert_eq!(other, Err(DatagramError::Forged));
    }

    #[test]
    fn what_is_no_datagram_is_refused_whatever_its_length() {
        for length in 0..=2 * LENGTH {
            let bytes = vec![0xa5; length];
            assert_eq!(
                Datagram::decode(&bytes, &key("blue otter")),
                Err(DatagramError::Malformed),
                "{length} bytes"
            );
        }
    }

    #[test]
    fn numbers_at_their_edges_survive_or_are_refused() {
        let edge = Pong {
            t1: SwarmTime::from_nanos(i64::MAX),
            t2: SwarmTime::from_nanos(i64::MIN),
            ..plain_pong()
        };
        let bytes = Datagram::Pong(edge).encode(&key("k"));
        assert_eq!(Datagram::decode(&bytes, &key("k")), Ok(Datagram::Pong(edge)));
        for rate in [f64::NAN, f64::INFINITY, 1.0] {
            let drift = drift().map(|drift| Line { rate, ..drift });
            let bytes = pong(Some(room(drift))).encode(&key("k"));
            assert!(Datagram::decode(&bytes, &key("k")).is_err(), "a rate of {rate}");
        }
    }

    #[test]
    fn question_and_answer_are_of_one_length() {
        assert_eq!(
            ping().encode(&key("k")).len(),
            pong(Some(room(drift()))).encode(&key("k")).len()
        );
    }

    #[test]
    fn a_pseudonym_needs_the_key_and_names_one_member() {
        let [ada, mia] = ["ada", "mia"].map(|id| UserId::parse(id).expect("a plain id"));
        let name = key("blue otter").pseudonym(&ada);
        assert_eq!(name, key("blue otter").pseudonym(&ada));
        assert_ne!(name, key("blue otter").pseudonym(&mia));
        assert_ne!(name, key("red otter").pseudonym(&ada));
        assert_eq!(key("blue otter").proof(&name), key("blue otter").proof(&name));
        assert_ne!(key("blue otter").proof(&name), key("red otter").proof(&name));
        assert_ne!(key("blue otter").proof(&name), name, "a name proves nothing by itself");
        assert!(name.len() == 16 && !name.contains("ada"), "{name}");
    }

    #[test]
    fn keys_cross_the_wire_as_hex() {
        let key = DatagramKey::of_token(b"secret", Tag(7));
        assert_eq!(DatagramKey::parse(&key.to_hex()), Some(key.clone()));
        for bad in ["", "00", &key.to_hex()[1..], &"é".repeat(32), &"0".repeat(65)] {
            assert_eq!(DatagramKey::parse(bad), None, "{bad:?}");
        }
        assert!(!format!("{key:?}").contains(&key.to_hex()[..4]));
    }

    fn key(text: &str) -> DatagramKey {
        DatagramKey::of_swarm(&SwarmKey::parse(text).expect("a key"))
    }

    fn ping() -> Datagram {
        Datagram::Ping(Ping { from: Tag(1), to: Tag(2), probe: 3 })
    }

    fn plain_pong() -> Pong {
        Pong {
            from: Tag(2),
            to: Tag(1),
            probe: 3,
            t1: SwarmTime::from_nanos(5),
            t2: SwarmTime::from_nanos(6),
            doubt: Span::from_micros(7),
            room: None,
        }
    }

    fn pong(room: Option<RoomTime>) -> Datagram {
        Datagram::Pong(Pong { room, ..plain_pong() })
    }

    fn room(correction: Option<Line>) -> RoomTime {
        let line = Line {
            clock: u64::MAX,
            offset: Span::from_nanos(i64::MAX),
            ..drift().expect("a line")
        };
        RoomTime { room: u64::MAX, epoch: u32::MAX, root: Tag(9), hops: 3, line, correction }
    }

    fn drift() -> Option<Line> {
        let pin = SwarmTime::from_nanos(1_795_342_400_123_456_789);
        Some(Line { clock: 11, pin, offset: Span::from_micros(-12), rate: 1.25e-5 })
    }
}

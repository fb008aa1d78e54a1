//! Three time domains that never mix, and the differences inside each.
//!
//! [`LocalTime`] is one device's monotonic clock, [`SwarmTime`] is the clock a swarm agrees
//! on, [`MediaTime`] is a position in a song. There is no conversion between them here: only
//! `sync_core::ClockEstimate` crosses from local to swarm time and back.
//!
//! Inside the program instants are whole nanoseconds: a frame at 48 kHz lasts 20,833.3 ns,
//! so rounding stays below a thousandth of a frame. On the wire they are milliseconds as
//! JSON numbers; a double keeps 0.25 µs at today's epoch.

use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use serde::{Deserialize, Serialize};

const NANOS_PER_MILLI: f64 = 1e6;
const NANOS_PER_SECOND: f64 = 1e9;

/// A signed length of time. (nanoseconds)
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(i64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// From whole nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From whole microseconds.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// From whole milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// From whole seconds.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// From seconds, rounded to the nanosecond; out of range or not a number saturates or is zero.
    pub fn from_secs_f64(secs: f64) -> Self {
        Self((secs * NANOS_PER_SECOND).round() as i64)
    }

    /// From milliseconds, rounded to the nanosecond; out of range saturates, not a number is zero.
    ///
    /// Back in milliseconds, a date of our time is the same number to the last bit.
    pub fn from_millis_f64(millis: f64) -> Self {
        // In one product, today's date is off by as much as a double's last bit.
        let whole = millis.trunc();
        let rest = ((millis - whole) * NANOS_PER_MILLI).round() as i64;
        Self((whole as i64).saturating_mul(1_000_000).saturating_add(rest))
    }

    /// In nanoseconds.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// In microseconds.
    pub fn as_micros_f64(self) -> f64 {
        self.0 as f64 / 1e3
    }

    /// In milliseconds.
    pub fn as_millis_f64(self) -> f64 {
        (self.0 / 1_000_000) as f64 + (self.0 % 1_000_000) as f64 / NANOS_PER_MILLI
    }

    /// In seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_SECOND
    }

    /// The length without its sign.
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// The length scaled by a plain number.
    pub fn mul_f64(self, factor: f64) -> Self {
        Self((self.0 as f64 * factor).round() as i64)
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Span {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for Span {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}ms", self.as_millis_f64())
    }
}

macro_rules! instant {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            /// From whole nanoseconds since the domain's origin.
            pub const fn from_nanos(nanos: i64) -> Self {
                Self(nanos)
            }

            /// Nanoseconds since the domain's origin.
            pub const fn as_nanos(self) -> i64 {
                self.0
            }

            /// From milliseconds since the domain's origin, as on the wire.
            pub fn from_millis_f64(millis: f64) -> Self {
                Self(Span::from_millis_f64(millis).as_nanos())
            }

            /// Milliseconds since the domain's origin, as on the wire.
            pub fn as_millis_f64(self) -> f64 {
                Span::from_nanos(self.0).as_millis_f64()
            }
        }

        impl Add<Span> for $name {
            type Output = Self;
            fn add(self, span: Span) -> Self {
                Self(self.0.saturating_add(span.as_nanos()))
            }
        }

        impl AddAssign<Span> for $name {
            fn add_assign(&mut self, span: Span) {
                *self = *self + span;
            }
        }

        impl Sub<Span> for $name {
            type Output = Self;
            fn sub(self, span: Span) -> Self {
                Self(self.0.saturating_sub(span.as_nanos()))
            }
        }

        impl SubAssign<Span> for $name {
            fn sub_assign(&mut self, span: Span) {
                *self = *self - span;
            }
        }

        impl Sub for $name {
            type Output = Span;
            fn sub(self, earlier: Self) -> Span {
                Span::from_nanos(self.0.saturating_sub(earlier.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:.3}ms)", stringify!($name), self.as_millis_f64())
            }
        }
    };
}

instant! {
    /// An instant on this device's monotonic clock. Its origin is arbitrary and never leaves the device.
    LocalTime
}

instant! {
    /// An instant on the swarm's common clock. Its origin is the Unix epoch as the time root
    /// believed it once, at its start; nobody reads a wall clock after that.
    SwarmTime
}

instant! {
    /// A position in a song; zero is its first audible frame.
    MediaTime
}

/// Milliseconds on the wire, checked to be a finite number inside ±2^53 nanoseconds·1000,
/// so that no arithmetic on it can overflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(type = "number"))]
pub struct Millis(f64);

/// A number on the wire that is no usable time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time must be a finite number of milliseconds below 9e12")]
pub struct InvalidMillis;

impl Millis {
    /// Largest magnitude: year 2255, and as nanoseconds still inside 64 bits. (milliseconds)
    pub const MAX: f64 = 9e12;

    /// Checks a number of milliseconds.
    ///
    /// # Errors
    ///
    /// [`InvalidMillis`] unless it is finite and at most [`Self::MAX`] in magnitude.
    pub fn new(millis: f64) -> Result<Self, InvalidMillis> {
        if millis.is_finite() && millis.abs() <= Self::MAX {
            Ok(Self(millis))
        } else {
            Err(InvalidMillis)
        }
    }

    /// The number of milliseconds.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Millis {
    type Error = InvalidMillis;
    fn try_from(millis: f64) -> Result<Self, InvalidMillis> {
        Self::new(millis)
    }
}

impl From<Millis> for f64 {
    fn from(millis: Millis) -> f64 {
        millis.0
    }
}

macro_rules! wire_time {
    ($($name:ident),*) => {$(
        impl From<Millis> for $name {
            fn from(millis: Millis) -> Self {
                Self::from_millis_f64(millis.0)
            }
        }

        impl From<$name> for Millis {
            /// Instants beyond [`Millis::MAX`] saturate; no clock here reaches it before the year 2255.
            fn from(time: $name) -> Self {
                Self(time.as_millis_f64().clamp(-Self::MAX, Self::MAX))
            }
        }
    )*};
}

wire_time!(LocalTime, SwarmTime, MediaTime);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swarm_time_crosses_the_wire_within_a_quarter_microsecond() {
        let instant = SwarmTime::from_nanos(1_795_342_400_123_456_789);
        let back = SwarmTime::from(Millis::from(instant));
        assert!((back - instant).abs() <= Span::from_nanos(250), "{:?}", back - instant);
    }

    #[test]
    fn a_number_of_milliseconds_is_the_same_after_a_stay_as_an_instant() {
        // From 61 days on a double is coarser than a nanosecond.
        for number in [5_270_400_000.25, 1_795_572_168_866.0, 1_795_342_400_123.062_5, -8e12, 9e12]
        {
            for steps in -3..=3 {
                let number = f64::from_bits(f64::to_bits(number).saturating_add_signed(steps));
                let Ok(millis) = Millis::new(number) else { continue };
                assert_eq!(Millis::from(SwarmTime::from(millis)).get(), number, "{number:e}");
            }
        }
        assert_eq!(Span::from_millis_f64(f64::NAN), Span::ZERO);
        assert_eq!(Span::from_millis_f64(f64::INFINITY), Span::from_nanos(i64::MAX));
        assert_eq!(Span::from_millis_f64(f64::NEG_INFINITY), Span::from_nanos(i64::MIN));
    }

    #[test]
    fn numbers_that_are_no_times_are_refused() {
        for bad in ["1e300", "-1e13", "\"5\"", "null"] {
            assert!(serde_json::from_str::<Millis>(bad).is_err(), "{bad} was accepted");
        }
        assert!(Millis::new(f64::NAN).is_err());
        assert!(Millis::new(f64::INFINITY).is_err());
    }

    #[test]
    fn arithmetic_at_the_edge_saturates_and_does_not_panic() {
        let far = LocalTime::from_nanos(i64::MAX);
        assert_eq!(far + Span::from_secs(1), far);
        assert_eq!(-Span::from_nanos(i64::MIN), Span::from_nanos(i64::MAX));
    }
}

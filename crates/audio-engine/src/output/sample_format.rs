//! From floating point to what a sound card takes.

use cpal::{Data, I24, SampleFormat, U24};

/// Formats that can be written, best first.
pub(crate) const FORMATS: [SampleFormat; 8] = [
    SampleFormat::F32,
    SampleFormat::I32,
    SampleFormat::I24,
    SampleFormat::F64,
    SampleFormat::I16,
    SampleFormat::U24,
    SampleFormat::U16,
    SampleFormat::U8,
];

/// A sample type of a sound card.
trait FromFloat: Copy {
    /// Full scale is ±1; what is beyond saturates, what is no number is silence.
    fn from_float(sample: f32) -> Self;
}

/// Scales to whole numbers of `bits` bits, so that a sample decoded from so many bits comes
/// back as it was.
fn whole(sample: f32, bits: u32) -> i64 {
    let full = f64::from(1_u32 << (bits - 1));
    (f64::from(sample) * full).round().clamp(-full, full - 1.0) as i64
}

macro_rules! from_float {
    ($($kind:ty: |$sample:ident| $value:expr;)*) => {$(
        impl FromFloat for $kind {
            #[inline]
            fn from_float($sample: f32) -> Self {
                $value
            }
        }
    )*};
}

from_float! {
    f32: |sample| sample;
    f64: |sample| f64::from(sample);
    i16: |sample| whole(sample, 16) as i16;
    i32: |sample| whole(sample, 32) as i32;
    u8: |sample| (whole(sample, 8) + 0x80) as u8;
    u16: |sample| (whole(sample, 16) + 0x8000) as u16;
    I24: |sample| I24::new_unchecked(whole(sample, 24) as i32);
    U24: |sample| U24::new_unchecked((whole(sample, 24) + 0x80_0000) as i32);
}

/// Writes `samples` into `data` from sample `at` on. Formats not in [`FORMATS`] stay silent.
pub(crate) fn write(samples: &[f32], data: &mut Data, at: usize) {
    match data.sample_format() {
        SampleFormat::F32 => fill::<f32>(samples, data.as_slice_mut(), at),
        SampleFormat::F64 => fill::<f64>(samples, data.as_slice_mut(), at),
        SampleFormat::I16 => fill::<i16>(samples, data.as_slice_mut(), at),
        SampleFormat::I32 => fill::<i32>(samples, data.as_slice_mut(), at),
        SampleFormat::U8 => fill::<u8>(samples, data.as_slice_mut(), at),
        SampleFormat::U16 => fill::<u16>(samples, data.as_slice_mut(), at),
        SampleFormat::I24 => fill::<I24>(samples, data.as_slice_mut(), at),
        SampleFormat::U24 => fill::<U24>(samples, data.as_slice_mut(), at),
        _ => {}
    }
}

fn fill<T: FromFloat>(samples: &[f32], out: Option<&mut [T]>, at: usize) {
    let Some(out) = out.and_then(|out| out.get_mut(at..)) else { return };
    for (out, &sample) in out.iter_mut().zip(samples) {
        *out = T::from_float(sample);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bit_samples_come_back_as_they_were() {
        for sample in i16::MIN..=i16::MAX {
            let decoded = f32::from(sample) / 32_768.0;
            assert_eq!(i16::from_float(decoded), sample);
            assert_eq!(i32::from(u16::from_float(decoded)) - 0x8000, i32::from(sample));
            assert_eq!(i32::from_float(decoded), i32::from(sample) << 16);
            assert_eq!(I24::from_float(decoded).inner(), i32::from(sample) << 8);
        }
    }

    #[test]
    fn what_is_too_loud_saturates_and_what_is_no_number_is_silent() {
        assert_eq!(i16::from_float(7.0), i16::MAX);
        assert_eq!(i16::from_float(-7.0), i16::MIN);
        assert_eq!(i32::from_float(1.0), i32::MAX);
        assert_eq!(i32::from_float(f32::NEG_INFINITY), i32::MIN);
        assert_eq!(u8::from_float(2.0), u8::MAX);
        assert_eq!(u16::from_float(0.0), 0x8000);
        assert_eq!(i16::from_float(f32::NAN), 0);
        assert_eq!(u8::from_float(f32::NAN), 0x80);
    }
}

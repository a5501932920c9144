//! Foreign bytes, made from honest ones: the fuzzer's input is read as a list of edits.

use libfuzzer_sys::arbitrary::{Result, Unstructured};

/// Edits of one message: enough to break two lengths and what they count, few enough that most of it stays honest.
const EDITS_MAX: usize = 6;
/// Numbers at which decoders of lengths, offsets and counts go wrong.
const EDGES: [u64; 10] = [0, 1, 127, 128, 1024, 16_384, u32::MAX as u64, 1 << 32, i64::MAX as u64, u64::MAX];

/// One run in four: the rest of `input` as it is. Otherwise `honest` after at most [`EDITS_MAX`] edits, possibly none.
pub fn foreign(honest: &[u8], input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    if input.ratio(1, 4)? {
        return Ok(input.bytes(input.len())?.to_vec());
    }
    edited(honest, input)
}

/// `honest` after at most [`EDITS_MAX`] edits, possibly none.
pub fn edited(honest: &[u8], input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut bytes = honest.to_vec();
    let edits = input.int_in_range(0..=EDITS_MAX)?;
    for _ in 0..edits {
        edit(&mut bytes, input)?;
    }
    Ok(bytes)
}

/// A number: any, or one of [`EDGES`], or one near `honest`.
pub fn number(honest: u64, input: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match input.int_in_range(0..=7)? {
        0 => input.arbitrary()?,
        1 => *input.choose(&EDGES)?,
        2 => honest.wrapping_add_signed(i64::from(input.arbitrary::<i8>()?)),
        _ => honest,
    })
}

fn edit(bytes: &mut Vec<u8>, input: &mut Unstructured<'_>) -> Result<()> {
    let at = input.int_in_range(0..=bytes.len())?;
    let short = input.int_in_range(0..=40_usize)?.min(bytes.len() - at);
    match input.int_in_range(0..=6)? {
        0 if at < bytes.len() => bytes[at] ^= 1 << input.int_in_range(0..=7)?,
        1 if at < bytes.len() => bytes[at] = input.arbitrary()?,
        2 => bytes.truncate(at),
        3 => {
            bytes.drain(at..at + short);
        }
        4 => {
            let more: Vec<u8> = (0..short.max(1)).map(|_| input.arbitrary()).collect::<Result<_>>()?;
            bytes.splice(at..at, more);
        }
        // A part stands twice: one answer, step or entry too many.
        5 => {
            let again = bytes[at..at + short].to_vec();
            bytes.splice(at..at, again);
        }
        // Lengths are four bytes and counts eight, little endian.
        _ => {
            let edge = input.choose(&EDGES)?.to_le_bytes();
            let width = if input.arbitrary()? { 4 } else { 8 };
            let end = (at + width).min(bytes.len());
            bytes[at..end].copy_from_slice(&edge[..end - at]);
        }
    }
    Ok(())
}

//! Reading borsh lists and texts that somebody else wrote: the count is held against its bound before memory is taken.

use std::{collections::BTreeMap, io};

use bitdust_types::{
    Address,
    signing::{read_address, write_address},
};
use borsh::{BorshDeserialize, BorshSerialize};

fn count<R: io::Read>(reader: &mut R, max: usize) -> io::Result<usize> {
    let count = u32::deserialize_reader(reader)? as usize;
    if count > max {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("a list of {count}, at most {max} are allowed"),
        ));
    }
    Ok(count)
}

/// A list of at most `MAX`.
pub(crate) fn list<R: io::Read, T: BorshDeserialize, const MAX: usize>(reader: &mut R) -> io::Result<Vec<T>> {
    let count = count(reader, MAX)?;
    (0..count).map(|_| T::deserialize_reader(reader)).collect()
}

/// A map of at most `MAX` entries.
pub(crate) fn map<R: io::Read, K: BorshDeserialize + Ord, V: BorshDeserialize, const MAX: usize>(
    reader: &mut R,
) -> io::Result<BTreeMap<K, V>> {
    let count = count(reader, MAX)?;
    (0..count).map(|_| Ok((K::deserialize_reader(reader)?, V::deserialize_reader(reader)?))).collect()
}

/// A text of at most `MAX` bytes.
pub(crate) fn text<R: io::Read, const MAX: usize>(reader: &mut R) -> io::Result<String> {
    let mut bytes = vec![0; count(reader, MAX)?];
    reader.read_exact(&mut bytes)?;
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a text is not UTF-8"))
}

/// At most `MAX` accounts.
pub(crate) fn addresses<R: io::Read, const MAX: usize>(reader: &mut R) -> io::Result<Vec<Address>> {
    let count = count(reader, MAX)?;
    (0..count).map(|_| read_address(reader)).collect()
}

/// What [`addresses`] reads.
pub(crate) fn write_addresses<W: io::Write>(addresses: &[Address], writer: &mut W) -> io::Result<()> {
    u32::try_from(addresses.len()).map_err(|_| io::ErrorKind::InvalidData)?.serialize(writer)?;
    addresses.iter().try_for_each(|address| write_address(address, writer))
}

/// An array of bytes without a length.
pub(crate) fn write_array<W: io::Write, const N: usize>(bytes: &[u8; N], writer: &mut W) -> io::Result<()> {
    writer.write_all(bytes)
}

/// What [`write_array`] wrote.
pub(crate) fn read_array<R: io::Read, const N: usize>(reader: &mut R) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

//! Borsh forms of the primitives that come from `alloy` (which implements no borsh in the features we build):
//! fixed-width types are their big-endian bytes, byte strings have a `u32` little-endian length.
//!
//! Use with `#[borsh(serialize_with = "canon::hash::write", deserialize_with = "canon::hash::read")]`.

use std::io::{Read, Result, Write};

macro_rules! fixed {
    ($($(#[$doc:meta])* $name:ident: $type:ty, $len:literal, $from:expr, $to:expr;)*) => { $(
        $(#[$doc])*
        pub mod $name {
            use super::*;

            /// Writes the value's bytes.
            pub fn write<W: Write>(value: &$type, writer: &mut W) -> Result<()> {
                let to: fn(&$type) -> [u8; $len] = $to;
                writer.write_all(&to(value))
            }

            /// Reads what `write` wrote.
            pub fn read<R: Read>(reader: &mut R) -> Result<$type> {
                let mut bytes = [0; $len];
                reader.read_exact(&mut bytes)?;
                let from: fn([u8; $len]) -> $type = $from;
                Ok(from(bytes))
            }
        }
    )* };
}

fixed! {
    /// 32-byte hashes.
    hash: alloy_primitives::B256, 32, alloy_primitives::B256::new, |hash| hash.0;
    /// 20-byte accounts.
    address: alloy_primitives::Address, 20, alloy_primitives::Address::new, |address| address.into_array();
    /// 2048-bit log filters.
    bloom: alloy_primitives::Bloom, 256, alloy_primitives::Bloom::new, |bloom| bloom.0.0;
}

/// Byte strings.
pub mod bytes {
    use super::*;
    use alloy_primitives::Bytes;
    use borsh::{BorshDeserialize, BorshSerialize};

    /// Writes length and bytes.
    pub fn write<W: Write>(value: &Bytes, writer: &mut W) -> Result<()> {
        value.as_ref().serialize(writer)
    }

    /// Reads what `write` wrote. Memory grows with the bytes that are really there, not with the length announced.
    pub fn read<R: Read>(reader: &mut R) -> Result<Bytes> {
        Vec::<u8>::deserialize_reader(reader).map(Bytes::from)
    }
}

/// Lists of byte strings.
pub mod byte_lists {
    use super::*;
    use alloy_primitives::Bytes;
    use borsh::{BorshDeserialize, BorshSerialize, io::Error, io::ErrorKind};

    /// Writes the count and each string.
    pub fn write<W: Write>(value: &[Bytes], writer: &mut W) -> Result<()> {
        let count = u32::try_from(value.len()).map_err(|_| Error::from(ErrorKind::InvalidInput))?;
        count.serialize(writer)?;
        value.iter().try_for_each(|item| bytes::write(item, writer))
    }

    /// Reads what `write` wrote, pushing one string at a time so that a false count allocates nothing.
    pub fn read<R: Read>(reader: &mut R) -> Result<Vec<Bytes>> {
        let count = u32::deserialize_reader(reader)?;
        let mut list = Vec::new();
        for _ in 0..count {
            list.push(bytes::read(reader)?);
        }
        Ok(list)
    }
}

/// Optional accounts: a tag byte, then the account.
pub mod maybe_address {
    use super::*;
    use alloy_primitives::Address;
    use borsh::{BorshDeserialize, BorshSerialize};

    /// Writes the tag and the account.
    pub fn write<W: Write>(value: &Option<Address>, writer: &mut W) -> Result<()> {
        value.map(Address::into_array).serialize(writer)
    }

    /// Reads what `write` wrote.
    pub fn read<R: Read>(reader: &mut R) -> Result<Option<Address>> {
        Ok(Option::<[u8; 20]>::deserialize_reader(reader)?.map(Address::new))
    }
}

/// Logs: account, topics, data.
pub mod logs {
    use super::*;
    use alloy_primitives::{B256, Log};
    use borsh::{BorshDeserialize, BorshSerialize, io::Error, io::ErrorKind};

    /// Topics of one log, as in the EVM.
    const TOPICS_MAX: u8 = 4;

    /// Writes the count and each log.
    pub fn write<W: Write>(value: &[Log], writer: &mut W) -> Result<()> {
        let count = u32::try_from(value.len()).map_err(|_| Error::from(ErrorKind::InvalidInput))?;
        count.serialize(writer)?;
        for log in value {
            address::write(&log.address, writer)?;
            let topics = log.topics();
            (topics.len() as u8).serialize(writer)?;
            topics.iter().try_for_each(|topic| hash::write(topic, writer))?;
            bytes::write(&log.data.data, writer)?;
        }
        Ok(())
    }

    /// Reads what `write` wrote.
    pub fn read<R: Read>(reader: &mut R) -> Result<Vec<Log>> {
        let count = u32::deserialize_reader(reader)?;
        let mut list = Vec::new();
        for _ in 0..count {
            let account = address::read(reader)?;
            let topics = u8::deserialize_reader(reader)?;
            if topics > TOPICS_MAX {
                return Err(Error::new(ErrorKind::InvalidData, "a log has more than four topics"));
            }
            let topics = (0..topics).map(|_| hash::read(reader)).collect::<Result<Vec<B256>>>()?;
            list.push(Log::new_unchecked(account, topics, bytes::read(reader)?));
        }
        Ok(list)
    }
}

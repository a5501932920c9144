//! Names of things by 32 bytes. Each kind is its own type, so that a slot's root can't be passed where a shard's is meant.

use std::{fmt, str::FromStr};

use alloy_primitives::B256;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a {kind}: 64 hexadecimal digits are needed, with or without 0x")]
pub struct ParseIdError {
    /// What was wanted.
    pub kind: &'static str,
    /// What was given.
    pub text: String,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, $kind:literal;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// True for the id of all zeros, which names nothing.
            pub fn is_zero(&self) -> bool {
                self.0 == [0; 32]
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "0x{}", hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let mut bytes = [0; 32];
                hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut bytes)
                    .map_err(|_| ParseIdError { kind: $kind, text: text.chars().take(80).collect() })?;
                Ok($name(bytes))
            }
        }

        impl From<B256> for $name {
            fn from(bytes: B256) -> Self {
                $name(bytes.0)
            }
        }

        impl From<$name> for B256 {
            fn from(id: $name) -> B256 {
                B256::new(id.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )* };
}

ids! {
    /// A dataset: what one owner keeps under one policy.
    DatasetId, "dataset id";
    /// A block: Keccak-256 of its header's canonical bytes.
    BlockId, "block id";
    /// A blob (a masked shard or a manifest) by its BLAKE3 hash.
    Root, "blob root";
    /// The ordered blobs of one slot: the root of their sum tree.
    SlotRoot, "slot root";
    /// A slab: drawn at random by its owner.
    SlabId, "slab id";
}

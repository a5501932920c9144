//! How typed records lie in 256-bit storage words.
//!
//! A record is a row of words at consecutive slots; each word packs fields from its low bits upward, in the order they
//! are written. The same declaration reads a record through a running contract (`Call`, which caches and charges) and
//! through a plain state reader (views outside of execution).

use alloy_primitives::{Address, B256, U256, keccak256};

use crate::state::{StateError, StateReader};

/// Something that answers storage words of one contract.
pub trait Words {
    /// Why a word can't be read.
    type Error;
    /// The word at a slot; zero if it was never written.
    fn read(&mut self, at: U256) -> Result<U256, Self::Error>;
}

/// Words of a contract's storage out of a state, outside of execution.
pub struct StateWords<'a> {
    state: &'a dyn StateReader,
    contract: Address,
}

impl<'a> StateWords<'a> {
    /// The storage of `contract`.
    pub fn new(state: &'a dyn StateReader, contract: Address) -> Self {
        StateWords { state, contract }
    }
}

impl Words for StateWords<'_> {
    type Error = StateError;

    fn read(&mut self, at: U256) -> Result<U256, StateError> {
        self.state.storage(self.contract, at)
    }
}

/// Something that also takes them.
pub trait Store: Words {
    /// Sets the word at a slot.
    fn write(&mut self, at: U256, value: U256);
}

/// A value that fits a storage word.
pub trait Field: Sized {
    /// Bits it takes.
    const BITS: usize;
    /// Its bits, the rest zero.
    fn to_word(&self) -> U256;
    /// From a word whose other bits are cleared already.
    fn from_word(word: U256) -> Self;
}

macro_rules! unsigned_fields {
    ($($ty:ty),*) => { $(
        impl Field for $ty {
            const BITS: usize = <$ty>::BITS as usize;
            fn to_word(&self) -> U256 {
                U256::from(*self)
            }
            fn from_word(word: U256) -> Self {
                // The mask in `unpack` left no higher bits.
                word.wrapping_to::<$ty>()
            }
        }
    )* };
}

unsigned_fields!(u8, u16, u32, u64, u128);

impl Field for i64 {
    const BITS: usize = 64;
    fn to_word(&self) -> U256 {
        // Two's complement, in no more than its own 64 bits.
        U256::from(self.cast_unsigned())
    }
    fn from_word(word: U256) -> Self {
        word.wrapping_to::<u64>().cast_signed()
    }
}

impl Field for bool {
    const BITS: usize = 8;
    fn to_word(&self) -> U256 {
        U256::from(u8::from(*self))
    }
    fn from_word(word: U256) -> Self {
        !word.is_zero()
    }
}

impl Field for Address {
    const BITS: usize = 160;
    fn to_word(&self) -> U256 {
        U256::from_be_slice(self.as_slice())
    }
    fn from_word(word: U256) -> Self {
        Address::from_slice(&word.to_be_bytes::<32>()[12..])
    }
}

impl Field for B256 {
    const BITS: usize = 256;
    fn to_word(&self) -> U256 {
        U256::from_be_bytes(self.0)
    }
    fn from_word(word: U256) -> Self {
        B256::new(word.to_be_bytes())
    }
}

impl Field for U256 {
    const BITS: usize = 256;
    fn to_word(&self) -> U256 {
        *self
    }
    fn from_word(word: U256) -> Self {
        word
    }
}

/// A record in storage.
pub trait Record: Sized {
    /// Reads all its words, the first at `at`.
    fn load<W: Words>(words: &mut W, at: U256) -> Result<Self, W::Error>;
    /// Writes all its words, the first at `at`.
    fn save<S: Store>(&self, store: &mut S, at: U256);
}

/// A single value is a record of one word.
impl<F: Field> Record for F {
    fn load<W: Words>(words: &mut W, at: U256) -> Result<Self, W::Error> {
        words.read(at).map(|word| unpack(word, 0))
    }
    fn save<S: Store>(&self, store: &mut S, at: U256) {
        store.write(at, self.to_word());
    }
}

/// Where a contract keeps a record: `keccak256(region ‖ key)`, region one byte, key of fixed width within a region, so that
/// no two records share a slot.
pub fn key(region: u8, parts: &[&[u8]]) -> U256 {
    let mut bytes = vec![region];
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    U256::from_be_bytes(keccak256(&bytes).0)
}

/// The field whose lowest bit is bit `low` of a word.
pub fn unpack<F: Field>(word: U256, low: usize) -> F {
    let shifted = word >> low;
    F::from_word(if F::BITS == 256 { shifted } else { shifted & ((U256::ONE << F::BITS) - U256::ONE) })
}

/// Declares a record: `word { field: type, .. }` for each of its words, low bits first.
macro_rules! record {
    ($(#[$doc:meta])* $name:ident {
        $( word { $( $(#[$field_doc:meta])* $field:ident : $ty:ty ),+ $(,)? } )+
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name { $( $( $(#[$field_doc])* pub $field: $ty, )+ )+ }

        $( const _: () = assert!(0 $( + <$ty as $crate::contract::words::Field>::BITS )+ <= 256, "a word is over-full"); )+

        impl $crate::contract::words::Record for $name {
            fn load<W: $crate::contract::words::Words>(
                words: &mut W,
                at: alloy_primitives::U256,
            ) -> Result<Self, W::Error> {
                use $crate::contract::words::{Field, unpack};
                let mut record = $name::default();
                let mut next = at;
                $(
                    let word = words.read(next)?;
                    let mut low = 0;
                    $(
                        record.$field = unpack::<$ty>(word, low);
                        low += <$ty as Field>::BITS;
                    )+
                    let _ = low;
                    next = next.wrapping_add(alloy_primitives::U256::ONE);
                )+
                let _ = next;
                Ok(record)
            }

            fn save<S: $crate::contract::words::Store>(&self, store: &mut S, at: alloy_primitives::U256) {
                use $crate::contract::words::Field;
                let mut next = at;
                $(
                    let mut word = alloy_primitives::U256::ZERO;
                    let mut low = 0;
                    $(
                        word |= self.$field.to_word() << low;
                        low += <$ty as Field>::BITS;
                    )+
                    let _ = low;
                    store.write(next, word);
                    next = next.wrapping_add(alloy_primitives::U256::ONE);
                )+
                let _ = next;
            }
        }
    };
}
pub(crate) use record;

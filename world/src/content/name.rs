//! What creators call the parts of their content.

use std::{fmt, io};

use borsh::{BorshDeserialize, BorshSerialize};

use super::{bounded, limits::NAME_BYTES_MAX};

/// The name of a mark, door, text, item, area, trigger or quest: 1 to 48 of a–z, 0–9 and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize)]
pub struct Name(String);

impl Name {
    /// The name, if the text is one.
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=NAME_BYTES_MAX).contains(&text.len());
        let clean = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        (fits && clean).then(|| Name(text.to_owned()))
    }

    /// Its letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl BorshDeserialize for Name {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let text = bounded::text::<R, NAME_BYTES_MAX>(reader)?;
        Name::new(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("'{text}' is not a name")))
    }
}

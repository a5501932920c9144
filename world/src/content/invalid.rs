//! What can be wrong with a world that somebody wrote.

/// A verdict on a definition: where, in terms of the JSON form, and what.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct Invalid {
    /// Such as `content.doors.gate.open`.
    pub path: String,
    /// What is wrong there.
    pub problem: Problem,
}

impl Invalid {
    pub(super) fn at(path: impl Into<String>, problem: Problem) -> Self {
        Invalid { path: path.into(), problem }
    }
}

/// What is wrong with one value, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The bytes don't begin as a world's do.
    #[error("these bytes are not {0}: they begin otherwise")]
    OtherMagic(&'static str),
    /// Written by a newer program.
    #[error("format version {found} is not known to this program, which reads version {known}: update it")]
    OtherVersion {
        /// In the bytes.
        found: u8,
        /// What we read.
        known: u8,
    },
    /// Too many bytes altogether.
    #[error("{bytes} bytes are more than the {max} allowed")]
    TooLarge {
        /// Given.
        bytes: usize,
        /// Allowed.
        max: usize,
    },
    /// The bytes can't be read.
    #[error("the bytes can't be read: {0}")]
    Unreadable(String),
    /// Some other bytes mean the same.
    #[error("the bytes are not in the canonical form: unsorted, repeated or trailing data")]
    NotCanonical,
    /// The document is not JSON.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// A field that has to be there.
    #[error("missing; add it")]
    Missing,
    /// A field that nobody knows.
    #[error("not a field that is known here; these are: {allowed}")]
    UnknownField {
        /// All that may stand here.
        allowed: String,
    },
    /// Another kind of value.
    #[error("{found} stands here, but {wanted} is needed")]
    OtherType {
        /// What is needed.
        wanted: &'static str,
        /// What was found.
        found: &'static str,
    },
    /// A list too long.
    #[error("{count} entries, at most {max} are allowed")]
    TooMany {
        /// Given.
        count: usize,
        /// Allowed.
        max: usize,
    },
    /// A text too long.
    #[error("a text of {bytes} bytes, at most {max} are allowed")]
    TooLong {
        /// Given.
        bytes: usize,
        /// Allowed.
        max: usize,
    },
    /// Nothing where something is needed.
    #[error("empty; something has to stand here")]
    Empty,
    /// Characters that don't belong in a text for people.
    #[error("control characters are not allowed in a text, and line breaks only in a body or a long description")]
    ControlCharacter,
    /// Not a [`super::Name`].
    #[error("'{0}' is not a name: use 1 to 48 of a-z, 0-9 and '-'")]
    BadName(String),
    /// Not a colour.
    #[error("'{0}' is not a colour: write \"#rrggbb\", in a texture also \"#rrggbbaa\"")]
    BadColour(String),
    /// Not an account.
    #[error("'{0}' is not an account: write 0x and 40 hexadecimal digits")]
    BadAccount(String),
    /// Not an amount of money.
    #[error("{0}")]
    BadAmount(String),
    /// No block is called so.
    #[error("no block is called '{0}'; use a built-in name such as \"planks\" or one from content.blocks")]
    UnknownBlock(String),
    /// A word that isn't among the choices.
    #[error("'{found}' is not among the choices: {choices}")]
    UnknownChoice {
        /// What was given.
        found: String,
        /// What can be given.
        choices: String,
    },
    /// Refers to something that isn't there.
    #[error("there is no {kind} named '{name}'; add it to content.{kind}s or correct the name")]
    Unknown {
        /// Text, door, item or area.
        kind: &'static str,
        /// What was referred to.
        name: String,
    },
    /// A mark that no trigger grants, so that nobody can ever have it.
    #[error("no trigger grants the mark '{0}', so nobody can have it; grant it somewhere or correct the name")]
    NeverGranted(String),
    /// The same twice where it must be unique.
    #[error("'{0}' was already used; each must be different")]
    Twice(String),
    /// A number outside of its range.
    #[error("{value} is outside of {from} to {to}")]
    OutOfRange {
        /// Given.
        value: i128,
        /// Lowest.
        from: i128,
        /// Highest.
        to: i128,
    },
    /// The second corner lies before the first, or too far from it.
    #[error("'to' must not be below 'from' in any coordinate, nor more than {max} voxels along an edge")]
    BadBox {
        /// Longest edge.
        max: u16,
    },
    /// A texture whose rows don't fit.
    #[error("a texture needs 16 rows of 16 characters, each of them in its palette")]
    BadTexture,
    /// What the generator says of its parameters.
    #[error("the generator refuses these parameters: {0}")]
    BadParams(String),
    /// The document names another creator than the account that publishes.
    #[error("the document names {found}, but {publisher} publishes it; leave the field out or use that account")]
    OtherCreator {
        /// In the document.
        found: String,
        /// Who publishes.
        publisher: String,
    },
}

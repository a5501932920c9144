//! Verdicts on somebody's operation. They depend on nothing but the operation and its causal past, so everybody comes to
//! the same one.

use bitdust_types::{Address, signing::InvalidSignature};

use super::{AccessId, limits};

/// Why everybody refuses an operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Too many bytes.
    #[error("an operation of {0} bytes; at most {max} are allowed", max = limits::OP_BYTES_MAX)]
    Size(usize),
    /// Not the canonical bytes of an operation.
    #[error("these are not an operation's bytes: {0}")]
    Malformed(String),
    /// A field breaks its own rules.
    #[error("{0}")]
    Shape(&'static str),
    /// The signature names nobody.
    #[error(transparent)]
    Signature(#[from] InvalidSignature),
    /// It belongs to another chain, world or position.
    #[error("the operation belongs to another chain, world or location")]
    Elsewhere,
    /// The depth is not 1 + the largest depth of the parents.
    #[error("the operation says its depth is {said}, but its parents make it {is}")]
    Depth {
        /// What it says.
        said: u64,
        /// What it is.
        is: u64,
    },
    /// The list that it names is unknown or superseded in its own past.
    #[error("the access list {0} is not in force in the operation's past: name the newest one among its ancestors")]
    NotInForce(AccessId),
    /// Too many concurrent lists in its past.
    #[error(
        "{0} concurrent access lists in the operation's past, at most {max} are allowed: the owner has to merge them",
        max = limits::LISTS_IN_FORCE_MAX
    )]
    TooManyLists(usize),
    /// The author lacks the right under the list that it names.
    #[error("{author} has no right to {act} under the access list {access}")]
    NoRight {
        /// Who signed.
        author: Address,
        /// What for.
        act: &'static str,
        /// The list that was named.
        access: AccessId,
    },
}

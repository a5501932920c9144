//! The `Range` header (RFC 9110, section 14): one range of bytes, or the whole object.
//!
//! As the RFC has it, a header that isn't understood is as good as none: the whole object is sent. Several ranges in one
//! header count as not understood, since an answer of many parts is more than anyone here asks for.

use crate::failure::{Code, Failure};

/// What part of an object to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it: status 200.
    Whole,
    /// Bytes from `start` to before `end`, not empty: status 206.
    Bytes {
        /// First byte.
        start: u64,
        /// One after the last byte.
        end: u64,
    },
}

impl Part {
    /// First byte and one after the last, in an object of `bytes`.
    pub fn bounds(self, bytes: u64) -> (u64, u64) {
        match self {
            Part::Whole => (0, bytes),
            Part::Bytes { start, end } => (start, end),
        }
    }
}

/// What of an object of `bytes` a `Range` header asks for. An error means status 416.
pub fn part(header: Option<&str>, bytes: u64) -> Result<Part, Failure> {
    let Some(spec) = header.and_then(parse) else { return Ok(Part::Whole) };
    let (start, end) = match spec {
        Spec::From(first) => (first, bytes),
        Spec::Between(first, last) => (first, last.saturating_add(1).min(bytes)),
        Spec::Last(count) => (bytes.saturating_sub(count), bytes),
    };
    if start >= end {
        let asked = header.unwrap_or_default();
        let todo = format!("ask for bytes within 0-{}", bytes.saturating_sub(1));
        let todo = if bytes == 0 { "ask without a Range header".to_owned() } else { todo };
        let what = format!("the range '{asked}' lies outside of the object, which has {bytes} bytes");
        return Err(Failure::new(Code::RangeNotSatisfiable, what, todo).with("bytes", bytes));
    }
    Ok(Part::Bytes { start, end })
}

enum Spec {
    From(u64),
    Between(u64, u64),
    Last(u64),
}

/// `bytes=a-b`, `bytes=a-` or `bytes=-n`; `None` if it is anything else, or if b < a, which the RFC calls invalid.
fn parse(header: &str) -> Option<Spec> {
    let (unit, range) = header.trim().split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    match (first.is_empty(), last.is_empty()) {
        (true, true) => None,
        (true, false) => Some(Spec::Last(position(last)?)),
        (false, true) => Some(Spec::From(position(first)?)),
        (false, false) => {
            let (first, last) = (position(first)?, position(last)?);
            (first <= last).then_some(Spec::Between(first, last))
        }
    }
}

/// Decimal digits and nothing else. A number above 64 bits is certainly past any end, so it saturates.
fn position(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;

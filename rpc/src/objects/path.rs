//! Names of objects: relative paths with `/` between parts, in which nothing climbs out.

use std::fmt;

use bitdust_types::limits::PATH_BYTES_MAX;

use crate::failure::Failure;

/// A checked path: UTF-8 of at most [`PATH_BYTES_MAX`] bytes, no leading or trailing slash, no part that is empty, `.`
/// or `..`, and no control characters. The empty path stands for the root, under which a batch may be stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectPath(String);

impl ObjectPath {
    /// The root: a batch's entries keep their own paths.
    pub fn root() -> Self {
        ObjectPath(String::new())
    }

    /// Checks a path of an object.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let bad = |why: &str| {
            let shown: String = text.chars().take(80).collect();
            Failure::params(
                format!("'{}' is no path for an object: {why}", shown.escape_debug()),
                "use names separated by single slashes, such as photos/2026/cat.jpg",
            )
        };
        if text.is_empty() {
            return Err(bad("it is empty"));
        }
        if text.len() > PATH_BYTES_MAX {
            return Err(bad(&format!("it has {} bytes, at most {PATH_BYTES_MAX} are allowed", text.len())));
        }
        if text.chars().any(char::is_control) {
            return Err(bad("it contains a control character"));
        }
        for part in text.split('/') {
            match part {
                "" => return Err(bad("it begins or ends with a slash, or has two in a row")),
                "." | ".." => return Err(bad("it has a part '.' or '..'")),
                _ => {}
            }
        }
        Ok(ObjectPath(text.to_owned()))
    }

    /// Checks what stands before a batch's entries: a path, or nothing.
    pub fn parse_prefix(text: &str) -> Result<Self, Failure> {
        let text = text.trim_end_matches('/');
        if text.is_empty() { Ok(ObjectPath::root()) } else { ObjectPath::parse(text) }
    }

    /// This path with another one below it.
    pub fn join(&self, below: &ObjectPath) -> Result<Self, Failure> {
        if self.is_root() {
            return Ok(below.clone());
        }
        ObjectPath::parse(&format!("{self}/{below}"))
    }

    /// True for the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_climb_out_or_hide_are_refused() {
        for good in ["a", "a/b.txt", "a b/ü/…", "..a/b..", ".hidden"] {
            assert_eq!(ObjectPath::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a/.", "a\nb", "a\0b", "a\u{7f}"] {
            assert!(ObjectPath::parse(bad).is_err(), "{bad:?}");
        }
        assert!(ObjectPath::parse(&"x".repeat(PATH_BYTES_MAX)).is_ok());
        assert!(ObjectPath::parse(&"x".repeat(PATH_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn a_prefix_may_be_empty_and_joins() {
        let entry = ObjectPath::parse("b/c").unwrap();
        assert_eq!(ObjectPath::parse_prefix("").unwrap().join(&entry).unwrap().as_str(), "b/c");
        assert_eq!(ObjectPath::parse_prefix("a/").unwrap().join(&entry).unwrap().as_str(), "a/b/c");
        assert!(ObjectPath::parse_prefix("a/../").is_err());
        let long = ObjectPath::parse(&"x".repeat(PATH_BYTES_MAX)).unwrap();
        assert!(long.join(&entry).is_err());
    }
}

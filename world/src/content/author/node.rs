//! One value of a JSON document and where it stands, so that every complaint can say where.

use serde_json::{Map, Value};

use super::super::{Invalid, Name, Problem, id::hex_bytes};
use crate::VoxelPos;

/// A value and its path.
pub(super) struct Node<'a> {
    value: &'a Value,
    path: String,
}

/// An object whose fields are all known.
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    path: String,
}

impl<'a> Node<'a> {
    /// The document itself; `path` is what the paths of its parts begin with.
    pub fn root(value: &'a Value, path: &str) -> Self {
        Node { value, path: path.to_owned() }
    }

    pub fn value(&self) -> &'a Value {
        self.value
    }

    pub fn invalid(&self, problem: Problem) -> Invalid {
        Invalid::at(if self.path.is_empty() { "document" } else { &self.path }, problem)
    }

    fn other_type(&self, wanted: &'static str) -> Invalid {
        let found = match self.value {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        self.invalid(Problem::OtherType { wanted, found })
    }

    fn object(&self) -> Result<&'a Map<String, Value>, Invalid> {
        self.value.as_object().ok_or_else(|| self.other_type("an object { … }"))
    }

    /// The fields of an object that may have these and no others.
    pub fn fields(&self, allowed: &[&str]) -> Result<Fields<'a>, Invalid> {
        let object = self.object()?;
        if let Some(key) = object.keys().find(|key| !allowed.contains(&key.as_str())) {
            let path = join(&self.path, &key.chars().take(60).collect::<String>());
            return Err(Invalid::at(path, Problem::UnknownField { allowed: allowed.join(", ") }));
        }
        Ok(Fields { object, path: self.path.clone() })
    }

    /// The only field of an object that says one of several things, such as `{ "open": "gate" }`.
    pub fn only(&self, allowed: &[&str]) -> Result<(&'a str, Node<'a>), Invalid> {
        let fields = self.fields(allowed)?;
        let mut entries = fields.object.iter();
        match (entries.next(), entries.next()) {
            (Some((key, value)), None) => Ok((key, Node { value, path: join(&self.path, key) })),
            (None, _) => Err(self.invalid(Problem::Empty)),
            (Some(_), Some((key, _))) => Err(Invalid::at(
                join(&self.path, key),
                Problem::OtherType { wanted: "only one field", found: "a second field" },
            )),
        }
    }

    /// The entries of an object whose keys are names.
    pub fn named(&self, max: usize) -> Result<Vec<(Name, Node<'a>)>, Invalid> {
        let object = self.object()?;
        self.check_count(object.len(), max)?;
        let entry = |(key, value): (&'a String, &'a Value)| {
            let bad = || self.invalid(Problem::BadName(key.chars().take(60).collect()));
            Ok((Name::new(key).ok_or_else(bad)?, Node { value, path: join(&self.path, key) }))
        };
        object.iter().map(entry).collect()
    }

    pub fn is_list(&self) -> bool {
        self.value.is_array()
    }

    /// The values of a list.
    pub fn items(&self, max: usize) -> Result<Vec<Node<'a>>, Invalid> {
        let list = self.value.as_array().ok_or_else(|| self.other_type("a list [ … ]"))?;
        self.check_count(list.len(), max)?;
        let item = |(i, value)| Node { value, path: format!("{}[{i}]", self.path) };
        Ok(list.iter().enumerate().map(item).collect())
    }

    fn check_count(&self, count: usize, max: usize) -> Result<(), Invalid> {
        if count > max { Err(self.invalid(Problem::TooMany { count, max })) } else { Ok(()) }
    }

    pub fn text(&self) -> Result<String, Invalid> {
        self.value.as_str().map(str::to_owned).ok_or_else(|| self.other_type("a text \"…\""))
    }

    pub fn name(&self) -> Result<Name, Invalid> {
        let text = self.text()?;
        Name::new(&text).ok_or_else(|| self.invalid(Problem::BadName(text.chars().take(60).collect())))
    }

    pub fn flag(&self) -> Result<bool, Invalid> {
        self.value.as_bool().ok_or_else(|| self.other_type("true or false"))
    }

    /// A whole number within bounds.
    pub fn integer<T: Copy + Into<i128> + TryFrom<i128>>(&self, from: T, to: T) -> Result<T, Invalid> {
        let number = self.value.as_i64().map(i128::from).or_else(|| self.value.as_u64().map(i128::from));
        let value = number.ok_or_else(|| self.other_type("a whole number"))?;
        let (from, to) = (from.into(), to.into());
        let fits = if (from..=to).contains(&value) { T::try_from(value).ok() } else { None };
        fits.ok_or_else(|| self.invalid(Problem::OutOfRange { value, from, to }))
    }

    /// Three whole numbers within bounds.
    pub fn triple<T: Copy + Into<i128> + TryFrom<i128>>(&self, from: T, to: T) -> Result<[T; 3], Invalid> {
        let wanted = "a list of three whole numbers [x, y, z]";
        let items = self.items(3).map_err(|_| self.other_type(wanted))?;
        let [x, y, z] = items.as_slice() else { return Err(self.other_type(wanted)) };
        Ok([x.integer(from, to)?, y.integer(from, to)?, z.integer(from, to)?])
    }

    pub fn position(&self) -> Result<VoxelPos, Invalid> {
        let [x, y, z] = self.triple(i64::MIN, i64::MAX)?;
        Ok(VoxelPos::new(x, y, z))
    }

    /// `"#rrggbb"`.
    pub fn colour(&self) -> Result<[u8; 3], Invalid> {
        let text = self.text()?;
        parse_colour(&text).ok_or_else(|| self.invalid(Problem::BadColour(text.chars().take(20).collect())))
    }

    /// `"#rrggbb"` or `"#rrggbbaa"`.
    pub fn pixel(&self) -> Result<[u8; 4], Invalid> {
        let text = self.text()?;
        let mut rgba = [0; 4];
        let whole = text.strip_prefix('#').and_then(|digits| hex_bytes(digits, &mut rgba)).map(|()| rgba);
        let opaque = || parse_colour(&text).map(|[r, g, b]| [r, g, b, 255]);
        whole.or_else(opaque).ok_or_else(|| self.invalid(Problem::BadColour(text.chars().take(20).collect())))
    }

    /// The meaning of one of several words.
    pub fn choice<T: Clone>(&self, choices: &[(&str, T)]) -> Result<T, Invalid> {
        let text = self.text()?;
        choices.iter().find(|(word, _)| *word == text).map(|(_, meaning)| meaning.clone()).ok_or_else(|| {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            let found = text.chars().take(60).collect();
            self.invalid(Problem::UnknownChoice { found, choices: words.join(", ") })
        })
    }
}

impl<'a> Fields<'a> {
    /// A field that may be left out.
    pub fn maybe(&self, key: &str) -> Option<Node<'a>> {
        self.object.get(key).map(|value| Node { value, path: join(&self.path, key) })
    }

    /// A field that may not.
    pub fn need(&self, key: &str) -> Result<Node<'a>, Invalid> {
        self.maybe(key).ok_or_else(|| Invalid::at(join(&self.path, key), Problem::Missing))
    }
}

fn parse_colour(text: &str) -> Option<[u8; 3]> {
    let mut rgb = [0; 3];
    // `hex_bytes` would take 0x, of which a colour knows nothing; the length rules it out.
    hex_bytes(text.strip_prefix('#')?, &mut rgb).map(|()| rgb)
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

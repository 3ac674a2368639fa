//! How serde walks into objects and lists.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess};

use super::super::document::{Key, Located};
use super::super::problem::Problem;
use super::{At, Mismatch, Path, suggest};

/// The items of a list.
pub(super) struct Items<'a> {
    list: &'a At<'a>,
    items: std::iter::Enumerate<std::slice::Iter<'a, Located>>,
}

impl<'a> Items<'a> {
    pub(super) fn new(list: &'a At<'a>, items: &'a [Located]) -> Self {
        Self {
            list,
            items: items.iter().enumerate(),
        }
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Mismatch;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Mismatch> {
        let Some((index, value)) = self.items.next() else {
            return Ok(None);
        };
        let path = Path::Index(self.list.path, index);
        seed.deserialize(At {
            value,
            path: &path,
            unknown: self.list.unknown,
        })
        .map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// The members of an object whose keys are free, such as labels.
pub(super) struct Members<'a> {
    object: &'a At<'a>,
    members: std::slice::Iter<'a, (Key, Located)>,
    current: Option<&'a (Key, Located)>,
}

impl<'a> Members<'a> {
    pub(super) fn new(object: &'a At<'a>, members: &'a [(Key, Located)]) -> Self {
        Self {
            object,
            members: members.iter(),
            current: None,
        }
    }
}

impl<'de> MapAccess<'de> for Members<'_> {
    type Error = Mismatch;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Mismatch> {
        self.current = self.members.next();
        let Some((key, _)) = self.current else {
            return Ok(None);
        };
        seed.deserialize(StrDeserializer::new(&key.name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mismatch> {
        let Some((key, value)) = self.current else {
            return Err(serde::de::Error::custom("value asked for before its key"));
        };
        let path = Path::Key(self.object.path, &key.name);
        seed.deserialize(At {
            value,
            path: &path,
            unknown: self.object.unknown,
        })
    }
}

/// The members of an object whose fields are known; the others are reported and skipped.
pub(super) struct Fields<'a> {
    object: &'a At<'a>,
    members: std::slice::Iter<'a, (Key, Located)>,
    known: &'static [&'static str],
    current: Option<&'a (Key, Located)>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(
        object: &'a At<'a>,
        members: &'a [(Key, Located)],
        known: &'static [&'static str],
    ) -> Self {
        Self {
            object,
            members: members.iter(),
            known,
            current: None,
        }
    }

    fn report(&self, key: &Key) {
        let mut message = "unknown field".to_owned();
        if let Some(name) = suggest::nearest(&key.name, self.known) {
            message.push_str(&format!("; did you mean {name:?}?"));
        }
        let field = Path::Field(self.object.path, &key.name).to_string();
        self.object.unknown.borrow_mut().push(Problem {
            position: Some(key.position),
            field,
            message,
        });
    }
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Mismatch;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Mismatch> {
        while let Some(member) = self.members.next() {
            if self.known.contains(&member.0.name.as_str()) {
                self.current = Some(member);
                return seed.deserialize(StrDeserializer::new(&member.0.name)).map(Some);
            }
            self.report(&member.0);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mismatch> {
        let Some((key, value)) = self.current else {
            return Err(serde::de::Error::custom("value asked for before its key"));
        };
        let path = Path::Field(self.object.path, &key.name);
        seed.deserialize(At {
            value,
            path: &path,
            unknown: self.object.unknown,
        })
    }
}

//! Avro: a payload by the schema that its writer used, into JSON; within bounds, whatever schema and payload say.
//!
//! Salesforce sends single objects without a header; which schema wrote one stands beside it. Written here rather than
//! taken from a library, because every bound is ours: a count in a payload is the sender's word, and a schema can nest
//! without end.
//! Source: Avro 1.12, "Binary encoding"; spec/webhooks.md section 7.2.

use std::{collections::BTreeMap, fmt, sync::Arc};

use data_encoding::BASE64;
use serde_json::{Map, Number, Value};

/// A schema that a payload can be read by.
#[derive(Clone, Debug)]
pub struct Schema {
    root: Arc<Type>,
    named: BTreeMap<String, Arc<Type>>,
}

#[derive(Debug)]
enum Type {
    Null,
    Boolean,
    /// `int` and `long`.
    Whole,
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    Enum(Vec<String>),
    Array(Arc<Self>),
    Map(Arc<Self>),
    Union(Vec<Arc<Self>>),
    Record(Vec<Member>),
    /// One that was named before, or is being read.
    Named(String),
}

/// A field of a record.
#[derive(Debug)]
struct Member {
    name: String,
    kind: Arc<Type>,
    /// Whole numbers that are days or moments.
    clock: Option<Clock>,
}

/// What a whole number says of time, as the field's description has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// Milliseconds since 1970, of which only the day counts.
    Day,
    /// Milliseconds since 1970.
    Moment,
}

/// Why a schema or a payload cannot be read. Holds nothing of either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AvroError {
    /// The schema is none.
    #[error("the schema is not one of Avro")]
    Schema,
    /// The schema is longer, or nests deeper, than is read.
    #[error("the schema is longer or deeper than is read here")]
    SchemaTooLarge,
    /// The payload ends early, or says something that its schema does not allow.
    #[error("the payload is not what its schema says")]
    Payload,
    /// The payload nests deeper, or has more values, than is read.
    #[error("the payload is larger or deeper than is read here")]
    PayloadTooLarge,
    /// Bytes are left over: another schema wrote it.
    #[error("the payload goes on after its end: another schema wrote it")]
    Trailing,
}

/// Longest schema.
pub const SCHEMA_BYTES_MAX: usize = 4 << 20;
/// Most values of one payload, nulls too.
pub const VALUES_MAX: usize = 100_000;
const DEPTH_MAX: usize = 32;
/// Most types of one schema.
const TYPES_MAX: usize = 50_000;
/// Longest name of a field, a type or a symbol: a payload can repeat it for each of its values.
const NAME_BYTES_MAX: usize = 256;

impl Schema {
    /// Reads a schema.
    ///
    /// Bounds: [`SCHEMA_BYTES_MAX`], nesting of 32.
    /// Errors: see [`AvroError`].
    pub fn parse(json: &str) -> Result<Self, AvroError> {
        if json.len() > SCHEMA_BYTES_MAX {
            return Err(AvroError::SchemaTooLarge);
        }
        let value: Value = serde_json::from_str(json).map_err(|_| AvroError::Schema)?;
        let mut reading = Reading { named: BTreeMap::new(), left: TYPES_MAX };
        let root = reading.read(&value, "", 0)?;
        Ok(Self { root, named: reading.named })
    }

    /// Reads a payload.
    ///
    /// Shape:  a record is an object in the schema's order; bytes and fixed are base64; a union is the value of its branch.
    /// Bounds: [`VALUES_MAX`] values, nesting of 32; never more memory than a small multiple of payload and schema.
    /// Errors: see [`AvroError`].
    pub fn decode(&self, payload: &[u8]) -> Result<Value, AvroError> {
        let mut decoding = Decoding { rest: payload, values: VALUES_MAX, named: &self.named };
        let value = decoding.value(&self.root, 0)?;
        if decoding.rest.is_empty() { Ok(value) } else { Err(AvroError::Trailing) }
    }

    /// The names of the root record's fields, in order: what a change event's bitmaps count.
    pub fn fields(&self) -> Vec<&str> {
        let Type::Record(fields) = &*self.root else { return Vec::new() };
        fields.iter().map(|field| field.name.as_str()).collect()
    }

    /// What the root record's field of this name says of time.
    pub(crate) fn clock(&self, name: &str) -> Option<Clock> {
        let Type::Record(fields) = &*self.root else { return None };
        fields.iter().find(|field| field.name == name)?.clock
    }

    /// The names of the fields of a record within the root record, at this position.
    pub fn fields_within(&self, position: usize) -> Vec<&str> {
        let Type::Record(fields) = &*self.root else { return Vec::new() };
        fields.get(position).map(|field| self.names(&field.kind, 0)).unwrap_or_default()
    }

    fn names<'s>(&'s self, kind: &'s Type, depth: usize) -> Vec<&'s str> {
        match kind {
            _ if depth > DEPTH_MAX => Vec::new(),
            Type::Record(fields) => fields.iter().map(|field| field.name.as_str()).collect(),
            Type::Union(branches) => {
                branches.iter().flat_map(|branch| self.names(branch, depth + 1)).collect()
            }
            Type::Named(name) => {
                self.named.get(name).map(|kind| self.names(kind, depth + 1)).unwrap_or_default()
            }
            Type::Null
            | Type::Boolean
            | Type::Whole
            | Type::Float
            | Type::Double
            | Type::Bytes
            | Type::Text
            | Type::Fixed(_)
            | Type::Enum(_)
            | Type::Array(_)
            | Type::Map(_) => Vec::new(),
        }
    }
}

struct Reading {
    named: BTreeMap<String, Arc<Type>>,
    left: usize,
}

impl Reading {
    fn read(&mut self, value: &Value, space: &str, depth: usize) -> Result<Arc<Type>, AvroError> {
        self.left = self.left.checked_sub(1).ok_or(AvroError::SchemaTooLarge)?;
        if depth > DEPTH_MAX {
            return Err(AvroError::SchemaTooLarge);
        }
        match value {
            Value::String(word) => Ok(Arc::new(plain(word, space))),
            Value::Array(branches) => {
                let branches = branches.iter().map(|branch| self.read(branch, space, depth + 1));
                Ok(Arc::new(Type::Union(branches.collect::<Result<_, _>>()?)))
            }
            Value::Object(members) => self.complex(members, space, depth),
            Value::Null | Value::Bool(_) | Value::Number(_) => Err(AvroError::Schema),
        }
    }

    fn complex(
        &mut self,
        members: &Map<String, Value>,
        space: &str,
        depth: usize,
    ) -> Result<Arc<Type>, AvroError> {
        let kind = members.get("type").ok_or(AvroError::Schema)?;
        let Value::String(word) = kind else { return self.read(kind, space, depth + 1) };
        let inner = |name: &str| members.get(name).ok_or(AvroError::Schema);
        match word.as_str() {
            "array" => Ok(Arc::new(Type::Array(self.read(inner("items")?, space, depth + 1)?))),
            "map" => Ok(Arc::new(Type::Map(self.read(inner("values")?, space, depth + 1)?))),
            "record" | "error" | "enum" | "fixed" => {
                let name = short(inner("name")?)?;
                let own = members.get("namespace").and_then(Value::as_str).unwrap_or(space);
                let full = full_name(name, own);
                let space = full.rsplit_once('.').map_or("", |(space, _)| space).to_owned();
                let made = match word.as_str() {
                    "enum" => {
                        let symbols = inner("symbols")?.as_array().ok_or(AvroError::Schema)?;
                        let symbols = symbols.iter().map(|one| Ok(short(one)?.to_owned()));
                        Type::Enum(symbols.collect::<Result<_, _>>()?)
                    }
                    "fixed" => {
                        let size = inner("size")?.as_u64().and_then(|size| usize::try_from(size).ok());
                        Type::Fixed(size.ok_or(AvroError::Schema)?)
                    }
                    _ => Type::Record(self.fields(inner("fields")?, &space, depth)?),
                };
                let made = Arc::new(made);
                if self.named.insert(full, Arc::clone(&made)).is_some() {
                    return Err(AvroError::Schema);
                }
                Ok(made)
            }
            word => Ok(Arc::new(plain(word, space))),
        }
    }

    fn fields(&mut self, fields: &Value, space: &str, depth: usize) -> Result<Vec<Member>, AvroError> {
        let fields = fields.as_array().ok_or(AvroError::Schema)?.iter().map(|field| {
            let name = short(field.get("name").ok_or(AvroError::Schema)?)?.to_owned();
            let kind = field.get("type").ok_or(AvroError::Schema)?;
            let doc = field.get("doc").and_then(Value::as_str).and_then(|doc| doc.split(':').nth(1));
            let clock = match doc {
                Some("DateOnly") => Some(Clock::Day),
                Some("DateTime") => Some(Clock::Moment),
                _ => None,
            };
            Ok(Member { name, kind: self.read(kind, space, depth + 1)?, clock })
        });
        fields.collect()
    }
}

fn plain(word: &str, space: &str) -> Type {
    match word {
        "null" => Type::Null,
        "boolean" => Type::Boolean,
        "int" | "long" => Type::Whole,
        "float" => Type::Float,
        "double" => Type::Double,
        "bytes" => Type::Bytes,
        "string" => Type::Text,
        name => Type::Named(full_name(name, space)),
    }
}

fn short(name: &Value) -> Result<&str, AvroError> {
    name.as_str().filter(|name| name.len() <= NAME_BYTES_MAX).ok_or(AvroError::Schema)
}

fn full_name(name: &str, space: &str) -> String {
    if name.contains('.') || space.is_empty() { name.to_owned() } else { format!("{space}.{name}") }
}

struct Decoding<'a> {
    rest: &'a [u8],
    values: usize,
    named: &'a BTreeMap<String, Arc<Type>>,
}

impl<'a> Decoding<'a> {
    fn value(&mut self, kind: &Type, depth: usize) -> Result<Value, AvroError> {
        self.values = self.values.checked_sub(1).ok_or(AvroError::PayloadTooLarge)?;
        if depth > DEPTH_MAX {
            return Err(AvroError::PayloadTooLarge);
        }
        Ok(match kind {
            Type::Null => Value::Null,
            Type::Boolean => match self.take(1)? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                _ => return Err(AvroError::Payload),
            },
            Type::Whole => Value::Number(self.whole()?.into()),
            Type::Float => {
                let bytes = <[u8; 4]>::try_from(self.take(4)?).map_err(|_| AvroError::Payload)?;
                number(f64::from(f32::from_le_bytes(bytes)))?
            }
            Type::Double => {
                let bytes = <[u8; 8]>::try_from(self.take(8)?).map_err(|_| AvroError::Payload)?;
                number(f64::from_le_bytes(bytes))?
            }
            Type::Bytes => {
                let length = self.length()?;
                Value::String(BASE64.encode(self.take(length)?))
            }
            Type::Fixed(size) => Value::String(BASE64.encode(self.take(*size)?)),
            Type::Text => Value::String(self.text()?),
            Type::Enum(symbols) => {
                let at = self.length()?;
                Value::String(symbols.get(at).ok_or(AvroError::Payload)?.clone())
            }
            Type::Union(branches) => {
                let at = self.length()?;
                let branch = branches.get(at).ok_or(AvroError::Payload)?;
                return self.value(branch, depth + 1);
            }
            Type::Named(name) => {
                let kind = self.named.get(name).ok_or(AvroError::Schema)?;
                return self.value(kind, depth + 1);
            }
            Type::Array(items) => {
                let mut all = Vec::new();
                self.blocks(|this| {
                    all.push(this.value(items, depth + 1)?);
                    Ok(())
                })?;
                Value::Array(all)
            }
            Type::Map(values) => {
                let mut all = Map::new();
                self.blocks(|this| {
                    let name = this.text()?;
                    let value = this.value(values, depth + 1)?;
                    if all.insert(name, value).is_some() { Err(AvroError::Payload) } else { Ok(()) }
                })?;
                Value::Object(all)
            }
            Type::Record(fields) => {
                let mut all = Map::new();
                for field in fields {
                    let value = self.value(&field.kind, depth + 1)?;
                    all.insert(field.name.clone(), value);
                }
                Value::Object(all)
            }
        })
    }

    /// The items of an array or a map: blocks of a count, perhaps with its length in bytes, until an empty one.
    fn blocks(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), AvroError>) -> Result<(), AvroError> {
        loop {
            let count = self.whole()?;
            if count == 0 {
                return Ok(());
            }
            if count < 0 {
                self.whole()?;
            }
            let count = usize::try_from(count.unsigned_abs()).map_err(|_| AvroError::PayloadTooLarge)?;
            if count > self.values {
                return Err(AvroError::PayloadTooLarge);
            }
            for _ in 0..count {
                item(self)?;
            }
        }
    }

    fn text(&mut self) -> Result<String, AvroError> {
        let length = self.length()?;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| AvroError::Payload)
    }

    fn length(&mut self) -> Result<usize, AvroError> {
        usize::try_from(self.whole()?).map_err(|_| AvroError::Payload)
    }

    /// A zigzag varint.
    fn whole(&mut self) -> Result<i64, AvroError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let &[byte] = self.take(1)? else { return Err(AvroError::Payload) };
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let half = i64::try_from(value >> 1).map_err(|_| AvroError::Payload)?;
                return Ok(if value & 1 == 0 { half } else { -half - 1 });
            }
        }
        Err(AvroError::Payload)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], AvroError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(AvroError::Payload)?;
        self.rest = rest;
        Ok(taken)
    }
}

fn number(value: f64) -> Result<Value, AvroError> {
    Number::from_f64(value).map(Value::Number).ok_or(AvroError::Payload)
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a schema of {} fields", self.fields().len())
    }
}

#[cfg(test)]
mod tests;

//! One component of a message that a signature covers: `"@method"`, `"content-digest"`, `"@path";req`.

use std::fmt;

use sfv::{BareItem, Item, KeyRef, Parameters};

use crate::structured;

/// The name and the parameters of one covered component, as they were written.
///
/// Shape:  a derived name begins with `@`; a field's name is in lower case.
/// Source: RFC 9421 section 2.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    item: Item,
    // INVARIANT: what `item` says, understood.
    pub(crate) name: String,
    pub(crate) flags: Flags,
}

/// What the parameters of a component ask for.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the RFC with its own two letters")]
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Flags {
    pub(crate) structured: bool,
    pub(crate) binary: bool,
    pub(crate) of_request: bool,
    pub(crate) trailer: bool,
    pub(crate) key: Option<String>,
    /// `name` of `@query-param`.
    pub(crate) parameter: Option<String>,
}

impl Component {
    /// A component without parameters.
    ///
    /// Errors: see [`ComponentError`]; the name is not one.
    pub fn plain(name: &str) -> Result<Self, ComponentError> {
        Self::of(name, Parameters::new())
    }

    /// A component of the request that an answer is to.
    ///
    /// Errors: see [`ComponentError`]; the name is not one.
    pub fn of_request(name: &str) -> Result<Self, ComponentError> {
        let mut parameters = Parameters::new();
        if let Ok(key) = KeyRef::from_str("req") {
            parameters.insert(key.to_owned(), BareItem::Boolean(true));
        }
        Self::of(name, parameters)
    }

    fn of(name: &str, params: Parameters) -> Result<Self, ComponentError> {
        let text = sfv::StringRef::from_str(name).map_err(|_| ComponentError::Name)?;
        Self::from_item(&Item::with_params(BareItem::String(text.to_owned()), params))
    }

    /// Understands one item of a signature's list.
    pub(crate) fn from_item(item: &Item) -> Result<Self, ComponentError> {
        let BareItem::String(name) = &item.bare_item else { return Err(ComponentError::Name) };
        let name = name.as_str();
        let derived = name.starts_with('@');
        let known = if derived { DERIVED.contains(&name) } else { is_field_name(name) };
        if !known {
            return Err(ComponentError::Name);
        }
        let mut flags = Flags::default();
        for (key, value) in &item.params {
            match (key.as_str(), value) {
                ("sf", BareItem::Boolean(true)) => flags.structured = true,
                ("bs", BareItem::Boolean(true)) => flags.binary = true,
                ("req", BareItem::Boolean(true)) => flags.of_request = true,
                ("tr", BareItem::Boolean(true)) => flags.trailer = true,
                ("key", BareItem::String(key)) => flags.key = Some(key.as_str().to_owned()),
                ("name", BareItem::String(name)) => flags.parameter = Some(name.as_str().to_owned()),
                _ => return Err(ComponentError::Parameter),
            }
        }
        let of_fields = flags.structured || flags.binary || flags.trailer || flags.key.is_some();
        let fits = (name == "@query-param") == flags.parameter.is_some()
            && !(derived && of_fields)
            && !(flags.binary && (flags.structured || flags.key.is_some()))
            && !(name == "@status" && flags.of_request);
        if !fits {
            return Err(ComponentError::Parameter);
        }
        Ok(Self { item: item.clone(), name: name.to_owned(), flags })
    }

    /// Whether it is this name, without any parameter: the whole value of what the message itself says.
    pub fn is_plain(&self, name: &str) -> bool {
        self.name == name && self.flags == Flags::default()
    }

    /// Whether it is this name of the request that an answer is to, whole.
    pub fn is_of_request(&self, name: &str) -> bool {
        self.name == name && self.flags == Flags { of_request: true, ..Flags::default() }
    }

    /// Whether both cover the same, in whatever order their parameters stand.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.flags == other.flags
    }

    pub(crate) fn item(&self) -> &Item {
        &self.item
    }
}

/// As it stands in the signature base and in `Signature-Input`.
impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&structured::item(&self.item))
    }
}

/// Why a component cannot be covered, or has no value in this message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComponentError {
    /// Not a field name in lower case, nor a derived name that the RFC has.
    #[error("a covered component has a name that RFC 9421 does not know")]
    Name,
    /// A parameter that is not known, of another type, or that does not go with the others.
    #[error("a covered component has a parameter that does not fit it")]
    Parameter,
    /// The message has no such field, parameter or member, or more than one.
    #[error("a covered component is not in the message, or is there more than once")]
    Absent,
    /// It belongs to the other kind of message.
    #[error("a covered component does not belong to this kind of message")]
    Kind,
    /// The value cannot be written into a signature base: a line break, or not ASCII.
    #[error("a covered component has a value that cannot be signed as text")]
    Value,
    /// The field is not the structured field it should be.
    #[error("a covered field is not a structured field of its type")]
    Structured,
}

/// The derived components of RFC 9421 section 2.2.
const DERIVED: [&str; 9] = [
    "@method",
    "@target-uri",
    "@authority",
    "@scheme",
    "@request-target",
    "@path",
    "@query",
    "@query-param",
    "@status",
];

/// RFC 9110's `token`, in lower case.
fn is_field_name(name: &str) -> bool {
    let token =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(token)
}

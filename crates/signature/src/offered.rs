//! The signatures that a message offers, their base, and signing: RFC 9421 without anybody's policy.

use sfv::{BareItem, InnerList, Item, ListEntry};

use crate::{
    component::{Component, ComponentError},
    derive,
    key::{SigningKey, VerifyingKey},
    message::{Fields, Message},
    structured,
};

/// The field that names what is covered.
pub const INPUT_HEADER: &str = "signature-input";

/// The field with the signatures.
pub const SIGNATURE_HEADER: &str = "signature";

/// Longest value of either field that is read, over all its lines, in bytes.
pub const VALUE_BYTES_MAX: usize = 16 * 1024;

/// Most signatures of one message.
pub const SIGNATURES_MAX: usize = 16;

/// Most components that one signature covers.
pub const COMPONENTS_MAX: usize = 64;

/// Reads the signatures that a message's fields offer.
///
/// Shape:  `Signature-Input` and `Signature` -> one [`Offered`] a label, in the order of `Signature-Input`.
/// Bounds: [`VALUE_BYTES_MAX`], [`SIGNATURES_MAX`].
/// Errors: see [`OfferError`]; the fields mean nothing.
/// Never:  verifies anything.
/// Source: RFC 9421 section 4.
pub fn offered(fields: &Fields) -> Result<Vec<Offered>, OfferError> {
    let read = |name: &'static str| {
        let lines: Vec<&[u8]> = fields.lines(name).collect();
        structured::dictionary_once(&lines, VALUE_BYTES_MAX).ok_or(OfferError::Malformed { field: name })
    };
    let (inputs, mut signatures) = (read(INPUT_HEADER)?, read(SIGNATURE_HEADER)?);
    if inputs.len() > SIGNATURES_MAX || signatures.len() > SIGNATURES_MAX {
        return Err(OfferError::TooMany);
    }
    let mut offered = Vec::with_capacity(inputs.len());
    for (label, input) in inputs {
        let ListEntry::InnerList(covered) = input else {
            return Err(OfferError::Malformed { field: INPUT_HEADER });
        };
        let signature = match signatures.swap_remove(&label) {
            Some(ListEntry::Item(Item { bare_item: BareItem::ByteSequence(bytes), .. })) => bytes,
            Some(ListEntry::Item(_) | ListEntry::InnerList(_)) => {
                return Err(OfferError::Malformed { field: SIGNATURE_HEADER });
            }
            None => return Err(OfferError::Unpaired),
        };
        let parameters = Parameters::read(&covered)?;
        offered.push(Offered { label: label.as_str().to_owned(), covered, parameters, signature });
    }
    if signatures.is_empty() { Ok(offered) } else { Err(OfferError::Unpaired) }
}

/// One signature that a message offers. Nothing of it is believed yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Offered {
    label: String,
    covered: InnerList,
    parameters: Parameters,
    signature: Vec<u8>,
}

/// What a signature says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// When it was made, in seconds since 1970.
    pub created: Option<i64>,
    /// When it ceases to be good.
    pub expires: Option<i64>,
    /// The key to verify it with.
    pub keyid: Option<String>,
    /// A text that is used once.
    pub nonce: Option<String>,
    /// The algorithm; the key decides, this may only agree.
    pub alg: Option<String>,
    /// What it is for.
    pub tag: Option<String>,
}

impl Parameters {
    fn read(covered: &InnerList) -> Result<Self, OfferError> {
        let mut parameters = Self::default();
        for (key, value) in &covered.params {
            let text = |value: &BareItem| {
                let text = value.as_string().ok_or(OfferError::Parameter)?;
                Ok::<_, OfferError>(Some(text.as_str().to_owned()))
            };
            let moment = |value: &BareItem| {
                let seconds = value.as_integer().ok_or(OfferError::Parameter)?;
                Ok::<_, OfferError>(Some(i64::from(seconds)))
            };
            match key.as_str() {
                "created" => parameters.created = moment(value)?,
                "expires" => parameters.expires = moment(value)?,
                "keyid" => parameters.keyid = text(value)?,
                "nonce" => parameters.nonce = text(value)?,
                "alg" => parameters.alg = text(value)?,
                "tag" => parameters.tag = text(value)?,
                // Unknown ones are covered by the signature and of no meaning.
                _ => {}
            }
        }
        Ok(parameters)
    }

    fn written(&self) -> Result<sfv::Parameters, SignError> {
        let mut written = sfv::Parameters::new();
        let mut put = |key: &str, value: BareItem| {
            structured::key(key).map(|key| written.insert(key, value)).ok_or(SignError::Parameter).map(drop)
        };
        let text =
            |value: &str| sfv::StringRef::from_str(value).map(|text| BareItem::String(text.to_owned()));
        for (key, seconds) in [("created", self.created), ("expires", self.expires)] {
            if let Some(seconds) = seconds {
                let seconds = sfv::Integer::try_from(seconds).map_err(|_| SignError::Parameter)?;
                put(key, BareItem::Integer(seconds))?;
            }
        }
        let texts = [("keyid", &self.keyid), ("nonce", &self.nonce), ("alg", &self.alg), ("tag", &self.tag)];
        for (key, value) in texts {
            if let Some(value) = value {
                put(key, text(value).map_err(|_| SignError::Parameter)?)?;
            }
        }
        Ok(written)
    }
}

impl Offered {
    /// The label that pairs the two fields. A sender chooses it: it means nothing.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What it says of itself.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// What it covers.
    ///
    /// Bounds: [`COMPONENTS_MAX`].
    /// Errors: see [`ComponentError`]; one is not known, or there twice.
    pub fn components(&self) -> Result<Vec<Component>, ComponentError> {
        if self.covered.items.len() > COMPONENTS_MAX {
            return Err(ComponentError::Parameter);
        }
        let mut components: Vec<Component> = Vec::with_capacity(self.covered.items.len());
        for item in &self.covered.items {
            let component = Component::from_item(item)?;
            if components.iter().any(|earlier| earlier.is_same(&component)) {
                return Err(ComponentError::Parameter);
            }
            components.push(component);
        }
        Ok(components)
    }

    /// The text that was signed, if this message is the one that was.
    ///
    /// Shape:  a line a component, then the parameters; no line break at the end.
    /// Errors: see [`ComponentError`].
    /// Source: RFC 9421 section 2.5.
    pub fn base(&self, message: Message<'_>) -> Result<String, ComponentError> {
        base(&self.components()?, &self.covered, message)
    }

    /// Verifies it over a message with a key.
    ///
    /// Errors: see [`Unverified`]; it proves nothing.
    /// Never:  asks whether enough is covered, or whether it is too old: see [`crate::profile`].
    pub fn verify(&self, message: Message<'_>, key: &VerifyingKey) -> Result<(), Unverified> {
        if self.parameters.alg.as_deref().is_some_and(|named| named != key.algorithm().as_str()) {
            return Err(Unverified::Algorithm);
        }
        let base = self.base(message)?;
        if key.has_signed(base.as_bytes(), &self.signature) { Ok(()) } else { Err(Unverified::Signature) }
    }

    /// The two members as fields hold them, to be sent on as they came.
    pub fn members(&self) -> Option<(String, String)> {
        let input = structured::entry(&ListEntry::InnerList(self.covered.clone()))?;
        let signature = structured::entry(&ListEntry::from(BareItem::ByteSequence(self.signature.clone())))?;
        Some((format!("{}={input}", self.label), format!("{}={signature}", self.label)))
    }
}

/// Signs a message.
///
/// Shape:  a label, what is covered and what the signature says of itself -> the two members of the two fields.
/// Errors: see [`SignError`].
/// Source: RFC 9421 section 3.1.
pub fn sign(
    label: &str,
    components: &[Component],
    parameters: &Parameters,
    message: Message<'_>,
    key: &SigningKey,
) -> Result<Signed, SignError> {
    let label = structured::key(label).ok_or(SignError::Label)?;
    let items = components.iter().map(|component| component.item().clone()).collect();
    let covered = InnerList { items, params: parameters.written()? };
    let base = base(components, &covered, message)?;
    let signature = key.sign(base.as_bytes()).ok_or(SignError::Key)?;
    let offered =
        Offered { label: label.as_str().to_owned(), covered, parameters: parameters.clone(), signature };
    let (input, signature) = offered.members().ok_or(SignError::Parameter)?;
    Ok(Signed { input, signature })
}

/// A signature as the two fields hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// A member of `Signature-Input`.
    pub input: String,
    /// A member of `Signature`.
    pub signature: String,
}

fn base(
    components: &[Component],
    covered: &InnerList,
    message: Message<'_>,
) -> Result<String, ComponentError> {
    let mut base = String::new();
    for component in components {
        base.extend([&component.to_string(), ": ", &derive::value(component, message)?, "\n"]);
    }
    let covered = structured::entry(&ListEntry::InnerList(covered.clone())).ok_or(ComponentError::Value)?;
    base.extend(["\"@signature-params\": ", &covered]);
    Ok(base)
}

/// Why a message's signature fields mean nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// Not a dictionary of the right members, a label that stands twice, or past the bound.
    #[error("`{field}` is not a dictionary that RFC 9421 knows, of at most {VALUE_BYTES_MAX} bytes")]
    Malformed {
        /// Which.
        field: &'static str,
    },
    /// More than [`SIGNATURES_MAX`].
    #[error("the message has more than {SIGNATURES_MAX} signatures")]
    TooMany,
    /// A label stands in one field and not in the other.
    #[error("`Signature-Input` and `Signature` do not have the same labels")]
    Unpaired,
    /// A parameter has another type than the RFC gives it.
    #[error("a parameter of a signature has another type than RFC 9421 gives it")]
    Parameter,
}

/// Why a signature does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// What it covers cannot be derived from this message.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// It names another algorithm than the key's.
    #[error("the signature names another algorithm than its key's")]
    Algorithm,
    /// It is not this key's over this message.
    #[error("the signature is not of this message")]
    Signature,
}

/// Why a message was not signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// What should be covered cannot be derived from this message.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// The label is not a structured field's key.
    #[error("the label is not a key of a structured field")]
    Label,
    /// A parameter cannot be written.
    #[error("a parameter of the signature cannot be written")]
    Parameter,
    /// The cryptographic library refused.
    #[error("the key did not sign")]
    Key,
}

#[cfg(test)]
mod tests;

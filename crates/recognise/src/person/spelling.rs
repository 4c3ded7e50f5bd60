//! What a column's name tells of its content: the spellings that generators, orgs and people use.

/// What a column holds, of a person's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field<'s> {
    Given,
    Middle,
    Family,
    Whole,
    /// `name`: a person's, a hospital's or a product's.
    PlainName,
    Prefix,
    Suffix,
    BirthDate,
    Email,
    Phone,
    /// With the system that issued it.
    Identifier(&'s str),
    At(Part),
}

/// A part of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Line,
    FurtherLine,
    City,
    State,
    PostalCode,
    Country,
}

/// What the column called `name` holds, if that is one of a person's values.
///
/// `FirstName`, `first_name`, `FIRST NAME`, `patient.first-name`, `acme__First_Name__c` and `PersonEmail` are one
/// spelling each of what they say.
///
/// Never:  allocates.
/// Source: spec/identity.md section 1.3.
pub(super) fn field(name: &str) -> Option<Field<'static>> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let plain = without_custom_suffix(name);
    let mut buffer = [0_u8; NAME_BYTES_MAX];
    let mut length = 0;
    for byte in plain.bytes().filter(|byte| !matches!(byte, b'_' | b' ' | b'-' | b'.' | b'\t')) {
        *buffer.get_mut(length)? = byte.to_ascii_lowercase();
        length += 1;
    }
    let mut squashed = std::str::from_utf8(buffer.get(..length)?).ok()?;
    // `person mailing street` has two words before what it says; no name in use has three.
    for _ in 0..3 {
        if let Some(field) = spelled(squashed) {
            return Some(field);
        }
        let first = squashed.bytes().next();
        let whose = WHOSE.iter().filter(|whose| whose.bytes().next() == first);
        squashed = whose.into_iter().find_map(|whose| squashed.strip_prefix(whose))?;
    }
    None
}

const NAME_BYTES_MAX: usize = 64;

/// `First_Name` of `acme__First_Name__c`; other names as they are.
fn without_custom_suffix(name: &str) -> &str {
    // Most names end in neither: asked of every column of every row, so without a search.
    if !name.bytes().next_back().is_some_and(|last| last.eq_ignore_ascii_case(&b'c')) {
        return name;
    }
    let Some(at) = name.rfind("__") else { return name };
    let (Some(base), Some(suffix)) = (name.get(..at), name.get(at..)) else { return name };
    if !suffix.eq_ignore_ascii_case("__c") && !suffix.eq_ignore_ascii_case("__pc") {
        return name;
    }
    base.rsplit_once("__").map_or(base, |(_, local)| local)
}

/// Words in front that say whose value it is, or which of several. A relative's or a contact's word is not here.
const WHOSE: [&str; 21] = [
    "patient",
    "person",
    "contact",
    "member",
    "customer",
    "client",
    "subscriber",
    "user",
    "mailing",
    "home",
    "other",
    "billing",
    "shipping",
    "primary",
    "secondary",
    "permanent",
    "current",
    "legal",
    "mobile",
    "residential",
    "pt",
];

/// What is spelled exactly so.
fn spelled(squashed: &str) -> Option<Field<'static>> {
    let mut place = place(squashed.as_bytes());
    loop {
        let slot = *SLOTS.get(place)?;
        let (spelling, field) = SPELLINGS.get(usize::from(slot))?;
        if *spelling == squashed {
            return Some(*field);
        }
        place = (place + 1) % SLOTS.len();
    }
}

/// Positions in [`SPELLINGS`] by the hash of the spelling, or [`VACANT`]: a table row asks once for every column.
///
/// A vacant slot is always met: there are more than twice as many slots as spellings.
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it: a wrong index does not compile")]
static SLOTS: [u8; 512] = {
    let mut slots = [VACANT; 512];
    let mut at = 0;
    while at < SPELLINGS.len() {
        let mut place = place(SPELLINGS[at].0.as_bytes());
        while slots[place] != VACANT {
            place = (place + 1) % slots.len();
        }
        #[expect(clippy::cast_possible_truncation, reason = "there are fewer spellings than VACANT")]
        {
            slots[place] = at as u8;
        }
        at += 1;
    }
    slots
};

const VACANT: u8 = u8::MAX;
const _: () = assert!(SPELLINGS.len() < VACANT as usize, "every position fits beside VACANT");

/// Where the search for a spelling begins.
const fn place(bytes: &[u8]) -> usize {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    let mut rest = bytes;
    while let Some((byte, after)) = rest.split_first() {
        hash = (hash ^ *byte as u64).wrapping_mul(0x0100_0000_01B3);
        rest = after;
    }
    // The upper bits are the well-mixed ones.
    (hash >> 40) as usize % 512
}

/// Sorted, so that a spelling is found by eye and stands here once.
const SPELLINGS: [(&str, Field<'static>); 192] = [
    ("addr", Field::At(Part::Line)),
    ("addr1", Field::At(Part::Line)),
    ("addr2", Field::At(Part::FurtherLine)),
    ("address", Field::At(Part::Line)),
    ("address1", Field::At(Part::Line)),
    ("address2", Field::At(Part::FurtherLine)),
    ("address3", Field::At(Part::FurtherLine)),
    ("addresscity", Field::At(Part::City)),
    ("addresscountry", Field::At(Part::Country)),
    ("addressline", Field::At(Part::Line)),
    ("addressline1", Field::At(Part::Line)),
    ("addressline2", Field::At(Part::FurtherLine)),
    ("addressline3", Field::At(Part::FurtherLine)),
    ("addresspostalcode", Field::At(Part::PostalCode)),
    ("addressstate", Field::At(Part::State)),
    ("addressstreet", Field::At(Part::Line)),
    ("addresszip", Field::At(Part::PostalCode)),
    ("apartment", Field::At(Part::FurtherLine)),
    ("apt", Field::At(Part::FurtherLine)),
    ("assistantphone", Field::Phone),
    ("bday", Field::BirthDate),
    ("birthdate", Field::BirthDate),
    ("birthdatetime", Field::BirthDate),
    ("birthday", Field::BirthDate),
    ("birthdt", Field::BirthDate),
    ("borndate", Field::BirthDate),
    ("bornon", Field::BirthDate),
    ("businessemail", Field::Email),
    ("businessphone", Field::Phone),
    ("cell", Field::Phone),
    ("cellnumber", Field::Phone),
    ("cellphone", Field::Phone),
    ("cellphonenumber", Field::Phone),
    ("christianname", Field::Given),
    ("city", Field::At(Part::City)),
    ("cityname", Field::At(Part::City)),
    ("contactname", Field::Whole),
    ("contactnumber", Field::Phone),
    ("country", Field::At(Part::Country)),
    ("countrycode", Field::At(Part::Country)),
    ("countryname", Field::At(Part::Country)),
    ("customername", Field::Whole),
    ("datebirth", Field::BirthDate),
    ("dateofbirth", Field::BirthDate),
    ("daytimephone", Field::Phone),
    ("displayname", Field::Whole),
    ("dob", Field::BirthDate),
    ("driverlicence", Field::Identifier("driving-licence")),
    ("driverlicense", Field::Identifier("driving-licence")),
    ("driverlicensenumber", Field::Identifier("driving-licence")),
    ("drivers", Field::Identifier("driving-licence")),
    ("driverslicence", Field::Identifier("driving-licence")),
    ("driverslicense", Field::Identifier("driving-licence")),
    ("driverslicensenumber", Field::Identifier("driving-licence")),
    ("drivinglicence", Field::Identifier("driving-licence")),
    ("drivinglicense", Field::Identifier("driving-licence")),
    ("electronicmail", Field::Email),
    ("email", Field::Email),
    ("email1", Field::Email),
    ("email2", Field::Email),
    ("emailaddr", Field::Email),
    ("emailaddress", Field::Email),
    ("emailid", Field::Email),
    ("emails", Field::Email),
    ("eveningphone", Field::Phone),
    ("externalid", Field::Identifier("uuid")),
    ("family", Field::Family),
    ("familyname", Field::Family),
    ("fax", Field::Phone),
    ("faxnumber", Field::Phone),
    ("first", Field::Given),
    ("firstname", Field::Given),
    ("firstnames", Field::Given),
    ("fname", Field::Given),
    ("forename", Field::Given),
    ("fulladdress", Field::At(Part::Line)),
    ("fullname", Field::Whole),
    ("geburtsdatum", Field::BirthDate),
    ("given", Field::Given),
    ("givenname", Field::Given),
    ("givennames", Field::Given),
    ("guid", Field::Identifier("uuid")),
    ("homephonenumber", Field::Phone),
    ("honorific", Field::Prefix),
    ("id", Field::Identifier("uuid")),
    ("identifier", Field::Identifier("uuid")),
    ("identifierssnmask", Field::Identifier("ssn")),
    ("last", Field::Family),
    ("lastname", Field::Family),
    ("legalname", Field::Whole),
    ("lname", Field::Family),
    ("locality", Field::At(Part::City)),
    ("mail", Field::Email),
    ("mailaddress", Field::At(Part::Line)),
    ("mbi", Field::Identifier("mbi")),
    ("medicalrecordno", Field::Identifier("mrn")),
    ("medicalrecordnumber", Field::Identifier("mrn")),
    ("medicarebeneficiaryidentifier", Field::Identifier("mbi")),
    ("medicareid", Field::Identifier("mbi")),
    ("medicarenumber", Field::Identifier("mbi")),
    ("medrecnumber", Field::Identifier("mrn")),
    ("membername", Field::Whole),
    ("mi", Field::Middle),
    ("middle", Field::Middle),
    ("middleinitial", Field::Middle),
    ("middlename", Field::Middle),
    ("middlenames", Field::Middle),
    ("mname", Field::Middle),
    ("mobile", Field::Phone),
    ("mobilenumber", Field::Phone),
    ("mobilephone", Field::Phone),
    ("mrn", Field::Identifier("mrn")),
    ("msisdn", Field::Phone),
    ("municipality", Field::At(Part::City)),
    ("nachname", Field::Family),
    ("name", Field::PlainName),
    ("namefirst", Field::Given),
    ("namelast", Field::Family),
    ("namemiddle", Field::Middle),
    ("nameprefix", Field::Prefix),
    ("namesuffix", Field::Suffix),
    ("nationalprovideridentifier", Field::Identifier("npi")),
    ("nhsno", Field::Identifier("nhs")),
    ("nhsnumber", Field::Identifier("nhs")),
    ("npi", Field::Identifier("npi")),
    ("npinumber", Field::Identifier("npi")),
    ("officephone", Field::Phone),
    ("passport", Field::Identifier("passport")),
    ("passportno", Field::Identifier("passport")),
    ("passportnumber", Field::Identifier("passport")),
    ("patientid", Field::Identifier("uuid")),
    ("patientmrn", Field::Identifier("mrn")),
    ("patientname", Field::Whole),
    ("patientuuid", Field::Identifier("uuid")),
    ("personalemail", Field::Email),
    ("personid", Field::Identifier("uuid")),
    ("personname", Field::Whole),
    ("phone", Field::Phone),
    ("phone1", Field::Phone),
    ("phone2", Field::Phone),
    ("phonehome", Field::Phone),
    ("phonemobile", Field::Phone),
    ("phoneno", Field::Phone),
    ("phonenumber", Field::Phone),
    ("phonework", Field::Phone),
    ("postal", Field::At(Part::PostalCode)),
    ("postalcode", Field::At(Part::PostalCode)),
    ("postalzip", Field::At(Part::PostalCode)),
    ("postcode", Field::At(Part::PostalCode)),
    ("prefix", Field::Prefix),
    ("prenom", Field::Given),
    ("province", Field::At(Part::State)),
    ("residence", Field::At(Part::Line)),
    ("salutation", Field::Prefix),
    ("secondaryaddress", Field::At(Part::FurtherLine)),
    ("socialsecurity", Field::Identifier("ssn")),
    ("socialsecurityno", Field::Identifier("ssn")),
    ("socialsecuritynumber", Field::Identifier("ssn")),
    ("ssn", Field::Identifier("ssn")),
    ("ssnno", Field::Identifier("ssn")),
    ("ssnumber", Field::Identifier("ssn")),
    ("state", Field::At(Part::State)),
    ("stateabbr", Field::At(Part::State)),
    ("stateabbreviation", Field::At(Part::State)),
    ("statecode", Field::At(Part::State)),
    ("statename", Field::At(Part::State)),
    ("stateprovince", Field::At(Part::State)),
    ("street", Field::At(Part::Line)),
    ("street1", Field::At(Part::Line)),
    ("street2", Field::At(Part::FurtherLine)),
    ("streetaddress", Field::At(Part::Line)),
    ("streetaddress1", Field::At(Part::Line)),
    ("streetaddress2", Field::At(Part::FurtherLine)),
    ("streetline1", Field::At(Part::Line)),
    ("streetline2", Field::At(Part::FurtherLine)),
    ("suffix", Field::Suffix),
    ("surname", Field::Family),
    ("taxidssn", Field::Identifier("ssn")),
    ("tel", Field::Phone),
    ("telephone", Field::Phone),
    ("telephonenumber", Field::Phone),
    ("town", Field::At(Part::City)),
    ("uuid", Field::Identifier("uuid")),
    ("vorname", Field::Given),
    ("wholename", Field::Whole),
    ("workemail", Field::Email),
    ("workphone", Field::Phone),
    ("workphonenumber", Field::Phone),
    ("zip", Field::At(Part::PostalCode)),
    ("zip5", Field::At(Part::PostalCode)),
    ("zipcode", Field::At(Part::PostalCode)),
    ("zipcode5", Field::At(Part::PostalCode)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_finds_every_spelling() {
        assert!(SPELLINGS.is_sorted_by(|one, other| one.0 < other.0));
        for (spelling, want) in SPELLINGS {
            assert_eq!(field(spelling), Some(want), "{spelling}");
        }
    }

    #[test]
    fn spellings_of_generators_orgs_and_people_are_understood() {
        for (name, want) in [
            ("FIRST", Some(Field::Given)),
            ("FirstName", Some(Field::Given)),
            ("patient first name", Some(Field::Given)),
            ("patient.first-name", Some(Field::Given)),
            ("acme__First_Name__c", Some(Field::Given)),
            ("PersonMailingStreet", Some(Field::At(Part::Line))),
            ("PersonHomePhone", Some(Field::Phone)),
            ("SSN__c", Some(Field::Identifier("ssn"))),
            ("Home_SSN__pc", Some(Field::Identifier("ssn"))),
            ("BirthDate__c", Some(Field::BirthDate)),
            ("Birthdate", Some(Field::BirthDate)),
            ("state_abbr", Some(Field::At(Part::State))),
            ("identifier_ssn_mask", Some(Field::Identifier("ssn"))),
            ("mail", Some(Field::Email)),
            ("name", Some(Field::PlainName)),
            ("Title", None),
            ("AssistantName", None),
            ("mothers_first_name", None),
            ("spouse_email", None),
            ("emergency_phone", None),
            ("BIRTHPLACE", None),
            ("First_Name__x", None),
            ("", None),
            ("__c", None),
            ("vorn\u{e4}me", None),
        ] {
            assert_eq!(field(name), want, "{name}");
        }
        assert_eq!(field(&"patient".repeat(9)), None);
        assert_eq!(field(&"x".repeat(1000)), None);
    }
}

//! What is looked for in a record: every signal's name, its group, and one sentence a reader can check.
//!
//! Of one group a record shows at most one signal, so that what says the same thing twice counts once.

mod company;
mod facts;
mod identity;
mod mail;
mod phone;
mod place;

use mark::Record;

use crate::person::Person;

pub(crate) use facts::Facts;
pub(crate) use identity::year;

/// What was seen in one record: of each group, at most one signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen([Option<Sign>; GROUPS]);

impl Seen {
    /// Looks at a record and at the person that was read from it.
    pub(crate) fn of(facts: &Facts, record: &Record<'_>, person: Option<&Person<'_>>) -> Self {
        let mut seen = Self::default();
        identity::look_at_record(record, &mut seen);
        company::look(facts, record, &mut seen);
        let read = if person.is_none() { company::contact_data(record) } else { Person::default() };
        let person = person.unwrap_or(&read);
        identity::look(facts, person, &mut seen);
        mail::look(facts, person, &mut seen);
        place::look(facts, person, &mut seen);
        phone::look(facts, person, &mut seen);
        seen
    }

    /// Adds a signal. The one that stands earlier in the list stays when its group has one already.
    fn add(&mut self, sign: Sign) {
        if let Some(place) = self.0.get_mut(sign.group() as usize)
            && place.is_none_or(|other| sign < other)
        {
            *place = Some(sign);
        }
    }

    pub(crate) fn signs(&self) -> impl Iterator<Item = Sign> {
        self.0.iter().flatten().copied()
    }
}

macro_rules! groups {
    ($($group:ident $name:literal)+) => {
        /// What a signal is about. Signals of one group exclude each other.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Group { $($group,)+ }

        impl Group {
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$group => $name,)+ }
            }
        }

        const GROUPS: usize = [$($name,)+].len();
    };
}

groups! {
    Text "text"
    Identifier "identifier"
    Ssn "ssn"
    Names "names"
    Surname "surname"
    WholeName "whole-name"
    Birth "birth"
    MailDomain "mail-domain"
    Mailbox "mailbox"
    PhoneNumber "phone-number"
    PhoneShape "phone-shape"
    PhonePlace "phone-place"
    Street "street"
    HouseNumber "house-number"
    Unit "unit"
    City "city"
    Postal "postal"
    Country "country"
    Company "company"
}

macro_rules! signs {
    ($($sign:ident $group:ident $name:literal $sentence:literal)+) => {
        /// One signal. Earlier ones win over later ones of their group.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Sign { $($sign,)+ }

        impl Sign {
            /// Every signal, in order.
            pub(crate) const ALL: &[Self] = &[$(Self::$sign,)+];

            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$sign => $name,)+ }
            }

            pub(crate) fn group(self) -> Group {
                match self { $(Self::$sign => Group::$group,)+ }
            }

            pub(crate) fn sentence(self) -> &'static str {
                match self { $(Self::$sign => $sentence,)+ }
            }
        }
    };
}

signs! {
    TextSaysSynthea Text "text-says-synthea"
        "The record's own text or an extension names Synthea."
    SystemOfSynthea Identifier "identifier-system-of-synthea"
        "An identifier's system is Synthea's own."
    ProviderNumberForTests Identifier "provider-number-for-tests"
        "A National Provider Identifier begins with 9 or fails its check digit; issued ones begin with 1 or 2 and pass."
    CardNumberForTests Identifier "card-number-for-tests"
        "A payment card number is one that processors publish for tests."
    LicenceS999 Identifier "licence-s999-or-passport-x-to-x"
        "A driver's licence is S999 and five digits, or a passport X, eight digits, X: Synthea's forms."
    IdentifierOrdinary Identifier "identifiers-ordinary"
        "There are identifiers, and nothing in them stands out."
    SsnArea999 Ssn "ssn-area-999"
        "The social security number begins with 999, which is never issued and which Synthea always uses."
    SsnNeverIssued Ssn "ssn-never-issued"
        "The social security number is in a range that is never issued: 000, 666, 9xx that is no taxpayer number, or zeros."
    SsnOrdinary Ssn "ssn-issuable"
        "The social security number could have been issued."
    NamesEndInDigits Names "names-end-in-digits"
        "First and family name both end in digits, as Synthea writes them."
    NameReserved Names "name-is-a-placeholder"
        "A name is a word that people type into test records: Test, Dummy, Sample, Zzz."
    NameLiteral Names "name-from-a-snowfakery-recipe"
        "The name is a literal of Snowfakery's own example recipes."
    NameOrdinary Names "name-ordinary"
        "There is a name, and nothing in its letters stands out."
    SurnameOfGenerator Surname "surname-rare-outside-faker-js"
        "The surname is on faker-js's list (Synthea shares much of it) and rare in the census."
    SurnameOrdinary Surname "surname-ordinary"
        "The surname is not among those that are rare outside faker-js."
    WholeNameDisagrees WholeName "whole-name-and-its-parts-disagree"
        "The whole name and the separate first and family names belong to different people."
    WholeNameAgrees WholeName "whole-name-and-its-parts-agree"
        "The whole name is made of the separate first and family names."
    BornSince1980 Birth "born-1980-to-2023"
        "The birth year is between 1980 and 2023, the only ones that Mimesis makes."
    BornOtherwise Birth "born-otherwise"
        "The birth year is not between 1980 and 2023."
    DomainExample MailDomain "mail-at-an-example-domain"
        "A mail address is at example.com, example.net or example.org, which are reserved (RFC 2606)."
    DomainReserved MailDomain "mail-at-a-reserved-domain"
        "A mail address is under .test, .example, .invalid or .localhost, which cannot exist (RFC 6761)."
    DomainSurnames MailDomain "mail-domain-is-surnames"
        "The mail domain is one or more common surnames, as Faker makes companies' domains."
    DomainOfMimesis MailDomain "mail-at-duck-live-outlook-protonmail-yandex"
        "The mail address is at one of five free providers that Mimesis uses as often as Gmail."
    DomainFree MailDomain "mail-at-gmail-yahoo-hotmail"
        "The mail address is at one of the three free providers that Faker and faker-js use."
    DomainTopSite MailDomain "mail-at-a-famous-site"
        "The mail address is at a famous site that gives nobody a mailbox, as Mockaroo writes them."
    DomainCountry MailDomain "mail-domain-with-a-country-ending"
        "The mail domain ends in a country's two letters other than us."
    DomainOther MailDomain "mail-domain-ordinary"
        "Nothing about the mail domain stands out."
    BoxWordYear Mailbox "mailbox-is-a-word-and-a-year"
        "The mailbox is one word that is no part of the name, and a year, as Mimesis makes them."
    BoxCutCapitals Mailbox "mailbox-cuts-the-first-name"
        "The mailbox is the beginning of the first name and the surname in capitals, perhaps a sign between and digits after, as Snowfakery makes them."
    BoxCapitalsOther Mailbox "mailbox-capitalised-names-of-somebody-else"
        "The mailbox is two capitalised names, or one and digits, and they are not this person's."
    BoxCapitalsOwnDigits Mailbox "mailbox-capitalised-own-name-and-digits"
        "The mailbox is the capitalised first name, perhaps the family name after a dot or underscore, and one or two digits, as faker-js makes them."
    BoxCapitalsOwn Mailbox "mailbox-capitalised-first-and-family-name"
        "The mailbox is the capitalised first and family name with a dot or underscore."
    BoxNamesOther Mailbox "mailbox-names-of-somebody-else"
        "The mailbox is a common first name and a common surname run together, and neither is this person's."
    BoxInitialOther Mailbox "mailbox-initial-and-surname-of-somebody-else"
        "The mailbox is a letter and a common surname that is not this person's."
    BoxGivenOther Mailbox "mailbox-first-name-of-somebody-else-and-two-digits"
        "The mailbox is a common first name that is not this person's and two digits."
    BoxCounter Mailbox "mailbox-initial-surname-and-counter"
        "The mailbox is the first initial, the surname and a short counter, as Mockaroo makes them."
    BoxOwn Mailbox "mailbox-of-the-same-name"
        "The mailbox has the person's own name in it, in no form that a generator is known for."
    BoxOther Mailbox "mailbox-ordinary"
        "The mailbox does not show the person's name, in no form that a generator is known for."
    Phone555Line PhoneNumber "phone-555-01xx"
        "A telephone number is in 555-0100 to 555-0199, which are kept for fiction."
    PhoneArea555 PhoneNumber "phone-area-code-555"
        "A telephone number has the area code 555, which is not assigned and which Synthea always uses."
    PhoneAreaUnassigned PhoneNumber "phone-area-code-unassigned"
        "A telephone number has an area code that is assigned to nobody."
    PhoneExchange PhoneNumber "phone-exchange-impossible"
        "A telephone number's exchange begins with 0 or 1 or is a service code such as 911."
    PhoneAssigned PhoneNumber "phone-assignable"
        "The telephone numbers could exist."
    ShapeExtension PhoneShape "phone-extension-after-x"
        "A telephone number ends in x and an extension, as Faker and faker-js write them."
    ShapeZeroZeroOne PhoneShape "phone-begins-with-001"
        "A telephone number begins with 001, as Faker writes some."
    ShapeTightParentheses PhoneShape "phone-no-space-after-parentheses"
        "A telephone number is written (NNN)NNN-NNNN without a space."
    ShapePlusOneDigits PhoneShape "phone-plus-one"
        "A telephone number is written with +1."
    ShapeDots PhoneShape "phone-with-dots"
        "A telephone number is written NNN.NNN.NNNN."
    ShapeOrdinary PhoneShape "phone-written-ordinarily"
        "Nothing about how the telephone numbers are written stands out."
    AreaDisagrees PhonePlace "state-and-area-code-disagree"
        "The telephone number's area code belongs to another state than the address."
    AreaAgrees PhonePlace "state-and-area-code-agree"
        "The telephone number's area code belongs to the state of the address."
    StreetSentence Street "street-is-a-sentence"
        "The street has no number and ends like a sentence."
    StreetShip Street "street-is-a-ship-named-for-a-surname"
        "The street is a ship that is named for a common surname, as Faker makes one address in fifty."
    StreetMilitary Street "street-is-a-military-box"
        "The street is a military unit or ship."
    StreetNameUnusual Street "street-is-a-name-and-an-unusual-ending"
        "The street is one common first or family name and an ending such as Mews or Parkways, spelled out."
    StreetWordUnusual Street "street-is-a-word-and-an-unusual-ending"
        "The street is one word and an ending such as Mews or Viaduct, spelled out."
    StreetNameUsual Street "street-is-a-name-and-a-usual-ending"
        "The street is one common first or family name and an ending such as Street, spelled out."
    StreetOrdinary Street "street-ordinary"
        "Nothing about the street stands out."
    HouseZero HouseNumber "house-number-begins-with-zero"
        "The house number begins with a zero."
    HouseFive HouseNumber "house-number-of-five-digits"
        "The house number has five digits."
    HouseThreeFour HouseNumber "house-number-of-three-or-four-digits"
        "The house number has three or four digits."
    HouseShort HouseNumber "house-number-of-one-or-two-digits"
        "The house number has one or two digits."
    UnitOfFaker Unit "unit-of-three-digits"
        "The street ends in Apt. or Suite and three digits, as Faker and faker-js write units."
    UnitOfSynthea Unit "unit-as-synthea-writes-it"
        "The street ends in Apt, Unit or Suite and one or two digits without a dot, as Synthea writes units."
    UnitOrdinary Unit "unit-ordinary"
        "There is no unit in the street, or it is written otherwise."
    CityThreeParts City "city-of-direction-name-and-ending"
        "The city is a direction or New, Lake, Port, then a first or family name with an ending: South Katherinefurt."
    CityNameRareEnding City "city-of-name-and-rare-ending"
        "The city is a first or family name with an ending such as furt, stad, mouth, shire."
    CityDirectionName City "city-of-direction-and-first-name"
        "The city is a direction or New, Lake, Port, and a first name: New Amy."
    CityNameEnding City "city-of-name-and-common-ending"
        "The city is a first or family name with an ending such as town, ton, ville, land."
    CityOrdinary City "city-ordinary"
        "Nothing about the city's name stands out."
    PostalZeros Postal "postal-code-of-zeros"
        "The postal code is 00000."
    PostalDisagrees Postal "state-and-postal-code-disagree"
        "The postal code is in another state than the address says, or nowhere."
    PostalAgrees Postal "state-and-postal-code-agree"
        "The postal code is in the state of the address."
    CountryDisagrees Country "state-of-the-us-in-another-country"
        "The state is one of the United States, written out, and the country is another."
    CountryAgrees Country "state-and-country-agree"
        "The state is one of the United States and so is the country."
    CompanyThree Company "company-of-three-surnames"
        "The company is three common surnames: A, B and C."
    CompanyTwo Company "company-of-two-surnames"
        "The company is two common surnames with a hyphen."
    CompanyOne Company "company-of-one-surname"
        "The company is one common surname and Inc, LLC, Ltd, PLC, Group or and Sons."
    CompanyOrdinary Company "company-ordinary"
        "Nothing about the company's name stands out."
}

#[cfg(test)]
mod tests;

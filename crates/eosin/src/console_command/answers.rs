//! What was asked of the console, read; and answers that are no page of the index.

use access::SessionId;
use gateway::{Cookie, PageAnswer, PageRequest};
use zeroize::Zeroize as _;

/// Members of a form at most.
const MEMBERS_MAX: usize = 64;

/// A request, read.
pub(crate) struct Asked<'a> {
    /// Its path and query.
    pub(crate) target: &'a str,
    /// Its form, if one was posted.
    pub(crate) form: Option<Form>,
    /// The token that it shows.
    pub(crate) bearer: Option<&'a str>,
    /// From where it comes, as the log of operators has it.
    pub(crate) address: String,
    cookie: Option<&'a str>,
}

impl<'a> Asked<'a> {
    pub(crate) fn read(request: &'a PageRequest) -> Self {
        Self {
            target: &request.target,
            form: request.form.as_deref().map(Form::read),
            bearer: request.bearer.as_deref(),
            address: neighbourhood(request.address),
            cookie: request.cookie.as_deref(),
        }
    }

    /// The path alone.
    pub(crate) fn path(&self) -> &'a str {
        self.target.split('?').next().unwrap_or(self.target)
    }

    /// A member of the query.
    pub(crate) fn query(&self) -> Form {
        Form::read(self.target.split_once('?').map_or("", |(_, query)| query))
    }

    /// The id that the browser's cookie holds.
    pub(crate) fn session(&self) -> Option<SessionId> {
        self.cookie.and_then(SessionId::read)
    }
}

/// An address as tries are counted by: of IPv6 the network that one customer has.
pub(crate) fn neighbourhood(address: std::net::IpAddr) -> String {
    match address {
        std::net::IpAddr::V4(address) => address.to_string(),
        std::net::IpAddr::V6(address) => {
            let [one, two, three, four, ..] = address.segments();
            match address.to_ipv4_mapped() {
                Some(address) => address.to_string(),
                None if address.is_loopback() => address.to_string(),
                None => format!("{one:x}:{two:x}:{three:x}:{four:x}::/64"),
            }
        }
    }
}

/// The members of a form; overwritten when it is no longer needed.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    fn read(text: &str) -> Self {
        let members = form_urlencoded::parse(text.as_bytes()).take(MEMBERS_MAX);
        Self(members.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// A member; nothing is as good as empty.
    pub(crate) fn get(&self, wanted: &str) -> &str {
        let found = self.0.iter().find(|(name, _)| name == wanted);
        found.map_or("", |(_, value)| value)
    }

    /// All members of a name.
    pub(crate) fn all<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(name, _)| name == wanted).map(|(_, value)| value.as_str())
    }
}

impl Drop for Form {
    fn drop(&mut self) {
        for (_, value) in &mut self.0 {
            value.zeroize();
        }
    }
}

/// A page as it is served.
pub(crate) fn of(answer: web::Answer) -> PageAnswer {
    PageAnswer {
        status: answer.status,
        media_type: answer.kind.media_type(),
        body: answer.body,
        location: None,
        cookie: Cookie::Keep,
    }
}

/// A line of text.
pub(crate) fn said(status: u16, text: &str) -> PageAnswer {
    PageAnswer {
        status,
        media_type: "text/plain; charset=utf-8",
        body: format!("{text}\n"),
        location: None,
        cookie: Cookie::Keep,
    }
}

/// Another page instead.
pub(crate) fn elsewhere(target: &str) -> PageAnswer {
    PageAnswer { location: Some(target.to_owned()), ..said(303, "see the other page") }
}

/// An address with more members in its query.
pub(crate) fn with_members(place: &str, members: &[(&str, impl AsRef<str>)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(members).finish();
    let sign = if place.contains('?') { '&' } else { '?' };
    format!("{place}{sign}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_counted_by_what_one_customer_has() {
        for (address, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::1", "::1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ] {
            assert_eq!(neighbourhood(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn a_form_is_read_within_bounds() {
        let form = Form::read(&format!("a=1&a=2&b=x%20y{}", "&c=".repeat(100)));
        assert_eq!(form.get("a"), "1");
        assert_eq!(form.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(form.get("b"), "x y");
        assert_eq!(form.get("none"), "");
        assert_eq!(form.0.len(), MEMBERS_MAX);
    }
}

//! E-mail addresses: one mailbox out of the ways it is written.

/// Appends the mailbox that an address reaches; false, and nothing appended, if it is none or many people's.
///
/// Case goes although RFC 5321 allows it in the local part, for no provider in use tells it apart; what follows a plus
/// goes, and at Gmail the dots, which Gmail does not read. `.invalid` at the end goes: a sandbox puts it there.
///
/// Shape:  `Ada <Ada.Bell+x@Example.org.invalid>` -> `ada.bell@example.org`.
/// Bounds: addresses of up to 254 bytes.
/// Source: spec/identity.md section 5; RFC 5321 section 4.5.3.
pub(super) fn email(text: &str, out: &mut String) -> bool {
    let text = text.trim();
    let text = match text.rsplit_once('<') {
        Some((_, inner)) => inner.split('>').next().unwrap_or_default().trim(),
        None => text,
    };
    let text = match text.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => text.get(7..).unwrap_or_default(),
        _ => text,
    };
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_odd =
        |letter: char| letter.is_whitespace() || letter.is_control() || matches!(letter, '@' | ',' | ';');
    if text.len() > 254 || text.contains(|letter| letter != '@' && is_odd(letter)) || local.contains('@') {
        return false;
    }
    let local = match local.split_once('+') {
        Some((before, _)) if !before.is_empty() => before,
        _ => local,
    };
    let start = out.len();
    lower(local, out);
    let at = out.len();
    out.push('@');
    lower(domain, out);
    while out.ends_with('.') {
        out.pop();
    }
    if out.ends_with(".invalid") && out.get(at..).is_some_and(|domain| domain.matches('.').count() > 1) {
        out.truncate(out.len() - ".invalid".len());
    }
    if out.get(at..).is_some_and(|domain| domain == "@gmail.com" || domain == "@googlemail.com") {
        let mailbox: String = out.get(start..at).unwrap_or_default().replace('.', "");
        out.truncate(start);
        out.push_str(&mailbox);
        out.push_str("@gmail.com");
    }
    let is_mailbox =
        out.get(start..).and_then(|whole| whole.split_once('@')).is_some_and(|(local, domain)| {
            let labels = domain.split('.').count();
            let plain: &str = &local.replace(['-', '_', '.'], "");
            !plain.is_empty()
                && labels > 1
                && domain.split('.').all(|label| !label.is_empty())
                && !SHARED.contains(&plain)
        });
    if !is_mailbox {
        out.truncate(start);
    }
    is_mailbox
}

fn lower(text: &str, out: &mut String) {
    if text.is_ascii() {
        let start = out.len();
        out.push_str(text);
        if let Some(added) = out.get_mut(start..) {
            added.make_ascii_lowercase();
        }
    } else {
        use unicode_normalization::UnicodeNormalization as _;
        out.extend(text.chars().flat_map(char::to_lowercase).nfkc());
    }
}

/// Mailboxes, dots and dashes left out, that are nobody's or many people's.
const SHARED: [&str; 30] = [
    "noreply",
    "donotreply",
    "dontreply",
    "nobody",
    "none",
    "noemail",
    "nomail",
    "no",
    "na",
    "null",
    "unknown",
    "unk",
    "anonymous",
    "declined",
    "refused",
    "notprovided",
    "info",
    "office",
    "admin",
    "administrator",
    "contact",
    "support",
    "reception",
    "frontdesk",
    "mail",
    "postmaster",
    "webmaster",
    "hostmaster",
    "abuse",
    "security",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        let mut out = "before".to_owned();
        let found = email(text, &mut out);
        let rest = out.strip_prefix("before").unwrap();
        assert_eq!(found, !rest.is_empty(), "{text}");
        rest.to_owned()
    }

    #[test]
    fn spellings_of_one_mailbox_are_one() {
        for text in [
            "ada.bell@example.org",
            " Ada.Bell@Example.ORG ",
            "ada.bell+news@example.org",
            "ada.bell+a+b@example.org.",
            "mailto:ada.bell@example.org",
            "Ada Bell <ada.bell@example.org>",
            "ada.bell@example.org.invalid",
            "ADA.BELL@EXAMPLE.ORG.INVALID",
        ] {
            assert_eq!(of(text), "ada.bell@example.org", "{text}");
        }
        for text in ["adabell@gmail.com", "Ada.Bell@googlemail.com", "a.d.a.bell+x@gmail.com"] {
            assert_eq!(of(text), "adabell@gmail.com", "{text}");
        }
        assert_eq!(of("ada@example.invalid"), "ada@example.invalid");
        assert_eq!(of("+tag@example.org"), "+tag@example.org");
    }

    #[test]
    fn what_is_nobodys_mailbox_gives_none() {
        for text in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "ada@host",
            "ada@.org",
            "ada@example..org",
            "a b@example.org",
            "a@example.org, b@example.org",
            "a@b@example.org",
            "no-reply@example.org",
            "No_Reply@example.org",
            "noreply+7@example.org",
            "info@example.org",
            "...@gmail.com",
            "<>",
        ] {
            assert_eq!(of(text), "", "{text}");
        }
        assert_eq!(of(&format!("{}@example.org", "a".repeat(250))), "");
    }
}

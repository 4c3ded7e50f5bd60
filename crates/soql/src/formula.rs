//! Which fields a formula field is calculated from.

/// Paths that a formula names: relationships and a field, `Account.Name`; functions and global variables left out.
///
/// Shape: texts and comments are skipped; `Owner:User.Name` is `Owner.Name`. Never: evaluates anything, or fails.
pub(crate) fn paths(formula: &str) -> Vec<Vec<String>> {
    let bytes = formula.as_bytes();
    let mut all: Vec<Vec<String>> = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        at = match byte {
            b'"' | b'\'' => text_end(bytes, at + 1, byte),
            b'/' if bytes.get(at + 1) == Some(&b'*') => comment_end(bytes, at + 2),
            b'$' => path(formula, at + 1).1,
            _ if begins(byte) => {
                let (names, end) = path(formula, at);
                let called = bytes.get(end..).unwrap_or_default().trim_ascii_start().first() == Some(&b'(');
                if !called && !all.contains(&names) {
                    all.push(names);
                }
                end
            }
            b'0'..=b'9' => name_end(bytes, at),
            _ => at + 1,
        };
    }
    all
}

fn begins(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn path(formula: &str, start: usize) -> (Vec<String>, usize) {
    let bytes = formula.as_bytes();
    let mut names = Vec::new();
    let mut at = start;
    loop {
        let end = name_end(bytes, at);
        names.push(formula.get(at..end).unwrap_or_default().to_owned());
        at = end;
        let follows = |at: usize| bytes.get(at + 1).copied().is_some_and(begins);
        if bytes.get(at) == Some(&b':') && follows(at) {
            at = name_end(bytes, at + 1);
        }
        if bytes.get(at) != Some(&b'.') || !follows(at) {
            return (names, at);
        }
        at += 1;
    }
}

fn name_end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count()
}

fn text_end(bytes: &[u8], mut at: usize, quote: u8) -> usize {
    while let Some(byte) = bytes.get(at) {
        at += if *byte == b'\\' { 2 } else { 1 };
        if *byte == quote {
            break;
        }
    }
    at
}

fn comment_end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.windows(2).position(|pair| pair == b"*/").map_or(bytes.len(), |length| at + length + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_names_its_fields() {
        let check = |formula: &str, wanted: &[&str]| {
            let found: Vec<String> = paths(formula).iter().map(|names| names.join(".")).collect();
            assert_eq!(found, wanted, "{formula}");
        };
        check("Account.Name & \" of Contact.Name\" /* Lead.Name */ & Name", &["Account.Name", "Name"]);
        check(
            "IF ( ISBLANK(A__r.B__r.C__c), 1e3, Owner:User.Manager.Name)",
            &["A__r.B__r.C__c", "Owner.Manager.Name"],
        );
        check("$User.Id = '\\'x' + 12.5", &[]);
        check("x.\u{e9}. \"", &["x"]);
    }
}

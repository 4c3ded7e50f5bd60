//! Passwords that everybody tries first: those that are long enough to pass, and the words that people make longer.

const LONG: &str = include_str!("commonest.txt");

/// Words that are made longer with digits and signs until they pass a length.
const STEMS: [&str; 40] = [
    "abc",
    "abcdef",
    "abcdefgh",
    "access",
    "admin",
    "administrator",
    "asdf",
    "asdfgh",
    "baseball",
    "changeit",
    "changeme",
    "computer",
    "default",
    "dragon",
    "eosin",
    "football",
    "hello",
    "hospital",
    "iloveyou",
    "internet",
    "letmein",
    "login",
    "master",
    "monkey",
    "nothing",
    "pass",
    "passphrase",
    "password",
    "patient",
    "princess",
    "qwerty",
    "qwertyuiop",
    "salesforce",
    "secret",
    "sunshine",
    "superman",
    "test",
    "trustno",
    "welcome",
    "winter",
];

/// Whether a password is one that is tried first.
///
/// Shape:  compared in small letters: the list; a stem with nothing but digits and signs after and before it; a piece of at
///         most four characters repeated; digits or letters that count up or down; the operator's own name, likewise.
pub(crate) fn is_common(password: &str, operator: &str) -> bool {
    let small = password.to_lowercase();
    let spelled: String = small
        .chars()
        .map(|one| match one {
            '@' => 'a',
            '0' => 'o',
            '$' => 's',
            '3' => 'e',
            other => other,
        })
        .collect();
    let bare = |text: &str| text.trim_matches(|one: char| !one.is_alphabetic()).to_owned();
    let stems = [bare(&small), bare(&spelled)];
    let is_stem = |stem: &String| STEMS.contains(&stem.as_str()) || stem == operator;
    LONG.lines().any(|line| line == small || line == spelled)
        || stems.iter().any(is_stem)
        || small == operator
        || is_repeated(&small)
        || is_counted(&small)
}

fn is_repeated(text: &str) -> bool {
    let letters: Vec<char> = text.chars().collect();
    (1..=4).any(|length| letters.iter().zip(letters.iter().skip(length)).all(|(left, right)| left == right))
}

fn is_counted(text: &str) -> bool {
    let digit = |one: char| one.to_digit(10).map(i64::from);
    let codes: Vec<i64> =
        text.chars().map(|one| digit(one).unwrap_or(i64::from(u32::from(one)) + 100)).collect();
    let steps = || codes.iter().zip(codes.iter().skip(1)).map(|(left, right)| right - left);
    let up = |step: i64| step == 1 || step == -9;
    let down = |step: i64| step == -1 || step == 9;
    steps().all(up) || steps().all(down)
}

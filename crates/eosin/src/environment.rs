//! The environment variables that are read, all of them, here.
//!
//! | variable | what it does |
//! |---|---|
//! | `NO_COLOR` | anything: no colours |
//! | `COLUMNS` | the width of tables, where the terminal does not say |
//! | `EOSIN_RELEASE_TOKEN` | the credentials of `eosin quarantine release`, unless a file has them |
//! | `EOSIN_TOKEN` | the token for `--server`, unless a file has it |
//! | `USER` | who does what the ledger is told of, unless `--by` says |
//! | `EOSIN_LOG` | what to log to standard error, such as `info` or `gateway=debug` |

/// The value of one of the variables above, if it is set and not empty.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Who does something, for the ledger: whoever `--by` names, else the user of this machine; at most 64 plain characters.
/// Where neither says a name, the user's number is all that is known.
pub(crate) fn who(by: Option<&str>) -> String {
    named(by).unwrap_or_else(|| format!("nobody named (uid {})", uid()))
}

/// Who does something, where somebody says a name.
pub(crate) fn named(by: Option<&str>) -> Option<String> {
    let name = by.map(str::to_owned).or_else(|| variable("USER"))?;
    let name: String = name.chars().filter(|letter| !letter.is_control()).take(64).collect();
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The number of the user whose process this is.
pub(crate) fn uid() -> u32 {
    rustix::process::getuid().as_raw()
}

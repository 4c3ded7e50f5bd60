//! What can be said to `eosin operator`.

use std::path::PathBuf;

use access::{Name, Role};
use clap::{Args, Subcommand};

use super::role;

/// Who does it, and where.
#[derive(Debug, Args)]
pub(crate) struct Signed {
    /// Who, for the ledger; by default who is logged in.
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// The configuration.
    #[arg(long, short, default_value = "eosin.toml", value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where what is listed stands.
#[derive(Debug, Args)]
pub(crate) struct Listing {
    /// The configuration.
    #[arg(long, short, default_value = "eosin.toml", value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Print the result as JSON, a line each.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where a password comes from: typed, unless a file has it.
#[derive(Debug, Args)]
pub(crate) struct PasswordFrom {
    /// A file whose first line is the password, or `-` for standard input; by default it is typed.
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// It has to be changed at the first sign-in.
    #[arg(long)]
    pub(crate) temporary: bool,
}

/// Who is kept out or let in.
#[derive(Debug, Args)]
pub(crate) struct Door {
    /// Who.
    #[arg(value_name = "NAME")]
    pub(crate) name: Name,
    /// Only if nobody changed them since: the `revision` that `list --json` said.
    #[arg(long, value_name = "REVISION")]
    pub(crate) expect: Option<u64>,
    #[command(flatten)]
    pub(crate) signed: Signed,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OperatorCommand {
    /// Add an operator.
    Add {
        /// What they sign in as: a login or an e-mail address.
        #[arg(value_name = "NAME")]
        name: Name,
        /// What they are here for: `admin`, `compliance`, `support`, `auditor` (reads everything) or `generator` (datasets only).
        #[arg(long, value_name = "ROLE", value_parser = role)]
        role: Role,
        #[command(flatten)]
        password: PasswordFrom,
        #[command(flatten)]
        signed: Signed,
    },
    /// List the operators.
    List(Listing),
    /// Give an operator another role. Their sessions end.
    Role {
        /// Who.
        #[arg(value_name = "NAME")]
        name: Name,
        /// Their role from now on.
        #[arg(value_name = "ROLE", value_parser = role)]
        role: Role,
        /// Only if nobody changed them since: the `revision` that `list --json` said.
        #[arg(long, value_name = "REVISION")]
        expect: Option<u64>,
        #[command(flatten)]
        signed: Signed,
    },
    /// Keep an operator out. Their sessions end, and their tokens are good for nothing.
    Disable(Door),
    /// Let an operator sign in again.
    Enable(Door),
    /// Give an operator another password. Their sessions end.
    ResetPassword {
        /// Whose.
        #[arg(value_name = "NAME")]
        name: Name,
        #[command(flatten)]
        password: PasswordFrom,
        #[command(flatten)]
        signed: Signed,
    },
    /// Give an operator a new authenticator, shown once, or take it away.
    Totp {
        /// Whose.
        #[arg(value_name = "NAME")]
        name: Name,
        /// Take it away: the password alone is enough.
        #[arg(long)]
        off: bool,
        #[command(flatten)]
        signed: Signed,
    },
}

//! What can be said to `eosin policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::{emergency_command::statement::one_line, index_command::Where, printer::Printer, question};

/// Who puts a version in force, and why.
#[derive(Debug, Args)]
pub(crate) struct Who {
    /// Why, for the ledger: a ticket's number, never a person's name.
    #[arg(long, value_name = "TEXT", value_parser = one_line)]
    pub(crate) reason: String,
    /// Who, for the ledger; by default who is logged in.
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// Only if this version is still in force: the one you compared yours with.
    #[arg(long, value_name = "VERSION")]
    pub(crate) expect: Option<String>,
    /// The configuration.
    #[arg(long, short, default_value = "eosin.toml", value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Do not ask in a terminal.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Print the result as JSON, and ask nothing.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Who {
    /// Whether a question is put.
    pub(crate) fn is_asked(&self, printer: &Printer) -> bool {
        !self.yes && !self.json && question::can_ask(printer)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Read policies strictly, and prove that they let nothing synthetic into production. Exits 1 with a request that
    /// would get in.
    Check {
        /// The policies; by default those in force.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// The configuration.
        #[arg(long, short, default_value = "eosin.toml", value_name = "FILE")]
        config: PathBuf,
        /// Print the result as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say which policies differ, and which answers. Exits 1 if any does.
    Diff {
        /// The policies as they would be.
        #[arg(value_name = "NEW")]
        new: PathBuf,
        /// The policies as they were; by default those in force.
        #[arg(value_name = "OLD")]
        old: Option<PathBuf>,
        /// The configuration.
        #[arg(long, short, default_value = "eosin.toml", value_name = "FILE")]
        config: PathBuf,
        /// Print the result as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Put the cases of a file to policies. Exits 1 if an answer is not the expected one.
    Test {
        /// The cases, as docs/policy.md has them.
        #[arg(value_name = "CASES")]
        cases: PathBuf,
        /// The policies; by default those in force.
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
        /// The configuration.
        #[arg(long, short, default_value = "eosin.toml", value_name = "FILE")]
        config: PathBuf,
    },
    /// Say what would have been otherwise, had these policies been in force. Exits 1 if anything would.
    Replay {
        /// The policies as they would be.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// From when on: `7d`, `12h`, `30m`, or a moment.
        #[arg(long, default_value = "7d", value_name = "WHEN")]
        since: String,
        /// How many transactions of each kind are named.
        #[arg(long, default_value_t = 3, value_name = "NUMBER")]
        examples: usize,
        /// Name every transaction that would change, one a line.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        at: Where,
    },
    /// Put policies in force for all gateways that share the folder. Refused if they let synthetic into production.
    Activate {
        /// The policies.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        who: Who,
    },
    /// Put a version in force again: by default the one before.
    Rollback {
        /// Which.
        #[arg(value_name = "VERSION")]
        wanted: Option<String>,
        #[command(flatten)]
        who: Who,
    },
    /// List what was in force, since when, by whom and why; the newest first.
    History {
        /// The configuration.
        #[arg(long, short, default_value = "eosin.toml", value_name = "FILE")]
        config: PathBuf,
        /// Print the result as JSON, a line each.
        #[arg(long)]
        json: bool,
    },
}

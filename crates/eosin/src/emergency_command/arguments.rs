//! What can be said to `eosin emergency`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use policy::EmergencyScope;

use crate::index_command::Where;

/// The configuration, and how the result is printed.
#[derive(Debug, Args)]
pub(crate) struct At {
    /// The configuration.
    #[arg(long, short, default_value = "eosin.toml", value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EmergencyCommand {
    /// Make a person's own key: NAME.skey, which that person keeps, and NAME.vkey for `[[emergency.signer]]`.
    Key {
        /// The person's name, as it is in `[[emergency.signer]]`.
        #[arg(value_name = "NAME")]
        name: String,
        /// The folder to write into.
        #[arg(long, default_value = ".", value_name = "FOLDER")]
        out: PathBuf,
    },
    /// Check a version, put its cases to it, and record that it is there for an emergency.
    ///
    /// Refused, with a request that shows why, if it lets synthetic into production or refuses anything of attested people
    /// that is permitted now. Exits 1 then, or if a case is not as expected.
    Prepare {
        /// The policies; the version is called as the file is.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The cases, as docs/policy.md has them.
        #[arg(long, value_name = "FILE")]
        cases: PathBuf,
        /// What it is for, for the ledger; never a person's name.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Who, for the ledger; by default who is logged in.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        #[command(flatten)]
        at: At,
    },
    /// Say what each client would receive at each boundary, before and after, by what crossed lately. Exits 1 if anything
    /// would change.
    Preview {
        /// A version that was prepared.
        #[arg(value_name = "NAME")]
        name: String,
        /// Within what it would decide: `all`, or `boundary=`, `client=`, `jurisdiction=` and `object=`, between commas.
        #[arg(long, default_value = "all", value_name = "SCOPE")]
        scope: EmergencyScope,
        /// From when on: `7d`, `12h`, `30m`, or a moment.
        #[arg(long, default_value = "7d", value_name = "WHEN")]
        since: String,
        /// How many transactions of each kind are named.
        #[arg(long, default_value_t = 3, value_name = "NUMBER")]
        examples: usize,
        #[command(flatten)]
        at: Where,
    },
    /// Ask for a prepared version to be put in force. Another person has to approve within 15 minutes.
    Activate {
        /// A version that was prepared.
        #[arg(value_name = "NAME")]
        name: String,
        /// Your own key.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Within what it decides: `all`, or `boundary=`, `client=`, `jurisdiction=` and `object=`, between commas.
        #[arg(long, value_name = "SCOPE")]
        scope: EmergencyScope,
        /// For how long: `30m`, `2h`, `1d`. Then it ends by itself.
        #[arg(long = "for", value_name = "LENGTH")]
        length: String,
        /// Why, for the ledger: a ticket's number, never a person's name.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Say what each consumer would receive, and sign nothing.
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        at: At,
    },
    /// Approve what another person asked for: it is in force.
    ///
    /// First it says what each consumer receives now and would receive, and asks, if it runs in a terminal.
    Approve {
        /// The version that was asked for.
        #[arg(value_name = "NAME")]
        name: String,
        /// Your own key.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Say what each consumer would receive, and sign nothing.
        #[arg(long)]
        dry_run: bool,
        /// Ask nothing.
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        at: At,
    },
    /// Sign a text that the console shows, or add a signature to it, on your own machine: nothing else is read, asked or changed.
    Sign {
        /// The file with the text; `-` takes it from standard input.
        #[arg(default_value = "-", value_name = "FILE")]
        file: PathBuf,
        /// Your own key.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Print the result as JSON.
        #[arg(long)]
        json: bool,
    },
    /// End an emergency version before its time. One person is enough: what was normal before holds again.
    StandDown {
        /// The version, or the entry that put it in force.
        #[arg(value_name = "NAME")]
        name: String,
        /// Your own key.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Why, for the ledger.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        at: At,
    },
    /// Say what is in force and until when, and what waits for a second person. Exits 1 if anything is in force.
    Status {
        #[command(flatten)]
        at: At,
    },
    /// List what was prepared, the newest first.
    List {
        #[command(flatten)]
        at: At,
    },
}

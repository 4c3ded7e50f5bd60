//! What can be said to `eosin registry`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::emergency_command::statement::one_line;

#[derive(Debug, Subcommand)]
pub(crate) enum RegistryCommand {
    /// Say what the registry holds, and whether its snapshot is in the ledger.
    Status {
        /// The configuration.
        #[arg(long, short, default_value = "eosin.toml", value_name = "FILE")]
        config: PathBuf,
        /// Print the result as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Read every entry, compute the root again, and look for it in the ledger.
    Verify {
        /// The configuration.
        #[arg(long, short, default_value = "eosin.toml", value_name = "FILE")]
        config: PathBuf,
        /// Print the result as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Prove of a record's values that they are in the registry, or that they are not. Exits 1 if any is.
    Prove {
        /// A file with the record, or `-` for standard input: values are never given on the command line.
        #[arg(value_name = "RECORD")]
        record: PathBuf,
        /// The Salesforce object or table of a CSV.
        #[arg(long, value_name = "OBJECT")]
        object: Option<String>,
        /// A TOML file that says which column of a table holds what: `[columns."TABLE"]`, `COLUMN = "ROLE"`.
        #[arg(long, value_name = "FILE")]
        map: Option<PathBuf>,
        /// Where to write the proofs.
        #[arg(long, value_name = "FILE", default_value = "registry-proofs.json")]
        out: PathBuf,
        /// The configuration.
        #[arg(long, short, default_value = "eosin.toml", value_name = "FILE")]
        config: PathBuf,
    },
    /// Add the records of files that were marked before; each mark is proved first.
    Add {
        #[command(flatten)]
        marked: MarkedFiles,
        /// A TOML file that says which column of a table holds what: `[columns."TABLE"]`, `COLUMN = "ROLE"`.
        #[arg(long, value_name = "FILE")]
        map: Option<PathBuf>,
        /// The configuration.
        #[arg(long, short, default_value = "eosin.toml", value_name = "FILE")]
        config: PathBuf,
    },
    /// Take what there is of a registry that was lost, where what was in it cannot all be added again.
    Accept {
        /// Why, for the ledger: a ticket's number, never a person's name.
        #[arg(long, value_name = "TEXT", value_parser = one_line)]
        reason: String,
        /// Who, for the ledger; by default who is logged in.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        /// The configuration.
        #[arg(long, short, default_value = "eosin.toml", value_name = "FILE")]
        config: PathBuf,
    },
    /// Remove every fingerprint of the records of marked files.
    Forget {
        #[command(flatten)]
        marked: MarkedFiles,
        /// The configuration.
        #[arg(long, short, default_value = "eosin.toml", value_name = "FILE")]
        config: PathBuf,
    },
}

/// Marked files, and what is known of them.
#[derive(Debug, Args)]
pub(crate) struct MarkedFiles {
    /// The marked files.
    #[arg(value_name = "FILE", required = true)]
    pub(super) files: Vec<PathBuf>,
    /// Dataset files to know beside those of the configuration and those lying next to each FILE.
    #[arg(long = "dataset", value_name = "FILE")]
    pub(super) datasets: Vec<PathBuf>,
    /// The Salesforce object or table of a CSV; by default what the dataset file beside it says.
    #[arg(long, value_name = "OBJECT")]
    pub(super) object: Option<String>,
}

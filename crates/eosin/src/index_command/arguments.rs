//! What can be said to `eosin index` and `eosin prove`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// The index and the ledgers that a command is about.
#[derive(Debug, Args)]
pub(crate) struct Where {
    /// A ledger's folder, once for each; by default those of the configuration.
    #[arg(long = "ledger", value_name = "FOLDER")]
    pub(crate) ledgers: Vec<PathBuf>,
    /// The index: a SQLite file or a `postgres://` URL; by default that of the configuration, or `index.sqlite` beside it.
    #[arg(long, value_name = "PLACE")]
    pub(crate) database: Option<String>,
    /// The configuration.
    #[arg(long, short, default_value = "eosin.toml", value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IndexCommand {
    /// Say how far the index is behind each ledger. Exits 1 if it is behind.
    Status {
        #[command(flatten)]
        at: Where,
    },
    /// Read what the ledgers have published and the index has not.
    Update {
        #[command(flatten)]
        at: Where,
    },
    /// Make the tables anew and read the ledgers from their beginning.
    Rebuild {
        #[command(flatten)]
        at: Where,
    },
    /// Ask in SQL: one SELECT over the tables of docs/index.md. Nothing can be changed.
    Query {
        /// The query.
        #[arg(value_name = "SQL")]
        sql: String,
        /// Most rows that are printed.
        #[arg(long, default_value_t = 1000, value_name = "ROWS")]
        limit: u32,
        #[command(flatten)]
        at: Where,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ProveArguments {
    /// A row: `origin#entry` as the index and rulings name it, or `TABLE:entry`, such as `rulings:4711`.
    #[arg(value_name = "ROW")]
    pub(crate) row: String,
    /// Where to write the proof; beside it appears the entry, with the ending `.json`.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) at: Where,
}

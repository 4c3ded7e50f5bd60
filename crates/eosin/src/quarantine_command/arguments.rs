//! What can be said to `eosin quarantine`.

use std::path::PathBuf;

use carrier::webhook::Class;
use clap::{Args, Subcommand};
use quarantine::ItemId;

#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// List what is kept: where it would have gone, since when, and why it was withheld. Never content.
    List {
        /// Only what would have crossed this boundary.
        #[arg(long, value_name = "NAME")]
        boundary: Option<String>,
        /// Also what was released, rejected or has expired.
        #[arg(long)]
        all: bool,
        /// The configuration.
        #[arg(long, short, default_value = "eosin.toml", value_name = "FILE")]
        config: PathBuf,
        /// Print the list as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show one item: why it was withheld, and where that stands in the ledger.
    Show(ShowArguments),
    /// Deliver items, once, to what is behind their boundary. Each is judged again first.
    ///
    /// A running gateway does it; if none runs, this command opens the ledger and does it itself. The credentials are
    /// those given now, in `--token-file` or `EOSIN_RELEASE_TOKEN`: the client's own were never kept.
    ///
    /// Exits 0 if all were released, 1 if some were not, 2 if it is uncertain whether one arrived.
    Release(ReleaseArguments),
    /// Decide against items: their content is erased for good.
    Reject {
        /// The items.
        #[arg(value_name = "ID", required = true)]
        items: Vec<ItemId>,
        #[command(flatten)]
        deciding: Deciding,
    },
}

/// What every decision says of itself.
#[derive(Debug, Args)]
pub(crate) struct Deciding {
    /// Why, for the ledger, which is for ever: a ticket's number, never a person's name.
    #[arg(long, value_name = "TEXT", value_parser = short)]
    pub(crate) reason: String,
    /// Who decides, for the ledger; the user's own name unless said.
    #[arg(long, value_name = "WHO")]
    pub(crate) by: Option<String>,
    /// The configuration.
    #[arg(long, short, default_value = "eosin.toml", value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Print what was done as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of its own on the command line")]
pub(crate) struct ReleaseArguments {
    /// The items, in the order in which they are delivered; the first that fails ends it.
    #[arg(value_name = "ID", required_unless_present = "all")]
    pub(crate) items: Vec<ItemId>,
    /// Everything that is held for a boundary, in its original order.
    #[arg(long, requires = "boundary", conflicts_with = "items")]
    pub(crate) all: bool,
    /// The boundary of `--all`.
    #[arg(long, value_name = "NAME", requires = "all")]
    pub(crate) boundary: Option<String>,
    /// A file with the credentials: a bearer token, or a whole `Authorization` value.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Deliver what policies refuse even now; the ledger says so.
    #[arg(long)]
    pub(crate) overrule: bool,
    /// Deliver although something else is behind the boundary than when the item was kept; the ledger says so.
    #[arg(long)]
    pub(crate) elsewhere: bool,
    /// Send again what may have arrived already: say it only after you have looked on the other side.
    #[arg(long)]
    pub(crate) again: bool,
    /// Where an event belongs that does not say it: to the consumer of `synthetic` or of `attested` events.
    #[arg(long, value_name = "CLASS")]
    pub(crate) to: Option<Class>,
    #[command(flatten)]
    pub(crate) deciding: Deciding,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The item.
    #[arg(value_name = "ID")]
    pub(crate) item: ItemId,
    /// Show what was withheld too. It may be about a person; the ledger records who looked.
    #[arg(long)]
    pub(crate) content: bool,
    /// Why the content is looked at, for the ledger: a ticket's number, never a person's name.
    #[arg(long, value_name = "TEXT", value_parser = short)]
    pub(crate) reason: Option<String>,
    /// Who looks, for the ledger; the user's own name unless said.
    #[arg(long, value_name = "WHO")]
    pub(crate) by: Option<String>,
    /// Write the content to this new file, readable by its owner alone, instead of the terminal.
    #[arg(long, value_name = "FILE", requires = "content")]
    pub(crate) out: Option<PathBuf>,
    /// The configuration.
    #[arg(long, short, default_value = "eosin.toml", value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Print it as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A reason that fits into an entry.
fn short(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.len() > 200 || text.chars().any(char::is_control) {
        return Err("1 to 200 characters, in one line".to_owned());
    }
    Ok(text.to_owned())
}

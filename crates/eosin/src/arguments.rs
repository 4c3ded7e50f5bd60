//! The command line: what can be said, and the help a person reads.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::printer::Printer;

/// Keep synthetic patients marked, apart, disclosed and accounted for.
#[derive(Debug, Parser)]
#[command(
    name = "eosin",
    version,
    propagate_version = true,
    after_help = "Exit codes: 0 clean, 1 findings, 2 could not tell."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Have it done by the console at this URL, for whom `EOSIN_TOKEN` or `--server-token-file` is.
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<http::Uri>,
    /// A file with the token for `--server`.
    #[arg(long, value_name = "FILE", requires = "server")]
    pub(crate) server_token_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) display: Display,
}

/// How output looks.
#[derive(Debug, Clone, Args)]
pub(crate) struct Display {
    /// When to colour: a pipe gets none unless told.
    #[arg(long, global = true, display_order = 900, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub(crate) color: Colour,
    /// Say more of what happens; twice for everything.
    #[arg(short, long, global = true, display_order = 901, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Play the story: an org, a production feed, a gateway between them, and what happens at the line.
    Demo(DemoArguments),
    /// Write a commented eosin.toml, keys and an empty ledger into a folder.
    Init(InitArguments),
    /// Run the gateway of an eosin.toml until it is told to stop.
    Run(RunArguments),
    /// Mark the records of a file or a folder as one dataset, and log it.
    Mark(Box<MarkArguments>),
    /// Say of every record in files, folders and archives, or on standard input, what it is.
    ///
    /// Exits 0 if every record is attested and unchanged (with `--fail-on`: if none is what is named there, or worse), 1
    /// if there is anything else, 2 if something could not be read.
    Judge(JudgeArguments),
    /// Split a file by the policies of a boundary: what may pass and what may not, with the ruling in the ledger.
    ///
    /// Exits 0 if nothing was withheld, 1 if something was, 2 if nothing was done.
    Filter(FilterArguments),
    /// Write a certificate that files hold nothing synthetic, or check one offline.
    ///
    /// Every record is judged. If none stands against it, a signed certificate is written that states the counts, the
    /// files' digests and what they were judged against, with a receipt from the ledger. Otherwise none is written.
    ///
    /// Exits 0 if it was written or verifies, 1 if there are findings or it does not verify, 2 if nothing can be said.
    Certify(CertifyArguments),
    /// Rehearse what happens to marks.
    #[command(subcommand)]
    Drill(DrillCommand),
    /// Check the ledger, or prove an entry of it.
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// The ledgers as tables: how far the index is, make it anew, ask it in SQL.
    #[command(subcommand)]
    Index(crate::index_command::IndexCommand),
    /// Prove a row of the index: its entry, and the proof that it is in the ledger.
    Prove(crate::index_command::ProveArguments),
    /// Open the console: what the ledgers say, as pages for a browser on this machine.
    Console(crate::console_command::ConsoleArguments),
    /// Who may sign in to the console, and as what.
    #[command(subcommand)]
    Operator(crate::operator_command::OperatorCommand),
    /// Tokens with which programs read the console's pages and use the control API.
    #[command(subcommand)]
    Token(crate::token_command::TokenCommand),
    /// What may cross which boundary: check, compare, test, replay and activate versions of the policies.
    #[command(subcommand)]
    Policy(crate::policy_command::PolicyCommand),
    /// Emergency versions: prepared in advance, put in force by two people within a scope, ended by the clock.
    #[command(subcommand)]
    Emergency(crate::emergency_command::EmergencyCommand),
    /// What the registry of fingerprints holds, with proofs.
    #[command(subcommand)]
    Registry(crate::registry_command::RegistryCommand),
    /// What was withheld and kept: list it, show it, release it or reject it.
    #[command(subcommand)]
    Quarantine(crate::quarantine_command::QuarantineCommand),
    /// Check or show a configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Run a local Salesforce-compatible org: in memory, for drills and tests.
    Org(OrgArguments),
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// Exit when the story ends, instead of staying up for you to try things.
    #[arg(long)]
    pub(crate) once: bool,
    /// Open the console in a browser when the story has been told, where this is a terminal.
    #[arg(long, conflicts_with = "once")]
    pub(crate) open: bool,
    /// Keep the demo's ledger and files in this folder instead of a temporary one.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) keep: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    /// Where; it may exist, but nothing in it is overwritten.
    #[arg(default_value = ".", value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// Do not ask; take the defaults.
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The configuration.
    #[arg(long, short, default_value = "eosin.toml", value_name = "FILE")]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct MarkArguments {
    /// What to mark: FHIR JSON, Bundle or NDJSON, Salesforce JSON or CSV, HL7 v2, Parquet, any CSV; or a folder of them.
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,
    /// The marked file or folder; beside it appears the dataset's manifest with its receipts, `OUT.dataset.json`.
    #[arg(long, value_name = "OUT")]
    pub(crate) out: PathBuf,
    /// A TOML file that says of the dataset what the other flags say; a flag wins.
    #[arg(long, value_name = "FILE")]
    pub(crate) describe: Option<PathBuf>,
    /// A name for the dataset, for people.
    #[arg(long, value_name = "NAME")]
    pub(crate) dataset: Option<String>,
    /// What made the records; where the data says it, it need not be said again.
    #[arg(long, value_name = "NAME")]
    pub(crate) generator: Option<String>,
    /// The generator's version.
    #[arg(long, value_name = "VERSION")]
    pub(crate) generator_version: Option<String>,
    /// How they were made; rule-based unless said.
    #[arg(long, value_enum)]
    pub(crate) method: Option<MethodWord>,
    /// The file with the generator's parameters: its digest goes into the manifest.
    #[arg(long, value_name = "FILE")]
    pub(crate) parameters: Option<PathBuf>,
    /// The generator's seed: the manifest commits to it, and marking again with it gives the same bytes.
    #[arg(long, value_name = "TEXT", conflicts_with = "attest")]
    pub(crate) seed: Option<String>,
    /// Who made the content: human, ai, ai-reviewed, algorithm, unknown. Algorithm unless said; human when attesting.
    #[arg(long, value_name = "WHO")]
    pub(crate) authorship: Option<mark::Authorship>,
    /// What they may be used for; may be given again.
    #[arg(long = "purpose", value_name = "PURPOSE")]
    pub(crate) purposes: Vec<String>,
    /// Where they may be kept, as ISO 3166 codes; may be given again.
    #[arg(long = "jurisdiction", value_name = "CODE")]
    pub(crate) jurisdictions: Vec<String>,
    /// Last day of their retention.
    #[arg(long, value_name = "DATE")]
    pub(crate) retain_until: Option<String>,
    /// Who ran the generator: an account or a team.
    #[arg(long, value_name = "WHO")]
    pub(crate) operator: Option<String>,
    /// When they were generated.
    #[arg(long, value_name = "MOMENT")]
    pub(crate) generated_at: Option<String>,
    /// The Salesforce object or table of a CSV.
    #[arg(long, value_name = "OBJECT")]
    pub(crate) object: Option<String>,
    /// A TOML file that says which column of a table holds what: `[columns."TABLE"]`, `COLUMN = "ROLE"`.
    #[arg(long, value_name = "FILE")]
    pub(crate) map: Option<PathBuf>,
    /// Attest the records instead: they are about people whom this boundary, a system of record, vouches for.
    #[arg(long, value_name = "BOUNDARY", conflicts_with = "generator")]
    pub(crate) attest: Option<String>,
    /// Write nothing if any record cannot be marked. Without it such records go to `OUT.rejected`, and the exit code
    /// is 1.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Which exports of the manifest to write beside OUT; all of them unless said.
    #[arg(long = "export", value_enum, value_delimiter = ',', value_name = "KIND")]
    pub(crate) exports: Option<Vec<crate::mark_command::Export>>,
    /// The configuration that names ledger and keys.
    #[arg(long, short, default_value = "eosin.toml", value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How records were made, as said on the command line or in a description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MethodWord {
    /// Rules and tables.
    RuleBased,
    /// A statistical model of real data.
    Statistical,
    /// A generative model.
    GenerativeModel,
    /// Real data with identifying parts replaced.
    Anonymised,
    /// Real data with records added or changed.
    Augmented,
}

#[derive(Debug, Args)]
pub(crate) struct JudgeArguments {
    /// Files, folders and zip archives, gzip too; standard input if there are none, or for `-`.
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Dataset files to know beside those of the configuration and those lying next to each FILE.
    #[arg(long = "dataset", value_name = "FILE")]
    pub(crate) datasets: Vec<PathBuf>,
    /// Keys of logs to trust beside those of the configuration: a `*.vkey` FILE is trusted for synthetic records
    /// only, `attested=FILE` for attested ones; may be given again.
    #[arg(long = "trust", value_name = "FILE")]
    pub(crate) trust: Vec<crate::judge_command::TrustedKey>,
    /// The Salesforce object or table of a CSV.
    #[arg(long, value_name = "OBJECT")]
    pub(crate) object: Option<String>,
    /// A TOML file that says which column of a table holds what: `[columns."TABLE"]`, `COLUMN = "ROLE"`.
    #[arg(long, value_name = "FILE")]
    pub(crate) map: Option<PathBuf>,
    /// Do not look further at records without a mark: neither the registry nor the recognisers are asked.
    #[arg(long)]
    pub(crate) no_recognise: bool,
    /// Exit with 1 only from this verdict on: synthetic (also mixed, transplanted, forged, unreadable), suspected (also
    /// untrusted), unproven. Each includes those before it; may be given again.
    #[arg(long = "fail-on", value_enum, hide_possible_values = true, value_name = "VERDICT")]
    pub(crate) fail_on: Vec<crate::judge_command::FailOn>,
    /// The configuration; without it only what the other flags name is trusted.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print counts and findings as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FilterArguments {
    /// The file to split, plain or gzip; `-` is standard input.
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,
    /// What may pass; its manifest appears beside it, `FILE.manifest.json`.
    #[arg(long, value_name = "FILE")]
    pub(crate) kept: PathBuf,
    /// What may not, and what cannot be read; its manifest appears beside it.
    #[arg(long, value_name = "FILE")]
    pub(crate) withheld: PathBuf,
    /// The boundary that the records would cross; need not be said where the configuration has one only.
    #[arg(long, value_name = "NAME")]
    pub(crate) boundary: Option<String>,
    /// What would be done with them there: read, create, update, delete, export, deliver.
    #[arg(long, value_name = "ACTION", default_value = "deliver")]
    pub(crate) action: policy::Action,
    /// Dataset files to know beside those of the configuration and the one lying next to IN.
    #[arg(long = "dataset", value_name = "FILE")]
    pub(crate) datasets: Vec<PathBuf>,
    /// Keys of logs to trust beside those of the configuration, as for `judge`; may be given again.
    #[arg(long = "trust", value_name = "FILE")]
    pub(crate) trust: Vec<crate::judge_command::TrustedKey>,
    /// The Salesforce object or table of a CSV.
    #[arg(long, value_name = "OBJECT")]
    pub(crate) object: Option<String>,
    /// A TOML file that says which column of a table holds what, as for `judge`.
    #[arg(long, value_name = "FILE")]
    pub(crate) map: Option<PathBuf>,
    /// Do not look further at records without a mark.
    #[arg(long)]
    pub(crate) no_recognise: bool,
    /// The configuration that names boundaries, ledger and keys.
    #[arg(long, short, default_value = "eosin.toml", value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CertifyArguments {
    /// The file or folder to certify; with `--verify`, the files that the certificate is about.
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// The certificate; `PATH.certificate.json` unless said.
    #[arg(long, value_name = "FILE", conflicts_with = "verify")]
    pub(crate) out: Option<PathBuf>,
    /// The boundary that the files are to cross, for the certificate to name.
    #[arg(long, value_name = "NAME", conflicts_with = "verify")]
    pub(crate) boundary: Option<String>,
    /// Refuse weak suspicion too: one identifying value that the registry knows.
    #[arg(long, conflicts_with = "verify")]
    pub(crate) strict: bool,
    /// Refuse everything that is not attested.
    #[arg(long, conflicts_with = "verify")]
    pub(crate) only_attested: bool,
    /// The Salesforce object or table of a CSV.
    #[arg(long, value_name = "OBJECT", conflicts_with = "verify")]
    pub(crate) object: Option<String>,
    /// A TOML file that says which column of a table holds what, as for `judge`; the certificate states it.
    #[arg(long, value_name = "FILE", conflicts_with = "verify")]
    pub(crate) map: Option<PathBuf>,
    /// Check this certificate instead: offline, part by part.
    #[arg(long, value_name = "CERTIFICATE")]
    pub(crate) verify: Option<PathBuf>,
    /// The key of whoever certified, to check with; by default that of the configuration.
    #[arg(long, value_name = "FILE", requires = "verify")]
    pub(crate) vkey: Option<PathBuf>,
    /// A registry to compare with the snapshot that the certificate names.
    #[arg(long, value_name = "FOLDER", requires = "verify")]
    pub(crate) registry: Option<PathBuf>,
    /// The configuration that names ledger, keys, registry and recognisers.
    #[arg(long, short, default_value = "eosin.toml", value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DrillCommand {
    /// Degrade marked records step by step, and say by which of the three ways each is still recognised.
    ///
    /// Without a configuration the records are marked and registered for the drill alone, and nothing is kept.
    Strip(StripArguments),
}

#[derive(Debug, Args)]
pub(crate) struct StripArguments {
    /// The file of records.
    #[arg(value_name = "FILE", required_unless_present = "demo")]
    pub(crate) file: Option<PathBuf>,
    /// Take a dozen patients that the drill brings along.
    #[arg(long, conflicts_with = "file")]
    pub(crate) demo: bool,
    /// The Salesforce object or table of a CSV.
    #[arg(long, value_name = "OBJECT")]
    pub(crate) object: Option<String>,
    /// A TOML file that says which column of a table holds what, as for `judge`.
    #[arg(long, value_name = "FILE", conflicts_with = "demo")]
    pub(crate) map: Option<PathBuf>,
    /// Ask the trust, registry and recognisers of this configuration; FILE has marks of its own then.
    #[arg(long, short, value_name = "FILE", conflicts_with = "demo")]
    pub(crate) config: Option<PathBuf>,
    /// Print the table as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Recompute every tile and check every signature, of one ledger or of many.
    Verify {
        /// The ledgers' folders; by default that of the configuration.
        #[arg(value_name = "FOLDER")]
        folders: Vec<PathBuf>,
        /// A key to check them with; each ledger takes the one of its own name. By default those of the configuration.
        #[arg(long, value_name = "FILE")]
        vkey: Vec<PathBuf>,
        /// The public key of a witness whose cosignatures count. By default those of the configuration.
        #[arg(long, value_name = "FILE")]
        witness: Vec<PathBuf>,
        /// How many witnesses must have cosigned. By default what the configuration says, or all that are named.
        #[arg(long, value_name = "COUNT")]
        quorum: Option<usize>,
        /// The configuration.
        #[arg(long, short, default_value = "eosin.toml", value_name = "FILE")]
        config: PathBuf,
        /// Print the results as JSON, a line a ledger.
        #[arg(long)]
        json: bool,
    },
    /// List entries, of one ledger or of many, in the order of time.
    Show {
        /// The ledgers' folders; by default that of the configuration.
        #[arg(value_name = "FOLDER")]
        folders: Vec<PathBuf>,
        /// Only entries of this kind, such as `ruling` or `settlement`.
        #[arg(long, value_name = "KIND")]
        kind: Option<String>,
        /// Only entries about this boundary.
        #[arg(long, value_name = "NAME")]
        boundary: Option<String>,
        /// Only entries from this moment on, such as `2026-11-22T09:00:00Z`.
        #[arg(long, value_name = "MOMENT")]
        since: Option<String>,
        /// The last so many that fit.
        #[arg(long, default_value_t = 20, value_name = "COUNT")]
        last: usize,
        /// The configuration.
        #[arg(long, short, default_value = "eosin.toml", value_name = "FILE")]
        config: PathBuf,
        /// Print the entries as they stand in the ledger, a line each, with their places.
        #[arg(long)]
        json: bool,
    },
    /// Write an offline proof that an entry is in the ledger.
    Prove {
        /// The entry's place: the number that rulings name after the `#`, or the whole `origin#number`.
        #[arg(value_name = "PLACE")]
        place: String,
        /// Where to write the proof, a new file; the entry itself goes beside it, as `.json`. Default: the ledger's name and
        /// `-entry-NUMBER.tlog-proof`.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// A ledger's folder; of many, the one that `origin` names. By default that of the configuration.
        #[arg(long, value_name = "FOLDER")]
        folder: Vec<PathBuf>,
        /// The configuration.
        #[arg(long, short, default_value = "eosin.toml", value_name = "FILE")]
        config: PathBuf,
        /// Print the result as JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Read a configuration and say everything that is wrong with it.
    Check(ConfigFile),
    /// Print the configuration as it is understood, secrets left out.
    Show(ConfigFile),
}

/// Which configuration: by its place alone, or as every other command takes it.
#[derive(Debug, Args)]
pub(crate) struct ConfigFile {
    /// The configuration. Default: `eosin.toml`.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The same, as other commands take it.
    #[arg(long, short, value_name = "FILE", conflicts_with = "file")]
    config: Option<PathBuf>,
}

impl ConfigFile {
    pub(crate) fn place(&self) -> &Path {
        self.file.as_deref().or(self.config.as_deref()).unwrap_or(Path::new("eosin.toml"))
    }
}

#[derive(Debug, Args)]
pub(crate) struct OrgArguments {
    /// Where to listen for plain HTTP; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(crate) http: SocketAddr,
    /// Where to listen for HTTPS; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(crate) https: SocketAddr,
    /// Write the certificate authority that clients must trust to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_out: Option<PathBuf>,
    /// Load this snapshot at start and save it at the end; sandboxes that are made of the org are kept beside it.
    #[arg(long, value_name = "FILE")]
    pub(crate) snapshot: Option<PathBuf>,
    /// Begin as a sandbox: a copy of the org that this snapshot holds, made anew at each start.
    #[arg(long, value_name = "FILE", conflicts_with = "snapshot")]
    pub(crate) sandbox_of: Option<PathBuf>,
    /// Name of the sandbox, one to ten letters and digits: it ends the usernames.
    #[arg(long, value_name = "NAME", requires = "sandbox_of", default_value = "sandbox")]
    pub(crate) sandbox_name: String,
    /// How much is copied: `full`, `partial`, `developer` or `developer-pro`.
    #[arg(long, value_name = "KIND", requires = "sandbox_of", default_value = "full", value_parser = sandbox_kind)]
    pub(crate) sandbox_kind: org::SandboxKind,
    /// An object whose records are copied, once for each; a partial sandbox needs one.
    #[arg(long, value_name = "OBJECT", requires = "sandbox_of")]
    pub(crate) sandbox_object: Vec<String>,
    /// An Apex class that implements `SandboxPostCopy`, run once the copy is made.
    #[arg(long, value_name = "CLASS", requires = "sandbox_of")]
    pub(crate) post_copy: Option<String>,
    /// A template of partial sandboxes, for those that are made by `SandboxInfo`: `NAME=Account,Contact`.
    #[arg(long, value_name = "TEMPLATE", value_parser = sandbox_template)]
    pub(crate) sandbox_template: Vec<(String, Vec<String>)>,
    /// Resources below `/services/apexrest`, as docs/org.md has them.
    #[arg(long, value_name = "FILE")]
    pub(crate) apex_rest: Option<PathBuf>,
    /// An object whose changes are published as change events, once for each.
    #[arg(long, value_name = "OBJECT")]
    pub(crate) change_events: Vec<String>,
    /// How many events of all topics are kept, the newest; one whose replay id is older is told that it is gone.
    #[arg(long, value_name = "COUNT", default_value_t = org::Limits::default().events)]
    pub(crate) keep_events: usize,
}

fn sandbox_kind(text: &str) -> Result<org::SandboxKind, String> {
    org::SandboxKind::read(text).ok_or_else(|| "`full`, `partial`, `developer` or `developer-pro`".to_owned())
}

fn sandbox_template(text: &str) -> Result<(String, Vec<String>), String> {
    let (name, objects) = text.split_once('=').ok_or("a name, `=`, and objects between commas")?;
    Ok((name.to_owned(), objects.split(',').map(|object| object.trim().to_owned()).collect()))
}

/// Prints the completion script for a shell.
pub(crate) fn completions(shell: clap_complete::Shell, printer: &Printer) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "eosin", &mut script);
    printer.data(&String::from_utf8_lossy(&script));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}

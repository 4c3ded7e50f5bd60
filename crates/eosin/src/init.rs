//! `eosin init`: a commented configuration, keys, and an empty ledger; nothing is ever overwritten.

use std::{
    fs,
    io::{BufRead as _, IsTerminal as _},
    path::Path,
};

use data_encoding::BASE32_NOPAD;
use ledger::{Ledger, durable};
use mark::note::SignerKey;
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use crate::{
    arguments::InitArguments,
    keys,
    outcome::{Done, Outcome},
    policy_command::versions::LOG,
    printer::{Printer, Style},
};

const TEMPLATE: &str = include_str!("init/eosin.toml");

/// Writes the files of secrets that are random bytes.
fn secrets(folder: &Path) -> miette::Result<()> {
    let registry_key = folder.join("keys").join("registry.key");
    durable::create_private(&registry_key, format!("{}\n", keys::new_registry_key()?).as_bytes())
        .into_diagnostic()?;
    let quarantine_key = folder.join("keys").join("quarantine.key");
    durable::create_private(&quarantine_key, format!("{}\n", keys::new_quarantine_key()?).as_bytes())
        .into_diagnostic()?;
    let link_key = folder.join("keys").join("links.key");
    durable::create_private(&link_key, format!("{}\n", keys::new_link_key()?).as_bytes())
        .into_diagnostic()?;
    Ok(())
}

/// Writes `eosin.toml`, `keys/ledger.skey`, `keys/registry.key`, `keys/quarantine.key`, `keys/links.key`, `keys/witness.skey`, `keys/policy.skey` and `keys/headers.jwk` (0600), their public halves, `datasets/`, an empty `ledger/` and an empty log in `policies/`.
pub(crate) fn init(arguments: &InitArguments, printer: &Printer) -> Done {
    let folder = &arguments.folder;
    for name in ["eosin.toml", "keys", "ledger", "policies"] {
        if folder.join(name).exists() {
            return Err(miette!(
                help = "choose another folder, or move what is there aside",
                "{} is there already, and nothing is overwritten",
                folder.join(name).display()
            ));
        }
    }
    let ask = !arguments.yes && std::io::stdin().is_terminal() && printer.is_terminal();
    let answers = if ask { Answers::ask(printer)? } else { Answers::default() };

    fs::create_dir_all(folder.join("keys")).into_diagnostic().wrap_err("cannot make the folder")?;
    fs::create_dir_all(folder.join("datasets")).into_diagnostic().wrap_err("cannot make the folder")?;
    let signer = new_log_key()?;
    write_keys(&folder.join("keys"), "ledger", &signer)?;
    Ledger::create(&folder.join("ledger"), signer.clone())
        .into_diagnostic()
        .wrap_err("cannot make the ledger")?;
    let versions = keys::new_signer(&format!("{}/policy", signer.name()))?;
    write_keys(&folder.join("keys"), "policy", &versions)?;
    Ledger::create(&folder.join("policies").join(LOG), versions)
        .into_diagnostic()
        .wrap_err("cannot make the log of policy versions")?;
    secrets(folder)?;
    let witness = keys::new_witness(&format!("{}/witness", signer.name()))?;
    let private = folder.join("keys").join("witness.skey");
    durable::create_private(&private, format!("{}\n", witness.to_string()).as_bytes()).into_diagnostic()?;
    let public = folder.join("keys").join("witness.vkey");
    durable::replace(&public, format!("{}\n", witness.verifier()).as_bytes()).into_diagnostic()?;
    let headers = keys::new_headers_key()?;
    let private = folder.join("keys").join("headers.jwk");
    durable::create_private(&private, format!("{}\n", headers.private).as_bytes()).into_diagnostic()?;
    let public = folder.join("keys").join("headers.public.jwk");
    durable::replace(&public, format!("{}\n", headers.public).as_bytes()).into_diagnostic()?;
    let text = TEMPLATE
        .replace("{upstream}", &answers.upstream)
        .replace("{environment}", &answers.environment)
        .replace("{jurisdiction}", &answers.jurisdiction)
        .replace("{mode}", &answers.mode);
    durable::replace(&folder.join("eosin.toml"), text.as_bytes()).into_diagnostic()?;

    let say = |path: &str, what: &str| printer.line(&format!("  {path:<22}{what}"));
    printer.line(&printer.paint(Style::Strong, &format!("Eosin is set up in {}", folder.display())));
    say("eosin.toml", "the configuration, with a comment on every line that matters");
    say("keys/ledger.skey", "the ledger's private key, readable by you alone");
    say("keys/ledger.vkey", "its public key: give it to whoever checks your proofs");
    say("keys/registry.key", "the registry's secret: fingerprints can be made with it alone, so keep a copy");
    say("keys/quarantine.key", "the quarantine's secret: without it nothing that is kept can be opened");
    say(
        "keys/links.key",
        "seals the links of isolated searches: every gateway behind one address has the same",
    );
    say(
        "keys/headers.jwk",
        "signs headers; headers.public.jwk beside it is for the gateways that check them",
    );
    say(
        "keys/witness.skey",
        "cosigns other logs, if this gateway is to be their witness; witness.vkey is for them",
    );
    say("keys/policy.skey", "puts versions of the policies in force; gateways need policy.vkey alone");
    say("ledger/", &format!("an empty ledger named {}", signer.name()));
    say("policies/", "versions of the policies, none in force yet: the shipped ones hold");
    say("datasets/", "datasets that are known from the start");
    printer.line("");
    printer.line("Next: set `upstream` in eosin.toml, then `eosin config check` and `eosin run`.");
    Ok(Outcome::Clean)
}

/// A key for a log with a name of its own.
pub(crate) fn new_log_key() -> miette::Result<SignerKey> {
    let random: [u8; 5] = keys::random()?;
    keys::new_signer(&format!("eosin.local/{}", BASE32_NOPAD.encode(&random).to_ascii_lowercase()))
}

/// Writes `NAME.skey` with mode 0600 and `NAME.vkey`.
pub(crate) fn write_keys(folder: &Path, name: &str, signer: &SignerKey) -> miette::Result<()> {
    let private = folder.join(format!("{name}.skey"));
    durable::create_private(&private, format!("{}\n", signer.to_string()).as_bytes()).into_diagnostic()?;
    let public = folder.join(format!("{name}.vkey"));
    durable::replace(&public, format!("{}\n", signer.verifier()).as_bytes()).into_diagnostic()
}

struct Answers {
    upstream: String,
    environment: String,
    jurisdiction: String,
    mode: String,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            upstream: "https://your-domain.my.salesforce.com".to_owned(),
            environment: "sandbox".to_owned(),
            jurisdiction: "US".to_owned(),
            mode: "enforce".to_owned(),
        }
    }
}

impl Answers {
    fn ask(printer: &Printer) -> miette::Result<Self> {
        let usual = Self::default();
        printer.line("Four questions; Enter takes what stands in brackets.");
        Ok(Self {
            upstream: question(printer, "Where is your Salesforce org?", &usual.upstream, |text| {
                let uri: Result<http::Uri, _> = text.parse();
                uri.is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")))
            })?,
            environment: question(
                printer,
                "Is it production, staging, sandbox or test?",
                &usual.environment,
                |text| text.parse::<policy::Environment>().is_ok(),
            )?,
            jurisdiction: question(
                printer,
                "Which jurisdiction, as an ISO 3166 code?",
                &usual.jurisdiction,
                |text| {
                    text.len() >= 2 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                },
            )?,
            mode: question(printer, "Shall it observe, warn or enforce?", &usual.mode, |text| {
                text.parse::<policy::Mode>().is_ok()
            })?,
        })
    }
}

fn question(
    printer: &Printer,
    text: &str,
    usual: &str,
    fits: impl Fn(&str) -> bool,
) -> miette::Result<String> {
    loop {
        printer.data(&format!("{text} [{usual}] "));
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line).into_diagnostic()?;
        let answer = line.trim();
        if answer.is_empty() {
            if read == 0 {
                return Err(miette!("no answer came; `--yes` takes the defaults"));
            }
            return Ok(usual.to_owned());
        }
        if fits(answer) {
            return Ok(answer.to_owned());
        }
        printer.line("That does not fit; please try again.");
    }
}

//! `cargo xtask`: the commands that keep the tree in order. `cargo xtask` alone lists them.

use std::io::{self, Write as _};
use std::process::ExitCode;

use xtask::tree::{self, write_text};
use xtask::{licences, salesforce, tidy};

mod ci;
mod clients;
mod leaks;
mod peers;
mod weigh;

const HELP: &str = "\
cargo xtask <command>

  ci          everything CI runs, in order; ends with `N passed, N failed, N skipped`
  tidy        what a compiler cannot check: imports, names, words, links, vectors, licences
  clients     stories with real Salesforce clients: straight to the org, and through the gateway
  control     the control API, asked by Schemathesis as its document says and otherwise
  console     the console in Chromium: the door, each page and form, and what axe says of them
  fhir        real FHIR clients and Synthea's Bundles, in front of Medplum's router
  leaks       the leak channels, a scene each; `--write` writes docs/leak-channels.md
  bypass      the duel of tricks and doors
  kill        the duel of a gateway that is killed under load; `--seconds 120` for a long one
  kill-feed   the same of a feed of HL7 v2
  refresh     what a sandbox refresh carries, with and without a gateway in front of the sandbox
  golden      the local org's answers beside those recorded from real orgs, member by member
  suite       jsforce's own tests, straight to the org and through the gateway; `--checkout FOLDER` for today's
  subscriptions  the Pub/Sub API with aiosfpubsub and grpcio, and a subscriber that is killed in the middle
  webhooks    events from the CloudEvents SDK, to consumers that verify with `standardwebhooks`
  incidents   the three founding incidents, as they were and with Eosin; `--write` writes docs/incidents.md
  emergency   an emergency version under a load of bookings at three gateways; `--bookings 100000` for all of it,
              `--activations 100` for how soon a version of the policies is in effect
  fuzz        every parser with bytes that a fuzzer makes; `--minutes 60` for each; writes docs/fuzzing.md
  licences    writes docs/licences.md
  salesforce  writes the fields of the Salesforce package
  weigh       sizes: crates linked, longest files, slowest units of the last `cargo build --timings`
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let done = match command.as_str() {
        "ci" => Ok(ci::run()),
        "tidy" => Ok(run_tidy()),
        "clients" => Ok(clients::alone(&rest)),
        "fhir" => Ok(leaks::alone(leaks::Script::Fhir, &rest)),
        "control" => Ok(leaks::alone(leaks::Script::Control, &rest)),
        "console" => Ok(leaks::alone(leaks::Script::Console, &rest)),
        "leaks" => Ok(leaks::alone(leaks::Script::Channels, &rest)),
        "bypass" => Ok(leaks::alone(leaks::Script::Bypass, &rest)),
        "kill" => Ok(leaks::alone(leaks::Script::Kill, &rest)),
        "kill-feed" => Ok(leaks::alone(leaks::Script::KillFeed, &rest)),
        "refresh" => Ok(leaks::alone(leaks::Script::Refresh, &rest)),
        "golden" => Ok(leaks::alone(leaks::Script::Golden, &rest)),
        "suite" => Ok(leaks::alone(leaks::Script::Suite, &rest)),
        "subscriptions" => Ok(leaks::alone(leaks::Script::Subscriptions, &rest)),
        "webhooks" => Ok(leaks::alone(leaks::Script::Webhooks, &rest)),
        "incidents" => Ok(leaks::alone(leaks::Script::Incidents, &rest)),
        "emergency" => Ok(leaks::alone(leaks::Script::Emergency, &rest)),
        "fuzz" => Ok(leaks::alone(leaks::Script::Fuzz, &rest)),
        "licences" => write_licences(),
        "salesforce" => write_salesforce(),
        "weigh" => weigh::print(),
        "" | "help" | "--help" | "-h" => {
            say(HELP);
            Ok(true)
        }
        other => Err(format!("there is no command `{other}`; `cargo xtask` lists them")),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(says) => {
            say(&format!("error: {says}\n"));
            ExitCode::from(2)
        }
    }
}

/// Writes to the output; a reader that has gone is no reason to stop.
fn say(text: &str) {
    let _written = io::stdout().write_all(text.as_bytes());
}

fn run_tidy() -> bool {
    let findings = tidy::all(&tree::root());
    for finding in &findings {
        say(&format!("{finding}\n"));
    }
    say(&match findings.len() {
        0 => "tidy\n".to_owned(),
        count => format!("{count} to tidy\n"),
    });
    findings.is_empty()
}

fn write_licences() -> Result<bool, String> {
    let root = tree::root();
    let page = licences::page(&root).map_err(|failed| failed.to_string())?;
    write_text(&root.join(licences::PAGE), &page).map_err(|error| error.to_string())?;
    Ok(true)
}

fn write_salesforce() -> Result<bool, String> {
    let root = tree::root();
    for (path, text) in salesforce::files() {
        write_text(&root.join(path), &text).map_err(|error| error.to_string())?;
    }
    Ok(true)
}

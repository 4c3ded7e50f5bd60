//! `eosin token`: tokens with which programs read the console's pages.

use std::collections::BTreeSet;

use access::{Action, Change, Name, TokenSecret};
use clap::Subcommand;
use comfy_table::{Table, presets};
use miette::miette;
use serde_json::json;

use crate::{
    config::Config,
    keys,
    operator_command::{Listing, Signed, by, known},
    operators::{Operators, moment_of},
    outcome::{Done, Outcome},
    printer::{Printer, Style},
    wiring,
};

/// Seconds of a day.
const DAY_SECONDS: u64 = 86_400;

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token for an operator. It is shown once.
    Make {
        /// Whose it is: it may at most what they may.
        #[arg(value_name = "NAME")]
        operator: Name,
        /// What it may, once for each: `see-posture`, `see-transactions`, `see-records`, `see-datasets`, `see-policies`,
        /// `see-quarantine`, `see-ledgers`, `see-operators`, `query-index`, `decide-quarantine`,
        /// `register-datasets`, `handle-records`, `change-policies`, `switch-emergency`.
        #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = scope)]
        scopes: Vec<Action>,
        /// For how many days it is good.
        #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=366))]
        days: u16,
        /// What it is for, in at most 64 characters.
        #[arg(long, value_name = "TEXT", default_value = "")]
        label: String,
        #[command(flatten)]
        signed: Signed,
    },
    /// List the tokens that are good.
    List(Listing),
    /// Make a token good for nothing.
    Revoke {
        /// Its id, as `eosin token list` has it.
        #[arg(value_name = "TOKEN")]
        id: String,
        #[command(flatten)]
        signed: Signed,
    },
}

fn scope(text: &str) -> Result<Action, String> {
    let scope: Action = text.parse().map_err(str::to_owned)?;
    if scope.is_scope() {
        Ok(scope)
    } else {
        Err(format!("a token cannot `{scope}`: it makes no operators and no tokens"))
    }
}

/// Runs one of the commands about tokens.
pub(crate) fn token(command: &TokenCommand, printer: &Printer) -> Done {
    match command {
        TokenCommand::Make { operator, scopes, days, label, signed } => {
            let operators = Operators::of(&Config::load(&signed.config)?);
            known(&operators, operator)?;
            let secret = TokenSecret::new(&keys::random()?);
            let until = wiring::posix_seconds() + u64::from(*days) * DAY_SECONDS;
            let scopes: BTreeSet<Action> = scopes.iter().copied().collect();
            let change = Change::make_token(&secret, label, scopes, until);
            let place = operators.change(&by(signed), operator, &change, None)?;
            if signed.json {
                let told = json!({"token": secret.reveal(), "id": secret.id(), "until": moment_of(until), "entry": place});
                printer.line(&told.to_string());
            } else {
                printer.line(secret.reveal());
                printer.note(&format!(
                    "It is shown once. It is {} in lists, good until {}, entry {place}.",
                    secret.id(),
                    moment_of(until)
                ));
            }
            Ok(Outcome::Clean)
        }
        TokenCommand::List(Listing { config, json }) => {
            list(&Operators::of(&Config::load(config)?), *json, printer)
        }
        TokenCommand::Revoke { id, signed } => {
            let operators = Operators::of(&Config::load(&signed.config)?);
            let register = operators.read()?.unwrap_or_default();
            let mut tokens = register.tokens(wiring::posix_seconds());
            let found = tokens.find(|(known, _)| known == id);
            let Some((_, token)) = found else {
                return Err(miette!(help = "`eosin token list` shows all", "there is no token `{id}`"));
            };
            let place =
                operators.change(&by(signed), &token.operator, &Change::RevokeToken(id.clone()), None)?;
            if signed.json {
                printer.line(&json!({"id": id, "event": "token-revoked", "entry": place}).to_string());
            } else {
                let done = printer.paint(Style::Good, id);
                printer.line(&format!("{done} is good for nothing any more, entry {place}"));
            }
            Ok(Outcome::Clean)
        }
    }
}

fn list(operators: &Operators, json: bool, printer: &Printer) -> Done {
    let register = operators.read()?.unwrap_or_default();
    let now = wiring::posix_seconds();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["token", "operator", "until", "for", "may"]);
    let mut count = 0;
    for (id, token) in register.tokens(now) {
        count += 1;
        let until = moment_of(token.until);
        if json {
            let told = json!({
                "id": id, "operator": token.operator, "label": token.label, "scopes": token.scopes,
                "since": moment_of(token.since), "until": until,
            });
            printer.line(&told.to_string());
        } else {
            let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.as_str()).collect();
            table.add_row([id, token.operator.as_str(), &until, &token.label, &scopes.join(" ")]);
        }
    }
    if count == 0 && !json {
        printer.line("No token is good now.");
    } else if !json {
        printer.line(&table.trim_fmt());
    }
    Ok(Outcome::Clean)
}

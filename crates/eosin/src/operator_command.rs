//! `eosin operator`: who may sign in to the console, and as what.

use std::io::IsTerminal as _;

use access::{Change, Code, Cost, Name, Password, PasswordHash, Register, Role, Seed};
use comfy_table::{Table, presets};
use data_encoding::BASE32_NOPAD;
use miette::{IntoDiagnostic as _, miette};
use serde_json::json;

use crate::{
    config::Config,
    environment, keys,
    operators::{By, Operators, moment_of},
    outcome::{Done, Outcome},
    printer::{Printer, Style},
    secret_input, wiring,
};

mod arguments;

use arguments::Door;
pub(crate) use arguments::{Listing, OperatorCommand, Signed};

/// Runs one of the commands about operators.
pub(crate) fn operator(command: &OperatorCommand, printer: &Printer) -> Done {
    match command {
        OperatorCommand::Add { name, role, password, signed } => {
            let hash = hash_of(name, password.password_file.as_deref(), printer)?;
            let change = Change::Add { role: *role, password: hash, must_change: password.temporary };
            changed(name, &change, None, signed, &format!("added as {role}"), printer)
        }
        OperatorCommand::List(Listing { config, json }) => {
            list(&Operators::of(&Config::load(config)?), *json, printer)
        }
        OperatorCommand::Role { name, role, expect, signed } => {
            changed(name, &Change::Role(*role), *expect, signed, &format!("is {role} now"), printer)
        }
        OperatorCommand::Disable(Door { name, expect, signed }) => {
            let said = "may no longer sign in; sessions and tokens are good for nothing";
            changed(name, &Change::Disable, *expect, signed, said, printer)
        }
        OperatorCommand::Enable(Door { name, expect, signed }) => {
            changed(name, &Change::Enable, *expect, signed, "may sign in again", printer)
        }
        OperatorCommand::ResetPassword { name, password, signed } => {
            known(&Operators::of(&Config::load(&signed.config)?), name)?;
            let hash = hash_of(name, password.password_file.as_deref(), printer)?;
            let change = Change::Password { password: hash, must_change: password.temporary };
            changed(name, &change, None, signed, "has another password; sessions have ended", printer)
        }
        OperatorCommand::Totp { name, off: true, signed } => {
            changed(name, &Change::Totp(None), None, signed, "needs no code any more", printer)
        }
        OperatorCommand::Totp { name, off: false, signed } => totp(name, signed, printer),
    }
}

/// Who changes something from the command line.
pub(crate) fn by(signed: &Signed) -> By {
    By::on_command_line(environment::who(signed.by.as_deref()))
}

/// The operator of this name, or a report.
pub(crate) fn known(operators: &Operators, name: &Name) -> miette::Result<Register> {
    let register = operators.read()?.unwrap_or_default();
    if register.operator(name).is_none() {
        return Err(miette!(help = "`eosin operator list` shows all", "there is no operator `{name}`"));
    }
    Ok(register)
}

fn hash_of(name: &Name, file: Option<&std::path::Path>, printer: &Printer) -> miette::Result<PasswordHash> {
    let typed = secret_input::new_password(file, name.as_str(), printer)?;
    let password = Password::new(&typed, name).into_diagnostic()?;
    PasswordHash::new(&password, &keys::random()?, Cost::OWASP).into_diagnostic()
}

fn changed(
    name: &Name,
    change: &Change,
    expect: Option<u64>,
    signed: &Signed,
    said: &str,
    printer: &Printer,
) -> Done {
    let operators = Operators::of(&Config::load(&signed.config)?);
    let place = operators.change(&by(signed), name, change, expect)?;
    if signed.json {
        printer.line(&json!({"operator": name, "event": change.event(), "entry": place}).to_string());
    } else {
        let done = printer.paint(Style::Good, name.as_str());
        printer.line(&format!("{done} {said}, entry {place}"));
    }
    Ok(Outcome::Clean)
}

/// A new authenticator; on a terminal only once its first code was typed.
fn totp(name: &Name, signed: &Signed, printer: &Printer) -> Done {
    let operators = Operators::of(&Config::load(&signed.config)?);
    known(&operators, name)?;
    let seed = Seed::new(keys::random()?);
    let uri = seed.to_uri(name);
    if !signed.json {
        printer.line(&format!("Put this into the authenticator of {name}; it is shown once:"));
        printer.line(&format!("  {}\n  {uri}", spaced(&seed.to_base32())));
    }
    let mut step = None;
    if !signed.json && std::io::stdin().is_terminal() {
        let typed = secret_input::asked("The code that it shows now: ", printer)?;
        step = Code::read(&typed).and_then(|code| seed.step_of(code, wiring::posix_seconds(), 0));
        if step.is_none() {
            return Err(miette!(
                help = "check the clock of the authenticator and of this machine, then begin again",
                "that is not the code of now: nothing was changed"
            ));
        }
    }
    let by = by(signed);
    let place = operators.change(&by, name, &Change::Totp(Some(seed)), None)?;
    if let Some(step) = step {
        operators.change(&by, name, &Change::UsedStep(step), None)?;
    }
    if signed.json {
        printer.line(&json!({"operator": name, "event": "totp-on", "entry": place, "uri": uri}).to_string());
    } else {
        printer.line(&format!(
            "{} signs in with a code from now on, entry {place}",
            printer.paint(Style::Good, name.as_str())
        ));
    }
    Ok(Outcome::Clean)
}

/// Four letters at a time, as they are typed off.
pub(crate) fn spaced(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(4).map(String::from_iter).collect::<Vec<_>>().join(" ")
}

/// A password that nobody chose, to be changed at the first sign-in: 120 random bits.
pub(crate) fn drawn_password() -> miette::Result<String> {
    let random: [u8; 15] = keys::random()?;
    let letters: Vec<char> = BASE32_NOPAD.encode(&random).to_ascii_lowercase().chars().collect();
    Ok(letters.chunks(6).map(String::from_iter).collect::<Vec<_>>().join("-"))
}

fn list(operators: &Operators, json: bool, printer: &Printer) -> Done {
    let register = operators.read()?.unwrap_or_default();
    let now = wiring::posix_seconds();
    let state = |one: &access::Operator| match (one.is_disabled(), one.must_change_password()) {
        (true, _) if one.is_taken_off() => "no role at the provider",
        (true, _) => "disabled",
        (false, true) => "has to change the password",
        (false, false) => "active",
    };
    if json {
        for (name, one) in register.operators() {
            let tokens = register.tokens(now).filter(|(_, token)| token.operator == *name).count();
            let told = json!({
                "operator": name, "role": one.role(), "state": state(one), "totp": one.has_totp(), "tokens": tokens,
                "since": moment_of(one.since()), "revision": one.revision(),
            });
            printer.line(&told.to_string());
        }
        return Ok(Outcome::Clean);
    }
    if register.operators().next().is_none() {
        printer.line(&format!("There are no operators. Make one: {FIRST}"));
        return Ok(Outcome::Clean);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["operator", "role", "state", "code", "since"]);
    for (name, one) in register.operators() {
        let code = if one.has_totp() { "yes" } else { "no" };
        let since = moment_of(one.since());
        table.add_row([name.as_str(), one.role().as_str(), state(one), code, &since]);
    }
    printer.line(&table.trim_fmt());
    Ok(Outcome::Clean)
}

/// The one command that makes the first operator.
pub(crate) const FIRST: &str = "eosin operator add NAME --role admin";

/// The roles, for the help.
pub(crate) fn role(text: &str) -> Result<Role, String> {
    text.parse().map_err(str::to_owned)
}

//! The binary: commands, configuration, wiring. Start at [`main`], then `arguments.rs`.

use std::process::ExitCode;

use clap::Parser as _;

mod announcing;
mod appearing;
mod arguments;
mod attesting;
mod audit_events;
mod audit_server;
mod emergency_command;
mod environment;
mod keys;
mod outcome;
mod printer;

mod certify_command;
mod column_maps;
mod config;
mod config_command;
mod console_command;
mod datasets;
mod demo;
mod drill_command;
mod export;
mod file_limit;
mod filter_command;
mod index_command;
mod indexing;
mod init;
mod input;
mod judge_command;
mod judging;
mod ledger_command;
mod mark_command;
mod operator_command;
mod operators;
mod org_command;
mod pipeline;
mod policy_command;
mod progress;
mod quarantine_command;
mod question;
mod registered;
mod registry_command;
mod remote;
mod run;
mod secret_input;
mod subscribing;
mod token_command;
mod traces;
mod trust;
mod turns;
mod wiring;
mod withheld;
mod witnessing;

use arguments::{Arguments, Command};
use outcome::Outcome;
use printer::Printer;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // One cryptographic provider for the process, before anything can ask for one.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return Outcome::CouldNotTell.into();
    }
    file_limit::reach_it_as_an_error();
    let arguments = Arguments::parse();
    let printer = Printer::new(&arguments.display);
    if let Some(server) = &arguments.server {
        let asked = remote::Remote::new(server, arguments.server_token_file.as_deref());
        let done = asked.and_then(|remote| remote.run(&arguments.command, &printer));
        return ended(done, &printer).into();
    }
    let done = match arguments.command {
        Command::Demo(arguments) => demo::demo(&arguments, &printer),
        Command::Init(arguments) => init::init(&arguments, &printer),
        Command::Run(arguments) => run::run(&arguments, &printer),
        Command::Mark(arguments) => mark_command::mark(&arguments, &printer),
        Command::Judge(arguments) => judge_command::judge(&arguments, &printer),
        Command::Filter(arguments) => filter_command::filter(&arguments, &printer),
        Command::Certify(arguments) => certify_command::certify(&arguments, &printer),
        Command::Drill(command) => drill_command::drill(&command, &printer),
        Command::Index(command) => index_command::index(&command, &printer),
        Command::Prove(arguments) => index_command::prove(&arguments, &printer),
        Command::Console(arguments) => console_command::console(&arguments, &printer),
        Command::Operator(command) => operator_command::operator(&command, &printer),
        Command::Token(command) => token_command::token(&command, &printer),
        Command::Policy(command) => policy_command::policy(&command, &printer),
        Command::Emergency(command) => emergency_command::emergency(&command, &printer),
        Command::Ledger(command) => ledger_command::ledger(&command, &printer),
        Command::Registry(command) => registry_command::registry(&command, &printer),
        Command::Quarantine(command) => quarantine_command::quarantine(&command, &printer),
        Command::Config(command) => config_command::config(&command, &printer),
        Command::Org(arguments) => org_command::org(&arguments, &printer),
        Command::Completions { shell } => {
            arguments::completions(shell, &printer);
            Ok(Outcome::Clean)
        }
    };
    ended(done, &printer).into()
}

/// How the command ended, once it is known whether what it printed arrived.
fn ended(done: outcome::Done, printer: &Printer) -> Outcome {
    let outcome = done.unwrap_or_else(|report| failed(&report, printer));
    let Some(why) = printer.lost() else { return outcome };
    failed(
        &miette::miette!("what was printed did not all arrive: standard output cannot be written: {why}"),
        printer,
    )
}

fn failed(report: &miette::Report, printer: &Printer) -> Outcome {
    printer.report(report);
    Outcome::CouldNotTell
}

//! `eosin console`: the pages over the index, for operators who sign in, or for whoever has a link on this machine.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use clap::Args;
use data_encoding::BASE32_NOPAD;
use gateway::{Entry, MakePage, PageRequest, PageServer};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use crate::{
    config::Config,
    index_command::{Known, Where},
    keys,
    operator_command::FIRST,
    operators::Operators,
    outcome::{Done, Outcome},
    printer::{Printer, Style},
    run,
};

mod answers;
mod pages;
mod reception;

use pages::Pages;
use reception::Reception;

#[derive(Debug, Args)]
pub(crate) struct ConsoleArguments {
    /// The address; of this machine only. Port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8460", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// Nobody signs in: whoever has the link that is printed sees every page.
    #[arg(long, conflicts_with = "secure_host")]
    pub(crate) without_sign_in: bool,
    /// The host that browsers ask for, where a proxy on this machine speaks TLS for the console: `console.example.org`.
    #[arg(long, value_name = "HOST", value_parser = host)]
    pub(crate) secure_host: Option<String>,
    #[command(flatten)]
    pub(crate) at: Where,
}

fn host(text: &str) -> Result<String, String> {
    let plain = |one: char| one.is_ascii_alphanumeric() || ".-:".contains(one);
    let fits = !text.is_empty() && text.len() <= 255 && text.chars().all(plain);
    if fits {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("a host as `console.example.org`, with `:PORT` if it has one".to_owned())
    }
}

/// Serves the console until Ctrl-C or SIGTERM.
pub(crate) fn console(arguments: &ConsoleArguments, printer: &Printer) -> Done {
    run::logging(printer);
    let known = Known::of(&arguments.at)?;
    let shown = known.place.to_string();
    let pages = Pages::new(known)?;
    let (entry, make, key): (Entry, MakePage, Option<String>) = if arguments.without_sign_in {
        let pages = Mutex::new(pages);
        let make = move |request: &PageRequest| {
            // A page that panicked left the index as it was: it is a view.
            pages.lock().unwrap_or_else(PoisonError::into_inner).page(&request.target, None)
        };
        let key = BASE32_NOPAD.encode(&keys::random::<20>()?).to_ascii_lowercase();
        (Entry::Key(key.clone()), Arc::new(make), Some(key))
    } else {
        let reception = Mutex::new(Reception::new(operators(arguments)?, pages)?);
        let make = move |request: &PageRequest| {
            // What panicked left sessions and failures as they were.
            reception.lock().unwrap_or_else(PoisonError::into_inner).answer(request)
        };
        (Entry::SignIn { secure_host: arguments.secure_host.clone() }, Arc::new(make), None)
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().into_diagnostic()?;
    runtime.block_on(async {
        let server = PageServer::start(arguments.listen, entry, make)
            .await
            .into_diagnostic()
            .wrap_err("the console did not start")?;
        tell(arguments, server.address(), key.as_deref(), &shown, printer);
        run::stopped().await?;
        server.stop().await;
        Ok::<_, miette::Report>(())
    })?;
    Ok(Outcome::Clean)
}

fn operators(arguments: &ConsoleArguments) -> miette::Result<Operators> {
    let file = &arguments.at.config;
    if !file.exists() {
        return Err(miette!(
            help =
                "name it with `--config FILE`, or open the console on this machine with `--without-sign-in`",
            "there is no {}: it says where the operators are",
            file.display()
        ));
    }
    Ok(Operators::of(&Config::load(file)?))
}

fn tell(
    arguments: &ConsoleArguments,
    address: SocketAddr,
    key: Option<&str>,
    index: &str,
    printer: &Printer,
) {
    let link = match (&arguments.secure_host, key) {
        (_, Some(key)) => format!("http://{address}/?key={key}"),
        (Some(host), None) => format!("https://{host}/"),
        (None, None) => format!("http://{address}/"),
    };
    if arguments.at.json {
        let told = serde_json::json!({ "console": link, "index": index, "listens": address.to_string() });
        printer.line(&told.to_string());
        return;
    }
    let says = match key {
        Some(_) => "The console is open to whoever has this link, on this machine:",
        None => "The console is open to operators who sign in:",
    };
    printer.line(&printer.paint(Style::Strong, says));
    printer.line(&format!("  {link}"));
    if arguments.secure_host.is_some() {
        printer.line(&format!("The proxy sends requests on to http://{address} on this machine."));
    }
    if key.is_none() {
        printer.note(&format!("`{FIRST}` makes an operator."));
    }
    printer.note(&format!("It shows the index in {index}. Ctrl-C closes it."));
}

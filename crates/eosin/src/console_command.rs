//! `eosin console`: the pages over the index, for operators who sign in, or for whoever has a link on this machine.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
};

use clap::Args;
use data_encoding::BASE32_NOPAD;
use gateway::{Entry, MakePage, MakeProgramAnswer, PageRequest, PageServer, ProgramRequest};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use crate::{
    config::{Config, telemetry::Telemetry},
    index_command::{Known, Where},
    keys,
    operator_command::FIRST,
    outcome::{Done, Outcome},
    printer::{Printer, Style},
    run,
    traces::Traces,
};

mod answers;
mod desk;
mod live;
pub(crate) mod openid;
mod pages;
mod programs;
mod reception;
mod traced;

use desk::Desk;
pub(crate) use live::Live;
pub(crate) use pages::{Pages, whole};
use programs::Programs;
use reception::{Answered, Reception};

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
    let (known, offered) = if arguments.without_sign_in {
        let known = Known::of(&arguments.at)?;
        let live = Live::new(known.place.clone(), known.ledgers.clone());
        let (entry, make, key) = with_key(live, Pages::new(known.clone())?)?;
        (known, Served { entry, make, programs: None, key: Some(key), telemetry: None })
    } else {
        let config = config(arguments)?;
        let known = Known::with(&arguments.at, Some(&config))?;
        let offered = with_sign_in(arguments, &config, &known, printer)?;
        (known, offered)
    };
    let shown = known.place.to_string();
    let Served { entry, make, programs, key, telemetry } = offered;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().into_diagnostic()?;
    runtime.block_on(async {
        let traces = telemetry.as_ref().map(|telemetry| Traces::start(telemetry, "console")).transpose()?;
        let begins = || traces.as_ref().map(Traces::tracer);
        let (make, programs) =
            (traced::pages(make, begins()), programs.map(|make| traced::programs(make, begins())));
        let server = PageServer::start(arguments.listen, entry, make, programs)
            .await
            .into_diagnostic()
            .wrap_err("the console did not start")?;
        let stopped = run::stopped()?;
        tell(arguments, server.address(), key.as_deref(), &shown, printer);
        stopped.await;
        server.stop().await;
        if let Some(traces) = traces {
            traces.finish().await;
        }
        Ok::<_, miette::Report>(())
    })?;
    // Whoever waits for news waits for nothing.
    runtime.shutdown_timeout(std::time::Duration::ZERO);
    Ok(Outcome::Clean)
}

/// What is served, and to whom.
struct Served {
    entry: Entry,
    make: MakePage,
    programs: Option<MakeProgramAnswer>,
    key: Option<String>,
    telemetry: Option<Telemetry>,
}

/// To operators, and to programs that show a token of theirs.
fn with_sign_in(
    arguments: &ConsoleArguments,
    config: &Config,
    known: &Known,
    printer: &Printer,
) -> miette::Result<Served> {
    let live = Live::new(known.place.clone(), known.ledgers.clone());
    let desk = Desk::new(config.clone(), known.place.clone(), printer.clone());
    let provider = config.openid.as_ref().map(openid::Provider::new).transpose()?;
    let pages = Arc::new(Pages::new(known.clone())?);
    let reception = Reception::new(desk, live, Arc::clone(&pages), provider)?;
    let reception = Arc::new(Mutex::new(reception));
    let programs = Programs::new(Arc::clone(&reception), pages, config.clone(), known.clone(), printer);
    let make = move |request: &PageRequest| {
        // What panicked left sessions and failures as they were.
        let answered = reception.lock().unwrap_or_else(PoisonError::into_inner).answer(request);
        match answered {
            Answered::Now(answer) => answer,
            Answered::Later(work) => work(),
            Answered::Twice(work) => {
                let finish = work();
                finish(&mut reception.lock().unwrap_or_else(PoisonError::into_inner))
            }
        }
    };
    let answer = move |request: &ProgramRequest| programs.answer(request);
    let entry = Entry::SignIn { secure_host: arguments.secure_host.clone() };
    Ok(Served {
        entry,
        make: Arc::new(make),
        programs: Some(Arc::new(answer)),
        key: None,
        telemetry: config.telemetry.clone(),
    })
}

/// Pages for whoever has a key, which is drawn here and in the link: nobody acts in them.
pub(crate) fn with_key(live: Live, pages: Pages) -> miette::Result<(Entry, MakePage, String)> {
    let make = move |request: &PageRequest| {
        if Live::has(&request.target) {
            return live.answer(request);
        }
        pages.page(&request.target, None)
    };
    let key = BASE32_NOPAD.encode(&keys::random::<20>()?).to_ascii_lowercase();
    Ok((Entry::Key(key.clone()), Arc::new(make), key))
}

fn config(arguments: &ConsoleArguments) -> miette::Result<Config> {
    let file = &arguments.at.config;
    if !file.exists() {
        return Err(miette!(
            help =
                "name it with `--config FILE`, or open the console on this machine with `--without-sign-in`",
            "there is no {}: it says where the operators are",
            file.display()
        ));
    }
    Config::load(file)
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

/// Held from now on, unless somebody holds it.
pub(crate) fn free<T>(shared: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match shared.try_lock() {
        Ok(held) => Some(held),
        Err(TryLockError::Poisoned(held)) => Some(held.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

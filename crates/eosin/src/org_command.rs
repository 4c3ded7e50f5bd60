//! `eosin org`: the local Salesforce-compatible org on its own.

mod apex_rest;

use miette::{IntoDiagnostic as _, WrapErr as _};

use crate::{
    arguments::OrgArguments,
    outcome::{Done, Outcome},
    printer::{Printer, Style},
    run,
};

/// Serves an org until Ctrl-C or SIGTERM.
pub(crate) fn org(arguments: &OrgArguments, printer: &Printer) -> Done {
    run::logging(printer);
    let resources = arguments.apex_rest.as_deref().map(apex_rest::read).transpose()?.unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().into_diagnostic()?;
    runtime.block_on(async {
        let config = org::Config {
            listen_http: Some(arguments.http),
            listen_https: Some(arguments.https),
            snapshot: arguments.snapshot.clone(),
            sandbox_of: sandbox(arguments),
            sandbox_templates: arguments.sandbox_template.clone(),
            change_events: arguments.change_events.clone(),
            limits: org::Limits { events: arguments.keep_events, ..org::Limits::default() },
            ..org::Config::default()
        };
        let running = org::Org::start(config).await.into_diagnostic().wrap_err("cannot start the org")?;
        if let (Some(path), Some(pem)) = (&arguments.ca_out, running.ca_pem()) {
            ledger::durable::replace(path, pem.as_bytes()).into_diagnostic()?;
        }
        for resource in &resources {
            running.add_apex_rest(resource.clone()).into_diagnostic()?;
        }
        let stopped = run::stopped()?;
        let line = |name: &str, value: &str| printer.line(&format!("  {name:<16}{value}"));
        printer.line(&printer.paint(Style::Strong, "A local org, in memory; these secrets are no secrets."));
        line("http", &running.http_url().unwrap_or_default());
        line("https", &running.https_url().unwrap_or_default());
        let ending = arguments
            .sandbox_of
            .as_ref()
            .map(|_| format!(".{}", arguments.sandbox_name.to_ascii_lowercase()));
        line("username", &format!("admin@org.example{}", ending.unwrap_or_default()));
        line("password", "local-password");
        line("security token", "token");
        line("pub/sub api", "gRPC, at both addresses");
        line("client id", "local-client");
        line("client secret", "local-secret");
        stopped.await;
        running.stop().await.into_diagnostic().wrap_err("the org did not stop cleanly")
    })?;
    Ok(Outcome::Clean)
}

/// The sandbox that the org begins as, if it does.
fn sandbox(arguments: &OrgArguments) -> Option<org::SandboxOf> {
    let snapshot = arguments.sandbox_of.clone()?;
    let sandbox = org::Sandbox {
        name: arguments.sandbox_name.clone(),
        kind: arguments.sandbox_kind,
        objects: arguments.sandbox_object.clone(),
        post_copy: arguments.post_copy.clone(),
        requested_by: None,
    };
    Some(org::SandboxOf { snapshot, sandbox })
}

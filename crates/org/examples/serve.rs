//! Serves a local org until its input closes or it is told to end: for scripts of tests.
//!
//! `cargo run -p org --example serve -- [--http ADDRESS] [--https ADDRESS] [--ca FILE] [--snapshot FILE]
//!  [--batch-rows N] [--bulk-page-rows N] [--token TOKEN] [--external-id Object.Field__c]… [--object Name__c]…`
//! prints one line of JSON with the addresses, the file with the authority to trust, and the credentials.

#![expect(clippy::print_stdout, reason = "an example prints for scripts")]

use std::error::Error;
use std::io::Read;
use std::path::PathBuf;

use org::{Config, CustomField, Org};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut config = Config::default();
    let mut ca_file: Option<PathBuf> = None;
    let (mut objects, mut fields) = (Vec::new(), Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--http" => config.listen_http = Some(value.parse()?),
            "--https" => config.listen_https = Some(value.parse()?),
            "--ca" => ca_file = Some(value.into()),
            "--snapshot" => config.snapshot = Some(value.into()),
            "--batch-rows" => config.query_batch_rows = value.parse()?,
            "--bulk-page-rows" => config.limits.bulk_page_rows = value.parse()?,
            "--token" => config.credentials.tokens.push((value, "admin@org.example".into())),
            "--external-id" => fields.push(value),
            "--object" => objects.push(value),
            _ => return Err(format!("unknown flag {name}").into()),
        }
    }
    let running = Org::start(config).await?;
    for object in objects {
        running.add_custom_object(&object, &object)?;
    }
    for field in fields {
        let (object, name) = field.split_once('.').ok_or("--external-id takes Object.Field__c")?;
        running.add_custom_field(object, &CustomField::external_id(name))?;
    }
    if let (Some(path), Some(pem)) = (&ca_file, running.ca_pem()) {
        tokio::fs::write(path, pem).await?;
    }
    let shown = serde_json::json!({
        "http": running.http_url(),
        "https": running.https_url(),
        "ca": ca_file,
        "client_id": "local-client",
        "client_secret": "local-secret",
        "username": "admin@org.example",
        "password": "local-password",
        "security_token": "token",
        "refresh_token": "local-refresh",
    });
    println!("{shown}");
    let (closed, input) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut byte = [0u8; 256];
        while std::io::stdin().read(&mut byte).is_ok_and(|count| count > 0) {}
        closed.send(())
    });
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = input => {}
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    running.stop().await?;
    Ok(())
}

//! `eosin certify`: a certificate that files held nothing synthetic, or the records for which there is none.
//!
//! Files are digested, judged and digested again; the ledger's entry comes before the certificate, and the
//! certificate is there whole or not at all. A refusal is logged too. Source: spec/certificate.md.

use std::path::{Path, PathBuf};

use certificate::{
    JudgedAgainst, Predicate, Receipt, RecogniserUsed, RegistryUsed, Rule, Statement, Subject, says,
};
use flow::Recognition;
use ledger::{CommitError, Ledger};
use mark::{Salt, TrustStore, dsse::key_hint, note::SignerKey};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use registry::Snapshot;

use crate::{
    appearing,
    arguments::CertifyArguments,
    column_maps::ColumnMaps,
    config::{self, Config},
    input,
    judge_command::plain,
    judging::Judge,
    keys,
    outcome::{Done, Outcome},
    printer::Printer,
    wiring,
};

mod judging;
mod refusal;
mod sources;
mod telling;
mod verifying;

use judging::{Judged, Judges, Leaves};
use sources::Source;

/// What is added to a file's name to name its certificate.
const EXTENSION: &str = ".certificate.json";

/// Certifies files, or verifies a certificate.
///
/// Errors: a report, exit code 2, and no certificate was written.
pub(crate) fn certify(arguments: &CertifyArguments, printer: &Printer) -> Done {
    match &arguments.verify {
        Some(certificate) => verifying::verify(certificate, arguments, printer),
        None => write(arguments, printer),
    }
}

fn write(arguments: &CertifyArguments, printer: &Printer) -> Done {
    let out = place(arguments)?;
    let config = Config::load(&arguments.config)?;
    known_boundary(arguments.boundary.as_deref(), &config)?;
    let signer = keys::signer(&config.ledger.signer)?;
    let sources = sources::gather(&arguments.paths)?;
    // Before anything is logged: what does not verify is not to be in the ledger.
    sources::are_told_apart(&sources)?;

    let (mut trust, doubts) = config.trust_store()?;
    for doubt in doubts {
        printer.note(&plain(&doubt));
    }
    let objects = known_objects(&sources, arguments.object.as_deref(), &mut trust, printer)?;
    let recognition = config.recognition()?;
    let against = judged_against(&config, &trust, &recognition)?;
    // The ledger is opened before judging: that somebody else is writing to it is known early.
    let mut ledger = Ledger::open(&config.ledger.folder, signer.clone())
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot write to the ledger in {}", config.ledger.folder.display()))?;

    let asked = Asked {
        rule: Rule { strict: arguments.strict, only_attested: arguments.only_attested },
        boundary: arguments.boundary.clone(),
        salt: keys::salt()?,
        against,
    };
    let before = sources.iter().map(|source| sources::look(&source.path)).collect::<Result<Vec<_>, _>>()?;
    let by = Judges {
        judge: Judge { trust, recognition, columns: ColumnMaps::asked(arguments.map.as_deref())? },
        rule: asked.rule,
        salt: asked.salt,
        leaves: Leaves::Read,
    };
    let judged = judging::judge_all(&sources, &objects, &by, printer)?;
    for (source, before) in sources.iter().zip(&before) {
        if sources::look(&source.path)? != *before {
            return Err(miette!(
                help = "certify it when nobody writes to it",
                "{} changed while it was read, so nothing can be said about it",
                source.path.display()
            ));
        }
    }
    if judged.records() == 0 {
        return Err(miette!("there are no records in what was given, so nothing can be said about it"));
    }
    by.judge.columns.all_met()?;
    let is_stated = |table: &str| judged.files.iter().any(|file| file.object.as_deref() == Some(table));
    if let Some(table) = by.judge.columns.tables().find(|table| !is_stated(table)) {
        return Err(miette!(
            help = "certify it with `--object NAME`, or as a table of its own",
            "no file says that its rows are `{table}`, so no certificate can state what their columns hold"
        ));
    }
    let subject: Vec<Subject> = sources
        .iter()
        .zip(before)
        .map(|(source, look)| Subject { digest: look.digest, name: source.name.clone() })
        .collect();
    if judged.against > 0 {
        return refusal::refuse(&asked, &judged, &subject, &mut ledger, arguments.json, printer);
    }
    let statement = stated(asked, judged, subject, &mut ledger, &signer)?;
    put(&statement, &signer, &out)?;
    let told = telling::Written { statement: &statement, out: &out, arguments, config: &config };
    if arguments.json {
        printer.line(&told.to_json());
    } else {
        told.print(printer);
    }
    Ok(Outcome::Clean)
}

/// What was asked for, and what it was judged against.
struct Asked {
    rule: Rule,
    boundary: Option<String>,
    salt: Salt,
    against: JudgedAgainst,
}

/// Commits the entry, and only then has a statement.
fn stated(
    asked: Asked,
    judged: Judged,
    subject: Vec<Subject>,
    ledger: &mut Ledger,
    signer: &SignerKey,
) -> miette::Result<Statement> {
    let predicate = Predicate {
        at: wiring::moment(),
        boundary: asked.boundary,
        content_root: judged.content_root.to_hex(),
        says: says(&judged.counts, judged.suspected, &asked.against),
        records: judged.records(),
        counts: judged.counts,
        files: judged.files,
        judged_against: asked.against,
        leaves: None,
        receipt: Receipt::default(),
        rule: asked.rule.as_str().to_owned(),
        salt: asked.salt,
        signer: key_hint(signer.verifier()),
        suspected: judged.suspected,
    };
    let mut statement = Statement::new(subject, predicate);
    let entry = statement.entry();
    let index = log(ledger, &entry)?;
    let proof = ledger
        .prove(index)
        .into_diagnostic()
        .wrap_err("the ledger cannot prove what it has just logged; run `eosin ledger verify`")?;
    let entry = String::from_utf8(entry).into_diagnostic()?;
    statement.predicate.receipt = Receipt { entry, proof: proof.to_string() };
    Ok(statement)
}

/// Signs a statement and puts it in its place, after checking it as its reader will.
fn put(statement: &Statement, signer: &SignerKey, out: &Path) -> miette::Result<()> {
    let bytes = statement
        .sign(signer)
        .map_err(|why| miette!("the certificate would not verify, so it was not written: {why}"))?;
    appearing::put(out, &bytes).wrap_err_with(|| {
        format!("the certificate is logged, but {} could not be written; certify again", out.display())
    })
}

/// Commits one entry, and says where it is.
fn log(ledger: &mut Ledger, entry: &[u8]) -> miette::Result<u64> {
    let logged = ledger.commit(vec![entry.to_vec()], Clone::clone).map_err(|error| {
        let help = match &error {
            CommitError::Refused(_) => "nothing of it is in the ledger; mend the cause and certify again",
            CommitError::Unknown { .. } => "check the disk, run `eosin ledger verify`, then certify again",
        };
        miette!(help = help, "the ledger did not take the entry, so no certificate was written: {error}")
    })?;
    let index = logged.first().map(ledger::Logged::index);
    // What cannot be published now is in the journal, and provable all the same.
    drop(ledger.publish());
    index.ok_or_else(|| miette!("the ledger took no entry, so no certificate was written"))
}

/// Where the certificate will be: nothing is overwritten.
fn place(arguments: &CertifyArguments) -> miette::Result<PathBuf> {
    let out = match (&arguments.out, arguments.paths.as_slice()) {
        (_, []) => {
            return Err(miette!(
                help = "`eosin certify FILE`, or `eosin certify --verify CERTIFICATE FILE`",
                "say what to certify"
            ));
        }
        (Some(out), _) => out.clone(),
        (None, [only]) => {
            let whole = std::path::absolute(only).into_diagnostic()?;
            let named = if only.file_name().is_some() { only } else { &whole };
            let mut name = named
                .file_name()
                .ok_or_else(|| miette!("name the certificate with `--out FILE`"))?
                .to_owned();
            name.push(EXTENSION);
            named.with_file_name(name)
        }
        (None, _) => {
            return Err(miette!("there are several paths: name their one certificate with `--out FILE`"));
        }
    };
    for path in &arguments.paths {
        appearing::make_free(std::slice::from_ref(&out), path)?;
    }
    Ok(out)
}

fn known_boundary(name: Option<&str>, config: &Config) -> miette::Result<()> {
    let Some(name) = name else { return Ok(()) };
    let known: Vec<&str> = config.boundaries.iter().map(|known| known.boundary.name.as_str()).collect();
    if known.contains(&name) {
        return Ok(());
    }
    Err(miette!(
        help = format!("{} has: {}", config.file.display(), known.join(", ")),
        "there is no boundary `{}`",
        plain(name)
    ))
}

/// Takes in the datasets that lie beside the files, and says which object a table's rows are.
fn known_objects(
    sources: &[Source],
    object: Option<&str>,
    trust: &mut TrustStore,
    printer: &Printer,
) -> miette::Result<Vec<Option<String>>> {
    let mut objects = Vec::with_capacity(sources.len());
    for source in sources {
        let beside = input::dataset_beside(&source.path);
        let mut told = object.map(str::to_owned);
        if beside.exists() {
            let dataset = config::dataset_file(&beside)?;
            if let Err(error) = trust.admit(&dataset) {
                printer.note(&plain(&format!("{}: {error}", beside.display())));
            }
            if let (None, [only]) = (&told, dataset.manifest.objects.keys().collect::<Vec<_>>().as_slice()) {
                told = Some((*only).clone());
            }
        }
        objects.push(told);
    }
    Ok(objects)
}

/// What records will be judged against. The registry is read whole: a damaged one would know too little.
fn judged_against(
    config: &Config,
    trust: &TrustStore,
    recognition: &Recognition,
) -> miette::Result<JudgedAgainst> {
    let mut logs: Vec<String> = trust.logs().map(|(name, _)| name.to_owned()).collect();
    logs.sort();
    logs.dedup();
    let registry = match recognition.registry() {
        None => None,
        Some(registry) => {
            let snapshot = registry
                .verify()
                .into_diagnostic()
                .wrap_err("the registry cannot be believed, so nothing can be certified against it")?;
            Some(registry_used(&snapshot))
        }
    };
    let recogniser = recognition.recogniser().map(|recogniser| RecogniserUsed {
        threshold_decibits: recognition.suspected_from_decibits(),
        version: recogniser.version().to_owned(),
    });
    Ok(JudgedAgainst { logs, policy: config.policies()?.version().to_owned(), recogniser, registry })
}

/// A snapshot as certificates name it.
fn registry_used(snapshot: &Snapshot) -> RegistryUsed {
    RegistryUsed {
        entries: snapshot.entries,
        generation: snapshot.generation,
        key: snapshot.key.to_string(),
        root: snapshot.root.to_hex(),
    }
}

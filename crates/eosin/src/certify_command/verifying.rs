//! `eosin certify --verify`: a certificate, its files and a registry checked offline, part by part.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufReader, Read as _},
    path::{Path, PathBuf},
};

use certificate::{
    FileRead, LEAVES_OF_BYTES, Part, Parts, Predicate, Rule, State, Statement, Subject, SubjectDigest,
    bytes_leaf, examine, is_of,
};
use flow::Recognition;
use mark::{
    TrustStore, VerdictName,
    dsse::{ENVELOPE_BYTES_MAX, Envelope},
    merkle::Frontier,
    note::VerifierKey,
};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use registry::Registry;

use super::{
    judging::{self, Judges, Leaves},
    sources::{self, Source},
    telling,
};
use crate::{
    arguments::CertifyArguments,
    column_maps::ColumnMaps,
    config::Config,
    input::{self, LIMITS, Reads},
    judge_command::plain,
    judging::Judge,
    keys,
    outcome::{Done, Outcome},
    printer::{Printer, plural},
};

/// Checks a certificate.
///
/// Errors: a report, exit code 2, where nothing can be said: no key, or a file that cannot be read.
pub(super) fn verify(certificate: &Path, arguments: &CertifyArguments, printer: &Printer) -> Done {
    // Who may certify is our own log alone, or a key given by hand: a log that is trusted to vouch for synthetic
    // records is not thereby trusted to say that there are none.
    let key = match &arguments.vkey {
        Some(file) => keys::verifier(file)?,
        None => keys::verifier(&Config::load(&arguments.config)?.ledger.vkey)
            .wrap_err("give the key of whoever certified with `--vkey FILE`")?,
    };
    let bytes = certificate_bytes(certificate)?;
    let (mut parts, statement) = examine(&bytes, std::slice::from_ref(&key));
    if let Some(statement) = &statement {
        files(statement, certificate, &arguments.paths, &mut parts, printer)?;
        registry(statement, arguments.registry.as_deref(), &mut parts)?;
    }
    let outcome = outcome(&parts);
    let stranger = hinted(&bytes, &key);
    if arguments.json {
        printer.line(&telling::verified_json(certificate, &parts, statement.as_ref(), outcome));
    } else {
        telling::verified(certificate, &parts, statement.as_ref(), outcome, printer);
        if let (Some(name), true) = (stranger, outcome == Outcome::Findings) {
            printer.note(&format!(
                "It calls itself signed by `{}`; the key given is `{}`. If that is whom you trust, give the other key.",
                plain(&name),
                mark::dsse::key_hint(&key)
            ));
        }
    }
    Ok(outcome)
}

/// Whom a certificate calls its signer, if that is not the key given.
fn hinted(bytes: &[u8], key: &VerifierKey) -> Option<String> {
    let envelope = Envelope::parse(bytes).ok()?;
    let hint = envelope.unverified_key_hint()?;
    (hint != mark::dsse::key_hint(key)).then(|| hint.to_owned())
}

fn certificate_bytes(path: &Path) -> miette::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input::refuse_pipes(path, Reads::Once)?;
    File::open(path)
        .and_then(|file| file.take(ENVELOPE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes))
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot read {}", path.display()))?;
    Ok(bytes)
}

fn outcome(parts: &Parts) -> Outcome {
    let files_checked =
        parts.0.iter().any(|(part, state)| *part == Part::Content && matches!(state, State::Holds(_)));
    if parts.failed().next().is_some() {
        Outcome::Findings
    } else if files_checked {
        Outcome::Clean
    } else {
        Outcome::CouldNotTell
    }
}

/// Looks for the subjects among the files given, or in what the certificate is named after, and reads them again.
fn files(
    statement: &Statement,
    certificate: &Path,
    given: &[PathBuf],
    parts: &mut Parts,
    printer: &Printer,
) -> miette::Result<()> {
    let beside = beside(certificate);
    let paths = if given.is_empty() { beside.as_slice() } else { given };
    if paths.is_empty() {
        parts.not_checked(Part::Files, "no file was given, and none lies beside the certificate");
        parts.not_checked(Part::Content, "no file was given");
        return Ok(());
    }
    let sources = sources::gather(paths)?;
    let mut found: BTreeMap<SubjectDigest, Vec<&Source>> = BTreeMap::new();
    for source in &sources {
        let digest = sources::look(&source.path)?.digest;
        if statement.subject.iter().all(|subject| subject.digest != digest) {
            let name = plain(&source.name);
            let why = format!("{name} is not what was certified: no file of the certificate has its SHA-256");
            parts.fails(Part::Files, why);
            parts.not_checked(Part::Content, "the files are not those that were certified");
            return Ok(());
        }
        found.entry(digest).or_default().push(source);
    }
    if let Some(why) = differs(statement, &found) {
        parts.fails(Part::Files, why);
        parts.not_checked(Part::Content, "not all files are there, or more than all");
        return Ok(());
    }
    let count = plural(statement.subject.len() as u64, "file is", "files are");
    parts.holds(Part::Files, format!("{count} as certified, by SHA-256"));
    content(statement, &found, parts, printer)
}

/// How the files given differ from those that were certified: one that is not there, or one too many. Some can be alike.
fn differs(statement: &Statement, found: &BTreeMap<SubjectDigest, Vec<&Source>>) -> Option<String> {
    let mut left: BTreeMap<&SubjectDigest, usize> =
        found.iter().map(|(digest, files)| (digest, files.len())).collect();
    let mut missing = Vec::new();
    for subject in &statement.subject {
        match left.get_mut(&subject.digest).filter(|count| **count > 0) {
            Some(count) => *count -= 1,
            None => missing.push(subject.name.as_str()),
        }
    }
    if let Some(first) = missing.first() {
        let more = if missing.len() > 1 { format!(" and {} more", missing.len() - 1) } else { String::new() };
        return Some(format!("{}{more} is not among the files given", plain(first)));
    }
    let (digest, _) = left.into_iter().find(|(_, count)| *count > 0)?;
    let copy = found.get(digest)?.last()?;
    Some(format!("{} is a copy, and the certificate does not say that there are so many", plain(&copy.name)))
}

fn content(
    statement: &Statement,
    found: &BTreeMap<SubjectDigest, Vec<&Source>>,
    parts: &mut Parts,
    printer: &Printer,
) -> miette::Result<()> {
    let predicate = &statement.predicate;
    let mut sources = Vec::with_capacity(statement.subject.len());
    let mut objects = Vec::with_capacity(statement.subject.len());
    let mut alike: BTreeMap<_, _> = found.iter().map(|(digest, files)| (digest, files.iter())).collect();
    for subject in &statement.subject {
        let Some(source) = alike.get_mut(&subject.digest).and_then(Iterator::next) else { continue };
        sources.push(Source { name: subject.name.clone(), path: source.path.clone() });
        objects.push(object_of(subject, &predicate.files));
    }
    // Nothing is judged again: the records are read, counted and hashed.
    let judges = Judges {
        judge: Judge {
            trust: TrustStore::default(),
            recognition: Recognition::off(),
            columns: ColumnMaps::default(),
        },
        rule: Rule::default(),
        salt: predicate.salt,
        leaves: match predicate.leaves.as_deref() {
            Some(LEAVES_OF_BYTES) => Leaves::Bytes,
            Some(_) | None => Leaves::Read,
        },
    };
    if let (LEAVES_OF_BYTES, [file], [source]) =
        (predicate.leaves.as_deref().unwrap_or_default(), predicate.files.as_slice(), sources.as_slice())
        && carrier::delivered::is_cut(&file.format)
    {
        return delivered(predicate, file, source, parts);
    }
    let read = judging::judge_all(&sources, &objects, &judges, printer)?;
    // What columns hold decides whom rows are about, which is not asked again.
    let as_read = |stated: &FileRead| FileRead { columns: BTreeMap::new(), ..stated.clone() };
    let differs = predicate.files.iter().zip(&read.files).find(|(stated, read)| as_read(stated) != **read);
    let unreadable = read.counts.get(VerdictName::Unreadable.as_str()).is_some_and(|count| *count > 0);
    if let Some((stated, read)) = differs {
        let why = format!(
            "{} was read as {} of {}, and the certificate says {} of {}",
            plain(&stated.name),
            plural(read.records, "record", "records"),
            read.format,
            plural(stated.records, "record", "records"),
            plain(&stated.format)
        );
        parts.fails(Part::Content, why);
    } else if read.files.len() != predicate.files.len() {
        parts.fails(
            Part::Content,
            "the files hold more or fewer tables and documents than the certificate says",
        );
    } else if unreadable || read.content_root.to_hex() != predicate.content_root {
        parts.fails(Part::Content, "the records, read again, do not lead to the content root");
    } else {
        let records = plural(predicate.records, "record", "records");
        parts.holds(Part::Content, format!("{records}, read again, and the content root is theirs"));
    }
    Ok(())
}

/// A file of a format that only its certificate tells: cut into the rows that it was made over.
fn delivered(
    predicate: &Predicate,
    stated: &FileRead,
    source: &Source,
    parts: &mut Parts,
) -> miette::Result<()> {
    let unread = || format!("cannot read {} to its end", source.path.display());
    let file = File::open(&source.path).into_diagnostic().wrap_err_with(unread)?;
    let (mut leaves, object) = (Frontier::default(), stated.object.as_deref().unwrap_or_default());
    let each = |row: &[u8]| leaves.push(bytes_leaf(row, predicate.salt));
    let count = carrier::delivered::each_row(&stated.format, BufReader::new(file), object, LIMITS, each);
    let Some(count) = count.transpose().into_diagnostic().wrap_err_with(unread)? else {
        parts.not_checked(Part::Content, "a file of this format is not read here");
        return Ok(());
    };
    if count != stated.records || count != predicate.records {
        let why = format!(
            "{} was read as {} of {}, and the certificate says {}",
            plain(&stated.name),
            plural(count, "record", "records"),
            plain(&stated.format),
            plural(stated.records, "record", "records"),
        );
        parts.fails(Part::Content, why);
    } else if leaves.root().to_hex() != predicate.content_root {
        parts.fails(Part::Content, "the records, read again, do not lead to the content root");
    } else {
        let records = plural(count, "record", "records");
        parts.holds(Part::Content, format!("{records}, read again, and the content root is theirs"));
    }
    Ok(())
}

/// The object that a subject's rows are to be read as: the file may have another name now, which must not matter.
fn object_of(subject: &Subject, files: &[FileRead]) -> Option<String> {
    let mut objects =
        files.iter().filter(|file| is_of(&file.name, &subject.name)).filter_map(|file| file.object.clone());
    let first = objects.next()?;
    objects.all(|other| other == first).then_some(first)
}

fn registry(statement: &Statement, folder: Option<&Path>, parts: &mut Parts) -> miette::Result<()> {
    let stated = statement.predicate.judged_against.registry.as_ref();
    let (folder, stated) = match (folder, stated) {
        (None, None) => {
            parts.not_checked(Part::Registry, "there was none to judge against");
            return Ok(());
        }
        (None, Some(_)) => {
            parts.not_checked(Part::Registry, "no registry was given; `--registry FOLDER` compares its root");
            return Ok(());
        }
        (Some(_), None) => {
            parts.fails(Part::Registry, "the certificate says that there was none to judge against");
            return Ok(());
        }
        (Some(folder), Some(stated)) => (folder, stated),
    };
    let opened = Registry::open(folder)
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot use the registry in {}", folder.display()))?
        .ok_or_else(|| miette!("there is no registry in {}", folder.display()))?;
    match opened.verify() {
        Ok(snapshot) if super::registry_used(&snapshot) == *stated => {
            let entries = plural(snapshot.entries, "entry", "entries");
            parts.holds(
                Part::Registry,
                format!("generation {}, {entries}: the root, computed again", snapshot.generation),
            );
        }
        Ok(snapshot) => parts.fails(
            Part::Registry,
            format!(
                "this is generation {} with another content; the certificate was judged against generation {}",
                snapshot.generation, stated.generation
            ),
        ),
        Err(error) => parts.fails(Part::Registry, error.to_string()),
    }
    Ok(())
}

/// What a certificate is named after, where it lies beside it.
fn beside(certificate: &Path) -> Vec<PathBuf> {
    let name = certificate.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let named = name.strip_suffix(super::EXTENSION).map(|name| certificate.with_file_name(name));
    named.filter(|path| path.exists()).into_iter().collect()
}

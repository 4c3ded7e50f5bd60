//! `eosin emergency sign`: a text that the console shows, signed on a person's own machine with their own key. It needs
//! neither configuration nor network, and signs nothing but what puts an emergency version in force or ends it.

use std::{fs::File, io::Read as _, path::Path};

use mark::note::SignedNote;
use miette::{Context as _, IntoDiagnostic as _, miette};

use super::{
    shown,
    statement::{self, Request, StandDown, TEXT_BYTES_MAX},
};
use crate::{
    keys,
    outcome::{Done, Outcome},
    printer::{Printer, Style},
};

/// Signs a text, or adds a signature to a note, and prints it.
pub(super) fn sign(file: &Path, key: &Path, json: bool, printer: &Printer) -> Done {
    let signer = keys::signer(key)?;
    let given = read(file)?;
    let note = SignedNote::parse(&given).ok();
    let text = note.as_ref().map_or(given.as_str(), SignedNote::unverified_text);
    let about = about(text).ok_or_else(|| {
        miette!(
            help = "copy all of what the console shows, from its first line to the one that says why",
            "this is no text of an emergency version, or not all of it: it is not signed"
        )
    })?;
    let whole = match &note {
        Some(_) => statement::cosign(&given, &signer)?,
        None => statement::sign(text, &signer)?,
    };
    if json {
        let told = serde_json::json!({ "note": whole, "signed": about, "key": signer.name() });
        printer.line(&told.to_string());
        return Ok(Outcome::Clean);
    }
    let name = printer.paint(Style::Strong, signer.name());
    printer.note(&format!("{name} signs: {about}"));
    printer.note("paste all of the lines below into the console");
    printer.line(whole.trim_end());
    Ok(Outcome::Clean)
}

/// What somebody is about to sign, in words.
fn about(text: &str) -> Option<String> {
    if let Some(Request { version, scope, until, reason, .. }) = Request::parse(text) {
        return Some(format!("{version} in force for {scope}, until {}: {reason}", shown(until)));
    }
    let StandDown { activation, reason, .. } = StandDown::parse(text)?;
    Some(format!("the end of what {activation} put in force: {reason}"))
}

/// The text, with plain ends of lines and one at its end.
fn read(file: &Path) -> miette::Result<String> {
    let mut text = String::new();
    let shown = if file == Path::new("-") { "what was typed".into() } else { file.display().to_string() };
    let most = TEXT_BYTES_MAX as u64 + 1;
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(most).read_to_string(&mut text)
    } else {
        File::open(file).and_then(|file| file.take(most).read_to_string(&mut text))
    };
    read.into_diagnostic().wrap_err_with(|| format!("cannot read {shown}"))?;
    if text.len() > TEXT_BYTES_MAX {
        return Err(miette!("{shown} is longer than {TEXT_BYTES_MAX} bytes: it is no text of an emergency"));
    }
    Ok(statement::as_printed(&text))
}

#[cfg(test)]
mod tests {
    use super::about;

    #[test]
    fn nothing_is_signed_but_what_is_said_of_emergencies() {
        let down = "eosin-emergency-stand-down@1\nlog a/policy\nactivation a/policy#3\nat 2026-11-22T08:00:00Z\nreason CASE-7\n";
        let ask = format!(
            "eosin-emergency@1\nlog a/policy\nprepared 3\nversion stop@0123456789ab\nsha256 {}\nscope boundary=feed\n\
             asked 2026-11-22T17:00:00Z\nuntil 2026-11-22T19:00:00Z\nreason CASE-7\n",
            "00".repeat(32)
        );
        assert_eq!(about(down).unwrap(), "the end of what a/policy#3 put in force: CASE-7");
        let said = "stop@0123456789ab in force for boundary=feed, until 2026-11-22 19:00:00 UTC: CASE-7";
        assert_eq!(about(&ask).unwrap(), said);
        let (cut, longer) = (down.replacen('e', "", 1), format!("{down}more\n"));
        for other in ["", "I owe you\n", &cut, &longer, down.trim_end()] {
            assert_eq!(about(other), None, "{other}");
        }
    }
}

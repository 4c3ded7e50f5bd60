//! Who carries out a decision: the running gateway, asked over a socket in the quarantine's folder, or this process.
//!
//! A ledger has one writer. While a gateway runs it is that writer, so the command asks it; the socket carries the
//! release's token from memory to memory, and only who may use the folder can open it. If nothing listens there, this
//! process becomes the writer for as long as the command takes.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::Arc,
};

use carrier::webhook::Class;
use control::Decided;
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use quarantine::ItemId;
use serde::{Deserialize, Serialize};

use super::{configured, desk::Desk};
use crate::{config::Config, environment, printer::Printer, wiring};

/// What is asked for. It has no `Debug`: a token is in it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Ask {
    /// Deliver these, in this order.
    Release {
        items: Vec<ItemId>,
        by: String,
        reason: String,
        again: bool,
        overrule: bool,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        elsewhere: bool,
        #[serde(default, with = "class_word")]
        to: Option<Class>,
        token: Option<String>,
    },
    /// Erase these.
    Reject { items: Vec<ItemId>, by: String, reason: String },
    /// Record that somebody is shown this.
    Show { item: ItemId, by: String, reason: String },
}

/// A class as its word.
mod class_word {
    use super::Class;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _};

    #[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
    pub(super) fn serialize<S: Serializer>(class: &Option<Class>, to: S) -> Result<S::Ok, S::Error> {
        class.map(Class::as_str).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Class>, D::Error> {
        let word = Option::<String>::deserialize(from)?;
        word.map(|word| word.parse().map_err(D::Error::custom)).transpose()
    }
}

/// The longest question and the longest answer, in bytes.
pub(crate) const MESSAGE_BYTES_MAX: u64 = 16 << 20;

/// Where a running gateway listens.
pub(crate) fn socket(folder: &Path) -> PathBuf {
    folder.join("control")
}

/// Has it carried out, by the gateway that runs or by this process.
pub(crate) fn ask(config: &Config, ask: Ask, printer: &Printer) -> miette::Result<Vec<Decided>> {
    let folder = &configured(config)?.folder;
    match UnixStream::connect(socket(folder)) {
        Ok(stream) => exchange(stream, &ask)
            .into_diagnostic()
            .wrap_err("the running gateway broke off: look with `eosin quarantine list` what was done"),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            here(config, signed(ask, environment::uid()), printer)
        }
        Err(error) => Err(error).into_diagnostic().wrap_err_with(|| {
            format!("cannot ask the running gateway at {}: run this as its user", socket(folder).display())
        }),
    }
}

fn exchange(mut stream: UnixStream, ask: &Ask) -> io::Result<Vec<Decided>> {
    let mut question = serde_json::to_vec(ask)?;
    question.push(b'\n');
    stream.write_all(&question)?;
    let mut answer = Vec::new();
    BufReader::new(stream).take(MESSAGE_BYTES_MAX).read_until(b'\n', &mut answer)?;
    Ok(serde_json::from_slice(&answer)?)
}

/// The name is what they say; the number is what the system says.
pub(super) fn signed(mut ask: Ask, uid: u32) -> Ask {
    match &mut ask {
        Ask::Release { by, .. } | Ask::Reject { by, .. } | Ask::Show { by, .. } => {
            *by = format!("{} (uid {uid})", by.chars().take(64).collect::<String>());
        }
    }
    ask
}

/// Opens ledger and quarantine, does it, and closes them.
fn here(config: &Config, ask: Ask, printer: &Printer) -> miette::Result<Vec<Decided>> {
    let flow = Arc::new(wiring::flow(config, printer)?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .into_diagnostic()
        .wrap_err("cannot start the runtime")?;
    let told = runtime.block_on(async {
        let desk = Desk::new(config, Arc::clone(&flow))?;
        Ok::<_, miette::Report>(desk.carry_out(ask).await)
    })?;
    if let Some(keeping) = flow.keeping() {
        drop(keeping.keeper().close());
    }
    flow.appender()
        .close()
        .map_err(|_| miette!("the ledger could not be closed cleanly; it recovers when opened"))?;
    Ok(told)
}

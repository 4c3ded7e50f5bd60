//! What a dataset is said to be: by flags, by one TOML file, or by both. A flag wins over the file.

use std::{
    collections::BTreeMap,
    ops::Range,
    path::{Path, PathBuf},
};

use miette::{LabeledSpan, MietteDiagnostic, NamedSource, Report, miette};
use serde::Deserialize;
use toml::Spanned;

use super::{columns::Columns, exports::Export};
use crate::{
    arguments::{MarkArguments, MethodWord},
    keys,
};

/// Everything that was asked, each once.
#[derive(Debug, Clone)]
pub(super) struct Description {
    pub(super) name: String,
    /// The boundary that vouches, if the records are about people.
    pub(super) attest: Option<String>,
    pub(super) generator: Option<String>,
    pub(super) generator_version: Option<String>,
    pub(super) method: Option<MethodWord>,
    pub(super) authorship: Option<mark::Authorship>,
    pub(super) purposes: Vec<String>,
    pub(super) jurisdictions: Vec<String>,
    pub(super) retain_until: Option<String>,
    pub(super) operator: Option<String>,
    pub(super) generated_at: Option<String>,
    /// The file with the generator's parameters.
    pub(super) parameters: Option<PathBuf>,
    pub(super) seed: Option<String>,
    /// The object of the rows of a lone table.
    pub(super) object: Option<String>,
    pub(super) columns: Columns,
    pub(super) exports: Vec<Export>,
}

impl Description {
    /// Reads what was asked.
    ///
    /// Errors: a report; faults of the file are underlined, a word that it may not hold among them.
    pub(super) fn of(arguments: &MarkArguments) -> miette::Result<Self> {
        let written = arguments.describe.as_deref().map(Written::load).transpose()?;
        let (file, source) = match written {
            Some((file, source)) => (file, Some(source)),
            None => (File::default(), None),
        };
        let mut columns = Columns::default();
        if let Some(source) = source {
            columns.add_described(&file.columns, &file.identity, &source)?;
        }
        if let Some(path) = &arguments.map {
            let (map, source) = Written::<Map>::load(path)?;
            columns.add_described(&map.columns, &map.identity, &source)?;
        }
        let authorship = match (arguments.authorship, &file.authorship) {
            (Some(asked), _) => Some(asked),
            (None, Some(word)) => Some(word.get_ref().parse().map_err(|error| miette!("{error}"))?),
            (None, None) => None,
        };
        let beside = |name: &str| {
            let home = arguments.describe.as_deref().and_then(Path::parent).unwrap_or_else(|| Path::new(""));
            home.join(name)
        };
        let or = |asked: &Option<String>, written: Option<String>| asked.clone().or(written);
        let described = file.generator.unwrap_or_default();
        let exports = match (&arguments.exports, file.exports) {
            (Some(asked), _) => asked.clone(),
            (None, Some(written)) => written,
            (None, None) => Export::ALL.to_vec(),
        };
        Ok(Self {
            name: or(&arguments.dataset, file.name).filter(|name| !name.trim().is_empty()).ok_or_else(
                || miette!("give the dataset a name: `--dataset NAME`, or `name` in its description"),
            )?,
            // Who asks for a generator on the command line does not attest, whatever the file says, and the reverse.
            attest: or(&arguments.attest, file.attest.filter(|_| arguments.generator.is_none())),
            generator: or(&arguments.generator, described.name.filter(|_| arguments.attest.is_none())),
            generator_version: or(&arguments.generator_version, described.version),
            method: arguments.method.or(file.method),
            authorship,
            purposes: either(&arguments.purposes, file.purposes),
            jurisdictions: either(&arguments.jurisdictions, file.jurisdictions),
            retain_until: or(&arguments.retain_until, file.retain_until),
            operator: or(&arguments.operator, file.operator),
            generated_at: or(&arguments.generated_at, file.generated_at),
            parameters: arguments.parameters.clone().or_else(|| file.parameters.as_deref().map(beside)),
            seed: or(&arguments.seed, file.seed),
            object: or(&arguments.object, file.object),
            columns,
            exports,
        })
    }
}

fn either(asked: &[String], written: Vec<String>) -> Vec<String> {
    if asked.is_empty() { written } else { asked.to_vec() }
}

/// `--describe FILE`: every word that may stand in it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    name: Option<String>,
    object: Option<String>,
    attest: Option<String>,
    generator: Option<Generator>,
    method: Option<MethodWord>,
    authorship: Option<Spanned<String>>,
    #[serde(default)]
    purposes: Vec<String>,
    #[serde(default)]
    jurisdictions: Vec<String>,
    retain_until: Option<String>,
    operator: Option<String>,
    generated_at: Option<String>,
    parameters: Option<String>,
    seed: Option<String>,
    exports: Option<Vec<Export>>,
    #[serde(default)]
    columns: DescribedColumns,
    #[serde(default)]
    identity: DescribedIdentity,
}

/// `[columns."table"]`: column and role.
pub(super) type DescribedColumns = BTreeMap<String, BTreeMap<String, Spanned<String>>>;
/// `[identity]`: table and its columns that say who a row is about.
pub(super) type DescribedIdentity = BTreeMap<String, Vec<Spanned<String>>>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Generator {
    name: Option<String>,
    version: Option<String>,
}

/// `--map FILE`: the columns alone.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Map {
    columns: DescribedColumns,
    #[serde(default)]
    identity: DescribedIdentity,
}

/// A TOML file that was read, kept so that its faults can be underlined.
#[derive(Debug, Clone)]
pub(super) struct Written<T> {
    name: String,
    text: String,
    kind: std::marker::PhantomData<T>,
}

impl<T: for<'de> Deserialize<'de>> Written<T> {
    fn load(path: &Path) -> miette::Result<(T, Written<()>)> {
        let text = keys::small_file(path)?;
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let written = Written { name, text, kind: std::marker::PhantomData };
        let read = toml::from_str(&written.text).map_err(|error| {
            let at = error.span().unwrap_or(0..0);
            written.faults(vec![(at, error.message().to_owned())])
        })?;
        Ok((read, written))
    }
}

impl<T> Written<T> {
    /// A report of what is wrong, each fault underlined.
    pub(super) fn faults(&self, faults: Vec<(Range<usize>, String)>) -> Report {
        let message = match faults.as_slice() {
            [(_, only)] => format!("{}: {only}", self.name),
            all => format!("{} has {} faults", self.name, all.len()),
        };
        let labels = faults.into_iter().map(|(at, sentence)| LabeledSpan::at(at, sentence));
        let diagnostic = MietteDiagnostic::new(message)
            .with_labels(labels)
            .with_help("docs/marking.md describes every word");
        Report::new(diagnostic).with_source_code(NamedSource::new(&self.name, self.text.clone()))
    }
}

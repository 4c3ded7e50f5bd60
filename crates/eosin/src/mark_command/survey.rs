//! The first reading: which objects and fields there are, what cannot be marked, and who says that he made it.

use std::collections::{BTreeMap, BTreeSet};

use carrier::{fhir, hl7v2, salesforce, table};
use mark::{Field, FieldList, Form, Kind, Subject, Survey};
use miette::miette;

use super::{
    fitness::{Fit, Fitness},
    reading::{Reader, Work},
    recognised::{Recognised, Sayings},
    sources::Sources,
};
use crate::{export::WrittenAs, pipeline, printer::Printer, progress::Progress};

/// What the first reading found.
#[derive(Debug)]
pub(super) struct Surveyed {
    /// The field lists, for the manifest.
    pub(super) objects: BTreeMap<String, FieldList>,
    /// How many records of which object are marked.
    pub(super) by_object: BTreeMap<String, u64>,
    /// How many records are marked, by group of files and by work within it.
    pub(super) expected: Vec<Vec<usize>>,
    /// What each file of records turned out to be.
    pub(super) files: Vec<Fate>,
    /// How each file that is marked is written.
    pub(super) written: BTreeMap<usize, WrittenAs>,
    /// What cannot be marked.
    pub(super) rejected: Rejected,
    /// The generator that the data names.
    pub(super) recognised: Option<Recognised>,
    /// The object of the rows, where nobody said it.
    pub(super) assumed: Option<String>,
}

/// What becomes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is marked; this many records are, and this many of it are rejected.
    Marked { records: u64, rejected: u64 },
    /// Nothing in it can be read: all of it is rejected, as it is.
    Rejected,
    /// It holds no records: it is copied as it is.
    Copied,
}

impl Fate {
    /// Whether something of the file is rejected.
    pub(super) fn rejects(&self) -> bool {
        match self {
            Self::Marked { rejected, .. } => *rejected > 0,
            Self::Rejected => true,
            Self::Copied => false,
        }
    }
}

impl Surveyed {
    /// Whether something of a file is rejected.
    pub(super) fn has_rejected(&self, file: usize) -> bool {
        self.files.get(file).is_some_and(Fate::rejects)
    }
}

/// Records that cannot be marked: all are counted, the first are named.
#[derive(Debug, Default)]
pub(super) struct Rejected {
    pub(super) count: u64,
    pub(super) named: Vec<(String, String)>,
}

/// So many rejected records are named with their places.
const NAMED_MAX: usize = 1000;

impl Rejected {
    fn add(&mut self, place: String, reason: String) {
        self.count += 1;
        if self.named.len() < NAMED_MAX {
            self.named.push((place, reason));
        }
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
        let room = NAMED_MAX.saturating_sub(self.named.len());
        self.named.extend(other.named.into_iter().take(room));
    }
}

/// Reads everything once, on all cores.
///
/// Errors: a report: no records at all, one that is marked already, one that may not be attested; a single file that
/// cannot be read to its end.
pub(super) fn survey(
    sources: &Sources,
    fitness: &Fitness<'_>,
    object: Option<&str>,
    printer: &Printer,
) -> miette::Result<Surveyed> {
    // A file that cannot be read to its end was seen in part: everything is read again without it.
    let mut broken = BTreeMap::new();
    loop {
        let reader = Reader { sources, object, skipped: broken.keys().copied().collect() };
        let seen = read(&reader, fitness, printer)?;
        if seen.broken.is_empty() {
            return seen.conclude(&reader, fitness, &broken);
        }
        match (sources.is_folder, seen.broken.first_key_value()) {
            (false, Some((_, reason))) => {
                return Err(miette!("cannot read {} to its end: {reason}", sources.root.display()));
            }
            _ => broken.extend(seen.broken),
        }
    }
}

/// What was seen of some of the work, or of all of it so far.
#[derive(Default)]
struct Seen {
    survey: Survey,
    forms: BTreeMap<String, Form>,
    fields: BTreeMap<String, BTreeSet<String>>,
    by_object: BTreeMap<String, u64>,
    by_file: BTreeMap<usize, Counts>,
    expected: Vec<Vec<usize>>,
    rejected: Rejected,
    sayings: Sayings,
    broken: BTreeMap<usize, String>,
    assumed: Option<String>,
}

impl Counts {
    fn written_as(self) -> WrittenAs {
        let only = if self.objects.len() == 1 { self.objects.into_iter().next() } else { None };
        WrittenAs { media_type: self.media_type, object: only }
    }
}

/// What was seen of one file.
#[derive(Debug)]
struct Counts {
    accepted: u64,
    rejected: u64,
    media_type: &'static str,
    // A few names: more than one is all that matters.
    objects: BTreeSet<String>,
}

fn read(reader: &Reader<'_>, fitness: &Fitness<'_>, printer: &Printer) -> miette::Result<Seen> {
    let progress = Progress::new("reading", reader.sources.bytes(), printer);
    let mut all = Seen { expected: vec![Vec::new(); reader.sources.groups().len()], ..Seen::default() };
    pipeline::in_order(
        |give| {
            reader.read(&progress, give);
            Ok(())
        },
        |work| look_at(&work, reader, fitness).map(|seen| (work.group, seen)),
        |(group, (accepted, seen))| {
            if let Some(expected) = all.expected.get_mut(group) {
                expected.push(accepted);
            }
            all.merge(seen)
        },
    )?;
    progress.finish();
    Ok(all)
}

/// Looks at one piece of work: how many records of it are marked, and everything else about them.
fn look_at(work: &Work, reader: &Reader<'_>, fitness: &Fitness<'_>) -> miette::Result<(usize, Seen)> {
    let mut seen = Seen::default();
    let mut accepted = 0;
    for (file, reason) in &work.broken {
        seen.broken.insert(*file, reason.clone());
    }
    for part in &work.parts {
        seen.assumed = seen.assumed.or_else(|| part.assumed.clone());
        let new = Counts { accepted: 0, rejected: 0, media_type: part.media_type, objects: BTreeSet::new() };
        let counts = seen.by_file.entry(part.file).or_insert(new);
        for reading in part.chunk.readings() {
            let place = || reader.place(part.file, &reading.place);
            match fitness.of(&reading, &place)? {
                Fit::Fits(record) => {
                    seen.survey.observe(record);
                    seen.sayings.observe(record);
                    let object: &str = &record.object;
                    if let Some(count) = seen.by_object.get_mut(object) {
                        *count += 1;
                    } else {
                        seen.by_object.insert(object.to_owned(), 1);
                        seen.forms.insert(object.to_owned(), record.form);
                    }
                    if !counts.objects.contains(object) && counts.objects.len() < 2 {
                        counts.objects.insert(object.to_owned());
                    }
                    accepted += 1;
                    counts.accepted += 1;
                }
                Fit::Rejected(reason) => {
                    counts.rejected += 1;
                    seen.rejected.add(place(), reason);
                }
            }
        }
    }
    Ok((accepted, seen))
}

/// So many files are looked at for the version of the generator.
const HEADS_MAX: usize = 64;

impl Seen {
    fn merge(&mut self, later: Self) -> miette::Result<()> {
        for (object, form) in &later.forms {
            if self.forms.insert(object.clone(), *form).is_some_and(|before| before != *form) {
                return Err(miette!(
                    help = "mark the two in runs of their own",
                    "`{object}` is there in two formats, whose fields are not the same fields"
                ));
            }
        }
        self.survey.merge(later.survey);
        for (object, count) in later.by_object {
            *self.by_object.entry(object).or_insert(0) += count;
        }
        for (file, more) in later.by_file {
            match self.by_file.get_mut(&file) {
                None => drop(self.by_file.insert(file, more)),
                Some(counts) => {
                    counts.accepted += more.accepted;
                    counts.rejected += more.rejected;
                    counts.objects.extend(more.objects);
                }
            }
        }
        self.rejected.merge(later.rejected);
        self.sayings.merge(later.sayings);
        self.broken.extend(later.broken);
        self.assumed = self.assumed.take().or(later.assumed);
        Ok(())
    }

    fn conclude(
        mut self,
        reader: &Reader<'_>,
        fitness: &Fitness<'_>,
        broken: &BTreeMap<usize, String>,
    ) -> miette::Result<Surveyed> {
        let sources = reader.sources;
        for (file, reason) in broken {
            self.rejected.add(reader.name(*file), format!("cannot be read to its end: {reason}"));
        }
        let fate = |file: usize| match self.by_file.get(&file) {
            _ if broken.contains_key(&file) => Fate::Rejected,
            None | Some(Counts { accepted: 0, rejected: 0, .. }) => Fate::Copied,
            Some(Counts { accepted: 0, .. }) => Fate::Rejected,
            Some(Counts { accepted, rejected, .. }) => {
                Fate::Marked { records: *accepted, rejected: *rejected }
            }
        };
        let files: Vec<Fate> = (0..sources.files.len()).map(fate).collect();
        sources.others.iter().for_each(|name| self.sayings.observe_other(name));
        let speaks = |counts: &Counts| {
            let forms = counts.objects.iter().filter_map(|object| self.forms.get(object));
            forms.into_iter().any(|form| matches!(form, Form::Fhir | Form::Hl7v2))
        };
        let speaking: Vec<usize> = self
            .by_file
            .iter()
            .filter(|(_, counts)| speaks(counts))
            .map(|(file, _)| *file)
            .take(HEADS_MAX)
            .collect();
        for file in speaking {
            self.sayings.observe_head(&reader.head(file));
        }
        if self.by_object.is_empty() {
            let root = sources.root.display();
            return Err(match self.rejected.named.first() {
                None => miette!("there are no records in {root}"),
                Some((place, reason)) => miette!("no record of {root} can be marked: {place} {reason}"),
            });
        }
        let forms = &self.forms;
        let identity = |object: &str, present: &[&str]| {
            fitness.columns.identity(object).unwrap_or_else(|| match forms.get(object) {
                Some(Form::Fhir) => fhir::identity_elements(object, present),
                Some(Form::Salesforce) => salesforce::identity_fields(object, present),
                Some(Form::Hl7v2) => hl7v2::identity_fields(object, present),
                Some(Form::Table) | None => table::identity_columns(object, present),
            })
        };
        let lists = self
            .survey
            .field_lists(identity)
            .map_err(|error| miette!("the fields cannot be covered: {error}"))?;
        for (object, list) in &lists {
            let names = list.fields().iter().map(|field| field.name.clone());
            self.fields.insert(object.clone(), names.collect());
        }
        let lists = if fitness.subject == Subject::Attested { whole(lists, forms)? } else { lists };
        Ok(Surveyed {
            objects: fitness.columns.applied(lists, &self.fields)?,
            by_object: self.by_object,
            expected: self.expected,
            files,
            written: self.by_file.into_iter().map(|(file, counts)| (file, counts.written_as())).collect(),
            rejected: self.rejected,
            recognised: self.sayings.told(),
            assumed: self.assumed.filter(|_| !sources.is_folder),
        })
    }
}

/// The lists with every element that a resource's type has: what is put into an attested resource later is a change.
///
/// Source: spec/carriers.md section 3.2.
fn whole(
    mut lists: BTreeMap<String, FieldList>,
    forms: &BTreeMap<String, Form>,
) -> miette::Result<BTreeMap<String, FieldList>> {
    for (object, list) in &mut lists {
        let elements = fhir::resource_elements(object).filter(|_| forms.get(object) == Some(&Form::Fhir));
        let Some(mut names) = elements else { continue };
        names.extend(list.fields().iter().map(|field| field.name.clone()));
        names.sort_unstable();
        names.dedup();
        let present: Vec<&str> = names.iter().map(String::as_str).collect();
        let identity = fhir::identity_elements(object, &present);
        let field = |name: &String| Field {
            name: name.clone(),
            kind: Kind::Element,
            identity: identity.contains(name),
        };
        *list =
            FieldList::new(names.iter().map(field).collect()).map_err(|error| miette!("{object} {error}"))?;
    }
    Ok(lists)
}

//! What policies hide from a reader, before any record is at hand: one hypothetical record of each kind is asked about.

use std::{cell::OnceCell, collections::BTreeSet, fmt};

use mark::{Manifest, Subject, VerdictName};

use crate::{
    counts::{Case, may_be_kept},
    decide::Asking,
    policies::Policies,
    request::{Action, Request},
    ruling::Decision,
};

/// The kinds of records that a reader may not be shown.
///
/// A kind is hidden as soon as one record of it could be: a policy that shows synthetic records of one purpose and
/// hides those of another hides the kind from what can only be asked by kind, such as a count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hidden(u16);

impl Hidden {
    /// Nothing is hidden.
    pub const NOTHING: Self = Self(0);

    /// Exactly these kinds are hidden.
    pub fn of(kinds: impl IntoIterator<Item = VerdictName>) -> Self {
        kinds.into_iter().fold(Self::NOTHING, |hidden, kind| Self(hidden.0 | bit(kind)))
    }

    /// Whether records of this kind are hidden.
    pub fn hides(self, kind: VerdictName) -> bool {
        self.0 & bit(kind) != 0
    }

    /// Whether a kind is hidden that records say of themselves: in labels, which a query can ask for.
    ///
    /// Moved, false and untrusted marks and what cannot be read carry no label that says so: they are found where
    /// answers are read for another reason.
    pub fn hides_labelled(self) -> bool {
        [VerdictName::Synthetic, VerdictName::Mixed, VerdictName::Attested, VerdictName::Unproven]
            .into_iter()
            .any(|kind| self.hides(kind))
    }

    /// The hidden kinds, in the order of reports.
    pub fn kinds(self) -> impl Iterator<Item = VerdictName> {
        VerdictName::ALL.into_iter().filter(move |kind| self.hides(*kind))
    }
}

impl fmt::Display for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.kinds().map(VerdictName::as_str).collect();
        f.write_str(if words.is_empty() { "nothing" } else { "" })?;
        f.write_str(&words.join(", "))
    }
}

/// Asks what a reader may not be shown at a boundary.
///
/// Shape:  who asks and where, and the manifests of the datasets that are known there -> the hidden kinds. The
///         request's action is not looked at: it is [`Action::Read`].
/// Bounds: one question for each kind, and one more for each combination of subject, purposes and jurisdiction that
///         the manifests have; answers are remembered as those of [`crate::decide()`] are.
/// Errors: none; a kind that no policy could be evaluated for is hidden.
pub fn hidden<'m>(
    policies: &Policies,
    request: &Request<'_>,
    manifests: impl IntoIterator<Item = &'m Manifest>,
) -> Hidden {
    let request = Request { action: Action::Read, ..*request };
    let asking = Asking { policies, request: &request, entities: OnceCell::new() };
    let mut cases: BTreeSet<Case> = VerdictName::ALL.into_iter().map(|name| case(name, None, "")).collect();
    for manifest in manifests {
        let name = match manifest.subject {
            Subject::Synthetic => VerdictName::Synthetic,
            Subject::Attested => VerdictName::Attested,
            Subject::Mixed => VerdictName::Mixed,
        };
        cases.insert(case(name, Some(manifest), &request.boundary.jurisdiction));
    }
    let blocked = cases
        .into_iter()
        .filter(|case| asking.ask(&case.counts(), &case.purposes).decision == Decision::Block)
        .map(|case| case.name);
    Hidden::of(blocked)
}

fn case(name: VerdictName, manifest: Option<&Manifest>, jurisdiction: &str) -> Case {
    Case {
        name,
        modified: false,
        claimed: false,
        strongly_suspected: false,
        out_of_jurisdiction: manifest
            .is_some_and(|manifest| !may_be_kept(&manifest.jurisdictions, jurisdiction)),
        purposes: manifest.map(|manifest| manifest.purposes.iter().cloned().collect()).unwrap_or_default(),
    }
}

fn bit(kind: VerdictName) -> u16 {
    let place = VerdictName::ALL.into_iter().position(|name| name == kind).unwrap_or_default();
    1 << place
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boundary::{Boundary, Continuity, Environment, Mode};

    fn check(policies: &Policies, environment: Environment, mode: Mode, continuity: Continuity, want: &str) {
        let boundary = Boundary {
            name: "crm".to_owned(),
            environment,
            jurisdiction: "US".to_owned(),
            mode,
            continuity,
            system_of_record: false,
        };
        let request =
            Request { client: "portal".into(), action: Action::Create, boundary: &boundary, route: "" };
        let said = hidden(policies, &request, []);
        assert_eq!(said.to_string(), want, "{environment} {mode} {continuity}");
    }

    #[test]
    fn the_default_policies_hide_what_does_not_belong() {
        use Continuity::{Care, Strict};
        use Environment::{Production, Sandbox, Staging, Test};
        let policies = Policies::default_set().unwrap();
        let check = |environment, mode, continuity, want| {
            check(&policies, environment, mode, continuity, want);
        };
        let broken = "transplanted, forged, unreadable";
        let (production, sandbox) =
            (format!("synthetic, mixed, {broken}"), format!("attested, mixed, {broken}"));
        check(Production, Mode::Enforce, Strict, &production);
        check(Production, Mode::Enforce, Care, "synthetic, mixed");
        check(Staging, Mode::Enforce, Strict, broken);
        check(Sandbox, Mode::Enforce, Strict, &sandbox);
        check(Test, Mode::Enforce, Care, "attested, mixed");
        check(Production, Mode::Warn, Strict, "nothing");
        check(Sandbox, Mode::Observe, Strict, "nothing");
    }

    #[test]
    fn a_client_of_its_own_may_see_more() {
        let text = r#"
            @id("auditors") @reason("auditors see all")
            permit (principal == Eosin::Client::"audit", action == Eosin::Action::"read", resource);
            @id("others") @reason("people only")
            permit (principal, action, resource) when { context.attested > 0 };
        "#;
        let policies = Policies::parse("own", text).unwrap();
        let boundary = Boundary {
            name: "crm".to_owned(),
            environment: Environment::Production,
            jurisdiction: String::new(),
            mode: Mode::Enforce,
            continuity: Continuity::Strict,
            system_of_record: false,
        };
        let ask = |client: &str| {
            let request =
                Request { client: client.into(), action: Action::Read, boundary: &boundary, route: "" };
            hidden(&policies, &request, [])
        };
        assert_eq!(ask("audit"), Hidden::NOTHING);
        assert!(ask("portal").hides(VerdictName::Unproven) && !ask("portal").hides(VerdictName::Attested));
        assert!(ask("portal").hides_labelled() && !ask("audit").hides_labelled());
    }
}

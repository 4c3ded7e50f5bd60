//! What holds when there is no emergency, as far as it can be told: the log says which version, its text what it permits.
//!
//! A text that cannot be read keeps nobody from signing: what they sign only narrows, and care is proven all the same.

use policy::{Emergency, Policies};

use super::{Known, entries::Entry, preparing};
use crate::{policy_command::policy_text, printer::Printer};

/// The version of calm times.
pub(super) struct Normal {
    /// Which.
    pub(super) version: String,
    // Its policies; why they cannot be read, where they cannot.
    policies: miette::Result<Policies>,
}

impl Known {
    /// What is normal now.
    ///
    /// Errors: a report: nobody can tell which version it is.
    pub(super) fn normally(&self) -> miette::Result<Normal> {
        match self.config.policies() {
            Ok(policies) => Ok(Normal { version: policies.version().to_owned(), policies: Ok(policies) }),
            Err(report) => match self.versions.newest(1)?.pop() {
                Some((_, change)) => Ok(Normal { version: change.version, policies: Err(report) }),
                None => Err(report),
            },
        }
    }

    /// The version that is normal now, whether its text can be read or not.
    ///
    /// Errors: as [`Known::normally`].
    pub(crate) fn normal_version(&self) -> miette::Result<String> {
        Ok(self.normally()?.version)
    }
}

impl Normal {
    /// Why a prepared version does not keep care any more, as the policies are now; nothing if it does.
    ///
    /// Shape:  it was proven then, of this very version; or it is proven now; or, where nobody can read what is permitted now,
    ///         that it refuses nothing of attested people, whatever permits it.
    pub(super) fn is_stopped_by(
        &self,
        entry: &Entry,
        emergency: &Emergency,
        printer: &Printer,
    ) -> Option<String> {
        let was = entry.against.as_deref();
        if was == Some(self.version.as_str()) {
            return None;
        }
        let (prepared, was, now) = (&entry.version, was.unwrap_or_default(), &self.version);
        match &self.policies {
            Ok(policies) => (!preparing::is_sound(&emergency.policies, policies, printer))
                .then(|| format!("{prepared} was prepared against {was}; prepare it again for {now}")),
            Err(report) => {
                printer.note(&format!("what {now} permits cannot be told: {report:#}"));
                let is_sound = policy_text::everything()
                    .is_ok_and(|everything| preparing::is_sound(&emergency.policies, &everything, printer));
                (!is_sound).then(|| {
                    format!(
                        "{prepared} was prepared against {was}, and not proven to keep care under {now}, which cannot be \
                         read: put that text back, or ask for a version that refuses nothing of attested people"
                    )
                })
            }
        }
    }
}

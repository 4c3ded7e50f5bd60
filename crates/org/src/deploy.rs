//! Deployments of metadata: a zip comes in, objects and fields appear, every component is accounted for.
//!
//! Objects, fields, validation rules, approvals, permission sets and sharing rules are acted on. Every other component is
//! read (XML must be well formed), kept and reported as deployed; nothing pretends that a flow runs.

pub(crate) mod metadata;
pub(crate) mod package;
mod permissions;
pub(crate) mod rest;
pub(crate) mod rules;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::datetime;
use crate::state::{Visit, make_room};
use crate::xml::{Element, escape};

/// The deployments of the org and what they brought.
#[derive(Debug, Default)]
pub(crate) struct Deployments {
    all: BTreeMap<String, Deployment>,
    /// Component type and full name of everything deployed and kept.
    pub(crate) kept: BTreeMap<(String, String), Effect>,
    /// The definitions of components that the org reads after their deployment, by type and full name.
    pub(crate) definitions: BTreeMap<(String, String), Element>,
}

/// What the org does with a deployed component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// It changed the schema.
    Acted,
    /// It is kept and has no effect here.
    Kept,
}

/// One deployment.
#[derive(Debug, Clone)]
pub(crate) struct Deployment {
    id: String,
    options: Options,
    components: Vec<Component>,
    started: String,
    user: String,
}

/// What became of one component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Component {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) created: bool,
    pub(crate) problem: Option<Problem>,
}

/// Why a component was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) message: String,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// What a client asks of a deployment.
#[expect(clippy::struct_excessive_bools, reason = "these are the members of Salesforce's DeployOptions")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) check_only: bool,
    pub(crate) rollback_on_error: bool,
    pub(crate) ignore_warnings: bool,
    pub(crate) single_package: bool,
    pub(crate) purge_on_delete: bool,
}

/// Runs a deployment to its end and gives its id.
pub(crate) fn start(visit: &mut Visit<'_>, zip: Vec<u8>, options: Options) -> String {
    let id = visit.state.ticket("0Af");
    let read = if visit.state.store.is_whole() {
        package::read(zip, &visit.state.limits)
    } else {
        Err("INSUFFICIENT_ACCESS: use of the Metadata API requires a user with the ModifyAllData or ModifyMetadata permissions".into())
    };
    let components = match read {
        Ok(files) => metadata::apply(visit, &files, options),
        Err(message) => vec![Component {
            kind: String::new(),
            name: "package.xml".into(),
            file: "package.xml".into(),
            created: false,
            problem: Some(Problem { message, line: 1, column: 1 }),
        }],
    };
    let deployment =
        Deployment { id: id.clone(), options, components, started: visit.now(), user: visit.user.clone() };
    make_room(&mut visit.state.deployments.all, DEPLOYMENTS_MAX);
    visit.state.deployments.all.insert(id.clone(), deployment);
    id
}

impl Deployments {
    /// The definitions of a type: full name and root element, in order of names.
    pub(crate) fn defined(&self, kind: &str) -> impl Iterator<Item = (&str, &Element)> {
        let from = (kind.to_owned(), String::new());
        self.definitions
            .range(from..)
            .take_while(move |((known, _), _)| known.as_str() == kind)
            .map(|((_, name), element)| (name.as_str(), element))
    }

    /// The deployment with this id, in either form.
    pub(crate) fn get(&self, id: &str) -> Option<&Deployment> {
        self.all.get(&crate::id::widen(id)?)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            check_only: false,
            rollback_on_error: true,
            ignore_warnings: false,
            single_package: true,
            purge_on_delete: false,
        }
    }
}

impl Options {
    pub(crate) fn from_xml(element: &Element) -> Self {
        Self::from_fields(|name| element.text_of(name).map(|text| text == "true"))
    }

    pub(crate) fn from_json(value: &Value) -> Self {
        Self::from_fields(|name| value.get(name).and_then(Value::as_bool))
    }

    fn from_fields(get: impl Fn(&str) -> Option<bool>) -> Self {
        let default = Self::default();
        Self {
            check_only: get("checkOnly").unwrap_or(default.check_only),
            rollback_on_error: get("rollbackOnError").unwrap_or(default.rollback_on_error),
            ignore_warnings: get("ignoreWarnings").unwrap_or(default.ignore_warnings),
            single_package: get("singlePackage").unwrap_or(default.single_package),
            purge_on_delete: get("purgeOnDelete").unwrap_or(default.purge_on_delete),
        }
    }

    fn json(self) -> Value {
        json!({
            "allowMissingFiles": false,
            "autoUpdatePackage": false,
            "checkOnly": self.check_only,
            "ignoreWarnings": self.ignore_warnings,
            "performRetrieve": false,
            "purgeOnDelete": self.purge_on_delete,
            "rollbackOnError": self.rollback_on_error,
            "runAllTests": false,
            "runTests": null,
            "singlePackage": self.single_package,
            "testLevel": null,
        })
    }
}

impl Deployment {
    fn counts(&self) -> (usize, usize) {
        let failed = self.components.iter().filter(|one| one.problem.is_some()).count();
        (self.components.len(), failed)
    }

    /// `Failed` takes everything back; without rollback the good part stays.
    fn status(&self) -> &'static str {
        let (total, failed) = self.counts();
        match failed {
            0 => "Succeeded",
            _ if self.options.rollback_on_error || failed == total => "Failed",
            _ => "SucceededPartial",
        }
    }

    fn deployed(&self) -> usize {
        let (total, failed) = self.counts();
        total - failed
    }

    /// The `deployResult` of the REST resource.
    fn result(&self, details: bool) -> Value {
        let (total, failed) = self.counts();
        let mut result = json!({
            "id": self.id,
            "checkOnly": self.options.check_only,
            "ignoreWarnings": self.options.ignore_warnings,
            "rollbackOnError": self.options.rollback_on_error,
            "status": self.status(),
            "runTestsEnabled": false,
            "done": true,
            "success": self.status() == "Succeeded",
            "numberComponentsDeployed": self.deployed(),
            "numberComponentsTotal": total,
            "numberComponentErrors": failed,
            "numberTestsCompleted": 0,
            "numberTestsTotal": 0,
            "numberTestErrors": 0,
            "createdBy": self.user,
            "createdByName": "Local Org",
            "createdDate": self.started,
            "startDate": self.started,
            "lastModifiedDate": self.started,
            "completedDate": self.started,
        });
        if let (true, Some(map)) = (details, result.as_object_mut()) {
            let (good, bad): (Vec<_>, Vec<_>) = self.components.iter().partition(|one| one.problem.is_none());
            let list =
                |all: Vec<&Component>| all.into_iter().map(|one| one.json(&self.started)).collect::<Vec<_>>();
            map.insert("details".into(), json!({
                "componentSuccesses": list(good),
                "componentFailures": list(bad),
                "retrieveResult": null,
                "runTestResult": {
                    "numFailures": 0, "numTestsRun": 0, "totalTime": 0.0, "failures": [], "successes": [],
                    "codeCoverage": [], "codeCoverageWarnings": [], "flowCoverage": [], "flowCoverageWarnings": [],
                },
            }));
        }
        result
    }

    /// The same as elements of a SOAP `DeployResult`.
    pub(crate) fn xml(&self, details: bool) -> String {
        let Value::Object(mut result) = self.result(details) else { return String::new() };
        let details = result.remove("details");
        let mut out = elements(&Value::Object(result));
        if let Some(Value::Object(details)) = details {
            out.push_str("<details>");
            for name in ["componentFailures", "componentSuccesses"] {
                for one in details.get(name).and_then(Value::as_array).into_iter().flatten() {
                    out = out + "<" + name + ">" + &elements(one) + "</" + name + ">";
                }
            }
            out.push_str("<runTestResult><numFailures>0</numFailures><numTestsRun>0</numTestsRun><totalTime>0.0</totalTime></runTestResult></details>");
        }
        out
    }
}

impl Component {
    fn json(&self, when: &str) -> Value {
        let mut body = json!({
            "changed": true,
            "componentType": self.kind,
            "created": self.created,
            "createdDate": when,
            "deleted": false,
            "fileName": self.file,
            "forPackageManifestFile": self.file.ends_with("package.xml"),
            "fullName": self.name,
            "knownPackagingProblem": false,
            "requiresProductionTestRun": false,
            "success": self.problem.is_none(),
            "warning": false,
        });
        if let (Some(problem), Some(map)) = (&self.problem, body.as_object_mut()) {
            map.insert("changed".into(), json!(false));
            map.insert("problem".into(), json!(problem.message));
            map.insert("problemType".into(), json!("Error"));
            map.insert("lineNumber".into(), json!(problem.line));
            map.insert("columnNumber".into(), json!(problem.column));
        }
        body
    }
}

/// The plain members of an object as XML elements.
fn elements(value: &Value) -> String {
    let members = value.as_object().into_iter().flatten();
    members.filter(|(_, value)| !value.is_null()).fold(String::new(), |out, (name, value)| {
        let text = crate::value::spell(value);
        // SOAP spells moments as XML Schema does.
        let text = match datetime::read_date_time(&text).filter(|_| name.ends_with("Date")) {
            Some(_) => text.replace("+0000", "Z"),
            None => text,
        };
        out + &format!("<{name}>{}</{name}>", escape(&text))
    })
}

const DEPLOYMENTS_MAX: usize = 100;

/// Folder, type and file suffix of the components of a package.
pub(crate) const TYPES: [(&str, &str, &str); 31] = [
    ("objects", "CustomObject", "object"),
    ("classes", "ApexClass", "cls"),
    ("triggers", "ApexTrigger", "trigger"),
    ("permissionsets", "PermissionSet", "permissionset"),
    ("permissionsetgroups", "PermissionSetGroup", "permissionsetgroup"),
    ("profiles", "Profile", "profile"),
    ("layouts", "Layout", "layout"),
    ("flexipages", "FlexiPage", "flexipage"),
    ("tabs", "CustomTab", "tab"),
    ("applications", "CustomApplication", "app"),
    ("flows", "Flow", "flow"),
    ("lwc", "LightningComponentBundle", ""),
    ("aura", "AuraDefinitionBundle", ""),
    ("labels", "CustomLabels", "labels"),
    ("staticresources", "StaticResource", "resource"),
    ("restrictionRules", "RestrictionRule", "rule"),
    ("globalValueSets", "GlobalValueSet", "globalValueSet"),
    ("standardValueSets", "StandardValueSet", "standardValueSet"),
    ("customMetadata", "CustomMetadata", "md"),
    ("customPermissions", "CustomPermission", "customPermission"),
    ("quickActions", "QuickAction", "quickAction"),
    ("pages", "ApexPage", "page"),
    ("components", "ApexComponent", "component"),
    ("reports", "Report", "report"),
    ("dashboards", "Dashboard", "dashboard"),
    ("approvalProcesses", "ApprovalProcess", "approvalProcess"),
    ("workflows", "Workflow", "workflow"),
    ("sharingRules", "SharingRules", "sharingRules"),
    ("roles", "Role", "role"),
    ("settings", "Settings", "settings"),
    ("remoteSiteSettings", "RemoteSiteSetting", "remoteSite"),
];

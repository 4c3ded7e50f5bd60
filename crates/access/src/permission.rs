//! Who may do what: Cedar policies that are in the tree, and one question to them.

use std::{fmt, str::FromStr};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
    RestrictedExpression, Schema, ValidationMode, Validator,
};
use serde::{Deserialize, Serialize};

use crate::{Name, Operator, Token};

const SCHEMA: &str = include_str!("../policies/console.cedarschema");
const POLICIES: &str = include_str!("../policies/console.cedar");

/// What somebody may want of the console, or of its control API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Today and the boundaries.
    SeePosture,
    /// Crossings that were ruled on.
    SeeTransactions,
    /// Records by reference, and where each went.
    SeeRecords,
    /// What was sealed.
    SeeDatasets,
    /// Versions of the policies.
    SeePolicies,
    /// What was withheld.
    SeeQuarantine,
    /// The ledgers and how far they are read.
    SeeLedgers,
    /// Operators, sessions and tokens.
    SeeOperators,
    /// Ask the index in SQL, which is everything that the pages of it show.
    QueryIndex,
    /// Release what was withheld, or reject it.
    DecideQuarantine,
    /// Have a sealed dataset known, so that its marks are proved.
    RegisterDatasets,
    /// Flag records, assign them, ask that they be kept in quarantine.
    HandleRecords,
    /// Put versions of the policies in force.
    ChangePolicies,
    /// Hand in what people have signed about emergency versions.
    SwitchEmergency,
    /// Change operators, end sessions, revoke tokens.
    ManageOperators,
    /// Their own password, authenticator, sessions and tokens.
    ManageOwn,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::SeePosture,
        Self::SeeTransactions,
        Self::SeeRecords,
        Self::SeeDatasets,
        Self::SeePolicies,
        Self::SeeQuarantine,
        Self::SeeLedgers,
        Self::SeeOperators,
        Self::QueryIndex,
        Self::DecideQuarantine,
        Self::RegisterDatasets,
        Self::HandleRecords,
        Self::ChangePolicies,
        Self::SwitchEmergency,
        Self::ManageOperators,
        Self::ManageOwn,
    ];

    /// The word, as policies and scopes have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SeePosture => "see-posture",
            Self::SeeTransactions => "see-transactions",
            Self::SeeRecords => "see-records",
            Self::SeeDatasets => "see-datasets",
            Self::SeePolicies => "see-policies",
            Self::SeeQuarantine => "see-quarantine",
            Self::SeeLedgers => "see-ledgers",
            Self::SeeOperators => "see-operators",
            Self::QueryIndex => "query-index",
            Self::DecideQuarantine => "decide-quarantine",
            Self::RegisterDatasets => "register-datasets",
            Self::HandleRecords => "handle-records",
            Self::ChangePolicies => "change-policies",
            Self::SwitchEmergency => "switch-emergency",
            Self::ManageOperators => "manage-operators",
            Self::ManageOwn => "manage-own",
        }
    }

    /// Whether a token can have it as a scope: everything but what makes operators, passwords and tokens.
    pub fn is_scope(self) -> bool {
        !matches!(self, Self::ManageOperators | Self::ManageOwn)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.as_str())
    }
}

impl FromStr for Action {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|action| action.as_str() == text);
        found.ok_or("a scope is `see-posture`, `see-transactions`, `see-records`, `see-datasets`, `see-policies`, `see-quarantine`, `see-ledgers`, `see-operators`, `query-index`, `decide-quarantine`, `register-datasets`, `handle-records`, `change-policies` or `switch-emergency`")
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// Their name.
    pub name: &'a Name,
    /// Them.
    pub operator: &'a Operator,
    /// The token that asks for them, if it is not they who signed in.
    pub token: Option<&'a Token>,
}

/// The policies, read and checked against their schema.
pub struct Permissions {
    policies: PolicySet,
    authorizer: Authorizer,
    schema: Schema,
}

/// The policies of this build are at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the built-in policies of the console cannot be used: {0}")]
pub struct PermissionError(String);

impl Permissions {
    /// Reads the built-in policies, strictly.
    ///
    /// Errors: none in a build that passes its tests.
    pub fn new() -> Result<Self, PermissionError> {
        Self::read(SCHEMA, POLICIES)
    }

    fn read(schema: &str, policies: &str) -> Result<Self, PermissionError> {
        let fault = |error: &dyn fmt::Display| PermissionError(error.to_string());
        let (schema, _) = Schema::from_cedarschema_str(schema).map_err(|error| fault(&error))?;
        let policies = PolicySet::from_str(policies).map_err(|error| fault(&error))?;
        let checked = Validator::new(schema.clone()).validate(&policies, ValidationMode::Strict);
        if let Some(error) = checked.validation_errors().next() {
            return Err(fault(error));
        }
        if let Some(warning) = checked.validation_warnings().next() {
            return Err(fault(warning));
        }
        Ok(Self { policies, authorizer: Authorizer::new(), schema })
    }

    /// Whether somebody may do something. An operator who is disabled may nothing, and what fails to evaluate is refused.
    pub fn allow(&self, caller: &Caller<'_>, action: Action) -> bool {
        !caller.operator.is_disabled && self.ask(caller, action).unwrap_or(false)
    }

    fn ask(&self, caller: &Caller<'_>, action: Action) -> Result<bool, Box<dyn std::error::Error>> {
        let name = |kind: &str, id: &str| {
            EntityTypeName::from_str(kind)
                .map(|kind| EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
                .map_err(Box::new)
        };
        let role = name("Role", caller.operator.role.as_str())?;
        let operator = name("Operator", caller.name.as_str())?;
        let parents = [role].into_iter().collect();
        let entity = Entity::new(operator.clone(), std::iter::empty().collect(), parents)?;
        let entities = Entities::from_entities([entity], Some(&self.schema))?;
        let is_out_of_scope = caller.token.is_some_and(|token| !token.scopes.contains(&action));
        let context = Context::from_pairs(
            [
                ("isToken", caller.token.is_some()),
                ("isOutOfScope", is_out_of_scope),
                ("mustChangePassword", caller.operator.must_change),
            ]
            .map(|(name, value)| (name.to_owned(), RestrictedExpression::new_bool(value))),
        )?;
        let action = name("Action", action.as_str())?;
        let console = name("Console", "eosin")?;
        let request = Request::new(operator, action, console, context, Some(&self.schema))?;
        let answer = self.authorizer.is_authorized(&request, &self.policies, &entities);
        let is_clean = answer.diagnostics().errors().next().is_none();
        Ok(is_clean && answer.decision() == Decision::Allow)
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Permissions(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;
    use crate::{Cost, Password, PasswordHash};

    fn operator(role: Role) -> Operator {
        let password = PasswordHash::new(&Password::typed("x"), &[0; 16], Cost::CHEAP).unwrap();
        Operator {
            role,
            since: 0,
            is_disabled: false,
            password: Some(password),
            openid: None,
            vouched: None,
            is_taken_off: false,
            must_change: false,
            seed: None,
            last_step: 0,
            generation: 0,
            revision: 0,
        }
    }

    fn table(permissions: &Permissions, change: impl Fn(&mut Operator), token: Option<&Token>) -> String {
        let name = "ada".parse().unwrap();
        let mut text = String::from("\n");
        for action in Action::ALL {
            let padded = format!("{:<17}", action.as_str());
            text.push_str(&padded);
            for role in Role::ALL {
                let mut operator = operator(role);
                change(&mut operator);
                let caller = Caller { name: &name, operator: &operator, token };
                text += if permissions.allow(&caller, action) { " yes" } else { " -  " };
            }
            text = text.trim_end().to_owned() + "\n";
        }
        text
    }

    #[test]
    fn each_role_may_what_the_table_says() {
        //                 admin, compliance, support, auditor, generator
        let expected = "
see-posture       yes yes yes yes -
see-transactions  yes yes yes yes -
see-records       yes yes yes yes -
see-datasets      yes yes yes yes yes
see-policies      yes yes -   yes -
see-quarantine    yes yes -   yes -
see-ledgers       yes yes -   yes -
see-operators     yes -   -   yes -
query-index       yes yes -   yes -
decide-quarantine yes yes -   -   -
register-datasets yes -   -   -   yes
handle-records    yes yes yes -   -
change-policies   yes yes -   -   -
switch-emergency  yes yes -   -   -
manage-operators  yes -   -   -   -
manage-own        yes yes yes yes yes
";
        let permissions = Permissions::new().unwrap();
        assert_eq!(table(&permissions, |_| {}, None), expected);
        let page = include_str!("../../../docs/operators.md");
        for line in expected.trim().lines() {
            let mut words = line.split_whitespace();
            let action = words.next().unwrap();
            let row = format!("| `{action}` | {} |", words.collect::<Vec<_>>().join(" | "));
            assert!(page.contains(&row), "docs/operators.md does not say: {row}");
        }
    }

    #[test]
    fn with_a_password_of_somebody_else_only_the_own_account_is_open() {
        let permissions = Permissions::new().unwrap();
        let told = table(&permissions, |operator| operator.must_change = true, None);
        assert_eq!(told.matches("yes").count(), Role::ALL.len(), "{told}");
        assert!(told.ends_with("manage-own        yes yes yes yes yes\n"), "{told}");
        let told = table(&permissions, |operator| operator.is_disabled = true, None);
        assert!(!told.contains("yes"), "{told}");
    }

    #[test]
    fn a_token_may_what_its_scopes_and_its_operator_may_and_makes_no_other() {
        let permissions = Permissions::new().unwrap();
        let token = |scopes: &[Action]| Token {
            operator: "ada".parse().unwrap(),
            label: String::new(),
            scopes: scopes.iter().copied().collect(),
            since: 0,
            until: 1,
        };
        let told = table(&permissions, |_| {}, Some(&token(&[Action::SeeDatasets, Action::SeeLedgers])));
        assert_eq!(told.matches("yes").count(), 5 + 3, "{told}");
        let told = table(&permissions, |_| {}, Some(&token(&Action::ALL)));
        assert!(
            told.contains("manage-operators  -   -   -   -   -\nmanage-own        -   -   -   -   -\n"),
            "{told}"
        );
        assert!(Action::ALL.iter().filter(|action| !action.is_scope()).count() == 2);
    }

    #[test]
    fn a_policy_that_fails_to_evaluate_or_to_be_read_permits_nothing() {
        let broken = "permit (principal, action, resource); forbid (principal, action, resource) when { 1 + \"a\" == 2 };";
        assert!(Permissions::read(SCHEMA, broken).is_err());
        let (schema, _) = Schema::from_cedarschema_str(SCHEMA).unwrap();
        let policies = PolicySet::from_str(broken).unwrap();
        let permissions = Permissions { policies, authorizer: Authorizer::new(), schema };
        assert!(!table(&permissions, |_| {}, None).contains("yes"));
    }
}

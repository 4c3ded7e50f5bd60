//! Describe results: every member a real describe has, for objects and for fields.

use serde_json::{Map, Value, json};

use crate::schema::{Access, Child, Field, Kind, Object};

/// The members that the list of objects gives of each.
///
/// Source: the recordings of real orgs in `CumulusCI`'s wheel (BSD-3-Clause), v48.0 to v59.0.
pub(crate) fn summary(object: &Object, version: &str) -> Value {
    let mut all = json!({
        "activateable": false,
        "associateEntityType": null,
        "associateParentEntity": null,
        "createable": true,
        "custom": object.custom,
        "customSetting": false,
        "deepCloneable": false,
        "deletable": true,
        "deprecatedAndHidden": false,
        "feedEnabled": false,
        "hasSubtypes": false,
        "isInterface": false,
        "isSubtype": false,
        "keyPrefix": object.prefix,
        "label": object.label,
        "labelPlural": object.plural,
        "layoutable": layoutable(object),
        "mergeable": matches!(object.name.as_str(), "Account" | "Case" | "Contact" | "Lead"),
        "mruEnabled": true,
        "name": object.name,
        "queryable": true,
        "replicateable": true,
        "retrieveable": true,
        "searchable": true,
        "triggerable": true,
        "undeletable": true,
        "updateable": true,
        "urls": urls(object, version),
    });
    if let (true, Some(map)) = (before(version, ASSOCIATED_SINCE), all.as_object_mut()) {
        map.remove("associateEntityType");
        map.remove("associateParentEntity");
    }
    all
}

/// The addresses of what else there is to ask about an object.
fn urls(object: &Object, version: &str) -> Value {
    let at = format!("/services/data/{version}/sobjects/{}", object.name);
    let mut map = Map::new();
    let mut add = |name: &str, rest: &str| map.insert(name.to_owned(), json!(format!("{at}{rest}")));
    add("sobject", "");
    add("describe", "/describe");
    add("rowTemplate", "/{ID}");
    let name = object.name.as_str();
    if !layoutable(object) {
        return Value::Object(map);
    }
    add("compactLayouts", "/describe/compactLayouts");
    add("layouts", "/describe/layouts");
    if name != "CampaignMember" {
        add("quickActions", "/quickActions");
    }
    if !matches!(name, "CampaignMember" | "OpportunityContactRole" | "User" | "Event" | "Task") {
        add("approvalLayouts", "/describe/approvalLayouts");
    }
    if object.custom || LISTED.contains(&name) {
        add("listviews", "/listviews");
    }
    match name {
        "User" => {
            add("namedLayouts", "/describe/namedLayouts/{LayoutName}");
            add("passwordUtilities", "/{ID}/password");
        }
        "Case" => {
            add("caseArticleSuggestions", "/suggestedArticles");
            add("caseRowArticleSuggestions", "/{ID}/suggestedArticles");
        }
        "WorkOrder" => {
            add("workOrderArticleSuggestions", "/suggestedArticles");
            add("workOrderRowArticleSuggestions", "/{ID}/suggestedArticles");
        }
        _ => {}
    }
    Value::Object(map)
}

/// The whole describe of an object, with the addresses of its pages under `base`.
pub(crate) fn with_pages(object: &Object, version: &str, base: &str) -> Value {
    let mut all = full(object, version);
    let urls = all.get_mut("urls").and_then(Value::as_object_mut);
    if let (Some(urls), true) = (urls, layoutable(object)) {
        urls.insert("uiDetailTemplate".into(), json!(format!("{base}/{{ID}}")));
        urls.insert("uiEditTemplate".into(), json!(format!("{base}/{{ID}}/e")));
        urls.insert("uiNewRecord".into(), json!(format!("{base}/{}/e", object.prefix)));
        let at = format!("/services/data/{version}/sobjects/{}", object.name);
        if before(version, ASSOCIATED_SINCE) {
            urls.insert("defaultValues".into(), json!(format!("{at}/defaultValues?recordTypeId&fields")));
        }
        if object.name == "Event" {
            urls.insert("eventSeriesUpdates".into(), json!(format!("{at}/{{ID}}/fromThisEventOnwards")));
        }
    }
    all
}

/// Whether the object has pages: what the platform keeps for itself has none.
fn layoutable(object: &Object) -> bool {
    !WITHOUT_PAGES.contains(&object.name.as_str())
}

/// Whether a version such as `v48.0` is older than a number.
fn before(version: &str, number: f64) -> bool {
    version.trim_start_matches('v').parse::<f64>().is_ok_and(|version| version < number)
}

fn scopes(object: &Object, version: &str) -> Value {
    let plural = object.plural.to_lowercase();
    let mut all = vec![json!({"label": format!("All {plural}"), "name": "everything"})];
    let mut add = |name: &str, label: String| all.push(json!({"label": label, "name": name}));
    let owned = object.field("OwnerId").is_some();
    if owned && layoutable(object) {
        add("mine", format!("My {plural}"));
    }
    if matches!(object.name.as_str(), "Case" | "Lead") {
        add("queue_owned", format!("Queue owned {plural}"));
        add("user_owned", format!("User owned {plural}"));
    }
    if SCOPED.contains(&object.name.as_str()) && !before(version, ASSOCIATED_SINCE) {
        add("scopingRule", "Filter by scope".into());
    }
    match object.name.as_str() {
        "Account" | "Contact" | "Lead" | "Opportunity" | "Event" | "Task" => {
            add("team", format!("My team's {plural}"));
        }
        "Case" => {
            add("genericteam", format!("My case teams {plural}"));
            add("team_by_role", format!("My role-based team's {plural}"));
        }
        _ => {}
    }
    if matches!(object.name.as_str(), "Event" | "Task") {
        add("delegated", format!("My delegated {plural}"));
    }
    json!(all)
}

/// The whole describe of an object.
pub(crate) fn full(object: &Object, version: &str) -> Value {
    let Value::Object(mut map) = summary(object, version) else { return Value::Null };
    let fields: Vec<Value> = object.fields.iter().map(describe_field).collect();
    let children: Vec<Value> = object.children.iter().map(child).collect();
    for (name, value) in [
        ("actionOverrides", json!([])),
        ("childRelationships", json!(children)),
        ("compactLayoutable", json!(true)),
        ("defaultImplementation", Value::Null),
        ("extendedBy", Value::Null),
        ("extendsInterfaces", Value::Null),
        ("fields", json!(fields)),
        ("implementedBy", Value::Null),
        ("implementsInterfaces", Value::Null),
        ("listviewable", Value::Null),
        ("lookupLayoutable", Value::Null),
        ("namedLayoutInfos", json!([])),
        ("networkScopeFieldName", Value::Null),
        (
            "recordTypeInfos",
            json!([{
                "active": true, "available": true, "defaultRecordTypeMapping": true, "developerName": "Master",
                "master": true, "name": "Master", "recordTypeId": "012000000000000AAA",
                "urls": {"layout": format!("/services/data/{version}/sobjects/{}/describe/layouts/012000000000000AAA", object.name)},
            }]),
        ),
        ("searchLayoutable", json!(true)),
        ("sobjectDescribeOption", json!("FULL")),
        ("supportedScopes", scopes(object, version)),
    ] {
        map.insert(name.into(), value);
    }
    if before(version, ASSOCIATED_SINCE) {
        map.remove("sobjectDescribeOption");
    }
    Value::Object(map)
}

fn child(child: &Child) -> Value {
    json!({
        "cascadeDelete": child.cascade,
        "childSObject": child.object,
        "deprecatedAndHidden": false,
        "field": child.field,
        "junctionIdListNames": [],
        "junctionReferenceTo": [],
        "relationshipName": child.name,
        "restrictedDelete": false,
    })
}

fn describe_field(field: &Field) -> Value {
    let picked = matches!(field.kind, Kind::Picklist | Kind::MultiPicklist | Kind::ComboBox);
    let values: Vec<Value> = field
        .values
        .iter()
        .map(|value| {
            let default = field.default.as_deref() == Some(value.as_str());
            json!({"active": true, "defaultValue": default, "label": value, "validFor": null, "value": value})
        })
        .collect();
    let mut map = Map::new();
    for (name, value) in flags(field) {
        map.insert(name.into(), Value::Bool(value));
    }
    for (name, value) in shape(field) {
        map.insert(name.into(), value);
    }
    map.insert("picklistValues".into(), json!(if picked { values } else { Vec::new() }));
    map.sort_keys();
    Value::Object(map)
}

/// The members that are yes or no.
fn flags(field: &Field) -> [(&'static str, bool); 33] {
    let kind = field.kind;
    let is_compound = matches!(kind, Kind::Address | Kind::Location);
    let plain = field.filterable() && !is_compound;
    let long = kind == Kind::TextArea && field.length > 255;
    let system = SYSTEM.contains(&field.name.as_str());
    // What the platform fills in when a client does not.
    let defaulted = kind == Kind::Boolean
        || system
        || field.name == "OwnerId"
        || field.default.is_some()
        || field.auto_number;
    let nillable =
        !(field.required || defaulted && field.default.is_none() || field.name_field && field.name == "Name");
    [
        ("aggregatable", plain && kind != Kind::Boolean && kind != Kind::MultiPicklist),
        ("aiPredictionField", false),
        ("autoNumber", field.auto_number),
        ("calculated", field.formula.is_some()),
        ("cascadeDelete", field.cascade && field.custom),
        ("caseSensitive", field.case_sensitive),
        ("createable", field.access != Access::ReadOnly),
        ("custom", field.custom),
        ("defaultedOnCreate", defaulted),
        ("dependentPicklist", false),
        ("deprecatedAndHidden", false),
        ("displayLocationInDecimal", false),
        ("encrypted", kind == Kind::EncryptedString),
        ("externalId", field.external_id),
        ("filterable", field.filterable()),
        ("formulaTreatNullNumberAsZero", false),
        (
            "groupable",
            plain
                && !matches!(
                    kind,
                    Kind::DateTime | Kind::Double | Kind::Currency | Kind::Percent | Kind::MultiPicklist
                ),
        ),
        ("highScaleNumber", false),
        ("htmlFormatted", false),
        ("idLookup", field.finds_rows()),
        ("nameField", field.name_field),
        ("namePointing", field.reference.len() > 1),
        ("nillable", nillable),
        ("permissionable", permissionable(field, system)),
        ("polymorphicForeignKey", field.reference.len() > 1),
        ("queryByDistance", is_compound),
        ("restrictedDelete", false),
        ("restrictedPicklist", field.restricted),
        (
            "searchPrefilterable",
            kind == Kind::Reference && field.access == Access::Write && field.name != "OwnerId",
        ),
        ("sortable", plain && kind != Kind::MultiPicklist && !long),
        ("unique", field.unique),
        ("updateable", field.access == Access::Write),
        ("writeRequiresMasterRead", false),
    ]
}

/// Whether a permission set can take the field away: not what the platform needs or fills in itself.
fn permissionable(field: &Field, system: bool) -> bool {
    let needed = system || field.required || field.name_field || field.kind == Kind::Id;
    let part_of_name = field.compound.as_deref() == Some("Name");
    let computed = field.access == Access::ReadOnly && field.kind != Kind::Address && !field.custom;
    !(needed || part_of_name || computed || field.name == "OwnerId")
}

/// What a describe says of a text that its type does not.
fn extra_type(field: &Field) -> Option<&'static str> {
    match field.name.as_str() {
        "Name" if field.compound.as_deref() == Some("Name") => Some("switchablepersonname"),
        "Name"
            if field.name_field
                && field.access == Access::ReadOnly
                && !field.auto_number
                && !field.custom =>
        {
            Some("personname")
        }
        _ if field.kind == Kind::TextArea => Some("plaintextarea"),
        _ if field.compound.as_deref() == Some("Name") => Some("personname"),
        "PhotoUrl" => Some("imageurl"),
        _ => None,
    }
}

/// The members that are text, numbers or lists.
fn shape(field: &Field) -> [(&'static str, Value); 23] {
    let kind = field.kind;
    let length = if kind.is_text() || matches!(kind, Kind::Id | Kind::Reference) { field.length } else { 0 };
    let bytes = if kind.is_text() { length.saturating_mul(3) } else { length };
    let digits = if kind == Kind::Int { 8 } else { 0 };
    let number = kind.is_number() && kind != Kind::Int;
    let soap = match kind {
        Kind::Id | Kind::Reference => "tns:ID",
        Kind::Boolean => "xsd:boolean",
        Kind::Int => "xsd:int",
        Kind::Double | Kind::Currency | Kind::Percent => "xsd:double",
        Kind::Date => "xsd:date",
        Kind::DateTime => "xsd:dateTime",
        Kind::Time => "xsd:time",
        Kind::Address => "urn:address",
        Kind::Location => "urn:location",
        Kind::Base64 => "xsd:base64Binary",
        Kind::String
        | Kind::TextArea
        | Kind::Email
        | Kind::Phone
        | Kind::Url
        | Kind::Picklist
        | Kind::MultiPicklist
        | Kind::ComboBox
        | Kind::EncryptedString => "xsd:string",
    };
    let default = match (kind, field.default.as_deref()) {
        (Kind::Boolean, default) => json!(default == Some("true")),
        (Kind::Picklist, default) => json!(default),
        _ => Value::Null,
    };
    [
        ("byteLength", json!(bytes)),
        ("calculatedFormula", json!(field.formula)),
        ("compoundFieldName", json!(field.compound)),
        ("controllerName", Value::Null),
        ("defaultValue", default),
        ("defaultValueFormula", Value::Null),
        ("digits", json!(digits)),
        ("extraTypeInfo", json!(extra_type(field))),
        ("filteredLookupInfo", Value::Null),
        ("inlineHelpText", json!(field.help)),
        ("label", json!(field.label)),
        ("length", json!(length)),
        ("mask", Value::Null),
        ("maskType", Value::Null),
        ("name", json!(field.name)),
        ("precision", json!(if number { field.precision } else { 0 })),
        ("referenceTargetField", Value::Null),
        ("referenceTo", json!(field.reference)),
        ("relationshipName", json!(field.relationship)),
        ("relationshipOrder", json!((field.cascade && field.custom).then_some(0))),
        ("scale", json!(if number { field.scale } else { 0 })),
        ("soapType", json!(soap)),
        ("type", json!(kind.name())),
    ]
}

/// The first version whose describes say what an object is associated with.
const ASSOCIATED_SINCE: f64 = 49.0;

/// Objects with list views, beside custom ones.
const LISTED: [&str; 12] = [
    "Account",
    "Asset",
    "Campaign",
    "Case",
    "Contact",
    "Contract",
    "Lead",
    "Opportunity",
    "Order",
    "Product2",
    "WorkOrder",
    "ServiceAppointment",
];

/// Objects that scoping rules can be written for.
const SCOPED: [&str; 7] = ["Account", "Case", "Contact", "Event", "Lead", "Opportunity", "Task"];

/// Objects of the platform itself, which nobody opens on a page.
const WITHOUT_PAGES: [&str; 27] = [
    "ApexClass",
    "ApexTrigger",
    "BusinessHours",
    "ContentDocumentLink",
    "DebugLevel",
    "EventLogFile",
    "FeedComment",
    "FeedItem",
    "FeedLike",
    "FieldPermissions",
    "Group",
    "GroupMember",
    "ObjectPermissions",
    "Organization",
    "PermissionSet",
    "PermissionSetAssignment",
    "ProcessInstance",
    "ProcessInstanceWorkitem",
    "Profile",
    "PushTopic",
    "RecordType",
    "Report",
    "Dashboard",
    "SetupAuditTrail",
    "StaticResource",
    "StreamingChannel",
    "UserRole",
];

const SYSTEM: [&str; 7] = [
    "Id",
    "IsDeleted",
    "CreatedDate",
    "CreatedById",
    "LastModifiedDate",
    "LastModifiedById",
    "SystemModstamp",
];

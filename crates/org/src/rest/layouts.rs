//! Layouts: how a form would show an object. One layout an object, made from its fields.

use serde_json::{Value, json};

use crate::call::Reply;
use crate::failure::Failure;
use crate::schema::{Access, Field, Kind, Object};
use crate::state::Visit;

/// The record type of objects that have none of their own.
pub(crate) const MASTER: &str = "012000000000000AAA";

/// Answers what comes after `/sobjects/<object>/describe/`.
pub(crate) fn route(visit: &Visit<'_>, object: &Object, names: &[&str]) -> Result<Reply, Failure> {
    match names {
        ["layouts"] => Ok(Reply::json(200, layouts(visit, object))),
        ["layouts", kind]
            if kind.eq_ignore_ascii_case(MASTER)
                || kind.eq_ignore_ascii_case(MASTER.get(..15).unwrap_or("")) =>
        {
            Ok(Reply::json(200, layout(object)))
        }
        ["compactlayouts"] => Ok(Reply::json(200, compact(visit, object))),
        ["compactlayouts", "primary"] => Ok(Reply::json(200, compact_layout(object))),
        ["approvallayouts"] => Ok(Reply::json(200, json!({"approvalLayouts": []}))),
        // Users are the one object that has a second layout, which clients know by name.
        ["namedlayouts", name] if object.name == "User" && *name == "useralt" => {
            Ok(Reply::json(200, layouts(visit, object)))
        }
        _ => Err(Failure::not_found()),
    }
}

fn layouts(visit: &Visit<'_>, object: &Object) -> Value {
    let url = |kind: &str| visit.path(&format!("sobjects/{}/describe/layouts/{kind}", object.name));
    json!({
        "layouts": [layout(object)],
        "recordTypeMappings": [{
            "active": true, "available": true, "defaultRecordTypeMapping": true, "developerName": "Master",
            "layoutId": layout_id(object), "master": true, "name": "Master", "picklistsForRecordType": null,
            "recordTypeId": MASTER, "urls": {"layout": url(MASTER)},
        }],
        "recordTypeSelectorRequired": [false],
    })
}

fn layout(object: &Object) -> Value {
    let sections = json!([{
        "collapsed": false, "columns": 2, "heading": format!("{} Information", object.label),
        "layoutRows": rows(object), "layoutSectionId": format!("01B{}", layout_id(object).get(3..).unwrap_or("")),
        "parentLayoutId": layout_id(object), "rows": rows(object).len(), "tabOrder": "LeftToRight",
        "useCollapsibleSection": true, "useHeading": true,
    }]);
    let related = object.children.iter().filter(|child| child.name.is_some()).map(|child| {
        json!({
            "accessLevelRequiredForCreate": null, "buttons": [], "columns": [], "custom": child.object.ends_with("__c"),
            "field": child.field, "label": child.name, "limitRows": 5, "name": child.name, "sobject": child.object,
            "sort": [],
        })
    });
    json!({
        "buttonLayoutSection": {"detailButtons": []},
        "detailLayoutSections": sections,
        "editLayoutSections": sections,
        "feedView": null,
        "highlightsPanelLayoutSection": null,
        "id": layout_id(object),
        "multirowEditLayoutSections": [],
        "offlineLinks": [],
        "quickActionList": {"quickActionListItems": []},
        "relatedContent": {"relatedContentItems": []},
        "relatedLists": related.collect::<Vec<_>>(),
        "saveOptions": [],
    })
}

/// The layout in the form of the User Interface API.
pub(crate) fn ui(object: &Object) -> Value {
    let row = |pair: &[&Field]| {
        let items = pair.iter().map(|field| {
            json!({
                "editableForNew": field.access != Access::ReadOnly, "editableForUpdate": field.access == Access::Write,
                "label": field.label, "required": field.required, "sortable": false,
                "layoutComponents": [{"apiName": field.name, "componentType": "Field", "label": field.label}],
            })
        });
        json!({"layoutItems": items.collect::<Vec<_>>()})
    };
    let fields: Vec<&Field> = shown(object).collect();
    json!({
        "eTag": null, "id": layout_id(object), "layoutType": "Full", "mode": "View", "objectApiName": object.name,
        "recordTypeId": MASTER, "saveOptions": [],
        "sections": [{
            "collapsible": false, "columns": 2, "heading": format!("{} Information", object.label), "id": "01B000000000000AAA",
            "layoutRows": fields.chunks(2).map(row).collect::<Vec<_>>(), "rows": fields.len().div_ceil(2), "useHeading": true,
        }],
    })
}

fn compact(visit: &Visit<'_>, object: &Object) -> Value {
    let url = visit.path(&format!("sobjects/{}/describe/compactLayouts/primary", object.name));
    json!({
        "compactLayouts": [compact_layout(object)],
        "defaultCompactLayoutId": null,
        "recordTypeCompactLayoutMappings": [{
            "available": true, "compactLayoutId": null, "compactLayoutName": "SYSTEM",
            "recordTypeId": MASTER, "recordTypeName": "Master", "urls": {"compactLayout": url},
        }],
        "urls": {"primary": url},
    })
}

fn compact_layout(object: &Object) -> Value {
    let items = object.name_field().into_iter().chain(shown(object).take(3)).map(item);
    json!({
        "actions": [], "fieldItems": items.collect::<Vec<_>>(), "id": null, "imageItems": [],
        "label": "System Default", "name": "SYSTEM", "objectType": object.name,
    })
}

fn rows(object: &Object) -> Vec<Value> {
    let fields: Vec<&Field> = shown(object).collect();
    let row = |pair: &[&Field]| json!({"layoutItems": pair.iter().map(|field| item(field)).collect::<Vec<_>>(), "numItems": pair.len()});
    fields.chunks(2).map(row).collect()
}

fn item(field: &Field) -> Value {
    json!({
        "editableForNew": field.access != Access::ReadOnly,
        "editableForUpdate": field.access == Access::Write,
        "label": field.label,
        "layoutComponents": [{
            "details": {"label": field.label, "name": field.name, "type": field.kind.name()},
            "displayLines": 1, "tabOrder": 1, "type": "Field", "value": field.name,
        }],
        "placeholder": false,
        "required": field.required,
    })
}

fn shown(object: &Object) -> impl Iterator<Item = &Field> {
    let form = |field: &&Field| !matches!(field.kind, Kind::Base64 | Kind::Id) && field.name != "IsDeleted";
    object.fields.iter().filter(form)
}

fn layout_id(object: &Object) -> String {
    crate::id::widen(&format!("00h00000000{}0", object.prefix)).unwrap_or_default()
}

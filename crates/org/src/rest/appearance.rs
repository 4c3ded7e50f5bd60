//! `/tabs`, `/theme`, `/appMenu`: what a user interface would show of the org's objects.

use serde_json::{Value, json};

use crate::call::Reply;
use crate::schema::Object;
use crate::state::Visit;

/// `GET …/tabs`: one for every object.
pub(crate) fn tabs(visit: &Visit<'_>) -> Reply {
    let tab = |object: &Object| {
        json!({
            "colors": colors(object), "custom": object.custom, "iconUrl": icon(visit, object, 32), "icons": icons(visit, object),
            "label": object.plural, "miniIconUrl": icon(visit, object, 16), "name": format!("standard-{}", object.name),
            "sobjectName": object.name, "timelineUrl": null, "url": format!("{}/{}/o", visit.base, object.prefix),
        })
    };
    Reply::json(200, visit.state.store.schema.objects().map(|object| tab(object)).collect())
}

/// `GET …/theme`: a color and icons for every object.
pub(crate) fn theme(visit: &Visit<'_>) -> Reply {
    let item = |object: &Object| json!({"colors": colors(object), "icons": icons(visit, object), "name": object.name});
    let items: Vec<Value> = visit.state.store.schema.objects().map(|object| item(object)).collect();
    Reply::json(200, json!({"themeItems": items}))
}

/// `GET …/appMenu/AppSwitcher`: one application.
pub(crate) fn menu() -> Reply {
    let item = json!({
        "type": "StandardApp", "content": null, "colors": null, "icons": null, "label": "Local Org", "url": "/home/home.jsp",
    });
    Reply::json(200, json!({"appMenuItems": [item]}))
}

fn colors(object: &Object) -> Value {
    // A color of its own for each object, from its key prefix.
    let sum =
        object.prefix.bytes().fold(7u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    let color = format!("{:06X}", sum & 0x00FF_FFFF);
    json!([
        {"color": color, "context": "primary", "theme": "theme4"},
        {"color": color, "context": "primary", "theme": "theme3"},
    ])
}

fn icons(visit: &Visit<'_>, object: &Object) -> Value {
    let one = |size: u32, theme: &str| json!({"contentType": "image/png", "height": size, "theme": theme, "url": icon(visit, object, size), "width": size});
    json!([one(32, "theme3"), one(16, "theme3"), one(60, "theme4")])
}

fn icon(visit: &Visit<'_>, object: &Object, size: u32) -> String {
    format!("{}/img/icon/{}{size}.png", visit.base, object.name.to_ascii_lowercase())
}

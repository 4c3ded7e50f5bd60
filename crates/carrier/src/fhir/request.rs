//! What an entry of a Bundle asks for, and whether that fits what it carries.

use mark::{
    Unreadable,
    json::{Json, Members},
};

use super::{
    read::{resource_type, shape},
    route::{self, Route},
};
use crate::Door;

/// Whether an entry's request does with its resource what can be read: create or update it, or nothing at all.
pub(super) fn fits_request(request: &Json<'_>, resource: Option<&Members<'_>>) -> Result<(), Unreadable> {
    let text = |name| request.get(name).and_then(Json::text);
    let (Some(method), Some(url)) = (text("method"), text("url")) else {
        return Err(shape("has a request without method and url"));
    };
    match (route::route(method, url, None, ""), resource) {
        (
            Door::Judged(Route::Create { resource_type: wanted } | Route::Update { resource_type: wanted }),
            Some(resource),
        ) => {
            if resource_type(resource)? == wanted {
                Ok(())
            } else {
                Err(shape("has a resourceType that does not fit its address"))
            }
        }
        // What an operation carries is read as what a create carries; without a body it carries nothing.
        (
            Door::Judged(
                Route::Create { .. } | Route::Update { .. } | Route::Delete | Route::Operation { .. },
            ),
            _,
        )
        | (Door::Open, None) => Ok(()),
        (Door::Judged(Route::Bundle), _) => Err(shape("is a transaction in a Bundle, which is not read")),
        // A search or an operation that reads, asked by POST, has its parameters beside it.
        (Door::Open, Some(resource)) if resource_type(resource)? == "Parameters" && method == "POST" => {
            Ok(())
        }
        (Door::Open, Some(_)) => Err(shape("carries a resource on a read")),
        (Door::Judged(Route::Patch { .. }) | Door::Unknown, _) => {
            Err(shape("asks for a patch or an operation, which is not read"))
        }
    }
}

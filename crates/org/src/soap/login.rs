//! Who is asking: login, logout, and what the session knows of its user.

use super::{Asked, Fault, result};
use crate::call::Call;
use crate::state::Visit;
use crate::store::Row;
use crate::xml::{Element, escape};

/// Opens a session; the answer says where to go on.
pub(super) fn login(
    visit: &mut Visit<'_>,
    call: &Call,
    asked: Asked,
    body: &Element,
) -> Result<String, Fault> {
    let (username, password) =
        (body.text_of("username").unwrap_or(""), body.text_of("password").unwrap_or(""));
    let found = visit.state.access.password(username, password).map(|user| user.username.clone());
    let opened = found.and_then(|username| visit.state.access.open(&username, visit.now_ms));
    let Some((token, user)) = opened else {
        let message = "Invalid username, password, security token; or user locked out.";
        return Err(Fault::new("INVALID_LOGIN", message));
    };
    visit.user.clone_from(&user);
    let organization = &visit.state.access.organization;
    let sandbox =
        visit.state.store.row("Organization", organization).and_then(|row| row.get("IsSandbox")?.as_bool());
    let number = visit.version.trim_start_matches('v');
    Ok(result(
        "login",
        &format!(
            "<metadataServerUrl>{base}/services/Soap/m/{number}/{organization}</metadataServerUrl>\
             <passwordExpired>false</passwordExpired><sandbox>{sandbox}</sandbox>\
             <serverUrl>{base}/services/Soap/{letter}/{number}/{organization}</serverUrl>\
             <sessionId>{token}</sessionId><userId>{user}</userId><userInfo>{info}</userInfo>",
            base = escape(&call.base),
            sandbox = sandbox.unwrap_or(false),
            letter = asked.letter(),
            info = user_info(visit),
        ),
    ))
}

/// `getUserInfo`, and the part of a login that says the same.
pub(super) fn user_info(visit: &Visit<'_>) -> String {
    let row = visit.state.store.live("User", &visit.user);
    let text = |name: &str| row.and_then(|row: &Row| row.get(name)?.as_str()).map(escape).unwrap_or_default();
    format!(
        "<accessibilityMode>false</accessibilityMode><chatterExternal>false</chatterExternal><currencySymbol>$</currencySymbol>\
         <orgAttachmentFileSizeLimit>5242880</orgAttachmentFileSizeLimit><orgDefaultCurrencyIsoCode>USD</orgDefaultCurrencyIsoCode>\
         <orgDefaultCurrencyLocale>en_US</orgDefaultCurrencyLocale><orgDisallowHtmlAttachments>false</orgDisallowHtmlAttachments>\
         <orgHasPersonAccounts>true</orgHasPersonAccounts><organizationId>{}</organizationId>\
         <organizationMultiCurrency>false</organizationMultiCurrency><organizationName>Local Org</organizationName>\
         <profileId>{}</profileId><roleId xsi:nil=\"true\"/><sessionSecondsValid>7200</sessionSecondsValid>\
         <userDefaultCurrencyIsoCode xsi:nil=\"true\"/><userEmail>{}</userEmail><userFullName>{}</userFullName><userId>{}</userId>\
         <userLanguage>en_US</userLanguage><userLocale>en_US</userLocale><userName>{}</userName><userTimeZone>UTC</userTimeZone>\
         <userType>Standard</userType><userUiSkin>Theme3</userUiSkin>",
        visit.state.access.organization,
        text("ProfileId"),
        text("Email"),
        text("Name"),
        visit.user,
        text("Username"),
    )
}

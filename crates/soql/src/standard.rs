//! Relationships of Salesforce's own objects that every org has, so that common questions need no describe.
//!
//! Source: the object reference of Salesforce. Polymorphic relationships whose objects depend on the org (`What`, `Parent`
//! of an attachment, `LinkedEntity`) are left out: their objects are known from the org's own describe, see
//! [`Schema::learn`], or not at all.

use crate::schema::{Bearing, Lookup, Schema};

impl Schema {
    /// What every org has; which objects bear the mark's fields is still to be said.
    ///
    /// Shape: histories, shares, comments and roles are told by the record they belong to.
    pub fn standard() -> Self {
        let mut schema = Self::empty();
        for (object, lookups) in LOOKUPS {
            for (relationship, targets) in *lookups {
                schema.lookup(object, Lookup::usual(relationship, targets));
            }
        }
        for (object, relationships) in CHILDREN {
            for (relationship, child) in *relationships {
                schema.child(object, relationship, child);
            }
        }
        for (object, ways) in BELONGING {
            schema.set(object, Bearing::Through(ways.iter().map(|way| (*way).to_owned()).collect()));
        }
        schema
    }
}

type Related = (&'static str, &'static [(&'static str, &'static [&'static str])]);

const LOOKUPS: &[Related] = &[
    ("Account", &[("Parent", &["Account"]), ("MasterRecord", &["Account"]), ("PersonContact", &["Contact"])]),
    ("AccountContactRelation", &[("Account", &["Account"]), ("Contact", &["Contact"])]),
    ("AccountContactRole", &[("Account", &["Account"]), ("Contact", &["Contact"])]),
    ("AccountHistory", &[("Account", &["Account"])]),
    ("AccountShare", &[("Account", &["Account"])]),
    (
        "Asset",
        &[
            ("Account", &["Account"]),
            ("Contact", &["Contact"]),
            ("Parent", &["Asset"]),
            ("Product2", &["Product2"]),
        ],
    ),
    ("Campaign", &[("Parent", &["Campaign"])]),
    (
        "CampaignMember",
        &[
            ("Campaign", &["Campaign"]),
            ("Contact", &["Contact"]),
            ("Lead", &["Lead"]),
            ("LeadOrContact", &["Contact", "Lead"]),
        ],
    ),
    (
        "Case",
        &[("Account", &["Account"]), ("Contact", &["Contact"]), ("Parent", &["Case"]), ("Asset", &["Asset"])],
    ),
    ("CaseComment", &[("Parent", &["Case"])]),
    ("CaseHistory", &[("Case", &["Case"])]),
    ("CaseShare", &[("Case", &["Case"])]),
    (
        "Contact",
        &[
            ("Account", &["Account"]),
            ("ReportsTo", &["Contact"]),
            ("MasterRecord", &["Contact"]),
            ("Individual", &["Individual"]),
        ],
    ),
    ("ContactHistory", &[("Contact", &["Contact"])]),
    ("ContactShare", &[("Contact", &["Contact"])]),
    ("ContentDocumentLink", &[("ContentDocument", &["ContentDocument"])]),
    ("ContentVersion", &[("ContentDocument", &["ContentDocument"])]),
    ("Contract", &[("Account", &["Account"]), ("CustomerSigned", &["Contact"])]),
    ("Event", &[("Who", &["Contact", "Lead"]), ("Account", &["Account"])]),
    (
        "Lead",
        &[
            ("ConvertedAccount", &["Account"]),
            ("ConvertedContact", &["Contact"]),
            ("ConvertedOpportunity", &["Opportunity"]),
            ("MasterRecord", &["Lead"]),
            ("Individual", &["Individual"]),
        ],
    ),
    ("LeadHistory", &[("Lead", &["Lead"])]),
    ("LeadShare", &[("Lead", &["Lead"])]),
    ("Opportunity", &[("Account", &["Account"]), ("Contact", &["Contact"]), ("Campaign", &["Campaign"])]),
    ("OpportunityContactRole", &[("Opportunity", &["Opportunity"]), ("Contact", &["Contact"])]),
    ("OpportunityFieldHistory", &[("Opportunity", &["Opportunity"])]),
    ("OpportunityHistory", &[("Opportunity", &["Opportunity"])]),
    ("OpportunityLineItem", &[("Opportunity", &["Opportunity"]), ("Product2", &["Product2"])]),
    ("OpportunityShare", &[("Opportunity", &["Opportunity"])]),
    (
        "Order",
        &[
            ("Account", &["Account"]),
            ("Contract", &["Contract"]),
            ("BillToContact", &["Contact"]),
            ("ShipToContact", &["Contact"]),
        ],
    ),
    ("OrderItem", &[("Order", &["Order"]), ("Product2", &["Product2"])]),
    ("ServiceAppointment", &[("Account", &["Account"]), ("Contact", &["Contact"])]),
    ("Task", &[("Who", &["Contact", "Lead"]), ("Account", &["Account"])]),
    (
        "User",
        &[
            ("Account", &["Account"]),
            ("Contact", &["Contact"]),
            ("Manager", &["User"]),
            ("Profile", &["Profile"]),
            ("UserRole", &["UserRole"]),
        ],
    ),
    ("WorkOrder", &[("Account", &["Account"]), ("Contact", &["Contact"]), ("Case", &["Case"])]),
];

type Children = (&'static str, &'static [(&'static str, &'static str)]);

const CHILDREN: &[Children] = &[
    (
        "Account",
        &[
            ("AccountContactRelations", "AccountContactRelation"),
            ("AccountContactRoles", "AccountContactRole"),
            ("Assets", "Asset"),
            ("Cases", "Case"),
            ("ChildAccounts", "Account"),
            ("Contacts", "Contact"),
            ("Contracts", "Contract"),
            ("Events", "Event"),
            ("Histories", "AccountHistory"),
            ("Opportunities", "Opportunity"),
            ("Orders", "Order"),
            ("Shares", "AccountShare"),
            ("Tasks", "Task"),
        ],
    ),
    ("Campaign", &[("CampaignMembers", "CampaignMember"), ("Opportunities", "Opportunity")]),
    (
        "Case",
        &[
            ("CaseComments", "CaseComment"),
            ("Cases", "Case"),
            ("Events", "Event"),
            ("Histories", "CaseHistory"),
            ("Shares", "CaseShare"),
            ("Tasks", "Task"),
        ],
    ),
    (
        "Contact",
        &[
            ("AccountContactRelations", "AccountContactRelation"),
            ("AccountContactRoles", "AccountContactRole"),
            ("Assets", "Asset"),
            ("CampaignMembers", "CampaignMember"),
            ("Cases", "Case"),
            ("Events", "Event"),
            ("Histories", "ContactHistory"),
            ("OpportunityContactRoles", "OpportunityContactRole"),
            ("Shares", "ContactShare"),
            ("Tasks", "Task"),
        ],
    ),
    (
        "Lead",
        &[
            ("CampaignMembers", "CampaignMember"),
            ("Events", "Event"),
            ("Histories", "LeadHistory"),
            ("Shares", "LeadShare"),
            ("Tasks", "Task"),
        ],
    ),
    (
        "Opportunity",
        &[
            ("Events", "Event"),
            ("Histories", "OpportunityFieldHistory"),
            ("OpportunityContactRoles", "OpportunityContactRole"),
            ("OpportunityHistories", "OpportunityHistory"),
            ("OpportunityLineItems", "OpportunityLineItem"),
            ("Shares", "OpportunityShare"),
            ("Tasks", "Task"),
        ],
    ),
    ("Order", &[("OrderItems", "OrderItem")]),
];

/// Rows that are nothing without the row they belong to.
const BELONGING: &[(&str, &[&str])] = &[
    ("AccountContactRelation", &["Account", "Contact"]),
    ("AccountContactRole", &["Account", "Contact"]),
    ("AccountHistory", &["Account"]),
    ("AccountShare", &["Account"]),
    ("CampaignMember", &["Contact", "Lead"]),
    ("CaseComment", &["Parent"]),
    ("CaseHistory", &["Case"]),
    ("CaseShare", &["Case"]),
    ("ContactHistory", &["Contact"]),
    ("ContactShare", &["Contact"]),
    ("LeadHistory", &["Lead"]),
    ("LeadShare", &["Lead"]),
    ("OpportunityContactRole", &["Opportunity", "Contact"]),
    ("OpportunityFieldHistory", &["Opportunity"]),
    ("OpportunityHistory", &["Opportunity"]),
    ("OpportunityLineItem", &["Opportunity"]),
    ("OpportunityShare", &["Opportunity"]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Hidden, isolate};

    #[test]
    fn a_history_is_told_by_its_record() {
        let mut schema = Schema::standard();
        schema.set("Contact", Bearing::Fields);
        let isolated = isolate("SELECT NewValue FROM ContactHistory LIMIT 1", &Hidden::attested(), &schema);
        assert_eq!(
            isolated.unwrap().text,
            "SELECT NewValue FROM ContactHistory WHERE (ContactId = null OR (Contact.Eosin_Subject__c = null OR \
             Contact.Eosin_Subject__c NOT IN ('mixed', 'attested'))) LIMIT 1"
        );
    }

    #[test]
    fn a_describe_says_what_bears_and_where_lookups_lead() {
        let mut schema = Schema::standard();
        let describe = br#"{"name":"Visit__c","fields":[{"name":"acme__Eosin_Synthetic__c"},{"name":"acme__Eosin_Subject__c"},
            {"name":"JigsawId","relationshipName":"Jigsaw","referenceTo":[]},{"name":"Seen__c","relationshipName":"Seen__r","referenceTo":["Visit__c"]}],
            "childRelationships":[{"relationshipName":"Again__r","childSObject":"Visit__c"},{"relationshipName":null,"childSObject":"X"}]}"#;
        schema.learn(describe).unwrap();
        assert!(schema.is_described("visit__C"));
        let hidden = Hidden::attested().in_namespace("acme").unwrap();
        let isolated =
            isolate("SELECT JigsawId, Seen__r.Id, (SELECT Id FROM Again__r) FROM Visit__c", &hidden, &schema)
                .unwrap();
        assert_eq!(isolated.text.matches("acme__Eosin_Subject__c = null").count(), 3);
        assert!(schema.learn(b"[]").is_err());
    }
}

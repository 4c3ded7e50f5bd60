//! A local Salesforce-compatible org for demos, drills and tests.

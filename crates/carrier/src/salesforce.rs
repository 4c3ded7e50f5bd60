//! Salesforce: the REST routes that write, the records in their bodies, and answers in its own shape.

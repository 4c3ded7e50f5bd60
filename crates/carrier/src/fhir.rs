//! FHIR R4 JSON: where a mark rides in a resource and a Bundle.

//! Salesforce: the REST routes that write, the records in their bodies, and answers in its own shape.
//!
//! Start at [`route`] and [`read()`]; a request goes `route` → `read` → judged elsewhere → sent on, or [`read()`]'s
//! records refused. Source: spec/carriers.md section 2.

mod answer;
mod apex;
mod api;
mod asked;
mod batch;
mod batch_job;
mod batch_result;
mod beside;
mod bulk;
mod choose;
mod columns;
mod deploy;
mod door;
mod failed_rows;
mod fate;
mod field;
mod files;
mod foreign;
mod graphql;
mod id;
mod job;
mod listed;
mod look;
mod named;
mod nested;
mod place;
mod plan;
mod read;
mod record;
mod references;
mod report;
mod report_file;
mod report_run;
mod report_sheet;
mod report_table;
mod report_workbook;
mod report_writer;
mod result_rows;
mod row_parts;
mod sent_rows;
mod shown;
mod soap;
mod soap_asked;
mod soap_rows;
mod ui;
mod withhold;
mod xml_row;

use crate::span;

pub use answer::{error_at, problem_at, refuse, refuse_request};
pub use apex::{AnonymousApex, ApexMap, Doors, runs_anonymous_apex};
pub(crate) use apex::{mapped, pointed};
pub use api::{Api, Change};
pub use asked::{
    Inner, NamedRow, has_parameter, inner_requests, last_segment, named_row, parameter_names, parameters,
    query_job, query_target, soap_shows_rows, statement_of, text_member, told_member, version_of,
    with_inner_targets, with_parameter, with_statement, with_text_member,
};
pub use batch::{BulkV1, is_batch, is_bulk_rows, is_bulk_v1, route_by_job, unreadable_type};
pub use batch_job::{BatchFormat, BatchJob, batch_job_created};
pub use batch_result::{BatchRead, WithheldRows, batch_created, batch_read, count_refused};
pub(crate) use beside::{beside, labelled, none_beside};
pub(crate) use bulk::{header, hidden_label, row};
pub(crate) use choose::choose;
pub(crate) use columns::Columns;
pub use deploy::{soap_weakens, weakens};
pub(crate) use door::is_name;
pub use door::{Route, is_event, normal_target, route, route_at};
pub use failed_rows::untold_failures;
pub use fate::complete;
pub use field::{DATASET_OBJECT, identity_fields};
pub(crate) use field::{is_field_of_ours, label_of_column};
pub(crate) use files::{owned, records_in, without_labelled};
pub use foreign::{Foreign, Foreigns, Place, Scalar, foreign, with_ids};
pub use graphql::graphql_error;
pub use id::RecordId;
pub use job::{JOB_BYTES_MAX, Job, JobOfUpload, Operation, delimiter_named, job_created, job_of_upload};
pub use listed::{listed, without_listed};
pub use look::{
    Look, export_name, fills_form, is_file, is_graphql, is_rest, is_ui_list, look, tells_failures,
};
pub use named::{
    Renamed, named_in_body, named_in_rows, named_in_target, named_in_text, object_named, objects_named,
    renamed_back, renamed_body, renamed_rows, renamed_target, reworded, rows_named,
};
pub(crate) use nested::within;
pub(crate) use place::COLUMNS;
pub use place::{PlaceError, place, place_csv, place_file};
pub(crate) use read::read_line;
pub use read::{action, form_overrides, may_hide_method, read, read_file, read_typed};
pub(crate) use record::{is_ticked, other_cells, says_attested, says_subject_in_words, says_synthetic};
pub use references::{rows_taken, takes_unseen, with_references};
pub use report::{
    ReportAsk, ReportClosed, ReportConditions, ReportHides, ReportType, UsedLookup, report_ask,
    report_isolated, report_metadata, report_own,
};
pub use report_file::{
    NotReport, ReportChunk, ReportColumns, ReportFileAsk, ReportForm, ReportLeaving, ReportRows,
    report_file_ask, report_labels,
};
pub use report_run::{RunNotWritten, report_run_as_file};
pub(crate) use report_sheet::each_row as each_sheet_row;
pub(crate) use report_workbook::each_row as each_workbook_row;
pub use report_writer::{ReportUnwritten, ReportWriter};
pub(crate) use result_rows::rows_of_array;
pub use result_rows::{NotResults, ResultRows, ResultsIn, RowChunk};
pub use row_parts::{named_in_form, renamed_form};
pub use sent_rows::{batch_asked, result_ids, sent_rows};
pub use shown::{Gap, ShownRow, ShownRows, Stripped, Telling};
pub(crate) use soap::walk;
pub use soap::{Call, Edition, Soap, contents_of, route_by_body, soap_is_login, unreadable_call};
pub use soap_asked::{
    Envelope, SoapAsks, SoapSession, SoapTold, cut, replaced, soap_changes, soap_locator, soap_told,
};
pub use withhold::{merge, withhold};
pub(crate) use xml_row::{Dialect, row as xml_row};

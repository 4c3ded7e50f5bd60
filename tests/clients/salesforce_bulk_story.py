"""A day with salesforce-bulk, unmodified: Bulk API v1 in CSV, XML and JSON, in and out.

The library's own login only knows Salesforce's addresses; as CumulusCI does, the story gives it a session and a host.
"""

import csv
import io
import json
from xml.sax.saxutils import escape

import transcript
from asked import count, session
from salesforce_bulk import CsvDictsAdapter, SalesforceBulk
from transcript import setting

VERSION = "66.0"
ROWS = 300
SECONDS, PAUSE = 60, 0.1
SPACE = "http://www.force.com/2009/06/asyncapi/dataload"


def load(bulk, operation, rows, kind="CSV", external=None):
    """One job of one batch: how it ended, and each row's answer."""
    job = bulk.create_job("Contact", operation, contentType=kind, external_id_name=external)
    batch = bulk.post_batch(job, written(rows, kind))
    bulk.close_job(job)
    bulk.wait_for_batch(job, batch, timeout=SECONDS, sleep_interval=PAUSE)
    status = bulk.batch_status(batch, job, reload=True)
    results = [[one.id, one.success in (True, "true"), one.created in (True, "true"), one.error] for one in bulk.get_batch_results(batch, job)]
    kept = {name: status.get(name) for name in ("state", "numberRecordsProcessed", "numberRecordsFailed")}
    return {**kept, "job": bulk.job_status(job)["state"], "results": results}


def written(rows, kind):
    """Rows in the form that a batch of this kind has; CSV goes out in pieces, as the library's own adapter makes it."""
    if kind == "CSV":
        return CsvDictsAdapter(iter(rows))
    if kind == "JSON":
        return json.dumps(rows).encode()
    records = "".join("<sObject>" + "".join(f"<{name}>{escape(value)}</{name}>" for name, value in row.items()) + "</sObject>" for row in rows)
    return f'<?xml version="1.0" encoding="UTF-8"?><sObjects xmlns="{SPACE}">{records}</sObjects>'.encode()


def succeeded(answer, wanted):
    """Whether the job is done and each row ended as it should."""
    return answer["state"] == "Completed" and [row[1] for row in answer["results"]] == wanted


def read(bulk, soql, operation="query", kind="CSV"):
    """The rows of a query."""
    job = bulk.create_job("Contact", operation, contentType=kind)
    batch = bulk.query(job, soql)
    bulk.close_job(job)
    bulk.wait_for_batch(job, batch, timeout=SECONDS, sleep_interval=PAUSE)
    parts = [part.read().decode() for part in bulk.get_all_results_for_query_batch(batch, job)]
    if kind == "CSV":
        return [row for part in parts for row in csv.DictReader(io.StringIO(part))]
    return [row for part in parts for row in json.loads(part)] if kind == "JSON" else parts


def walk(t):
    """Everything that should work, on a boundary that refuses nothing."""
    bulk = SalesforceBulk(sessionId=session(), host=setting("URL_HTTP"), API_version=VERSION)
    people = [{"LastName": f"Old-{n:03}", "FirstName": "Zoë, \"Zo\"", "Email": f"old{n}@example.org", "External_Id__c": f"old-{n}"} for n in range(ROWS)]
    bad = {"LastName": "", "FirstName": "Nobody", "Email": "none@example.org", "External_Id__c": "bad-1"}
    t.step("insert CSV, one bad row", lambda: load(bulk, "insert", [*people, bad]), lambda answer: succeeded(answer, [True] * ROWS + [False]))
    for kind in ("XML", "JSON"):
        rows = [{"LastName": f"Old-{kind}-{n}", "Email": f"{kind.lower()}{n}@example.org", "Description": "a < b & c"} for n in range(3)] + [{"Email": "none@example.org"}]
        t.step(f"insert {kind}, one bad row", lambda rows=rows, kind=kind: load(bulk, "insert", rows, kind), lambda answer: succeeded(answer, [True] * 3 + [False]))
    for kind, first in (("CSV", ROWS - 2), ("XML", ROWS), ("JSON", ROWS + 2)):
        rows = [{"External_Id__c": f"old-{n}", "LastName": f"Old-{n:03}", "Title": "Dr"} for n in range(first, first + 4)]
        t.step("upsert " + kind, lambda rows=rows, kind=kind: load(bulk, "upsert", rows, kind, "External_Id__c"),
               lambda answer: succeeded(answer, [True] * 4) and [row[2] for row in answer["results"]] == [False] * 2 + [True] * 2)
    found = t.step("query CSV", lambda: read(bulk, "SELECT Id, FirstName, LastName, Title FROM Contact WHERE LastName LIKE 'Old-2%' ORDER BY LastName"),
                   lambda answer: len(answer) == 100 and answer[0]["FirstName"] == "Zoë, \"Zo\"" and answer[-1]["Title"] == "Dr")
    for kind, part in (("CSV", found[:5]), ("XML", found[5:10]), ("JSON", found[10:15])):
        rows = [{"Id": row["Id"], "Title": "Prof"} for row in part] + [{"Id": "003000000000000AAA", "Title": "Prof"}]
        t.step(f"update {kind}, one not there", lambda rows=rows, kind=kind: load(bulk, "update", rows, kind), lambda answer: succeeded(answer, [True] * 5 + [False]))
    t.step("query JSON", lambda: read(bulk, "SELECT LastName, Title FROM Contact WHERE Title = 'Prof' ORDER BY LastName", kind="JSON"), lambda answer: len(answer) == 15)
    t.step("query XML", lambda: read(bulk, "SELECT LastName, Title FROM Contact WHERE Title = 'Prof' ORDER BY LastName", kind="XML"),
           lambda answer: answer[0].count("<records") == 15)
    for kind, part in (("CSV", found[:5]), ("XML", found[5:10]), ("JSON", found[10:15])):
        t.step("delete " + kind, lambda part=part, kind=kind: load(bulk, "delete", [{"Id": row["Id"]} for row in part], kind), lambda answer: succeeded(answer, [True] * 5))
    t.step("query all, with what was deleted", lambda: sum(row["IsDeleted"] == "true" for row in read(
        bulk, "SELECT Id, IsDeleted FROM Contact WHERE Title = 'Prof'", "queryAll")), lambda answer: answer == 15)
    jobs(t, bulk)


def jobs(t, bulk):
    """Jobs of more than one batch, given up, and wrong."""
    job = bulk.create_insert_job("Contact", contentType="CSV", concurrency="Serial")
    batches = [bulk.post_batch(job, CsvDictsAdapter(iter([{"LastName": f"Old-Batch-{n}"}]))) for n in range(3)]
    bulk.close_job(job)
    for batch in batches:
        bulk.wait_for_batch(job, batch, timeout=SECONDS, sleep_interval=PAUSE)
    t.step("three batches", lambda: sorted(one["numberRecordsProcessed"] for one in bulk.get_batch_list(job)), lambda answer: answer == ["1"] * 3)
    clocked = ("totalProcessingTime", "apiActiveProcessingTime", "apexProcessingTime")
    t.step("their job", lambda: {name: value for name, value in bulk.job_status(job).items() if name not in clocked},
           lambda answer: [answer["state"], answer["numberBatchesCompleted"], answer["numberRecordsProcessed"]] == ["Closed", "3", "3"])
    given_up = bulk.create_insert_job("Contact", contentType="CSV")
    t.step("a job that is given up", lambda: [bulk.abort_job(given_up), bulk.job_state(given_up)], lambda answer: answer[1] == "Aborted")
    t.step("a query that is malformed", lambda: read(bulk, "SELECT Nonsense__c FROM Contact"), lambda answer: answer["raised"] == "BulkBatchFailed")
    t.step("a job of no such object", lambda: bulk.create_insert_job("Nonsense__c"), lambda answer: answer["raised"] == "BulkApiError")
    t.step("a job that is not there", lambda: bulk.job_status("750000000000000AAA"), lambda answer: answer["raised"] == "BulkApiError")
    stranger = SalesforceBulk(sessionId="00D000000000001!nobody", host=setting("URL_HTTP"), API_version=VERSION)
    t.step("without a session", lambda: stranger.create_insert_job("Contact"), lambda answer: "InvalidSessionId" in answer["text"])


def refused(t):
    """Rows that a strict boundary does not let pass, as this client's user sees them."""
    given = session()
    bulk = SalesforceBulk(sessionId=given, host=setting("URL_HTTP"), API_version=VERSION)
    rows = [{"LastName": f"Unmarked-Example-{n}", "Email": f"unmarked{n}@example.org", "External_Id__c": f"refused-{n}"} for n in range(2)]
    says = lambda answer: "EOSIN_BLOCKED" in json.dumps(answer) and not any(row[1] for row in answer.get("results", []))
    for kind in ("CSV", "XML", "JSON"):
        t.step("refused: insert " + kind, lambda kind=kind: load(bulk, "insert", rows, kind), says)
    t.step("refused: upsert CSV", lambda: load(bulk, "upsert", rows, "CSV", "External_Id__c"), says)
    t.step("nothing arrived", lambda: count(given, "LastName LIKE 'Unmarked-Example%'"), lambda answer: answer == 0)


def table():
    """The marked table that the harness left, and the row of its dataset."""
    with open(setting("TABLE"), encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with open(setting("TABLE_DATASET"), encoding="utf-8") as file:
        dataset = json.load(file)
    named = rows[0]["Eosin_Dataset__r.Eosin_Dataset_Id__c"]
    return rows, {"Eosin_Dataset_Id__c": named, "Name": "Client table", "Eosin_Manifest__c": json.dumps(dataset["manifest"]), "Eosin_Receipt__c": json.dumps(dataset["receipts"])}


def marked(t):
    """Loads a table that `eosin mark` left, as it is, into a sandbox."""
    given = session()
    bulk = SalesforceBulk(sessionId=given, host=setting("URL_HTTP"), API_version=VERSION)
    rows, dataset = table()

    def add():
        job = bulk.create_upsert_job("Eosin_Dataset__c", "Eosin_Dataset_Id__c", contentType="CSV")
        batch = bulk.post_batch(job, CsvDictsAdapter(iter([dataset])))
        bulk.close_job(job)
        bulk.wait_for_batch(job, batch, timeout=SECONDS, sleep_interval=PAUSE)
        return [one.success for one in bulk.get_batch_results(batch, job)]

    t.step("the table's dataset", add, lambda answer: answer == ["true"])
    t.step("load of the marked table", lambda: load(bulk, "insert", rows), lambda answer: succeeded(answer, [True] * len(rows)))
    t.step("all arrived, with their marks", lambda: count(given, "Eosin_Synthetic__c = true AND Eosin_Mark_Id__c != null"), lambda answer: answer == len(rows))
    flipped = dict(rows[2])
    flipped["Eosin_Mark__c"] = flipped["Eosin_Mark__c"][:-8] + ("A" if flipped["Eosin_Mark__c"][-8] != "A" else "B") + flipped["Eosin_Mark__c"][-7:]
    t.step("refused: a mark with a flipped bit, between others", lambda: load(bulk, "insert", [rows[0], flipped, rows[1]]),
           lambda answer: succeeded(answer, [True, False, True]) and "EOSIN_BLOCKED" in answer["results"][1][3])


def marked_refused(t):
    """The same table at the door of production."""
    given = session()
    bulk = SalesforceBulk(sessionId=given, host=setting("URL_HTTP"), API_version=VERSION)
    rows, _ = table()
    t.step("refused: synthetic rows in production", lambda: load(bulk, "insert", rows), lambda answer: answer["raised"] == "BulkApiError" and "EOSIN_BLOCKED" in answer["text"])
    t.step("nothing arrived", lambda: count(given, "Eosin_Synthetic__c = true"), lambda answer: answer == 0)


if __name__ == "__main__":
    transcript.run({"walk": walk, "refused": refused, "marked": marked, "marked_refused": marked_refused})
